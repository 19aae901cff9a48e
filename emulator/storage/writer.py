"""The writer: one thread that owns the writing connection and commits together what has queued up meanwhile.

A batch goes: write the blobs; begin; remove what stands at the keys' paths, write the rows; commit; make the new links;
acknowledge; remove the blobs that nobody needs any more. So a kill at any moment leaves an old object or a new one, a
link missing but never a wrong one, and blobs without a row, which the next start sweeps.
"""

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from emulator.errors import NoSuchBucket, OssError
from emulator.model import Bucket, Versioning
from emulator.storage.blobs import Blobs, insufficient_storage, is_full
from emulator.storage.index import Index
from emulator.storage.tree import Tree

logger = logging.getLogger(__name__)

T = TypeVar("T")

MAX_BATCH = 64

# How long the log may grow while readers keep the checkpointer from starting it anew: 64 MiB of pages with their heads.
MAX_LOG_FRAMES = 64 * 1024 * 1024 // (4096 + 24)

CHECKPOINT_SECONDS = 0.25


class Batch:
    """What the jobs of one transaction change, and what is to be done once it is committed."""

    def __init__(self, index: Index, tree: Tree) -> None:
        self.index = index
        self.tree = tree
        self.shown: dict[tuple[str, str], str | None] = {}
        self.unneeded: list[str] = []

    def check_bucket(self, name: str) -> None:
        """Raise `NoSuchBucket` unless there is such a bucket."""
        if not self.index.has_bucket(name):
            raise NoSuchBucket(BucketName=name)

    def bucket(self, name: str) -> Bucket:
        """The bucket `name` as it is in this transaction.

        Raises:
            NoSuchBucket: there is none.
        """
        bucket = self.index.find_bucket(name)
        if bucket is None:
            raise NoSuchBucket(BucketName=name)
        return bucket

    def versioning(self, bucket: str) -> Versioning | None:
        """Whether the bucket keeps versions.

        Raises:
            NoSuchBucket: there is none.
        """
        return self.index.versioning(bucket)

    def show(self, bucket: str, key: str, blob: str | None) -> None:
        """Let the tree show `blob` at the key, or nothing; what stands there goes now, before the commit."""
        self.tree.remove(bucket, key)
        self.shown[bucket, key] = blob


Step = Callable[[Batch], None]


def nothing(*_: object) -> None:
    """Do nothing: a step that a change does not need."""


class Job(Generic[T]):
    """One change, in the steps of a batch."""

    def __init__(
        self,
        apply: Callable[[Batch], T],
        *,
        prepare: Callable[[], None] = nothing,
        finish: Callable[[], None] = nothing,
        abandon: Callable[[], None] = nothing,
        acknowledge: Callable[[], None] = nothing,
        is_alone: bool = False,
    ) -> None:
        """`apply` runs in the transaction: it raises an `OssError` before it has changed anything, or not at all; it
        may run again if a neighbour has spoilt the transaction. `prepare` writes files before it, `finish` moves files
        after the commit, `abandon` cleans up when there was none. `acknowledge` runs in the event loop, right before
        whoever waits goes on. `is_alone` keeps the job out of batches.
        """
        self.apply = apply
        self.prepare = prepare
        self.finish = finish
        self.abandon = abandon
        self.acknowledge = acknowledge
        self.is_alone = is_alone
        self.future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.result: T | None = None
        self.error: Exception | None = None

    def settle(self) -> None:
        """Tell whoever waits. In the event loop."""
        if self.error is None:
            self.acknowledge()
        if self.future.done():  # whoever waited was cancelled
            return
        if self.error is None:
            self.future.set_result(self.result)  # type: ignore[arg-type]  # `apply` has set it
        else:
            self.future.set_exception(self.error)


