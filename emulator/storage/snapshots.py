"""Snapshots: the whole state under a name, to come back to. They lie in the data directory and survive a restart.

A snapshot is a copy of the index and a second name for every blob: no byte is moved, but of appendable objects, which
grow in place. Both taking and restoring are one job of the writer, so they see no change half made. Restoring gives
every blob a new id; what was there before goes when nobody can ask for it any more. A reader sees the old state or the
new one, never some of each: the readers' connection stands still until all of it is there.
"""

import asyncio
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

import msgspec

from emulator.clock import Clock
from emulator.model import Bucket
from emulator.storage.blobs import sync_path
from emulator.storage.directory import DataDirectory
from emulator.storage.index import Index
from emulator.storage.schema import migrate
from emulator.storage.writer import Batch, Job, Writer

MAX_SNAPSHOTS = 100

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")

# How long the writer waits for the event loop to let its readers stand still, in seconds.
_LOOP_SECONDS = 30


class SnapshotError(Exception):
    """A snapshot that there cannot be. The message is one line."""


class NoSuchSnapshot(SnapshotError):
    """There is no snapshot of this name."""


class Snapshot(msgspec.Struct, frozen=True):
    """A snapshot as it is listed: when it was taken, by the emulator's clock, and how much it holds."""

    name: str
    taken: datetime
    buckets: int
    objects: int


