"""Many clients do everything at once to a few keys, and a checker knows what each may see.

`CONCURRENCY_SECONDS=60` makes it a minute.
"""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from emulator.model import NULL_VERSION
from emulator.storage.digest import crc64
from tests.client import OssClient, Response
from tests.conftest import MakeOss
from tests.history import ABSENT, BlockId, History, block
from tests.operations.test_versioning import set_versioning
from tests.operations.uploads import complete, initiate, upload_part

CLIENTS = 32
SECONDS = float(os.environ.get("CONCURRENCY_SECONDS", "5"))
KEYS = ["log-1", "log-2", "log-3", "log-4", "file-1", "file-2", "file-3", "file-4"]
SIZES = [60, 1000, 70_000, 300_000]
MIN_PART_BYTES = 102_400

Versions = dict[str, str]  # ETags by ids; that of a delete marker is `ABSENT`


class Worker:
    """One client: it does one thing after the other and notes what comes of it."""

    def __init__(self, number: int, oss: OssClient, history: History, positions: dict[str, str]) -> None:
        """`positions` is where each key's next append goes, as far as anybody knows."""
        self.number = number
        self.oss = oss
        self.history = history
        self.positions = positions
        self.chance = random.Random(number)
        self.count = 0
        self.done = Counter[str]()

    def next_block(self, kind: str) -> BlockId:
        self.count += 1
        return BlockId(kind, self.number, self.count)

    async def work(self, until: float) -> None:
        logs: list[Callable[[str], Awaitable[None]]] = [self.append] * 12 + [self.get] * 5 + [self.head, self.delete]
        files: list[Callable[[str], Awaitable[None]]] = (
            [self.put] * 6
            + [self.upload] * 4
            + [self.copy] * 4
            + [self.get] * 8
            + [self.head, self.delete, self.append]
        )
        while time.perf_counter() < until:
            key = self.chance.choice(KEYS)
            act = self.chance.choice([*(logs if key.startswith("log") else files), *self.more(), self.list])
            await act(key)
            self.done[act.__name__] += 1

    def more(self) -> list[Callable[[str], Awaitable[None]]]:
        """What else it does to any key."""
        return []

    async def put(self, key: str) -> None:
        size = self.chance.choice(SIZES)
        began = time.perf_counter()
        response = await self.oss.put(key, block(self.next_block("P"), 0, size, size))
        self.changed(key, began, response)

    async def append(self, key: str) -> None:
        position, size = int(self.positions.get(key, "0")), self.chance.choice(SIZES[:3])
        made_by = self.next_block("A")
        began = time.perf_counter()
        response = await self.oss.request(
            "POST", f"/examplebucket/{key}?append&position={position}", body=block(made_by, position, size, 0)
        )
        if response.status == 409:
            assert response.code in ("PositionNotEqualToLength", "ObjectNotAppendable")
            self.history.refused.add(made_by)
            self.positions[key] = response.headers.get("x-oss-next-append-position", "0")
            return
        self.changed(key, began, response)
        self.positions[key] = response.headers["x-oss-next-append-position"]
        assert self.positions[key] == str(position + size)

    async def upload(self, key: str) -> None:
        """A multipart upload, which may be given up half way, or take its only part from another object."""
        upload_id = await initiate(self.oss, key)
        if self.chance.random() < 0.2:
            source = self.chance.choice(KEYS)
            target = f"/examplebucket/{key}?partNumber=9&uploadId={upload_id}"
            copied = await self.oss.request("PUT", target, headers={"x-oss-copy-source": f"/examplebucket/{source}"})
            assert copied.status in (200, 404), copied
            is_given_up = copied.status == 404
        else:
            is_given_up = self.chance.random() < 0.2
            sizes = [MIN_PART_BYTES] * self.chance.randrange(1, 4) + [1000]
            made_by = self.next_block("M")
            parts = [block(made_by, sum(sizes[:index]), size, sum(sizes)) for index, size in enumerate(sizes)]
            sent = [upload_part(self.oss, upload_id, number, part, key) for number, part in enumerate(parts, 1)]
            assert {response.status for response in await asyncio.gather(*sent)} == {200}
        if is_given_up:
            assert (await self.oss.request("DELETE", f"/examplebucket/{key}?uploadId={upload_id}")).status == 204
            return
        began = time.perf_counter()
        self.changed(key, began, await complete(self.oss, upload_id, key=key))

    async def copy(self, key: str) -> None:
        source = self.chance.choice(KEYS)
        began = time.perf_counter()
        response = await self.oss.request(
            "PUT", f"/examplebucket/{key}", headers={"x-oss-copy-source": f"/examplebucket/{source}"}
        )
        if response.status == 404:
            self.history.saw(source, began, time.perf_counter(), ABSENT)
        else:
            self.changed(key, began, response)

    async def delete(self, key: str) -> None:
        began = time.perf_counter()
        response = await self.oss.request("DELETE", f"/examplebucket/{key}")
        assert response.status == 204, response
        self.history.changed(key, began, time.perf_counter(), ABSENT)
        self.made(key, ABSENT, response)

    async def get(self, key: str) -> None:
        began = time.perf_counter()
        response = await self.oss.get(key)
        if response.status == 404:
            self.history.saw(key, began, time.perf_counter(), ABSENT)
            return
        assert response.status == 200, response
        assert response.headers["x-oss-hash-crc64ecma"] == str(crc64(response.body))
        self.history.saw(key, began, time.perf_counter(), response.headers["etag"], response.body)

    async def head(self, key: str) -> None:
        began = time.perf_counter()
        response = await self.oss.request("HEAD", f"/examplebucket/{key}")
        assert response.status in (200, 404), response
        self.history.saw(key, began, time.perf_counter(), response.headers.get("etag", ABSENT))

    async def list(self, _: str) -> None:
        began = time.perf_counter()
        response = await self.oss.request("GET", "/examplebucket")
        ended = time.perf_counter()
        found = dict(zip(response.texts("Contents/Key"), response.texts("Contents/ETag"), strict=True))
        assert set(found) <= set(KEYS)
        for key in KEYS:
            self.history.saw(key, began, ended, found.get(key, ABSENT))

    def changed(self, key: str, began: float, response: Response) -> None:
        assert response.status == 200, response
        self.history.changed(key, began, time.perf_counter(), response.headers["etag"])
        self.made(key, response.headers["etag"], response)

    def made(self, key: str, etag: str, response: Response) -> None:
        """Note the version, or the delete marker, that `response` has made."""


