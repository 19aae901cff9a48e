"""Bytes on their way in: digests while they arrive, and a file if they are many.

A body that is small and whole stays in memory: the writer thread makes the blob and the row in one go. A long one is
limited by its MD5, which no second core can share, so nothing else may stand in its way: MD5 runs in one thread, CRC-64
and writing in another, and two pieces are in flight while the next is gathered. Bodies that arrive together keep all
cores busy with a thread each, which hands over less. A part may go to a slot of its upload's assembly instead of a file
of its own.
"""

import asyncio
import os
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from typing import Any

from emulator.errors import EntityTooLarge
from emulator.model import ObjectRecord, ObjectType, Part
from emulator.storage.assembly import Assembly, Slot
from emulator.storage.blobs import Blob, Blobs, remove_file, telling_full_disk
from emulator.storage.copying import copy_bytes, write_bytes
from emulator.storage.digest import SMALL_BYTES, Digests, crc64, digests, md5, of_one_piece, of_parts

# Smaller pieces cost more in handing over than in hashing.
PIECE_BYTES = 256 * 1024

PIECES_IN_FLIGHT = 2


class StagedBytes:
    """Bytes that are not yet anybody's: in memory, in a file of `staging/`, and in the end a blob.

    That is all of `blob`, from `position` 0 on; but for parts in slots, which begin elsewhere.
    """

    def __init__(self, blobs: Blobs, digests: Digests, *, data: bytes = b"", path: str = "") -> None:
        """They are `data`, or the finished file at `path`."""
        self.digests = digests
        self.is_in_memory = not path
        self.blob = ""
        self.position = 0
        self.mtime_ns = 0
        self._blobs = blobs
        self._data = data
        self._path = path

    def become_blob(self) -> None:
        """Be the blob `blob` with the modification time `mtime_ns` (nanoseconds), which no row names yet.

        Raises:
            OSError: the disk is full, or broken.
        """
        self.blob = self._blobs.new_id()
        if self._path:
            self.mtime_ns = self._blobs.move_in(self.blob, self._path)
        else:
            self.mtime_ns = self._blobs.write(self.blob, self._data)

    def append_to(self, blob: str, size: int) -> None:
        """Write them behind the first `size` bytes of the blob `blob`. They stay staged.

        Raises:
            OSError: the disk is full, or broken, or the blob is gone.
        """

        def fill(target: int) -> None:
            if not self._path:
                os.lseek(target, size, os.SEEK_SET)
                write_bytes(target, self._data)
                return
            source = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                copy_bytes(source, 0, target, size, self.digests.size)
            finally:
                os.close(source)

        self._blobs.grow(blob, size, fill)

    def keep(self) -> None:
        """Take note that a row names the blob."""

    def discard(self) -> None:
        """Leave nothing behind."""
        if self.blob:
            self._blobs.remove(self.blob)
        if self._path:
            remove_file(self._path)


class SlottedBytes(StagedBytes):
    """A part for a slot: still in memory if it is small, else already there."""

    def __init__(self, blobs: Blobs, digests: Digests, slot: Slot, *, data: bytes | None) -> None:
        """They are `data`, or were written to `slot` if that is `None`."""
        super().__init__(blobs, digests, data=data or b"")
        self.is_in_memory = data is not None
        self._slot = slot

    def become_blob(self) -> None:
        """Be in the slot.

        Raises:
            OSError: the disk is full, or broken.
        """
        if self.is_in_memory:
            self._slot.write(self._data)
            self._slot.finish()
        self.blob, self.position = self._slot.blob, self._slot.position

    def keep(self) -> None:
        """Take note that a row names the slot."""
        self._slot.keep()

    def discard(self) -> None:
        """Give the slot back."""
        self._slot.discard()


class AssembledBytes(StagedBytes):
    """The bytes of parts that are all of their assembly. They stay where they are, and stay the parts' until kept."""

    def __init__(self, blobs: Blobs, digests: Digests, assembly: Assembly) -> None:
        super().__init__(blobs, digests)
        self.blob = assembly.blob

    def become_blob(self) -> None:
        """Be the blob that they are; it may have gone with its upload, as the transaction will find."""
        found = self._blobs.stat(self.blob)
        self.mtime_ns = found.st_mtime_ns if found else 0

    def keep(self) -> None:
        """Let nobody write to the blob."""
        self._blobs.freeze(self.blob)

    def discard(self) -> None:
        """Leave them to the parts."""


async def receive(
    body: bytes | AsyncIterable[bytes], blobs: Blobs, *, limit: int, slot: Slot | None = None, is_alone: bool = True
) -> StagedBytes:
    """All of `body`, at most `limit` bytes; if there is a `slot` for them, they go there.

    `is_alone` says that there are cores to spare: it may have two threads.

    Raises:
        EntityTooLarge: there is more; nothing is left of it.
        InsufficientStorage: the disk is full; nothing is left of it.
    """
    try:
        if isinstance(body, bytes) and len(body) <= min(limit, SMALL_BYTES):
            return _in_memory(body, blobs, slot)
        async with aclosing(_gather(_only(body) if isinstance(body, bytes) else body, limit)) as pieces:
            first = await anext(pieces, b"")
            if len(first) <= SMALL_BYTES:  # so short a piece is the last
                return _in_memory(first, blobs, slot)
            with telling_full_disk():
                return await _into_file(first, pieces, blobs, slot, is_alone=is_alone)
    except BaseException:
        if slot:
            slot.discard()
        raise


