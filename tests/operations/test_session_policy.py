"""What a key from AssumeRole may do: what its session policy allows, in every operation, and nothing else."""

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

import pytest

from emulator.config import AccessKey, Auth
from tests.client import OssClient, Response
from tests.conftest import MakeOss
from tests.forms import form, post, signed_v4
from tests.image.pictures import picture
from tests.operations.test_process_image import encoded
from tests.signing import SigningClient

KEY = AccessKey(id="emulator", secret="emulator-secret")
DENIED = "Access denied by authorizer's policy."
UPLOAD = {
    "Effect": "Allow",
    "Action": ["oss:PutObject", "oss:AbortMultipartUpload", "oss:ListParts"],
    "Resource": "acs:oss:*:*:examplebucket/up/*",
}

MakeSession = Callable[..., Awaitable[SigningClient]]


@pytest.fixture
async def owner(make_oss: MakeOss) -> SigningClient:
    oss = await make_oss(auth=Auth(keys=(KEY,)), buckets=("examplebucket", "otherbucket"))
    return SigningClient(oss.emulator, KEY)


@pytest.fixture
def make_session(owner: SigningClient) -> MakeSession:
    """Makes clients with a temporary key whose policy has these statements; without any, a key without a policy."""

    async def make(*statements: dict[str, Any]) -> SigningClient:
        policy = {"policy": {"Version": "1", "Statement": statements}} if statements else {}
        plain = OssClient(owner.emulator)
        given = json.loads((await plain.request("POST", "/_emulator/sts", body=json.dumps(policy))).body)
        key = AccessKey(id=given["AccessKeyId"], secret=given["AccessKeySecret"], token=given["SecurityToken"])
        return SigningClient(owner.emulator, key)

    return make


def assert_denied(
    response: Response, *, hint: str = "the policy that was given to AssumeRole does not allow it"
) -> None:
    assert (response.status, response.code, response.message) == (403, "AccessDenied", DENIED)
    assert hint in unquote(response.headers["x-emulator-hint"])


async def test_session_without_a_policy_may_what_the_owner_may(make_session: MakeSession) -> None:
    session = await make_session()
    assert (await session.put("a.txt", "hello")).status == 200
    assert (await session.request("GET", "/")).status == 200
    assert (await session.request("PUT", "/new-bucket")).status == 200


async def test_hint_names_the_session_the_action_the_object_and_what_each_statement_lacks(
    make_session: MakeSession,
) -> None:
    session = await make_session(UPLOAD)
    response = await session.put("down/a.txt", "x")
    assert_denied(
        response,
        hint="The sender is acs:sts::1234567890123456:assumed-role/emulator/emulator, and the policy that was given to "
        "AssumeRole does not allow it: none of its statements allows oss:PutObject on "
        "acs:oss:cn-hangzhou:1234567890123456:examplebucket/down/a.txt; statement 1 has Resource "
        "['acs:oss:*:*:examplebucket/up/*'].",
    )
    session = await make_session({**UPLOAD, "Effect": "Deny"}, {**UPLOAD, "Action": "oss:*"})
    assert_denied(await session.put("up/a.txt"), hint='AssumeRole denies it: statement 1, {"Effect":"Deny"')


async def test_every_way_of_uploading_is_held_to_the_prefix(owner: SigningClient, make_session: MakeSession) -> None:
    session = await make_session(UPLOAD)
    assert (await session.put("up/a", "a")).status == 200
    assert (await session.request("POST", "/examplebucket/up/b?append&position=0", body="b")).status == 200
    target = "/examplebucket/up/c"
    upload = (await session.request("POST", f"{target}?uploads")).xml.findtext("UploadId")
    part = await session.request("PUT", f"{target}?partNumber=1&uploadId={upload}", body="c")
    assert (await session.request("GET", f"{target}?uploadId={upload}")).status == 200
    listed = f"<Part><PartNumber>1</PartNumber><ETag>{part.headers['etag']}</ETag></Part>"
    complete = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>"
    assert (await session.request("POST", f"{target}?uploadId={upload}", body=complete)).status == 200
    for key in ("a", "b", "c"):
        assert (await owner.get(f"up/{key}")).body == key.encode()

    owners = (await owner.request("POST", "/examplebucket/d?uploads")).xml.findtext("UploadId")
    for method, target in (
        ("PUT", "/examplebucket/a"),
        ("PUT", "/examplebucket/upper"),
        ("PUT", "/otherbucket/up/a"),
        ("POST", "/examplebucket/b?append&position=0"),
        ("POST", "/examplebucket/d?uploads"),
        ("PUT", f"/examplebucket/d?partNumber=1&uploadId={owners}"),
        ("GET", f"/examplebucket/d?uploadId={owners}"),
        ("POST", f"/examplebucket/d?uploadId={owners}"),
        ("DELETE", f"/examplebucket/d?uploadId={owners}"),
    ):
        assert_denied(await session.request(method, target, body="" if method in ("PUT", "POST") else None))
    assert (await session.request("DELETE", f"/examplebucket/up/d?uploadId={owners}")).code == "NoSuchUpload"


