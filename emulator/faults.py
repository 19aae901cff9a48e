"""Failures on demand: the rules, and which one a request or a callback meets.

What a fault does is done where it happens: to requests in `emulator.app`, to callbacks in `emulator.callback`.
"""

import fnmatch
import logging
import random
import re
from collections.abc import Iterable

import msgspec

from emulator.config import FaultAction, FaultOccasion, FaultRule
from emulator.errors import BY_CODE, NoSuchBucket, NoSuchKey, OssError

logger = logging.getLogger("emulator.faults")


class ConnectionCut(Exception):
    """A fault ends the client's connection here, without an answer."""


class Fault(msgspec.Struct, frozen=True):
    """A rule that acts now. `count` says how often it has, this time included."""

    id: str
    do: FaultAction
    count: int

    @property
    def hint(self) -> str:
        """What to tell the developer, so that nobody looks for another cause."""
        return (
            f"The fault {self.id!r} did this on demand, for the {_ordinal(self.count)} time. "
            "GET /_emulator/faults lists the faults, DELETE takes them away."
        )

    def error(self, bucket: str, key: str) -> OssError | None:
        """The OSS error that the fault answers with, if it does, to a request for this bucket and key."""
        if not self.do.error:
            return None
        if self.do.error == NoSuchBucket.code:
            return NoSuchBucket(BucketName=bucket, hint=self.hint)
        if self.do.error == NoSuchKey.code:
            return NoSuchKey(Key=key, hint=self.hint)
        return BY_CODE[self.do.error](hint=self.hint)


class ArmedFault(msgspec.Struct, frozen=True):
    """A rule and its history: how often it was `met` by what it is for, and how often it has `acted`."""

    id: str
    on: FaultOccasion
    do: FaultAction
    met: int
    acted: int


class _Armed:
    """A rule with its counts."""

    def __init__(self, id: str, rule: FaultRule) -> None:  # noqa: A002 - as in the rule
        self.id = id
        self.rule = rule
        self.met = 0
        self.acted = 0
        on = rule.on
        self._bucket = re.compile(fnmatch.translate(on.bucket or "*"))
        self._object = re.compile(fnmatch.translate(on.object or "*"))
        self._first = on.nth or 1
        self._times = on.times or (1 if on.nth else None)
        self._chance = random.Random(on.seed)

    def fits(self, leg: str, operation: str, bucket: str, key: str) -> bool:
        """Whether the rule is for this, whatever its turn."""
        on = self.rule.on
        return (
            on.leg == leg
            and on.operation in ("", operation)
            and self._bucket.match(bucket) is not None
            and self._object.match(key) is not None
        )

    def takes(self) -> bool:
        """Whether the rule acts on what fits; counts."""
        self.met += 1
        if self.met < self._first or (self._times is not None and self.acted >= self._times):
            return False
        if self.rule.on.share < 1 and self._chance.random() >= self.rule.on.share:
            return False
        self.acted += 1
        return True

    def state(self) -> ArmedFault:
        """The rule as it is shown."""
        return ArmedFault(self.id, self.rule.on, self.rule.do, self.met, self.acted)


class Faults:
    """The armed rules, in order. In the event loop."""

    def __init__(self, configured: Iterable[FaultRule] = ()) -> None:
        self._configured = tuple(configured)
        self._armed: list[_Armed] = []
        self.reset()

    def reset(self) -> None:
        """Arm the configured rules alone, as if they had never acted."""
        self._armed = []
        self._number = 0
        for rule in self._configured:
            self.arm(rule)

    def meet(self, leg: str, operation: str, bucket: str, key: str) -> Fault | None:
        """The fault that acts on this: that of the first rule that fits and whose turn it is.

        A rule behind the one that acts does not get to see it.
        """
        for armed in self._armed:
            if armed.fits(leg, operation, bucket, key) and armed.takes():
                fault = Fault(armed.id, armed.rule.do, armed.acted)
                logger.warning("fault %s acts on the %s of %s %s/%s", armed.id, leg, operation, bucket, key)
                return fault
        return None

    def arm(self, rule: FaultRule) -> ArmedFault:
        """Add `rule` behind the others, or put it in the place of the one that has its id."""
        armed = _Armed(rule.id or self._new_id(), rule)
        for index, other in enumerate(self._armed):
            if other.id == armed.id:
                self._armed[index] = armed
                break
        else:
            self._armed.append(armed)
        return armed.state()

    def find(self, id: str) -> ArmedFault | None:  # noqa: A002 - as in the rule
        """The rule with this id."""
        return next((armed.state() for armed in self._armed if armed.id == id), None)

    def list(self) -> list[ArmedFault]:
        """All rules in order."""
        return [armed.state() for armed in self._armed]

    def disarm(self, id: str) -> bool:  # noqa: A002 - as in the rule
        """Take the rule with this id away; whether there was one."""
        before = len(self._armed)
        self._armed = [armed for armed in self._armed if armed.id != id]
        return len(self._armed) < before

    def clear(self) -> None:
        """Take all rules away, the configured ones too."""
        self._armed = []

    def _new_id(self) -> str:
        taken = {armed.id for armed in self._armed} | {rule.id for rule in self._configured}
        while True:
            self._number += 1
            if (id := f"fault-{self._number}") not in taken:  # noqa: A001 - as in the rule
                return id


def _ordinal(number: int) -> str:
    suffix = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
