"""Logging to stderr: a line a message, for people or for machines.

`configure` is for the command. Whoever embeds the emulator has logging of their own; every message comes through the
loggers under `emulator`.
"""

import logging
import re
import sys
from datetime import UTC, datetime

import msgspec

from emulator.config import Log

# What a client sent can stand in a message: it must not begin a line of its own or move the cursor.
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def configure(log: Log) -> None:
    """Send the emulator's messages of `log.level` and worse to stderr, and other libraries' warnings."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log.format == "json" else TextFormatter())
    level = logging.getLevelNamesMapping()[log.level.upper()]
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)
    logging.getLogger("emulator").setLevel(level)
    logging.raiseExceptions = False  # a closed stderr is no reason to write to stderr


class TextFormatter(logging.Formatter):
    """`2024-06-01 12:00:00.123+02:00 INFO    message`, in local time; a traceback follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        time = datetime.fromtimestamp(record.created, UTC).astimezone()
        line = f"{time.isoformat(' ', 'milliseconds')} {record.levelname:<7} {one_line(record.getMessage())}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """`{"time", "level", "logger", "message"}`, in UTC; `traceback` too where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        time = datetime.fromtimestamp(record.created, UTC)
        entry = {
            "time": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _valid(record.getMessage()),
        }
        if record.exc_info:
            entry["traceback"] = _valid(self.formatException(record.exc_info))
        return msgspec.json.encode(entry).decode()


def one_line(text: str) -> str:
    """`text` with control characters as escapes (`\\n`).

    Without a codec: the first use of one opens a file, and a line may be about there being none left to open.
    """
    return _CONTROL_CHARACTERS.sub(lambda match: repr(match[0])[1:-1], text)


def _valid(text: str) -> str:
    """`text` without surrogates, which stand for bytes that were not UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()
