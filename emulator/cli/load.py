"""`oss-emulator load`: a folder's files become objects of a running emulator."""

import argparse
import os
import stat
from collections.abc import AsyncIterator
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
    from emulator.cli.progress import Progress

PIECE_BYTES = 1024 * 1024


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

    import aiohttp

    from emulator.storage.adoption import guess_content_type
    from emulator.storage.digest import crc64

    sources, problems = await asyncio.to_thread(_sources, options.directory, options.place.prefix)
    async with open_bucket(options, options.place.bucket) as bucket:
        there = {listed.key: listed for listed in await bucket.list(options.place.prefix)}

        async def move(source: Source, progress: "Progress") -> Outcome:
            listed = there.get(source.key)
            if listed is not None and await is_same(source.path, listed, bucket):
                progress.add_bytes(source.size)
                return "unchanged"
            crc = 0
            trouble: Exception | None = None  # of the file: aiohttp would make it one of the connection

            async def pieces() -> AsyncIterator[bytes]:
                nonlocal crc, trouble
                left = source.size
                try:
                    while left:
                        piece = await asyncio.to_thread(file.read, min(left, PIECE_BYTES))
                        if not piece:
                            raise Problem("it became shorter while it was read")
                        crc = crc64(piece, crc)
                        left -= len(piece)
                        yield piece
                        progress.add_bytes(len(piece))
                except (OSError, Problem) as error:
                    trouble = error
                    raise

            with await asyncio.to_thread(source.path.open, "rb") as file:
                try:
                    stored = await bucket.put(source.key, pieces(), source.size, guess_content_type(source.key))
                except aiohttp.ClientError:
                    if trouble is not None:
                        raise trouble from None
                    raise
            if stored is not None and stored != crc:
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
