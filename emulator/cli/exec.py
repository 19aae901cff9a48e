"""`oss-emulator exec`: an emulator around one command, for the tests of any language.

    oss-emulator exec -- npm test

The command finds the emulator in its environment, has standard input and output for itself, and its exit status is that
of the whole. A terminal's Ctrl-C reaches it without us; other signals are passed on.
"""

import argparse
import gc
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from emulator import log
from emulator.cli.command import WRONG_USAGE, Commands, Failure
from emulator.cli.starting import add_options, flags, no_certificates, ready
from emulator.configure import load

if TYPE_CHECKING:
    from asyncio.subprocess import Process

    from emulator.config import Config
    from emulator.server import Emulator

# As shells have them.
NOT_EXECUTABLE = 126
NOT_FOUND = 127
SIGNALLED = 128

DEFAULTS = {"log": {"level": "warning"}}

_PASSED_ON = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
_FROM_THE_KEYBOARD = (signal.SIGINT, signal.SIGQUIT)


def add_to(commands: Commands) -> None:
    """Describe the command and its options."""
    command = commands.add_parser(
        "exec",
        help="run a command beside an emulator of its own",
        description="Run COMMAND while an emulator on a free port, with its objects in a temporary folder, serves it: "
        "OSS_ENDPOINT, OSS_ACCESS_KEY_ID, OSS_ACCESS_KEY_SECRET, OSS_REGION and OSS_BUCKET say where, with --tls also "
        "OSS_HTTPS_ENDPOINT and OSS_CA_FILE. Exit with the status of COMMAND.",
        usage="oss-emulator exec [options of serve] -- COMMAND [ARGUMENT ...]",
    )
    command.set_defaults(run=run)
    add_options(command)
    command.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND", help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    """Run the command; its exit status."""
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        raise Failure("exec: the command is missing; as in: oss-emulator exec -- npm test", WRONG_USAGE)
    given = flags(options)
    given.setdefault("server.port", 0)
    if "storage.data_dir" not in given:
        given["storage.ephemeral"] = True
    config = load(options.config, os.environ, given, defaults=DEFAULTS)
    log.configure(config.log)
    gc.disable()  # until the command runs
    with no_certificates():
        import asyncio

        from emulator.server import ServerError
        from emulator.storage.store import StoreError
    try:
        return asyncio.run(_run(config, options.ready_file, command))
    except (ServerError, StoreError, OSError) as error:
        raise Failure(str(error)) from error


async def _run(config: "Config", ready_file: Path | None, command: Sequence[str]) -> int:
    from emulator.request_lines import RequestLines
    from emulator.server import Emulator

    signals = _Signals()
    with RequestLines() as lines:
        async with Emulator(config) as emulator:
            if log.shows_requests(config.log):
                lines.follow(emulator.context.requests)
            gc.enable()
            with ready(ready_file, emulator):
                if signals.early is not None:
                    return SIGNALLED + signals.early
                signals.process = await _start(command, _environment(emulator))
                status = await signals.process.wait()
    return SIGNALLED - status if status < 0 else status


class _Signals:
    """What to do with the signals that we are sent. `early` is one that came before there was a `process`."""

    def __init__(self) -> None:
        import asyncio

        self.process: Process | None = None
        self.early: int | None = None
        for number in _PASSED_ON:
            asyncio.get_running_loop().add_signal_handler(number, self._pass_on, number)

    def _pass_on(self, number: int) -> None:
        if self.process is None:
            self.early = number
        elif number not in _FROM_THE_KEYBOARD or not _owns_the_terminal():
            with suppress(ProcessLookupError):
                self.process.send_signal(number)


def _owns_the_terminal() -> bool:
    """Whether a key pressed in a terminal reaches our process group, and so the command, from there."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


async def _start(command: Sequence[str], environment: dict[str, str]) -> "Process":
    import asyncio

    try:
        return await asyncio.create_subprocess_exec(*command, env=environment)
    except FileNotFoundError as error:
        raise Failure(f"exec: {command[0]}: command not found", NOT_FOUND) from error
    except OSError as error:
        raise Failure(f"exec: {command[0]}: cannot be executed: {error.strerror}", NOT_EXECUTABLE) from error


def _environment(emulator: "Emulator") -> dict[str, str]:
    """The command's environment: ours, and how to reach the emulator."""
    environment = os.environ | emulator.environ
    return {name: value for name, value in environment.items() if value or name not in emulator.environ}