class Snapshots:
    """The snapshots of a store. In the event loop."""

    def __init__(
        self,
        directory: DataDirectory,
        index: Index,
        writer: Writer,
        clock: Clock,
        *,
        forget: Callable[[], None],
        acknowledge: Callable[[Sequence[Bucket]], None],
        unsettle: Callable[[], None],
        later: Callable[[Callable[[], None]], object],
    ) -> None:
        """`index` is the readers' connection.

        `forget` follows a restore at once, in the writer thread: where parts lie is not where they lay.
        `acknowledge` is told of the buckets there are after a restore; `unsettle`, that links may be missing; `later`
        does what nobody waits for.
        """
        self._folder = directory.folder / "snapshots"
        self._directory = directory
        self._index = index
        self._writer = writer
        self._clock = clock
        self._forget = forget
        self._acknowledge = acknowledge
        self._unsettle = unsettle
        self._later = later
        self._is_safe = directory.durability == "power"
        for replaced in self._folder.glob(f"*{_REPLACED}"):  # a kill came while one took another's place
            self._settle(replaced.with_name(replaced.name.removesuffix(_REPLACED)))

    def list(self) -> list[Snapshot]:
        """All snapshots by name."""
        if not self._folder.is_dir():
            return []
        folders = sorted(folder for folder in self._folder.iterdir() if _NAME.match(folder.name))
        return [_read_info(folder) for folder in folders if (folder / _INFO).exists()]

    def find(self, name: str) -> Snapshot:
        """The snapshot of this name.

        Raises:
            NoSuchSnapshot: there is none.
        """
        return _read_info(self._existing(name))

    async def take(self, name: str) -> Snapshot:
        """Keep the present state as `name`, in place of the one of this name.

        Raises:
            SnapshotError: the name is none, or there are too many snapshots.
            InsufficientStorage: the disk is full.
        """
        folder = self._path(name)
        if not folder.exists() and len(self.list()) >= MAX_SNAPSHOTS:
            raise SnapshotError(f"there are {MAX_SNAPSHOTS} snapshots already")
        blobs = self._directory.blobs
        staged, aside = Path(blobs.staging_path()), Path(blobs.staging_path())
        replaced = folder.with_name(folder.name + _REPLACED)
        info = Snapshot(name, self._clock.now_in_milliseconds(), 0, 0)

        def apply(batch: Batch) -> Snapshot:
            (staged / "blobs").mkdir(parents=True)
            for blob in batch.index.snapshots.kept_blobs():
                with suppress(FileNotFoundError):  # somebody has taken it out of `blobs/`
                    blobs.keep(blob.id, os.fspath(staged / "blobs" / blob.id), blob.grown_to)
            batch.index.snapshots.copy_to(staged / _INDEX)
            filled = msgspec.structs.replace(
                info, buckets=len(batch.index.buckets()), objects=batch.index.totals.count()
            )
            (staged / _INFO).write_bytes(msgspec.json.encode(filled))
            self._sync(staged / _INDEX, staged / _INFO, staged / "blobs", staged)
            self._folder.mkdir(exist_ok=True)
            with suppress(FileNotFoundError):
                folder.rename(replaced)
            staged.rename(folder)
            self._sync(self._folder, self._directory.folder)
            with suppress(FileNotFoundError):
                replaced.rename(aside)
            return filled

        def abandon() -> None:
            self._settle(folder)
            shutil.rmtree(staged, ignore_errors=True)

        taken = await self._writer.do(Job(apply, abandon=abandon, is_alone=True))
        self._later(lambda: shutil.rmtree(aside, ignore_errors=True))
        return taken

    async def restore(self, name: str) -> Snapshot:
        """Make the state what it was when `name` was taken. Uploads that are under way go on, and are committed to it.

        Raises:
            NoSuchSnapshot: there is none.
            InsufficientStorage: the disk is full; the state is what it was.
        """
        folder = self._existing(name)
        blobs, tree = self._directory.blobs, self._directory.tree
        index = self._directory.index
        aside = blobs.staging_path()
        new_ids: dict[str, str] = {}
        unneeded: list[str] = []
        restored: list[Bucket] = []
        loop = asyncio.get_running_loop()

        def prepare() -> None:
            with closing(sqlite3.connect(folder / _INDEX, isolation_level=None)) as connection:
                migrate(connection)
            index.snapshots.attach(folder / _INDEX)
            for blob in index.snapshots.attached_blobs():
                new_ids[blob.id] = blobs.new_id()
                with suppress(FileNotFoundError):
                    blobs.bring_back(os.fspath(folder / "blobs" / blob.id), new_ids[blob.id], blob.grown_to)
            asyncio.run_coroutine_threadsafe(self._stand_still(), loop).result(_LOOP_SECONDS)

        def apply(batch: Batch) -> Snapshot:
            unneeded.extend(batch.index.blobs())
            batch.index.snapshots.become_attached(new_ids)
            restored.extend(batch.index.buckets())
            tree.put_aside(aside)
            for bucket in restored:
                for row in batch.index.blobs_by_key(bucket.name):
                    batch.shown[bucket.name, row.key] = row.blob
            return _read_info(folder)

        def finish() -> None:
            index.snapshots.detach()
            self._forget()
            for bucket in restored:
                tree.make_bucket(bucket.name)

        def abandon() -> None:
            loop.call_soon_threadsafe(self._index.snapshots.go_on)
            index.snapshots.detach()
            self._unsettle()
            for blob in new_ids.values():
                blobs.remove(blob)

        def acknowledge() -> None:
            self._index.snapshots.go_on()
            self._acknowledge(restored)

        def remove() -> None:
            shutil.rmtree(aside, ignore_errors=True)
            blobs.remove_all(unneeded)

        job = Job(apply, prepare=prepare, finish=finish, abandon=abandon, acknowledge=acknowledge, is_alone=True)
        snapshot = await self._writer.do(job)
        self._later(remove)
        return snapshot

    async def drop(self, name: str) -> None:
        """Forget `name`.

        Raises:
            NoSuchSnapshot: there is none.
        """
        folder = self._existing(name)
        aside = Path(self._directory.blobs.staging_path())

        def apply(_: Batch) -> None:  # nobody restores it just now
            folder.rename(aside)
            self._sync(self._folder)

        await self._writer.do(Job(apply, is_alone=True))
        self._later(lambda: shutil.rmtree(aside, ignore_errors=True))

    def _sync(self, *paths: Path) -> None:
        """Make files and folders outlive a power cut, if that was asked for."""
        if self._is_safe:
            for path in paths:
                sync_path(os.fspath(path))

    def _settle(self, folder: Path) -> None:
        """Bring back what was at `folder` if nothing has taken its place; else let it go."""
        replaced = folder.with_name(folder.name + _REPLACED)
        if folder.exists():
            shutil.rmtree(replaced, ignore_errors=True)
        elif replaced.exists():
            replaced.rename(folder)

    async def _stand_still(self) -> None:
        self._index.snapshots.stand_still()

    def _existing(self, name: str) -> Path:
        folder = self._path(name)
        if not (folder / _INFO).exists():
            raise NoSuchSnapshot(f"there is no snapshot {name!r}")
        return folder

    def _path(self, name: str) -> Path:
        if not _NAME.match(name):
            raise SnapshotError(
                f"{name!r} is no name for a snapshot: it takes 1 to 64 letters, digits, dots, hyphens and underscores, "
                "of which the first is a letter or a digit"
            )
        return self._folder / name


_INDEX = "index.sqlite"
_INFO = "snapshot.json"
_REPLACED = "~"  # behind the name of what another one takes the place of; no name ends so


def _read_info(folder: Path) -> Snapshot:
    return msgspec.json.decode((folder / _INFO).read_bytes(), type=Snapshot)
