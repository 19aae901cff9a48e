from collections.abc import Awaitable, Callable

import pytest

from tests.client import OssClient
from tests.conftest import HeldClock

MakeOss = Callable[..., Awaitable[OssClient]]

KNOWN = "CAEQNRiBgIDyz.6C0BYiIGQ2NWEwNmVhNTA3ZTQ3MzM5ODliYjM1ZTdjYjA4MDE1"


async def test_answer_says_all_there_is_to_say(make_oss: MakeOss, clock: HeldClock) -> None:
    oss = await make_oss(clock=clock)
    await oss.put("a.txt", b"hello", Content_Type="text/plain", x_oss_meta_owner="me")
    clock.step(3600)
    response = await oss.get("a.txt")
    assert (response.status, response.body) == (200, b"hello")
    expected = {
        "content-type": "text/plain",
        "content-length": "5",
        "etag": '"5D41402ABC4B2A76B9719D911017C592"',
        "last-modified": "Sat, 01 Jun 2024 12:00:00 GMT",
        "accept-ranges": "bytes",
        "x-oss-object-type": "Normal",
        "x-oss-storage-class": "Standard",
        "x-oss-hash-crc64ecma": "11177612005948864433",
        "content-md5": "XUFAKrxLKna5cZ2REBfFkg==",
        "x-oss-meta-owner": "me",
    }
    assert expected.items() <= response.headers.items()
    assert "content-range" not in response.headers
    assert "x-oss-version-id" not in response.headers


async def test_head_says_the_same_without_the_bytes(oss: OssClient) -> None:
    await oss.put("a.txt", b"hello", x_oss_meta_owner="me")
    got = await oss.get("a.txt")
    head = await oss.request("HEAD", "/examplebucket/a.txt", headers={"Range": "bytes=0-1"})
    own = {"date", "x-oss-request-id", "x-oss-server-time"}
    assert head.status == 200
    assert {name: head.headers[name] for name in head.headers.keys() - own} == {
        name: got.headers[name] for name in got.headers.keys() - own
    }


async def test_object_meta_is_size_etag_date_and_crc_alone(oss: OssClient) -> None:
    await oss.put("a.txt", b"hello", x_oss_meta_owner="me")
    for target in ("/examplebucket/a.txt?objectMeta", "/examplebucket/a.txt?objectMeta="):
        response = await oss.request("HEAD", target, headers={"If-None-Match": "*"})
        assert response.status == 200
        assert response.headers["content-length"] == "5"
        assert response.headers["x-oss-hash-crc64ecma"] == "11177612005948864433"
        assert not {"content-type", "x-oss-meta-owner", "x-oss-object-type"} & response.headers.keys()


@pytest.mark.guess
async def test_object_meta_of_old_clients_comes_by_get_without_a_body(oss: OssClient) -> None:
    await oss.put("a.txt", b"hello")
    response = await oss.request("GET", "/examplebucket/a.txt?objectMeta")
    assert (response.status, response.body) == (200, b"")
    assert response.headers["etag"] == '"5D41402ABC4B2A76B9719D911017C592"'
    assert response.headers["x-oss-hash-crc64ecma"] == "11177612005948864433"
    assert (await oss.request("GET", "/examplebucket/missing?objectMeta")).code == "NoSuchKey"


