"""Some thousand random requests, hostile ones among them: an answer, never a 500, never a file outside the data."""

import asyncio
import random
from pathlib import Path
from typing import Literal

import pytest

from emulator import Config
from emulator.config import Auth
from tests.client import Connection, OssClient
from tests.conftest import MakeOss
from tests.forms import BOUNDARY, CONTENT_TYPE, encoded_policy, form, part, policy, post

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
    *(
        "Origin: null",
        "Content-Type: multipart/form-data",
        f"Content-Type: {CONTENT_TYPE}",
        "x-oss-copy-source: /../x",
        "Date: tomorrow",
    ),
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
    form(
        {"key": "../${filename}", "policy": "e30=", "success_action_redirect": "a\r\nX-Injected: 1"}, filename="/../x"
    ),
    form({"key": b"\xff", "callback": "!", "x:a": b"\xff"})[:-4],
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


FORMS = 1500
FIELDS = [
    *(("key", "a/${filename}"), ("key", "/"), ("key", b"\xff"), ("key", ""), ("KEY", "x" * 1100), ("key", "a\r\nb: c")),
    *(
        ("policy", policy({"key": "a"})),
        ("policy", "e30="),
        ("policy", encoded_policy("[" * 9999)),
        ("policy", b"\xff"),
    ),
    *(("policy", policy({"\ud800": "\udfff"}, expiration="2099-01-01T00:00:00Z")), ("policy", "")),
    *(
        ("policy", policy(["content-length-range", 1, 9**99], expiration="2099-01-01T00:00:00Z")),
        ("Signature", b"\x00"),
    ),
    *(("OSSAccessKeyId", "emulator"), ("OSSAccessKeyId", b"\xff"), ("Signature", "x"), ("x-oss-signature", "x")),
    *(("x-oss-signature-version", "OSS4-HMAC-SHA256"), ("x-oss-signature-version", b"\xff"), ("x-oss-date", "x")),
    *(("x-oss-credential", "////"), ("x-oss-credential", "emulator/20240601/\xff/oss/aliyun_v4_request")),
    *(
        ("callback", "!"),
        ("callback", "e30="),
        ("callback", b"\xff"),
        ("x:a", b"\xff"),
        ("x:", ""),
        ("callback-var", ""),
    ),
    *(("success_action_status", "201"), ("success_action_redirect", "a\r\nX-Injected: 1"), ("x-oss-object-acl", "x")),
    *(("x-oss-meta-a", b"\x00"), ("x-oss-meta-" + "a" * 9000, "x"), ("x-oss-forbid-overwrite", "maybe"), ("", "")),
    *(("x-oss-content-type", b"\xff"), ("Expires", "\n"), ("file", "not the last"), ("\r\nX-Injected: 1", "x")),
]


def random_form(chance: random.Random) -> bytes:
    """A form of random fields, more often than not damaged: cut off, with bytes changed, or with parts in disorder."""
    fields = chance.choices(FIELDS, k=chance.randrange(6))
    body = form(
        [("key", "ok"), *fields] if chance.random() < 0.5 else fields,
        chance.choice([b"hello", b"", b"\r\n--", None]),
        filename=chance.choice(["a.txt", "../../x", "", None, "a%22%0D%0Ab", "C:\\x"]),
        content_type=chance.choice(["text/plain", "multipart/mixed; boundary=" + BOUNDARY, "\x7f", None]),
        late=chance.choices(FIELDS, k=chance.randrange(2)),
    )
    damage = chance.randrange(6)
    if damage == 0:
        return body[: chance.randrange(len(body) - len("\r\n"))]
    if damage == 1:
        position = chance.randrange(len(body))
        return body[:position] + chance.randbytes(chance.randrange(1, 4)) + body[position + 1 :]
    if damage == 2:
        return part("a", "b") + chance.choice([b"", b"\r\n", b"--", b"\n"]) + body
    return body.replace(b"\r\n", b"\n") if damage == 3 else body


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["off", "verify"])
async def test_random_forms_are_answered_and_a_refused_one_stores_nothing(
    mode: Literal["off", "verify"], make_oss: MakeOss, config: Config, tmp_path: Path
) -> None:
    oss = await make_oss(auth=Auth(mode=mode))
    tree = config.storage.data_dir / "buckets/examplebucket"
    chance = random.Random(20241124)
    statuses: dict[int, int] = {}
    for _ in range(FORMS // 2):
        body = random_form(chance)
        response = await post(oss, body)
        statuses[response.status] = statuses.get(response.status, 0) + 1
        assert response.status in (200, 201, 204) or 400 <= response.status < 500, (body, response)
        assert "x-injected" not in response.headers
        if response.status >= 400:
            assert b"<Code>" in response.body, (body, response)
            assert list(tree.iterdir()) == [], (body, response)
        else:
            await oss.request("POST", "/_emulator/reset")
    assert len(statuses) >= (4 if mode == "off" else 2), f"the forms are too much alike: {statuses}"
    assert await asyncio.to_thread(lambda: list(tmp_path.iterdir())) == [config.storage.data_dir]
