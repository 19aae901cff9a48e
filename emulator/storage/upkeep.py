"""What is removed behind everybody's back: the litter of earlier runs, and all there was before a reset.

`is_settled` is whether index, blobs and tree agree for all one knows: a start after an unsettled end looks at it all.
"""

import logging
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from emulator.clock import Clock
from emulator.model import Bucket
from emulator.storage.directory import DataDirectory
from emulator.storage.loading import Loading
from emulator.storage.writer import Batch, Job, Writer

logger = logging.getLogger(__name__)


class Upkeep:
    """Keeps a data directory free of what nobody needs, in a thread of its own."""

    def __init__(
        self,
        directory: DataDirectory,
        writer: Writer,
        clock: Clock,
        loading: Loading,
        *,
        forget: Callable[[], None],
        acknowledge: Callable[[Iterable[Bucket]], None],
    ) -> None:
        """`forget` follows a reset at once, in the writer thread; `acknowledge` is told of the buckets after it."""
        self.is_settled = directory.was_settled
        self._directory = directory
        self._blobs = directory.blobs
        self._writer = writer
        self._clock = clock
        self._loading = loading
        self._forget = forget
        self._acknowledge = acknowledge
        self._sweeper = ThreadPoolExecutor(1, "oss-sweeper")
        self._is_stopping = threading.Event()

    def begin(self) -> None:
        """Sweep behind the start, if an earlier run has left anything."""
        if self._blobs.left_staged() or not self.is_settled:
            self._sweeper.submit(self._sweep)

    def stop(self) -> None:
        """Give up sweeping, as soon as may be."""
        self._is_stopping.set()

    def close(self) -> None:
        """Stop the thread. Blocks."""
        self._sweeper.shutdown()

    def later(self, remove: Callable[[], None]) -> None:
        """Have something removed for which nobody waits."""
        self._sweeper.submit(remove)

    def unsettle(self) -> None:
        """Take note that links may be missing."""
        self.is_settled = False

    async def reset(self, buckets: Iterable[Bucket]) -> None:
        """`Store.reset`.

        The old files are put aside at once, or passed over where there are new ones, and removed behind.
        """
        made = {bucket.name: bucket for bucket in buckets}
        tree = self._directory.tree
        now = self._clock.now_in_milliseconds()
        aside: list[str] = []
        unneeded: list[str] = []
        loaded: dict[tuple[str, str], str] = {}

        def prepare() -> None:
            loaded.update(self._loading.bring_back())

        def apply(batch: Batch) -> None:
            if loaded:
                unneeded.extend(batch.index.blobs())
            batch.index.clear()
            for bucket in made.values():
                batch.index.put_bucket(bucket)
            self._loading.put_rows(batch, loaded, now)
            self.is_settled = False  # until it is committed: links might miss
            aside.append(self._blobs.staging_path())
            tree.put_aside(aside[0])

        def finish() -> None:
            if not loaded:
                aside.append(self._blobs.put_aside())
            self._forget()
            for name in made:
                tree.make_bucket(name)
            self.is_settled = was_settled

        was_settled = self.is_settled
        await self._writer.do(
            Job(
                apply,
                prepare=prepare,
                finish=finish,
                abandon=lambda: self._loading.take_back(loaded),
                acknowledge=lambda: self._acknowledge(made.values()),
                is_alone=True,
            )
        )
        for path in aside:
            self._sweeper.submit(shutil.rmtree, path, ignore_errors=True)
        if unneeded:
            self._sweeper.submit(self._blobs.remove_all, unneeded)

    def _sweep(self) -> None:
        """Remove what earlier runs have left: what was staged, and blobs that no row names."""
        try:
            for path in self._blobs.left_staged():
                if Path(path).is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    Path(path).unlink()
            if not self.is_settled:
                with closing(self._directory.connect()) as index:
                    for blob in self._blobs.unreferenced(index.blobs()):
                        if self._is_stopping.is_set():
                            return
                        self._blobs.remove(blob)
                self.is_settled = True
        except (OSError, sqlite3.Error) as error:
            logger.warning("what an earlier run has left behind could not be swept: %s", error)
