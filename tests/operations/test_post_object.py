"""Forms as browsers post them: every vector, the answers, the refusals in their order, and the callback."""

import base64
import hashlib
import json
import logging
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace

from emulator import Config
from emulator.auth import v2, v4
from emulator.config import AccessKey, Auth, ConfiguredBucket, Limits, Storage
from emulator.model import Acl
from tests.app_server import AppServer, encoded
from tests.client import OssClient, Response
from tests.conftest import HeldClock, MakeOss
from tests.forms import BOUNDARY, encoded_policy, form, policy, post, posted, signed_v1, signed_v4

VECTORS = json.loads(Path(__file__).parents[1].joinpath("auth/vectors/post-policy.json").read_text("utf-8"))
WORLD = VECTORS["meta"]["world"]
SIGNED = [vector for vector in VECTORS["signatures"] if "form_fields" in vector]
EVALUATED = VECTORS["policy_evaluation"]

KEY = AccessKey(id=WORLD["credentials"][0]["access_key_id"], secret=WORLD["credentials"][0]["access_key_secret"])
STS_KEY = AccessKey(
    id=WORLD["credentials"][1]["access_key_id"],
    secret=WORLD["credentials"][1]["access_key_secret"],
    token=WORLD["credentials"][1]["security_token"],
    expires=datetime.fromisoformat(WORLD["credentials"][1]["expiration"]),
)
AUTH = Auth(keys=(KEY, STS_KEY))
HELLO_ETAG = '"5D41402ABC4B2A76B9719D911017C592"'
HELLO_CRC64 = "11177612005948864433"
HELLO_MD5 = "XUFAKrxLKna5cZ2REBfFkg=="


@pytest.fixture
async def signing(make_oss: MakeOss, clock: HeldClock) -> OssClient:
    """A client of an emulator that verifies signatures; it is the first of June 2024, noon."""
    return await make_oss(clock, auth=AUTH)


@pytest.fixture
def app_server() -> Iterator[AppServer]:
    with AppServer() as server:
        yield server


def signed(*conditions: object, key: AccessKey = KEY) -> dict[str, str]:
    """The fields of a V1 signature over a policy of these conditions."""
    return signed_v1(key, policy(*(conditions or [{"bucket": "examplebucket"}])))


def objects(oss: OssClient) -> dict[str, bytes]:
    """What is in examplebucket, looked up past all signatures."""
    folder = oss.emulator.data_dir / "buckets/examplebucket"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def refusal(oss: OssClient, body: bytes, **headers: str) -> Response:
    """How the form is refused; a refusal stores nothing and explains itself."""
    response = await post(oss, body, **headers)
    assert response.status >= 400
    assert objects(oss) == {}
    assert response.headers["x-emulator-hint"]
    return response


# --- The vectors ----------------------------------------------------------------------------------------------------


def test_the_table_of_vectors_is_whole() -> None:
    assert (len(VECTORS["signatures"]), len(SIGNED), len(EVALUATED)) == (7, 6, 42)


def test_signature_that_the_java_sdk_expects_comes_out() -> None:
    (vector,) = (vector for vector in VECTORS["signatures"] if vector not in SIGNED)
    key = AccessKey(id=vector["access_key_id"], secret=vector["access_key_secret"])
    assert signed_v1(key, vector["policy"])["Signature"] == vector["signature"]


@pytest.mark.parametrize("vector", [pytest.param(vector, id=vector["id"]) for vector in SIGNED])
async def test_form_signed_by_an_official_sdk_is_accepted(vector: dict[str, Any], signing: OssClient) -> None:
    fields, file = dict(vector["form_fields"]), vector["file"]
    body = form(fields, b"hello", filename=file["filename"], content_type=file["content_type"])
    if "callback" in fields:  # accepted, too, but for its callback, which has no body
        assert (await refusal(signing, body)).headers["x-oss-ec"] == "0007-00000011"
        return
    response = await post(signing, body)
    assert response.status == int(fields.get("success_action_status", "204"))
    assert objects(signing) == {fields["key"]: b"hello"}


@pytest.mark.parametrize("vector", [pytest.param(vector, id=vector["id"]) for vector in SIGNED])
async def test_form_signed_with_another_secret_is_refused(vector: dict[str, Any], make_oss: MakeOss) -> None:
    keys = tuple(replace(key, secret="another") for key in AUTH.keys)
    oss = await make_oss(HeldClock(), auth=replace(AUTH, keys=keys))
    response = await refusal(oss, form(vector["form_fields"]))
    assert (response.status, response.code) == (403, "SignatureDoesNotMatch")
    assert response.xml.findtext("OSSAccessKeyId") == vector["access_key_id"]
    assert response.xml.findtext("SignatureProvided") == vector["signature"]
    assert response.xml.findtext("StringToSign") == vector["string_to_sign"]
    assert bytes.fromhex(response.xml.findtext("StringToSignBytes") or "").decode() == vector["string_to_sign"]
    assert "secret" in response.headers["x-emulator-hint"]


