"""`kill -9` amid appends, parts and completions: what was acknowledged is there, what was not is all or nothing."""

import asyncio
import os
import random
import signal
from contextlib import closing, suppress
from pathlib import Path

import pytest

from emulator.storage.digest import digests
from emulator.storage.index import Index
from tests.client import Connection, Response
from tests.operations.uploads import listed
from tests.serving import TIMEOUT_SECONDS, serving
from tests.storage.words import eventually, files_below

KILLS = 20
LOGS = UPLOADS = 8
APPENDED_SIZES = [0, 10, 1000, 60_000, 300_000]
PART_SIZES = [102_400, 150_000, 1_000_000]
BYTES = random.Random(0).randbytes(max(PART_SIZES))


def etag(body: bytes) -> str:
    return f'"{digests(body).etag}"'


class Client:
    """One client with a key that nobody else touches, so that it knows what must be there."""

    def __init__(self, key: str, data: Path, chance: random.Random) -> None:
        self.key = key
        self.file = data / "buckets" / "examplebucket" / key
        self.chance = chance
        self.acknowledged = 0

    async def work(self, endpoint: str) -> None:
        """Do one thing after the other until the server is killed."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            async with await Connection.open(endpoint) as self.connection:
                while True:
                    await self.step()
                    self.acknowledged += 1

    async def verify(self, endpoint: str) -> None:
        """See what is there, which must be what was acknowledged, with what was under way or without."""
        async with await Connection.open(endpoint) as self.connection:
            await self.look()

    async def step(self) -> None:
        raise NotImplementedError

    async def look(self) -> None:
        raise NotImplementedError

    async def ask(self, method: str, target: str, body: bytes = b"", headers: str = "") -> Response:
        head = f"{method} /examplebucket{target} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        await self.connection.send(head.encode() + body)
        return await self.connection.receive(method)

    async def read(self, expected_type: str) -> bytes | None:
        """The object's bytes, which the tree must show, too; `None` if there is none."""
        response = await self.ask("GET", f"/{self.key}")
        if response.status == 404:
            assert not self.file.exists()
            return None
        assert response.headers["x-oss-object-type"] == expected_type
        assert response.headers["x-oss-hash-crc64ecma"] == str(digests(response.body).crc64)
        assert self.file.read_bytes() == response.body
        return response.body

    def some_bytes(self, size: int) -> bytes:
        return (b"%d " % self.chance.randrange(1 << 40) + BYTES)[:size]


class Log(Client):
    """Appends to its key, and now and then deletes it."""

    body: bytes | None = None
    possible: tuple[bytes | None, ...] = ()

    async def step(self) -> None:
        if self.body is not None and self.chance.random() < 0.05:
            self.possible = (None,)
            assert (await self.ask("DELETE", f"/{self.key}")).status == 204
        else:
            before = self.body or b""
            added = self.some_bytes(self.chance.choice(APPENDED_SIZES))
            self.possible = (before + added,)
            response = await self.ask("POST", f"/{self.key}?append&position={len(before)}", added)
            assert response.status == 200, response
        (self.body,), self.possible = self.possible, ()

    async def look(self) -> None:
        found = await self.read("Appendable")
        assert found in (self.body, *self.possible), self.key
        self.body, self.possible = found, ()


