"""What storage tests say again and again, in a word."""

import asyncio
import errno
import os
import stat
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

import pytest

from emulator.model import ObjectAttributes, ObjectRecord
from emulator.storage.store import Store
from emulator.storage.writer import Job, nothing

PLAIN = ObjectAttributes(headers={"content-type": "text/plain"})


async def put(store: Store, key: str, body: bytes = b"body", *, bucket: str = "bucket") -> ObjectRecord:
    """Store `body` at `key`."""
    async with store.stage(body, limit=1 << 40) as staged:
        return await staged.commit(bucket, key, attributes=PLAIN)


async def content(store: Store, key: str, *, bucket: str = "bucket") -> bytes:
    """What a reader of `key` gets."""
    _, blob = await store.read(bucket, key)
    with blob:
        return blob.read()


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    """A body that comes in these parts."""
    for part in parts:
        yield part


async def eventually(is_so: Callable[[], bool]) -> None:
    """Wait for what another thread or process does and nobody announces, at most 10 s."""
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - nobody sets an event
            await asyncio.sleep(0.002)


def files_below(folder: Path) -> list[Path]:
    """Every file, wherever it lies below `folder`."""
    return sorted(path for path in folder.rglob("*") if not path.is_dir())


def shown(folder: Path, key: str) -> Path:
    """Where the tree shows `key` of the bucket `bucket`."""
    return folder / "buckets" / "bucket" / key


async def tidied(store: Store) -> None:
    """Wait until the writer has removed what the changes that it has acknowledged leave behind."""
    await store._writer.do(Job(nothing))


def fill_disk(monkeypatch: pytest.MonkeyPatch, *, after_bytes: int) -> None:
    """Let the disk be full once so many bytes have been written."""
    write, copy = os.write, os.copy_file_range
    left = after_bytes

    def take(count: int) -> None:
        nonlocal left
        if count > left:
            raise OSError(errno.ENOSPC, "No space left on device")
        left -= count

    def limited_write(fd: int, data: bytes) -> int:
        if stat.S_ISREG(os.fstat(fd).st_mode):
            take(len(data))
        return write(fd, data)

    def limited_copy(source: int, target: int, count: int, *offsets: int) -> int:
        take(count)
        return copy(source, target, count, *offsets)

    monkeypatch.setattr(os, "write", limited_write)
    monkeypatch.setattr(os, "copy_file_range", limited_copy)


async def delete_many(store: Store, keys: Iterable[str]) -> int:
    """Delete the objects at `keys` of the bucket `bucket`; how many there were."""
    return sum(each.found for each in await store.versions.delete("bucket", [(key, None) for key in keys]))
