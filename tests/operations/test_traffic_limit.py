"""`x-oss-traffic-limit`: uploads and downloads take the time that it says, steadily."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import pytest

from emulator import Config, Emulator
from emulator.config import FaultAction, FaultOccasion, FaultRule, Server
from tests.client import OssClient, Response
from tests.conftest import MakeOss
from tests.forms import form, post
from tests.operations.uploads import initiate, upload_part

RATE = 1_024_000  # bytes a second
LIMIT = str(RATE * 8)
BODY = bytes(range(256)) * 1000  # a quarter of a second of it
SECONDS = len(BODY) / RATE

T = TypeVar("T")
Transfer = Callable[[OssClient], Awaitable[Response]]


async def put(oss: OssClient) -> Response:
    return await oss.put("a", BODY, x_oss_traffic_limit=LIMIT)


async def put_by_query(oss: OssClient) -> Response:
    return await oss.put(f"a?x-oss-traffic-limit={LIMIT}", BODY)


async def put_in_chunks(oss: OssClient) -> Response:
    chunked = {"Transfer-Encoding": "chunked", "x-oss-traffic-limit": LIMIT}
    body = f"{len(BODY):x}\r\n".encode() + BODY + b"\r\n0\r\n\r\n"
    return await oss.request("PUT", "/examplebucket/a", headers=chunked, body=body)


async def append(oss: OssClient) -> Response:
    headers = {"x-oss-traffic-limit": LIMIT}
    await oss.request("DELETE", "/examplebucket/a")
    return await oss.request("POST", "/examplebucket/a?append&position=0", headers=headers, body=BODY)


async def part(oss: OssClient) -> Response:
    return await upload_part(oss, await initiate(oss), 1, BODY, headers={"x-oss-traffic-limit": LIMIT})


async def post_field(oss: OssClient) -> Response:
    return await post(oss, form({"key": "a", "x-oss-traffic-limit": LIMIT}, BODY))


async def post_header(oss: OssClient) -> Response:
    return await post(oss, form({"key": "a"}, BODY), x_oss_traffic_limit=LIMIT)


async def get(oss: OssClient) -> Response:
    return await oss.get("stored", x_oss_traffic_limit=LIMIT)


async def get_by_query(oss: OssClient) -> Response:
    return await oss.get(f"stored?x-oss-traffic-limit={LIMIT}")


UPLOADS = (put, put_by_query, put_in_chunks, append, part, post_field, post_header)
DOWNLOADS = (get, get_by_query)


@pytest.fixture(params=[False, True], ids=["HTTP", "HTTPS"])
async def served(request: pytest.FixtureRequest, make_oss: MakeOss) -> OssClient:
    """A client over HTTP or HTTPS; `stored` is there."""
    oss = await make_oss(server=Server(host="127.0.0.1", port=0, tls=request.param))
    await oss.put("stored", BODY)
    return OssClient(oss.emulator, is_secure=request.param)


async def taking(expected: float, transfer: Callable[[], Awaitable[T]]) -> T:
    """What `transfer` gives, which has taken `expected` seconds within a tenth.

    It is never quicker; slower it may be when the machine is busy, so it has three tries and a few milliseconds more.
    """
    for _ in range(3):
        started = time.monotonic()
        result = await transfer()
        seconds = time.monotonic() - started
        assert seconds >= 0.9 * expected
        if seconds <= 1.1 * expected + 0.03:
            return result
    raise AssertionError(f"It took {seconds:.2f} s three times, not {expected:.2f} s.")


@pytest.mark.parametrize("transfer", [*UPLOADS, *DOWNLOADS], ids=lambda transfer: transfer.__name__)
async def test_a_transfer_takes_the_time_that_its_limit_says(served: OssClient, transfer: Transfer) -> None:
    response = await taking(SECONDS, partial(transfer, served))
    assert response.status in (200, 204)
    if transfer in DOWNLOADS:
        assert response.body == BODY
    elif transfer is not part:
        assert (await served.get("a")).body == BODY


async def test_a_range_takes_its_share_of_the_time(served: OssClient) -> None:
    half = partial(served.get, "stored", x_oss_traffic_limit=LIMIT, range="bytes=0-127999")
    assert (await taking(SECONDS / 2, half)).body == BODY[:128_000]


async def test_a_download_is_steady(served: OssClient) -> None:
    async with await served.connect() as connection:
        request = f"GET /examplebucket/stored?x-oss-traffic-limit={LIMIT} HTTP/1.1\r\nHost: a\r\n\r\n"
        await connection.send(request.encode())
        started = time.monotonic()
        await connection.reader.readuntil(b"\r\n\r\n")
        for quarter in range(1, 5):
            await connection.reader.readexactly(len(BODY) // 4)
            assert time.monotonic() - started >= 0.9 * SECONDS * quarter / 4  # it never runs ahead


async def test_an_upload_is_let_in_steadily(oss: OssClient) -> None:
    """A client sees that it is slowed down while it sends, not only by a late answer."""
    body = bytes(32 * 1024 * 1024)
    async with await oss.connect() as connection:
        await connection.send(
            f"PUT /examplebucket/a?x-oss-traffic-limit={32 * 8_000_000} HTTP/1.1\r\nHost: a\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
        )
        started = time.monotonic()
        await connection.send(body)
        assert time.monotonic() - started > 0.5  # of a second; the sockets hold the rest
        assert (await connection.receive()).status == 200


async def test_the_next_request_on_the_connection_is_served(served: OssClient) -> None:
    async with await served.connect() as connection:
        for limit in (f"?x-oss-traffic-limit={LIMIT}", ""):
            await connection.send(f"GET /examplebucket/stored{limit} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            assert (await connection.receive()).body == BODY


async def test_transfers_are_limited_each_by_itself(served: OssClient) -> None:
    await taking(SECONDS, lambda: asyncio.gather(put(served), get(served), get(served)))


async def test_a_clock_that_stands_still_stops_no_transfer(served: OssClient) -> None:
    await served.request("PUT", "/_emulator/clock", body='{"frozen": true}')
    async with asyncio.timeout(5 * SECONDS):
        assert (await get(served)).body == BODY


@pytest.mark.parametrize("limit", ["245759", "838860801", "100KB", ""])
@pytest.mark.parametrize("operation", ["put", "append", "part", "post", "get"])
async def test_a_limit_out_of_bounds_is_refused(oss: OssClient, limit: str, operation: str) -> None:
    headers = {"x-oss-traffic-limit": limit}
    if operation == "post":
        response = await post(oss, form({"key": "a", "x-oss-traffic-limit": limit}))
    elif operation == "part":
        response = await upload_part(oss, await initiate(oss, "a"), 1, b"1", "a", headers=headers)
    else:
        method, query = {"put": ("PUT", ""), "append": ("POST", "?append&position=0"), "get": ("GET", "")}[operation]
        body = None if operation == "get" else b"1"
        response = await oss.request(method, f"/examplebucket/a{query}", headers=headers, body=body)
    assert (response.status, response.code) == (400, "InvalidArgument")
    assert response.xml.findtext("ArgumentName") == "x-oss-traffic-limit"
    assert response.xml.findtext("ArgumentValue") == limit
    assert (await oss.get("a")).status == 404


@pytest.mark.parametrize(("fault", "expected"), [(2 * RATE, SECONDS), (RATE, SECONDS), (RATE // 2, SECONDS * 2)])
async def test_of_a_limit_and_a_fault_the_slower_counts(make_oss: MakeOss, fault: int, expected: float) -> None:
    rules = (FaultRule(on=FaultOccasion(object="a"), do=FaultAction(bytes_per_second=fault)),)
    oss = await make_oss(faults=rules)
    assert (await taking(expected, partial(put, oss))).status == 200


SLOWEST = "245760"  # 30 KiB a second: what follows would take half a minute


@pytest.mark.parametrize("method", ["PUT", "GET"])
async def test_a_client_that_leaves_is_not_waited_for(config: Config, method: str) -> None:
    emulator = Emulator(config)
    await emulator.start()
    client = OssClient(emulator)
    await client.put("a", b"x" * 1_000_000)
    headers = f"Host: a\r\nx-oss-traffic-limit: {SLOWEST}\r\n"
    async with await client.connect() as connection:
        if method == "PUT":
            await connection.send(f"PUT /examplebucket/a HTTP/1.1\r\n{headers}Content-Length: 1000000\r\n\r\n".encode())
            await connection.send(b"x" * 200_000)
            await client.request("GET", "/_emulator/health")  # another round trip: the upload has been begun
        else:
            await connection.send(f"GET /examplebucket/a HTTP/1.1\r\n{headers}\r\n".encode())
            await connection.reader.readexactly(1000)
        connection.writer.transport.abort()
    async with asyncio.timeout(3):  # it waits for what is in flight: up to 10 s, if that takes so long
        await emulator.stop()