def copied(record: ObjectRecord, blob: Blob, blobs: Blobs, *, offset: int, count: int, needs_md5: bool) -> StagedBytes:
    """`count` bytes of `record`, whose bytes `blob` is, from `offset` on. Blocks.

    The whole of an object is the same file under another name, and its digests are known, but for the MD5 of one that
    came in parts: `needs_md5` says whether that must be taken.

    Raises:
        InsufficientStorage: the disk is full; nothing is left of it.
    """
    is_whole = count == record.size and record.type is not ObjectType.APPENDABLE
    path = ""
    with telling_full_disk():
        if is_whole:
            with suppress(OSError):  # replaced meanwhile, or too many names: `blob` still has the bytes
                path = blobs.stage_link(record.blob)
        path = path or blobs.stage_copy(blob.fileno(), offset, count)
    if is_whole and (record.md5 or not needs_md5):
        return StagedBytes(blobs, Digests(record.size, record.md5, record.crc64, record.etag), path=path)
    try:
        return StagedBytes(blobs, blobs.measure_staged(path), path=path)
    except BaseException:
        remove_file(path)
        raise


def joined(parts: Sequence[Part], blobs: Blobs, assembly: Assembly | None) -> StagedBytes:
    """The bytes of `parts` one after the other: not moved if they are all of `assembly`, else by the kernel. Blocks.

    Raises:
        FileNotFoundError: one of them is not there any more.
        InsufficientStorage: the disk is full; nothing is left of it.
    """
    if assembly and assembly.is_made_of(parts):
        return AssembledBytes(blobs, of_parts(parts), assembly)
    with telling_full_disk():
        path = blobs.stage_joined(parts)
    return StagedBytes(blobs, of_parts(parts), path=path)


def _in_memory(data: bytes, blobs: Blobs, slot: Slot | None) -> StagedBytes:
    if slot:
        return SlottedBytes(blobs, digests(data), slot, data=data)
    return StagedBytes(blobs, digests(data), data=data)


async def _into_file(
    first: bytes, pieces: AsyncIterator[bytes], blobs: Blobs, slot: Slot | None, *, is_alone: bool
) -> StagedBytes:
    loop = asyncio.get_running_loop()
    hashed = md5()
    size = crc = 0
    in_flight: deque[asyncio.Future[Any]] = deque()
    writer = slot or blobs.stage()

    def write(piece: bytes) -> None:
        nonlocal size, crc
        size += len(piece)
        crc = crc64(piece, crc)
        writer.write(piece)

    def hash_and_write(piece: bytes) -> None:
        hashed.update(piece)
        write(piece)

    def send(piece: bytes) -> None:
        if is_alone:
            hash_it = loop.run_in_executor(hashing, hashed.update, piece)
            in_flight.append(asyncio.gather(hash_it, loop.run_in_executor(writing, write, piece)))
        else:
            in_flight.append(loop.run_in_executor(writing, hash_and_write, piece))

    with ThreadPoolExecutor(1, "oss-md5") as hashing, ThreadPoolExecutor(1, "oss-write") as writing:
        try:
            send(first)
            async for piece in pieces:
                if len(in_flight) == PIECES_IN_FLIGHT:
                    await in_flight.popleft()
                send(piece)
            await asyncio.gather(*in_flight)
            await loop.run_in_executor(writing, writer.finish)
        except BaseException:
            await asyncio.gather(*in_flight, return_exceptions=True)  # nobody may write to a closed descriptor
            writer.discard()
            raise
    found = of_one_piece(size, hashed.digest(), crc)
    if isinstance(writer, Slot):
        return SlottedBytes(blobs, found, writer, data=None)
    return StagedBytes(blobs, found, path=writer.path)


async def _only(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _gather(body: AsyncIterable[bytes], limit: int) -> AsyncGenerator[bytes, None]:
    """The bytes of `body` in pieces of at least `PIECE_BYTES`, the last one excepted.

    Raises:
        EntityTooLarge: there are more than `limit`.
    """
    size = waiting = 0
    parts: list[bytes] = []
    async for part in body:
        size += len(part)
        if size > limit:
            raise EntityTooLarge(hint=f"The body is longer than {limit} bytes, the most that is taken here.")
        waiting += len(part)
        parts.append(part)
        if waiting >= PIECE_BYTES:
            yield parts[0] if len(parts) == 1 else b"".join(parts)
            waiting = 0
            parts.clear()
    if parts:
        yield b"".join(parts)
