"""`kill -9` amid appends, parts and completions: what was acknowledged is there, what was not is all or nothing."""

import os
import random
from pathlib import Path

import pytest

from emulator.storage.digest import digests
from tests.killing import Client, survive
from tests.operations.uploads import listed

LOGS = UPLOADS = 8
APPENDED_SIZES = [0, 10, 1000, 60_000, 300_000]
PART_SIZES = [102_400, 150_000, 1_000_000]


def etag(body: bytes) -> str:
    return f'"{digests(body).etag}"'


class Reader(Client):
    """One who reads its key back whole."""

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


class Log(Reader):
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


class Upload(Reader):
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
    await survive(tmp_path, clients, chance, kills=20)
