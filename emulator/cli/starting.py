"""What the commands that run a server share: its options, a quick import, and telling where it is."""

import argparse
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.cli.command import Failure, Parser
from emulator.configure import FLAGS

if TYPE_CHECKING:
    from emulator.server import Emulator


def add_options(command: Parser) -> None:
    """Describe the options of a server."""
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
        FLAGS["server.tls"],
        dest="server.tls",
        action="store_const",
        const=True,
        help="serve HTTPS too, on port 8443 (--port 0: a free one), with certificates by a CA of its own",
    )
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


def flags(options: argparse.Namespace) -> dict[str, object]:
    """The settings that were given as flags, by dotted path."""
    return {path: value for path, value in vars(options).items() if path in FLAGS and value is not None}


@contextmanager
def no_certificates() -> Iterator[None]:
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


@contextmanager
def ready(file: Path | None, emulator: "Emulator") -> Iterator[None]:
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
    tls = {"https_endpoint": emulator.https_endpoint, "ca_file": emulator.ca_file and str(emulator.ca_file)}
    return {
        "endpoint": emulator.endpoint,
        **{name: value for name, value in tls.items() if value},
        "access_key_id": emulator.key.id,
        "access_key_secret": emulator.key.secret,
        "region": emulator.region,
        "buckets": emulator.config.bucket_names,
        "pid": os.getpid(),
    }
