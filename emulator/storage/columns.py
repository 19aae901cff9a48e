"""How values that SQLite has no type for are kept in a column: times, unsigned 64-bit numbers, attributes."""

from datetime import UTC, datetime

import msgspec

from emulator.model import ObjectAttributes

_encode = msgspec.json.Encoder().encode
decode_attributes = msgspec.json.Decoder(ObjectAttributes).decode


def encode_attributes(attributes: ObjectAttributes) -> str:
    """`attributes` as JSON."""
    return _encode(attributes).decode()


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
