"""`oss-emulator serve`: the server, until a signal stops it."""

import argparse
import gc
import logging
import os
import resource
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from emulator import __version__, log
from emulator.cli.command import Commands, Failure
from emulator.cli.starting import add_options, flags, no_certificates, ready
from emulator.configure import load

if TYPE_CHECKING:
    import asyncio

    from emulator.config import Config
    from emulator.server import Emulator

MAX_OPEN_FILES = 10_240  # macOS gives no more

logger = logging.getLogger("emulator.cli")


def add_to(commands: Commands) -> None:
    """Describe the command and its flags."""
    command = commands.add_parser("serve", help="run the server", description="Run the server until Ctrl-C or SIGTERM.")
    command.set_defaults(run=run)
    add_options(command)


def run(options: argparse.Namespace) -> int:
    """Run the server until a signal stops it."""
    config = load(options.config, os.environ, flags(options))
    log.configure(config.log)
    _allow_open_files()
    gc.disable()  # until ready: nothing that starting makes is garbage
    with no_certificates():
        import asyncio

        from emulator.server import ServerError
        from emulator.storage.store import StoreError
    try:
        asyncio.run(_serve(config, options.ready_file))
    except (ServerError, StoreError, OSError) as error:
        raise Failure(str(error)) from error
    return 0


def _allow_open_files() -> None:
    """Take what the system lets us have: a connection is an open file, and many shells give 256 or 1,024 at first."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # a system may give less than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _serve(config: "Config", ready_file: Path | None) -> None:
    import asyncio

    from emulator.request_lines import RequestLines
    from emulator.server import Emulator

    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        """Stop in good order; the next signal ends the process at once."""
        stopping.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    with RequestLines() as lines:
        async with Emulator(config) as emulator:
            if log.shows_requests(config.log):
                lines.follow(emulator.context.requests)
            await _run(emulator, ready_file, stopping)


async def _run(emulator: "Emulator", ready_file: Path | None, stopping: "asyncio.Event") -> None:
    """Be there until it is time to stop."""
    gc.enable()
    gc.freeze()  # what is there now stays: no collection need look at it again
    _introduce(emulator)
    with ready(ready_file, emulator):
        print("oss-emulator ready", emulator.endpoint, flush=True)
        await stopping.wait()
    logger.info("Stopping; uploads and callbacks in flight may finish. The next signal ends them.")


def _introduce(emulator: "Emulator") -> None:
    """Say where the emulator is, which keys to use and where the objects lie."""
    config = emulator.config
    buckets = ", ".join(config.bucket_names) or "none yet"
    logger.info("OSS emulator %s at %s, buckets: %s", __version__, emulator.endpoint, buckets)
    if emulator.https_endpoint:
        ca_file = emulator.ca_file or "the CA of its certificate"
        logger.info("HTTPS at %s; clients have to trust %s", emulator.https_endpoint, ca_file)
    key = emulator.key
    if config.auth.mode == "off":
        logger.info("Any access key will do: auth.mode is off")
    else:
        logger.info("Access key id %s, secret %s, region %s", key.id, key.secret, config.auth.region)
    place = emulator.data_dir.absolute()
    logger.info(
        "Objects lie in %s%s",
        place / "buckets" if config.storage.tree else place,
        ", and go when it stops" if config.storage.ephemeral else "",
    )
    if not config.control.token and not config.is_strict and not _is_loopback(config.server.host):
        logger.warning(
            "Other machines can reach this emulator. Set control.token if they are to use /_emulator/ for changes too; "
            "without it only this machine can"
        )


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")
