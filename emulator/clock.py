"""Time and chance: the two things a test must be able to hold still."""

import asyncio
import random
import secrets
import uuid
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

from emulator.version_id import form_version_id

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2106, 1, 1, tzinfo=UTC)  # a request id has 32 bits for the seconds


class Clock:
    """Says what time it is: an aware UTC `datetime`. Everything in the emulator asks this, never the system.

    It may be set, moved and stopped from any thread.
    """

    def __init__(self, now: datetime | None = None, *, is_frozen: bool = False) -> None:
        """It starts at `now`, or at the real time, and stands still if it `is_frozen`."""
        self._start = now, is_frozen
        self._offset = timedelta()
        self._frozen_at: datetime | None = None
        self._timeouts: set[tuple[asyncio.AbstractEventLoop, asyncio.Timeout]] = set()
        self.reset()

    def now(self) -> datetime:
        """The present time."""
        return self._frozen_at or datetime.now(UTC) + self._offset

    def now_in_milliseconds(self) -> datetime:
        """The present time as it is kept with what is stored: in whole milliseconds."""
        now = self.now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    @property
    def is_frozen(self) -> bool:
        """Whether it stands still."""
        return self._frozen_at is not None

    @property
    def offset_seconds(self) -> float:
        """How far it is ahead of real time."""
        return (self.now() - datetime.now(UTC)).total_seconds() if self._frozen_at else self._offset.total_seconds()

    def set(self, now: datetime) -> None:
        """Let it be `now`. A clock that runs goes on from there.

        Raises:
            ValueError: OSS has no such time.
        """
        if not EARLIEST <= now < LATEST:
            raise ValueError(f"the clock goes from {EARLIEST:%Y} to {LATEST:%Y}, not to {now.isoformat()}")
        moved = (now - self.now()).total_seconds()
        if self._frozen_at:
            self._frozen_at = now.astimezone(UTC)
        else:
            self._offset = now - datetime.now(UTC)
        for loop, timeout in self._timeouts.copy():
            loop.call_soon_threadsafe(_hasten, timeout, moved)

    def step(self, seconds: float) -> None:
        """Move it by `seconds`, backwards if they are negative.

        Raises:
            ValueError: OSS has no such time.
        """
        try:
            now = self.now() + timedelta(seconds=seconds)
        except OverflowError:
            raise ValueError(f"the clock cannot be moved by {seconds:g} s") from None
        self.set(now)

    def freeze(self) -> None:
        """Stop it where it is."""
        self._frozen_at = self.now()

    def unfreeze(self) -> None:
        """Let it go on from where it stands."""
        if self._frozen_at:
            self._offset = self._frozen_at - datetime.now(UTC)
            self._frozen_at = None

    def follow(self) -> None:
        """Go back to real time."""
        self._frozen_at = None
        self._offset = timedelta()

    def reset(self) -> None:
        """Be again as it was made."""
        now, is_frozen = self._start
        self.follow()
        if now is not None:
            self.set(now)
        if is_frozen:
            self._frozen_at = now or self.now()

    @asynccontextmanager
    async def timeout(self, seconds: float) -> AsyncIterator[None]:
        """`asyncio.timeout` that sees this clock being moved: time jumped over is time that has passed.

        Real time counts too, even while the clock stands still: nobody waits for ever.

        Raises:
            TimeoutError: it took longer.
        """
        async with asyncio.timeout(seconds) as timeout:
            entry = asyncio.get_running_loop(), timeout
            self._timeouts.add(entry)
            try:
                yield
            finally:
                self._timeouts.discard(entry)


def _hasten(timeout: asyncio.Timeout, seconds: float) -> None:
    """Let `timeout` end sooner, unless it has ended. A clock put back does not prolong it."""
    when = timeout.when()
    if when is not None and seconds > 0:
        with suppress(RuntimeError):
            timeout.reschedule(when - seconds)


_ENCODED = b"\xfb\xef\xff"  # is ++// in base64


class Ids:
    """Makes the ids that OSS gives out: from chance, or after `seed` always the same ones."""

    def __init__(self) -> None:
        self._random_bytes: Callable[[int], bytes] = secrets.token_bytes
        self.is_seeded = False

    def seed(self, seed: int | None) -> None:
        """Draw from `seed` from now on, so that what is not the time repeats itself; `None`: from chance."""
        self.is_seeded = seed is not None
        self._random_bytes = secrets.token_bytes if seed is None else random.Random(seed).randbytes

    def request_id(self, now: datetime) -> str:
        """24 upper-case hex digits: the Unix time in seconds in the first 8, chance in the rest.

        Source: samples of the documentation that carry a Date as well as a request id.
        """
        return f"{int(now.timestamp()):08X}{self._random_bytes(8).hex().upper()}"

    def token(self) -> str:
        """32 upper-case hex digits of chance: the id of a retention, the token of a domain."""
        return self._random_bytes(16).hex().upper()

    def upload_id(self, now: datetime) -> str:
        """32 upper-case hex digits: the Unix time in microseconds in the first 16 (so ids sort by time), then chance.

        Source: the samples of InitiateMultipartUpload and ListMultipartUploads, whose ids agree with their dates.
        """
        microseconds = (now - EARLIEST) // timedelta(microseconds=1)
        return f"{microseconds:016X}{self._random_bytes(8).hex().upper()}"

    def version_id(self, now: datetime) -> str:
        """The id of a version that is made `now`."""
        return form_version_id(now, self._random_bytes(16))

    def temporary_key(self) -> tuple[str, str, str]:
        """Id, secret and token of a temporary key.

        Source: the samples of AssumeRole. A token has `+`, `/` and `=`, which a URL must encode.
        """
        return (
            f"STS.{self._random_bytes(12).hex()}",
            self._random_bytes(22).hex(),
            f"CAIS{b64encode(_ENCODED + self._random_bytes(95)).decode()}",
        )

    def rule_id(self) -> str:
        """A UUID, as the id of a lifecycle rule that has been given none."""
        return str(uuid.UUID(bytes=self._random_bytes(16), version=4))
