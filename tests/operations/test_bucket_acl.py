import pytest

from emulator.config import Auth, ConfiguredBucket
from emulator.model import Acl
from tests.client import OssClient
from tests.conftest import MakeOss


async def grant(oss: OssClient) -> list[str]:
    return (await oss.request("GET", "/examplebucket?acl")).texts("AccessControlList/Grant")


@pytest.mark.parametrize("acl", ["private", "public-read", "public-read-write"])
async def test_put_bucket_acl_is_read_back(oss: OssClient, acl: str):
    answer = await oss.request("PUT", "/examplebucket?acl", headers={"x-oss-acl": acl})
    assert (answer.status, answer.headers["location"], answer.body) == (200, "/examplebucket", b"")
    assert await grant(oss) == [acl]


async def test_put_bucket_acl_without_the_header_changes_nothing(oss: OssClient):
    await oss.request("PUT", "/examplebucket?acl", headers={"x-oss-acl": "public-read"})
    assert (await oss.request("PUT", "/examplebucket?acl")).status == 200
    assert await grant(oss) == ["public-read"]


@pytest.mark.parametrize("acl", ["default", "public", ""])
async def test_put_bucket_acl_with_an_unknown_one_is_refused(oss: OssClient, acl: str):
    answer = await oss.request("PUT", "/examplebucket?acl", headers={"x-oss-acl": acl})
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert answer.message == "no such bucket access control exists"
    assert (answer.texts("ArgumentName"), answer.texts("ArgumentValue")) == (["x-oss-acl"], [acl])
    assert answer.texts("EC") == ["0015-00000204"]
    assert await grant(oss) == ["private"]


async def test_put_bucket_acl_makes_no_bucket(oss: OssClient):
    answer = await oss.request("PUT", "/missing-bucket?acl", headers={"x-oss-acl": "private"})
    assert (answer.status, answer.code) == (404, "NoSuchBucket")


async def test_get_bucket_acl_names_the_owner(oss: OssClient):
    answer = await oss.request("GET", "/examplebucket?acl")
    assert (answer.texts("Owner/ID"), answer.texts("Owner/DisplayName")) == (["1234567890123456"], ["1234567890123456"])


async def test_the_acl_of_a_public_bucket_is_not_for_anonymous_clients(make_oss: MakeOss):
    oss = await make_oss(auth=Auth(), buckets=(ConfiguredBucket(name="examplebucket", acl=Acl.PUBLIC_READ_WRITE),))
    assert (await oss.request("PUT", "/examplebucket/a", body="x")).status == 200
    assert (await oss.request("GET", "/examplebucket?acl")).status == 403
    assert (await oss.request("PUT", "/examplebucket?acl", headers={"x-oss-acl": "private"})).status == 403