@pytest.mark.parametrize("vector", [pytest.param(vector, id=vector["id"]) for vector in EVALUATED])
async def test_policy_is_judged_as_the_table_says(vector: dict[str, Any], make_oss: MakeOss) -> None:
    oss = await make_oss(HeldClock(datetime.fromisoformat(vector["server_now"])), auth=AUTH)
    fields = dict(vector["form_fields"]) | signed_v1(KEY, encoded_policy(vector["policy_text"]))
    file = vector["file"]
    body = form(fields, b"x" * file["size"], filename=file["filename"], content_type=file["content_type"])
    expected = vector["expect"]
    if expected.get("policy") == "ok":
        response = await post(oss, body)
        if fields.get("callback"):  # allowed by the policy, and then no callback
            assert response.headers["x-oss-ec"].startswith("0007-")
        else:
            assert response.status == 204
    else:
        response = await refusal(oss, body)
        assert (response.status, response.code) == (expected["status"], expected["code"])
        assert response.message == expected.get("message", response.message)
        assert response.headers.get("x-oss-ec") == expected.get("ec", response.headers.get("x-oss-ec"))


# --- Answers --------------------------------------------------------------------------------------------------------


async def test_answer_is_204_with_the_headers_of_an_upload(oss: OssClient) -> None:
    response = await post(oss, form({"key": "dir/a.txt"}))
    assert (response.status, response.body) == (204, b"")
    assert response.headers["etag"] == HELLO_ETAG
    assert response.headers["x-oss-hash-crc64ecma"] == HELLO_CRC64
    assert response.headers["content-md5"] == HELLO_MD5
    got = await oss.get("dir/a.txt")
    assert (got.body, got.headers["content-type"]) == (b"hello", "text/plain")
    assert got.headers["x-oss-object-type"] == "Normal"


@pytest.mark.parametrize(
    ("asked", "status"), [("200", 200), ("204", 204), ("201", 201), ("303", 204), ("", 204), ("teapot", 204)]
)
async def test_success_action_status_chooses_the_status(asked: str, status: int, oss: OssClient) -> None:
    response = await post(oss, form({"key": "a.txt", "success_action_status": asked}))
    assert response.status == status
    assert bool(response.body) == (status == 201)
    assert response.headers["etag"] == HELLO_ETAG


@pytest.mark.parametrize("target", ["/examplebucket", "/examplebucket/"])
async def test_201_tells_where_the_object_is(target: str, oss: OssClient) -> None:
    response = await post(oss, form({"key": "dir/测试 &.txt", "success_action_status": "201"}), target)
    assert response.headers["content-type"] == "application/xml"
    host = urlsplit(oss.endpoint).netloc
    assert {element.tag: element.text for element in response.xml} == {
        "Bucket": "examplebucket",
        "Location": f"http://{host}/examplebucket/dir/%E6%B5%8B%E8%AF%95%20%26.txt",
        "Key": "dir/测试 &.txt",
        "ETag": HELLO_ETAG,
    }
    assert response.xml.tag == "PostResponse"


async def test_virtual_host_names_the_bucket(oss: OssClient) -> None:
    host = "examplebucket.oss-cn-hangzhou.aliyuncs.com"
    response = await post(oss, form({"key": "a.txt", "success_action_status": "201"}), "/", Host=host)
    assert response.xml.findtext("Location") == f"http://{host}/a.txt"


@pytest.mark.guess
async def test_success_action_redirect_goes_before_the_status(oss: OssClient) -> None:
    url = "https://example.com/done?a=1&b=%20"
    fields = {"key": "a.txt", "success_action_status": "201", "success_action_redirect": url}
    response = await post(oss, form(fields))
    assert (response.status, response.headers["location"], response.body) == (303, url, b"")
    assert objects(oss) == {"a.txt": b"hello"}


async def test_redirect_cannot_smuggle_a_header(oss: OssClient) -> None:
    response = await refusal(oss, form({"key": "a.txt", "success_action_redirect": "http://a/\r\nSet-Cookie: a=b"}))
    assert (response.status, response.code) == (400, "InvalidArgument")
    assert "set-cookie" not in response.headers


