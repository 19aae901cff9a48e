import asyncio
import base64
from collections.abc import Awaitable, Callable
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from emulator.config import Auth, Limits, Server
from tests.client import OssClient
from tests.conftest import HeldClock

MakeOss = Callable[..., Awaitable[OssClient]]


async def test_every_answer_carries_the_common_headers(make_oss: MakeOss, clock: HeldClock) -> None:
    oss = await make_oss(clock=clock)
    response = await oss.put("a.txt", b"hello")
    assert response.status == 200
    assert response.headers["server"] == "AliyunOSS"
    assert response.headers["date"] == "Sat, 01 Jun 2024 12:00:00 GMT"
    assert response.headers["connection"] == "keep-alive"
    assert response.headers["content-length"] == "0"
    assert response.headers["x-oss-server-time"].isdigit()
    assert len(response.headers["x-oss-request-id"]) == 24
    assert int(response.headers["x-oss-request-id"][:8], 16) == int(clock.now().timestamp())


async def test_refusal_is_xml_with_the_elements_in_order(oss: OssClient) -> None:
    response = await oss.get("missing")
    assert response.status == 404
    assert response.headers["content-type"] == "application/xml"
    assert response.headers["x-oss-ec"] == "0026-00000001"
    assert [(element.tag, element.text) for element in response.xml] == [
        ("Code", "NoSuchKey"),
        ("Message", "The specified key does not exist."),
        ("RequestId", response.headers["x-oss-request-id"]),
        ("HostId", "127.0.0.1"),
        ("Key", "missing"),
        ("EC", "0026-00000001"),
        ("RecommendDoc", "https://api.aliyun.com/troubleshoot?q=0026-00000001"),
    ]


async def test_refused_head_carries_its_document_in_a_header(oss: OssClient) -> None:
    response = await oss.request("HEAD", "/examplebucket/missing")
    assert response.status == 404
    assert response.body == b""
    document = ElementTree.fromstring(base64.b64decode(response.headers["x-oss-err"]))
    assert document.findtext("Code") == "NoSuchKey"
    assert response.headers["x-oss-ec"] == "0026-00000001"


async def test_missing_bucket_is_told_before_any_signature_is_looked_at(make_oss: MakeOss) -> None:
    oss = await make_oss(auth=Auth())
    response = await oss.request("GET", "/nosuchbucket/a", headers={"Authorization": "OSS nobody:nothing"})
    assert (response.status, response.code) == (404, "NoSuchBucket")
    assert response.xml.findtext("BucketName") == "nosuchbucket"


async def test_hint_is_one_line_of_ascii(oss: OssClient) -> None:
    response = await oss.request("PUT", "/b%C3%BCcket/a", body=b"")
    assert response.status == 404 or response.status == 400
    hint = response.headers["x-emulator-hint"]
    assert hint.isascii() and hint.isprintable()
    assert "3 to 63" in unquote(hint)


@pytest.mark.parametrize(
    ("target", "host"),
    [
        pytest.param("/examplebucket/dir/a.txt", "127.0.0.1:8280", id="path style on an IP address"),
        pytest.param("/examplebucket/dir/a.txt", "localhost:8280", id="path style on localhost"),
        pytest.param("/dir/a.txt", "examplebucket.localhost:8280", id="virtual host below localhost"),
        pytest.param("/dir/a.txt", "examplebucket.oss.localhost", id="virtual host below oss.localhost"),
        pytest.param("/dir/a.txt", "examplebucket.oss-cn-hangzhou.aliyuncs.com", id="the real name in Host"),
        pytest.param("/dir/a.txt", "examplebucket.oss-eu-west-1-internal.aliyuncs.com", id="internal, other region"),
        pytest.param("/dir/a.txt", "examplebucket.emulator:8280", id="virtual host in a container network"),
        pytest.param("/dir/a.txt", "img.example.com", id="CNAME"),
        pytest.param("/dir/a.txt", "examplebucket.s3.test", id="configured service name"),
        pytest.param("http://examplebucket.oss-cn-hangzhou.aliyuncs.com/dir/a.txt", "127.0.0.1", id="as a proxy"),
        pytest.param("/dir%2Fa.txt", "examplebucket.localhost", id="encoded slash"),
    ],
)
async def test_object_is_found_under_every_address(target: str, host: str, make_oss: MakeOss) -> None:
    server = Server(host="127.0.0.1", port=0, cnames={"img.example.com": "examplebucket"}, service_names=("s3.test",))
    oss = await make_oss(server=server)
    await oss.put("dir/a.txt", b"hello")
    response = await oss.request("GET", target, headers={"Host": host})
    assert (response.status, response.body) == (200, b"hello")


