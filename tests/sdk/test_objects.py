"""Objects through the official SDKs: what is stored comes back as it was, and a refusal as the SDK's own error."""

import json
import urllib.request
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from urllib.error import HTTPError
from urllib.parse import quote

import pytest

from emulator import EmulatorThread
from tests.sdk.conftest import KEY_ID, STS, MakeVerbs, RunNode, ali_oss
from tests.sdk.verbs import Verbs, refusal

ETAG = "5D41402ABC4B2A76B9719D911017C592"
KEYS = [
    pytest.param("a b  c", id="spaces"),
    pytest.param("1+1=2", id="plus"),
    pytest.param("100%", id="percent"),
    pytest.param("%2F%20", id="percent that looks encoded"),
    pytest.param("测试/目录/文件.txt", id="Chinese"),
    pytest.param("😀/🎉.png", id="emoji"),
    pytest.param("dir/", id="trailing slash"),
    pytest.param("a//b", id="empty segment"),
    pytest.param("!*'();:@&=$,?#[]~-_.<>\"{}|^`", id="punctuation"),
    pytest.param("a\\b", id="backslash inside"),
    pytest.param("é", id="composed"),
    pytest.param("e\u0301", id="decomposed"),
    pytest.param("城" * 341, id="1,023 bytes"),
]


def send(method: str, url: str, data: bytes | None = None) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method, data=data)) as response:
            return response.status, response.read()
    except HTTPError as error:
        with error:
            return error.code, error.read()


@pytest.mark.parametrize("key", KEYS)
def test_key_of_every_kind_is_stored_read_listed_and_deleted(key: str, client: Verbs) -> None:
    assert client.store(key, b"hello") == ETAG
    assert client.read(key) == b"hello"
    assert client.exists(key)
    assert client.page().keys == client.page_v2().keys == [key]
    assert send("GET", client.url("GET", key)) == (200, b"hello")
    assert client.delete_many([key]) == [key]
    assert not client.exists(key)


def test_head_gives_back_what_was_said_of_the_object(client: Verbs) -> None:
    headers = {"Content-Type": "text/plain; charset=utf-8", "x-oss-meta-owner": "me", "x-oss-storage-class": "IA"}
    client.store("a.txt", b"hello", headers)
    assert client.head("a.txt") == (5, ETAG, "text/plain; charset=utf-8", "IA", "Normal", {"owner": "me"})
    assert client.meta("a.txt") == (5, ETAG)


OSS2 = pytest.mark.parametrize("make_verbs", [("oss2", version) for version in ("v1", "v2", "v4")], indirect=True)


@OSS2
def test_metadata_in_chinese_comes_back_byte_for_byte(client: Verbs) -> None:
    """The other SDKs refuse to send it; they want it percent-encoded."""
    client.store("a.txt", b"", {"x-oss-meta-name": "文件 名.txt".encode()})
    assert client.head("a.txt").metadata == {"name": "文件 名.txt"}


def test_metadata_that_was_percent_encoded_stays_so(client: Verbs) -> None:
    client.store("a.txt", b"", {"x-oss-meta-name": quote("文件 名.txt")})
    assert client.head("a.txt").metadata == {"name": quote("文件 名.txt")}


@OSS2
def test_dots_in_a_key_are_no_path(client: Verbs) -> None:
    """The other SDKs resolve the dots before they send the request, after they have signed it."""
    for key in ("a/./b/../c", "../x", "a/.."):
        client.store(key, key.encode())
        assert client.read(key) == key.encode()
    assert client.page().keys == ["../x", "a/..", "a/./b/../c"]


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        pytest.param((0, 1), b"he", id="first bytes"),
        pytest.param((3, None), b"lo", id="from"),
        pytest.param((None, 2), b"lo", id="last bytes"),
        pytest.param((3, 99), b"hello", id="past the end: the whole"),
    ],
)
def test_range_gives_its_bytes(span: tuple[int | None, int | None], expected: bytes, client: Verbs) -> None:
    client.store("a", b"hello")
    assert client.read("a", span) == expected