async def test_fields_say_of_the_object_what_headers_would(oss: OssClient) -> None:
    fields = {
        "key": "a.txt",
        "Cache-Control": "no-cache",
        "Content-Disposition": "attachment",
        "Content-Encoding": "identity",
        "Expires": "1000000",
        "x-oss-meta-owner": "测试",
        "X-Oss-Meta-Other": "me",
        "x-oss-storage-class": "IA",
        "x-oss-server-side-encryption": "AES256",
        "x-oss-object-acl": "public-read",
        "x-oss-tagging": "a=1",
        "name": "a.txt",
    }
    posted = await post(oss, form(fields), x_oss_object_acl="private")
    assert (posted.status, posted.headers["x-oss-server-side-encryption"]) == (204, "AES256")
    response = await oss.get("a.txt")
    for name in ("Cache-Control", "Content-Disposition", "Content-Encoding", "Expires", "x-oss-meta-owner"):
        assert response.headers[name.lower()] == fields[name]
    assert response.headers["x-oss-meta-other"] == "me"
    assert response.headers["x-oss-server-side-encryption"] == "AES256"
    assert response.headers["x-oss-storage-class"] == "IA"
    assert "x-oss-tagging-count" not in response.headers
    acl = await oss.request("GET", "/examplebucket/a.txt?acl")
    assert acl.texts("AccessControlList/Grant") == ["public-read"]


async def test_acl_may_be_in_a_header_of_the_request(oss: OssClient) -> None:
    assert (await post(oss, form({"key": "a.txt"}), x_oss_object_acl="public-read")).status == 204
    acl = await oss.request("GET", "/examplebucket/a.txt?acl")
    assert acl.texts("AccessControlList/Grant") == ["public-read"]


@pytest.mark.parametrize(
    ("fields", "part_type", "expected"),
    [
        pytest.param({"x-oss-content-type": "a/1", "Content-Type": "a/3"}, "a/2", "a/1", id="x-oss-content-type"),
        pytest.param({"Content-Type": "a/3"}, "a/2", "a/2", id="file part"),
        pytest.param({"Content-Type": "a/3"}, None, "a/3", id="field"),
        pytest.param({}, None, "application/octet-stream", id="nothing"),
    ],
)
async def test_content_type_has_four_sources(
    fields: dict[str, str], part_type: str | None, expected: str, oss: OssClient
) -> None:
    await post(oss, form({"key": "a.txt", **fields}, content_type=part_type))
    assert (await oss.get("a.txt")).headers["content-type"] == expected


@pytest.mark.parametrize(
    ("key", "filename", "expected"),
    [
        pytest.param("user/${filename}", "up.txt", "user/up.txt", id="at the end"),
        pytest.param("${filename}/${filename}", "a", "a/a", id="twice"),
        pytest.param("a/${filename}", "C:\\dir\\测试.txt", "a/测试.txt", id="without folders"),
        pytest.param("a${filename}", None, "a", id="no file name"),
        pytest.param("${Filename}", "up.txt", "${Filename}", id="in capitals"),
        pytest.param("a/${filename}", "${filename}", "a/${filename}", id="once, not again"),
    ],
)
async def test_filename_is_put_into_the_key(key: str, filename: str | None, expected: str, oss: OssClient) -> None:
    await post(oss, form({"key": key}, filename=filename))
    assert objects(oss) == {expected: b"hello"}


async def test_only_the_form_is_looked_at(signing: OssClient) -> None:
    response = await post(
        signing,
        form({"key": "a.txt", **signed()}),
        "/examplebucket?Signature=x&Expires=1&OSSAccessKeyId=y&callback=e30=",
        Authorization="OSS nobody:nothing",
        x_oss_callback="e30=",
    )
    assert response.status == 204


async def test_what_belongs_to_another_call_is_no_form_upload(oss: OssClient) -> None:
    assert (await post(oss, form({"key": "a.txt"}), "/examplebucket?uploads")).code == "NotImplemented"
    assert (await post(oss, form({"key": "a.txt"}), "/examplebucket/a.txt")).code == "MethodNotAllowed"
    assert objects(oss) == {}


async def test_chunked_form_is_taken_and_so_is_one_that_waits_for_100_continue(oss: OssClient) -> None:
    body = form({"key": "a.txt"})
    chunked = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    response = await post(oss, chunked, Transfer_Encoding="chunked")
    assert response.status == 204
    async with await oss.connect() as connection:
        await connection.send(posted(body, "Expect: 100-continue\r\n").removesuffix(body))
        assert (await connection.receive()).status == 100
        await connection.send(body)
        assert (await connection.receive()).status == 204


# --- Signatures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [pytest.param(KEY, id="key"), pytest.param(STS_KEY, id="STS")])
@pytest.mark.parametrize("version", ["v1", "v4"])
async def test_form_of_either_version_is_accepted(
    version: str, key: AccessKey, signing: OssClient, clock: HeldClock
) -> None:
    fields = signed(key=key) if version == "v1" else signed_v4(key, clock.now())
    assert (await post(signing, form({"key": "a.txt", **fields}))).status == 204


