"""The bytes of objects: files that are written once, under names that say nothing of the keys.

An appendable object's is the exception: it grows, and its row says how much of it counts.

A blob's id is `3f-1a-c3f`: the folder (the low byte of the counter), the run that wrote it and a counter, in hex.
Because an id carries its run, litter of earlier runs can be swept while this run writes. What an id belongs to is the
index's business.
"""

import errno
import io
import itertools
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from emulator.errors import InsufficientStorage
from emulator.model import Part
from emulator.storage.copying import copy_bytes, write_bytes
from emulator.storage.digest import Digests, digests_of_file

# Nobody may write to a blob: its links in the tree share the mode, and an editor that respects it makes a new file.
MODE = 0o444

# But an appendable object's, which grows in place, and an assembly, to which the parts of an upload are written.
GROWING_MODE = 0o644

_FULL = {errno.ENOSPC, errno.EDQUOT}


class Blob(io.FileIO):
    """A blob opened for reading. Whoever holds it reads this version, whatever happens to the key meanwhile."""


class BlobWriter:
    """A file being written, with nobody's eyes on it yet: a new one, or one that is there from a position on."""

    def __init__(self, path: str, *, fsync: bool, position: int | None = None, mode: int = MODE) -> None:
        self.path = path
        self._fsync = fsync
        how = os.O_CREAT | os.O_EXCL if position is None else 0
        self._fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | how, mode)
        if position:
            os.lseek(self._fd, position, os.SEEK_SET)

    def write(self, data: bytes) -> None:
        """Append `data`, all of it.

        Raises:
            OSError: the disk is full, or broken.
        """
        write_bytes(self._fd, data)

    def fileno(self) -> int:
        """The descriptor to write to."""
        return self._fd

    def finish(self) -> int:
        """Close the file, safe on disk if that was asked for; its modification time in nanoseconds."""
        if self._fsync:
            os.fsync(self._fd)
        modified = os.fstat(self._fd).st_mtime_ns
        self.close()
        return modified

    def close(self) -> None:
        """Close the file as it is."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def discard(self) -> None:
        """Close the file and take it away."""
        self.close()
        remove_file(self.path)


class Blobs:
    """The folders `blobs/` and `staging/` of a data directory, as the run with number `run` uses them."""

    def __init__(self, folder: Path, *, run: int, fsync: bool) -> None:
        self._blobs = os.fspath(folder / "blobs")
        self._staging = os.fspath(folder / "staging")
        self._run = f"{run:x}"
        self._fsync = fsync
        self._counter = itertools.count()
        for path in (self._blobs, self._staging):
            Path(path).mkdir(exist_ok=True)

    def new_id(self) -> str:
        """An id that no blob has had."""
        number = next(self._counter)
        return f"{number & 0xFF:02x}-{self._run}-{number:x}"

    def path(self, blob: str) -> str:
        """Where the blob with the id `blob` lies."""
        return f"{self._blobs}/{blob[:2]}/{blob}"

    def open(self, blob: str) -> Blob:
        """The blob with the id `blob`.

        Raises:
            FileNotFoundError: it has been replaced or deleted, or is not yet there.
        """
        return Blob(self.path(blob))

    def stage(self) -> BlobWriter:
        """A new file in `staging/`, to be moved in or removed."""
        return BlobWriter(self.staging_path(), fsync=self._fsync)

    def staging_path(self) -> str:
        """A free name in `staging/`."""
        return f"{self._staging}/{self._run}-{next(self._counter):x}"

    def write(self, blob: str, data: bytes) -> int:
        """Make the blob `blob` of `data`; its modification time in nanoseconds. A failure leaves nothing behind."""
        writer = self._create(blob, MODE)
        try:
            writer.write(data)
            modified = writer.finish()
        except BaseException:
            writer.discard()
            raise
        self.sync_name(blob)
        return modified

    def make_assembly(self, blob: str) -> None:
        """Make the empty blob `blob`, to which `open_assembly` writes until `freeze`."""
        self._create(blob, GROWING_MODE).close()

    def open_assembly(self, blob: str, position: int) -> BlobWriter:
        """What writes to the blob `blob` from `position` on.

        Raises:
            FileNotFoundError: it is not there any more.
        """
        return BlobWriter(self.path(blob), fsync=self._fsync, position=position)

    def freeze(self, blob: str) -> None:
        """Let nobody write to the blob `blob` any more: it was an assembly and is an object's."""
        Path(self.path(blob)).chmod(MODE)

    def _create(self, blob: str, mode: int) -> BlobWriter:
        path = self.path(blob)
        try:
            return BlobWriter(path, fsync=self._fsync, mode=mode)
        except FileNotFoundError:
            self.make_folder(blob)
            return BlobWriter(path, fsync=self._fsync, mode=mode)

    def stage_link(self, blob: str) -> str:
        """A second name in `staging/` for the blob `blob`: the same bytes, and none is moved; the path.

        Raises:
            OSError: it is not there any more, or it has as many names as the file system allows.
        """
        path = self.staging_path()
        os.link(self.path(blob), path)
        return path

    def stage_copy(self, file: int, offset: int, count: int) -> str:
        """A finished file in `staging/` that holds `count` bytes of the open file `file` from `offset` on; its path."""
        return self._stage(lambda target: copy_bytes(file, offset, target, 0, count))

    def stage_joined(self, parts: Sequence[Part]) -> str:
        """A finished file in `staging/` that holds the bytes of `parts` one after the other; its path.

        A blob that is all of them only gets a second name, where the file system gives one.

        Raises:
            FileNotFoundError: one of them is not there any more.
        """

        def fill(target: int) -> None:
            size = 0
            for part in parts:
                with self.open(part.blob) as file:
                    copy_bytes(file.fileno(), part.position, target, size, part.size)
                size += part.size

        if len(parts) == 1 and self._is_whole(parts[0]):
            with suppress(OSError):
                return self.stage_link(parts[0].blob)
        return self._stage(fill)

    def _is_whole(self, part: Part) -> bool:
        """Whether `part` is a blob of its own, and not some bytes of an assembly."""
        found = self.stat(part.blob)
        return found is not None and not found.st_mode & stat.S_IWUSR

    def _stage(self, fill: Callable[[int], None]) -> str:
        writer = self.stage()
        try:
            fill(writer.fileno())
            writer.finish()
        except BaseException:
            writer.discard()
            raise
        return writer.path

    def let_grow(self, blob: str) -> None:
        """Let the blob `blob`, an appendable object's, be written to by `grow`, and by whoever finds it in the tree."""
        Path(self.path(blob)).chmod(GROWING_MODE)

    def grow(self, blob: str, size: int, fill: Callable[[int], None]) -> None:
        """Cut the blob `blob` off at `size`, where its object ends, and let `fill` write behind that to the open file.

        Raises:
            FileNotFoundError: it is not there any more, or some of its bytes are not.
        """
        fd = os.open(self.path(blob), os.O_WRONLY | os.O_CLOEXEC)
        try:
            if os.fstat(fd).st_size < size:
                raise FileNotFoundError(errno.ENOENT, "The blob is shorter than its object", blob)
            os.ftruncate(fd, size)
            fill(fd)
            if self._fsync:
                os.fsync(fd)
        finally:
            os.close(fd)

    def cut(self, blob: str, size: int) -> None:
        """Cut off what the blob `blob` has beyond `size` bytes."""
        found = self.stat(blob)
        if found and found.st_size > size:
            self.grow(blob, size, lambda _: None)

    def move_in(self, blob: str, staged: str) -> int:
        """Make the finished file `staged` the blob `blob`; its modification time in nanoseconds."""
        path = self.path(blob)
        try:
            Path(staged).rename(path)
        except FileNotFoundError:
            self.make_folder(blob)
            Path(staged).rename(path)
        self.sync_name(blob)
        return Path(path).stat().st_mtime_ns

    def stat(self, blob: str) -> os.stat_result | None:
        """What the blob's file is, if it is there."""
        try:
            return Path(self.path(blob)).stat()
        except FileNotFoundError:
            return None

    def keep(self, blob: str, path: str, grown_to: int | None) -> None:
        """Give the blob `blob` the second name `path`; of one that grows, copy the first `grown_to` bytes there.

        Raises:
            FileNotFoundError: it is not there any more.
        """
        _double(self.path(blob), path, grown_to, fsync=self._fsync)

    def bring_back(self, path: str, blob: str, grown_to: int | None) -> None:
        """Make the new blob `blob` of what `keep` has left at `path`, and leave that there.

        Raises:
            FileNotFoundError: it is not there.
        """
        self.make_folder(blob)
        _double(path, self.path(blob), grown_to, fsync=self._fsync)
        if grown_to is not None:
            self.let_grow(blob)
        self.sync_name(blob)

    def measure(self, blob: str) -> Digests:
        """The digests of a blob whose bytes came by another way than `write` or `move_in`; safe on disk, as theirs."""
        with self.open(blob) as file:
            if self._fsync:
                os.fsync(file.fileno())
                self.sync_name(blob)
            return digests_of_file(file.fileno())

    def measure_staged(self, path: str) -> Digests:
        """The digests of the finished file `path` in `staging/`."""
        with Blob(path) as file:
            return digests_of_file(file.fileno())

    def make_folder(self, blob: str) -> None:
        """Make the folder of the blob `blob`, if it is not there."""
        Path(self._blobs, blob[:2]).mkdir(exist_ok=True)
        if self._fsync:
            sync_path(self._blobs)

    def remove(self, blob: str) -> None:
        """Take away the blob `blob`; whoever has it open keeps it."""
        remove_file(self.path(blob))

    def remove_all(self, blobs: Iterable[str]) -> None:
        """Take them away; one that cannot be is left to the next sweep."""
        for blob in blobs:
            with suppress(OSError):
                self.remove(blob)

    def put_aside(self) -> str:
        """Leave `blobs/` empty in one step; where the old one now waits to be removed."""
        aside = self.staging_path()
        Path(self._blobs).rename(aside)
        Path(self._blobs).mkdir()
        return aside

    def left_staged(self) -> list[str]:
        """What earlier runs have left in `staging/`: files, and whole folders that were put aside."""
        with os.scandir(self._staging) as entries:
            return [entry.path for entry in entries if not entry.name.startswith(f"{self._run}-")]

    def unreferenced(self, referenced: Iterable[str]) -> Iterator[str]:
        """The ids of earlier runs' blobs that are not in `referenced`, which comes sorted. Memory: a folder's names."""
        needed = iter(referenced)
        next_needed = next(needed, None)
        for blob in self._of_earlier_runs():
            while next_needed is not None and next_needed < blob:
                next_needed = next(needed, None)
            if blob != next_needed:
                yield blob

    def _of_earlier_runs(self) -> Iterator[str]:
        """Sorted: an id begins with its folder's name."""
        for folder in _names(self._blobs):
            for name in _names(f"{self._blobs}/{folder}"):
                parts = name.split("-")
                if len(parts) == 3 and parts[0] == folder and parts[1] != self._run:
                    yield name

    def sync_name(self, blob: str) -> None:
        """Make the name of the blob `blob` outlive a power cut, if that was asked for."""
        if self._fsync:
            sync_path(f"{self._blobs}/{blob[:2]}")


