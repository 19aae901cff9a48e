"""`oss-emulator verify`: a captured callback request in; out comes whether it is rightly signed, and if not, why."""

import argparse
import sys
from pathlib import Path

from emulator.cli.captured import parse_capture
from emulator.cli.command import FAILED, Commands, Failure
from emulator.cli.remote import add_endpoint_to, ask, find_endpoint
from emulator.config import ConfigError

MAX_CAPTURE_BYTES = 64 * 1024 * 1024


def add_to(commands: Commands) -> None:
    """Describe the command."""
    text = "say whether a captured callback is rightly signed, and if not, which mistake made it wrong"
    command = commands.add_parser("verify", help=text, description=text)
    command.set_defaults(run=run)
    command.add_argument(
        "capture",
        nargs="?",
        default="-",
        metavar="FILE",
        help="a raw HTTP request, a HAR, or a record of /_emulator/callbacks; - or nothing: stdin",
    )
    command.add_argument("--public-key", type=Path, metavar="FILE", help="the key (PEM); else the emulator's")
    command.add_argument("--callback-url", default="", metavar="URL", help="what the upload gave as callbackUrl")
    add_endpoint_to(command)


def run(options: argparse.Namespace) -> int:
    """Print a verdict a request; fail if one is wrong."""
    from emulator.callback.verify import verify_callback

    requests = parse_capture(_read(options.capture))
    public_key = _public_key(options)
    try:
        verdicts = [
            verify_callback(
                request.target,
                request.headers,
                request.body,
                public_key,
                callback_url=options.callback_url or request.url,
            )
            for request in requests
        ]
    except ValueError as error:
        source = f"flag --public-key: {options.public_key}" if options.public_key else "the emulator's key"
        raise ConfigError(f"{source}: cannot read an RSA public key: {error}") from error
    for request, verdict in zip(requests, verdicts, strict=True):
        if verdict:
            print(f"right: POST {request.target} is signed by this key. {verdict.explanation}".removesuffix(". "))
        else:
            print(f"wrong ({verdict.mistake}): POST {request.target}: {verdict.explanation}")
    return 0 if all(verdicts) else FAILED


def _read(source: str) -> bytes:
    try:
        if source == "-":
            data = sys.stdin.buffer.read(MAX_CAPTURE_BYTES + 1)
        else:
            with Path(source).open("rb") as file:
                data = file.read(MAX_CAPTURE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{source}: cannot be read: {error.strerror}") from error
    if len(data) > MAX_CAPTURE_BYTES:
        raise Failure(f"the capture is longer than {MAX_CAPTURE_BYTES} bytes")
    if not data.strip():
        raise Failure("the capture is empty")
    return data


def _public_key(options: argparse.Namespace) -> bytes:
    if options.public_key is None:
        import asyncio

        return asyncio.run(ask(find_endpoint(options), "GET", "callback_pub_key.pem"))
    try:
        return Path(options.public_key).read_bytes()
    except OSError as error:
        raise ConfigError(f"flag --public-key: {options.public_key}: cannot be read: {error.strerror}") from error
