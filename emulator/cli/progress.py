"""How far a transfer has come: a bar on one line of stderr if that is a terminal, nothing otherwise."""

import sys
import time

WIDTH = 24
REFRESH_SECONDS = 0.1


class Progress:
    """Counts objects and bytes; `total` and `total_bytes` are what is to come."""

    def __init__(self, verb: str, total: int, total_bytes: int) -> None:
        self._verb = verb
        self._total = total
        self._total_bytes = total_bytes
        self._done = 0
        self._bytes = 0
        self._drawn = 0.0
        self._is_shown = sys.stderr.isatty()

    def add_bytes(self, count: int) -> None:
        """So many bytes more have been moved, or found to be there."""
        self._bytes += count
        self._draw()

    def finish_one(self) -> None:
        """One object more is done with."""
        self._done += 1
        self._draw()

    def say(self, line: str) -> None:
        """Print a line on stderr, above the bar."""
        self._clear()
        print(line, file=sys.stderr, flush=True)
        self._drawn = 0.0
        self._draw()

    def close(self) -> None:
        """Take the bar away."""
        self._clear()

    def _draw(self) -> None:
        if not self._is_shown or time.monotonic() - self._drawn < REFRESH_SECONDS:
            return
        self._drawn = time.monotonic()
        share = self._bytes / self._total_bytes if self._total_bytes else self._done / (self._total or 1)
        filled = round(WIDTH * min(1.0, share))
        line = (
            f"{self._verb} [{'#' * filled}{'.' * (WIDTH - filled)}] {self._done}/{self._total} objects, "
            f"{_mebibytes(self._bytes)}/{_mebibytes(self._total_bytes)} MiB"
        )
        print(f"\r{line}\033[K", end="", file=sys.stderr, flush=True)

    def _clear(self) -> None:
        if self._is_shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _mebibytes(count: int) -> str:
    return f"{count / 1024**2:.1f}"
