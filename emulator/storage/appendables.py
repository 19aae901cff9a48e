"""Objects that grow: AppendObject adds to the end of a blob, and the object's row says how much of it counts.

Bytes beyond that are of an append that failed or is not yet committed; the next one overwrites them, and a start after
a kill cuts them off. One append to a key at a time, so that there is one winner per position.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from weakref import WeakValueDictionary

from msgspec import structs

from emulator.clock import Clock
from emulator.errors import AppendSealedObjectNotAllowed, ObjectNotAppendable, PositionNotEqualToLength
from emulator.model import NULL_VERSION, Bucket, ObjectAttributes, ObjectRecord, ObjectType, Versioning
from emulator.storage.blobs import Blobs, telling_full_disk
from emulator.storage.digest import combine_crc64, md5
from emulator.storage.retention import guard
from emulator.storage.staging import StagedBytes
from emulator.storage.writer import Batch, Job, Writer

NEXT_POSITION = "x-oss-next-append-position"


def check_position(record: ObjectRecord | None, position: int, *, may_be_sealed: bool = False) -> None:
    """Raise unless something can be appended at `position` (bytes) to `record`, the object there is, if there is one.

    Raises:
        ObjectNotAppendable: it was made in another way, whatever the position.
        AppendSealedObjectNotAllowed: it is to grow no more.
        PositionNotEqualToLength: it ends elsewhere.
    """
    if record and record.type is not ObjectType.APPENDABLE:
        raise ObjectNotAppendable(
            hint=f"The object is of type {record.type}; only one that AppendObject has made can be appended to."
        )
    if record and record.attributes.sealed and not may_be_sealed:
        raise AppendSealedObjectNotAllowed(hint=f"SealAppendObject has closed it at {record.size} bytes.")
    length = record.size if record else 0
    if position != length:
        raise PositionNotEqualToLength(
            headers={NEXT_POSITION: str(length)},
            hint=f"The object has {length} bytes, so the next append goes to position {length}, not {position}."
            if record
            else f"There is no object yet, so the first append goes to position 0, not {position}.",
        )


class Appendables:
    """The appendable objects of a store. In the event loop."""

    def __init__(
        self,
        blobs: Blobs,
        writer: Writer,
        clock: Clock,
        find_bucket: Callable[[str], Bucket | None],
        look: Callable[[str, str], Awaitable[ObjectRecord | None]],
        look_again: Callable[[str, str], Awaitable[ObjectRecord | None]],
        acknowledge: Callable[[str, str], None],
    ) -> None:
        """`look` finds an object, `look_again` finds out what has become of its bytes; `acknowledge` is called with the
        bucket and key of a committed change.
        """
        self._blobs = blobs
        self._writer = writer
        self._clock = clock
        self._find_bucket = find_bucket
        self._look = look
        self._look_again = look_again
        self._acknowledge = acknowledge
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def append(
        self, content: StagedBytes, bucket: str, key: str, position: int, *, attributes: ObjectAttributes
    ) -> ObjectRecord:
        """`Staged.append`. Whoever is cancelled here does not undo it: the lock must last as long as the writing."""
        return await asyncio.shield(asyncio.create_task(self._append(content, bucket, key, position, attributes)))

    async def _append(
        self, content: StagedBytes, bucket: str, key: str, position: int, attributes: ObjectAttributes
    ) -> ObjectRecord:
        lock = self._locks.setdefault((bucket, key), asyncio.Lock())
        async with lock:
            grown = None
            while grown is None:
                try:
                    record = await self._look(bucket, key)
                    check_position(record, position)
                    grown = await self._grow(content, record) if record else None
                except BaseException:
                    content.discard()
                    raise
                if record is None:
                    return await self._begin(content, bucket, key, attributes)
            content.discard()
            return grown

    async def _begin(self, content: StagedBytes, bucket: str, key: str, attributes: ObjectAttributes) -> ObjectRecord:
        """Make the object of which this is the beginning."""
        size, _, crc64, _ = content.digests
        last_modified = self._clock.now_in_milliseconds()

        def prepare() -> None:
            content.become_blob()
            self._blobs.let_grow(content.blob)

        check_retention = guard(self._find_bucket(bucket), last_modified)

        def apply(batch: Batch) -> ObjectRecord:
            versioning = batch.versioning(bucket)
            check_retention(batch, key, NULL_VERSION)
            check_position(batch.index.find(bucket, key), 0)  # somebody may have put one there meanwhile
            record = ObjectRecord(
                bucket,
                key,
                content.blob,
                size,
                _etag(key, size, crc64, last_modified),
                None,
                crc64,
                last_modified,
                ObjectType.APPENDABLE,
                attributes,
                content.mtime_ns,
            )
            batch.show(bucket, key, content.blob)
            # What grows is the version `null`, whether the bucket keeps versions or not.
            batch.unneeded += batch.index.add(record, versioning and Versioning.SUSPENDED)
            return record

        return await self._writer.do(
            Job(
                apply,
                prepare=prepare,
                abandon=content.discard,
                acknowledge=lambda: self._acknowledge(bucket, key),
            )
        )

    async def _grow(self, content: StagedBytes, record: ObjectRecord) -> ObjectRecord | None:
        """Add to `record`; `None` if it has been replaced or deleted meanwhile.

        What is small is written where it is committed: no other thread need be waited for.
        """
        added, _, crc64, _ = content.digests
        size = record.size + added
        crc64 = combine_crc64(record.crc64, crc64, added)
        last_modified = self._clock.now_in_milliseconds()

        def write() -> None:
            content.append_to(record.blob, record.size)

        def prepare() -> None:
            if content.is_in_memory:
                write()

        check_retention = guard(self._find_bucket(record.bucket), last_modified)

        def apply(batch: Batch) -> ObjectRecord | None:
            batch.check_bucket(record.bucket)
            current = batch.index.find(record.bucket, record.key)
            if current is None or current.blob != record.blob:
                return None
            check_position(current, record.size)
            check_retention(batch, record.key, NULL_VERSION)
            grown = structs.replace(  # what others have said about it meanwhile stays
                current,
                size=size,
                crc64=crc64,
                etag=_etag(record.key, size, crc64, last_modified),
                last_modified=last_modified,
            )
            batch.index.put(grown)
            return grown

        try:
            if not content.is_in_memory:
                with telling_full_disk():
                    await asyncio.to_thread(write)
            return await self._writer.do(
                Job(apply, prepare=prepare, acknowledge=lambda: self._acknowledge(record.bucket, record.key))
            )
        except FileNotFoundError:
            if await self._look_again(record.bucket, record.key) == record:
                raise  # somebody has taken files out of `blobs/`
            return None


def _etag(key: str, size: int, crc64: int, last_modified: datetime) -> str:
    """An ETag that another append changes.

    Source: samples of AppendObject, where it looks like 24 hex digits and eight zeros. Guess: of what it is made.
    """
    digest = md5(repr((key, size, crc64, last_modified)).encode()).hexdigest()
    return f"{digest[:24].upper()}00000000"
