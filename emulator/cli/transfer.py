"""What `load` and `export` share: their arguments, many objects at once, and how it went."""

import argparse
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec

from emulator.cli.command import FAILED, Failure
from emulator.cli.progress import Progress
from emulator.cli.remote import add_endpoint_to, find_endpoint, open_session

if TYPE_CHECKING:
    from emulator.cli.bucket import Bucket, Listed

DEFAULT_JOBS = 8
STALL_SECONDS = 60  # without a byte, an exchange is given up

Outcome = Literal["moved", "unchanged"]
Item = TypeVar("Item")


class Problem(Exception):
    """One object could not be moved; the others go on."""


class Place(msgspec.Struct, frozen=True):
    """`oss://BUCKET/PREFIX`. The prefix is a folder: empty, or with a slash at its end."""

    bucket: str
    prefix: str


def parse_place(text: str) -> Place:
    """Read `oss://BUCKET[/PREFIX]`, for argparse."""
    bucket, _, prefix = text.removeprefix("oss://").partition("/")
    if not text.startswith("oss://") or not bucket:
        raise argparse.ArgumentTypeError(f"expected oss://BUCKET/PREFIX, got {text!r}")
    return Place(bucket, prefix if not prefix or prefix.endswith("/") else f"{prefix}/")


def parse_directory(text: str) -> Path:
    """Read a folder that is there, for argparse."""
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text!r}")
    return Path(text)


def add_options_to(command: argparse.ArgumentParser) -> None:
    """Describe where the emulator is, which keys to sign with, and how many objects move at once."""
    add_endpoint_to(command)
    for flag, metavar, text in (
        ("--access-key-id", "ID", "OSS_ACCESS_KEY_ID, else emulator"),
        ("--access-key-secret", "SECRET", "OSS_ACCESS_KEY_SECRET, else emulator-secret"),
        ("--security-token", "TOKEN", "of temporary credentials (OSS_SESSION_TOKEN)"),
        ("--region", "REGION", "OSS_REGION, else cn-hangzhou"),
    ):
        command.add_argument(flag, metavar=metavar, help=text)
    command.add_argument("--jobs", type=_jobs, default=DEFAULT_JOBS, metavar="N", help="so many at once (8)")


def _jobs(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:4]) <= 256:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 256, got {text!r}")
    return int(text)


@asynccontextmanager
async def open_bucket(options: argparse.Namespace, name: str) -> "AsyncIterator[Bucket]":
    """The bucket, as the arguments and the environment say how to reach it."""
    import aiohttp

    from emulator.auth.signer import Credentials
    from emulator.cli.bucket import Bucket, Refused

    endpoint = find_endpoint(options)
    credentials = Credentials(
        id=options.access_key_id or os.environ.get("OSS_ACCESS_KEY_ID") or "emulator",
        secret=options.access_key_secret or os.environ.get("OSS_ACCESS_KEY_SECRET") or "emulator-secret",
        token=options.security_token or os.environ.get("OSS_SESSION_TOKEN") or "",
        region=(options.region or os.environ.get("OSS_REGION") or "cn-hangzhou").removeprefix("oss-"),
    )
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=STALL_SECONDS, sock_read=STALL_SECONDS)
    try:
        async with open_session(
            endpoint, timeout=timeout, auto_decompress=False, connector=aiohttp.TCPConnector(limit=options.jobs)
        ) as session:
            yield Bucket(session, endpoint, name, credentials)
    except Refused as error:
        raise Failure(f"oss://{name}: {error}") from error


async def move_all(
    items: Sequence[Item],
    move: Callable[[Item, Progress], Awaitable[Outcome]],
    name: Callable[[Item], str],
    *,
    verbs: tuple[str, str],
    total_bytes: int,
    jobs: int,
    problems: Sequence[str] = (),
) -> int:
    """Move `items`, `jobs` at once; say what failed and how it went; the exit status.

    `verbs` are such as ("loading", "loaded"). `problems` are failures that were seen before. An emulator that is gone
    ends it all: aiohttp's connection errors are not caught here.
    """
    import asyncio

    from emulator.cli.bucket import Refused

    progress = Progress(verbs[0], len(items), total_bytes)
    counts = {"moved": 0, "unchanged": 0, "failed": 0}
    waiting = iter(items)

    def complain(what: str) -> None:
        counts["failed"] += 1
        progress.say("oss-emulator: " + " ".join(what.encode("utf-8", "backslashreplace").decode().split()))

    async def work() -> None:
        for item in waiting:
            try:
                counts[await move(item, progress)] += 1
            except (Refused, Problem) as error:
                complain(f"{name(item)!r}: {error}")
            except OSError as error:
                import aiohttp

                if isinstance(error, aiohttp.ClientError | TimeoutError):
                    raise
                complain(f"{name(item)!r}: {error.strerror or error}")
            progress.finish_one()

    for problem in problems:
        complain(problem)
    workers = [asyncio.ensure_future(work()) for _ in range(jobs)]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        progress.close()
    print(f"{counts['moved']} {verbs[1]}, {counts['unchanged']} unchanged, {counts['failed']} failed")
    return FAILED if counts["failed"] else 0


async def is_same(file: Path, listed: "Listed", bucket: "Bucket") -> bool:
    """Whether a regular file has the very bytes of an object: by its MD5, or its CRC-64 where the ETag is no MD5."""
    import asyncio

    from emulator.storage.digest import digests_of_file

    def read() -> tuple[str, int] | None:
        with file.open("rb") as source:
            if os.fstat(source.fileno()).st_size != listed.size:
                return None
            found = digests_of_file(source.fileno())
            return found.etag, found.crc64

    found = await asyncio.to_thread(read)
    if found is None:
        return False
    etag, crc64 = found
    return listed.etag == etag or ("-" in listed.etag and crc64 == await bucket.crc64(listed.key))
