"""A page of a listing: names in byte order, those beyond a delimiter folded into groups.

A page costs its own length, not the bucket's: past a group the walk seeks, so nothing in it is read. Rows are known by
their position, which begins with the key: `(key,)` for objects, `(key, upload id)` for uploads, `(key, rank)` for
versions.

Source: "ListObjects", "ListMultipartUploads", "ListObjectVersions" in the API reference.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from emulator.model import ObjectType, Restoration, StorageClass
from emulator.storage.columns import CLASSES, TYPES, to_restoration, to_time

T = TypeVar("T")
Position = tuple[Any, ...]

# Rows from a position (inclusive) on, up to a key (exclusive), at most so many.
Fetch = Callable[[Position, str | bytes, int], list[tuple[Any, ...]]]

# Any TEXT sorts before any BLOB: the upper bound of a range that has none.
_END = b""


class ListedObject(msgspec.Struct, frozen=True, gc=False):
    """An object as a listing shows it; the fields mean what they mean in `ObjectRecord`."""

    key: str
    size: int
    etag: str
    type: ObjectType
    storage_class: StorageClass
    last_modified: datetime
    restoration: Restoration | None


class ListedVersion(ListedObject, frozen=True, gc=False):
    """A version as a listing shows it. What a delete marker says of an object means nothing."""

    version_id: str
    is_latest: bool
    is_marker: bool


class Listing(msgspec.Struct, frozen=True):
    """A page of a bucket: objects, and groups as plain `str`, interleaved in byte order.

    `last` is the key or group of the last entry, where the next page goes on; `""` on an empty page.
    """

    entries: list[ListedObject | str]
    is_truncated: bool
    last: str


class VersionListing(msgspec.Struct, frozen=True):
    """A page of a bucket's versions: versions, and groups as plain `str`, by key and then the newest first."""

    entries: list[ListedVersion | str]
    is_truncated: bool


def listed_object(
    key: str, size: int, etag: str, kind: str, storage_class: str, last_modified: int, attributes: str | None
) -> ListedObject:
    """The object of which an index has these columns, the last being its `ARCHIVE_ATTRIBUTES`."""
    return ListedObject(
        key, size, etag, TYPES[kind], CLASSES[storage_class], to_time(last_modified), to_restoration(attributes)
    )


def walk(
    fetch: Fetch,
    make: Callable[..., T],
    *,
    prefix: str,
    delimiter: str,
    start: Position | None,
    limit: int,
    first: Position = (),
) -> tuple[list[T | str], bool]:
    """At most `limit` entries from `start` on, and whether there are more: what `make` makes of rows, groups as `str`.

    Keys that go on beyond `prefix` with `delimiter` somewhere fold into a group, which ends with it. `start` is `None`
    when nothing can follow; `first` is where the rows of one key begin: what a position has behind the key.
    """
    end = successor(prefix) or _END
    entries: list[T | str] = []
    wanted = limit + 1  # one more tells whether there is more
    rows_a_seek = 1 if delimiter else wanted
    while len(entries) < wanted and start is not None:
        take = min(rows_a_seek, wanted - len(entries))
        rows = fetch(start, end, take)
        group = ""
        for row in rows:
            group = group_of(row[0], prefix, delimiter)
            if group:
                entries.append(group)
                break
            entries.append(make(*row))
        if group:
            following = successor(group)
            start = None if following is None else (following, *first)
            rows_a_seek = 1
        elif len(rows) < take:
            break
        else:
            start = following_position(rows[-1][: len(start)])
            rows_a_seek *= 4
    is_truncated = len(entries) > limit
    del entries[limit:]
    return entries, is_truncated


def start_after(key: str, prefix: str, delimiter: str) -> str | None:
    """The first key that a page after the key or group `key` may hold; `None` if there is none."""
    group = group_of(key, prefix, delimiter)
    return successor(group) if group else max(prefix, _following(key) if key else "")


def following_position(position: Position) -> Position:
    """The first position that sorts after `position`."""
    *before, last = position
    return (*before, last + 1 if isinstance(last, int) else _following(last))


def group_of(key: str, prefix: str, delimiter: str) -> str:
    """The group that `key` folds into, or `""`."""
    if not delimiter or not key.startswith(prefix):
        return ""
    position = key.find(delimiter, len(prefix))
    return key[: position + len(delimiter)] if position >= 0 else ""


def successor(prefix: str) -> str | None:
    """The first string that sorts after all that begin with `prefix`; `None` if there is no such string."""
    while prefix:
        last = ord(prefix[-1])
        if last < 0x10FFFF:
            return prefix[:-1] + chr(0xE000 if last == 0xD7FF else last + 1)  # surrogates are no characters
        prefix = prefix[:-1]
    return None


def _following(text: str) -> str:
    """The first string that sorts after `text`."""
    return text + "\0"
