"""What exists: buckets and objects as rows of `index.sqlite`, in the byte order of their keys.

SQLite compares TEXT as UTF-8 bytes and Python compares `str` by code point, which is the same order. A key may hold any
character, NUL too, at which SQLite's own string functions stop: prefixes are compared as ranges, groups cut in Python.

An `Index` is a connection with its verbs and belongs to one thread at a time. One writes; the others read beside it.
"""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from emulator.model import Bucket, BucketStat, ObjectRecord, ObjectType, StorageClass
from emulator.storage.columns import decode_attributes, encode_attributes, from_crc64, from_time, to_crc64, to_time
from emulator.storage.listing import Position, start_after, walk
from emulator.storage.schema import migrate
from emulator.storage.snapshot_index import SnapshotIndex
from emulator.storage.upload_index import UploadIndex

_log = logging.getLogger(__name__)

Durability = Literal["process", "power", "none"]

# How long a statement waits for another program that has the index open, and a checkpoint for readers of an old state:
# adopting and sweeping read for seconds, and whoever wants to change something must not wait for them.
PATIENCE_SECONDS = 30
CHECKPOINT_PATIENCE_MILLISECONDS = 25

_SYNCHRONOUS = {"process": "NORMAL", "power": "FULL", "none": "OFF"}

_FIND = """
SELECT blob, size, mtime, etag, md5, crc64, last_modified, type, attributes FROM live WHERE bucket = ? AND key = ?
"""
_PUT = "INSERT OR REPLACE INTO live VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_LIST = """
SELECT key, size, etag, type, storage_class, last_modified FROM live
WHERE bucket = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?
"""
_ADD = """
INSERT INTO total VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
size = size + excluded.size, count = count + excluded.count, last_modified = max(last_modified, excluded.last_modified)
"""

_TYPES = {kind.value: kind for kind in ObjectType}
_CLASSES = {kind.value: kind for kind in StorageClass}

_decode_bucket = msgspec.json.Decoder(Bucket).decode


class ListedObject(msgspec.Struct, frozen=True, gc=False):
    """An object as a listing shows it; the fields mean what they mean in `ObjectRecord`."""

    key: str
    size: int
    etag: str
    type: ObjectType
    storage_class: StorageClass
    last_modified: datetime


class Listing(msgspec.Struct, frozen=True):
    """A page of a bucket: objects, and groups as plain `str`, interleaved in byte order.

    `last` is the key or group of the last entry, where the next page goes on; `""` on an empty page.
    """

    entries: list[ListedObject | str]
    is_truncated: bool
    last: str


class IndexedBlob(msgspec.Struct, frozen=True, gc=False):
    """What the index holds against the file of a key: the blob's id, size and modification time (nanoseconds)."""

    key: str
    blob: str
    size: int
    mtime_ns: int
    type: ObjectType


class Removed(msgspec.Struct, frozen=True, gc=False):
    """What is left of a row that has been replaced or removed: the blob that nobody needs any more."""

    blob: str
    size: int
    storage_class: str


