"""Logging to stderr: a line a message, for people or for machines.

`configure` is for the command. Whoever embeds the emulator has logging of their own; every message comes through the
loggers under `emulator`.
"""

import logging
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from emulator.config import Log

# What a client sent can stand in a message: it must not begin a line of its own or move the cursor.
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

Line = tuple[float, str]
"""When, in Unix seconds, and the message."""


def configure(log: Log) -> None:
    """Send the emulator's messages of `log.level` and worse to stderr, and other libraries' warnings."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log.format == "json" else TextFormatter())
    level = logging.getLevelNamesMapping()[log.level.upper()]
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)
    logging.getLogger("emulator").setLevel(level)
    logging.raiseExceptions = False  # a closed stderr is no reason to write to stderr


def shows_requests(log: Log) -> bool:
    """Whether each request that goes well has a line."""
    return sys.stderr.isatty() if log.requests is None else log.requests


def log_lines(logger: logging.Logger, level: int, lines: Sequence[Line]) -> None:
    """Log many messages in one call, which costs as much as many lines do; each keeps its time."""
    logger.log(level, "%s", _Joined(lines), extra={"lines": lines})


class _Joined:
    """What formatters of others show of several lines."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines

    def __str__(self) -> str:
        return "\n".join(message for _, message in self._lines)


def _lines(record: logging.LogRecord) -> Sequence[Line]:
    """The messages of a record; nearly always one."""
    several: Sequence[Line] | None = getattr(record, "lines", None)
    return ((record.created, record.getMessage()),) if several is None else several


class TextFormatter(logging.Formatter):
    """`2024-06-01 12:00:00.123+02:00 INFO    message`, in local time; a traceback follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end; several lines of what came by `log_lines`."""
        written = []
        for created, message in _lines(record):
            seconds, milliseconds = _split(created)
            time, zone = _local(seconds)
            written.append(f"{time}.{milliseconds:03}{zone} {record.levelname:<7} {one_line(message)}")
        if record.exc_info:
            written.append(self.formatException(record.exc_info))
        return "\n".join(written)


class JsonFormatter(logging.Formatter):
    """`{"time", "level", "logger", "message"}`, in UTC; `traceback` too where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end; several lines of what came by `log_lines`."""
        written = []
        for created, message in _lines(record):
            seconds, milliseconds = _split(created)
            entry = {
                "time": f"{_utc(seconds)}.{milliseconds:03}Z",
                "level": record.levelname.lower(),
                "logger": record.name,
                "message": _valid(message),
            }
            if record.exc_info:
                entry["traceback"] = _valid(self.formatException(record.exc_info))
            written.append(msgspec.json.encode(entry).decode())
        return "\n".join(written)


def _split(created: float) -> tuple[int, int]:
    """Seconds and milliseconds; what floating point has lost of a millisecond is given back."""
    return divmod(int(created * 1000 + 0.001), 1000)


# Of the many lines of a second only the first has its time worked out, which is half of the cost of a line.
@lru_cache(maxsize=2)
def _local(seconds: int) -> tuple[str, str]:
    time = datetime.fromtimestamp(seconds, UTC).astimezone()
    return time.strftime("%Y-%m-%d %H:%M:%S"), time.isoformat()[19:]


@lru_cache(maxsize=2)
def _utc(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]


def one_line(text: str) -> str:
    """`text` with control characters as escapes (`\\n`).

    Without a codec: the first use of one opens a file, and a line may be about there being none left to open.
    """
    return text if text.isprintable() else _CONTROL_CHARACTERS.sub(lambda match: repr(match[0])[1:-1], text)


def _valid(text: str) -> str:
    """`text` without surrogates, which stand for bytes that were not UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()
