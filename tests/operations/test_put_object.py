import base64
import json
from collections.abc import Iterator

import pytest

from tests.app_server import AppServer, encoded
from tests.client import OssClient, Response
from tests.storage.words import files_below, fill_disk

HELLO_ETAG = '"5D41402ABC4B2A76B9719D911017C592"'
HELLO_MD5 = "XUFAKrxLKna5cZ2REBfFkg=="
HELLO_CRC64 = "11177612005948864433"


async def test_answer_has_etag_crc_and_md5_and_no_body(oss: OssClient) -> None:
    response = await oss.put("dir/hello.txt", b"hello")
    assert (response.status, response.body) == (200, b"")
    assert response.headers["etag"] == HELLO_ETAG
    assert response.headers["x-oss-hash-crc64ecma"] == HELLO_CRC64
    assert response.headers["content-md5"] == HELLO_MD5


async def test_what_is_said_of_an_object_comes_back(oss: OssClient) -> None:
    said = {
        "Content-Type": "text/plain; charset=utf-8",
        "Cache-Control": "no-cache",
        "Content-Disposition": "attachment",
        "Content-Encoding": "identity",
        "Content-Language": "zh-CN",
        "Expires": "1000000",
        "x-oss-meta-owner": "me",
        "x-oss-meta-MIXED": "测试",
        "x-oss-storage-class": "IA",
        "x-oss-server-side-encryption": "AES256",
        "x-oss-tagging": "a=1&b=2",
    }
    assert (await oss.request("PUT", "/examplebucket/a", headers=said, body=b"hello")).status == 200
    response = await oss.get("a")
    for name, value in said.items():
        if name != "x-oss-tagging":
            assert response.headers[name.lower()] == value
    assert response.headers["x-oss-tagging-count"] == "2"
    assert response.headers["x-oss-object-type"] == "Normal"


async def test_empty_object_can_be_stored(oss: OssClient) -> None:
    assert (await oss.put("empty", b"")).headers["etag"] == '"D41D8CD98F00B204E9800998ECF8427E"'
    assert (await oss.get("empty")).body == b""


async def test_overwriting_forgets_what_was_said_before(oss: OssClient) -> None:
    await oss.put("a", b"old", x_oss_meta_owner="me", x_oss_object_acl="public-read")
    await oss.put("a", b"new")
    response = await oss.get("a")
    assert response.body == b"new"
    assert "x-oss-meta-owner" not in response.headers
    assert (await oss.request("GET", "/examplebucket/a?acl")).texts("AccessControlList/Grant") == ["default"]


