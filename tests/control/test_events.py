"""Server-sent events of requests and callbacks."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from emulator.config import Limits
from emulator.control import events
from tests.client import Connection
from tests.control.event_reader import EventReader, reading
from tests.control.test_callbacks import upload


def short(events_read) -> list[tuple[str, str]]:
    return [(event.name, event.data["object"]) for event in events_read]


async def test_requests_and_callbacks_are_told_in_the_order_they_happen(oss):
    await oss.get("before")
    async with reading(oss) as reader:
        assert reader.status_line == "HTTP/1.1 200 OK"
        assert reader.headers["content-type"] == "text/event-stream"
        assert reader.headers["cache-control"] == "no-store"
        assert reader.headers["cross-origin-resource-policy"] == "same-origin"
        await oss.get("nothing")
        upload_id = await upload(oss, "a")
        got, called, put = await reader.read(3)
    assert short([got, called, put]) == [("request", "nothing"), ("callback", "a"), ("request", "a")]
    assert (got.data["operation"], got.data["status"], got.data["code"]) == ("GetObject", 404, "NoSuchKey")
    assert called.data["id"] == put.data["id"] == upload_id
    assert called.data == json.loads((await oss.request("GET", f"/_emulator/callbacks/{upload_id}")).body)
    assert put.data == json.loads((await oss.request("GET", "/_emulator/requests?limit=1")).body)["requests"][0]


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        pytest.param("request", [("request", "a"), ("request", "b")], id="requests"),
        pytest.param("callback", [("callback", "a"), ("callback", "b")], id="callbacks"),
        pytest.param(
            "callback,request",
            [("callback", "a"), ("request", "a"), ("callback", "b"), ("request", "b")],
            id="both",
        ),
    ],
)
async def test_types_are_chosen(oss, types, expected):
    async with reading(oss, f"?types={types}") as reader:
        await upload(oss, "a")
        await upload(oss, "b")
        assert short(await reader.read(len(expected))) == expected


@pytest.mark.parametrize("query", ["?types=requests", "?types=", "?types=request,", "?type=request"])
async def test_a_type_that_there_is_not_answers_400(oss, query):
    response = await oss.request("GET", f"/_emulator/events{query}")
    assert response.status == 400
    assert set(json.loads(response.body)) == {"error", "hint"}


async def test_a_reader_that_comes_back_goes_on_where_it_was(oss):
    async with reading(oss) as reader:
        await upload(oss, "a")
        called, put = await reader.read(2)
    await upload(oss, "b")
    async with reading(oss, Last_Event_ID=called.id) as reader:
        assert short(await reader.read(3)) == [("request", "a"), ("callback", "b"), ("request", "b")]
    async with reading(oss, Last_Event_ID=put.id) as reader:
        assert short(await reader.read(2)) == [("callback", "b"), ("request", "b")]


@pytest.mark.parametrize("last", ["0", "", "deadbeef-1-0", "-1-1", "nonsense"])
async def test_an_id_of_another_run_gives_all_that_is_kept(oss, last):
    await upload(oss, "a")
    async with reading(oss, Last_Event_ID=last) as reader:
        assert short(await reader.read(2)) == [("callback", "a"), ("request", "a")]


async def test_an_id_of_a_number_that_has_not_been_is_the_newest(oss):
    await oss.get("a")
    async with reading(oss, Last_Event_ID="0") as reader:
        (event,) = await reader.read(1)
    async with reading(oss, Last_Event_ID=event.id.replace("-1-0", "-99-99")) as reader:
        await oss.get("b")
        assert short(await reader.read(1)) == [("request", "b")]


async def test_what_had_to_go_meanwhile_is_counted(make_oss):
    oss = await make_oss(limits=Limits(records=2))
    async with reading(oss) as reader:
        await upload(oss, "a")
        first = (await reader.read(2))[1]
    for key in "bcde":
        await upload(oss, key)
    async with reading(oss, Last_Event_ID=first.id) as reader:
        gone, *rest = await reader.read(5)
        assert (gone.name, gone.data) == ("evicted", {"evicted": 4})
        assert short(rest) == [("callback", "d"), ("request", "d"), ("callback", "e"), ("request", "e")]
    async with reading(oss, Last_Event_ID=gone.id) as reader:
        assert short(await reader.read(4)) == short(rest)
    async with reading(oss, "?types=callback", Last_Event_ID=first.id) as reader:
        gone, *rest = await reader.read(3)
        assert gone.data == {"evicted": 2}
        assert short(rest) == [("callback", "d"), ("callback", "e")]


async def test_a_reset_is_no_eviction_and_the_stream_goes_on(oss):
    async with reading(oss) as reader:
        await upload(oss, "a")
        first = (await reader.read(2))[0]
        await oss.request("POST", "/_emulator/reset")
        await upload(oss, "b")
        assert short(await reader.read(2)) == [("callback", "b"), ("request", "b")]
    async with reading(oss, Last_Event_ID=first.id) as reader:
        assert short(await reader.read(2)) == [("callback", "b"), ("request", "b")]


async def test_a_silent_stream_is_kept_alive(oss, monkeypatch):
    monkeypatch.setattr(events, "KEEP_ALIVE_SECONDS", 0.02)
    async with reading(oss) as reader:
        assert [event.data for event in await reader.read(2)] == ["keep-alive", "keep-alive"]
        await oss.get("a")
        while (event := await reader.next()) is not None and event.name == "comment":
            pass
        assert event is not None and event.name == "request"


async def test_a_stop_ends_the_stream_and_does_not_wait_for_it(oss):
    async with reading(oss) as reader:
        await oss.get("a")
        assert (await reader.next()).name == "request"
        started = time.monotonic()
        await oss.emulator.stop()
        assert time.monotonic() - started < 2
        assert await reader.next() is None
        assert await reader.connection.reader.read() == b""


async def test_head_gives_the_headers_alone(oss):
    response = await oss.request("HEAD", "/_emulator/events")
    assert (response.status, response.headers["content-type"]) == (200, "text/event-stream")


async def test_a_client_of_http_1_0_gets_no_chunks(oss):
    async with await oss.connect() as connection:
        await connection.send(b"GET /_emulator/events?types=request HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        head = await connection.reader.readuntil(b"\r\n\r\n")
        assert b"Connection: close" in head
        assert b"Transfer-Encoding" not in head
        await oss.get("a")
        assert (await connection.reader.readuntil(b"\n\n")) == b"retry: 1000\n\n"
        assert (await connection.reader.readuntil(b"\n\n")).startswith(b"event: request\nid: ")
        await oss.emulator.stop()
        assert await connection.reader.read() == b""


async def test_who_leaves_is_forgotten(oss):
    before = asyncio.all_tasks()
    async with reading(oss):
        serving = asyncio.all_tasks() - before
        assert serving
    done, pending = await asyncio.wait(serving, timeout=5)
    assert (done, pending) == (serving, set())


@asynccontextmanager
async def stalled(oss) -> AsyncIterator[EventReader]:
    """A stream whose client takes in next to nothing before it reads on."""
    host, port = oss.endpoint.removeprefix("http://").split(":")
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    await asyncio.get_running_loop().sock_connect(client, (host, int(port)))
    async with Connection(*await asyncio.open_connection(sock=client)) as connection:
        await connection.send(b"GET /_emulator/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await connection.reader.readuntil(b"\r\n\r\n")
        yield EventReader(connection, "", {})


async def make_news(oss, count: int) -> None:
    """`count` requests whose records take 8 KB each."""
    request = f"GET /examplebucket/{'a' * 4000} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    async with await oss.connect() as connection:
        for _ in range(count):
            await connection.send(request)
            await connection.receive()


async def until_last(reader: EventReader) -> tuple[int, int]:
    """How many requests are told before that of the key `last`, and how many are said to be missing."""
    seen, missed = 0, 0
    while (event := (await reader.read(1))[0]).data.get("object") != "last":
        seen += event.name == "request"
        missed += event.data.get("evicted", 0)
    return seen, missed


async def test_a_slow_reader_delays_nobody_and_learns_how_much_it_has_missed(make_oss):
    oss = await make_oss(limits=Limits(records=10))
    count = 800  # 6 MB: more than sockets take in
    async with stalled(oss) as slow, reading(oss) as quick:
        at_once = asyncio.create_task(until_last(quick))
        await make_news(oss, count)
        await oss.get("last")
        assert sum(await at_once) == count
        seen, missed = await until_last(slow)
    assert missed > 0
    assert seen + missed == count


async def test_a_stop_does_not_wait_for_a_stalled_reader(oss):
    async with stalled(oss):
        await make_news(oss, 800)
        started = time.monotonic()
        await oss.emulator.stop()
        assert time.monotonic() - started < 2