async def test_nothing_but_what_is_allowed(owner: SigningClient, make_session: MakeSession) -> None:
    await owner.put("up/a", "a")
    session = await make_session(UPLOAD)
    for method, target in (
        ("GET", "/examplebucket/up/a"),
        ("HEAD", "/examplebucket/up/a"),
        ("HEAD", "/examplebucket/up/a?objectMeta"),
        ("DELETE", "/examplebucket/up/a"),
        ("GET", "/examplebucket/up/a?acl"),
        ("PUT", "/examplebucket/up/a?acl"),
        ("GET", "/examplebucket"),
        ("GET", "/examplebucket?list-type=2&prefix=up/"),
        ("GET", "/examplebucket?uploads"),
        ("GET", "/examplebucket?acl"),
        ("GET", "/examplebucket?policy"),
        ("PUT", "/examplebucket?cors"),
        ("DELETE", "/examplebucket"),
        ("PUT", "/new-bucket"),
    ):
        response = await session.request(method, target, body="" if method == "PUT" else None)
        assert response.status == 403, f"{method} {target}"
    response = await session.request("GET", "/")
    assert (response.status, response.message) == (403, "You are forbidden to list buckets.")


async def test_copying_asks_for_reading_the_source_and_writing_the_target(
    owner: SigningClient, make_session: MakeSession
) -> None:
    await owner.put("up/a", "a")
    await owner.put("secret", "secret")
    read = {**UPLOAD, "Action": "oss:GetObject"}
    session = await make_session(UPLOAD, read)
    upload = (await session.request("POST", "/examplebucket/up/c?uploads")).xml.findtext("UploadId")
    part = f"/examplebucket/up/c?partNumber=1&uploadId={upload}"
    for target in ("/examplebucket/up/b", part):
        headers = {"x-oss-copy-source": "/examplebucket/up/a"}
        assert (await session.request("PUT", target, headers=headers)).status == 200
        headers = {"x-oss-copy-source": "/examplebucket/secret"}
        assert_denied(await session.request("PUT", target, headers=headers))
        writer = await make_session(UPLOAD)
        headers = {"x-oss-copy-source": "/examplebucket/up/a"}
        assert_denied(await writer.request("PUT", target, headers=headers), hint="allows oss:GetObject on")


async def test_processing_asks_for_reading_the_source_and_writing_what_is_saved(
    owner: SigningClient, make_session: MakeSession
) -> None:
    for key in ("up/a", "secret"):
        await owner.put(key, picture())
    save = f"x-oss-process=image/rotate,90|sys/saveas,o_{encoded('up/b')}"
    process = {**UPLOAD, "Action": "oss:PostProcessTask", "Resource": "*"}
    session = await make_session(UPLOAD, {**UPLOAD, "Action": "oss:GetObject"}, process)
    assert (await session.request("POST", "/examplebucket/up/a?x-oss-process", body=save)).status == 200
    denied = await session.request("POST", "/examplebucket/secret?x-oss-process", body=save)
    assert_denied(denied, hint="allows oss:GetObject on")
    elsewhere = save.replace(encoded("up/b"), encoded("b"))
    denied = await session.request("POST", "/examplebucket/up/a?x-oss-process", body=elsewhere)
    assert_denied(denied, hint="allows oss:PutObject on")
    denied = await session.request("GET", "/examplebucket/secret?x-oss-process=image%2Finfo")
    assert_denied(denied, hint="allows oss:GetObject on")


@pytest.mark.guess
async def test_link_leads_nobody_to_what_a_policy_forbids(owner: SigningClient, make_session: MakeSession) -> None:
    await owner.put("secret", "secret")
    await owner.put("up/a", "a")
    session = await make_session({**UPLOAD, "Action": ["oss:PutObject", "oss:GetObject"]})
    for link, target in (("up/right", "up/a"), ("up/wrong", "secret")):
        headers = {"x-oss-symlink-target": target}
        assert (await session.request("PUT", f"/examplebucket/{link}?symlink", headers=headers)).status == 200
    assert (await session.get("up/right")).body == b"a"
    assert_denied(await session.get("up/wrong"), hint="examplebucket/secret; statement 1 has Resource")
    assert (await session.request("HEAD", "/examplebucket/up/wrong")).status == 403
    headers = {"x-oss-copy-source": "/examplebucket/up/wrong"}
    upload = (await session.request("POST", "/examplebucket/up/c?uploads")).xml.findtext("UploadId")
    target = f"/examplebucket/up/c?partNumber=1&uploadId={upload}"
    assert_denied(await session.request("PUT", target, headers=headers), hint="examplebucket/secret")
    assert (await owner.get("up/wrong")).body == b"secret"