async def test_form_signed_with_v2_is_accepted(signing: OssClient) -> None:
    fields = signed() | {"x-oss-signature-version": "OSS2"}
    fields["Signature"] = v2.signature(KEY.secret, fields["policy"].encode())
    assert (await post(signing, form({"key": "a.txt", **fields}))).status == 204


async def test_case_of_field_names_does_not_matter(signing: OssClient) -> None:
    fields = {name.lower() if name != "key" else "Key": value for name, value in {"key": "a.txt", **signed()}.items()}
    assert (await post(signing, form(fields))).status == 204


V1_WITHOUT = [
    ("OSSAccessKeyId", None, "Post request accessKeyId is empty.", None),
    ("OSSAccessKeyId", "", "Post request accessKeyId is empty.", None),
    ("policy", None, "Post request policy is empty.", "0002-00000702"),
    ("policy", "", "Post request policy is empty.", "0006-00000205"),
    ("Signature", None, "Post request signature is empty.", "0002-00000703"),
    ("Signature", "", "Post request signature is empty.", "0002-00000704"),
]


@pytest.mark.parametrize("acl", [Acl.PRIVATE, Acl.PUBLIC_READ_WRITE])
@pytest.mark.parametrize(("name", "value", "message", "ec"), V1_WITHOUT)
async def test_half_a_signature_is_refused_even_by_a_public_bucket(
    name: str, value: str | None, message: str, ec: str | None, acl: Acl, make_oss: MakeOss, clock: HeldClock
) -> None:
    oss = await make_oss(clock, auth=AUTH, buckets=(ConfiguredBucket(name="examplebucket", acl=acl),))
    fields = signed()
    fields.pop(name)
    response = await refusal(oss, form({"key": "a.txt", **fields} | ({} if value is None else {name: value})))
    assert (response.status, response.code, response.message) == (400, "InvalidArgument", message)
    assert response.headers.get("x-oss-ec") == ec
    assert response.xml.findtext("ArgumentName") == name


V4_FAULTS = [
    ({"x-oss-signature-version": "OSS5"}, 400, "InvalidArgument", "0002-00000701", "OSS knows"),
    ({"x-oss-credential": None}, 400, "InvalidArgument", "0002-00000710", "no x-oss-credential"),
    ({"x-oss-credential": "a/b"}, 400, "InvalidArgument", "0002-00000710", "Expected is"),
    (
        {"x-oss-credential": f"{KEY.id}/20240601/cn-hangzhou/s3/aliyun_v4_request"},
        400,
        "InvalidArgument",
        "0002-00000710",
        "Expected is",
    ),
    (
        {"x-oss-credential": "测/20240601/cn-hangzhou/oss/aliyun_v4_request"},
        400,
        "InvalidArgument",
        "0002-00000708",
        "access key id",
    ),
    (
        {"x-oss-credential": f"{KEY.id}/20240602/cn-hangzhou/oss/aliyun_v4_request"},
        400,
        "InvalidArgument",
        "0002-00000709",
        "day",
    ),
    (
        {"x-oss-credential": f"{KEY.id}/20240601/cn-beijing/oss/aliyun_v4_request"},
        400,
        "InvalidArgument",
        "0002-00000715",
        "'cn-beijing'",
    ),
    (
        {"x-oss-credential": f"{KEY.id}/20240601/oss-cn-hangzhou/oss/aliyun_v4_request"},
        400,
        "InvalidArgument",
        "0002-00000715",
        "without `oss-`",
    ),
    (
        {"x-oss-credential": "nobody/20240601/cn-hangzhou/oss/aliyun_v4_request"},
        403,
        "InvalidAccessKeyId",
        "0002-00000902",
        "'nobody'",
    ),
    ({"x-oss-date": None}, 400, "InvalidArgument", "0002-00000709", "no x-oss-date"),
    ({"x-oss-date": "2024-06-01T12:00:00Z"}, 400, "InvalidArgument", "0002-00000709", "20240601T120000Z"),
    ({"x-oss-signature": None}, 400, "InvalidArgument", "0002-00000703", "no field x-oss-signature"),
    ({"x-oss-signature": ""}, 400, "InvalidArgument", "0002-00000704", "empty field x-oss-signature"),
    ({"policy": None}, 400, "InvalidArgument", "0002-00000702", "no field policy"),
    ({"x-oss-signature-version": None}, 400, "InvalidArgument", None, "A form signed with V4 has"),
    ({"x-oss-security-token": "x"}, 403, "AccessKeyIdAndSecurityTokenNotMatch", "0002-00000004", "permanent key"),
]


