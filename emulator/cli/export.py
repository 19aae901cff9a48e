"""`oss-emulator export`: objects of a running emulator become files of a folder.

A key is data, and anybody may have made it: one that would lead out of the folder, or that no file name spells, is
reported and left where it is.
"""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.cli.command import Commands, Failure
from emulator.cli.transfer import Outcome, Problem, add_options_to, is_same, move_all, open_bucket, parse_place

if TYPE_CHECKING:
    import tempfile

    from emulator.cli.bucket import Listed
    from emulator.cli.progress import Progress

MAX_NAME_BYTES = 255


def add_to(commands: Commands) -> None:
    """Describe the command."""
    text = "write the objects of a bucket as files of a folder; what is there already is left alone"
    command = commands.add_parser("export", help=text, description=text)
    command.set_defaults(run=run)
    command.add_argument("place", type=parse_place, metavar="oss://BUCKET/PREFIX", help="the prefix is a folder")
    command.add_argument("directory", type=Path, metavar="DIR", help="the folder; made if it is missing")
    add_options_to(command)


def run(options: argparse.Namespace) -> int:
    """Export, and say how it went."""
    import asyncio

    return asyncio.run(_export(options))


async def _export(options: argparse.Namespace) -> int:
    import aiofiles.tempfile

    from emulator.storage.digest import crc64

    prefix = options.place.prefix
    async with open_bucket(options, options.place.bucket) as bucket:
        objects = await bucket.list(prefix)
        with _staging(options.directory) as staging_name:
            root, staging = options.directory.resolve(), Path(staging_name)

            async def move(listed: "Listed", progress: "Progress") -> Outcome:
                name = listed.key.removeprefix(prefix)
                if name == "" or name.endswith("/"):
                    if listed.size:
                        raise Problem("it ends with a slash but has content, so it is neither a file nor a folder")
                    _folder(root, name[:-1])
                    return "moved"
                path = _path(root, name)
                if path.is_file() and not path.is_symlink() and await is_same(path, listed, bucket):
                    progress.add_bytes(listed.size)
                    return "unchanged"
                crc = 0
                async with aiofiles.tempfile.NamedTemporaryFile("wb", dir=staging, delete=False) as file:

                    async def take(piece: bytes) -> None:
                        nonlocal crc
                        crc = crc64(piece, crc)
                        await file.write(piece)
                        progress.add_bytes(len(piece))

                    expected = await bucket.get(listed.key, take)
                if expected is not None and expected != crc:
                    raise Problem("what came has another CRC-64 than what is stored")
                _put_in_place(Path(str(file.name)), path)
                return "moved"

            return await move_all(
                objects,
                move,
                lambda listed: listed.key,
                verbs=("exporting", "exported"),
                total_bytes=sum(listed.size for listed in objects),
                jobs=options.jobs,
            )


def _staging(directory: Path) -> "tempfile.TemporaryDirectory[str]":
    """A folder for what is not whole yet, on the same file system."""
    import tempfile

    try:
        directory.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(dir=directory, prefix=".oss-emulator-")
    except OSError as error:
        raise Failure(f"{directory}: cannot be written to: {error.strerror}") from error


def _put_in_place(staged: Path, path: Path) -> None:
    """Make a whole file visible; a link that stands there is replaced, not followed."""
    staged.chmod(0o644)
    staged.replace(path)


def _path(root: Path, name: str) -> Path:
    """The file of a key, its folder being there."""
    folder, _, last = name.rpartition("/")
    _check_name(last)
    path = _folder(root, folder) / last
    if path.is_dir() and not path.is_symlink():
        raise Problem("a folder of that name is in the way")
    return path


def _folder(root: Path, name: str) -> Path:
    """The folder under `root`, made if it is missing; a link on the way is not followed."""
    folder = root
    for step in name.split("/") if name else ():
        _check_name(step)
        folder = folder / step
        if folder.is_symlink():
            raise Problem(f"{str(folder)!r} is a link, which could lead anywhere")
        try:
            folder.mkdir(exist_ok=True)
        except FileExistsError:
            raise Problem(f"a file is in the way at {str(folder)!r}") from None
    return folder


def _check_name(step: str) -> None:
    if step in ("", ".", "..") or "\0" in step or (os.sep != "/" and os.sep in step):
        raise Problem("no file name spells this key")
    if len(os.fsencode(step)) > MAX_NAME_BYTES:
        raise Problem("a file name of it is too long")
