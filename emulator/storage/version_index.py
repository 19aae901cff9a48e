"""The versions of objects as rows of `index.sqlite`: the verbs of an `Index` for buckets that keep them.

The newest version of a key, if it is no delete marker, is the object and lies in `live`; all others lie in `past`. So a
key without a row in `live` is one that is deleted, and the newest row in `past` is then its delete marker.
"""

import sqlite3
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from emulator.model import NULL_VERSION, DeleteMarker, ObjectRecord, ObjectType, StorageClass, Versioning
from emulator.storage.columns import (
    ARCHIVE_ATTRIBUTES,
    CLASSES,
    READ_COLUMNS,
    TYPES,
    WRITTEN_COLUMNS,
    from_record,
    from_time,
    to_record,
    to_restoration,
    to_time,
)
from emulator.storage.listing import (
    ListedVersion,
    Position,
    VersionListing,
    following_position,
    group_of,
    start_after,
    walk,
)
from emulator.storage.totals import MARKERS, Totals
from emulator.version_id import version_time

# The rank of what lies in `live`, where no rank is kept: before all others.
NEWEST = -(1 << 63)
LAST = (1 << 63) - 1

# Rows of both tables, each in the order of (key, rank): SQLite merges them, and sorts nothing.
_LIST = f"""
SELECT key, {NEWEST} AS rank, version, blob, size, etag, type, storage_class, last_modified, {ARCHIVE_ATTRIBUTES}
FROM live
WHERE bucket = ? AND key >= ? AND key < ?
UNION ALL
SELECT key, rank, version, blob, size, etag, type, storage_class, last_modified, {ARCHIVE_ATTRIBUTES}
FROM past
WHERE bucket = ? AND (key, rank) >= (?, ?) AND key < ?
ORDER BY key, rank LIMIT ?
"""
_RANK = "(SELECT coalesce(min(rank), 0) - 1 FROM past WHERE bucket = ? AND key = ?)"
_DEMOTE = f"""
INSERT INTO past ({WRITTEN_COLUMNS}, rank) SELECT {WRITTEN_COLUMNS}, {_RANK} FROM live WHERE bucket = ? AND key = ?
"""
_MARK = f"INSERT INTO past VALUES (?, ?, {_RANK}, ?, NULL, 0, 0, '', NULL, 0, ?, '', '', '')"
_NEWEST_PAST = "SELECT rank, version, blob FROM past WHERE bucket = ? AND key = ? ORDER BY rank LIMIT 1"
_PROMOTE = f"""
INSERT INTO live ({WRITTEN_COLUMNS}) SELECT {WRITTEN_COLUMNS} FROM past WHERE bucket = ? AND key = ? AND rank = ?
"""
_UPDATE = f"""
UPDATE past SET ({WRITTEN_COLUMNS}) = ({", ".join("?" * (WRITTEN_COLUMNS.count(",") + 1))})
WHERE bucket = ? AND key = ? AND version = ?
"""


class Erased(msgspec.Struct, frozen=True, gc=False):
    """A version that has been erased. `blob` is the one that nobody needs any more; a delete marker had none.

    `shown` is the blob of the object that the key has now, `is_current` whether that is another one than before.
    """

    blob: str | None
    is_current: bool
    shown: str | None = None


