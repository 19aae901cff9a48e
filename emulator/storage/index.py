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

from emulator.errors import NoSuchBucket
from emulator.model import Bucket, BucketStat, ObjectRecord, ObjectType, Versioning
from emulator.storage.columns import ARCHIVE_ATTRIBUTES, READ_COLUMNS, TYPES, WRITTEN_COLUMNS, from_record, to_record
from emulator.storage.listing import Listing, Position, listed_object, start_after, walk
from emulator.storage.schema import migrate
from emulator.storage.snapshot_index import SnapshotIndex
from emulator.storage.totals import Totals
from emulator.storage.upload_index import UploadIndex
from emulator.storage.version_index import VersionIndex

logger = logging.getLogger(__name__)

Durability = Literal["process", "power", "none"]

# How long a statement waits for another program that has the index open, and a checkpoint for readers of an old state:
# adopting and sweeping read for seconds, and whoever wants to change something must not wait for them.
PATIENCE_SECONDS = 30
CHECKPOINT_PATIENCE_MILLISECONDS = 25

_SYNCHRONOUS = {"process": "NORMAL", "power": "FULL", "none": "OFF"}

_FIND = f"SELECT {READ_COLUMNS} FROM live WHERE bucket = ? AND key = ?"
_PUT = f"""
INSERT OR REPLACE INTO live ({WRITTEN_COLUMNS}) VALUES ({", ".join("?" * (WRITTEN_COLUMNS.count(",") + 1))})
"""
_LIST = f"""
SELECT key, size, etag, type, storage_class, last_modified, {ARCHIVE_ATTRIBUTES} FROM live
WHERE bucket = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?
"""
_VERSIONING: dict[str | None, Versioning | None] = {None: None, **{state.value: state for state in Versioning}}