@pytest.mark.parametrize(("changed", "status", "code", "ec", "words"), V4_FAULTS)
async def test_fields_of_v4_are_judged_one_by_one(
    changed: dict[str, str | None],
    status: int,
    code: str,
    ec: str | None,
    words: str,
    signing: OssClient,
    clock: HeldClock,
) -> None:
    fields: dict[str, str | None] = {"key": "a.txt", **signed_v4(KEY, clock.now()), **changed}
    response = await refusal(signing, form({name: value for name, value in fields.items() if value is not None}))
    assert (response.status, response.code, response.headers.get("x-oss-ec")) == (status, code, ec)
    assert words in response.headers["x-emulator-hint"].replace("%E6%B5%8B", "测")


async def test_wrong_region_is_refused_in_oss_s_own_words(signing: OssClient, clock: HeldClock) -> None:
    response = await refusal(signing, form({"key": "a", **signed_v4(KEY, clock.now(), region="cn-beijing")}))
    assert response.message == "The signing region in credential is invalid."
    assert response.xml.findtext("ArgumentName") == "x-oss-credential"
    assert response.xml.findtext("ArgumentValue") == f"{KEY.id}/20240601/cn-beijing/oss/aliyun_v4_request"


@pytest.mark.guess
@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        pytest.param(-15 * 60, None, id="a quarter of an hour ahead"),
        pytest.param(-15 * 60 - 1, "Request is not valid yet.", id="more"),
        pytest.param(3600, None, id="the policy's last moment"),
        pytest.param(3601, "Invalid according to Policy: Policy expired.", id="policy over"),
        pytest.param(7 * 86_400 + 1, "Request has expired.", id="more than seven days ago"),
    ],
)
async def test_form_of_v4_has_its_time(seconds: int, message: str | None, signing: OssClient, clock: HeldClock) -> None:
    body = form({"key": "a.txt", **signed_v4(KEY, clock.now())})
    clock.step(seconds)
    response = await post(signing, body)
    assert response.status == (204 if message is None else 403)
    assert message is None or (response.code, response.message) == ("AccessDenied", message)


async def test_token_that_is_over_is_refused(signing: OssClient, clock: HeldClock) -> None:
    clock.step(3601)
    response = await refusal(signing, form({"key": "a.txt", **signed(key=STS_KEY)}))
    assert (response.status, response.code) == (403, "SecurityTokenExpired")


async def test_temporary_key_needs_its_token(signing: OssClient) -> None:
    fields = signed(key=STS_KEY)
    del fields["x-oss-security-token"]
    response = await refusal(signing, form({"key": "a.txt", **fields}))
    assert (response.status, response.code) == (403, "InvalidAccessKeyId")
    assert "in a form" in response.headers["x-emulator-hint"]


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        pytest.param(lambda text: signed_v1(replace(KEY, secret=STS_KEY.secret), text), STS_KEY.id, id="other secret"),
        pytest.param(
            lambda text: (
                signed_v1(KEY, text) | {"Signature": signed_v1(KEY, base64.b64decode(text).decode())["Signature"]}
            ),
            "must be signed is its base64",
            id="JSON signed",
        ),
        pytest.param(lambda text: signed_v1(KEY, text) | {"policy": text + "\n"}, "line breaks", id="line break sent"),
        pytest.param(
            lambda text: signed_v1(KEY, text) | {"Signature": v2.signature(KEY.secret, text.encode())},
            "HMAC-SHA256 of the policy",
            id="SHA-256 for V1",
        ),
        pytest.param(
            lambda text: signed_v1(replace(KEY, secret="quite another"), text), "None of the usual", id="no idea"
        ),
    ],
)
async def test_wrong_signature_is_explained(mistake: Any, words: str, signing: OssClient) -> None:
    response = await refusal(signing, form({"key": "a.txt", **mistake(policy({"bucket": "examplebucket"}))}))
    assert (response.status, response.code) == (403, "SignatureDoesNotMatch")
    assert words in response.headers["x-emulator-hint"]


async def test_version_that_is_not_taken_is_refused(make_oss: MakeOss, clock: HeldClock) -> None:
    oss = await make_oss(clock, auth=replace(AUTH, signatures=("v4",)))
    assert (await refusal(oss, form({"key": "a.txt", **signed()}))).code == "InvalidRequest"


async def test_anonymous_form_needs_a_bucket_that_everybody_may_write_to(make_oss: MakeOss, signing: OssClient) -> None:
    response = await refusal(signing, form({"key": "a.txt"}))
    assert (response.status, response.code) == (403, "AccessDenied")
    assert response.message == "You have no right to access this object because of bucket acl."
    assert "The form carries no signature" in response.headers["x-emulator-hint"]


async def test_anonymous_form_into_a_public_bucket_is_taken(make_oss: MakeOss) -> None:
    oss = await make_oss(auth=AUTH, buckets=(ConfiguredBucket(name="examplebucket", acl=Acl.PUBLIC_READ_WRITE),))
    assert (await post(oss, form({"key": "a.txt"}))).status == 204