def test_range_without_a_byte_is_refused(client: Verbs) -> None:
    client.store("a", b"hello")
    assert refusal(client.read, "a", (None, 0)) == (416, "InvalidRange")


def test_conditions_on_etag_and_time(client: Verbs) -> None:
    client.store("a", b"hello")
    assert client.read("a", if_match=f'"{ETAG}"', if_none_match='"other"') == b"hello"
    assert refusal(client.read, "a", if_match='"other"') == (412, "PreconditionFailed")
    assert refusal(client.read, "a", if_none_match=f'"{ETAG}"')[0] == 304
    with urllib.request.urlopen(client.url("GET", "a")) as response:
        modified = parsedate_to_datetime(response.headers["Last-Modified"])
    now, before = (format_datetime(time, usegmt=True) for time in (modified, modified - timedelta(seconds=1)))
    assert client.read("a", if_modified_since=before, if_unmodified_since=now) == b"hello"
    assert refusal(client.read, "a", if_modified_since=now)[0] == 304
    assert refusal(client.read, "a", if_unmodified_since=before) == (412, "PreconditionFailed")


def test_missing_object_is_the_sdk_s_own_error(client: Verbs) -> None:
    assert refusal(client.read, "missing") == (404, "NoSuchKey")
    assert refusal(client.acl, "missing") == (404, "NoSuchKey")
    assert not client.exists("missing")
    assert client.delete("missing") == 204


def test_refused_head_is_told_by_its_code(client: Verbs) -> None:
    """There is no body to read it from; the SDKs take `x-oss-err`."""
    assert refusal(client.head, "missing") == (404, "NoSuchKey")
    assert refusal(client.meta, "missing") == (404, "NoSuchKey")


def test_object_that_must_not_be_overwritten_is_left_alone(client: Verbs) -> None:
    client.store("a", b"old")
    assert refusal(client.store, "a", b"new", {"x-oss-forbid-overwrite": "true"}) == (409, "FileAlreadyExists")
    assert client.read("a") == b"old"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        pytest.param({"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, "InvalidDigest", id="MD5 of something else"),
        pytest.param({"x-oss-object-acl": "secret"}, "InvalidArgument", id="unknown ACL"),
        pytest.param({"x-oss-tagging": "a=1&a=2"}, "InvalidArgument", id="tag given twice"),
        pytest.param({"x-oss-server-side-encryption": "ROT13"}, "InvalidEncryptionAlgorithmError", id="encryption"),
    ],
)
def test_refused_upload_is_the_sdk_s_own_error(headers: dict[str, str], code: str, client: Verbs) -> None:
    assert refusal(client.store, "a", b"hello", headers) == (400, code)
    assert not client.exists("a")


def test_key_that_begins_with_a_slash_is_refused(client: Verbs) -> None:
    assert refusal(client.store, "/a", b"x") == (400, "InvalidObjectName")


def test_object_acl_is_set_and_read(client: Verbs) -> None:
    client.store("a", b"hello")
    assert client.acl("a") == "default"
    client.set_acl("a", "public-read")
    assert client.acl("a") == "public-read"
    assert refusal(client.set_acl, "a", "secret") == (400, "InvalidArgument")


def test_many_objects_are_deleted_at_once(client: Verbs) -> None:
    keys = ["a&b", "<c>", "d e", "f+g", "文", "missing"]
    for key in keys[:-1]:
        client.store(key, b"")
    assert sorted(client.delete_many(keys)) == sorted(keys)
    assert client.page().keys == []


def test_large_upload_with_a_wrong_secret_is_told_why_and_not_cut_off(make_verbs: MakeVerbs) -> None:
    client = make_verbs(secret="wrong")
    assert refusal(client.store, "a", b"x" * 20_000_000) == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize(
    ("key_id", "secret", "expected"),
    [
        pytest.param(KEY_ID, "wrong", (403, "SignatureDoesNotMatch"), id="wrong secret"),
        pytest.param("nobody", "wrong", (403, "InvalidAccessKeyId"), id="unknown key"),
    ],
)
def test_wrong_credentials_are_told_by_their_code(
    key_id: str, secret: str, expected: tuple[int, str], make_verbs: MakeVerbs
) -> None:
    client = make_verbs(key_id=key_id, secret=secret)
    for call in (client.read, client.head, client.delete):
        assert refusal(call, "a") == expected
    assert refusal(client.store, "a", b"") == expected
    assert refusal(client.buckets) == expected