_decode_bucket = msgspec.json.Decoder(Bucket).decode


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
    """One connection to `index.sqlite`.

    `versions` are its verbs for buckets that keep them, `uploads` those for multipart uploads, `snapshots` those for
    all at once, `totals` what it all adds up to.
    """

    def __init__(self, path: Path, durability: Durability) -> None:
        self._connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=PATIENCE_SECONDS
        )
        self.totals = Totals(self._connection)
        self.versions = VersionIndex(self._connection, self.totals)
        self.uploads = UploadIndex(self._connection)
        self.snapshots = SnapshotIndex(self._connection)
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
            logger.warning("a checkpoint of the index failed: %s", error)
            return 0
        finally:
            execute(f"PRAGMA busy_timeout = {PATIENCE_SECONDS * 1000}")
        return int(frames)

    # --- Reading ----------------------------------------------------------------------------------------------------

    def find(self, bucket: str, key: str) -> ObjectRecord | None:
        """The object with this key."""
        row = self._connection.execute(_FIND, (bucket, key)).fetchone()
        return to_record(bucket, key, row) if row else None

    def exists(self, bucket: str, key: str) -> bool:
        """Whether an object has this key."""
        query = "SELECT 1 FROM live WHERE bucket = ? AND key = ?"
        return self._connection.execute(query, (bucket, key)).fetchone() is not None

    def is_empty(self, bucket: str) -> bool:
        """Whether the bucket holds no object, and no version of one."""
        live = self._connection.execute("SELECT 1 FROM live WHERE bucket = ? LIMIT 1", (bucket,)).fetchone()
        return live is None and self.versions.is_empty(bucket)

    def has_bucket(self, name: str) -> bool:
        """Whether there is such a bucket."""
        return self._connection.execute("SELECT 1 FROM bucket WHERE name = ?", (name,)).fetchone() is not None

    def find_bucket(self, name: str) -> Bucket | None:
        """The bucket `name`, if there is one."""
        row = self._connection.execute("SELECT settings FROM bucket WHERE name = ?", (name,)).fetchone()
        return _decode_bucket(row[0]) if row else None

    def versioning(self, bucket: str) -> Versioning | None:
        """Whether the bucket keeps versions.

        Raises:
            NoSuchBucket: there is none.
        """
        row = self._connection.execute("SELECT versioning FROM bucket WHERE name = ?", (bucket,)).fetchone()
        if row is None:
            raise NoSuchBucket(BucketName=bucket)
        return _VERSIONING[row[0]]

    def buckets(self) -> list[Bucket]:
        """All buckets by name."""
        rows = self._connection.execute("SELECT settings FROM bucket ORDER BY name")
        return [_decode_bucket(settings) for (settings,) in rows]

    def stat(self, bucket: str) -> BucketStat:
        """What the bucket holds, to the byte."""
        uploads, parts = self.uploads.count(bucket)
        return self.totals.stat(bucket, uploads=uploads, parts=parts)

    def blobs(self) -> Iterator[str]:
        """The ids of all blobs, of objects and of parts, sorted. SQLite sorts in a file where they are many."""
        query = """
        SELECT blob FROM live UNION ALL SELECT blob FROM past WHERE blob NOT NULL
        UNION ALL SELECT DISTINCT blob FROM part ORDER BY blob
        """
        return (blob for (blob,) in self._connection.execute(query))

    def blobs_by_key(self, bucket: str) -> Iterator[IndexedBlob]:
        """What every key's file must look like, in the byte order of the keys."""
        query = "SELECT key, blob, size, mtime, type FROM live WHERE bucket = ? ORDER BY key"
        for key, blob, size, mtime, kind in self._connection.execute(query, (bucket,)):
            yield IndexedBlob(key, blob, size, mtime, TYPES[kind])

    def appendables(self) -> Iterator[tuple[str, int]]:
        """The blobs of appendable objects, and how many of their bytes count."""
        query = "SELECT blob, size FROM live WHERE type = ?1 UNION ALL SELECT blob, size FROM past WHERE type = ?1"
        yield from self._connection.execute(query, (ObjectType.APPENDABLE.value,))

    def page(self, bucket: str, *, prefix: str, delimiter: str, after: str, limit: int) -> Listing:
        """The page of at most `limit` entries after `after` (exclusive); a group never repeats.

        Source: "ListObjects" in the API reference.
        """
        first = start_after(after, prefix, delimiter)

        def fetch(start: Position, end: str | bytes, limit: int) -> list[tuple[Any, ...]]:
            return self._connection.execute(_LIST, (bucket, *start, end, limit)).fetchall()

        entries, is_truncated = walk(
            fetch,
            listed_object,
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
            self.totals.write()
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # SQLite itself has rolled back when the disk is full
                self._connection.execute("ROLLBACK")
            raise
        finally:
            self.totals.clear()

    def put(self, record: ObjectRecord) -> Removed | None:
        """Make `record` the object at its key, in place of what was there before; which is that."""
        removed = self._find_removed(record.bucket, record.key)
        self._connection.execute(_PUT, from_record(record))
        if removed:
            self.totals.subtract(record.bucket, removed.storage_class, removed.size, record.last_modified)
        self.totals.add(record.bucket, record.attributes.storage_class.value, record.size, record.last_modified)
        return removed

    def add(self, record: ObjectRecord, versioning: Versioning | None) -> list[str]:
        """Make `record` the newest version at its key; the blobs that nobody needs any more."""
        if versioning is None:
            removed = self.put(record)
            return [removed.blob] if removed else []
        unneeded = self.versions.make_way(record.bucket, record.key, versioning, record.last_modified)
        self.put(record)
        return unneeded

    def remove(self, bucket: str, key: str, at: datetime) -> Removed | None:
        """Take the object at this key away; what was there."""
        removed = self._find_removed(bucket, key)
        if removed:
            self._connection.execute("DELETE FROM live WHERE bucket = ? AND key = ?", (bucket, key))
            self.totals.subtract(bucket, removed.storage_class, removed.size, at)
        return removed

    def put_bucket(self, bucket: Bucket) -> None:
        """Make `bucket`, or change its settings."""
        settings = msgspec.json.encode(bucket).decode()
        self._connection.execute(
            "INSERT OR REPLACE INTO bucket VALUES (?, ?, ?)", (bucket.name, settings, bucket.versioning)
        )

    def remove_bucket(self, name: str) -> None:
        """Take an empty bucket away."""
        self._connection.execute("DELETE FROM bucket WHERE name = ?", (name,))
        self.totals.forget(name)

    def clear(self) -> None:
        """Forget all buckets, objects and uploads."""
        self.versions.clear()
        self.uploads.clear()
        for table in ("live", "total", "bucket"):
            self._connection.execute(f"DELETE FROM {table}")

    def _find_removed(self, bucket: str, key: str) -> Removed | None:
        query = "SELECT blob, size, storage_class FROM live WHERE bucket = ? AND key = ?"
        row = self._connection.execute(query, (bucket, key)).fetchone()
        return Removed(*row) if row else None
