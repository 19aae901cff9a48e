"""What the commands share that talk to a running emulator: where it is, and its own endpoints."""

import argparse
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from emulator.cli.command import Failure
from emulator.config import ConfigError

if TYPE_CHECKING:
    import aiohttp

DEFAULT_ENDPOINT = "http://127.0.0.1:8280"
TIMEOUT_SECONDS = 30


def add_endpoint_to(command: argparse.ArgumentParser) -> None:
    """Describe `--endpoint`."""
    command.add_argument(
        "--endpoint", metavar="URL", help=f"where the emulator is (OSS_ENDPOINT, else {DEFAULT_ENDPOINT})"
    )


def find_endpoint(options: argparse.Namespace) -> str:
    """The emulator's URL without a slash at its end: the flag's, else that of `OSS_ENDPOINT`, else the default.

    Raises:
        ConfigError: it is no http or https URL.
    """
    source = "OSS_ENDPOINT" if options.endpoint is None else "flag --endpoint"
    text: str = os.environ.get("OSS_ENDPOINT") or DEFAULT_ENDPOINT if options.endpoint is None else options.endpoint
    if "://" not in text:
        text = f"http://{text}"
    try:
        url = urlsplit(text)
        is_url = url.scheme in ("http", "https") and bool(url.hostname) and (url.port or 1) > 0
    except ValueError:
        is_url = False
    if not is_url or url.path.strip("/") or url.query:
        raise ConfigError(f"{source}: expected a URL like {DEFAULT_ENDPOINT}, got {text!r}")
    return text.rstrip("/")


@asynccontextmanager
async def open_session(endpoint: str, **options: Any) -> "AsyncIterator[aiohttp.ClientSession]":
    """An HTTP client whose failures to reach `endpoint` are one line."""
    import aiohttp

    try:
        async with aiohttp.ClientSession(**options) as session:
            yield session
    except aiohttp.ClientConnectionError as error:
        advice = "start one with `oss-emulator serve`, or say with --endpoint or OSS_ENDPOINT where it is"
        raise Failure(f"no emulator answers at {endpoint}: {_reason(error)}; {advice}") from error
    except TimeoutError as error:
        raise Failure(f"the emulator at {endpoint} does not answer in time") from error
    except aiohttp.ClientError as error:
        raise Failure(f"what answers at {endpoint} is no emulator: {error}") from error


def _reason(error: Exception) -> str:
    cause = getattr(error, "os_error", None) or error
    number = getattr(cause, "errno", None)  # asyncio's own text says less: "Connect call failed ('127.0.0.1', 1)"
    return os.strerror(number) if number and number > 0 else str(getattr(cause, "strerror", None) or cause)


async def ask(
    endpoint: str, method: str, path: str, *, token: str = "", query: Mapping[str, str] | None = None
) -> bytes:
    """The answer of one of the emulator's own endpoints, `path` being what follows `/_emulator/`.

    Raises:
        Failure: nobody answers, or it is a refusal; with its hint.
    """
    import aiohttp

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    async with (
        open_session(endpoint, timeout=timeout, headers=headers) as session,
        session.request(method, f"{endpoint}/_emulator/{path}", params=query, allow_redirects=False) as answer,
    ):
        body = await answer.read()
        if answer.status >= 300:
            raise Failure(f"the emulator at {endpoint} refuses: {_refusal(answer.status, body)}")
        return body


def _refusal(status: int, body: bytes) -> str:
    import msgspec

    try:
        fields = msgspec.json.decode(body, type=dict[str, str])
    except msgspec.DecodeError:
        return f"HTTP {status}"
    return f"{fields.get('error', f'HTTP {status}')} {fields.get('hint', '')}".strip()
