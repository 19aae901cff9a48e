"""The pace of a body: so many bytes a second, whether `x-oss-traffic-limit` asks for it or a fault."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

SLICE_SECONDS = 0.1  # what is let through at once; a client that leaves is noticed as soon
CREDIT_SECONDS = 0.5  # a transfer that was held up catches up with this much, and no more


class Pace:
    """Says how long to wait, so that in all no more than `bytes_per_second` pass; `passed` have already.

    The time is the loop's, which no clock that a test sets can stop.
    """

    def __init__(self, bytes_per_second: int, *, passed: int = 0) -> None:
        self.bytes_per_second = bytes_per_second
        self._due = asyncio.get_running_loop().time() + passed / bytes_per_second

    def slices(self, piece: bytes) -> Iterator[bytes]:
        """`piece` in slices that may pass one after the other."""
        step = max(1, int(self.bytes_per_second * SLICE_SECONDS))
        for start in range(0, len(piece), step):
            yield piece[start : start + step]

    def count(self, size: int) -> None:
        """So many bytes more are to pass, or have."""
        now = asyncio.get_running_loop().time()
        self._due = max(self._due, now - CREDIT_SECONDS) + size / self.bytes_per_second

    @property
    def seconds_left(self) -> float:
        """How long to wait until what has been counted may have passed."""
        return max(0.0, self._due - asyncio.get_running_loop().time())


async def paced(pieces: AsyncGenerator[bytes, None], bytes_per_second: int) -> AsyncGenerator[bytes, None]:
    """`pieces` at this rate, each slice at the end of the time that it takes to pass."""
    pace = Pace(bytes_per_second)
    async with aclosing(pieces):
        async for piece in pieces:
            for slice_ in pace.slices(piece):
                pace.count(len(slice_))
                await asyncio.sleep(pace.seconds_left)
                yield slice_
