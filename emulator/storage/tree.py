"""The tree `buckets/BUCKET/KEY`: every object under its name, as a hard link to its blob, for people and other tools.

It shows and never decides: the index and the blobs are the truth. A key that the file system cannot spell (an empty
segment, `.` or `..`, NUL, a segment over 255 bytes, a key below a key that is a file) is simply not in it.

This is the only place where a key becomes a path. Folders are opened one segment at a time and no symbolic link is ever
followed, so that whatever people put into the tree, nothing outside is read or written.
"""

import contextlib
import errno
import fnmatch
import logging
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from emulator.storage.blobs import MODE

logger = logging.getLogger(__name__)

MAX_SEGMENT_BYTES = 255

# What an adopted key may not be: OSS takes at most 1,023 bytes, and none that begins with a backslash (or a slash).
MAX_KEY_BYTES = 1023

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOTHING_THERE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG}
_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.ENOSYS}

# What programs leave for a while beside the files they edit, copy or show. A walk passes it by; a client that asks for
# it by its key gets it. Guess: dot files as such are keys like any other.
PASSING = re.compile(
    "|".join(map(fnmatch.translate, ("*~", ".*.sw?", ".#*", "#*#", ".nfs*", ".fuse_hidden*", ".DS_Store")))
)


class Tree:
    """The tree as one thread sees it. Folders it has opened stay open until `release`."""

    def __init__(self, folder: Path, *, is_shown: bool, fsync: bool = False) -> None:
        """`is_shown` is whether objects are linked; what stands at a changed key's path is removed in any case."""
        self.is_shown = is_shown
        self._path = folder / "buckets"
        self._root = os.fsencode(self._path)
        self._fsync = fsync
        self._folders: dict[bytes, int] = {}
        self._path.mkdir(exist_ok=True)

    def release(self) -> None:
        """Close the folders: from here on changes made to them by others are seen."""
        for fd in self._folders.values():
            os.close(fd)
        self._folders.clear()

    # --- Showing: the writer thread's verbs -------------------------------------------------------------------------

    def remove(self, bucket: str, key: str) -> None:
        """Take away what stands at the key's path, unless it is a folder.

        Raises:
            OSError: it cannot be taken away, and would one day be taken for a file that somebody dropped in.
        """
        try:
            folder, name = self._place(bucket, key)
            os.unlink(name, dir_fd=folder)
        except OSError as error:
            if error.errno not in _NOTHING_THERE:
                raise
        else:
            if self._fsync:
                os.fsync(folder)

    def link(self, bucket: str, key: str, blob: str) -> None:
        """Show the file `blob` at the key's path, whatever stands there; where that cannot be, do nothing."""
        if not self.is_shown:
            return
        try:
            folder, name = self._place(bucket, key, make=True)
            try:
                os.link(blob, name, dst_dir_fd=folder)
            except FileExistsError:
                os.unlink(name, dir_fd=folder)
                os.link(blob, name, dst_dir_fd=folder)
        except OSError as error:
            if error.errno in _NO_LINKS:
                self.is_shown = False
                logger.warning("the file system below %s makes no hard links (%s): no tree", self._path, error.strerror)

    def prune(self, bucket: str, key: str) -> None:
        """Remove the folders above a key that is gone, up to the first that holds something."""
        with contextlib.suppress(OSError):
            top, *folders = _segments(bucket, key)[:-1]
            while folders:
                name = folders.pop()
                os.rmdir(name, dir_fd=self._folder(b"/".join([top, *folders])))

    def make_bucket(self, bucket: str) -> None:
        """Make the folder in which people find, and drop, the bucket's files."""
        if self.is_shown:
            self._folder(bucket.encode(), make=True)

    def remove_bucket(self, bucket: str) -> None:
        """Remove the bucket's empty folders; files that nobody has adopted stay where they are."""
        for path, _, _ in os.walk(self._path / bucket, topdown=False):
            with contextlib.suppress(OSError):
                Path(path).rmdir()

    def put_aside(self, path: str) -> None:
        """Leave the tree empty in one step; the old one waits at `path` to be removed."""
        self._path.rename(path)
        self._path.mkdir()

    # --- Looking ----------------------------------------------------------------------------------------------------

    def look(self, bucket: str, key: str) -> os.stat_result | None:
        """What the file at the key's path is, if a regular file stands there."""
        try:
            folder, name = self._place(bucket, key)
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError:
            return None
        return found if stat.S_ISREG(found.st_mode) else None

    def take(self, bucket: str, key: str, blob: str) -> os.stat_result:
        """Make the regular file at the key's path also the file `blob`, read-only; what it is then.

        Raises:
            OSError: it cannot be linked, or is none.
        """
        folder, name = self._place(bucket, key)
        os.link(name, blob, src_dir_fd=folder, follow_symlinks=False)
        taken = os.lstat(blob)
        if not stat.S_ISREG(taken.st_mode):
            Path(blob).unlink()
            raise FileNotFoundError(errno.ENOENT, "No regular file stands there any more", key)
        if taken.st_nlink == 2:  # more: it has another name somewhere outside, and nothing is changed there
            with contextlib.suppress(PermissionError):
                Path(blob).chmod(MODE)
        return taken

    def walk(self, bucket: str) -> Iterator[tuple[str, os.stat_result]]:
        """The regular files of a bucket that can be objects, by key, in byte order. Memory: the names on the way down.

        A folder sorts as its name with a slash, which is where the keys in it sort.
        """
        top = self._root + b"/" + bucket.encode() + b"/"
        pending = self._names(top, b"")
        while pending:
            path = pending.pop()
            if path.endswith(b"/"):
                pending.extend(self._names(top, path))
                continue
            with contextlib.suppress(OSError, UnicodeDecodeError):
                yield path.decode(), os.lstat(top + path)

    def _names(self, top: bytes, folder: bytes) -> list[bytes]:
        """The paths in a folder below `top`, last one first; folders end with a slash."""
        names = []
        with contextlib.suppress(OSError), os.scandir(top + folder) as entries:
            for entry in entries:
                path = folder + entry.name
                if len(path) > MAX_KEY_BYTES or path.startswith(b"\\"):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    names.append(path + b"/")
                elif entry.is_file(follow_symlinks=False) and not PASSING.match(os.fsdecode(entry.name)):
                    names.append(path)
        return sorted(names, reverse=True)

    # --- Paths ------------------------------------------------------------------------------------------------------

    def _place(self, bucket: str, key: str, *, make: bool = False) -> tuple[int, bytes]:
        """The folder of a key's file, and the file's name in it. `make` makes the folder.

        Raises:
            OSError: there is no such folder, or there cannot be one.
        """
        *folders, name = _segments(bucket, key)
        return self._folder(b"/".join(folders), make=make), name

    def _folder(self, path: bytes, *, make: bool = False) -> int:
        """The folder `path` below the root, opened segment by segment."""
        if path in self._folders:
            return self._folders[path]
        if make:
            self._path.mkdir(exist_ok=True)
        fd = os.open(self._root, _FOLDER)
        for name in path.split(b"/"):
            parent = fd
            try:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(name, dir_fd=parent)
                fd = os.open(name, _FOLDER, dir_fd=parent)
            finally:
                os.close(parent)
        self._folders[path] = fd
        return fd


def _segments(bucket: str, key: str) -> list[bytes]:
    """The names of the folders down to a key's file, from the bucket's on, and of the file.

    Raises:
        FileNotFoundError: no file name says this key; nothing outside the bucket's folder is ever named.
    """
    try:
        segments = f"{bucket}/{key}".encode().split(b"/")
    except UnicodeEncodeError as error:
        raise FileNotFoundError(errno.ENOENT, "No file name says this key") from error
    for segment in segments:
        if segment in (b"", b".", b"..") or b"\0" in segment or len(segment) > MAX_SEGMENT_BYTES:
            raise FileNotFoundError(errno.ENOENT, "No file name says this key")
    return segments
