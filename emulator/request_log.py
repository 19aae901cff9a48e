"""The last requests and what was answered, in memory: bounded, and gone with the process.

On the path of every request, so a request costs a tuple in a ring here; what can be worked out later is worked out when
somebody reads. The emulator's own endpoints are not recorded: a test that asks what happened would push out what did.
"""

import secrets
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple
from urllib.parse import unquote

import msgspec

from emulator.config import Limits
from emulator.ring import Ring

MAX_TARGET_CHARACTERS = 4096  # kept of each target; a presigned URL with its callback has about 1,000
_CUT = " ..."
_SECRETS = frozenset({"signature", "x-oss-signature", "security-token", "securitytoken", "x-oss-security-token"})


class RequestEntry(NamedTuple):
    """A request as it is kept. `ended` is when it was answered, in seconds of `time.perf_counter`."""

    id: str
    received: datetime
    method: str
    path: str
    query: str
    operation: str
    bucket: str
    key: str
    status: int
    code: str
    ec: str
    hint: str
    seconds: float
    client: str
    principal: str
    ended: float


class RequestRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A request as the emulator's endpoints show it; what does not apply is `""`.

    `id` is the request id, `time` RFC 3339 in UTC, `target` path and query as sent, but for signatures and tokens.
    `operation` is OSS's name for it, if it could be told. `status`, `code`, `ec` and `hint` are those of the answer,
    `hint` of a success too; `status` is 0 if a fault has cut the connection in place of an answer. `milliseconds`
    passed until the answer was ready to be sent. `client` is the peer's IP address, `principal` the access key id that
    was proved.
    """

    id: str
    time: str
    method: str
    target: str
    operation: str
    bucket: str
    object: str
    status: int
    code: str
    ec: str
    hint: str
    milliseconds: float
    client: str
    principal: str


class RequestFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which requests are asked for; `None` asks nothing."""

    operation: str | None = None
    bucket: str | None = None
    object: str | None = None
    status: int | None = None
    code: str | None = None

    def fits(self, entry: RequestEntry) -> bool:
        """Whether the request is one of them."""
        return (
            self.operation in (None, entry.operation)
            and self.bucket in (None, entry.bucket)
            and self.object in (None, entry.key)
            and self.status in (None, entry.status)
            and self.code in (None, entry.code)
        )


class RequestPage(msgspec.Struct, frozen=True):
    """Some requests, oldest first, and how many have been evicted since the last reset."""

    requests: tuple[RequestRecord, ...]
    evicted: int


class RequestLog:
    """Keeps the last `limits.records` requests. `listeners` are called with each one, and must not take long.

    `run` tells this log's numbers from those of another run of the emulator.
    """

    def __init__(self, limits: Limits) -> None:
        self.recent: Ring[RequestEntry] = Ring(limits.records)
        self.listeners: set[Callable[[RequestEntry], None]] = set()
        self.run = secrets.token_hex(4)
        self._learned: dict[str, tuple[str, str]] = {}  # key and principal by request id

    def learn(self, request_id: str, *, key: str, principal: str = "") -> None:
        """Say of a request under way what its head does not tell: a form names its key and its sender within."""
        self._learned[request_id] = (shortened(key), principal)

    def add(self, entry: RequestEntry) -> None:
        """Keep a request."""
        if self._learned:
            key, principal = self._learned.pop(entry.id, (entry.key, entry.principal))
            entry = entry._replace(key=key, principal=principal)
        self.recent.add(entry)
        for listener in self.listeners:
            listener(entry)

    def list(self, wanted: RequestFilter, *, after: str | None = None, limit: int = 100) -> RequestPage:
        """The last `limit` requests that fit; with `after`, the first ones behind that id (unknown: from the start)."""
        entries = [entry for entry in self._behind(after) if wanted.fits(entry)]
        chosen = entries[-limit:] if after is None else entries[:limit]
        return RequestPage(tuple(record_of(entry) for entry in chosen), self.recent.evicted)

    def _behind(self, after: str | None) -> Iterator[RequestEntry]:
        entries = list(self.recent)
        place = next((place for place, entry in enumerate(entries, 1) if entry.id == after), 0)
        return iter(entries[place:])

    def clear(self) -> None:
        """Forget every request."""
        self.recent.clear()


def record_of(entry: RequestEntry) -> RequestRecord:
    """`entry` for whoever reads it."""
    return RequestRecord(
        id=entry.id,
        time=entry.received.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        method=_text(entry.method),
        target=_text(target_of(entry)),
        operation=entry.operation,
        bucket=_text(entry.bucket),
        object=_text(entry.key),
        status=entry.status,
        code=entry.code,
        ec=entry.ec,
        hint=unquote(entry.hint),
        milliseconds=round(entry.seconds * 1000, 3),
        client=entry.client,
        principal=_text(entry.principal),
    )


def shortened(text: str) -> str:
    """`text` as a record keeps it: whatever a client sends, a thousand records stay small."""
    return text if len(text) <= MAX_TARGET_CHARACTERS else text[:MAX_TARGET_CHARACTERS] + _CUT


def target_of(entry: RequestEntry) -> str:
    """Path and query without what would let a reader do as the sender: signatures and tokens become `***`."""
    if not entry.query:
        return entry.path
    return f"{entry.path}?{'&'.join(_without_secret(piece) for piece in entry.query.split('&'))}"


def _without_secret(parameter: str) -> str:
    name, equals, _ = parameter.partition("=")
    return f"{name}=***" if equals and unquote(name).lower() in _SECRETS else parameter


def _text(text: str) -> str:
    """`text` without surrogates, which stand for bytes that were not UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()
