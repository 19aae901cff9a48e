"""What a bucket holds, added up as rows come and go: counting them when somebody asks would take too long.

Delete markers count under `MARKERS`, which is no storage class.
"""

import sqlite3
from datetime import datetime

from emulator.model import BucketStat
from emulator.storage.columns import CLASSES, from_time, to_time

MARKERS = ""

_ADD = """
INSERT INTO total VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
size = size + excluded.size, count = count + excluded.count, last_modified = max(last_modified, excluded.last_modified)
"""


class Totals:
    """The sums of an index, over its connection. Changes are gathered until the transaction ends."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._changes: dict[tuple[str, str], tuple[int, int, int]] = {}  # bytes, objects, and when

    def stat(self, bucket: str, *, uploads: int, parts: int) -> BucketStat:
        """What the bucket holds beside `uploads` with `parts`, to the byte."""
        query = "SELECT storage_class, size, count, last_modified FROM total WHERE bucket = ?"
        rows = self._connection.execute(query, (bucket,)).fetchall()
        return BucketStat(
            sizes={CLASSES[name]: size for name, size, count, _ in rows if count and name != MARKERS},
            counts={CLASSES[name]: count for name, _, count, _ in rows if count and name != MARKERS},
            last_modified=to_time(max(row[3] for row in rows)) if rows else None,
            uploads=uploads,
            parts=parts,
            delete_markers=sum(count for name, _, count, _ in rows if name == MARKERS),
        )

    def count(self) -> int:
        """How many objects there are in all buckets, with their versions."""
        query = "SELECT coalesce(sum(count), 0) FROM total WHERE storage_class != ?"
        return int(self._connection.execute(query, (MARKERS,)).fetchone()[0])

    def add(self, bucket: str, storage_class: str, size: int, at: datetime) -> None:
        """Count one object of `size` bytes more."""
        self._change(bucket, storage_class, size, 1, at)

    def subtract(self, bucket: str, storage_class: str, size: int, at: datetime) -> None:
        """Count one object of `size` bytes less."""
        self._change(bucket, storage_class, -size, -1, at)

    def forget(self, bucket: str) -> None:
        """Forget a bucket that has gone."""
        self._connection.execute("DELETE FROM total WHERE bucket = ?", (bucket,))
        for name, storage_class in list(self._changes):
            if name == bucket:
                del self._changes[name, storage_class]

    def write(self) -> None:
        """Write what has been gathered. Before the transaction's end."""
        for (bucket, storage_class), change in self._changes.items():
            self._connection.execute(_ADD, (bucket, storage_class, *change))

    def clear(self) -> None:
        """Forget what has been gathered. After the transaction's end."""
        self._changes.clear()

    def _change(self, bucket: str, storage_class: str, size: int, count: int, at: datetime) -> None:
        before, counted, _ = self._changes.get((bucket, storage_class), (0, 0, 0))
        self._changes[bucket, storage_class] = before + size, counted + count, from_time(at)
