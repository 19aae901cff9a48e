"""Digests of what is stored: MD5 for the ETag and CRC-64/XZ for `x-oss-hash-crc64ecma`.

CRC-64/XZ is what OSS calls crc64ecma: the ECMA-182 polynomial, reflected, with all bits set before and flipped after.

Source: "Check data transmission integrity by using CRC-64" in the OSS documentation.
"""

import hashlib
import os
from typing import NamedTuple

import anycrc

_CRC64 = anycrc.Model("CRC64-XZ")

# What hashing this many bytes takes (0.14 ms) is less than handing them to another thread and back.
SMALL_BYTES = 64 * 1024

_PIECE_BYTES = 1024 * 1024


class Digests(NamedTuple):
    """What is known of some bytes: how many they are, the 16 bytes of their MD5, their CRC-64/XZ."""

    size: int
    md5: bytes
    crc64: int

    @property
    def etag(self) -> str:
        """The ETag of an object that came in one piece."""
        return self.md5.hex().upper()


def md5(data: bytes = b"") -> "hashlib._Hash":
    """A running MD5, which names content here and protects nothing."""
    return hashlib.md5(data, usedforsecurity=False)


def crc64(data: bytes, crc: int = 0) -> int:
    """The CRC-64/XZ of `data`; `crc` is that of the bytes before it."""
    result: int = _CRC64.calc(data, crc)
    return result


def digests(data: bytes) -> Digests:
    """The digests of `data`."""
    return Digests(len(data), md5(data).digest(), crc64(data))


def digests_of_file(fd: int) -> Digests:
    """The digests of an open file, whose position stays where it is."""
    hashed = md5()
    size = crc = 0
    while piece := os.pread(fd, _PIECE_BYTES, size):
        hashed.update(piece)
        crc = crc64(piece, crc)
        size += len(piece)
    return Digests(size, hashed.digest(), crc)
