"""The data directory: made, locked, and brought into agreement with itself before the first question is asked."""

import fcntl
import logging
import os
import sqlite3
from contextlib import ExitStack
from pathlib import Path

from emulator.errors import EmulatorError
from emulator.storage.adoption import restore_links
from emulator.storage.blobs import Blobs
from emulator.storage.index import Durability, Index
from emulator.storage.schema import SchemaTooNew
from emulator.storage.tree import Tree

logger = logging.getLogger(__name__)


class StoreError(EmulatorError):
    """The data directory cannot be used. The message is one line for the user."""


class DataDirectory:
    """A locked data directory with its index open for writing: what there is before the first question."""

    def __init__(self, folder: Path, durability: Durability, *, is_shown: bool) -> None:
        """Make what is missing, lock it, put back links that a kill has left out.

        Raises:
            StoreError: it is locked, unwritable, or an emulator of the future has written it.
        """
        self.folder = folder
        self.durability = durability
        with ExitStack() as undo:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                self._lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                undo.callback(os.close, self._lock)
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.index = self.connect()
                undo.callback(self.index.close)
                self.index.prepare()
                run, self.was_settled = self.index.begin_run()
                fsync = durability == "power"
                self.blobs = Blobs(folder, run=run, fsync=fsync)
                self.tree = Tree(folder, is_shown=is_shown, fsync=fsync)
                if not self.was_settled:
                    for blob, size in self.index.appendables():
                        self.blobs.cut(blob, size)
                if is_shown and not self.was_settled:
                    for bucket in self.index.buckets():
                        restore_links(bucket.name, self.tree, self.index, self.blobs)
            except BlockingIOError as error:
                raise StoreError(
                    f"{folder}: another emulator is using this data directory; give each its own"
                ) from error
            except SchemaTooNew as error:
                raise StoreError(f"{folder}: {error}") from error
            except OSError as error:
                raise StoreError(f"{folder}: cannot be the data directory: {error.strerror}") from error
            except sqlite3.Error as error:
                raise StoreError(f"{folder}: its index.sqlite cannot be used: {error}") from error
            undo.pop_all()

    def connect(self) -> Index:
        """Another connection to the index."""
        return Index(self.folder / "index.sqlite", self.durability)

    def close(self, *, is_settled: bool) -> None:
        """Give the directory back. `is_settled` says that the next start need not look for what is left over."""
        try:
            if is_settled:
                self.index.end_run()
            self.index.checkpoint("TRUNCATE")
        except sqlite3.Error as error:
            logger.warning("the index cannot note that it is settled (%s): the next start will look after it", error)
        finally:
            self.index.close()
            os.close(self._lock)
