"""The public access block of a bucket, where somebody has put it: what can no longer be opened, and what closes."""

import json
from urllib.parse import unquote

import pytest

from emulator.config import AccessKey, Auth
from tests.client import OssClient, Response
from tests.conftest import MakeOss
from tests.forms import form, post, signed_v4
from tests.signing import SigningClient

KEY = AccessKey(id="emulator", secret="emulator-secret")
TARGET = "/examplebucket?publicAccessBlock"
OBJECT_ACL = "Put public object acl is not allowed"


@pytest.fixture
async def anonymous(make_oss: MakeOss) -> OssClient:
    return await make_oss(auth=Auth(keys=(KEY,)))


@pytest.fixture
def owner(anonymous: OssClient) -> SigningClient:
    return SigningClient(anonymous.emulator, KEY)


async def block(owner: OssClient, switch: str = "true") -> None:
    element = f"<BlockPublicAccess>{switch}</BlockPublicAccess>"
    document = f"<PublicAccessBlockConfiguration>{element}</PublicAccessBlockConfiguration>"
    assert (await owner.request("PUT", TARGET, body=document)).status == 200


def policy(**changes: object) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "oss:GetObject",
        "Resource": "acs:oss:*:*:examplebucket/*",
    }
    return json.dumps({"Version": "1", "Statement": [{**statement, **changes}]})


def assert_refused(response: Response, message: str, ec: str | None = None) -> None:
    assert (response.status, response.code, response.message) == (403, "AccessDenied", message)
    assert response.xml.findtext("EC") == ec
    assert "The public access block of the bucket examplebucket is on" in unquote(response.headers["x-emulator-hint"])


@pytest.mark.parametrize("acl", ["public-read", "public-read-write"])
async def test_no_public_acl_can_be_put(anonymous: OssClient, owner: SigningClient, acl: str) -> None:
    await owner.put("a.txt")
    begun = await owner.request("POST", "/examplebucket/b?uploads")
    upload = begun.xml.findtext("UploadId")
    await block(owner)
    for target in ("/examplebucket?acl", "/examplebucket"):
        response = await owner.request("PUT", target, headers={"x-oss-acl": acl})
        assert_refused(response, "Put public bucket acl is not allowed")
    headers = {"x-oss-object-acl": acl}
    for method, target, more in (
        ("PUT", "/examplebucket/a.txt?acl", {}),
        ("PUT", "/examplebucket/a.txt", {}),
        ("PUT", "/examplebucket/c.txt", {"x-oss-copy-source": "/examplebucket/a.txt"}),
        ("POST", "/examplebucket/d?append&position=0", {}),
        ("POST", "/examplebucket/d?uploads", {}),
        ("POST", f"/examplebucket/b?uploadId={upload}", {}),
    ):
        response = await owner.request(method, target, headers={**headers, **more}, body="")
        assert_refused(response, OBJECT_ACL, "0016-00000901")
    fields = {"key": "e", "x-oss-object-acl": acl, **signed_v4(KEY, owner.emulator.clock.now())}
    assert_refused(await post(anonymous, form(fields)), OBJECT_ACL, "0016-00000901")
    assert (await owner.request("PUT", "/examplebucket?acl", headers={"x-oss-acl": "private"})).status == 200
    assert (await owner.put("a.txt", x_oss_object_acl="private")).status == 200


async def test_no_public_policy_can_be_put(owner: SigningClient) -> None:
    await block(owner)
    response = await owner.request("PUT", "/examplebucket?policy", body=policy())
    assert_refused(response, "Put public bucket policy is not allowed")
    for harmless in (
        policy(Effect="Deny"),
        policy(Principal=["20214760404935"]),
        policy(Condition={"IpAddress": {"acs:SourceIp": "10.0.0.0/8"}}),
    ):
        assert (await owner.request("PUT", "/examplebucket?policy", body=harmless)).status == 200


async def test_what_was_public_before_is_so_no_longer_and_again_once_the_block_is_gone(
    anonymous: OssClient, owner: SigningClient
) -> None:
    await owner.put("a.txt", "hello", x_oss_object_acl="public-read")
    await owner.request("PUT", "/examplebucket?policy", body=policy(Resource="acs:oss:*:*:examplebucket/b*"))
    await owner.put("b.txt", "hello")
    for key in ("a.txt", "b.txt"):
        assert (await anonymous.get(key)).body == b"hello"
    await block(owner)
    for key in ("a.txt", "b.txt"):
        response = await anonymous.get(key)
        assert (response.status, response.code) == (403, "AccessDenied")
        assert "is on: public ACLs and policies do not count" in unquote(response.headers["x-emulator-hint"])
        assert (await owner.get(key)).body == b"hello"
    await block(owner, "false")
    assert (await anonymous.get("a.txt")).status == 200
    await block(owner)
    assert (await owner.request("DELETE", TARGET)).status == 204
    for key in ("a.txt", "b.txt"):
        assert (await anonymous.get(key)).status == 200


async def test_policy_for_certain_addresses_lets_in_all_the_same(anonymous: OssClient, owner: SigningClient) -> None:
    await owner.put("a.txt", "hello")
    await block(owner)
    local = policy(Condition={"IpAddress": {"acs:SourceIp": "127.0.0.0/8"}})
    assert (await owner.request("PUT", "/examplebucket?policy", body=local)).status == 200
    assert (await anonymous.get("a.txt")).body == b"hello"


async def test_new_bucket_takes_public_acls(anonymous: OssClient, owner: SigningClient) -> None:
    assert (await owner.request("PUT", "/new-bucket", headers={"x-oss-acl": "public-read"})).status == 200
    info = await owner.request("GET", "/new-bucket?bucketInfo")
    assert info.texts("Bucket/BlockPublicAccess") == ["true"]
    assert (await anonymous.request("GET", "/new-bucket/missing")).status == 404
