"""Time and chance: the two things a test must be able to hold still."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
    """Says what time it is: an aware UTC `datetime`. Everything in the emulator asks this, never the system."""

    def now(self) -> datetime:
        """The present time."""
        return datetime.now(UTC)

    def now_in_milliseconds(self) -> datetime:
        """The present time as it is kept with what is stored: in whole milliseconds."""
        now = self.now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


class Ids:
    """Makes the ids that OSS gives out; `random_bytes` is injected so that a test can seed it."""

    def __init__(self, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._random_bytes = random_bytes

    def request_id(self, now: datetime) -> str:
        """24 upper-case hex digits: the Unix time in seconds in the first 8, chance in the rest.

        Source: samples of the documentation that carry a Date as well as a request id.
        """
        return f"{int(now.timestamp()):08X}{self._random_bytes(8).hex().upper()}"

    def upload_id(self, now: datetime) -> str:
        """32 upper-case hex digits: the Unix time in microseconds in the first 16 (so ids sort by time), then chance.

        Source: the samples of InitiateMultipartUpload and ListMultipartUploads, whose ids agree with their dates.
        """
        microseconds = (now - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        return f"{microseconds:016X}{self._random_bytes(8).hex().upper()}"