class Writer:
    """The thread, its queue, and beside them the checkpointer."""

    def __init__(self, index: Index, blobs: Blobs, tree: Tree, log_index: Index) -> None:
        """All three belong to the thread from here on. `log_index` is the checkpointer's own connection."""
        self._index = index
        self._blobs = blobs
        self._tree = tree
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[Job[object] | None] = queue.SimpleQueue()
        self._held: Job[object] | None = None
        self._checkpointer = Checkpointer(log_index)
        self._thread = threading.Thread(target=self._run, name="oss-writer", daemon=True)
        self._is_closed = False
        self._thread.start()

    async def do(self, job: Job[T]) -> T:
        """Have `job` done. Whoever is cancelled here does not undo it.

        Raises:
            OssError: what the job was refused with; InsufficientStorage if the disk is full.
        """
        if self._is_closed:
            job.abandon()
            raise RuntimeError("The store is closed.")
        self._queue.put(job)  # type: ignore[arg-type]  # a queue of jobs of every kind
        return await asyncio.shield(job.future)

    async def close(self) -> None:
        """Do what is queued, then stop both threads."""
        if not self._is_closed:
            self._is_closed = True
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._checkpointer.close)

    def _run(self) -> None:
        while jobs := self._collect():
            self._commit(jobs)
            self._checkpointer.wake()
            if self._checkpointer.frames > MAX_LOG_FRAMES:
                self._index.checkpoint("RESTART")
                self._checkpointer.frames = 0  # if a reader stood in the way, again when the checkpointer has looked

    def _collect(self) -> list[Job[object]]:
        """What waits, at least one job; nothing when the writer is to stop."""
        first, self._held = self._held or self._queue.get(), None
        if first is None:
            return []
        jobs = [first]
        while len(jobs) < MAX_BATCH and not jobs[-1].is_alone:
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._queue.put(None)  # after this batch
                break
            if job.is_alone:
                self._held = job
                break
            jobs.append(job)
        return jobs

    def _commit(self, jobs: list[Job[object]]) -> None:
        prepared = []
        for job in jobs:
            try:
                job.prepare()
                prepared.append(job)
            except Exception as error:
                job.error = error
        unneeded = self._write(prepared) if prepared else []
        for job in jobs:
            if job.error is not None:
                job.error = _told(job.error)
                _tidy(job.abandon)
        self._loop.call_soon_threadsafe(_settle, jobs)
        for blob in unneeded:
            _tidy(partial(self._blobs.remove, blob))

    def _write(self, jobs: list[Job[object]]) -> list[str]:
        """Commit `jobs` and show them in the tree; the blobs that are no longer needed."""
        batch = Batch(self._index, self._tree)
        try:
            with self._index.transaction():
                for job in jobs:
                    try:
                        job.error = None
                        job.result = job.apply(batch)
                    except OssError as refusal:
                        job.error = refusal
        except Exception as error:
            self._show_again(batch)
            if len(jobs) > 1:  # one of them is to blame: each for itself
                return [blob for job in jobs for blob in self._write([job])]
            jobs[0].error = error
            return []
        for job in jobs:
            if job.error is None:
                _tidy(job.finish)
        for (bucket, key), blob in batch.shown.items():
            if blob is None:
                self._tree.prune(bucket, key)
            else:
                self._tree.link(bucket, key, self._blobs.path(blob))
        self._tree.release()
        return batch.unneeded

    def _show_again(self, batch: Batch) -> None:
        """Put back the links of objects that stay as they were."""
        for bucket, key in batch.shown:
            record = self._index.find(bucket, key)
            if record is not None:
                self._tree.link(bucket, key, self._blobs.path(record.blob))
        self._tree.release()


class Checkpointer:
    """A thread that brings the log into the database while the writer goes on writing. It sleeps while nothing changes.

    In a commit (SQLite's own way) checkpoints would stall everybody for 25 to 80 ms.
    """

    def __init__(self, index: Index) -> None:
        self.frames = 0
        self._index = index
        self._is_dirty = threading.Event()
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="oss-checkpointer", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Say that something was committed."""
        self._is_dirty.set()

    def close(self) -> None:
        """Stop the thread and close its connection."""
        self._is_stopping.set()
        self._is_dirty.set()
        self._thread.join()
        self._index.close()

    def _run(self) -> None:
        self._is_dirty.wait()
        while not self._is_stopping.wait(CHECKPOINT_SECONDS):
            self._is_dirty.clear()
            if self._is_stopping.is_set():  # `close` came before the `clear`, which has taken back its wake-up
                return
            self.frames = self._index.checkpoint("PASSIVE")
            self._is_dirty.wait()


def _tidy(step: Callable[[], None]) -> None:
    """Take a step on which nothing depends: the thread goes on, whatever the disk says."""
    try:
        step()
    except OSError as error:
        logger.warning("what a change leaves to be tidied could not be: %s", error)


def _settle(jobs: list[Job[object]]) -> None:
    for job in jobs:
        job.settle()


def _told(error: Exception) -> Exception:
    """What the client is told of `error`."""
    is_disk_full = isinstance(error, OSError) and is_full(error)
    if is_disk_full or getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return insufficient_storage(error)
    return error
