"""Waiting for callbacks over HTTP."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from emulator.config import Limits
from tests.client import Response
from tests.control.test_callbacks import upload

SECONDS = 10  # the most that a test waits


async def wait(oss, query: str = "") -> Response:
    async with asyncio.timeout(SECONDS):
        return await oss.request("GET", f"/_emulator/callbacks/wait{query}")


@asynccontextmanager
async def begun(oss, query: str) -> AsyncIterator[asyncio.Task[Response]]:
    """The answer to come, the emulator waiting already; at the end the client leaves."""
    async with await oss.connect() as connection, asyncio.timeout(SECONDS):
        await connection.send(f"GET /_emulator/callbacks/wait{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        await oss.request("GET", "/_emulator/callbacks")  # comes later and asks the same journal: is answered later
        task = asyncio.create_task(connection.receive())
        yield task
        task.cancel()
        await asyncio.wait([task])


def keys(response: Response) -> list[str]:
    assert response.status == 200, response.body
    return [record["object"] for record in json.loads(response.body)["callbacks"]]


async def test_what_is_there_already_is_answered_at_once_and_whole(oss):
    await upload(oss, "a")
    await upload(oss, "b")
    assert keys(await wait(oss)) == ["a", "b"]
    assert keys(await wait(oss, "?count=2&timeout=0")) == ["a", "b"]
    listed = await oss.request("GET", "/_emulator/callbacks")
    assert (await wait(oss)).body == listed.body


async def test_it_is_answered_as_soon_as_enough_have_come(oss):
    await upload(oss, "a")
    async with begun(oss, "?count=3&timeout=9") as task:
        await upload(oss, "b")
        await asyncio.wait([task], timeout=0.05)
        assert not task.done()
        started = time.monotonic()
        await upload(oss, "c")
        assert keys(await task) == ["a", "b", "c"]
        assert time.monotonic() - started < 1


async def test_only_what_fits_counts(oss):
    first = await upload(oss, "a")
    async with begun(oss, f"?object=a&outcome=success&bucket=examplebucket&after={first}&timeout=9") as task:
        await upload(oss, "b")
        await upload(oss, "a", "?status=500")
        await asyncio.wait([task], timeout=0.05)
        assert not task.done()
        await upload(oss, "a")
        assert keys(await task) == ["a"]


async def test_when_time_is_up_the_nearest_records_are_told(oss):
    await upload(oss, "unlike")
    await upload(oss, "dir/photo.jpg", "?status=500")
    await upload(oss, "dir/foto.jpg")
    started = time.monotonic()
    response = await wait(oss, "?object=dir/photo.jpg&outcome=success&timeout=0.05")
    assert 0.05 <= time.monotonic() - started < 2
    answer = json.loads(response.body)
    assert response.status == 408
    assert set(answer) == {"error", "hint", "nearest", "evicted"}
    assert answer["error"] == "0 of 1 callbacks came within 0.05 s."
    assert [record["object"] for record in answer["nearest"]] == ["dir/foto.jpg", "dir/photo.jpg", "unlike"]
    assert "'dir/foto.jpg'" in answer["hint"]


async def test_too_few_are_counted_and_stand_first_among_the_nearest(oss):
    await upload(oss, "a")
    await upload(oss, "b")
    answer = json.loads((await wait(oss, "?object=a&count=2&timeout=0")).body)
    assert answer["error"] == "1 of 2 callbacks came within 0 s."
    assert [record["object"] for record in answer["nearest"]] == ["a", "b"]


async def test_without_any_record_the_hint_says_where_to_look(oss):
    answer = json.loads((await wait(oss, "?timeout=0")).body)
    assert answer["nearest"] == []
    assert "/_emulator/requests" in answer["hint"]


async def test_records_that_had_to_go_are_told(make_oss):
    oss = await make_oss(limits=Limits(records=1))
    await upload(oss, "a")
    await upload(oss, "b")
    assert json.loads((await wait(oss)).body)["evicted"] == 1
    response = await wait(oss, "?object=a&timeout=0")
    assert (response.status, json.loads(response.body)["evicted"]) == (408, 1)


async def test_many_wait_at_once(oss):
    tasks = [asyncio.create_task(wait(oss, f"?object={number % 10}&count={number // 10 + 1}")) for number in range(50)]
    await asyncio.gather(*(upload(oss, str(number % 10)) for number in range(50)))
    for number, task in enumerate(tasks):
        assert keys(await task)[: number // 10 + 1] == [str(number % 10)] * (number // 10 + 1)


async def test_a_reset_lets_it_begin_anew(oss):
    await upload(oss, "a")
    async with begun(oss, "?count=2&timeout=9") as task:
        await oss.request("POST", "/_emulator/reset")
        await upload(oss, "b")
        await asyncio.wait([task], timeout=0.05)
        assert not task.done()
        await upload(oss, "c")
        assert keys(await task) == ["b", "c"]


async def test_a_stop_does_not_wait_for_who_waits(oss):
    async with begun(oss, "?timeout=9") as task:
        started = time.monotonic()
        await oss.emulator.stop()
        assert time.monotonic() - started < 2
        response = await task
        assert response.status == 503
        assert set(json.loads(response.body)) == {"error", "hint"}


async def test_who_leaves_is_forgotten(oss):
    before = asyncio.all_tasks()
    async with begun(oss, "?timeout=9") as task:
        serving = asyncio.all_tasks() - before - {task}
        assert serving
    assert (await asyncio.wait(serving, timeout=5))[1] == set()


@pytest.mark.parametrize(
    "query",
    ["?count=0", "?count=1001", "?count=x", "?timeout=-1", "?timeout=301", "?timeout=nan", "?outcome=ok", "?limit=1"],
)
async def test_what_makes_no_sense_answers_400(oss, query):
    response = await wait(oss, query)
    assert response.status == 400
    assert set(json.loads(response.body)) == {"error", "hint"}


async def test_more_than_are_kept_cannot_be_waited_for(make_oss):
    oss = await make_oss(limits=Limits(records=5))
    response = await wait(oss, "?count=6")
    assert response.status == 400
    assert "5" in json.loads(response.body)["hint"]
