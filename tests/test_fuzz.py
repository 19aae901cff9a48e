"""Some thousand random requests, hostile ones among them: an answer, never a 500, never a file outside the data."""

import asyncio
import random
from pathlib import Path

import pytest

from emulator import Config
from tests.client import Connection, OssClient

REQUESTS = 3000
CONNECTIONS = 100

METHODS = ["GET", "PUT", "HEAD", "DELETE", "POST", "OPTIONS", "PATCH", "TRACE", "PROPFIND"]
SEGMENTS = [
    *("a", "b.txt", "..", ".", "", "%2e%2e", "%2F", "%2f..%2f", "%00", "%ff%fe", "%C3%28", "+", "%2B", "~", "*", "'"),
    *("%E6%B5%8B%E8%AF%95", "%F0%9F%98%80" * 20, "x" * 300, "y" * 1100, "%5c", "con", "\\", "%", "%zz", "%25", "a%0Ab"),
    *("_emulator", "examplebucket", "etc", "passwd", "%0d%0aX-Injected:%201", "<x>", '"', "&amp;", ";", ":", "@", "|"),
]
QUERIES = [
    *("acl", "uploads", "uploadId=x", "partNumber=1", "partNumber=0", "versionId=", "versionId=null", "delete"),
    *("list-type=2", "list-type=3", "prefix=%00", "prefix=%ff", "marker=" + "m" * 2000, "max-keys=0", "max-keys=-1"),
    *("max-keys=1e9", "max-keys=%F0%9F%98%80", "delimiter=//", "delimiter=/", "encoding-type=url", "encoding-type=x"),
    *("continuation-token=x", "continuation-token=CgJiYw--", "append", "position=x", "callback=%00", "callback=e30="),
    *(
        "response-content-type=a%0d%0ab",
        "response-expires=%ff",
        "OSSAccessKeyId=x",
        "Signature=y",
        "Expires=1",
        "=",
        "&",
    ),
    *("x-oss-signature-version=OSS4-HMAC-SHA256", "x-oss-credential=a/b/c", "x-oss-process=image/info", "stat", "cors"),
]
HEADERS = [
    *("Range: bytes=0-", "Range: bytes=-0", "Range: bytes=9999999999999999999999-", "Range: x", "If-Match: *"),
    *("If-Modified-Since: yesterday", 'If-None-Match: "', "Content-MD5: x", "Content-MD5: AAAAAAAAAAAAAAAAAAAAAA=="),
    *("x-oss-hash-crc64ecma: -1", "x-oss-hash-crc64ecma: 99999999999999999999999", "x-oss-forbid-overwrite: maybe"),
    *("x-oss-object-acl: secret", "x-oss-acl: secret", "x-oss-storage-class: Attic", "x-oss-tagging: a=1&a=2"),
    *("x-oss-meta-a: \xff\xfe", "x-oss-meta-b: " + "z" * 9000, "x-oss-callback: !!!", "x-oss-callback: e30="),
    *("x-oss-callback-var: W10=", "x-oss-persistent-headers: a:b", "Authorization: OSS x", "Authorization: AWS4 x"),
    *("Authorization: OSS4-HMAC-SHA256 Credential=/////", "Authorization: OSS2 ,,,", "Host: ", "Host: ..", "Expect: x"),
    *("Origin: null", "Content-Type: multipart/form-data", "x-oss-copy-source: /../x", "Date: tomorrow"),
    *("x-oss-server-side-encryption: ROT13", "Content-Encoding: gzip", "Accept-Encoding: gzip", "Cookie: a=b"),
]
BODIES = [
    b"",
    b"hello",
    b"\x00" * 1000,
    b"<Delete><Object><Key>a</Key></Object></Delete>",
    b"<Delete><Object/></Delete>",
    b"<a>" * 5000,
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><Delete>&b;</Delete>',
    b'<?xml version="1.0" encoding="no-such"?><Delete/>',
    b"\xff\xfe<\x00D\x00",
    b"<CreateBucketConfiguration><LocationConstraint>mars</LocationConstraint></CreateBucketConfiguration>",
]


def random_request(chance: random.Random) -> tuple[str, bytes]:
    method = chance.choice(METHODS)
    bucket = chance.choice(["examplebucket", "examplebucket", "examplebucket", "nosuchbucket", "UP", "", "..", "%00"])
    path = "/" + "/".join([bucket, *chance.choices(SEGMENTS, k=chance.randrange(4))])
    if chance.random() < 0.05:
        path = chance.choice(
            ["*", "http://examplebucket.localhost/a", "http://", "http:///", "//", "/_emulator/health/x"]
        )
    if chance.random() < 0.5:
        path += "?" + "&".join(chance.choices(QUERIES, k=chance.randrange(1, 4)))
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *chance.choices(HEADERS, k=chance.randrange(4))]
    body = b""
    if chance.random() < 0.6:
        body = chance.choice(BODIES)
        if chance.random() < 0.3:
            lines.append("Transfer-Encoding: chunked")
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        else:
            lines.append(f"Content-Length: {len(body)}")
    return method, "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


@pytest.mark.slow
async def test_random_requests_are_answered_and_touch_nothing_outside(
    oss: OssClient, config: Config, tmp_path: Path
) -> None:
    chance = random.Random(20241122)
    statuses: dict[int, int] = {}
    for _ in range(CONNECTIONS):
        connection: Connection | None = None
        for _ in range(REQUESTS // CONNECTIONS):
            connection = connection or await oss.connect()
            method, request = random_request(chance)
            await connection.send(request)
            response = await connection.receive(method)
            statuses[response.status] = statuses.get(response.status, 0) + 1
            assert response.status < 500 or response.code == "NotImplemented" or method == "HEAD", (request, response)
            assert response.status in (200, 204, 206, 304, 501) or 400 <= response.status < 500, (request, response)
            assert "x-injected" not in response.headers
            if response.headers["connection"] == "close":
                await connection.close()
                connection = None
        if connection:
            await connection.close()
    assert len(statuses) >= 6, f"the requests are too much alike: {statuses}"
    assert await asyncio.to_thread(lambda: list(tmp_path.iterdir())) == [config.storage.data_dir]
    assert (await oss.put("still-alive", b"yes")).status == 200
    assert (await oss.get("still-alive")).body == b"yes"