class Keeper(Worker):
    """One whose bucket keeps versions: it reads those that were made, and erases some that are not the newest."""

    def __init__(
        self, number: int, oss: OssClient, history: History, positions: dict[str, str], versions: dict[str, Versions]
    ) -> None:
        """`versions` are those of each key that were made and that nobody has begun to erase."""
        super().__init__(number, oss, history, positions)
        self.versions = versions

    def more(self) -> list[Callable[[str], Awaitable[None]]]:
        return [self.get_version] * 3 + [self.erase]

    def made(self, key: str, etag: str, response: Response) -> None:
        version_id = response.headers["x-oss-version-id"]
        if version_id != NULL_VERSION:  # that of appends, which comes, grows and goes
            self.versions[key][version_id] = etag

    async def get_version(self, key: str) -> None:
        if not self.versions[key]:
            return
        version_id, etag = self.chance.choice(list(self.versions[key].items()))
        response = await self.oss.get(f"{key}?versionId={version_id}")
        if version_id not in self.versions[key]:  # somebody has erased it meanwhile
            return
        if etag == ABSENT:
            assert (response.status, response.code) == (405, "MethodNotAllowed")
        else:
            assert (response.status, response.headers["etag"]) == (200, etag)
            assert response.headers["x-oss-hash-crc64ecma"] == str(crc64(response.body))

    async def erase(self, key: str) -> None:
        """Erase a version that has certainly been followed by another one."""
        page = await self.oss.request("GET", f"/examplebucket?versions&prefix={key}")
        past = [
            entry.findtext("VersionId", "")
            for entry in page.xml
            if entry.tag in ("Version", "DeleteMarker") and entry.findtext("IsLatest") == "false"
        ]
        chosen = [version_id for version_id in past if version_id in self.versions[key]]
        if not chosen:
            return
        version_id = self.chance.choice(chosen)
        del self.versions[key][version_id]
        response = await self.oss.request("DELETE", f"/examplebucket/{key}?versionId={version_id}")
        assert response.status == 204, response
        gone = await self.oss.get(f"{key}?versionId={version_id}")
        assert (gone.status, gone.code) == (404, "NoSuchVersion")


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 60)
async def test_nobody_sees_what_cannot_be_there(make_oss: MakeOss) -> None:
    oss = await make_oss()
    await let_work(oss, Worker)
    listed = await oss.request("GET", "/examplebucket")
    stat = await oss.request("GET", "/examplebucket?stat")
    assert stat.texts("Storage") == [str(sum(map(int, listed.texts("Contents/Size"))))]
    assert stat.texts("MultipartUploadCount") == ["0"]
    await stay_after_a_restart(oss, make_oss, KEYS, blobs=len(listed.texts("Contents/Key")))


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 60)
async def test_nobody_loses_a_version(make_oss: MakeOss) -> None:
    oss = await make_oss()
    assert (await set_versioning(oss, "Enabled")).status == 200
    versions: dict[str, Versions] = {key: {} for key in KEYS}
    await let_work(oss, partial(Keeper, versions=versions))
    targets: list[str] = []
    size = markers = 0
    for key in KEYS:
        page = await oss.request("GET", f"/examplebucket?versions&max-keys=1000&prefix={key}")
        assert page.texts("IsTruncated") == ["false"]
        markers += len(page.texts("DeleteMarker"))
        size += sum(map(int, page.texts("Version/Size")))
        etags = dict(zip(page.texts("Version/VersionId"), page.texts("Version/ETag"), strict=True))
        targets += [f"{key}?versionId={version_id}" for version_id in etags]
        found = etags | dict.fromkeys(page.texts("DeleteMarker/VersionId"), ABSENT)
        found.pop(NULL_VERSION, None)
        assert found == versions[key]
    stat = await oss.request("GET", "/examplebucket?stat")
    assert stat.texts("Storage") == [str(size)]
    assert stat.texts("ObjectCount") == [str(len(targets))]
    assert stat.texts("DeleteMarkerCount") == [str(markers)]
    await stay_after_a_restart(oss, make_oss, [*KEYS, *targets], blobs=len(targets))


