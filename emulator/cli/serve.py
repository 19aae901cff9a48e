"""`oss-emulator serve`: the server, until a signal stops it."""

import argparse
import gc
import json
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from emulator import __version__, log
from emulator.cli.command import Commands, Failure
from emulator.configure import FLAGS, load

if TYPE_CHECKING:
    from emulator.config import Config
    from emulator.server import Emulator

DEFAULT_REGION = "cn-hangzhou"  # for clients, which must name one, where the emulator takes any

logger = logging.getLogger("emulator.cli")


def add_to(commands: Commands) -> None:
    """Describe the command and its flags."""
    command = commands.add_parser("serve", help="run the server", description="Run the server until Ctrl-C or SIGTERM.")
    command.set_defaults(run=run)
    command.add_argument("--config", type=Path, metavar="FILE", help="YAML file; config.example.yaml shows every key")
    for path, metavar, text in (
        ("server.host", "HOST", "address to listen on (localhost)"),
        ("server.port", "PORT", "port to listen on, 0 for a free one (8280)"),
        ("storage.data_dir", "DIR", "where the objects lie (oss-data)"),
        ("profile", "dev|real", "dev allows what local work needs, real refuses what OSS refuses (dev)"),
        ("log.level", "LEVEL", "debug, info, warning or error (info)"),
        ("log.format", "text|json", "how the log is written (text)"),
    ):
        command.add_argument(FLAGS[path], dest=path, metavar=metavar, help=text)
    command.add_argument(
        FLAGS["storage.ephemeral"],
        dest="storage.ephemeral",
        action="store_const",
        const=True,
        help="keep the objects in a temporary folder that goes when the server stops",
    )
    command.add_argument(
        FLAGS["buckets"],
        dest="buckets",
        action="append",
        metavar="NAME",
        help="bucket that exists from the start; repeatable (examplebucket)",
    )
    command.add_argument(
        "--ready-file", type=Path, metavar="FILE", help="written as JSON once connections are accepted"
    )


def run(options: argparse.Namespace) -> int:
    """Run the server until a signal stops it."""
    flags = {path: value for path, value in vars(options).items() if path in FLAGS and value is not None}
    config = load(options.config, os.environ, flags)
    log.configure(config.log)
    gc.disable()  # until ready: nothing that starting makes is garbage
    with _no_certificates():
        import asyncio

        from emulator.server import ServerError
        from emulator.storage.store import StoreError
    try:
        asyncio.run(_serve(config, options.ready_file))
    except (ServerError, StoreError, OSError) as error:
        raise Failure(str(error)) from error
    return 0


@contextmanager
def _no_certificates() -> Iterator[None]:
    """Let OpenSSL find no certificates for a while.

    Importing aiohttp makes two TLS contexts that nobody uses here; reading the system's certificates into them takes a
    quarter of the start.
    """
    names = ("SSL_CERT_FILE", "SSL_CERT_DIR")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, os.devnull))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


async def _serve(config: "Config", ready_file: Path | None) -> None:
    import asyncio

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
    async with Emulator(config) as emulator:
        gc.enable()
        gc.freeze()  # what is there now stays: no collection need look at it again
        _introduce(emulator)
        with _ready_file(ready_file, emulator):
            print("oss-emulator ready", emulator.endpoint, flush=True)
            await stopping.wait()
        logger.info("Stopping; uploads and callbacks in flight may finish. The next signal ends them.")


def _introduce(emulator: "Emulator") -> None:
    """Say where the emulator is, which keys to use and where the objects lie."""
    config = emulator.config
    buckets = ", ".join(config.bucket_names) or "none yet"
    logger.info("OSS emulator %s at %s, buckets: %s", __version__, emulator.endpoint, buckets)
    key = config.auth.keys[0]
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


@contextmanager
def _ready_file(file: Path | None, emulator: "Emulator") -> Iterator[None]:
    """Have `file` say how to reach the emulator, whole or not at all. It holds a secret, so it is for us alone."""
    if file is None:
        yield
        return
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
            json.dump(_reach(emulator), output, indent=2)
        unfinished.replace(file)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise Failure(f"--ready-file: cannot write {file}: {error.strerror}") from error
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def _reach(emulator: "Emulator") -> dict[str, object]:
    """What a client needs."""
    config = emulator.config
    key = config.auth.keys[0]
    return {
        "endpoint": emulator.endpoint,
        "access_key_id": key.id,
        "access_key_secret": key.secret,
        "region": DEFAULT_REGION if config.auth.region == "any" else config.auth.region,
        "buckets": config.bucket_names,
        "pid": os.getpid(),
    }
