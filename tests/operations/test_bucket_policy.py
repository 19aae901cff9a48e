import base64
import hashlib
import json
import logging
from typing import Any
from urllib.parse import unquote

import pytest

from emulator.config import AccessKey, Auth, ConfiguredBucket, Server
from emulator.model import Acl
from tests.client import OssClient, Response
from tests.conftest import HeldClock, MakeOss
from tests.forms import form, post
from tests.signing import SigningClient

KEY = AccessKey(id="emulator", secret="emulator-secret")
OTHER_KEY = AccessKey(id="other", secret="other-secret")
ACCOUNT = Auth().account_id
READ = {
    "Effect": "Allow",
    "Principal": ["*"],
    "Action": ["oss:GetObject"],
    "Resource": ["acs:oss:*:*:examplebucket/public/*"],
}
DENIED = "Access denied by bucket policy."
BUCKET_ACL = "You have no right to access this object because of bucket acl."


@pytest.fixture
async def anonymous(make_oss: MakeOss) -> OssClient:
    """A client who does not sign, of an emulator that verifies signatures."""
    return await make_oss(auth=Auth(keys=(KEY, OTHER_KEY)))


@pytest.fixture
def owner(anonymous: OssClient) -> SigningClient:
    return SigningClient(anonymous.emulator, KEY)


def policy(*statements: dict[str, Any]) -> str:
    """A policy; each statement has what it does not name from `READ`."""
    return json.dumps({"Version": "1", "Statement": [{**READ, **statement} for statement in statements]})


async def set_policy(owner: OssClient, *statements: dict[str, Any]) -> None:
    response = await owner.request("PUT", "/examplebucket?policy", body=policy(*statements))
    assert response.status == 200, response.body


def assert_denied(response: Response, message: str = DENIED, ec: str | None = "0003-00000101") -> None:
    assert (response.status, response.code, response.message) == (403, "AccessDenied", message)
    assert response.xml.findtext("EC") == ec


# --- The document ---------------------------------------------------------------------------------------------------


async def test_policy_is_given_back_byte_for_byte(oss: OssClient) -> None:
    text = policy({}).replace(", ", " ,\n\t") + "\n "
    digest = base64.b64encode(hashlib.md5(text.encode()).digest()).decode()
    put = await oss.request("PUT", "/examplebucket?policy", headers={"Content-MD5": digest}, body=text)
    assert (put.status, put.body) == (200, b"")
    got = await oss.request("GET", "/examplebucket?policy")
    assert (got.status, got.headers["content-type"], got.body) == (200, "application/json", text.encode())


async def test_bucket_without_a_policy_answers_no_such_bucket_policy(oss: OssClient) -> None:
    response = await oss.request("GET", "/examplebucket?policy")
    assert (response.status, response.code) == (404, "NoSuchBucketPolicy")
    assert response.message == "The specified bucket policy does not exist."
    assert response.texts("BucketName") == ["examplebucket"]


async def test_deleted_policy_is_gone_and_deleting_none_is_no_error(oss: OssClient) -> None:
    await set_policy(oss, {})
    assert (await oss.request("DELETE", "/examplebucket?policy")).status == 204
    assert (await oss.request("GET", "/examplebucket?policy")).code == "NoSuchBucketPolicy"
    assert (await oss.request("DELETE", "/examplebucket?policy")).status == 204


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_policy_of_a_missing_bucket_answers_no_such_bucket(oss: OssClient, method: str) -> None:
    response = await oss.request(method, "/missing-bucket?policy", body=policy({}) if method == "PUT" else None)
    assert (response.status, response.code) == (404, "NoSuchBucket")


async def test_what_is_no_policy_is_refused_and_the_old_one_stays(oss: OssClient) -> None:
    await set_policy(oss, {})
    for body, message in [
        ("", "Invalid Policy: Invalid JSON"),
        ('{"Version": "1"}', "Invalid Policy: Statement must be a list."),
        (b"\xff", "Invalid Policy."),
        (policy({"Resource": "acs:oss:*:*:other/*"}), "Invalid Policy: Resource acs:oss:*:*:other/* is not of this"),
        (policy({"Resource": "examplebucket/*"}), "Invalid Policy: Resource examplebucket/* is not of this bucket."),
        (policy({"Resource": "acs:oss:examplebucket"}), "Invalid Policy: Resource acs:oss:examplebucket is not of"),
    ]:
        response = await oss.request("PUT", "/examplebucket?policy", body=body)
        assert (response.status, response.code) == (400, "InvalidPolicyDocument")
        assert (response.message or "").startswith(message)
        assert response.headers["x-emulator-hint"]
    assert (await oss.request("GET", "/examplebucket?policy")).body == policy({}).encode()