async def test_keys_are_not_normalised(oss: OssClient) -> None:
    keys = ["a", "a/", "a/b", "a//b", "a/./b", "a/../b", "../x", "a%2F%2Fc", "A", "%2B", "%20", "..", "."]
    for number, key in enumerate(keys):
        assert (await oss.put(key, str(number))).status == 200
    assert [(await oss.get(key)).body for key in keys] == [str(number).encode() for number in range(len(keys))]
    assert (await oss.get("+")).body == b"10"  # a plus is a space


async def test_operation_that_is_not_emulated_names_itself(oss: OssClient) -> None:
    response = await oss.request("GET", "/examplebucket?replication")
    assert (response.status, response.code) == (501, "NotImplemented")
    assert response.message is not None and "GetBucketReplication" in response.message
    assert "x-emulator-hint" in response.headers


async def test_unknown_method_is_not_allowed(oss: OssClient) -> None:
    response = await oss.request("PATCH", "/examplebucket/a")
    assert (response.status, response.code) == (405, "MethodNotAllowed")
    assert "PUT" in response.headers["allow"]
    assert response.xml.findtext("Method") == "PATCH"


# --- HTTP -----------------------------------------------------------------------------------------------------------


async def test_connection_is_kept_and_requests_may_be_pipelined(oss: OssClient) -> None:
    async with await oss.connect() as connection:
        await connection.send(
            b"PUT /examplebucket/a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
            b"GET /examplebucket/a HTTP/1.1\r\nHost: x\r\n\r\n"
            b"GET /examplebucket/b HTTP/1.1\r\nHost: x\r\n\r\n"
            b"HEAD /examplebucket/a HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        answers = [await connection.receive(method) for method in ("PUT", "GET", "GET", "HEAD")]
    assert [answer.status for answer in answers] == [200, 200, 404, 200]
    assert answers[1].body == b"one"


async def test_refused_upload_leaves_the_connection_usable(oss: OssClient) -> None:
    async with await oss.connect() as connection:
        await connection.send(
            b"PUT /examplebucket/a HTTP/1.1\r\nHost: x\r\nx-oss-object-acl: secret\r\nContent-Length: 5\r\n\r\n"
        )
        assert (await connection.receive()).status == 400
        await connection.send(b"helloGET /examplebucket/a HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await connection.receive()).status == 404


async def test_body_is_invited_only_when_it_is_wanted(oss: OssClient) -> None:
    head = b"PUT /examplebucket/a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n"
    async with await oss.connect() as connection:
        await connection.send(head + b"x-oss-object-acl: secret\r\n\r\n")
        refused = await connection.receive()
        assert (refused.status, refused.headers["connection"]) == (400, "close")
    async with await oss.connect() as connection:
        await connection.send(head + b"\r\n")
        assert (await connection.receive()).status == 100
        await connection.send(b"hello")
        assert (await connection.receive()).status == 200
    assert (await oss.get("a")).body == b"hello"


async def test_chunked_body_is_stored_whole(oss: OssClient) -> None:
    response = await oss.request(
        "PUT",
        "/examplebucket/a",
        headers={"Transfer-Encoding": "chunked"},
        body=b"3\r\nhel\r\n2;extension=1\r\nlo\r\n0\r\n\r\n",
    )
    assert response.status == 200
    assert (await oss.get("a")).body == b"hello"


async def test_body_without_length_is_refused(oss: OssClient) -> None:
    response = await oss.request("PUT", "/examplebucket/a")
    assert (response.status, response.code) == (411, "MissingContentLength")


async def test_cut_off_body_stores_nothing(oss: OssClient) -> None:
    await oss.put("a", b"old")
    connection = await oss.connect()
    await connection.send(
        b"PUT /examplebucket/a HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n" + b"n" * 300_000
    )
    await connection.close()
    await asyncio.sleep(0)
    assert (await oss.get("a")).body == b"old"


async def test_stalled_body_is_refused(make_oss: MakeOss) -> None:
    oss = await make_oss(server=Server(host="127.0.0.1", port=0, idle_timeout_seconds=0.05))
    async with await oss.connect() as connection:
        await connection.send(b"PUT /examplebucket/a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello")
        response = await connection.receive()
    assert (response.status, response.code) == (400, "RequestTimeout")
    assert (await oss.get("a")).status == 404


async def test_too_long_a_body_is_refused_before_it_is_read(make_oss: MakeOss) -> None:
    oss = await make_oss(limits=Limits(max_object_bytes=10))
    response = await oss.put("a", b"hello hello")
    assert (response.status, response.code) == (400, "EntityTooLarge")


async def test_too_long_a_chunked_body_is_refused_while_it_comes(make_oss: MakeOss) -> None:
    oss = await make_oss(limits=Limits(max_object_bytes=10))
    response = await oss.request(
        "PUT", "/examplebucket/a", headers={"Transfer-Encoding": "chunked"}, body=b"b\r\nhello hello\r\n0\r\n\r\n"
    )
    assert (response.status, response.code) == (400, "EntityTooLarge")
    assert (await oss.get("a")).status == 404


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(b"NONSENSE\r\n\r\n", id="no request line"),
        pytest.param(b"GET /a HTTP/9.9\r\nHost: x\r\n\r\n", id="unknown version"),
        pytest.param(b"GET /a HTTP/1.1\r\nHost x\r\n\r\n", id="header without a colon"),
        pytest.param(b"GET /a HTTP/1.1\r\nHost: x\r\nx-oss-meta-a: " + b"z" * 70_000 + b"\r\n\r\n", id="giant header"),
        pytest.param(b"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", id="negative length"),
        pytest.param(b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", id="raw bytes in the target"),
    ],
)
async def test_what_is_no_http_is_refused_in_xml(request_bytes: bytes, oss: OssClient) -> None:
    async with await oss.connect() as connection:
        await connection.send(request_bytes)
        response = await connection.receive()
    assert (response.status, response.code) == (400, "BadRequest")
    assert len(response.headers["x-oss-request-id"]) == 24
    assert response.headers["connection"] == "close"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_body_that_is_declared_and_not_sent_does_not_take_the_next_request(method: str, oss: OssClient) -> None:
    async with await oss.connect() as connection:
        await connection.send(f"{method} /examplebucket HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n".encode())
        head = await connection.reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nConnection: close\r\n" in head


async def test_http_1_0_is_answered_and_closed(oss: OssClient) -> None:
    async with await oss.connect() as connection:
        await connection.send(b"GET /examplebucket/missing HTTP/1.0\r\nHost: x\r\n\r\n")
        response = await connection.receive()
        assert (response.status, response.headers["connection"]) == (404, "close")
        assert await connection.reader.read() == b""


async def test_large_object_goes_in_and_out_unchanged(oss: OssClient) -> None:
    body = bytes(range(256)) * 20_000
    assert (await oss.put("large", body)).status == 200
    assert (await oss.get("large")).body == body
    assert (await oss.get("large", Range="bytes=1000000-4000000")).body == body[1_000_000:4_000_001]


async def test_reader_who_leaves_disturbs_nobody(oss: OssClient) -> None:
    await oss.put("large", b"x" * 20_000_000)
    connection = await oss.connect()
    await connection.send(b"GET /examplebucket/large HTTP/1.1\r\nHost: x\r\n\r\n")
    await connection.reader.read(1000)
    await connection.close()
    assert (await oss.get("large", Range="bytes=0-4")).body == b"xxxxx"


@pytest.mark.parametrize(
    ("method", "target", "status", "code"),
    [
        pytest.param("PUT", "/NoBucketName", 400, "InvalidBucketName", id="a name is judged before any signature"),
        pytest.param("PUT", "/missing-bucket", 403, "InvalidAccessKeyId", id="making a bucket"),
        pytest.param("PUT", "/missing-bucket?acl", 403, "InvalidAccessKeyId", id="the ACL of a bucket"),
        pytest.param("GET", "/missing-bucket?acl", 404, "NoSuchBucket", id="reading it"),
    ],
)
async def test_order_of_checks_of_bucket_and_signature(
    method: str, target: str, status: int, code: str, make_oss: MakeOss, clock: HeldClock
) -> None:
    oss = await make_oss(auth=Auth(), clock=clock)
    headers = {"Authorization": "OSS nobody:c2lnbmF0dXJl", "Date": "Sat, 01 Jun 2024 12:00:00 GMT"}
    response = await oss.request(method, target, headers=headers)
    assert (response.status, response.code) == (status, code)


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        pytest.param("PUT", "/another-bucket", 200, id="a bucket that is yet to be made"),
        pytest.param("POST", "/another-bucket?delete", 400, id="a POST that only buckets take: no body"),
        pytest.param("PUT", "/another-bucket/a", 404, id="an object in a missing bucket"),
        pytest.param("PATCH", "/another-bucket", 405, id="a method that nobody takes"),
    ],
)
async def test_bucket_named_by_host_and_path(method: str, target: str, status: int, oss: OssClient) -> None:
    headers = {"Host": "another-bucket.oss-cn-hangzhou.aliyuncs.com"}
    if method == "POST":
        await oss.request("PUT", "/another-bucket")
    response = await oss.request(method, target, headers=headers, body=b"")
    assert response.status == status
