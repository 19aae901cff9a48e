import pytest

from emulator.config import Auth
from tests.client import OssClient
from tests.conftest import MakeOss


async def grant(oss: OssClient) -> list[str]:
    return (await oss.request("GET", "/examplebucket/a?acl")).texts("AccessControlList/Grant")


async def test_an_object_has_the_acl_of_its_bucket_until_it_gets_its_own(oss: OssClient):
    await oss.put("a", "hello", x_oss_meta_owner="me")
    assert await grant(oss) == ["default"]
    before = await oss.request("HEAD", "/examplebucket/a")
    answer = await oss.request("PUT", "/examplebucket/a?acl", headers={"x-oss-object-acl": "public-read"})
    assert (answer.status, answer.body) == (200, b"")
    assert await grant(oss) == ["public-read"]
    after = await oss.get("a")
    assert after.body == b"hello"
    for name in ("etag", "last-modified", "x-oss-meta-owner", "content-type"):
        assert after.headers[name] == before.headers[name]


async def test_an_acl_given_with_the_upload_goes_with_the_next_upload(oss: OssClient):
    await oss.put("a", x_oss_object_acl="private")
    assert await grant(oss) == ["private"]
    await oss.put("a")
    assert await grant(oss) == ["default"]


@pytest.mark.parametrize(("headers", "ec"), [({"x-oss-object-acl": "public"}, "0017-00000104"), ({}, "0017-00000105")])
async def test_put_object_acl_with_an_unknown_one_is_refused(oss: OssClient, headers: dict[str, str], ec: str):
    await oss.put("a")
    answer = await oss.request("PUT", "/examplebucket/a?acl", headers=headers)
    assert (answer.status, answer.code, answer.texts("EC")) == (400, "InvalidArgument", [ec])
    assert answer.texts("ArgumentName") == ["x-oss-object-acl"]


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        pytest.param("/examplebucket/missing?acl", 404, "NoSuchKey", id="missing key"),
        pytest.param("/missing-bucket/a?acl", 404, "NoSuchBucket", id="missing bucket"),
        pytest.param("/examplebucket//a?acl", 400, "InvalidObjectName", id="leading slash"),
        pytest.param("/examplebucket/a?acl&versionId=234", 400, "InvalidArgument", id="no version id"),
    ],
)
async def test_the_acl_of_nothing(oss: OssClient, method: str, target: str, status: int, code: str):
    answer = await oss.request(method, target, headers={"x-oss-object-acl": "private"})
    assert (answer.status, answer.code) == (status, code)


async def test_a_public_object_in_a_private_bucket_is_for_everybody_its_acl_is_not(make_oss: MakeOss):
    trusting = await make_oss()
    await trusting.put("a", "hello", x_oss_object_acl="public-read")
    await trusting.put("b", "hello")
    await trusting.emulator.stop()
    oss = await make_oss(auth=Auth())
    assert (await oss.get("a")).body == b"hello"
    assert (await oss.get("b")).status == 403
    assert (await oss.request("GET", "/examplebucket/a?acl")).status == 403