def test_signed_url_serves_whoever_has_it(client: Verbs) -> None:
    client.store("测试 a+b", b"hello")
    url = client.url("GET", "测试 a+b", response_content_type="text/x-test", x_oss_traffic_limit="819200")
    with urllib.request.urlopen(url) as response:
        assert (response.read(), response.headers["Content-Type"]) == (b"hello", "text/x-test")
    assert send("GET", url + "x")[0] == 403
    assert send("PUT", url, b"other")[0] == 403
    assert client.read("测试 a+b") == b"hello"


# --- Anonymous clients and temporary credentials ----------------------------------------------------------------------


def test_public_bucket_is_read_and_written_without_a_signature(client: Verbs, make_verbs: MakeVerbs) -> None:
    anonymous = make_verbs(key_id="", secret="")
    assert refusal(anonymous.store, "a", b"hello") == (403, "AccessDenied")
    client.set_bucket_acl("examplebucket", "public-read-write")
    anonymous.store("a", b"hello")
    assert anonymous.read("a") == b"hello"
    assert refusal(anonymous.page) == (403, "AccessDenied")
    client.set_acl("a", "private")
    assert refusal(anonymous.read, "a") == (403, "AccessDenied")
    assert refusal(anonymous.head, "a") == (403, "AccessDenied")


def test_temporary_credentials_work_with_their_token_alone(make_verbs: MakeVerbs) -> None:
    client = make_verbs(*STS)
    client.store("a", b"hello")
    assert client.read("a") == b"hello"
    assert send("GET", client.url("GET", "a")) == (200, b"hello")
    without = make_verbs(*STS[:2])
    assert refusal(without.read, "a")[0] == 403
    wrong = make_verbs(*STS[:2], "another-token")
    assert refusal(wrong.read, "a") == (403, "InvalidSecurityToken")


# --- ali-oss ----------------------------------------------------------------------------------------------------------

VERSIONS = [pytest.param(False, id="V1"), pytest.param(True, id="V4")]


@pytest.mark.parametrize("v4", VERSIONS)
@pytest.mark.parametrize("sld", [pytest.param(False, id="rewritten Host"), pytest.param(True, id="bucket named twice")])
def test_ali_oss_takes_keys_of_every_kind(sld: bool, v4: bool, emulator: EmulatorThread, run_node: RunNode) -> None:
    keys = [str(key.values[0]) for key in KEYS]
    result = run_node(
        "run.js",
        ali_oss(emulator, authorizationV4=v4, sldEnable=sld),
        f"""
        const keys = {json.dumps(keys)};
        const read = [];
        for (const key of keys) {{
          await client.put(key, Buffer.from("hello " + key));
          read.push((await client.get(key)).content.toString());
        }}
        const listed = (await client.list()).objects.map((object) => object.name);
        const deleted = (await client.deleteMulti(keys)).deleted.map((object) => object.Key);
        return {{read, listed, deleted, left: (await client.list()).objects}};
        """,
    )
    assert result["read"] == ["hello " + key for key in keys]
    assert result["listed"] == sorted(keys, key=str.encode)
    assert sorted(result["deleted"]) == sorted(keys)
    assert not result.get("left")


