"""Time and chance: the two things a test must be able to hold still."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """Says what time it is: an aware UTC `datetime`. Everything in the emulator asks this, never the system."""

    def now(self) -> datetime:
        """The present time."""
        return datetime.now(UTC)


class Ids:
    """Makes the ids that OSS gives out; `random_bytes` is injected so that a test can seed it."""

    def __init__(self, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._random_bytes = random_bytes

    def request_id(self, now: datetime) -> str:
        """24 upper-case hex digits: the Unix time in seconds in the first 8, chance in the rest.

        Source: samples of the documentation that carry a Date as well as a request id.
        """
        return f"{int(now.timestamp()):08X}{self._random_bytes(8).hex().upper()}"
