"""What the commands share: how they end, and how they complain about their arguments.

A command is a module with `add_to(commands)`, which describes its arguments, and `run(options)`, which gives the exit
status. What only the work itself needs is imported by `run`: `serve` must be ready in 0.6 s, and `--version` at once.
"""

import argparse
from typing import Any, NoReturn, TypeAlias

FAILED = 1
WRONG_USAGE = 2
INTERRUPTED = 130  # as shells count: 128 and the signal's number


class Failure(Exception):
    """The command cannot be done; the message is the one line that says why. `status` is the exit status."""

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.status = status


class Parser(argparse.ArgumentParser):
    """Complains in one line, and takes no abbreviated flags: they would change their meaning when a new flag comes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """End with status 2."""
        self.exit(WRONG_USAGE, f"{self.prog}: {' '.join(message.split())}; --help tells more\n")


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"  # argparse has no public name for it