async def let_work(oss: OssClient, make: Callable[[int, OssClient, History, dict[str, str]], Worker]) -> None:
    """Let all clients work at once, and check what they have seen."""
    history = History(KEYS)
    positions: dict[str, str] = {}
    workers = [make(number, oss, history, positions) for number in range(CLIENTS)]
    until = time.perf_counter() + SECONDS
    async with asyncio.TaskGroup() as group:
        for worker in workers:
            group.create_task(worker.work(until))
    last = make(CLIENTS, oss, history, positions)
    for key in KEYS:
        await last.get(key)
    await last.list("")
    history.check()
    done = Counter[str]()
    for worker in workers:
        done += worker.done
    print(dict(done), "refused appends:", len(history.refused))
    assert set(done) >= {"put", "append", "upload", "copy", "delete", "get", "head", "list"}


async def stay_after_a_restart(oss: OssClient, make_oss: MakeOss, targets: list[str], *, blobs: int) -> None:
    """Start the emulator anew: it has the same objects, and no more than so many `blobs`."""
    before = {target: kept(await oss.get(target)) for target in targets}
    await oss.emulator.stop()
    oss = await make_oss()
    assert {target: kept(await oss.get(target)) for target in targets} == before
    await oss.emulator.stop()
    folder = oss.emulator.data_dir
    assert len([path for path in (folder / "blobs").rglob("*") if path.is_file()]) == blobs
    assert list((folder / "staging").iterdir()) == []


def kept(response: Response) -> tuple[int, str | None, bytes]:
    """What must be the same after a restart."""
    return response.status, response.headers.get("etag"), response.body if response.status == 200 else b""
