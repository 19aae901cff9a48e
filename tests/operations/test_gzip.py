"""Answers that are compressed on their way, for clients that ask for exactly that."""

import asyncio
import gzip
from urllib.parse import urlsplit

import pytest
from msgspec import structs

from emulator import Config
from emulator.config import FaultAction, FaultOccasion, FaultRule
from tests.client import Connection, OssClient, Response
from tests.conftest import MakeOss

TEXT = b"All work and no play makes Jack a dull boy.\n" * 60
LONG = b"".join(b"line %d of a long text\n" % number for number in range(200_000))  # 5 MB: several pieces


async def get(oss: OssClient, key: str = "a.txt", version: str = "1.1", query: str = "", **headers: str) -> Response:
    """GetObject with the body as it was sent, out of its chunks if it came in some."""
    async with await oss.connect() as connection:
        return await get_on(connection, oss, key, version, query, **headers)


async def get_on(
    connection: Connection, oss: OssClient, key: str, version: str = "1.1", query: str = "", **headers: str
) -> Response:
    fields = {"Host": urlsplit(oss.endpoint).netloc, "Accept-Encoding": "gzip"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    await connection.send(f"GET /examplebucket/{key}{query} HTTP/{version}\r\n{lines}\r\n".encode())
    head = await connection.receive("HEAD")
    reader = connection.reader
    if "content-length" in head.headers:
        return head._replace(body=await reader.readexactly(int(head.headers["content-length"])))
    if head.headers.get("transfer-encoding") != "chunked":
        return head._replace(body=await reader.read())
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += await reader.readexactly(size)
        assert await reader.readexactly(2) == b"\r\n"
    assert await reader.readexactly(2) == b"\r\n"
    return head._replace(body=body)


async def test_text_is_compressed_for_a_client_that_asks_for_it(oss: OssClient) -> None:
    await oss.put("a.txt", TEXT, Content_Type="text/plain", x_oss_meta_owner="me")
    plain = await oss.get("a.txt")
    answer = await get(oss)
    assert (answer.status, answer.headers["content-encoding"]) == (200, "gzip")
    assert answer.headers["transfer-encoding"] == "chunked"
    for name in ("content-length", "etag", "content-md5"):
        assert name not in answer.headers
    for name in ("x-oss-hash-crc64ecma", "content-type", "last-modified", "x-oss-meta-owner", "x-oss-object-type"):
        assert answer.headers[name] == plain.headers[name]
    assert gzip.decompress(answer.body) == plain.body == TEXT
    assert len(answer.body) < len(TEXT) / 5


@pytest.mark.parametrize(
    "content_type",
    [
        "text/cache-manifest",
        "text/xml",
        "text/css",
        "text/json",
        "application/javascript",
        "application/x-javascript",
        "application/rss+xml",
        "application/json",
        "application/json; charset=utf-8",
        "Text/Plain",
    ],
)
async def test_what_is_text(content_type: str, oss: OssClient) -> None:
    await oss.put("a.txt", TEXT, Content_Type=content_type)
    answer = await get(oss)
    assert answer.headers["content-type"] == content_type
    assert gzip.decompress(answer.body) == TEXT


@pytest.mark.parametrize(
    ("stored", "asked", "body"),
    [
        pytest.param({"Content_Type": "text/html"}, {}, TEXT, id="another type"),
        pytest.param({}, {}, TEXT, id="no type"),
        pytest.param({"Content_Type": "text/plain"}, {}, TEXT[:1023], id="too short"),
        pytest.param({"Content_Type": "text/plain", "Content_Encoding": "br"}, {}, TEXT, id="encoded already"),
        pytest.param({"Content_Type": "text/plain"}, {"Range": f"bytes=0-{len(TEXT) - 1}"}, TEXT, id="range"),
        pytest.param({"Content_Type": "text/plain"}, {"Range": "nonsense"}, TEXT, id="no range that is met"),
        pytest.param({"Content_Type": "text/plain"}, {"Accept_Encoding": "identity"}, TEXT, id="not asked for"),
        pytest.param(
            {"Content_Type": "text/plain"},
            {"Accept_Encoding": "gzip, deflate, br"},
            TEXT,
            id="among others",
            marks=pytest.mark.guess,
        ),
    ],
)
async def test_what_is_not_compressed(
    stored: dict[str, str], asked: dict[str, str], body: bytes, oss: OssClient
) -> None:
    await oss.put("a.txt", body, **stored)
    answer = await get(oss, **asked)
    assert (answer.headers["content-length"], answer.body) == (str(len(body)), body)
    assert answer.headers.get("content-encoding") == stored.get("Content_Encoding")
    assert "etag" in answer.headers


async def test_shortest_that_is_compressed(oss: OssClient) -> None:
    await oss.put("a.txt", TEXT[:1024], Content_Type="text/plain")
    assert gzip.decompress((await get(oss, Accept_Encoding=" GZIP ")).body) == TEXT[:1024]


async def test_head_tells_the_object_s_own_size_and_etag(oss: OssClient) -> None:
    await oss.put("a.txt", TEXT, Content_Type="text/plain")
    head = await oss.request("HEAD", "/examplebucket/a.txt", headers={"Accept-Encoding": "gzip"})
    assert head.headers["content-length"] == str(len(TEXT))
    assert "etag" in head.headers
    assert "content-encoding" not in head.headers


async def test_what_the_answer_is_made_to_say_counts(oss: OssClient) -> None:
    await oss.put("a.txt", TEXT, Content_Type="image/png")
    answer = await get(oss, query="?response-content-type=text/plain")
    assert gzip.decompress(answer.body) == TEXT
    answer = await get(oss, query="?response-content-type=text/plain&response-content-encoding=br")
    assert (answer.headers["content-encoding"], answer.body) == ("br", TEXT)


async def test_conditions_are_looked_at_first(oss: OssClient) -> None:
    etag = (await oss.put("a.txt", TEXT, Content_Type="text/plain")).headers["etag"]
    answer = await oss.request(
        "GET", "/examplebucket/a.txt", headers={"Accept-Encoding": "gzip", "If-None-Match": etag}
    )
    assert (answer.status, answer.headers["etag"]) == (304, etag)


async def test_a_connection_goes_on_after_long_text(oss: OssClient) -> None:
    await oss.put("a.txt", LONG, Content_Type="text/plain")
    await oss.put("b.txt", b"hello")
    async with await oss.connect() as connection:
        for _ in range(2):
            answer = await get_on(connection, oss, "a.txt")
            assert answer.headers["connection"] == "keep-alive"
            assert gzip.decompress(answer.body) == LONG
        assert (await get_on(connection, oss, "b.txt")).body == b"hello"


async def test_a_client_of_http_1_0_is_told_the_end_by_the_end(oss: OssClient) -> None:
    await oss.put("a.txt", TEXT, Content_Type="text/plain")
    answer = await get(oss, version="1.0", Connection="keep-alive")
    assert answer.headers["connection"] == "close"
    assert "transfer-encoding" not in answer.headers
    assert gzip.decompress(answer.body) == TEXT


async def test_it_can_be_switched_off(make_oss: MakeOss, config: Config) -> None:
    oss = await make_oss(server=structs.replace(config.server, gzip=False))
    await oss.put("a.txt", TEXT, Content_Type="text/plain")
    answer = await get(oss)
    assert (answer.body, "content-encoding" in answer.headers) == (TEXT, False)


async def test_a_limit_of_the_rate_and_a_cut_hold_for_it_as_for_any_body(make_oss: MakeOss) -> None:
    on = FaultOccasion(operation="GetObject", object="cut.txt")
    oss = await make_oss(faults=(FaultRule(on=on, do=FaultAction(cut="mid-body")),))
    for key in ("a.txt", "cut.txt"):
        await oss.put(key, LONG, Content_Type="text/plain")
    answer = await get(oss, query="?x-oss-traffic-limit=838860800")
    assert gzip.decompress(answer.body) == LONG
    with pytest.raises(asyncio.IncompleteReadError):
        await get(oss, "cut.txt")


async def test_a_link_to_text_is_compressed_by_what_the_link_says(oss: OssClient) -> None:
    await oss.put("a.txt", TEXT)
    headers = {"x-oss-symlink-target": "a.txt", "Content-Type": "text/plain"}
    await oss.request("PUT", "/examplebucket/link?symlink", headers=headers)
    assert gzip.decompress((await get(oss, "link")).body) == TEXT


async def test_a_client_that_leaves_ends_the_compressing(oss: OssClient) -> None:
    await oss.put("a.txt", LONG, Content_Type="text/plain")
    async with await oss.connect() as connection:
        await connection.send(b"GET /examplebucket/a.txt HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n")
        await connection.receive("HEAD")
    assert (await oss.get("a.txt")).body == LONG  # and the emulator goes on
