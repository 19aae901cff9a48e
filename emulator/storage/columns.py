"""How what SQLite has no type for is kept in columns: times, unsigned 64-bit numbers, attributes, and whole objects."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from emulator.model import ObjectAttributes, ObjectRecord, ObjectType, Restoration, StorageClass

_encode = msgspec.json.Encoder().encode
decode_attributes = msgspec.json.Decoder(ObjectAttributes).decode

TYPES = {kind.value: kind for kind in ObjectType}
CLASSES = {kind.value: kind for kind in StorageClass}

# The columns of an object that are read, in the order of `to_record`, and those that are written, in that of
# `from_record`.
READ_COLUMNS = "blob, size, mtime, etag, md5, crc64, last_modified, type, attributes, version"
WRITTEN_COLUMNS = (
    "bucket, key, blob, size, mtime, etag, md5, crc64, last_modified, type, storage_class, attributes, version"
)
# The attributes of what a listing may say is restored: they are read for archives alone, of which there are few.
ARCHIVE_ATTRIBUTES = "CASE WHEN storage_class LIKE '%Archive' THEN attributes END"


def to_record(bucket: str, key: str, row: tuple[Any, ...]) -> ObjectRecord:
    """The object at `key` whose `READ_COLUMNS` are `row`."""
    blob, size, mtime, etag, md5, crc64, last_modified, kind, attributes, version = row
    return ObjectRecord(
        bucket,
        key,
        blob,
        size,
        etag,
        md5,
        to_crc64(crc64),
        to_time(last_modified),
        TYPES[kind],
        decode_attributes(attributes),
        mtime,
        version,
    )


def from_record(record: ObjectRecord) -> tuple[Any, ...]:
    """The `WRITTEN_COLUMNS` of `record`."""
    return (
        record.bucket,
        record.key,
        record.blob,
        record.size,
        record.blob_mtime_ns,
        record.etag,
        record.md5,
        from_crc64(record.crc64),
        from_time(record.last_modified),
        record.type.value,
        record.attributes.storage_class.value,
        encode_attributes(record.attributes),
        record.version_id,
    )


def encode_attributes(attributes: ObjectAttributes) -> str:
    """`attributes` as JSON."""
    return _encode(attributes).decode()


def to_restoration(attributes: str | None) -> Restoration | None:
    """The restoration of an object whose `ARCHIVE_ATTRIBUTES` these are."""
    return None if attributes is None else decode_attributes(attributes).restoration


def from_time(time: datetime) -> int:
    """`time` as milliseconds since 1970."""
    return round(time.timestamp() * 1000)


def to_time(milliseconds: int) -> datetime:
    """The time that is so many milliseconds after 1970 began."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def from_crc64(crc64: int) -> int:
    """A CRC-64 as SQLite keeps it, whose integers are signed."""
    return crc64 - (1 << 64) if crc64 >> 63 else crc64


def to_crc64(column: int) -> int:
    """The CRC-64 that a column keeps."""
    return column & 0xFFFFFFFF_FFFFFFFF
