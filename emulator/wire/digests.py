"""Digests as headers spell them: Content-MD5 in base64, the CRC-64 in decimal, ETags in quotes.

Source: "Common HTTP headers"; "PutObject".
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from emulator.errors import InvalidCRC64, InvalidDigest


def parse_content_md5(text: str) -> bytes:
    """The 16 bytes of a Content-MD5.

    Raises:
        InvalidDigest: `text` is not the base64 of 16 bytes.
    """
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != 16:
        raise _invalid_digest(
            text,
            "0017-00000502",
            "Content-MD5 must be the base64 of the 16 raw bytes of the body's MD5 (not of its hex text): "
            "24 characters that end in ==.",
        )
    return digest


def content_md5(digest: bytes) -> str:
    """The 16 bytes of an MD5 as Content-MD5 spells them."""
    return base64.b64encode(digest).decode()


def check_content_md5(headers: Mapping[str, str], digest: bytes) -> None:
    """Raise `InvalidDigest` if a Content-MD5 was sent and is not `digest`, the MD5 of the body that arrived."""
    text = headers.get("content-md5")
    if text is not None and parse_content_md5(text) != digest:
        raise _invalid_digest(
            text,
            "0017-00000503",
            f"Content-MD5 says {text}; the body that arrived has {content_md5(digest)}. "
            "It was changed on its way, or the digest was taken of something else.",
        )


def _invalid_digest(text: str, ec: str, hint: str) -> InvalidDigest:
    elements: dict[str, Any] = {"Content-MD5": text}
    return InvalidDigest(ec=ec, hint=hint, **elements)


def parse_crc64(headers: Mapping[str, str]) -> int | None:
    """The value of `x-oss-hash-crc64ecma`, an unsigned decimal of 64 bits; `None` if it was not sent.

    Raises:
        InvalidCRC64: it is no such number. Guess: nothing says what OSS answers; it cannot match any body.
    """
    text = headers.get("x-oss-hash-crc64ecma")
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) <= 20 and int(text) < 1 << 64:
        return int(text)
    raise InvalidCRC64(hint=f"x-oss-hash-crc64ecma must be a decimal number below 2^64, not {text!r}.")


def check_crc64(headers: Mapping[str, str], crc64: int) -> None:
    """Raise `InvalidCRC64` if an `x-oss-hash-crc64ecma` was sent and is not `crc64`, that of the body that arrived."""
    expected = parse_crc64(headers)
    if expected is not None and expected != crc64:
        raise InvalidCRC64(hint=f"x-oss-hash-crc64ecma says {expected}; the body that arrived has {crc64}.")


def quote_etag(etag: str) -> str:
    """An ETag as the wire spells it: in double quotes."""
    return f'"{etag}"'
