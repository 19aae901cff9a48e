"""Store: the verbs that operations speak. Stage, judge, commit; find, open, list.

Questions are answered in the event loop, from memory or from the index; changes go through the writer. A change is
visible as soon as its row is committed.
"""

import asyncio
import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Self

import msgspec

from emulator.clock import Clock, Ids
from emulator.errors import FileAlreadyExists
from emulator.model import (
    NULL_VERSION,
    Bucket,
    ObjectAttributes,
    ObjectRecord,
    ObjectType,
)
from emulator.storage.adoption import Adoption
from emulator.storage.appendables import Appendables
from emulator.storage.assembly import Slot
from emulator.storage.blobs import Blob
from emulator.storage.buckets import Buckets
from emulator.storage.digest import Digests, md5
from emulator.storage.directory import DataDirectory, StoreError
from emulator.storage.index import Durability
from emulator.storage.lifecycle import Lifecycle
from emulator.storage.listing import Listing
from emulator.storage.loading import Loading
from emulator.storage.retention import guard
from emulator.storage.snapshots import Snapshot, Snapshots
from emulator.storage.staged import Staged
from emulator.storage.staging import StagedBytes, copied, receive
from emulator.storage.tree import Tree
from emulator.storage.upkeep import Upkeep
from emulator.storage.uploads import Uploads
from emulator.storage.versions import Deletion, Versions, absent, existing
from emulator.storage.writer import Batch, Job, Step, Writer, nothing

__all__ = ["Store", "StoreError"]

# Rows kept in memory, about 1 KiB each.
MAX_CACHED_ROWS = 8192

CORES = os.cpu_count() or 1