@pytest.mark.parametrize(
    ("asked", "is_standard", "status", "expected", "content_range"),
    [
        pytest.param("bytes=1-3", False, 206, b"ell", "bytes 1-3/5", id="middle"),
        pytest.param("bytes=-2", False, 206, b"lo", "bytes 3-4/5", id="suffix"),
        pytest.param("bytes=3-", False, 206, b"lo", "bytes 3-4/5", id="from"),
        pytest.param("bytes=3-9", False, 200, b"hello", None, id="past the end: the whole"),
        pytest.param("bytes=3-9", True, 206, b"lo", "bytes 3-4/5", id="past the end, standard"),
        pytest.param("bytes=5-", True, 416, None, "bytes */5", id="behind the end, standard"),
        pytest.param("bytes=-0", False, 416, None, "bytes */5", id="no byte at all"),
    ],
)
async def test_range_gives_its_bytes_or_the_whole_object(
    asked: str, is_standard: bool, status: int, expected: bytes | None, content_range: str | None, oss: OssClient
) -> None:
    await oss.put("a.txt", b"hello")
    headers = {"Range": asked} | ({"x-oss-range-behavior": "standard"} if is_standard else {})
    response = await oss.request("GET", "/examplebucket/a.txt", headers=headers)
    assert (response.status, response.headers.get("content-range")) == (status, content_range)
    if expected is None:
        assert response.code == "InvalidRange"
    else:
        assert response.body == expected


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"If-Match": '"5D41402ABC4B2A76B9719D911017C592"'}, 200, id="matches"),
        pytest.param({"If-Match": '"X"'}, 412, id="matches not"),
        pytest.param({"If-None-Match": "5d41402abc4b2a76b9719d911017c592"}, 304, id="none matches: no quotes"),
        pytest.param({"If-Modified-Since": "Sat, 01 Jun 2024 12:00:00 GMT"}, 304, id="not modified since"),
        pytest.param({"If-Unmodified-Since": "Sat, 01 Jun 2024 12:00:00 GMT"}, 200, id="unmodified since"),
        pytest.param({"If-Unmodified-Since": "Sat, 01 Jun 2024 11:59:59 GMT"}, 412, id="modified since"),
    ],
)
async def test_conditions_decide_the_status(
    method: str, headers: dict[str, str], status: int, make_oss: MakeOss, clock: HeldClock
) -> None:
    oss = await make_oss(clock=clock)
    await oss.put("a.txt", b"hello")
    response = await oss.request(method, "/examplebucket/a.txt", headers=headers)
    assert response.status == status
    if status == 304:
        assert response.body == b""
        assert response.headers["etag"] == '"5D41402ABC4B2A76B9719D911017C592"'
    if status == 412 and method == "GET":
        assert response.xml.findtext("Condition") == next(iter(headers))


async def test_date_of_a_put_serves_as_a_condition(oss: OssClient) -> None:
    date = (await oss.put("a.txt", b"hello")).headers["date"]
    assert (await oss.get("a.txt", If_Modified_Since=date)).status == 304
    assert (await oss.get("a.txt", If_Unmodified_Since=date)).status == 200


async def test_headers_of_the_answer_can_be_overridden(oss: OssClient) -> None:
    await oss.put("a.txt", b"hello")
    target = "/examplebucket/a.txt?response-content-type=text%2Fcsv&response-content-disposition=attachment"
    response = await oss.request("GET", target)
    assert response.headers["content-type"] == "text/csv"
    assert response.headers["content-disposition"] == "attachment"
    assert (await oss.get("a.txt")).headers["content-type"] == "application/octet-stream"


async def test_override_cannot_smuggle_a_header_in(oss: OssClient) -> None:
    await oss.put("a.txt", b"hello")
    response = await oss.request("GET", "/examplebucket/a.txt?response-content-type=a%0D%0AX-Evil:%201")
    assert (response.status, response.code) == (400, "InvalidArgument")
    assert "x-evil" not in response.headers


@pytest.mark.parametrize(
    ("version", "status", "code"),
    [
        pytest.param("null", 200, None, id="the one there is"),
        pytest.param("", 400, "InvalidArgument", id="empty"),
        pytest.param("234", 400, "InvalidArgument", id="malformed"),
        pytest.param(KNOWN, 404, "NoSuchVersion", id="unknown"),
    ],
)
async def test_version_of_an_object_in_a_bucket_without_versions(
    version: str, status: int, code: str | None, oss: OssClient
) -> None:
    await oss.put("a.txt", b"hello")
    response = await oss.request("GET", f"/examplebucket/a.txt?versionId={version}")
    assert (response.status, response.code) == (status, code)


async def test_unknown_parameters_are_ignored(oss: OssClient) -> None:
    await oss.put("a.txt", b"hello")
    assert (await oss.request("GET", "/examplebucket/a.txt?t=123&style=2")).body == b"hello"


@pytest.mark.parametrize(
    ("query", "headers", "message"),
    [
        pytest.param(
            "x-oss-traffic-limit=1",
            {},
            "x-oss-traffic-limit is invalid, should be specified between 245760(30KB/s) and 838860800(100MB/s).",
            id="speed limit too low",
        ),
        pytest.param(
            "x-oss-traffic-limit=819200",
            {"x-oss-traffic-limit": "819200"},
            "x-oss-traffic-limit should be specified either in query string or header, not both.",
            id="speed limit given twice",
        ),
        pytest.param(
            "response-expires=a%0D%0Ab",
            {},
            "The value of response-expires is not valid.",
            id="override with line break",
        ),
    ],
)
async def test_arguments_are_judged_before_the_object_is_looked_for(
    query: str, headers: dict[str, str], message: str, oss: OssClient
) -> None:
    response = await oss.request("GET", f"/examplebucket/missing?{query}", headers=headers)
    assert (response.status, response.code, response.message) == (400, "InvalidArgument", message)
