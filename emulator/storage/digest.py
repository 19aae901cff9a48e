"""Digests of what is stored: MD5 for the ETag and CRC-64/XZ for `x-oss-hash-crc64ecma`.

CRC-64/XZ is what OSS calls crc64ecma: the ECMA-182 polynomial, reflected, with all bits set before and flipped after.

Source: "Check data transmission integrity by using CRC-64" in the OSS documentation.
"""

import hashlib
import os
from collections.abc import Sequence
from typing import NamedTuple

import anycrc

from emulator.model import Part

_CRC64 = anycrc.Model("CRC64-XZ")

# What hashing this many bytes takes (0.14 ms) is less than handing them to another thread and back.
SMALL_BYTES = 64 * 1024

_PIECE_BYTES = 1024 * 1024


class Digests(NamedTuple):
    """What is known of some bytes: how many they are, the 16 bytes of their MD5, their CRC-64/XZ, their ETag.

    Bytes that came in parts have no `md5`, and an `etag` that is none.
    """

    size: int
    md5: bytes | None
    crc64: int
    etag: str


def of_one_piece(size: int, md5: bytes, crc64: int) -> Digests:
    """The digests of bytes that came in one piece: the ETag is the MD5."""
    return Digests(size, md5, crc64, md5.hex().upper())


def of_parts(parts: Sequence[Part]) -> Digests:
    """The digests of `parts` one after the other, from those of each; no byte is read.

    The ETag is the MD5 of the parts' ETags as hexadecimal text, not of their raw digests, and how many they are.

    Source: the suite of the Java SDK, which computes it.
    """
    size = crc = 0
    etags = md5()
    for part in parts:
        etags.update(part.etag.encode())
        crc = combine_crc64(crc, part.crc64, part.size)
        size += part.size
    return Digests(size, None, crc, f"{etags.hexdigest().upper()}-{len(parts)}")


def md5(data: bytes = b"") -> "hashlib._Hash":
    """A running MD5, which names content here and protects nothing."""
    return hashlib.md5(data, usedforsecurity=False)


def crc64(data: bytes, crc: int = 0) -> int:
    """The CRC-64/XZ of `data`; `crc` is that of the bytes before it."""
    result: int = _CRC64.calc(data, crc)
    return result


def combine_crc64(first: int, second: int, second_bytes: int) -> int:
    """The CRC-64/XZ of two pieces, one after the other, from that of each; the second has so many bytes."""
    result: int = _CRC64.combine(first, second, second_bytes)
    return result


def digests(data: bytes) -> Digests:
    """The digests of `data`."""
    return of_one_piece(len(data), md5(data).digest(), crc64(data))


def digests_of_file(fd: int) -> Digests:
    """The digests of an open file, whose position stays where it is."""
    hashed = md5()
    size = crc = 0
    while piece := os.pread(fd, _PIECE_BYTES, size):
        hashed.update(piece)
        crc = crc64(piece, crc)
        size += len(piece)
    return of_one_piece(size, hashed.digest(), crc)
