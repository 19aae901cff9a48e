"""Multipart uploads and their parts as rows of `index.sqlite`: the verbs of an `Index` for them."""

import sqlite3
from typing import Any

import msgspec

from emulator.model import MultipartUpload, Part
from emulator.storage.columns import decode_attributes, encode_attributes, from_crc64, from_time, to_crc64, to_time
from emulator.storage.listing import Position, following_position, group_of, start_after, walk

_LIST = """
SELECT key, id, bucket, initiated, attributes FROM upload
WHERE bucket = ? AND (key, id) >= (?, ?) AND key < ? ORDER BY key, id LIMIT ?
"""
_PARTS = """
SELECT number, blob, size, md5, crc64, last_modified, position FROM part
WHERE upload = ? AND number > ? ORDER BY number LIMIT ?
"""


class UploadListing(msgspec.Struct, frozen=True):
    """A page of a bucket's uploads: uploads, and groups as plain `str`, by key and then by id."""

    entries: list[MultipartUpload | str]
    is_truncated: bool


class UploadIndex:
    """The uploads of an index, over its connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    # --- Reading ----------------------------------------------------------------------------------------------------

    def find(self, bucket: str, key: str, id: str) -> MultipartUpload | None:  # noqa: A002 - as in the model
        """The upload with this id, if it is one of this key."""
        query = "SELECT key, id, bucket, initiated, attributes FROM upload WHERE bucket = ? AND key = ? AND id = ?"
        row = self._connection.execute(query, (bucket, key, id)).fetchone()
        return _upload(*row) if row else None

    def is_taken(self, id: str) -> bool:  # noqa: A002 - as in the model
        """Whether an upload of whatever bucket and key has this id. Looks at all of them."""
        return self._connection.execute("SELECT 1 FROM upload WHERE id = ?", (id,)).fetchone() is not None

    def parts(self, upload: str, *, after: int = 0, limit: int = -1) -> list[Part]:
        """The parts of the upload `upload` by number, after the number `after`; at most `limit`, if it is not -1."""
        rows = self._connection.execute(_PARTS, (upload, after, limit)).fetchall()
        return [
            Part(number, blob, size, md5, to_crc64(crc64), to_time(last_modified), position)
            for number, blob, size, md5, crc64, last_modified, position in rows
        ]

    def names(self, upload: str, blob: str) -> bool:
        """Whether bytes of `blob` are a part of the upload `upload`."""
        query = "SELECT 1 FROM part WHERE upload = ? AND blob = ? LIMIT 1"
        return self._connection.execute(query, (upload, blob)).fetchone() is not None

    def count(self, bucket: str) -> tuple[int, int]:
        """How many uploads are under way in the bucket, and how many parts they have."""
        uploads = self._connection.execute("SELECT count(*) FROM upload WHERE bucket = ?", (bucket,)).fetchone()
        query = "SELECT count(*) FROM upload JOIN part ON part.upload = upload.id WHERE bucket = ?"
        return int(uploads[0]), int(self._connection.execute(query, (bucket,)).fetchone()[0])

    def page(
        self, bucket: str, *, prefix: str, delimiter: str, key_marker: str, id_marker: str, limit: int
    ) -> UploadListing:
        """The page of at most `limit` entries after `key_marker`, or after the upload `id_marker` of that key.

        Source: "ListMultipartUploads" in the API reference.
        """
        first = start_after(key_marker, prefix, delimiter)
        start: Position | None = None if first is None else (first, "")
        if id_marker and key_marker >= prefix and not group_of(key_marker, prefix, delimiter):
            start = following_position((key_marker, id_marker))

        def fetch(start: Position, end: str | bytes, limit: int) -> list[tuple[Any, ...]]:
            return self._connection.execute(_LIST, (bucket, *start, end, limit)).fetchall()

        entries, is_truncated = walk(
            fetch, _upload, prefix=prefix, delimiter=delimiter, start=start, limit=limit, first=("",)
        )
        return UploadListing(entries, is_truncated)

    # --- Writing: the verbs of the writer thread, inside a transaction ----------------------------------------------

    def put(self, upload: MultipartUpload) -> None:
        """Add `upload`."""
        self._connection.execute(
            "INSERT INTO upload VALUES (?, ?, ?, ?, ?)",
            (
                upload.bucket,
                upload.key,
                upload.id,
                from_time(upload.initiated),
                encode_attributes(upload.attributes),
            ),
        )

    def put_part(self, upload: str, part: Part) -> str | None:
        """Make `part` the part of its number; the blob of the one that was there before, if it is no other part's."""
        query = "SELECT blob FROM part WHERE upload = ? AND number = ?"
        replaced = self._connection.execute(query, (upload, part.number)).fetchone()
        self._connection.execute(
            "INSERT OR REPLACE INTO part VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                upload,
                part.number,
                part.blob,
                part.size,
                part.md5,
                from_crc64(part.crc64),
                from_time(part.last_modified),
                part.position,
            ),
        )
        return str(replaced[0]) if replaced and not self.names(upload, replaced[0]) else None

    def remove(self, upload: MultipartUpload) -> list[str]:
        """Take `upload` and its parts away; the parts' blobs."""
        rows = self._connection.execute("SELECT DISTINCT blob FROM part WHERE upload = ?", (upload.id,)).fetchall()
        self._connection.execute("DELETE FROM part WHERE upload = ?", (upload.id,))
        self._connection.execute(
            "DELETE FROM upload WHERE bucket = ? AND key = ? AND id = ?", (upload.bucket, upload.key, upload.id)
        )
        return [blob for (blob,) in rows]

    def is_empty(self, bucket: str) -> bool:
        """Whether no upload is under way in the bucket."""
        query = "SELECT 1 FROM upload WHERE bucket = ? LIMIT 1"
        return self._connection.execute(query, (bucket,)).fetchone() is None

    def clear(self) -> None:
        """Forget all uploads."""
        for table in ("part", "upload"):
            self._connection.execute(f"DELETE FROM {table}")


def _upload(key: str, id: str, bucket: str, initiated: int, attributes: str) -> MultipartUpload:  # noqa: A002 - as in the model
    return MultipartUpload(bucket, key, id, to_time(initiated), decode_attributes(attributes))
