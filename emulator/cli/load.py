"""`oss-emulator load`: a folder's files become objects of a running emulator."""

import argparse
import os
import stat
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from emulator.cli.command import Commands
from emulator.cli.transfer import (
    Outcome,
    Problem,
    add_options_to,
    is_same,
    move_all,
    open_bucket,
    parse_directory,
    parse_place,
)

if TYPE_CHECKING:
    from aiofiles.threadpool.binary import AsyncBufferedReader

    from emulator.cli.bucket import Bucket
    from emulator.cli.progress import Progress

PIECE_BYTES = 1024 * 1024

# The most that OSS takes in one PutObject, the parts that a longer file goes in, and how many it may have.
MAX_PUT_BYTES = 5 * 1024**3
PART_BYTES = 256 * 1024**2
MAX_PARTS = 10_000

# The most that OSS takes in one PutObject, the parts that a longer file goes in, and how many it may have.
MAX_PUT_BYTES = 5 * 1024**3
PART_BYTES = 256 * 1024**2
MAX_PARTS = 10_000


class Source(msgspec.Struct, frozen=True):
    """A file to load, and the key that it gets."""

    path: Path
    key: str
    size: int


def add_to(commands: Commands) -> None:
    """Describe the command."""
    text = "load the files of a folder into a bucket; what is there already is left alone"
    command = commands.add_parser("load", help=text, description=text)
    command.set_defaults(run=run)
    command.add_argument("directory", type=parse_directory, metavar="DIR", help="the folder")
    command.add_argument("place", type=parse_place, metavar="oss://BUCKET/PREFIX", help="the prefix is a folder")
    add_options_to(command)


def run(options: argparse.Namespace) -> int:
    """Load, and say how it went."""
    import asyncio

    return asyncio.run(_load(options))


async def _load(options: argparse.Namespace) -> int:
    import asyncio

    import aiofiles
    import aiohttp

    sources, problems = await asyncio.to_thread(_sources, options.directory, options.place.prefix)
    async with open_bucket(options, options.place.bucket) as bucket:
        there = {listed.key: listed for listed in await bucket.list(options.place.prefix)}

        async def move(source: Source, progress: "Progress") -> Outcome:
            listed = there.get(source.key)
            if listed is not None and await is_same(source.path, listed, bucket):
                progress.add_bytes(source.size)
                return "unchanged"
            async with aiofiles.open(source.path, "rb") as file:
                reading = _Reading(file, progress)
                try:
                    stored = await (_put if source.size <= MAX_PUT_BYTES else _put_in_parts)(bucket, source, reading)
                except aiohttp.ClientError:
                    if reading.trouble is not None:
                        raise reading.trouble from None
                    raise
            if stored is not None and stored != reading.crc64:
                raise Problem("what was stored has another CRC-64 than what was sent")
            return "moved"

        return await move_all(
            sources,
            move,
            lambda source: str(source.path),
            verbs=("loading", "loaded"),
            total_bytes=sum(source.size for source in sources),
            jobs=options.jobs,
            problems=problems,
        )


class _Reading:
    """A file while it is sent. `crc64` is that of what was read so far; `trouble` says why no more could be: aiohttp
    would make it one of the connection."""

    def __init__(self, file: "AsyncBufferedReader", progress: "Progress") -> None:
        self._file = file
        self._progress = progress
        self.crc64 = 0
        self.trouble: Exception | None = None

    async def pieces(self, count: int) -> AsyncIterator[bytes]:
        """The next `count` bytes.

        Raises:
            Problem: there are fewer.
            OSError: they cannot be read.
        """
        from emulator.storage.digest import crc64

        try:
            while count:
                piece = await self._file.read(min(count, PIECE_BYTES))
                if not piece:
                    raise Problem("it became shorter while it was read")
                self.crc64 = crc64(piece, self.crc64)
                count -= len(piece)
                yield piece
                self._progress.add_bytes(len(piece))
        except (OSError, Problem) as error:
            self.trouble = error
            raise


async def _put(bucket: "Bucket", source: Source, reading: _Reading) -> int | None:
    from emulator.storage.adoption import guess_content_type

    return await bucket.put(source.key, reading.pieces(source.size), source.size, guess_content_type(source.key))


async def _put_in_parts(bucket: "Bucket", source: Source, reading: _Reading) -> int | None:
    from emulator.storage.adoption import guess_content_type

    upload_id = await bucket.begin_upload(source.key, guess_content_type(source.key))
    part_bytes = max(PART_BYTES, -(-source.size // MAX_PARTS))
    try:
        for number, start in enumerate(range(0, source.size, part_bytes), start=1):
            size = min(part_bytes, source.size - start)
            await bucket.put_part(source.key, upload_id, number, reading.pieces(size), size)
        return await bucket.complete_upload(source.key, upload_id)
    except BaseException:
        with suppress(Exception):  # what went wrong first is what is told
            await bucket.abort_upload(source.key, upload_id)
        raise


def _sources(directory: Path, prefix: str) -> tuple[list[Source], list[str]]:
    """Every file under `directory` in the order of the keys, and what cannot be loaded.

    A link to a file is that file; a link to a folder is not followed, for it may lead in a circle.
    """
    sources: list[Source] = []
    problems: list[str] = []

    def complain(error: OSError) -> None:
        problems.append(f"{error.filename!r}: {error.strerror}")

    for folder, folders, names in os.walk(directory, onerror=complain):
        problems += [f"{str(link)!r}: a link to a folder is not followed" for link in _links(Path(folder), folders)]
        for name in names:
            path = Path(folder, name)
            try:
                found = path.stat()
            except OSError as error:
                complain(error)
                continue
            if stat.S_ISREG(found.st_mode):
                sources.append(Source(path, prefix + path.relative_to(directory).as_posix(), found.st_size))
            else:
                problems.append(f"{str(path)!r}: it is no regular file")
    return sorted(sources, key=lambda source: source.key), problems


def _links(folder: Path, names: list[str]) -> list[Path]:
    return [folder / name for name in names if (folder / name).is_symlink()]