def _double(source: str, target: str, grown_to: int | None, *, fsync: bool) -> None:
    """Give the file `source` the second name `target`; where that cannot be, or only some bytes are wanted, copy it."""
    if grown_to is None:
        try:
            os.link(source, target)
        except FileNotFoundError:
            raise
        except OSError:  # no links here, or as many as there may be
            pass
        else:
            return
    with Blob(source) as file:
        found = os.fstat(file.fileno())
        writer = BlobWriter(target, fsync=fsync)
        try:
            copy_bytes(file.fileno(), 0, writer.fileno(), 0, found.st_size if grown_to is None else grown_to)
            os.utime(writer.fileno(), ns=(found.st_atime_ns, found.st_mtime_ns))  # by which its row knows it
            writer.finish()
        finally:
            writer.close()


def _names(folder: str) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries)


def sync_path(path: str) -> None:
    """Make the file `path`, or what was made and removed in the folder `path`, outlive a power cut."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def remove_file(path: str) -> None:
    """Take the file `path` away if it is there."""
    Path(path).unlink(missing_ok=True)


def is_full(error: OSError) -> bool:
    """Whether `error` says that the disk, or the user's share of it, is full."""
    return error.errno in _FULL


def insufficient_storage(error: Exception) -> InsufficientStorage:
    """The refusal of an upload for which there is no room."""
    return InsufficientStorage(
        hint=f"Writing below the data directory failed: {error}. Nothing was stored and what was there is untouched; "
        "make room on that disk, or put the data directory (--data-dir) on another one."
    )


@contextmanager
def telling_full_disk() -> Iterator[None]:
    """Let an error that says that the disk is full leave as `InsufficientStorage`."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise insufficient_storage(error) from error
        raise