async def test_policy_has_sixteen_kibibytes_at_most(oss: OssClient) -> None:
    text = policy({})
    assert (await oss.request("PUT", "/examplebucket?policy", body=text + " " * (16384 - len(text)))).status == 200
    response = await oss.request("PUT", "/examplebucket?policy", body=text + " " * (16385 - len(text)))
    assert (response.status, response.code) == (400, "InlineDataTooLarge")


async def test_wrong_digest_is_refused(oss: OssClient) -> None:
    headers = {"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}
    response = await oss.request("PUT", "/examplebucket?policy", headers=headers, body=policy({}))
    assert (response.status, response.code) == (400, "InvalidDigest")


async def test_condition_that_cannot_be_judged_is_not_accepted(oss: OssClient) -> None:
    text = policy({"Condition": {"StringEquals": {"acs:SourceVpc": ["vpc-1"]}}})
    response = await oss.request("PUT", "/examplebucket?policy", body=text)
    assert (response.status, response.code) == (501, "NotImplemented")
    assert response.message == "The condition key acs:SourceVpc is not implemented by the emulator."


async def test_what_fits_nothing_here_is_said_in_the_log(oss: OssClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    await set_policy(
        oss,
        {"Action": ["oss:GetObjekt", "oss:GetObjectVersion"]},
        {"Principal": ["20214760404935xxxx", "20214760404935"], "Resource": ["acs:oss:*:99:examplebucket/*"]},
    )
    assert "statement 1: no operation asks for the action oss:getobjekt" in caplog.text
    assert "statement 2: the principal 20214760404935 is nobody here" in caplog.text
    assert f"is of the account 99; this is {ACCOUNT} (auth.account_id)" in caplog.text
    assert len(caplog.records) == 3


@pytest.mark.parametrize(
    ("statement", "is_public"), [(None, "false"), (READ, "true"), ({**READ, "Principal": [ACCOUNT]}, "false")]
)
async def test_policy_status(oss: OssClient, statement: dict[str, Any] | None, is_public: str) -> None:
    if statement:
        await set_policy(oss, statement)
    response = await oss.request("GET", "/examplebucket?policyStatus")
    assert response.body.decode() == (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<PolicyStatus>\n  <IsPublic>{is_public}</IsPublic>\n</PolicyStatus>\n'
    )


async def test_policy_survives_a_restart(make_oss: MakeOss, oss: OssClient) -> None:
    await set_policy(oss, {})
    await oss.emulator.stop()
    again = await make_oss()
    assert (await again.request("GET", "/examplebucket?policy")).body == policy({}).encode()


# --- Who did not sign -----------------------------------------------------------------------------------------------


async def test_allow_opens_a_private_bucket_to_anybody(anonymous: OssClient, owner: SigningClient) -> None:
    for key in ("public/a.txt", "private/a.txt"):
        await owner.put(key, "hello", x_oss_object_acl="private")
    assert_denied(
        await anonymous.get("public/a.txt"), "You do not have read permission on this object.", "0003-00000005"
    )
    await set_policy(owner, {})
    assert (await anonymous.get("public/a.txt")).body == b"hello"
    assert (await anonymous.request("HEAD", "/examplebucket/public/a.txt")).status == 200
    refused = await anonymous.get("private/a.txt")
    assert refused.status == 403
    assert (
        "Of the bucket's policy, none of its statements allows oss:GetObject on "
        "acs:oss:cn-hangzhou:1234567890123456:examplebucket/private/a.txt; statement 1 has Resource"
    ) in unquote(refused.headers["x-emulator-hint"])
    assert (await anonymous.put("public/a.txt", "other")).status == 403


async def test_allow_opens_listings_under_a_prefix(anonymous: OssClient, owner: SigningClient) -> None:
    await owner.put("public/a.txt")
    await set_policy(
        owner,
        {
            "Action": "oss:ListObjects",
            "Resource": "acs:oss:*:*:examplebucket",
            "Condition": {"StringLike": {"oss:Prefix": "public/*"}},
        },
    )
    for version in ("", "list-type=2&"):
        listing = await anonymous.request("GET", f"/examplebucket?{version}prefix=public/")
        assert listing.texts("Contents/Key") == ["public/a.txt"]
        assert (await anonymous.request("GET", f"/examplebucket?{version}prefix=publi")).status == 403
    assert (await anonymous.request("GET", "/examplebucket")).status == 403


async def test_allow_opens_every_way_of_uploading(anonymous: OssClient, owner: SigningClient) -> None:
    await set_policy(owner, {"Action": ["oss:PutObject", "oss:ListParts", "oss:AbortMultipartUpload"]})
    assert (await anonymous.put("public/a", "a")).status == 200
    assert (await anonymous.request("POST", "/examplebucket/public/b?append&position=0", body="b")).status == 200
    assert (await post(anonymous, form({"key": "public/c"}, b"c"))).status == 204
    begun = await anonymous.request("POST", "/examplebucket/public/d?uploads")
    upload = begun.xml.findtext("UploadId")
    target = f"/examplebucket/public/d?uploadId={upload}"
    part = await anonymous.request("PUT", f"{target}&partNumber=1", body="d")
    assert (await anonymous.request("GET", target)).texts("Part/PartNumber") == ["1"]
    etag = part.headers["etag"]
    parts = (
        f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
    )
    assert (await anonymous.request("POST", target, body=parts)).status == 200
    for key in ("a", "b", "c", "d"):
        assert (await owner.get(f"public/{key}")).body == key.encode()
    for response in (
        await anonymous.put("a"),
        await anonymous.request("POST", "/examplebucket/b?append&position=0", body="b"),
        await post(anonymous, form({"key": "c"}, b"c")),
        await anonymous.request("POST", "/examplebucket/d?uploads"),
    ):
        assert_denied(response, BUCKET_ACL, "0003-00000001")


async def test_copying_asks_for_the_source_too(anonymous: OssClient, owner: SigningClient) -> None:
    await owner.put("public/a", "a")
    await owner.put("secret", "secret")
    await set_policy(owner, {"Action": ["oss:GetObject", "oss:PutObject"]})
    source = {"x-oss-copy-source": "/examplebucket/public/a"}
    assert (await anonymous.request("PUT", "/examplebucket/public/b", headers=source)).status == 200
    source = {"x-oss-copy-source": "/examplebucket/secret"}
    assert_denied(
        await anonymous.request("PUT", "/examplebucket/public/b", headers=source), BUCKET_ACL, "0003-00000001"
    )


async def test_deleting_many_asks_for_each_key(anonymous: OssClient, owner: SigningClient) -> None:
    for key in ("public/a", "b"):
        await owner.put(key)
    await set_policy(owner, {"Action": "oss:DeleteObject"})

    async def delete(*keys: str) -> Response:
        objects = "".join(f"<Object><Key>{key}</Key></Object>" for key in keys)
        return await anonymous.request("POST", "/examplebucket?delete", body=f"<Delete>{objects}</Delete>")

    assert_denied(await delete("public/a", "b"), BUCKET_ACL, "0003-00000001")
    assert (await owner.get("public/a")).status == 200, "nothing is deleted of a request that is refused"
    assert (await delete("public/a", "public/missing")).status == 200
    assert (await owner.get("public/a")).status == 404


async def test_deny_goes_before_a_public_acl(make_oss: MakeOss) -> None:
    buckets = (ConfiguredBucket(name="examplebucket", acl=Acl.PUBLIC_READ_WRITE),)
    anonymous = await make_oss(auth=Auth(keys=(KEY,)), buckets=buckets)
    await anonymous.put("public/a.txt", "hello")
    await set_policy(SigningClient(anonymous.emulator, KEY), {"Effect": "Deny"})
    response = await anonymous.get("public/a.txt")
    assert_denied(response)
    assert "denies oss:GetObject: statement 1, {" in unquote(response.headers["x-emulator-hint"])


async def test_behind_a_proxy_tls_is_what_the_client_spoke(make_oss: MakeOss) -> None:
    anonymous = await make_oss(auth=Auth(keys=(KEY,)), server=Server(host="127.0.0.1", port=0, trust_forwarded=True))
    owner = SigningClient(anonymous.emulator, KEY)
    await owner.put("public/a.txt")
    await set_policy(owner, {"Condition": {"Bool": {"acs:SecureTransport": "true"}}})
    for scheme, status in (("http", 403), ("https", 200)):
        assert (await anonymous.get("public/a.txt", X_Forwarded_Proto=scheme)).status == status


@pytest.mark.parametrize(
    ("condition", "headers", "status"),
    [
        ({"IpAddress": {"acs:SourceIp": ["127.0.0.0/8"]}}, {}, 200),
        ({"NotIpAddress": {"acs:SourceIp": ["127.0.0.0/8"]}}, {}, 403),
        ({"StringLike": {"acs:Referer": ["http://*.test/*"]}}, {"Referer": "http://a.test/"}, 200),
        ({"StringLike": {"acs:Referer": ["http://*.test/*"]}}, {"Referer": "http://a.example/"}, 403),
        ({"Bool": {"acs:SecureTransport": "true"}}, {}, 403),
        ({"StringEquals": {"acs:UserAgent": "curl"}}, {"User-Agent": "curl"}, 200),
    ],
)
async def test_conditions_are_judged(
    anonymous: OssClient, owner: SigningClient, condition: dict[str, Any], headers: dict[str, str], status: int
) -> None:
    await owner.put("public/a.txt")
    await set_policy(owner, {"Condition": condition})
    response = await anonymous.request("GET", "/examplebucket/public/a.txt", headers=headers)
    assert response.status == status


async def test_permission_ends_by_the_emulator_s_clock(make_oss: MakeOss, clock: HeldClock) -> None:
    anonymous = await make_oss(clock, auth=Auth(keys=(KEY,)))
    owner = SigningClient(anonymous.emulator, KEY)
    await owner.put("public/a.txt")
    await set_policy(owner, {"Condition": {"DateLessThan": {"acs:CurrentTime": "2024-06-01T13:00:00Z"}}})
    assert (await anonymous.get("public/a.txt")).status == 200
    clock.step(3600)
    assert (await anonymous.get("public/a.txt")).status == 403


# --- The owner ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("principal", ["*", ACCOUNT])
async def test_deny_holds_for_all_keys_of_the_owner(anonymous: OssClient, owner: SigningClient, principal: str) -> None:
    await owner.put("public/a.txt")
    await set_policy(owner, {"Effect": "Deny", "Principal": [principal]})
    for key in (KEY, OTHER_KEY):
        response = await SigningClient(anonymous.emulator, key).get("public/a.txt")
        assert_denied(response)
        assert "The owner's keys can still replace or delete the policy" in unquote(response.headers["x-emulator-hint"])


async def test_deny_of_tagging_holds_for_uploads_with_tags(owner: SigningClient) -> None:
    await set_policy(owner, {"Effect": "Deny", "Action": "oss:PutObjectTagging"})
    assert (await owner.put("public/a.txt")).status == 200
    assert_denied(await owner.put("public/a.txt", x_oss_tagging="a=b"))


async def test_deny_of_somebody_else_is_not_the_owner_s(owner: SigningClient) -> None:
    await owner.put("public/a.txt")
    await set_policy(owner, {"Effect": "Deny", "Principal": ["20214760404935"]})
    assert (await owner.get("public/a.txt")).status == 200


async def test_owner_who_is_locked_out_can_take_the_policy_back(owner: SigningClient) -> None:
    everything = ["acs:oss:*:*:examplebucket", "acs:oss:*:*:examplebucket/*"]
    await set_policy(owner, {"Effect": "Deny", "Action": "oss:*", "Resource": everything})
    assert_denied(await owner.request("GET", "/examplebucket"))
    assert_denied(await owner.request("DELETE", "/examplebucket"))
    assert (await owner.request("GET", "/examplebucket?policy")).status == 200
    assert (await owner.request("DELETE", "/examplebucket?policy")).status == 204
    assert (await owner.request("GET", "/examplebucket")).status == 200


async def test_buckets_without_a_policy_are_as_they_were(make_oss: MakeOss) -> None:
    anonymous = await make_oss(auth=Auth(keys=(KEY,)), buckets=("examplebucket", "otherbucket"))
    owner = SigningClient(anonymous.emulator, KEY)
    await set_policy(owner, {"Effect": "Deny", "Action": "oss:*"})
    assert (await owner.request("PUT", "/otherbucket/public/a.txt", body="a")).status == 200
    assert (await anonymous.request("GET", "/otherbucket/public/a.txt")).message == BUCKET_ACL
