"""The journal: bounded, filtered, on disk when it says so."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from emulator import config
from emulator.callback.journal import Journal
from emulator.callback.record import Binary, CallbackRecord, content
from emulator.callback.record_filter import EVERY, RecordFilter


def record(number: int, **changes: object) -> CallbackRecord:
    fields = {
        "id": f"{number:024X}",
        "time": "2024-05-07T03:06:13.250Z",
        "operation": "PutObject",
        "bucket": "examplebucket",
        "object": "a.txt",
        "callback": {"callbackUrl": "http://a", "list": [1, None]},
        "variables": {"size": 2**64 - 1, "vpcId": None, "bucket": "examplebucket"},
        "body": "a=b",
        "string_to_sign": "/\na=b",
        "truncated": False,
        "attempts": (),
        "outcome": "success",
        "status": 200,
        "message": "",
        "ec": "",
        "hint": "",
    }
    return CallbackRecord(**{**fields, **changes})


@pytest.fixture
async def journal(tmp_path):
    journal = Journal(tmp_path / "callbacks.sqlite", config.Limits(records=5))
    yield journal
    await journal.close()


async def numbers(journal: Journal, wanted: RecordFilter = EVERY, **page: Any) -> list[int]:
    return [int(found.id, 16) for found in (await journal.list(wanted, **page)).callbacks]


async def test_record_comes_back_as_it_was(journal):
    one = record(1, body=Binary("/w=="), object="a\0b/测试")
    await journal.add(one)
    assert await journal.get(one.id) == one
    assert (await journal.list(RecordFilter(object="a\0b/测试"))).callbacks == (one,)


async def test_unknown_id_gives_nothing(journal):
    assert await journal.get("nothing") is None


async def test_nothing_is_opened_before_it_is_needed(tmp_path):
    journal = Journal(tmp_path / "callbacks.sqlite", config.Limits())
    assert list(tmp_path.iterdir()) == []
    await journal.close()
    assert list(tmp_path.iterdir()) == []


async def test_oldest_records_are_evicted_and_counted(journal):
    for number in range(1, 9):
        await journal.add(record(number))
    page = await journal.list()
    assert [int(found.id, 16) for found in page.callbacks] == [4, 5, 6, 7, 8]
    assert page.evicted == 3


async def test_eviction_counts_within_a_batch(journal):
    await asyncio.gather(*(journal.add(record(number)) for number in range(1, 13)))
    assert await numbers(journal) == [8, 9, 10, 11, 12]
    assert (await journal.list()).evicted == 7


@pytest.mark.parametrize(
    ("wanted", "page", "expected"),
    [
        pytest.param(EVERY, {}, [1, 2, 3, 4], id="all, oldest first"),
        pytest.param(RecordFilter(bucket="other"), {}, [2], id="bucket"),
        pytest.param(RecordFilter(object="b.txt"), {}, [3], id="object"),
        pytest.param(RecordFilter(outcome="failed"), {}, [4], id="outcome"),
        pytest.param(RecordFilter(bucket="examplebucket", outcome="success"), {}, [1, 3], id="two filters"),
        pytest.param(EVERY, {"limit": 2}, [1, 2], id="limit"),
        pytest.param(EVERY, {"after": f"{2:024X}"}, [3, 4], id="after"),
        pytest.param(EVERY, {"after": f"{1:024X}", "limit": 1}, [2], id="after and limit"),
        pytest.param(EVERY, {"after": "evicted"}, [1, 2, 3, 4], id="after an unknown id"),
        pytest.param(RecordFilter(bucket="none"), {}, [], id="no match"),
    ],
)
async def test_list_gives_what_fits_every_filter(journal, wanted, page, expected):
    await journal.add(record(1))
    await journal.add(record(2, bucket="other"))
    await journal.add(record(3, object="b.txt"))
    await journal.add(record(4, outcome="failed"))
    assert await numbers(journal, wanted, **page) == expected


async def test_nearest_is_what_is_most_like_it_of_the_newest_and_says_how_many_there_are(journal):
    for number, key in enumerate(("gone", "photo.jpg", "unlike", "dir/foto.jpg", "b", "photos.jpg"), start=1):
        await journal.add(record(number, object=key, outcome="failed" if key == "photo.jpg" else "success"))
    nearest = await journal.nearest(RecordFilter(object="photo.jpg", outcome="success"), 3)
    assert [found.object for found in nearest.callbacks] == ["photos.jpg", "dir/foto.jpg", "photo.jpg"]
    assert (nearest.total, nearest.evicted) == (5, 1)


async def test_clear_forgets_records_and_evictions(journal):
    for number in range(1, 8):
        await journal.add(record(number))
    await journal.clear()
    page = await journal.list()
    assert (page.callbacks, page.evicted) == ((), 0)
    await journal.add(record(9))
    assert await numbers(journal) == [9]
    assert (await journal.list()).evicted == 0


async def test_listeners_hear_of_what_is_kept_and_of_clearing(journal):
    heard: list[int | None] = []
    journal.listeners.add(lambda record: heard.append(record and int(record.id, 16)))
    await asyncio.gather(*(journal.add(record(number)) for number in (1, 2, 3)))
    await journal.clear()
    assert heard == [1, 2, 3, None]


async def test_recent_has_the_ids_of_what_was_added_and_when(journal):
    for number in range(1, 8):
        await journal.add(record(number))
    moments = [moment for moment, _ in journal.recent]
    assert [int(id_, 16) for _, id_ in journal.recent] == [3, 4, 5, 6, 7]
    assert moments == sorted(moments)
    await journal.clear()
    assert list(journal.recent) == []


async def test_records_outlive_the_journal(tmp_path):
    path = tmp_path / "callbacks.sqlite"
    for number in (1, 2):
        journal = Journal(path, config.Limits(records=5))
        await journal.add(record(number))
        await journal.close()
    journal = Journal(path, config.Limits(records=5))
    assert await numbers(journal) == [1, 2]
    await journal.close()


async def test_journal_in_memory_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    journal = Journal(None, config.Limits())
    await journal.add(record(1))
    assert await numbers(journal) == [1]
    await journal.close()
    assert list(tmp_path.iterdir()) == []


async def test_cancelled_add_is_kept_all_the_same(journal):
    task = asyncio.create_task(journal.add(record(1)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await journal.add(record(2))
    assert await numbers(journal) == [1, 2]


async def test_database_that_cannot_be_written_is_logged(tmp_path, caplog):
    path = tmp_path / "callbacks.sqlite"
    path.write_bytes(b"this is no database" * 100)
    journal = Journal(path, config.Limits())
    await journal.add(record(1))
    await journal.close()
    assert f"callback record {record(1).id} could not be kept" in caplog.text


def test_acknowledged_record_survives_a_killed_process(tmp_path: Path):
    program = f"""