class Index:
    """One connection to `index.sqlite`. `uploads` are its verbs for multipart uploads, `snapshots` for all at once."""

    def __init__(self, path: Path, durability: Durability) -> None:
        self._connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=PATIENCE_SECONDS
        )
        self.uploads = UploadIndex(self._connection)
        self.snapshots = SnapshotIndex(self._connection)
        self._totals: dict[tuple[str, str], tuple[int, int, int]] = {}  # of the open transaction; the last is a time
        execute = self._connection.execute
        execute("PRAGMA journal_mode = WAL")
        execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")
        execute("PRAGMA wal_autocheckpoint = 0")  # a thread of its own does it: in a commit it would stall all writers
        execute("PRAGMA secure_delete = OFF")

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    # --- Life -------------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Make the tables that are missing.

        Raises:
            SchemaTooNew: the index comes from a newer emulator.
        """
        migrate(self._connection)

    def begin_run(self) -> tuple[int, bool]:
        """The number of the run that begins here, and whether the one before it ended settled."""
        number, is_settled = self._connection.execute("SELECT number, is_settled FROM run").fetchone()
        self._connection.execute("UPDATE run SET number = number + 1, is_settled = 0")
        return number + 1, bool(is_settled)

    def end_run(self) -> None:
        """Say that index, blobs and tree agree, and that nothing is under way any more."""
        self._connection.execute("UPDATE run SET is_settled = 1")

    def checkpoint(self, mode: Literal["PASSIVE", "RESTART", "TRUNCATE"]) -> int:
        """Bring the log's pages into the database as far as readers let it; how many frames the log has.

        A failure, as on a full disk, is a warning: the log goes on growing, and the next checkpoint may do.
        """
        execute = self._connection.execute
        execute(f"PRAGMA busy_timeout = {CHECKPOINT_PATIENCE_MILLISECONDS}")
        try:
            _, frames, _ = execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        except sqlite3.Error as error:
            _log.warning("a checkpoint of the index failed: %s", error)
            return 0
        finally:
            execute(f"PRAGMA busy_timeout = {PATIENCE_SECONDS * 1000}")
        return int(frames)

    # --- Reading ----------------------------------------------------------------------------------------------------

    def find(self, bucket: str, key: str) -> ObjectRecord | None:
        """The object with this key."""
        row = self._connection.execute(_FIND, (bucket, key)).fetchone()
        if row is None:
            return None
        blob, size, mtime, etag, md5, crc64, last_modified, kind, attributes = row
        return ObjectRecord(
            bucket,
            key,
            blob,
            size,
            etag,
            md5,
            to_crc64(crc64),
            to_time(last_modified),
            _TYPES[kind],
            decode_attributes(attributes),
            mtime,
        )

    def exists(self, bucket: str, key: str) -> bool:
        """Whether an object has this key."""
        query = "SELECT 1 FROM live WHERE bucket = ? AND key = ?"
        return self._connection.execute(query, (bucket, key)).fetchone() is not None

    def is_empty(self, bucket: str) -> bool:
        """Whether the bucket holds no object."""
        return self._connection.execute("SELECT 1 FROM live WHERE bucket = ? LIMIT 1", (bucket,)).fetchone() is None

    def has_bucket(self, name: str) -> bool:
        """Whether there is such a bucket."""
        return self._connection.execute("SELECT 1 FROM bucket WHERE name = ?", (name,)).fetchone() is not None

    def find_bucket(self, name: str) -> Bucket | None:
        """The bucket `name`, if there is one."""
        row = self._connection.execute("SELECT settings FROM bucket WHERE name = ?", (name,)).fetchone()
        return _decode_bucket(row[0]) if row else None

    def buckets(self) -> list[Bucket]:
        """All buckets by name."""
        rows = self._connection.execute("SELECT settings FROM bucket ORDER BY name")
        return [_decode_bucket(settings) for (settings,) in rows]

    def stat(self, bucket: str) -> BucketStat:
        """What the bucket holds, to the byte."""
        query = "SELECT storage_class, size, count, last_modified FROM total WHERE bucket = ?"
        rows = self._connection.execute(query, (bucket,)).fetchall()
        uploads, parts = self.uploads.count(bucket)
        return BucketStat(
            sizes={_CLASSES[name]: size for name, size, count, _ in rows if count},
            counts={_CLASSES[name]: count for name, _, count, _ in rows if count},
            last_modified=to_time(max(row[3] for row in rows)) if rows else None,
            uploads=uploads,
            parts=parts,
        )

    def blobs(self) -> Iterator[str]:
        """The ids of all blobs, of objects and of parts, sorted. SQLite sorts in a file where they are many."""
        query = "SELECT blob FROM live UNION ALL SELECT DISTINCT blob FROM part ORDER BY blob"
        return (blob for (blob,) in self._connection.execute(query))

    def blobs_by_key(self, bucket: str) -> Iterator[IndexedBlob]:
        """What every key's file must look like, in the byte order of the keys."""
        query = "SELECT key, blob, size, mtime, type FROM live WHERE bucket = ? ORDER BY key"
        for key, blob, size, mtime, kind in self._connection.execute(query, (bucket,)):
            yield IndexedBlob(key, blob, size, mtime, _TYPES[kind])

    def count(self) -> int:
        """How many objects there are."""
        return int(self._connection.execute("SELECT coalesce(sum(count), 0) FROM total").fetchone()[0])

    def appendables(self) -> Iterator[tuple[str, int]]:
        """The blobs of appendable objects, and how many of their bytes count."""
        query = "SELECT blob, size FROM live WHERE type = ?"
        yield from self._connection.execute(query, (ObjectType.APPENDABLE.value,))

    def list(self, bucket: str, *, prefix: str, delimiter: str, after: str, limit: int) -> Listing:
        """The page of at most `limit` entries after `after` (exclusive); a group never repeats.

        Source: "ListObjects" in the API reference.
        """
        first = start_after(after, prefix, delimiter)

        def fetch(start: Position, end: str | bytes, limit: int) -> list[tuple[Any, ...]]:
            return self._connection.execute(_LIST, (bucket, *start, end, limit)).fetchall()

        entries, is_truncated = walk(
            fetch,
            _listed_object,
            prefix=prefix,
            delimiter=delimiter,
            start=None if first is None else (first,),
            limit=limit,
        )
        last = entries[-1] if entries else ""
        return Listing(entries, is_truncated, last if isinstance(last, str) else last.key)

    # --- Writing: the verbs of the writer thread, inside `transaction` ----------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside becomes visible at once, or not at all."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            for (bucket, storage_class), change in self._totals.items():
                self._connection.execute(_ADD, (bucket, storage_class, *change))
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # SQLite itself has rolled back when the disk is full
                self._connection.execute("ROLLBACK")
            raise
        finally:
            self._totals.clear()

    def put(self, record: ObjectRecord) -> Removed | None:
        """Make `record` the object at its key; what was there before."""
        removed = self._find_removed(record.bucket, record.key)
        last_modified = from_time(record.last_modified)
        storage_class = record.attributes.storage_class.value
        self._connection.execute(
            _PUT,
            (
                record.bucket,
                record.key,
                record.blob,
                record.size,
                record.blob_mtime_ns,
                record.etag,
                record.md5,
                from_crc64(record.crc64),
                last_modified,
                record.type.value,
                storage_class,
                encode_attributes(record.attributes),
            ),
        )
        if removed:
            self._add(record.bucket, removed.storage_class, -removed.size, -1, last_modified)
        self._add(record.bucket, storage_class, record.size, 1, last_modified)
        return removed

    def remove(self, bucket: str, key: str, at: datetime) -> Removed | None:
        """Take the object at this key away; what was there."""
        removed = self._find_removed(bucket, key)
        if removed:
            self._connection.execute("DELETE FROM live WHERE bucket = ? AND key = ?", (bucket, key))
            self._add(bucket, removed.storage_class, -removed.size, -1, from_time(at))
        return removed

    def put_bucket(self, bucket: Bucket) -> None:
        """Make `bucket`, or change its settings."""
        settings = msgspec.json.encode(bucket).decode()
        self._connection.execute("INSERT OR REPLACE INTO bucket VALUES (?, ?)", (bucket.name, settings))

    def remove_bucket(self, name: str) -> None:
        """Take an empty bucket away."""
        self._connection.execute("DELETE FROM bucket WHERE name = ?", (name,))
        self._connection.execute("DELETE FROM total WHERE bucket = ?", (name,))
        for bucket, storage_class in list(self._totals):
            if bucket == name:
                del self._totals[bucket, storage_class]

    def clear(self) -> None:
        """Forget all buckets, objects and uploads."""
        self.uploads.clear()
        for table in ("live", "total", "bucket"):
            self._connection.execute(f"DELETE FROM {table}")

    def _find_removed(self, bucket: str, key: str) -> Removed | None:
        query = "SELECT blob, size, storage_class FROM live WHERE bucket = ? AND key = ?"
        row = self._connection.execute(query, (bucket, key)).fetchone()
        return Removed(*row) if row else None

    def _add(self, bucket: str, storage_class: str, size: int, count: int, at: int) -> None:
        before, counted, _ = self._totals.get((bucket, storage_class), (0, 0, 0))
        self._totals[bucket, storage_class] = before + size, counted + count, at


def _listed_object(key: str, size: int, etag: str, kind: str, storage_class: str, last_modified: int) -> ListedObject:
    return ListedObject(key, size, etag, _TYPES[kind], _CLASSES[storage_class], to_time(last_modified))
