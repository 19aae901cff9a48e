"""`oss-emulator expand`: a callback and its variables in, the request that would be sent out. No server, no network."""

import argparse
import base64
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.cli.command import FAILED, Commands
from emulator.clock import Clock
from emulator.config import Config
from emulator.errors import InvalidArgument

if TYPE_CHECKING:
    from emulator.callback.spec import CallbackSpec
    from emulator.callback.template import Value

# The upload that is told about where --set says nothing: five bytes, "test" and a line feed.
SAMPLE: "dict[str, Value]" = {
    "bucket": "examplebucket",
    "object": "exampleobject.txt",
    "etag": "D8E8FCA2DC0F896FD7CB4CB0031BA249",
    "size": 5,
    "mimeType": "text/plain",
    "imageInfo.height": None,
    "imageInfo.width": None,
    "imageInfo.format": None,
    "crc64": 16633938635979353501,
    "contentMd5": "2Oj8otwPiW/Xy0ywAxuiSQ==",
    "vpcId": None,
    "clientIp": "127.0.0.1",
    "reqId": "66399AA50F1E2D3C4B5A6978",
    "operation": "PutObject",
}
UNSIGNED = "<signature>"


def add_to(commands: Commands) -> None:
    """Describe the command."""
    text = "print the request that a callback would send; no server needed"
    command = commands.add_parser("expand", help=text, description=text)
    command.set_defaults(run=run)
    command.add_argument("--callback", required=True, metavar="JSON", help="the callback, as JSON or base64")
    command.add_argument("--callback-var", metavar="JSON", help="the custom variables, as JSON or base64")
    command.add_argument(
        "--set",
        dest="values",
        action="append",
        default=[],
        type=_assignment,
        metavar="NAME=VALUE",
        help=f"a variable's value; repeatable. Names: {', '.join(SAMPLE)}, x:...",
    )
    command.add_argument(
        "--key",
        type=_file,
        metavar="FILE",
        help="RSA key (PEM) to sign with; an emulator's is oss-data/callback_key.pem",
    )
    command.add_argument("--profile", choices=("dev", "real"), default="dev", help="real refuses what OSS refuses")


def run(options: argparse.Namespace) -> int:
    """Print the request; or OSS's refusal and its explanation, as a failure."""
    import asyncio

    from emulator.callback.spec import parse_callback

    config = Config(profile=options.profile)
    try:
        spec = parse_callback(
            _base64(options.callback),
            _callback_var(options.callback_var, dict(options.values)),
            empty_url=config.callback.empty_url,
            is_strict=config.is_strict,
        )
    except InvalidArgument as error:
        print(f"400 {error.code}: {error.message}", f"hint: {error.hint}", sep="\n", file=sys.stderr)
        return FAILED
    if spec is None:
        print("No callback would be sent: there is no callbackUrl.", file=sys.stderr)
        return FAILED
    values = SAMPLE | dict(options.values) | spec.variables
    print(asyncio.run(_request(spec, values, options.key, config)))
    for warning in spec.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for url in spec.urls[1:]:
        print(f"note: if that fails, the same goes to {url.text}", file=sys.stderr)
    return 0


async def _request(spec: "CallbackSpec", values: "dict[str, Value]", key: Path | None, config: Config) -> str:
    """The request to the first URL: its line, headers and body."""
    from emulator.callback.head import PUBLIC_KEY_PATH, request_headers
    from emulator.callback.signature import Signer, string_to_sign

    url = spec.urls[0]
    body = spec.body.expand(values, spec.encoding)
    headers = request_headers(
        spec,
        url,
        body,
        bucket=str(values["bucket"]),
        request_id=str(values["reqId"]),
        account_id=config.auth.account_id,
        public_key_url=f"http://127.0.0.1:{config.server.port}{PUBLIC_KEY_PATH}",
        authorization=await Signer(key).sign(string_to_sign(url.target, body)) if key else UNSIGNED,
        host_includes_port=config.callback.host_includes_port,
        now=Clock().now(),
    )
    head = "\n".join((f"POST {url.target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)))
    return f"{head}\n\n{body.decode('utf-8', 'backslashreplace')}"


def _callback_var(text: str | None, values: "dict[str, Value]") -> str | None:
    """The custom variables of both arguments. What cannot be read is left as it is: the refusal will say why."""
    custom = {name: value for name, value in values.items() if name.startswith("x:")}
    if text is None:
        return _base64(json.dumps(custom)) if custom else None
    encoded = _base64(text)
    try:
        return _base64(json.dumps(json.loads(base64.b64decode(encoded)) | custom)) if custom else encoded
    except (ValueError, TypeError, RecursionError):
        return encoded


def _base64(text: str) -> str:
    """A parameter as clients send it; JSON begins with a character that base64 does not have."""
    if text.lstrip().startswith(("{", "[", '"')):
        return base64.b64encode(text.encode("utf-8", "surrogateescape")).decode()
    return text


def _assignment(text: str) -> "tuple[str, Value]":
    """`name=value`, where the name is a variable's and the value fits it; nothing stands for no value."""
    from emulator.callback.template import NUMERIC_VARIABLES

    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"expected name=value, got {text!r}")
    if name not in SAMPLE and not name.startswith("x:"):
        raise argparse.ArgumentTypeError(f"there is no variable {name!r}; there are {', '.join(SAMPLE)} and x:...")
    if name not in NUMERIC_VARIABLES:
        return name, value
    if value and not (value.isascii() and value.isdigit()):
        raise argparse.ArgumentTypeError(f"{name} is a whole number, got {value!r}")
    return name, int(value) if value else None


def _file(text: str) -> Path:
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text!r}")
    return Path(text)
