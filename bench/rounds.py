"""A run: how long, with which servers, and in rounds that give every subject the same weather.

Rounds are interleaved: every subject has its turn before any has its second, each round begins with another one, and a
figure is the median over the rounds. So a machine that is busy for a while is busy for all of them.
"""

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import count
from pathlib import Path
from typing import TypeVar

from bench.subjects import Server, Subject, Unmeasured

Measured = TypeVar("Measured", bound=Server | Subject)
Found = TypeVar("Found")

MIB = 1 << 20


@dataclass(frozen=True)
class Size:
    """How long and how much. `seconds` is one subject's turn at a small load, `limit_seconds` the whole run."""

    rounds: int
    seconds: int
    keys: int
    large_rounds: int
    large_bytes: int
    listed_keys: int
    pages: int
    appends: int
    limit_seconds: float


FULL = Size(3, 3, 1000, 3, 1024 * MIB, 1_000_000, 25, 10_000, 540)
QUICK = Size(2, 1, 200, 1, 256 * MIB, 100_000, 15, 2_000, 105)


@dataclass
class Bench:
    """One run: its subjects, their running servers, a scratch folder, and what is missing."""

    subjects: Sequence[Subject]
    size: Size
    scratch: Path
    stack: ExitStack
    missing: dict[str, list[str]] = field(default_factory=dict)
    ends: float = field(init=False)
    _servers: list[Server] | None = None
    _folders: "count[int]" = field(default_factory=count)

    def __post_init__(self) -> None:
        self.ends = time.monotonic() + self.size.limit_seconds

    def folder(self) -> Path:
        """Give a new folder's path."""
        return self.scratch / str(next(self._folders))

    def note(self, name: str, what: str, why: object) -> None:
        """Remember why a figure is missing, once."""
        names = self.missing.setdefault(f"{what}: {why}", [])
        if name not in names:
            names.append(name)

    def notes(self) -> list[str]:
        """Give the notes, one line for all subjects that lack the same for the same reason."""
        return [f"n/a: {', '.join(names)}: {what}" for what, names in self.missing.items()]

    def servers(self) -> list[Server]:
        """Give the running servers, with `BUCKET` in each; the first call starts them."""
        if self._servers is None:
            self._servers = []
            for subject in self.subjects:
                try:
                    server = self.stack.enter_context(Server(subject, self.folder()))
                except Unmeasured as error:
                    self.note(subject.name, "everything", error)
                    continue
                server.make_bucket()
                self._servers.append(server)
        return self._servers

    def interleave(
        self, what: str, rounds: int, subjects: Sequence[Measured], probe: Callable[[Measured], Found]
    ) -> dict[str, list[Found]]:
        """Probe every subject in each round; give the results by name. One that fails is left out from there on."""
        results: dict[str, list[Found]] = defaultdict(list)
        failed: set[str] = set()
        for turn in range(rounds):
            start = turn % max(len(subjects), 1)
            for subject in [*subjects[start:], *subjects[:start]]:
                if subject.name in failed:
                    continue
                try:
                    if time.monotonic() > self.ends:
                        raise Unmeasured(f"the run's {self.size.limit_seconds:g} s are over")
                    results[subject.name].append(probe(subject))
                except (Unmeasured, OSError, HTTPException) as error:
                    failed.add(subject.name)
                    self.note(subject.name, what, error)
        return {name: found for name, found in results.items() if found}


def medians(results: dict[str, list[float]]) -> dict[str, float]:
    """Give the median of each subject's results, if it has any."""
    return {name: statistics.median(found) for name, found in results.items() if found}