@pytest.mark.parametrize("v4", VERSIONS)
def test_ali_oss_reads_what_is_said_of_an_object(v4: bool, emulator: EmulatorThread, run_node: RunNode) -> None:
    result = run_node(
        "run.js",
        ali_oss(emulator, authorizationV4=v4),
        """
        await client.put("a.txt", Buffer.from("hello"), {meta: {owner: "me"}, headers: {"x-oss-storage-class": "IA"}});
        const head = await client.head("a.txt");
        const meta = await client.getObjectMeta("a.txt");
        const part = await client.get("a.txt", {headers: {Range: "bytes=1-3"}});
        await client.putACL("a.txt", "public-read");
        return {
          meta: head.meta, type: head.res.headers["content-type"], kind: head.res.headers["x-oss-object-type"],
          etag: meta.res.headers.etag, size: meta.res.headers["content-length"],
          part: part.content.toString(), status: part.res.status, acl: (await client.getACL("a.txt")).acl,
          deleted: (await client.delete("a.txt")).res.status,
        };
        """,
    )
    assert result == {
        "meta": {"owner": "me"},
        "type": "text/plain",
        "kind": "Normal",
        "etag": f'"{ETAG}"',
        "size": "5",
        "part": "ell",
        "status": 206,
        "acl": "public-read",
        "deleted": 204,
    }


@pytest.mark.parametrize(
    ("call", "name", "status"),
    [
        pytest.param('client.get("missing")', "NoSuchKeyError", 404, id="missing object"),
        pytest.param('client.head("missing")', "NoSuchKeyError", 404, id="missing object, HEAD"),
        pytest.param('client.get("a", {headers: {"If-Match": "x"}})', "PreconditionFailedError", 412, id="condition"),
        pytest.param('client.get("a", {headers: {Range: "bytes=-0"}})', "InvalidRangeError", 416, id="no byte"),
        pytest.param('client.putACL("a", "secret")', "InvalidArgumentError", 400, id="unknown ACL"),
        pytest.param(
            'client.put("a", Buffer.from("x"), {headers: {"x-oss-forbid-overwrite": "true"}})',
            "FileAlreadyExistsError",
            409,
            id="overwriting forbidden",
        ),
        pytest.param(
            'client.put("a", Buffer.from("x"), {headers: {"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}})',
            "InvalidDigestError",
            400,
            id="MD5 of something else",
        ),
    ],
)
def test_ali_oss_throws_its_own_errors(
    call: str, name: str, status: int, emulator: EmulatorThread, run_node: RunNode
) -> None:
    script = f'await client.put("a", Buffer.from("hello")); return await {call};'
    error = run_node("run.js", ali_oss(emulator, authorizationV4=True), script)["error"]
    assert (error["name"], error["status"]) == (name, status)


@pytest.mark.parametrize("v4", VERSIONS)
def test_ali_oss_with_a_wrong_secret(v4: bool, emulator: EmulatorThread, run_node: RunNode) -> None:
    options = ali_oss(emulator, accessKeySecret="wrong", authorizationV4=v4)
    error = run_node("run.js", options, 'return await client.get("a");')["error"]
    assert (error["name"], error["status"]) == ("SignatureDoesNotMatchError", 403)


@pytest.mark.parametrize("v4", VERSIONS)
def test_ali_oss_with_temporary_credentials(v4: bool, emulator: EmulatorThread, run_node: RunNode) -> None:
    key_id, secret, token = STS
    options = ali_oss(emulator, accessKeyId=key_id, accessKeySecret=secret, stsToken=token, authorizationV4=v4)
    script = 'await client.put("a", Buffer.from("hello")); return (await client.get("a")).content.toString();'
    assert run_node("run.js", options, script) == "hello"


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param('client.signatureUrl("测试 a+b", {expires: 60})', id="V1"),
        pytest.param('await client.signatureUrlV4("GET", 60, {}, "测试 a+b")', id="V4"),
    ],
)
def test_url_signed_by_ali_oss_serves_whoever_has_it(
    expression: str, emulator: EmulatorThread, run_node: RunNode
) -> None:
    endpoint = emulator.endpoint.replace("127.0.0.1", "localhost")
    script = f'await client.put("测试 a+b", Buffer.from("hello")); return {expression};'
    assert send("GET", run_node("run.js", ali_oss(emulator, endpoint=endpoint, sldEnable=True), script)) == (
        200,
        b"hello",
    )