class VersionIndex:
    """The versions of an index, over its connection."""

    def __init__(self, connection: sqlite3.Connection, totals: Totals) -> None:
        self._connection = connection
        self._totals = totals

    # --- Reading ----------------------------------------------------------------------------------------------------

    def find(self, bucket: str, key: str, version_id: str) -> ObjectRecord | DeleteMarker | None:
        """The version of this key that has this id."""
        for table in ("live", "past"):
            query = f"SELECT {READ_COLUMNS} FROM {table} WHERE bucket = ? AND key = ? AND version = ?"
            row = self._connection.execute(query, (bucket, key, version_id)).fetchone()
            if row is None:
                continue
            if row[0] is None:
                return DeleteMarker(bucket, key, version_id, to_time(row[6]))
            return to_record(bucket, key, row)
        return None

    def newest_marker(self, bucket: str, key: str) -> DeleteMarker | None:
        """The delete marker that a key without an object has, if it has one."""
        query = "SELECT version, last_modified FROM past WHERE bucket = ? AND key = ? ORDER BY rank LIMIT 1"
        row = self._connection.execute(query, (bucket, key)).fetchone()
        return DeleteMarker(bucket, key, row[0], to_time(row[1])) if row else None

    def lone_marker(self, bucket: str, key: str) -> DeleteMarker | None:
        """The delete marker that is all there is of a key, if that is so."""
        query = """
        SELECT version, last_modified, blob FROM live WHERE bucket = ?1 AND key = ?2
        UNION ALL SELECT version, last_modified, blob FROM past WHERE bucket = ?1 AND key = ?2 LIMIT 2
        """
        rows = self._connection.execute(query, (bucket, key)).fetchall()
        if len(rows) != 1 or rows[0][2] is not None:
            return None
        return DeleteMarker(bucket, key, rows[0][0], to_time(rows[0][1]))

    def past_since(self, bucket: str, key: str, version_id: str) -> datetime | None:
        """When this version became one of the past, which is when the next one was made; `None` if it is not."""
        query = "SELECT rank FROM past WHERE bucket = ? AND key = ? AND version = ?"
        row = self._connection.execute(query, (bucket, key, version_id)).fetchone()
        if row is None:
            return None
        query = f"""
        SELECT last_modified, {NEWEST} AS rank FROM live WHERE bucket = ?1 AND key = ?2
        UNION ALL SELECT last_modified, rank FROM past WHERE bucket = ?1 AND key = ?2 AND rank < ?3
        ORDER BY rank DESC LIMIT 1
        """
        newer = self._connection.execute(query, (bucket, key, row[0])).fetchone()
        return to_time(newer[0]) if newer else None

    def is_empty(self, bucket: str) -> bool:
        """Whether the bucket has nothing but objects."""
        return self._connection.execute("SELECT 1 FROM past WHERE bucket = ? LIMIT 1", (bucket,)).fetchone() is None

    def page(
        self, bucket: str, *, prefix: str, delimiter: str, key_marker: str, id_marker: str, limit: int
    ) -> VersionListing:
        """The page of at most `limit` entries after `key_marker`, or after the version `id_marker` of that key.

        Source: "ListObjectVersions (GetBucketVersions)" in the API reference.
        """
        first = start_after(key_marker, prefix, delimiter)
        start: Position | None = None if first is None else (first, NEWEST)
        is_amid = id_marker and key_marker >= prefix and not group_of(key_marker, prefix, delimiter)
        if is_amid:
            start = key_marker, self._rank_after(bucket, key_marker, id_marker)

        def fetch(start: Position, end: str | bytes, limit: int) -> list[tuple[Any, ...]]:
            key, rank = start
            live_start = key if rank == NEWEST else following_position((key,))[0]
            values = (bucket, live_start, end, bucket, key, rank, end, limit)
            return self._connection.execute(_LIST, values).fetchall()

        entries, is_truncated = walk(
            fetch,
            self._lister(bucket, key_marker if is_amid else None),
            prefix=prefix,
            delimiter=delimiter,
            start=start,
            limit=limit,
            first=(NEWEST,),
        )
        return VersionListing(entries, is_truncated)

    # --- Writing: the verbs of the writer thread, inside a transaction ----------------------------------------------

    def make_way(self, bucket: str, key: str, versioning: Versioning, at: datetime) -> list[str]:
        """Put the object at `key` into the past, for a newer version; the blobs that nobody needs any more.

        Where versioning is suspended the newer one takes the place of the version `null`, wherever that lies.
        """
        unneeded: list[str] = []
        if versioning is Versioning.SUSPENDED:
            dropped = [self._drop(table, bucket, key, NULL_VERSION, at) for table in _TABLES]
            unneeded = [blob for blob in dropped if blob is not None]
        self._connection.execute(_DEMOTE, (bucket, key, bucket, key))
        self._connection.execute("DELETE FROM live WHERE bucket = ? AND key = ?", (bucket, key))
        return unneeded

    def mark_deleted(self, marker: DeleteMarker, versioning: Versioning) -> list[str]:
        """Make `marker` the newest version at its key; the blobs that nobody needs any more."""
        unneeded = self.make_way(marker.bucket, marker.key, versioning, marker.last_modified)
        place = marker.bucket, marker.key
        self._connection.execute(_MARK, (*place, *place, marker.version_id, from_time(marker.last_modified)))
        self._totals.add(marker.bucket, MARKERS, 0, marker.last_modified)
        return unneeded

    def replace(self, record: ObjectRecord) -> None:
        """Let the version of the past that `record` is of be as it says."""
        place = record.bucket, record.key, record.version_id
        query = "SELECT size, storage_class FROM past WHERE bucket = ? AND key = ? AND version = ?"
        size, storage_class = self._connection.execute(query, place).fetchone()
        self._connection.execute(_UPDATE, (*from_record(record), *place))
        self._totals.subtract(record.bucket, storage_class, size, record.last_modified)
        self._totals.add(record.bucket, record.attributes.storage_class.value, record.size, record.last_modified)

    def erase(self, bucket: str, key: str, version_id: str, at: datetime) -> Erased | None:
        """Take a version away for good, `None` if there is none. What lay below the newest one comes up again."""
        found = self.find(bucket, key, version_id)
        if found is None:
            return None
        place = bucket, key
        before = self._newest(*place)
        blob = next(filter(None, [self._drop(table, bucket, key, version_id, at) for table in _TABLES]), None)
        if before != version_id:
            return Erased(blob, is_current=False)
        newest = self._connection.execute(_NEWEST_PAST, place).fetchone()
        if newest is None or newest[2] is None:
            return Erased(blob, is_current=True)
        rank, _, shown = newest
        self._connection.execute(_PROMOTE, (*place, rank))
        self._connection.execute("DELETE FROM past WHERE bucket = ? AND key = ? AND rank = ?", (*place, rank))
        return Erased(blob, is_current=True, shown=shown)

    def clear(self) -> None:
        """Forget all versions but the objects."""
        self._connection.execute("DELETE FROM past")

    def _newest(self, bucket: str, key: str) -> str | None:
        """The id of the newest version."""
        query = "SELECT version FROM live WHERE bucket = ? AND key = ?"
        row = self._connection.execute(query, (bucket, key)).fetchone()
        if row is None:
            row = self._connection.execute(_NEWEST_PAST, (bucket, key)).fetchone()
            return row[1] if row else None
        return str(row[0])

    def _drop(self, table: str, bucket: str, key: str, version_id: str, at: datetime) -> str | None:
        """Delete the row of this id, if `table` has it; its blob, if it had one."""
        where = f"FROM {table} WHERE bucket = ? AND key = ? AND version = ?"
        place = bucket, key, version_id
        row = self._connection.execute(f"SELECT blob, size, storage_class {where}", place).fetchone()
        if row is None:
            return None
        blob, size, storage_class = row
        self._connection.execute(f"DELETE {where}", place)
        self._totals.subtract(bucket, storage_class, size, at)
        return blob if blob is None else str(blob)

    def _rank_after(self, bucket: str, key: str, version_id: str) -> int:
        """Where the versions begin that are older than `version_id`.

        Whoever deletes what a page has shown goes on after a version that has gone: its id says when it was made.
        """
        query = "SELECT rank FROM past WHERE bucket = ? AND key = ? AND version = ?"
        row = self._connection.execute(query, (bucket, key, version_id)).fetchone()
        if row is not None:
            return int(row[0]) + 1
        if self._newest(bucket, key) == version_id:
            return NEWEST + 1
        made = version_time(version_id)
        if made is None:
            return NEWEST + 1
        values = bucket, key, from_time(made)
        query = "SELECT 1 FROM live WHERE bucket = ? AND key = ? AND last_modified <= ?"
        if self._connection.execute(query, values).fetchone():  # it has come up meanwhile
            return NEWEST
        query = "SELECT min(rank) FROM past WHERE bucket = ? AND key = ? AND last_modified <= ?"
        (rank,) = self._connection.execute(query, values).fetchone()
        return LAST if rank is None else int(rank)

    def _lister(self, bucket: str, amid: str | None) -> Callable[..., ListedVersion]:
        """What makes entries of rows that come in order; of the key `amid` newer versions may have been left out."""
        latest = {amid: self._newest(bucket, amid)} if amid is not None else {}

        def make(
            key: str,
            rank: int,
            version: str,
            blob: str | None,
            size: int,
            etag: str,
            kind: str,
            storage_class: str,
            last_modified: int,
            attributes: str | None,
        ) -> ListedVersion:
            is_marker = blob is None
            return ListedVersion(
                key,
                size,
                etag,
                ObjectType.NORMAL if is_marker else TYPES[kind],
                StorageClass.STANDARD if is_marker else CLASSES[storage_class],
                to_time(last_modified),
                to_restoration(attributes),
                version,
                latest.setdefault(key, version) == version,
                is_marker,
            )

        return make


_TABLES = ("live", "past")