class Store:
    """Buckets and objects in a data directory. One process, one event loop.

    `buckets` are its buckets, `versions` those of its objects, `uploads` its multipart uploads, `appendables` what
    AppendObject does to its objects, `snapshots` states to come back to; `lifecycle` follows the rules of its buckets.
    """

    def __init__(self, directory: DataDirectory, clock: Clock, ids: Ids) -> None:
        """Start the threads; `open` does the rest."""
        self._directory = directory
        self._clock = clock
        self._blobs = directory.blobs
        self._index = directory.connect()
        self._tree = Tree(directory.folder, is_shown=directory.tree.is_shown)
        self._rows: dict[tuple[str, str], ObjectRecord] = {}
        self._writer = Writer(directory.index, directory.blobs, directory.tree, directory.connect())
        self.buckets = Buckets(self._index, self._writer, directory.tree)
        self.versions = Versions(self._index, self._writer, clock, ids, self.buckets.find, self._forget)
        self._adoption = Adoption(
            self._index, self._blobs, self._tree, self._writer, clock, self.versions, self._forget
        )
        self.uploads = Uploads(self._index, self._blobs, self._writer, clock, self.put)
        self.lifecycle = Lifecycle(
            self._index, self._writer, clock, self.versions, self.uploads, self.buckets.find, self._forget
        )
        self.appendables = Appendables(
            self._blobs, self._writer, clock, self.buckets.find, self.look, self.look_again, self._forget
        )
        self._loading = Loading(self._blobs, self.find, self.put)
        self._upkeep = Upkeep(
            directory, self._writer, clock, self._loading, forget=self.uploads.forget, acknowledge=self._begin_anew
        )
        self.snapshots = Snapshots(
            directory,
            self._index,
            self._writer,
            clock,
            forget=self.uploads.forget,
            acknowledge=self._begin_anew,
            unsettle=self._upkeep.unsettle,
            later=self._upkeep.later,
        )
        self._arriving = 0
        self._is_closed = False

    @classmethod
    async def open(cls, folder: Path, *, durability: Durability, tree: bool, clock: Clock, ids: Ids) -> Self:
        """The store in `folder`, which is made if it is not there; files that were dropped into it are objects.

        `durability` is what an acknowledged change survives: a killed `process`, a cut of the `power`, or `none`.
        `tree` is whether objects are shown by name under `buckets/`. `ids` makes those of versions.

        Raises:
            StoreError: the folder is locked, unwritable, or an emulator of the future has written it.
        """
        store = cls(await asyncio.to_thread(DataDirectory, folder, durability, is_shown=tree), clock, ids)
        try:
            await store.adopt()
            store._upkeep.begin()
        except BaseException:
            await store.close()
            raise
        return store

    async def close(self) -> None:
        """Finish what is queued, stop the threads, leave the folder settled and unlocked."""
        if self._is_closed:
            return
        self._is_closed = True
        self._upkeep.stop()
        await self._writer.close()
        await asyncio.to_thread(self._upkeep.close)
        is_settled = self._upkeep.is_settled and self._directory.tree.is_shown and not self.uploads.leave_litter
        self._index.close()
        await asyncio.to_thread(self._directory.close, is_settled=is_settled)

    # --- Reading ----------------------------------------------------------------------------------------------------

    def find(self, bucket: str, key: str, version_id: str | None = None) -> ObjectRecord | None:
        """The object at `key`, or the version of it that has this id, as far as the index knows."""
        if version_id is not None:
            found = self.versions.find(bucket, key, version_id)
            return found if isinstance(found, ObjectRecord) else None
        record = self._rows.get((bucket, key))
        if record is None:
            try:
                record = self._index.find(bucket, key)
            except UnicodeEncodeError:  # bytes that are no UTF-8, carried as surrogates: no object can have such a key
                return None
            if record is not None:
                if len(self._rows) >= MAX_CACHED_ROWS:
                    del self._rows[next(iter(self._rows))]
                self._rows[bucket, key] = record
        return record

    async def get(self, bucket: str, key: str, version_id: str | None = None) -> ObjectRecord:
        """The object at `key`, or its version `version_id`; a file that was dropped into the tree there becomes it.

        Raises:
            NoSuchBucket, NoSuchKey, NoSuchVersion: there is none.
            MethodNotAllowed: the version is a delete marker.
        """
        if version_id is not None and not self._is_only(bucket, version_id):
            return self.versions.get(bucket, key, version_id)
        record = await self.look(bucket, key)
        if record is None:
            raise self.versions.absence(bucket, key)
        return record

    def _is_only(self, bucket: str, version_id: str) -> bool:
        """Whether `version_id` is the one of all objects in the bucket."""
        return version_id == NULL_VERSION and self.buckets.get(bucket).versioning is None

    async def look(self, bucket: str, key: str) -> ObjectRecord | None:
        """The object at `key`; a file that was dropped into the tree there becomes it.

        Raises:
            NoSuchBucket: there is no such bucket.
        """
        return self.find(bucket, key) or await self._adoption.adopt(self.buckets.get(bucket), key)

    async def look_again(self, bucket: str, key: str) -> ObjectRecord | None:
        """The object at `key` as it is now that files have been edited, replaced or taken away.

        Raises:
            NoSuchBucket: there is no such bucket.
        """
        return await self._adoption.adopt(self.buckets.get(bucket), key)

    def open_blob(self, record: ObjectRecord) -> Blob:
        """The bytes of `record`, to be closed by the caller. `record.size` says how many of them are the object.

        Raises:
            FileNotFoundError: it has been replaced or deleted meanwhile.
        """
        return self._blobs.open(record.blob)

    async def read(self, bucket: str, key: str, version_id: str | None = None) -> tuple[ObjectRecord, Blob]:
        """The object at `key`, or its version `version_id`, and its bytes, which are to be closed by the caller.

        A file in the tree that was edited or replaced is first made what the object is.

        Raises:
            NoSuchBucket, NoSuchKey, NoSuchVersion: there is none.
            MethodNotAllowed: the version is a delete marker.
            FileNotFoundError: somebody has taken the bytes out of `blobs/`.
        """
        missing = ""
        is_checked = False
        while True:
            record = await self.get(bucket, key, version_id)
            try:
                blob = self.open_blob(record)
            except FileNotFoundError:
                if record.blob == missing:
                    raise
                missing = record.blob  # replaced between look-up and opening: look again
                self._forget(bucket, key)
                continue
            is_past = version_id is not None and self.find(bucket, key) != record  # no file in the tree shows it
            if is_past or is_checked or not self._adoption.is_due(record, blob):
                return record, blob
            blob.close()
            await self.look_again(bucket, key)
            is_checked = True

    def list(self, bucket: str, *, prefix: str = "", delimiter: str = "", after: str = "", limit: int = 100) -> Listing:
        """The page of at most `limit` entries, objects and groups in byte order, after `after` (exclusive).

        Raises:
            NoSuchBucket: there is none.
        """
        self.buckets.get(bucket)
        return self._index.page(bucket, prefix=prefix, delimiter=delimiter, after=after, limit=limit)

    # --- Changing ---------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def stage(
        self, body: bytes | AsyncIterable[bytes], *, limit: int, slot: Slot | None = None
    ) -> AsyncIterator[Staged]:
        """All of `body`, at most `limit` bytes; leaving without a commit leaves nothing behind.

        A part goes to its `slot`, if `Uploads.claim` has given one.

        Raises:
            EntityTooLarge: there is more.
            InsufficientStorage: the disk is full.
        """
        self._arriving += 1
        try:
            is_alone = 2 * self._arriving <= CORES
            content = await receive(body, self._blobs, limit=limit, slot=slot, is_alone=is_alone)
        finally:
            self._arriving -= 1
        staged = self._staged(content)
        try:
            yield staged
        finally:
            staged.discard()

    @asynccontextmanager
    async def stage_copy(
        self, record: ObjectRecord, blob: Blob, *, offset: int, count: int, needs_md5: bool
    ) -> AsyncIterator[Staged]:
        """`count` bytes of `record`, whose bytes `blob` is, from `offset` on; no byte of a whole object is moved.

        Only the whole of an object that came in parts has no MD5; `needs_md5` takes it.

        Raises:
            InsufficientStorage: the disk is full.
        """
        staged = self._staged(
            await asyncio.to_thread(copied, record, blob, self._blobs, offset=offset, count=count, needs_md5=needs_md5),
        )
        try:
            yield staged
        finally:
            staged.discard()

    async def put(
        self,
        content: StagedBytes,
        bucket: str,
        key: str,
        *,
        attributes: ObjectAttributes,
        type: ObjectType,  # noqa: A002 - the name it has everywhere else
        forbid_overwrite: bool,
        check: Step = nothing,
        also: Step = nothing,
    ) -> ObjectRecord:
        """`Staged.commit`. `check` and `also` go into the same transaction: one may refuse it, one adds to it."""
        if forbid_overwrite:
            try:
                await self.look(bucket, key)  # a dropped file takes its key, too
            except BaseException:
                content.discard()
                raise
        last_modified = self._clock.now_in_milliseconds()
        digests = content.digests
        drawn_id = self.versions.draw_id(bucket)
        check_retention = guard(self.buckets.find(bucket), last_modified)

        def apply(batch: Batch) -> ObjectRecord:
            versioning = batch.versioning(bucket)
            check(batch)
            check_retention(batch, key, None)
            if forbid_overwrite and versioning is None and batch.index.exists(bucket, key):
                raise FileAlreadyExists(
                    hint=f"{key!r} exists; x-oss-forbid-overwrite or a rule of the bucket keeps it."
                )
            record = ObjectRecord(
                bucket,
                key,
                content.blob,
                digests.size,
                digests.etag,
                digests.md5,
                digests.crc64,
                last_modified,
                type,
                attributes,
                content.mtime_ns,
                self.versions.settle_id(drawn_id, versioning),
            )
            batch.show(bucket, key, content.blob)
            batch.unneeded += batch.index.add(record, versioning)
            also(batch)
            return record

        return await self._writer.do(
            Job(
                apply,
                prepare=content.become_blob,
                finish=content.keep,
                abandon=content.discard,
                acknowledge=lambda: self._forget(bucket, key),
            )
        )

    async def put_symlink(
        self, bucket: str, key: str, target: str, *, attributes: ObjectAttributes, forbid_overwrite: bool
    ) -> ObjectRecord:
        """Make a symbolic link to the key `target` the object at `key`: an object without bytes.

        Guess: its ETag is the MD5 of the target's key.

        Raises:
            NoSuchBucket: there is none.
            FileAlreadyExists: `forbid_overwrite`, and the key is taken.
            InsufficientStorage: the disk is full.
        """
        digests = Digests(0, None, 0, md5(target.encode()).hexdigest().upper())
        return await self.put(
            StagedBytes(self._blobs, digests),
            bucket,
            key,
            attributes=msgspec.structs.replace(attributes, symlink_target=target),
            type=ObjectType.SYMLINK,
            forbid_overwrite=forbid_overwrite,
        )

    async def delete(self, bucket: str, key: str, version_id: str | None = None) -> Deletion:
        """Delete the object at `key`, or its version `version_id`; what that did.

        Raises:
            NoSuchBucket: there is none.
            FileImmutable: the bucket's retention keeps it.
        """
        (deletion,) = await self.versions.delete(bucket, [(key, version_id)])
        return deletion

    async def set_attributes(
        self,
        bucket: str,
        key: str,
        change: Callable[[ObjectAttributes], ObjectAttributes],
        version_id: str | None = None,
        *,
        check: Callable[[ObjectRecord], None] = nothing,
    ) -> ObjectRecord:
        """Make of the object's attributes, or of those of its version `version_id`, what `change` makes of them.

        Its bytes and its Last-Modified stay. `change` runs in the writer's thread, so no change that comes at the same
        time is lost; it may refuse with an `OssError`, and so may `check`, which sees the object before.

        Raises:
            NoSuchBucket, NoSuchKey, NoSuchVersion: there is none.
            MethodNotAllowed: the version is a delete marker.
        """

        def apply(batch: Batch) -> ObjectRecord:
            batch.check_bucket(bucket)
            live = batch.index.find(bucket, key)
            if version_id is None or (live is not None and live.version_id == version_id):
                if live is None:
                    raise absent(batch.index, bucket, key)
                check(live)
                record = msgspec.structs.replace(live, attributes=change(live.attributes))
                batch.index.put(record)
                return record
            past = existing(batch.index.versions.find(bucket, key, version_id), key, version_id)
            check(past)
            record = msgspec.structs.replace(past, attributes=change(past.attributes))
            batch.index.versions.replace(record)
            return record

        return await self._writer.do(Job(apply, acknowledge=lambda: self._forget(bucket, key)))

    # --- The whole --------------------------------------------------------------------------------------------------

    async def adopt(self) -> int:
        """Make objects of the files that were dropped into the tree, replaced in it or edited; how many."""
        buckets = self.buckets.all()
        if not self._tree.is_shown or not buckets:
            return 0
        with closing(self._directory.connect()) as index:
            return await self._adoption.adopt_all(buckets, index)

    async def load(self, bucket: str, folder: Path) -> int:
        """Make the files below `folder` objects of `bucket`, now and after every reset; how many.

        Raises:
            NoSuchBucket: there is none.
            StoreError: the folder or one of its files cannot be read.
        """
        return await self._loading.load(self.buckets.get(bucket), folder)

    async def reset(self, buckets: Iterable[Bucket]) -> None:
        """Delete everything, make `buckets`, and bring back what was loaded into them."""
        await self._upkeep.reset(buckets)

    async def take_snapshot(self, name: str) -> Snapshot:
        """`Snapshots.take`, with the files that were dropped into the tree."""
        await self.adopt()
        return await self.snapshots.take(name)

    def _begin_anew(self, buckets: Iterable[Bucket]) -> None:
        """Know no more than that there are `buckets`."""
        self._rows.clear()
        self.buckets.begin_anew(buckets)

    def _staged(self, content: StagedBytes) -> Staged:
        return Staged(content, self.put, self.uploads, self.appendables)

    def _forget(self, bucket: str, key: str) -> None:
        self._rows.pop((bucket, key), None)