@pytest.mark.guess
async def test_form_is_judged_by_the_page_that_it_comes_from(make_oss: MakeOss, clock: HeldClock) -> None:
    trusting = await make_oss(clock)
    rules = (
        "<RefererConfiguration><AllowEmptyReferer>false</AllowEmptyReferer>"
        "<RefererList><Referer>http://a.test</Referer></RefererList></RefererConfiguration>"
    )
    assert (await trusting.request("PUT", "/examplebucket?referer", body=rules)).status == 200
    await trusting.emulator.stop()
    oss = await make_oss(clock, auth=AUTH)
    body = form({"key": "a.txt", **signed()})
    for headers in ({}, {"Referer": "http://b.test/"}):
        response = await post(oss, body, **headers)
        assert (response.status, response.message) == (403, "You are denied by bucket referer policy.")
    assert objects(oss) == {}
    assert (await post(oss, body, Referer="http://a.test/page")).status == 204


async def test_anonymous_form_cannot_be_made_to_pay(make_oss: MakeOss, clock: HeldClock) -> None:
    buckets = (ConfiguredBucket(name="examplebucket", acl=Acl.PUBLIC_READ_WRITE),)
    trusting = await make_oss(clock, buckets=buckets)
    payer = "<RequestPaymentConfiguration><Payer>Requester</Payer></RequestPaymentConfiguration>"
    assert (await trusting.request("PUT", "/examplebucket?requestPayment", body=payer)).status == 200
    await trusting.emulator.stop()
    oss = await make_oss(clock, auth=AUTH, buckets=buckets)
    response = await refusal(oss, form({"key": "a.txt"}))
    assert (response.status, response.message) == (403, "Access denied for requester pay bucket")
    assert (await post(oss, form({"key": "a.txt", **signed()}))).status == 204