class Upload(Client):
    """Uploads its key in parts, some of them twice, and completes or aborts that."""

    body: bytes | None = None
    possible: tuple[bytes | None, ...] = ()
    upload_id = ""
    may_be_over = False

    def __init__(self, key: str, data: Path, chance: random.Random) -> None:
        super().__init__(key, data, chance)
        self.parts: dict[int, bytes] = {}
        self.part_bytes = 0
        self.part_under_way: tuple[int, bytes] | None = None

    async def step(self) -> None:
        target = f"/{self.key}?uploadId={self.upload_id}"
        fate = self.chance.random()
        if not self.upload_id:
            (self.upload_id,) = (await self.ask("POST", f"/{self.key}?uploads")).texts("UploadId")
            self.part_bytes = self.chance.choice(PART_SIZES)
        elif not self.parts or fate < 0.7:
            number, size = len(self.parts) + 1, self.part_bytes  # as most clients do
            if self.chance.random() < 0.2:
                number, size = self.chance.randrange(1, 6), self.chance.choice(PART_SIZES)
            part = self.some_bytes(size)
            self.part_under_way = number, part
            response = await self.ask("PUT", f"{target}&partNumber={number}", part)
            assert response.status == 200, response
            self.parts[number], self.part_under_way = part, None
        else:
            self.may_be_over = True
            if fate < 0.95:
                self.possible = (b"".join(part for _, part in sorted(self.parts.items())),)
                document = listed(*((number, etag(part)) for number, part in sorted(self.parts.items())))
                response = await self.ask("POST", target, document.encode())
                assert response.status == 200, response
                (self.body,), self.possible = self.possible, ()
            else:
                assert (await self.ask("DELETE", target)).status == 204
            self.forget()

    def forget(self) -> None:
        self.upload_id, self.may_be_over = "", False
        self.parts.clear()
        self.part_under_way = None

    async def look(self) -> None:
        found = await self.read("Multipart")
        uploads = (await self.ask("GET", f"/?uploads&prefix={self.key}")).texts("Upload/UploadId")
        if found != self.body:  # completed, and the upload with it, in one
            assert found in self.possible
            assert uploads == []
        elif self.upload_id and not (self.may_be_over and not self.possible and uploads == []):
            assert uploads == [self.upload_id]
            await self.look_at_parts()
            self.body, self.possible, self.may_be_over = found, (), False
            return
        for unheard_of in uploads:  # begun, but nobody was told
            assert (await self.ask("DELETE", f"/{self.key}?uploadId={unheard_of}")).status == 204
        self.body, self.possible = found, ()
        self.forget()

    async def look_at_parts(self) -> None:
        response = await self.ask("GET", f"/{self.key}?uploadId={self.upload_id}")
        found = dict(zip(map(int, response.texts("Part/PartNumber")), response.texts("Part/ETag"), strict=True))
        if self.part_under_way:
            number, part = self.part_under_way
            if found.get(number) == etag(part):
                self.parts[number] = part
            self.part_under_way = None
        assert found == {number: etag(part) for number, part in self.parts.items()}


async def check(endpoint: str, data: Path, clients: list[Client]) -> None:
    """What every client knows of is there, and nothing else is kept."""
    for client in clients:
        await client.verify(endpoint)

    def needed() -> set[str]:
        with closing(Index(data / "index.sqlite", "process")) as index:
            return set(index.blobs())

    await eventually(lambda: list((data / "staging").iterdir()) == [])
    await eventually(lambda: {path.name for path in files_below(data / "blobs")} == needed())


@pytest.mark.slow
async def test_uploads_and_appends_go_on_after_every_kill(tmp_path: Path) -> None:
    seed = int(os.environ.get("KILL_SEED") or random.randrange(1 << 32))
    print(f"KILL_SEED={seed} asks for the same requests again")  # pytest shows it beside a failure
    chance = random.Random(seed)
    data = tmp_path / "data"
    clients: list[Client] = [
        *(Log(f"logs/{number}", data, random.Random(chance.random())) for number in range(LOGS)),
        *(Upload(f"files/{number}", data, random.Random(chance.random())) for number in range(UPLOADS)),
    ]
    serve = ("--data-dir", str(data), "--log-level", "error")
    for _ in range(KILLS):
        with serving(tmp_path, *serve, OSS_EMULATOR_AUTH_MODE="off") as (process, endpoint):
            await check(endpoint, data, clients)
            working = [asyncio.ensure_future(client.work(endpoint)) for client in clients]
            await asyncio.sleep(chance.uniform(0.05, 0.4))
            process.kill()
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await asyncio.gather(*working)
    for _ in range(2):  # after the last kill, and after a stop in good order
        with serving(tmp_path, *serve, OSS_EMULATOR_AUTH_MODE="off") as (process, endpoint):
            await check(endpoint, data, clients)
            process.send_signal(signal.SIGTERM)
            assert process.wait(TIMEOUT_SECONDS) == 0
    assert sum(client.acknowledged for client in clients) > 10 * KILLS
    assert all(client.acknowledged for client in clients)
    print([client.acknowledged for client in clients])