@pytest.mark.parametrize(
    ("headers", "status", "code", "ec"),
    [
        pytest.param({"Content-MD5": HELLO_MD5}, 200, None, None, id="right MD5"),
        pytest.param(
            {"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, 400, "InvalidDigest", "0017-00000503", id="wrong MD5"
        ),
        pytest.param({"Content-MD5": "nonsense"}, 400, "InvalidDigest", "0017-00000502", id="malformed MD5"),
        pytest.param({"x-oss-hash-crc64ecma": HELLO_CRC64}, 200, None, None, id="right CRC"),
        pytest.param({"x-oss-hash-crc64ecma": "1"}, 400, "InvalidCRC64", None, id="wrong CRC"),
        pytest.param({"x-oss-object-acl": "secret"}, 400, "InvalidArgument", "0017-00000104", id="unknown ACL"),
        pytest.param({"x-oss-storage-class": "Attic"}, 400, "InvalidArgument", "0017-00000132", id="unknown class"),
        pytest.param({"x-oss-tagging": "a=1&a=2"}, 400, "InvalidArgument", None, id="tag given twice"),
        pytest.param(
            {"x-oss-server-side-encryption": "ROT13"}, 400, "InvalidEncryptionAlgorithmError", None, id="encryption"
        ),
        pytest.param({"x-oss-traffic-limit": "fast"}, 400, "InvalidArgument", None, id="speed limit"),
        pytest.param({"x-oss-forbid-overwrite": "maybe"}, 400, "InvalidArgument", "0017-00000279", id="neither"),
    ],
)
async def test_headers_are_judged_before_anything_is_stored(
    headers: dict[str, str], status: int, code: str | None, ec: str | None, oss: OssClient
) -> None:
    await oss.put("a", b"old")
    response = await oss.request("PUT", "/examplebucket/a", headers=headers, body=b"hello")
    assert (response.status, response.code, response.headers.get("x-oss-ec")) == (status, code, ec)
    assert (await oss.get("a")).body == (b"hello" if status == 200 else b"old")


async def test_existing_object_is_left_alone_when_overwriting_is_forbidden(oss: OssClient) -> None:
    assert (await oss.put("a", b"first", x_oss_forbid_overwrite="true")).status == 200
    response = await oss.put("a", b"second", x_oss_forbid_overwrite="true")
    assert (response.status, response.code) == (409, "FileAlreadyExists")
    assert (await oss.put("a", b"third", x_oss_forbid_overwrite="false")).status == 200
    assert (await oss.get("a")).body == b"third"


@pytest.mark.parametrize("name", ["If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"])
async def test_preconditions_are_ignored_with_a_warning(
    name: str, oss: OssClient, caplog: pytest.LogCaptureFixture
) -> None:
    response = await oss.request("PUT", "/examplebucket/a", headers={name: "nonsense"}, body=b"hello")
    assert response.status == 200
    assert f"{name.lower()} is ignored" in caplog.text


@pytest.mark.parametrize(
    ("target", "ec"),
    [
        pytest.param("/examplebucket//a", "0016-00000005", id="leading slash"),
        pytest.param("/examplebucket/%5Ca", "0016-00000005", id="leading backslash"),
        pytest.param("/examplebucket/" + "a" * 1024, "0016-00000003", id="1,024 bytes"),
        pytest.param("/examplebucket/%ff", "0016-00000004", id="not UTF-8"),
    ],
)
async def test_key_that_oss_does_not_take_is_refused(target: str, ec: str, oss: OssClient) -> None:
    response = await oss.request("PUT", target, body=b"hello")
    assert (response.status, response.code, response.headers["x-oss-ec"]) == (400, "InvalidObjectName", ec)


async def test_longest_key_is_taken(oss: OssClient) -> None:
    key = "%E6%B5%8B" * 341
    assert (await oss.put(key, b"hello")).status == 200
    assert (await oss.get(key)).body == b"hello"


# --- A full disk ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "fate"),
    [
        pytest.param(100, "keep-alive", id="in memory"),
        pytest.param(500_000, "keep-alive", id="in pieces"),
        pytest.param(20_000_000, "close", id="too long to be read to its end"),
    ],
)
async def test_full_disk_is_told_and_the_old_object_stays(
    size: int, fate: str, oss: OssClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await oss.put("a", b"old", x_oss_meta_owner="me")
    before = files_below(oss.emulator.data_dir)
    async with await oss.connect() as connection:
        with monkeypatch.context() as patched:
            fill_disk(patched, after_bytes=min(size - 1, 300_000))
            await connection.send(b"PUT /examplebucket/a HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
            await connection.send(bytes(size))
            response = await connection.receive()
        assert (response.status, response.code) == (500, "InsufficientStorage")
        assert response.message == "The disk that holds the data directory is full."
        assert "No space left on device. Nothing was stored" in response.headers["x-emulator-hint"]
        assert response.headers["connection"] == fate
        if fate == "keep-alive":
            await connection.send(b"GET /examplebucket/a HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await connection.receive()).body == b"old"
        else:
            assert await connection.reader.read() == b""
    assert files_below(oss.emulator.data_dir) == before
    assert (oss.emulator.data_dir / "buckets/examplebucket/a").read_bytes() == b"old"
    response = await oss.get("a")
    assert (response.body, response.headers["x-oss-meta-owner"]) == (b"old", "me")
    assert "Traceback" not in caplog.text
    assert (await oss.put("a", bytes(size))).status == 200  # there is room again


# --- The callback ---------------------------------------------------------------------------------------------------


@pytest.fixture
def app_server() -> Iterator[AppServer]:
    with AppServer() as server:
        yield server


async def put_with_callback(oss: OssClient, url: str, key: str = "a.txt", **parameters: object) -> Response:
    callback = {"callbackUrl": url, "callbackBody": "object=${object}&user=${x:user}", **parameters}
    return await oss.put(key, b"hello", x_oss_callback=encoded(callback), x_oss_callback_var=encoded({"x:user": "42"}))


async def test_answer_of_the_application_server_is_the_answer(oss: OssClient, app_server: AppServer) -> None:
    response = await put_with_callback(oss, app_server.url)
    assert (response.status, response.body) == (200, b'{"Status":"OK"}')
    assert response.headers["content-type"] == "application/json"
    assert response.headers["etag"] == HELLO_ETAG
    assert response.headers["content-md5"] == HELLO_MD5
    assert response.headers["x-oss-hash-crc64ecma"] == HELLO_CRC64
    (received,) = app_server.received
    assert received.is_signed
    assert received.body == b"object=a.txt&user=42"
    assert received.headers["x-oss-request-id"] == response.headers["x-oss-request-id"]


async def test_callback_in_the_query_is_the_same_as_in_headers(oss: OssClient, app_server: AppServer) -> None:
    callback = encoded({"callbackUrl": app_server.url, "callbackBody": "object=${object}"})
    response = await oss.request("PUT", f"/examplebucket/a.txt?callback={callback}", body=b"hello")  # + and = as is
    assert (response.status, response.body) == (200, b'{"Status":"OK"}')
    assert app_server.received[0].body == b"object=a.txt"


async def test_failed_callback_is_a_203_and_the_object_stays(oss: OssClient, app_server: AppServer) -> None:
    app_server.status = 404
    response = await put_with_callback(oss, app_server.url)
    assert (response.status, response.code, response.message) == (203, "CallbackFailed", "Error status : 404.")
    assert response.headers["content-type"] == "application/xml"
    assert response.headers["x-oss-ec"] == "0007-00000203"
    assert response.headers["etag"] == HELLO_ETAG
    assert "404" in response.headers["x-emulator-hint"]
    assert (await oss.get("a.txt")).body == b"hello"


async def test_bad_callback_stores_nothing(oss: OssClient) -> None:
    response = await put_with_callback(oss, "http://127.0.0.1:1/", callbackSNI="true")
    assert (response.status, response.code) == (400, "InvalidArgument")
    assert response.message == "The callback sni is invalid."
    assert response.xml.findtext("ArgumentName") == "callback"
    assert "JSON boolean" in response.headers["x-emulator-hint"]
    assert (await oss.get("a.txt")).status == 404


async def test_callback_in_header_and_query_at_once_is_refused(oss: OssClient) -> None:
    callback = encoded({"callbackUrl": "http://127.0.0.1:1/", "callbackBody": "a"})
    response = await oss.request(
        "PUT", f"/examplebucket/a?callback={callback}", headers={"x-oss-callback": callback}, body=b"hello"
    )
    assert (response.status, response.headers["x-oss-ec"]) == (400, "0007-00000027")


async def test_refused_upload_calls_nobody_back(oss: OssClient, app_server: AppServer) -> None:
    callback = encoded({"callbackUrl": app_server.url, "callbackBody": "a"})
    await oss.put("a", b"hello")
    refused = await oss.put("a", b"hello", x_oss_callback=callback, x_oss_forbid_overwrite="true")
    assert refused.status == 409
    assert app_server.received == []
    assert json.loads((await oss.request("GET", "/_emulator/callbacks")).body)["callbacks"] == []


async def test_every_callback_is_recorded_as_it_was_sent(oss: OssClient, app_server: AppServer) -> None:
    response = await put_with_callback(oss, f"{app_server.url}?a=%41", key="dir/a.txt")
    (record,) = json.loads((await oss.request("GET", "/_emulator/callbacks")).body)["callbacks"]
    assert record["id"] == response.headers["x-oss-request-id"]
    assert (record["bucket"], record["object"], record["operation"]) == ("examplebucket", "dir/a.txt", "PutObject")
    assert (record["outcome"], record["status"]) == ("success", 200)
    assert record["body"] == "object=dir%2Fa.txt&user=42"
    assert record["string_to_sign"] == "/notify?a=%41\nobject=dir%2Fa.txt&user=42"
    (attempt,) = record["attempts"]
    assert attempt["url"] == f"{app_server.url}?a=%41"
    assert attempt["request"]["line"] == "POST /notify?a=%41 HTTP/1.1" == app_server.received[0].line
    sent = {name.lower(): value for name, value in attempt["request"]["headers"]}
    assert sent == app_server.received[0].headers
    assert (attempt["response"]["status"], attempt["response"]["body"]) == (200, '{"Status":"OK"}')


async def test_image_size_is_read_from_the_bytes(oss: OssClient, app_server: AppServer) -> None:
    pixel = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
    body = "w=${imageInfo.width}&h=${imageInfo.height}&f=${imageInfo.format}"
    callback = encoded({"callbackUrl": app_server.url, "callbackBody": body})
    await oss.put("pixel.gif", pixel, x_oss_callback=callback)
    await oss.put("text.gif", b"no image", x_oss_callback=callback)
    assert [received.body for received in app_server.received] == [b"w=1&h=1&f=gif", b"w=&h=&f="]


async def test_receiver_of_the_emulator_can_be_called_back(oss: OssClient) -> None:
    response = await put_with_callback(oss, f"{oss.endpoint}/_emulator/receiver")
    assert (response.status, response.body) == (200, b'{"Status":"OK"}')
    response = await put_with_callback(oss, f"{oss.endpoint}/_emulator/receiver?status=500")
    assert (response.status, response.message) == (203, "Error status : 500.")


async def test_success_that_is_hardly_meant_carries_a_hint(oss: OssClient, app_server: AppServer) -> None:
    response = await put_with_callback(oss, app_server.url, callbackBody="object=${object}&name=${x:nmae}")
    assert response.status == 200
    assert "x:nmae" in response.headers["x-emulator-hint"]