async def test_deleting_many_is_all_or_nothing(owner: SigningClient, make_session: MakeSession) -> None:
    for key in ("up/a", "b"):
        await owner.put(key)
    session = await make_session({**UPLOAD, "Action": "oss:DeleteObject"})

    async def delete(*keys: str) -> Response:
        objects = "".join(f"<Object><Key>{key}</Key></Object>" for key in keys)
        return await session.request("POST", "/examplebucket?delete", body=f"<Delete>{objects}</Delete>")

    assert_denied(await delete("up/a", "b"), hint="allows oss:DeleteObject on")
    assert (await owner.get("up/a")).status == 200
    assert (await delete("up/a")).texts("Deleted/Key") == ["up/a"]
    assert (await owner.get("up/a")).status == 404


async def test_listing_is_held_to_its_prefix(owner: SigningClient, make_session: MakeSession) -> None:
    for key in ("up/a", "down/b"):
        await owner.put(key)
    session = await make_session(
        {
            "Effect": "Allow",
            "Action": ["oss:ListObjects", "oss:ListMultipartUploads"],
            "Resource": "acs:oss:*:*:examplebucket",
            "Condition": {"StringLike": {"oss:Prefix": ["up/*"]}},
        }
    )
    for query in ("prefix=up/", "list-type=2&prefix=up/"):
        assert (await session.request("GET", f"/examplebucket?{query}")).texts("Contents/Key") == ["up/a"]
    assert (await session.request("GET", "/examplebucket?uploads&prefix=up/")).status == 200
    for query in ("", "prefix=u", "list-type=2", "list-type=2&prefix=down/", "uploads"):
        assert_denied(await session.request("GET", f"/examplebucket?{query}"), hint="oss:Prefix")


async def test_tagging_asks_for_leave_too(make_session: MakeSession) -> None:
    session = await make_session(UPLOAD)
    assert_denied(await session.put("up/a", x_oss_tagging="a=b"), hint="allows oss:PutObjectTagging on")
    session = await make_session({**UPLOAD, "Action": ["oss:PutObject", "oss:PutObjectTagging"]})
    assert (await session.put("up/a", x_oss_tagging="a=b")).status == 200


async def test_form_is_held_to_the_prefix(owner: SigningClient, make_session: MakeSession) -> None:
    session = await make_session(UPLOAD)
    anonymous = OssClient(owner.emulator)
    now = owner.emulator.clock.now()
    for key, status in (("up/${filename}", 204), ("down/a", 403)):
        fields = {"key": key, **signed_v4(session.key, now)}
        response = await post(anonymous, form(fields, b"x", filename="a.txt"))
        assert response.status == status, response.body
    assert_denied(response)
    assert (await owner.get("up/a.txt")).body == b"x"


async def test_url_is_held_to_the_prefix(owner: SigningClient, make_session: MakeSession) -> None:
    import oss2

    session = await make_session(UPLOAD)
    anonymous = OssClient(owner.emulator)
    for version in ("v1", "v2", "v4"):
        auth = oss2.StsAuth(session.key.id, session.key.secret, session.key.token, auth_version=version)
        bucket = oss2.Bucket(auth, owner.endpoint, "examplebucket", region="cn-hangzhou")
        for key, status in ((f"up/{version}", 200), (version, 403)):
            target = bucket.sign_url("PUT", key, 60, slash_safe=True).removeprefix(owner.endpoint)
            assert (await anonymous.request("PUT", target, body="x")).status == status


async def test_bucket_policy_binds_sessions_by_their_arn(owner: SigningClient, make_session: MakeSession) -> None:
    session = await make_session()
    statement = {
        "Effect": "Deny",
        "Principal": ["arn:sts::1234567890123456:assumed-role/emulator/*"],
        "Action": "oss:*",
        "Resource": ["acs:oss:*:*:examplebucket", "acs:oss:*:*:examplebucket/*"],
    }
    policy = json.dumps({"Version": "1", "Statement": [statement]})
    assert (await owner.request("PUT", "/examplebucket?policy", body=policy)).status == 200
    assert (await owner.put("a", "a")).status == 200
    response = await session.get("a")
    assert (response.status, response.message) == (403, "Access denied by bucket policy.")
    response = await session.request("DELETE", "/examplebucket?policy")
    assert (response.status, response.message) == (403, "Access denied by bucket policy.")


async def test_bucket_policy_does_not_widen_a_session(owner: SigningClient, make_session: MakeSession) -> None:
    session = await make_session(UPLOAD)
    statement = {"Effect": "Allow", "Principal": "*", "Action": "oss:*", "Resource": "acs:oss:*:*:examplebucket/*"}
    policy = json.dumps({"Version": "1", "Statement": [statement]})
    assert (await owner.request("PUT", "/examplebucket?policy", body=policy)).status == 200
    assert_denied(await session.put("a", "a"))


async def test_key_that_is_no_utf_8_is_refused_like_any_other(make_session: MakeSession) -> None:
    session = await make_session(UPLOAD)
    response = await session.put("%FF", "x")
    assert_denied(response, hint="examplebucket/")
