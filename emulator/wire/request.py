"""A request as the rest of the emulator sees it: read once from the raw target, Host and headers, then never changed.

The target is never normalised: `//`, `/./` and `/../` are key text, `%2F` is `/`, and `+` is a space in path and query.
Source: vectors of seven SDKs; the Ruby SDK's integration test for `+`.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import datetime
from typing import Protocol

import msgspec

from emulator.model import Principal
from emulator.wire.address import Address
from emulator.wire.percent import decode, encode

ANONYMOUS = Principal(access_key_id=None, signature="none")


class Body(Protocol):
    """The request's body: a stream that is read at most once.

    Reading raises `IncompleteBody` when the client left, `RequestTimeout` when it stalled. `length` is the declared
    Content-Length in bytes, `None` when the body is chunked or absent; `is_declared` says whether there is one at all.
    """

    @property
    def length(self) -> int | None: ...

    @property
    def is_declared(self) -> bool: ...

    def at_hand(self) -> bytes | None:
        """The whole body if it has already arrived, else `None`. Counts as reading."""

    def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes, in pieces of up to 1 MiB."""

    async def read(self, limit: int) -> bytes:
        """The whole body; more than `limit` bytes raise `EntityTooLarge`."""

    def hold_to(self, bytes_per_second: int) -> None:
        """Let it through at no more than this rate; of several, the lowest counts."""

    def when_over(self, listener: Callable[[], None]) -> None:
        """Call `listener` when the client has left or is to leave, as at a stop: nobody need wait for its sake."""


class OssRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request.

    `target` is the path as sent, `raw_query` what followed its `?`; `host` the Host as sent (port included), `scheme`
    `http` or `https`. `address` says which bucket and key are meant. `query` has every pair in order, decoded, `None`
    where no `=` was sent; `parameters` the first of each name, `""` for `None`. `headers` are by lower-case name,
    repeated ones joined with `,`. Bytes that are not UTF-8 are carried as surrogates (`surrogateescape`) so that they
    can be signed as they came. `client` is the peer's IP address. `principal` is nobody until the request has been
    authenticated. `is_cut_after_store` is a fault that ends the connection when the object is there and nobody has been
    called back.
    """

    method: str
    target: str
    host: str
    scheme: str
    address: Address
    query: tuple[tuple[str, str | None], ...]
    parameters: Mapping[str, str]
    headers: Mapping[str, str]
    body: Body
    request_id: str
    received: datetime
    client: str
    raw_query: str = ""
    principal: Principal = ANONYMOUS
    is_cut_after_store: bool = False

    @property
    def bucket(self) -> str:
        """The bucket that is meant; `""` at service level."""
        return self.address.bucket

    @property
    def key(self) -> str:
        """The key that is meant, as decoded text; `""` at bucket and service level."""
        return self.address.key

    def url(self, key: str) -> str:
        """The URL of `key` in the request's bucket, as this client addresses it."""
        bucket = f"/{self.bucket}" if self.address.is_path_style else ""
        return f"{self.scheme}://{self.host}{bucket}/{encode(key, '/')}"


def parse_query(raw: str) -> tuple[tuple[str, str | None], ...]:
    """Every pair of a raw query in order, decoded; the value is `None` where no `=` was sent."""
    if not raw:
        return ()
    pairs: list[tuple[str, str | None]] = []
    for piece in raw.split("&"):
        if not piece:
            continue
        name, equals, value = piece.partition("=")
        pairs.append((decode(name), decode(value) if equals else None))
    return tuple(pairs)


def parse_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by lower-case name; values trimmed, repeated ones joined with `,` (as they are signed)."""
    headers: dict[str, str] = {}
    for name_bytes, value_bytes in raw:
        name = name_bytes.decode("ascii", "replace").lower()
        value = value_bytes.strip(b" \t").decode("utf-8", "surrogateescape")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers
