"""Percent-encoding as OSS reads and writes it.

Text that came in as bytes which are not UTF-8 carries them as surrogates (`surrogateescape`), so that what was sent can
be signed again byte for byte.

Source: vectors of seven SDKs (`%2F` is `/`, `( ) ! * '` raw or encoded are the same key); the Ruby SDK's integration
test for `+`, which is a space in a path as in a query.
"""

from functools import lru_cache
from urllib.parse import quote_from_bytes, unquote_to_bytes


def decode(text: str) -> str:
    """Decode `text` once, `+` being a space."""
    if "+" in text:
        text = text.replace("+", " ")
    if "%" not in text:
        return text
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


@lru_cache(maxsize=512)  # parameter names and hot keys; small, because a callback parameter has kilobytes
def encode(text: str, safe: str = "") -> str:
    """Encode every byte outside `A-Za-z0-9-._~` and `safe` as upper-case `%XX`."""
    return quote_from_bytes(text.encode("utf-8", "surrogateescape"), safe)
