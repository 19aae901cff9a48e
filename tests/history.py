"""What clients did to some keys and what they saw, and whether a store that never loses or tears can have shown it.

Every change has a beginning and an end as its client saw them; it took effect somewhere between. So a reader may see
the outcome of a change unless another one began after its end and ended before the reading began. All seconds are of
one monotonic clock.
"""

from bisect import bisect_right
from collections import defaultdict
from typing import NamedTuple

from emulator.storage.digest import crc64

# What a reader sees of a key that has no object.
ABSENT = ""

_HEAD = b"%c %02d %06d %09d %09d %09d\n"
_HEAD_BYTES = len(_HEAD % (65, 0, 0, 0, 0, 0))


class BlockId(NamedTuple):
    """One block of bytes that a client sent. `kind` is P (all of an object), M (a part of one) or A (an append)."""

    kind: str
    client: int
    number: int


def block(made_by: BlockId, position: int, size: int, total: int) -> bytes:
    """`size` bytes that say who wrote them, and that they lie at `position` of `total` bytes (0: of any number)."""
    kind, client, number = made_by
    head = _HEAD % (ord(kind), client, number, position, size, total)
    assert size >= len(head)
    return head + bytes([97 + (client + number) % 26]) * (size - len(head))


def read_blocks(body: bytes) -> list[BlockId]:
    """The blocks of a body, which must be one object's, whole: a put, all parts of an upload, or appends in a row."""
    found: list[BlockId] = []
    position = 0
    total = None
    while position < len(body):
        head = body[position : position + _HEAD_BYTES]
        kind, client, number, at, size, of = head.decode().split()
        made_by = BlockId(kind, int(client), int(number))
        assert int(at) == position, f"{head!r} lies at {position}"
        assert body[position : position + int(size)] == block(made_by, position, int(size), int(of)), "torn block"
        if kind == "A":
            assert {each.kind for each in found} <= {"A"}, "an append to what is not appendable"
        else:
            assert not found or found[-1] == made_by, f"{made_by} follows {found[-1]}"
            total = int(of)
        found.append(made_by)
        position += int(size)
    assert total in (None, len(body)), f"{len(body)} bytes of {total}"
    return found


class Change(NamedTuple):
    """A change of a key to an object with this ETag, or to `ABSENT`; begun and ended at these seconds."""

    began: float
    ended: float
    etag: str


class Sight(NamedTuple):
    """What a reader saw of a key: an ETag, or `ABSENT`."""

    key: str
    began: float
    ended: float
    etag: str


class History:
    """What happened. `check` looks at it when everything is over."""

    def __init__(self, keys: list[str]) -> None:
        """All of `keys` are absent at first."""
        self.changes: dict[str, list[Change]] = {key: [Change(0, 0, ABSENT)] for key in keys}
        self.sights: list[Sight] = []
        self.refused: set[BlockId] = set()
        self._seen: set[BlockId] = set()
        self._crc64_of: dict[str, int] = {}

    def changed(self, key: str, began: float, ended: float, etag: str) -> None:
        """Note a change that was acknowledged."""
        self.changes[key].append(Change(began, ended, etag))

    def saw(self, key: str, began: float, ended: float, etag: str, body: bytes | None = None) -> None:
        """Note what a reader saw; a body must be whole, and always the same under one ETag."""
        self.sights.append(Sight(key, began, ended, etag))
        if body is not None:
            self._seen.update(read_blocks(body))
            crc = crc64(body)
            assert self._crc64_of.setdefault(etag, crc) == crc, f"two bodies have the ETag {etag}"

    def check(self) -> None:
        """Raise `AssertionError` if somebody saw what cannot have been there."""
        assert not self._seen & self.refused, "what was refused was stored"
        by_etag: dict[tuple[str, str], list[Change]] = defaultdict(list)
        superseding: dict[str, tuple[list[float], list[float]]] = {}
        for key, changes in self.changes.items():
            changes.sort()
            ends: list[float] = []  # of those that began as late or later, the earliest
            for change in reversed(changes):
                ends.append(min(change.ended, ends[-1]) if ends else change.ended)
            superseding[key] = [change.began for change in changes], ends[::-1]
            for change in changes:
                by_etag[key, change.etag].append(change)
        for sight in self.sights:
            begins, ends = superseding[sight.key]

            def is_over(
                change: Change, sight: Sight = sight, begins: list[float] = begins, ends: list[float] = ends
            ) -> bool:
                later = bisect_right(begins, change.ended)
                return later < len(ends) and ends[later] < sight.began

            candidates = [change for change in by_etag[sight.key, sight.etag] if change.began < sight.ended]
            assert candidates, f"nobody has made {sight}"
            assert not all(map(is_over, candidates)), f"{sight} was over by then: {candidates[-1]}"