async def test_v4_policy_without_the_conditions_asked_for_is_accepted_with_a_warning(
    signing: OssClient, make_oss: MakeOss, clock: HeldClock, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    fields = signed_v4(KEY, clock.now()) | {"policy": policy({"bucket": "examplebucket"})}
    key = v4.signing_key(KEY.secret, "20240601", "cn-hangzhou")
    body = form({"key": "a.txt", **fields, "x-oss-signature": v4.signature(key, fields["policy"].encode())})
    assert (await post(signing, body)).status == 204
    assert "no condition on x-oss-signature-version, x-oss-credential, x-oss-date" in caplog.text
    strict = await make_oss(clock, auth=AUTH, profile="real", storage=Storage(data_dir=tmp_path / "strict"))
    response = await refusal(strict, body)
    assert (response.status, response.code) == (400, "InvalidPolicyDocument")


async def test_without_signatures_a_policy_still_holds(oss: OssClient) -> None:
    year = "2099-01-01T00:00:00Z"
    fields = {"policy": policy(["starts-with", "$key", "a/"], expiration=year)}
    assert (await post(oss, form({"key": "b", **fields}))).code == "AccessDenied"
    assert (await post(oss, form({"key": "a/b", **fields}))).status == 204


# --- Refusals and their order ---------------------------------------------------------------------------------------


async def test_bucket_comes_before_everything(oss: OssClient) -> None:
    response = await post(oss, b"nonsense", "/nosuchbucket", Content_Type="text/plain")
    assert (response.status, response.code) == (404, "NoSuchBucket")


async def test_refusals_come_in_order(signing: OssClient) -> None:
    """Each form mends the fault that the one before it was refused for."""
    range_ = ["content-length-range", 10, 20]
    bad_callback = {"callback": "!"}
    steps: list[tuple[bytes, str]] = [
        (form({}, None)[:-4], "MalformedPOSTRequest"),
        (form({}), "InvalidArgument"),
        (form({"key": "/a", **signed(), "Signature": ""}), "InvalidArgument"),
        (form({"key": "/a", **signed(), "Signature": "x"}), "SignatureDoesNotMatch"),
        (form({"key": "/a", **signed_v1(KEY, encoded_policy("{}")), **bad_callback}), "InvalidPolicyDocument"),
        (form({"key": "/a", **signed({"key": "a"}, range_), **bad_callback}), "AccessDenied"),
        (form({"key": "/a", **signed(range_), **bad_callback}), "InvalidArgument"),
        (form({"key": "/a", **signed(range_)}), "InvalidObjectName"),
        (form({"key": "a", **signed(range_), "x-oss-server-side-encryption": "x"}), "InvalidEncryptionAlgorithmError"),
        (form({"key": "a", **signed(range_)}), "EntityTooSmall"),
        (form({"key": "a", **signed(range_)}, b"x" * 21), "EntityTooLarge"),
    ]
    for body, code in steps:
        assert (await refusal(signing, body)).code == code
    assert (await post(signing, form({"key": "a", **signed(range_)}, b"x" * 20))).status == 204


async def test_key_behind_the_file_is_no_key(oss: OssClient) -> None:
    response = await refusal(oss, form({"name": "a.txt"}, late={"key": "a.txt"}))
    assert (response.status, response.code) == (400, "InvalidArgument")
    assert response.message == (
        "The bucket POST must contain the specified 'key'. If it is specified, please check the order of the fields"
    )
    assert "append `key` to the form before `file`" in response.headers["x-emulator-hint"]


async def test_body_that_is_no_form_is_refused(oss: OssClient) -> None:
    response = await refusal(oss, b'{"a": 1}', Content_Type="application/json")
    assert (response.status, response.code) == (400, "RequestIsNotMultiPartContent")
    assert response.message == "Bucket POST must be of the enclosure-type multipart/form-data."


@pytest.mark.parametrize("size", [5, 3_000_000])
async def test_form_whose_last_boundary_is_missing_stores_nothing(size: int, oss: OssClient, config: Config) -> None:
    whole = form({"key": "a.txt"}, b"x" * size)
    response = await refusal(oss, whole[: whole.rindex(b"\r\n--" + BOUNDARY.encode())])
    assert (response.status, response.code) == (400, "MalformedPOSTRequest")
    assert response.headers["x-oss-ec"] == "0006-00000104"
    assert list((config.storage.data_dir / "staging").iterdir()) == []


async def test_second_file_is_refused(oss: OssClient) -> None:
    response = await refusal(oss, form({"key": "a.txt"}, late={"file": "two"}))
    assert response.code == "IncorrectNumberOfFilesInPOSTRequest"


async def test_file_beyond_the_policy_s_range_is_refused_while_it_comes(signing: OssClient, config: Config) -> None:
    fields = {"key": "a.txt", **signed(["content-length-range", 0, 3_000_000])}
    response = await refusal(signing, form(fields, b"x" * 3_000_001))
    assert (response.status, response.code) == (400, "EntityTooLarge")
    assert response.headers["x-oss-ec"] == "0006-00000004"
    assert list((config.storage.data_dir / "staging").iterdir()) == []
    assert (await post(signing, form(fields, b"x" * 3_000_000))).status == 204


async def test_file_beyond_what_an_object_takes_is_refused(make_oss: MakeOss) -> None:
    oss = await make_oss(limits=Limits(max_object_bytes=10))
    assert (await post(oss, form({"key": "a.txt"}, b"x" * 10))).status == 204
    response = await post(oss, form({"key": "b.txt"}, b"x" * 11))
    assert (response.code, response.message) == ("EntityTooLarge", "Post body size must be less than 5G.")
    assert list(objects(oss)) == ["a.txt"]


async def test_content_md5_covers_the_whole_form(oss: OssClient) -> None:
    body = form({"key": "a.txt"}, b"x" * 600_000)
    right = base64.b64encode(hashlib.md5(body).digest()).decode()
    response = await refusal(oss, body, Content_MD5=HELLO_MD5)
    assert (response.status, response.code, response.headers["x-oss-ec"]) == (400, "InvalidDigest", "0017-00000503")
    assert (await refusal(oss, body, Content_MD5="x")).headers["x-oss-ec"] == "0017-00000502"
    assert (await post(oss, body, Content_MD5=right)).status == 204


async def test_existing_object_is_left_alone_when_overwriting_is_forbidden(oss: OssClient) -> None:
    fields = {"key": "a.txt", "x-oss-forbid-overwrite": "true"}
    assert (await post(oss, form(fields, b"first"))).status == 204
    response = await post(oss, form(fields, b"second"))
    assert (response.status, response.code, response.headers["x-oss-ec"]) == (
        409,
        "FileAlreadyExists",
        "0026-00000201",
    )
    assert objects(oss) == {"a.txt": b"first"}


async def test_too_much_metadata_is_refused(oss: OssClient) -> None:
    assert (await refusal(oss, form({"key": "a", "x-oss-meta-a": "x" * 8192}))).code == "InvalidArgument"


async def test_refusal_reaches_a_client_that_sends_everything_before_it_reads(signing: OssClient) -> None:
    """A browser reports a network error if the connection goes while it still sends."""
    body = form({"key": "a.txt", **signed(), "Signature": "x"}, b"x" * 20_000_000)
    async with await signing.connect() as connection:
        await connection.send(posted(body))
        response = await connection.receive()
        assert await connection.reader.read() == b""
    assert (response.status, response.code) == (403, "SignatureDoesNotMatch")
    assert response.headers["connection"] == "close"
    assert objects(signing) == {}


async def test_connection_stays_usable_after_a_small_form_is_refused(oss: OssClient) -> None:
    async with await oss.connect() as connection:
        for body, status in ((form({}), 400), (form({"key": "a.txt"}), 204)):
            await connection.send(posted(body))
            assert (await connection.receive()).status == status


async def test_fields_behind_the_file_are_mentioned_in_the_log(
    oss: OssClient, caplog: pytest.LogCaptureFixture
) -> None:
    await post(oss, form({"key": "a"}, late={"submit": "Upload"}))
    assert "behind the file" not in caplog.text
    await post(oss, form({"key": "a"}, late={"submit": "Upload", "callback": "e30="}))
    assert "fields behind the file are ignored: callback" in caplog.text


# --- The callback ---------------------------------------------------------------------------------------------------


def callback(url: str, body: str = "object=${object}&user=${x:user}&note=${x:Note}", **parameters: object) -> str:
    return encoded({"callbackUrl": url, "callbackBody": body, **parameters})


async def test_answer_of_the_application_server_is_the_answer(oss: OssClient, app_server: AppServer) -> None:
    fields = {"key": "a/${filename}", "callback": callback(app_server.url), "x:user": "42", "x:Note": "测试 &"}
    response = await post(oss, form({**fields, "success_action_status": "201"}))
    assert (response.status, response.body) == (200, b'{"Status":"OK"}')
    assert response.headers["content-type"] == "application/json"
    assert response.headers["etag"] == HELLO_ETAG
    (received,) = app_server.received
    assert received.is_signed
    assert received.form == {"object": "a/up.txt", "user": "42", "note": "测试 &"}
    (record,) = json.loads((await oss.request("GET", "/_emulator/callbacks")).body)["callbacks"]
    assert (record["operation"], record["object"], record["id"]) == (
        "PostObject",
        "a/up.txt",
        response.headers["x-oss-request-id"],
    )


async def test_variable_that_is_not_utf8_reaches_the_application_server_readable(
    oss: OssClient, app_server: AppServer
) -> None:
    fields = {"key": "a", "callback": callback(app_server.url, "user=${x:user}"), "x:user": b"a\xff"}
    assert (await post(oss, form(fields))).status == 200
    assert app_server.received[0].form == {"user": "a�"}


async def test_failed_callback_is_a_203_and_the_object_stays(oss: OssClient, app_server: AppServer) -> None:
    app_server.status = 500
    redirect = {"success_action_redirect": "http://example.com/"}
    response = await post(oss, form({"key": "a.txt", "callback": callback(app_server.url), **redirect}))
    assert (response.status, response.code, response.message) == (203, "CallbackFailed", "Error status : 500.")
    assert "location" not in response.headers
    assert objects(oss) == {"a.txt": b"hello"}


async def test_bad_callback_stores_nothing(oss: OssClient) -> None:
    response = await refusal(oss, form({"key": "a.txt", "callback": callback("http://a/", callbackSNI="true")}))
    assert (response.status, response.message) == (400, "The callback sni is invalid.")


async def test_callback_must_be_in_the_form(
    oss: OssClient, app_server: AppServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    response = await post(oss, form({"key": "a", "callback-var": "e30="}), x_oss_callback=callback(app_server.url))
    assert response.status == 204
    assert app_server.received == []
    assert "the header x-oss-callback is ignored" in caplog.text
    assert "the field callback-var is ignored" in caplog.text


async def test_redirect_beside_a_callback_is_ignored_with_a_warning(
    oss: OssClient, app_server: AppServer, caplog: pytest.LogCaptureFixture
) -> None:
    fields = {"key": "a", "callback": callback(app_server.url), "success_action_redirect": "http://example.com/"}
    assert (await post(oss, form(fields))).status == 200
    assert "success_action_redirect is ignored" in caplog.text


async def test_refused_form_calls_nobody_back(signing: OssClient, app_server: AppServer) -> None:
    fields = {"key": "a.txt", "callback": callback(app_server.url), **signed(["content-length-range", 0, 1])}
    assert (await refusal(signing, form(fields))).code == "EntityTooLarge"
    assert app_server.received == []


async def test_the_record_of_the_request_has_the_form_s_key_and_sender(signing: OssClient) -> None:
    await post(signing, form({"key": "dir/${filename}", **signed()}, b"hello", filename="a.txt"))
    await post(signing, form({"key": "b", **signed(["eq", "$key", "a"])}, b"hello"))
    records = json.loads((await signing.request("GET", "/_emulator/requests")).body)["requests"]
    told = [(record["operation"], record["object"], record["principal"], record["code"]) for record in records]
    assert told == [("PostObject", "dir/a.txt", KEY.id, ""), ("PostObject", "b", KEY.id, "AccessDenied")]