import asyncio, os, signal
from pathlib import Path
from emulator import config
from emulator.callback.journal import Journal
from tests.callback.test_journal import record

async def main():
    journal = Journal(Path({str(tmp_path / "callbacks.sqlite")!r}), config.Limits())
    await journal.add(record(1))
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    finished = subprocess.run([sys.executable, "-c", program], env=environment, check=False, capture_output=True)
    assert finished.returncode == -signal.SIGKILL, finished.stderr.decode()
    database = sqlite3.connect(tmp_path / "callbacks.sqlite")
    ((kept,),) = database.execute("SELECT record FROM callbacks").fetchall()
    database.close()
    assert msgspec.json.decode(kept, type=CallbackRecord) == record(1)


@pytest.mark.parametrize(
    ("data", "limit", "expected"),
    [
        pytest.param(b"abc", 3, ("abc", False), id="exactly the limit"),
        pytest.param(b"abcd", 3, ("abc", True), id="over the limit"),
        pytest.param("a中".encode(), 3, ("a", True), id="a cut character is left out"),
        pytest.param(b"a\xff", 3, (Binary("Yf8="), False), id="not UTF-8"),
        pytest.param(b"a\xe4", 3, (Binary("YeQ="), False), id="UTF-8 that ends early by itself"),
        pytest.param(b"", 3, ("", False), id="empty"),
    ],
)
def test_content_is_text_or_base64(data, limit, expected):
    assert content(data, limit) == expected


async def test_listeners_hear_of_each_record_and_of_the_end_of_all(journal):
    heard = []
    journal.listeners.add(heard.append)
    await asyncio.gather(journal.add(record(1)), journal.add(record(2)))
    await journal.clear()
    assert heard == [record(1), record(2), None]
