"""A line in the log for each request that went well. What was refused has its own, from where that happened.

A call of `logging` costs half as much as a small GET; so a request costs an entry in a list here, and a tenth of a
second later all lines are one call and one write.
"""

import asyncio
import logging
import time
from types import TracebackType
from typing import Self

from emulator.log import log_lines
from emulator.request_log import RequestEntry, RequestLog, target_of

FLUSH_SECONDS = 0.1

logger = logging.getLogger("emulator.requests")


class RequestLines:
    """Writes the lines; the last ones when it is left, so it surrounds the emulator. In the event loop."""

    def __init__(self) -> None:
        self._waiting: list[RequestEntry] = []

    def follow(self, log: RequestLog) -> None:
        """Write a line for each of `log`'s requests from now on, if anybody wants such lines."""
        if logger.isEnabledFor(logging.INFO):
            log.listeners.add(self._note)

    def flush(self) -> None:
        """Write what is still to be written."""
        if entries := self._waiting:
            self._waiting = []
            since = time.time() - time.perf_counter()
            log_lines(logger, logging.INFO, [(since + entry.ended, _line(entry)) for entry in entries])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.flush()

    def _note(self, entry: RequestEntry) -> None:
        if entry.code:
            return
        if not self._waiting:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        self._waiting.append(entry)


def _line(entry: RequestEntry) -> str:
    answer = f"{entry.status} {entry.operation}" if entry.status else f"connection cut, {entry.operation}"
    return f"{entry.id} {entry.method} {target_of(entry)} -> {answer} in {entry.seconds * 1000:.2f} ms"
