"""`kill -9` again and again: clients who each know what must be there, and whoever sees to it that they are right."""

import asyncio
import random
import signal
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from emulator.storage.index import Index
from tests.client import Connection, Response
from tests.serving import TIMEOUT_SECONDS, serving
from tests.storage.words import eventually, files_below

BYTES = random.Random(0).randbytes(1_000_000)


class Client:
    """One client with a key that nobody else touches, so that it knows what must be there."""

    bucket = "examplebucket"

    def __init__(self, key: str, data: Path, chance: random.Random) -> None:
        self.key = key
        self.file = data / "buckets" / self.bucket / key
        self.chance = chance
        self.acknowledged = 0

    async def work(self, endpoint: str) -> None:
        """Do one thing after the other until the server is killed."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            async with await Connection.open(endpoint) as self.connection:
                while True:
                    await self.step()
                    self.acknowledged += 1

    async def begin(self, endpoint: str) -> None:
        """Be ready for the steps."""
        async with await Connection.open(endpoint) as self.connection:
            await self.prepare()

    async def verify(self, endpoint: str) -> None:
        """See what is there, which must be what was acknowledged, with what was under way or without."""
        async with await Connection.open(endpoint) as self.connection:
            await self.look()

    async def prepare(self) -> None:
        """Arrange what the steps need; before the first of them."""

    async def step(self) -> None:
        raise NotImplementedError

    async def look(self) -> None:
        raise NotImplementedError

    async def ask(self, method: str, target: str, body: bytes = b"", headers: str = "") -> Response:
        head = f"{method} /{self.bucket}{target} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        await self.connection.send(head.encode() + body)
        return await self.connection.receive(method)

    def some_bytes(self, size: int) -> bytes:
        return (b"%d " % self.chance.randrange(1 << 40) + BYTES)[:size]


async def check(endpoint: str, data: Path, clients: Sequence[Client]) -> None:
    """What every client knows of is there, and nothing else is kept."""
    for client in clients:
        await client.verify(endpoint)

    def needed() -> set[str]:
        with closing(Index(data / "index.sqlite", "process")) as index:
            return set(index.blobs())

    await eventually(lambda: list((data / "staging").iterdir()) == [])
    await eventually(lambda: {path.name for path in files_below(data / "blobs")} == needed())


async def survive(folder: Path, clients: Sequence[Client], chance: random.Random, *, kills: int) -> None:
    """Kill an emulator whose data are in `folder / "data"` amid the steps of `clients`, who look at what is left."""
    data = folder / "data"
    serve = ("--data-dir", str(data), "--log-level", "error")
    for kill in range(kills):
        with serving(folder, *serve, OSS_EMULATOR_AUTH_MODE="off") as (process, endpoint):
            if not kill:
                for client in clients:
                    await client.begin(endpoint)
            await check(endpoint, data, clients)
            working = [asyncio.ensure_future(client.work(endpoint)) for client in clients]
            await asyncio.sleep(chance.uniform(0.05, 0.4))
            process.kill()
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await asyncio.gather(*working)
    for _ in range(2):  # after the last kill, and after a stop in good order
        with serving(folder, *serve, OSS_EMULATOR_AUTH_MODE="off") as (process, endpoint):
            await check(endpoint, data, clients)
            process.send_signal(signal.SIGTERM)
            assert process.wait(TIMEOUT_SECONDS) == 0
    assert sum(client.acknowledged for client in clients) > 10 * kills
    assert all(client.acknowledged for client in clients)
    print([client.acknowledged for client in clients])
