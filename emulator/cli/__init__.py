"""The command `oss-emulator`: a file a command.

Exit status 0 done, 1 failed, 2 wrong usage or configuration; what went wrong is one line on stderr, never a traceback.
"""

import logging
import os
import sys
from collections.abc import Sequence

from emulator import __version__
from emulator.cli import callbacks, check, expand, export, load, operations, serve, verify
from emulator.cli import exec as exec_command
from emulator.cli.command import FAILED, INTERRUPTED, WRONG_USAGE, Failure, Parser
from emulator.config import ConfigError

logger = logging.getLogger("emulator.cli")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that `arguments` (by default the process's own) spell, and give the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except ConfigError as error:
        return _complain(str(error), WRONG_USAGE)
    except Failure as error:
        return _complain(str(error), error.status)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `oss-emulator operations | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at its end
        return FAILED
    except Exception as error:
        logger.debug("The command failed.", exc_info=True)
        return _complain(f"unexpected {type(error).__name__}: {error}", FAILED)


def _complain(message: str, status: int) -> int:
    print("oss-emulator:", " ".join(message.split()), file=sys.stderr)
    return status


def _parser() -> Parser:
    parser = Parser(
        prog="oss-emulator", description="A local emulator of Alibaba Cloud OSS, upload callbacks included."
    )
    parser.add_argument("--version", action="version", version=f"oss-emulator {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in (serve, exec_command, callbacks, expand, verify, check, load, export, operations):
        command.add_to(commands)
    return parser
