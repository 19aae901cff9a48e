"""What exists: buckets and objects as rows of `index.sqlite`, in the byte order of their keys.

SQLite compares TEXT as UTF-8 bytes and Python compares `str` by code point, which is the same order. A key may hold any
character, NUL too, at which SQLite's own string functions stop: prefixes are compared as ranges, groups cut in Python.

An `Index` is a connection with its verbs and belongs to one thread at a time. One writes; the others read beside it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from emulator.model import Bucket, BucketStat, ObjectAttributes, ObjectRecord, ObjectType, StorageClass

Durability = Literal["process", "power", "none"]

# Raised with every change of the tables; an index of a higher version was written by a newer emulator.
SCHEMA_VERSION = 1

# `mtime` is the blob's file's, in nanoseconds: another one means that somebody has edited it. `total` is what `live`
# adds up to, kept in the same transaction, because counting a million rows takes 185 ms. `run` has one row: the number
# of the run, and whether the run before it left index, blobs and tree in agreement. Times are milliseconds since 1970.
SCHEMA = """
CREATE TABLE run (number INTEGER NOT NULL, is_settled INTEGER NOT NULL);
INSERT INTO run VALUES (0, 1);
CREATE TABLE bucket (name TEXT PRIMARY KEY, settings TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE live (
    bucket TEXT NOT NULL, key TEXT NOT NULL, blob TEXT NOT NULL, size INTEGER NOT NULL, mtime INTEGER NOT NULL,
    etag TEXT NOT NULL, md5 BLOB, crc64 INTEGER NOT NULL, last_modified INTEGER NOT NULL, type TEXT NOT NULL,
    storage_class TEXT NOT NULL, attributes TEXT NOT NULL,
    PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
CREATE TABLE total (
    bucket TEXT NOT NULL, storage_class TEXT NOT NULL, size INTEGER NOT NULL, count INTEGER NOT NULL,
    last_modified INTEGER NOT NULL,
    PRIMARY KEY (bucket, storage_class)
) WITHOUT ROWID;
"""

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

# Any TEXT sorts before any BLOB: the upper bound of a range that has none.
_END = b""

_TYPES = {kind.value: kind for kind in ObjectType}
_CLASSES = {kind.value: kind for kind in StorageClass}

_encode_attributes = msgspec.json.Encoder().encode
_decode_attributes = msgspec.json.Decoder(ObjectAttributes).decode
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


class Removed(msgspec.Struct, frozen=True, gc=False):
    """What is left of a row that has been replaced or removed: the blob that nobody needs any more."""

    blob: str
    size: int
    storage_class: str


class SchemaTooNew(Exception):
    """The index was written by a newer emulator. The message is one line."""


class Index:
    """One connection to `index.sqlite`."""

    def __init__(self, path: Path, durability: Durability) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
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
        """Make the tables of a new index.

        Raises:
            SchemaTooNew: the index comes from a newer emulator.
        """
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise SchemaTooNew(f"its index has schema {version}, this emulator knows schemas up to {SCHEMA_VERSION}")
        if version < SCHEMA_VERSION:
            self._connection.executescript(f"BEGIN; {SCHEMA}; PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")

    def begin_run(self) -> tuple[int, bool]:
        """The number of the run that begins here, and whether the one before it ended settled."""
        number, is_settled = self._connection.execute("SELECT number, is_settled FROM run").fetchone()
        self._connection.execute("UPDATE run SET number = number + 1, is_settled = 0")
        return number + 1, bool(is_settled)

    def end_run(self) -> None:
        """Say that index, blobs and tree agree, and that nothing is under way any more."""
        self._connection.execute("UPDATE run SET is_settled = 1")

    def checkpoint(self, mode: Literal["PASSIVE", "RESTART", "TRUNCATE"]) -> int:
        """Bring the log's pages into the database; how many frames the log has."""
        _, frames, _ = self._connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
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
            crc64 & 0xFFFFFFFF_FFFFFFFF,
            _time(last_modified),
            _TYPES[kind],
            _decode_attributes(attributes),
            mtime,
        )

    def exists(self, bucket: str, key: str) -> bool:
        """Whether an object has this key."""
        query = "SELECT 1 FROM live WHERE bucket = ? AND key = ?"
        return self._connection.execute(query, (bucket, key)).fetchone() is not None

    def is_empty(self, bucket: str) -> bool:
        """Whether the bucket holds nothing."""
        return self._connection.execute("SELECT 1 FROM live WHERE bucket = ? LIMIT 1", (bucket,)).fetchone() is None

    def has_bucket(self, name: str) -> bool:
        """Whether there is such a bucket."""
        return self._connection.execute("SELECT 1 FROM bucket WHERE name = ?", (name,)).fetchone() is not None

    def buckets(self) -> list[Bucket]:
        """All buckets by name."""
        rows = self._connection.execute("SELECT settings FROM bucket ORDER BY name")
        return [_decode_bucket(settings) for (settings,) in rows]

    def stat(self, bucket: str) -> BucketStat:
        """What the bucket holds, to the byte."""
        query = "SELECT storage_class, size, count, last_modified FROM total WHERE bucket = ?"
        rows = self._connection.execute(query, (bucket,)).fetchall()
        return BucketStat(
            sizes={_CLASSES[name]: size for name, size, count, _ in rows if count},
            counts={_CLASSES[name]: count for name, _, count, _ in rows if count},
            last_modified=_time(max(row[3] for row in rows)) if rows else None,
        )

    def blobs(self) -> Iterator[str]:
        """The ids of all blobs, sorted. SQLite sorts in a file where they are many."""
        return (blob for (blob,) in self._connection.execute("SELECT blob FROM live ORDER BY blob"))

    def blobs_by_key(self, bucket: str) -> Iterator[IndexedBlob]:
        """What every key's file must look like, in the byte order of the keys."""
        query = "SELECT key, blob, size, mtime FROM live WHERE bucket = ? ORDER BY key"
        return (IndexedBlob(*row) for row in self._connection.execute(query, (bucket,)))

    def list(self, bucket: str, *, prefix: str, delimiter: str, after: str, limit: int) -> Listing:
        """The page of at most `limit` entries after `after` (exclusive); a group never repeats.

        Keys that go on beyond `prefix` with `delimiter` somewhere fold into a group, which ends with it. A page costs
        its own length: past a group the walk seeks, so nothing in it is read.

        Source: "ListObjects" in the API reference.
        """
        group = _group(after, prefix, delimiter)
        start = successor(group) if group else max(prefix, _next(after))
        end = successor(prefix) or _END
        entries: list[ListedObject | str] = []
        wanted = limit + 1  # one more tells whether there is more
        rows_a_seek = 1 if delimiter else wanted
        while len(entries) < wanted and start is not None:
            take = min(rows_a_seek, wanted - len(entries))
            rows = self._connection.execute(_LIST, (bucket, start, end, take)).fetchall()
            group = ""
            for key, size, etag, kind, storage_class, last_modified in rows:
                group = _group(key, prefix, delimiter)
                if group:
                    entries.append(group)
                    break
                entries.append(
                    ListedObject(key, size, etag, _TYPES[kind], _CLASSES[storage_class], _time(last_modified))
                )
            if group:
                start = successor(group)
                rows_a_seek = 1
            elif len(rows) < take:
                break
            else:
                start = _next(rows[-1][0])
                rows_a_seek *= 4
        is_truncated = len(entries) > limit
        del entries[limit:]
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
        last_modified = _milliseconds(record.last_modified)
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
                record.crc64 - (1 << 64) if record.crc64 >> 63 else record.crc64,  # SQLite's integers are signed
                last_modified,
                record.type.value,
                storage_class,
                _encode_attributes(record.attributes).decode(),
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
            self._add(bucket, removed.storage_class, -removed.size, -1, _milliseconds(at))
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
        """Forget all buckets and objects."""
        for table in ("live", "total", "bucket"):
            self._connection.execute(f"DELETE FROM {table}")

    def _find_removed(self, bucket: str, key: str) -> Removed | None:
        query = "SELECT blob, size, storage_class FROM live WHERE bucket = ? AND key = ?"
        row = self._connection.execute(query, (bucket, key)).fetchone()
        return Removed(*row) if row else None

    def _add(self, bucket: str, storage_class: str, size: int, count: int, at: int) -> None:
        before, counted, _ = self._totals.get((bucket, storage_class), (0, 0, 0))
        self._totals[bucket, storage_class] = before + size, counted + count, at


def successor(prefix: str) -> str | None:
    """The first string that sorts after all that begin with `prefix`; `None` if there is no such string."""
    while prefix:
        last = ord(prefix[-1])
        if last < 0x10FFFF:
            return prefix[:-1] + chr(0xE000 if last == 0xD7FF else last + 1)  # surrogates are no characters
        prefix = prefix[:-1]
    return None


def _next(key: str) -> str:
    """The first string that sorts after `key`; everything sorts after no key at all."""
    return key + "\0" if key else ""


def _group(key: str, prefix: str, delimiter: str) -> str:
    """The group that `key` folds into, or `""`."""
    if not delimiter or not key.startswith(prefix):
        return ""
    position = key.find(delimiter, len(prefix))
    return key[: position + len(delimiter)] if position >= 0 else ""


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)
