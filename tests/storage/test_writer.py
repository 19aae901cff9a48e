import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from emulator.model import ObjectAttributes, ObjectRecord, ObjectType
from emulator.storage.blobs import Blobs
from emulator.storage.index import Index
from emulator.storage.tree import Tree
from emulator.storage.writer import Batch, Job, Writer
from tests.storage.conftest import BUCKET


class Parts:
    """A writer and the parts that it works on."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "index.sqlite"
        self.index = Index(self.path, "none")
        self.index.prepare()
        with self.index.transaction():
            self.index.put_bucket(BUCKET)
        self.blobs = Blobs(folder, run=1, fsync=False)
        self.tree = Tree(folder, is_shown=True)
        self.writer = Writer(self.index, self.blobs, self.tree, Index(self.path, "none"))

    def keys(self) -> list[str]:
        return [row.key for row in self.index.blobs_by_key("bucket")]

    def shown(self) -> dict[str, bytes]:
        return {
            key: (self.path.parent / "buckets" / "bucket" / key).read_bytes() for key, _ in self.tree.walk("bucket")
        }

    @asynccontextmanager
    async def one_batch(self) -> AsyncIterator[None]:
        """What is queued inside is committed together: the writer is held up until the end."""
        held, go_on = threading.Event(), threading.Event()

        def wait(_: Batch) -> None:
            held.set()
            go_on.wait(10)

        waiting = asyncio.ensure_future(self.writer.do(Job(wait)))
        await asyncio.to_thread(held.wait, 10)
        yield
        await asyncio.sleep(0)  # the tasks made inside put their jobs into the queue
        go_on.set()
        await waiting


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    parts = Parts(tmp_path)
    yield parts
    await parts.writer.close()
    parts.index.close()


def put(parts: Parts, key: str, body: bytes) -> Job[None]:
    blob = parts.blobs.new_id()

    def apply(batch: Batch) -> None:
        batch.show("bucket", key, blob)
        record = ObjectRecord(
            "bucket", key, blob, len(body), "", None, 0, BUCKET.created, ObjectType.NORMAL, ObjectAttributes()
        )
        if removed := batch.index.put(record):
            batch.unneeded.append(removed.blob)

    def prepare() -> None:
        parts.blobs.write(blob, body)

    return Job(apply, prepare=prepare, abandon=lambda: parts.blobs.remove(blob))


def delete(key: str) -> Job[None]:
    def apply(batch: Batch) -> None:
        batch.show("bucket", key, None)
        if removed := batch.index.remove("bucket", key, BUCKET.created):
            batch.unneeded.append(removed.blob)

    return Job(apply)


def failing(error: Exception) -> Callable[[Batch], None]:
    def apply(batch: Batch) -> None:
        batch.index.put_bucket(BUCKET)
        raise error

    return apply


async def test_jobs_of_one_batch_are_done_in_their_order(parts: Parts) -> None:
    async with parts.one_batch(), asyncio.TaskGroup() as tasks:
        for job in (put(parts, "a", b"1"), put(parts, "a", b"2"), put(parts, "b", b"1"), delete("b")):
            tasks.create_task(parts.writer.do(job))
        for job in (delete("c"), put(parts, "c", b"1"), put(parts, "d/e", b"1"), delete("d/e"), put(parts, "d", b"2")):
            tasks.create_task(parts.writer.do(job))
        await asyncio.sleep(0)
    assert parts.keys() == ["a", "c", "d"]
