"""`kill -9` in the middle of everything: what was acknowledged is there whole, and nothing else comes or goes."""

import asyncio
import itertools
import math
import os
import random
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from emulator.storage.digest import digests
from emulator.storage.index import Index
from tests.client import Connection
from tests.serving import TIMEOUT_SECONDS, serving
from tests.storage.words import eventually, files_below

KILLS = 20
CLIENTS = 16
KEYS = [f"{number % 5}/{number}" for number in range(30)] + [f"flat-{number}" for number in range(10)]

# Bytes: in memory, in a staged file of one piece, of many.
SIZES = [0, 10, 1_000, 60_000, 70_000, 300_000, 1_500_000, 3_000_000]
WEIGHTS = [1, 8, 8, 4, 4, 2, 1, 1]
BYTES = random.Random(0).randbytes(max(SIZES))


class Change(NamedTuple):
    """What a request would make of a key: the ETag there, or `None` for nothing; by the ticks of a counter."""

    etag: str | None
    begun: float
    ended: float = math.inf  # never acknowledged


class Model:
    """What every key may hold, by what was asked for and what was acknowledged."""

    def __init__(self) -> None:
        self._ticks = itertools.count()
        self._changes = {key: [Change(None, -1, -1)] for key in KEYS}

    @contextmanager
    def change(self, key: str, etag: str | None) -> Iterator[None]:
        """A request under way; leaving without an error acknowledges it."""
        changes = self._changes[key]
        change = Change(etag, next(self._ticks))
        changes.append(change)
        yield
        changes[changes.index(change)] = change._replace(ended=next(self._ticks))

    def possible(self, key: str) -> set[str | None]:
        """What the key may hold now: whatever was not certainly followed by an acknowledged change."""
        changes = self._changes[key]
        last = max(change.begun for change in changes if change.ended < math.inf)
        return {change.etag for change in changes if change.ended > last or change.begun == last}

    def settle(self, key: str, etag: str | None) -> None:
        """Say what has turned out to be there."""
        self._changes[key] = [Change(etag, -1, -1)]


async def change_until_killed(endpoint: str, model: Model, chance: random.Random, name: int) -> int:
    """One client; how many changes were acknowledged to it."""
    acknowledged = 0
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        async with await Connection.open(endpoint) as connection:
            while True:
                key = chance.choice(KEYS)
                if chance.random() < 0.3:
                    method, body, etag = "DELETE", b"", None
                else:
                    [size] = chance.choices(SIZES, WEIGHTS)
                    method, body = "PUT", (b"%d %d " % (name, acknowledged) + BYTES)[:size]
                    etag = digests(body).etag
                head = f"{method} /examplebucket/{key} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
                head += f"x-oss-meta-etag: {etag}\r\n\r\n"
                with model.change(key, etag):
                    await connection.send(head.encode() + body)
                    response = await connection.receive()
                    assert response.status == (200 if method == "PUT" else 204)
                acknowledged += 1
    return acknowledged


async def check(endpoint: str, data: Path, model: Model) -> None:
    """Every key holds what it may, whole, in the answers and in the tree; and there is nothing else."""
    async with await Connection.open(endpoint) as connection:

        async def get(target: str) -> tuple[int, dict[str, str], bytes]:
            await connection.send(f"GET /examplebucket/{target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            return await connection.receive()

        held = set()
        for key in KEYS:
            status, headers, body = await get(key)
            file = data / "buckets" / "examplebucket" / key
            if status == 404:
                etag = None
                assert not file.exists()
            else:
                assert status == 200
                found = digests(body)
                etag = found.etag
                assert headers["etag"] == f'"{etag}"'
                assert headers["x-oss-meta-etag"] == etag  # so it was uploaded, and not adopted from a link left over
                assert headers["x-oss-hash-crc64ecma"] == str(found.crc64)
                assert file.read_bytes() == body
                held.add(key)
            assert etag in model.possible(key), key
            model.settle(key, etag)
        await connection.send(b"GET /examplebucket/?max-keys=1000 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await connection.receive()).texts("Contents/Key") == sorted(held)

    def needed() -> set[str]:
        with closing(Index(data / "index.sqlite", "process")) as index:
            return set(index.blobs())

    await eventually(lambda: list((data / "staging").iterdir()) == [])
    await eventually(lambda: {path.name for path in files_below(data / "blobs")} == needed())
    assert {str(path.relative_to(data / "buckets" / "examplebucket")) for path in files_below(data / "buckets")} == held


@pytest.mark.slow
async def test_nothing_acknowledged_is_lost_whenever_the_process_is_killed(tmp_path: Path) -> None:
    seed = int(os.environ.get("KILL_SEED") or random.randrange(1 << 32))
    print(f"KILL_SEED={seed} asks for the same requests again")  # pytest shows it beside a failure
    chance = random.Random(seed)
    model = Model()
    acknowledged = 0
    serve = ("--data-dir", str(tmp_path / "data"), "--log-level", "error")
    for _ in range(KILLS):
        with serving(tmp_path, *serve, OSS_EMULATOR_AUTH_MODE="off") as (process, endpoint):
            await check(endpoint, tmp_path / "data", model)
            clients = [
                asyncio.ensure_future(
                    change_until_killed(endpoint, model, random.Random(chance.random()), acknowledged + number)
                )
                for number in range(CLIENTS)
            ]
            await asyncio.sleep(chance.uniform(0.01, 0.3))
            process.kill()
            async with asyncio.timeout(TIMEOUT_SECONDS):
                acknowledged += sum(await asyncio.gather(*clients))
    for _ in range(2):  # after the last kill, and after a stop in good order
        with serving(tmp_path, *serve, OSS_EMULATOR_AUTH_MODE="off") as (process, endpoint):
            await check(endpoint, tmp_path / "data", model)
            process.send_signal(signal.SIGTERM)
            assert process.wait(TIMEOUT_SECONDS) == 0
    assert acknowledged > 10 * KILLS
