import asyncio
import errno
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from emulator.errors import InsufficientStorage, NoSuchBucket
from emulator.model import Bucket, ObjectAttributes, ObjectRecord, ObjectType
from emulator.storage import writer
from emulator.storage.blobs import Blobs
from emulator.storage.index import Index
from emulator.storage.tree import Tree
from emulator.storage.writer import MAX_BATCH, Batch, Job, Writer
from tests.storage.conftest import BUCKET
from tests.storage.words import eventually, files_below, fill_disk


class Parts:
    """A writer and the parts that it works on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "index.sqlite"
        self.index = Index(self.path, "none")
        self.index.prepare()
        with self.index.transaction():
            self.index.put_bucket(BUCKET)
        self.blobs = Blobs(folder, run=1, fsync=False)
        self.tree = Tree(folder, is_shown=True)
        self.writer = Writer(self.index, self.blobs, self.tree, Index(self.path, "none"))

    def keys(self) -> list[str]:
        return [row.key for row in self.index.blobs_by_key("bucket")]

    def shown(self) -> dict[str, bytes]:
        return {key: (self.folder / "buckets" / "bucket" / key).read_bytes() for key, _ in self.tree.walk("bucket")}

    @asynccontextmanager
    async def one_batch(self) -> AsyncIterator[None]:
        """What is queued inside is committed together: the writer is held up until the end."""
        held, go_on = threading.Event(), threading.Event()

        def wait(_: Batch) -> None:
            held.set()
            go_on.wait(10)

        waiting = asyncio.ensure_future(self.writer.do(Job(wait)))
        await asyncio.to_thread(held.wait, 10)
        yield
        await asyncio.sleep(0)  # the tasks made inside put their jobs into the queue
        go_on.set()
        await waiting


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    parts = Parts(tmp_path)
    yield parts
    await parts.writer.close()
    parts.index.close()


def put(parts: Parts, key: str, body: bytes, attributes: ObjectAttributes | None = None) -> Job[None]:
    blob = parts.blobs.new_id()

    def apply(batch: Batch) -> None:
        batch.show("bucket", key, blob)
        record = ObjectRecord(
            "bucket",
            key,
            blob,
            len(body),
            "",
            None,
            0,
            BUCKET.created,
            ObjectType.NORMAL,
            attributes or ObjectAttributes(),
        )
        if removed := batch.index.put(record):
            batch.unneeded.append(removed.blob)

    def prepare() -> None:
        parts.blobs.write(blob, body)

    return Job(apply, prepare=prepare, abandon=lambda: parts.blobs.remove(blob))


def delete(key: str) -> Job[None]:
    def apply(batch: Batch) -> None:
        batch.show("bucket", key, None)
        if removed := batch.index.remove("bucket", key, BUCKET.created):
            batch.unneeded.append(removed.blob)

    return Job(apply)


def failing(error: Exception, key: str = "") -> Job[None]:
    """A job that fails after it has changed something; `key` is no longer shown by then."""

    def apply(batch: Batch) -> None:
        batch.index.put_bucket(Bucket("half-made", BUCKET.created))
        if key:
            batch.show("bucket", key, None)
        raise error

    return Job(apply)


def refused() -> Job[None]:
    def apply(_: Batch) -> None:
        raise NoSuchBucket(BucketName="bucket")

    return Job(apply)


async def outcomes(parts: Parts, *jobs: Job[None]) -> list[BaseException | None]:
    """What became of `jobs`, which are queued together."""
    async with parts.one_batch():
        waiting = [asyncio.ensure_future(parts.writer.do(job)) for job in jobs]
    return await asyncio.gather(*waiting, return_exceptions=True)


def limit_index(parts: Parts) -> None:
    """Let the index be as large as it may get."""
    (pages,) = parts.index._connection.execute("PRAGMA page_count").fetchone()
    parts.index._connection.execute(f"PRAGMA max_page_count = {pages}")


# --- Order ----------------------------------------------------------------------------------------------------------


async def test_jobs_of_one_batch_are_done_in_their_order(parts: Parts) -> None:
    jobs = [put(parts, "a", b"1"), put(parts, "a", b"2"), put(parts, "b", b"1"), delete("b")]
    jobs += [delete("c"), put(parts, "c", b"1"), put(parts, "d/e", b"1"), delete("d/e"), put(parts, "d", b"2")]
    assert await outcomes(parts, *jobs) == [None] * 9
    assert parts.keys() == ["a", "c", "d"]
    assert parts.shown() == {"a": b"2", "c": b"1", "d": b"2"}
    await parts.writer.close()
    assert len(files_below(parts.folder / "blobs")) == 3


async def test_a_batch_goes_in_an_order_that_a_kill_may_interrupt(parts: Parts) -> None:
    """Before the commit the old link has gone and the new blob is there; old blobs go last."""
    await parts.writer.do(put(parts, "key", b"old"))
    [old] = files_below(parts.folder / "blobs")
    seen: dict[str, tuple[str, dict[str, bytes], bool]] = {}
    job = put(parts, "key", b"new")

    def look(step: str) -> None:
        with closing(Index(parts.path, "none")) as index:
            record = index.find("bucket", "key")
        assert record
        row = Path(parts.blobs.path(record.blob)).read_bytes().decode()
        seen[step] = row, parts.shown(), old.exists()

    def with_look(step: str, action: Callable[..., None]) -> Callable[..., None]:
        def both(*arguments: Batch) -> None:
            action(*arguments)
            look(step)

        return both

    observed = Job(
        with_look("apply", job.apply),
        prepare=with_look("prepare", job.prepare),
        finish=lambda: look("finish"),
        acknowledge=lambda: seen.update(acknowledge=("new", parts.shown(), False)),
    )
    await parts.writer.do(observed)
    await parts.writer.close()
    assert seen == {
        "prepare": ("old", {"key": b"old"}, True),
        "apply": ("old", {}, True),
        "finish": ("new", {}, True),
        "acknowledge": ("new", {"key": b"new"}, False),
    }
    assert not old.exists()


async def test_a_batch_takes_no_more_than_its_limit(parts: Parts) -> None:
    batches: list[Batch] = []
    await outcomes(parts, *(Job(batches.append) for _ in range(MAX_BATCH + 10)))
    assert [batches.count(batch) for batch in dict.fromkeys(batches)] == [MAX_BATCH, 10]


async def test_a_job_that_is_alone_shares_its_transaction_with_nobody(parts: Parts) -> None:
    batches: list[Batch] = []
    alone = [False, False, True, True, False, False]
    await outcomes(parts, *(Job(batches.append, is_alone=is_alone) for is_alone in alone))
    assert [batches.count(batch) for batch in dict.fromkeys(batches)] == [2, 1, 1, 2]


# --- What goes wrong ------------------------------------------------------------------------------------------------


async def test_a_refusal_leaves_the_neighbours_alone(parts: Parts) -> None:
    tidied: list[str] = []
    job = refused()
    job.abandon = lambda: tidied.append("tidied")
    job.acknowledge = lambda: tidied.append("acknowledged")
    first, second, third = await outcomes(parts, put(parts, "a", b"1"), job, put(parts, "b", b"2"))
    assert isinstance(second, NoSuchBucket)
    assert (first, third) == (None, None)
    assert parts.shown() == {"a": b"1", "b": b"2"}
    assert tidied == ["tidied"]


async def test_a_failure_spoils_only_the_job_that_failed(parts: Parts) -> None:
    await parts.writer.do(put(parts, "kept", b"kept"))
    results = await outcomes(
        parts, put(parts, "a", b"1"), failing(ZeroDivisionError(), "kept"), refused(), put(parts, "b", b"2")
    )
    assert [type(result) for result in results] == [type(None), ZeroDivisionError, NoSuchBucket, type(None)]
    assert parts.keys() == ["a", "b", "kept"]
    assert parts.shown() == {"a": b"1", "b": b"2", "kept": b"kept"}
    assert parts.index.buckets() == [BUCKET]
    await parts.writer.close()
    assert len(files_below(parts.folder / "blobs")) == 3


async def test_a_job_that_cannot_be_prepared_is_tidied_up_and_the_others_go_on(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with parts.one_batch():
        fill_disk(monkeypatch, after_bytes=3)
        waiting = [asyncio.ensure_future(parts.writer.do(put(parts, key, b"123"))) for key in ("a", "b")]
    first, second = await asyncio.gather(*waiting, return_exceptions=True)
    assert first is None
    assert isinstance(second, InsufficientStorage)
    assert "--data-dir" in second.hint
    assert parts.shown() == {"a": b"123"}
    assert len(files_below(parts.folder / "blobs")) == 1


async def test_an_index_that_cannot_grow_is_insufficient_storage_and_the_links_come_back(parts: Parts) -> None:
    for key in ("a", "b"):
        await parts.writer.do(put(parts, key, b"old"))
    limit_index(parts)
    large = ObjectAttributes(metadata={"large": "x" * 20_000})
    results = await outcomes(parts, *(put(parts, key, b"new", large) for key in "abc"))
    assert [type(result) for result in results] == [InsufficientStorage] * 3
    assert parts.shown() == {"a": b"old", "b": b"old"}
    assert parts.keys() == ["a", "b"]
    assert len(files_below(parts.folder / "blobs")) == 2
    parts.index._connection.execute("PRAGMA max_page_count = 1000000")
    await parts.writer.do(put(parts, "a", b"new", large))
    assert parts.shown() == {"a": b"new", "b": b"old"}


async def test_tidying_up_that_fails_is_a_warning_and_the_writer_goes_on(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    job, left = refused(), put(parts, "a", b"1")
    job.abandon = left.finish = refuse
    assert [type(result) for result in await outcomes(parts, job, left)] == [NoSuchBucket, type(None)]
    await parts.writer.do(put(parts, "b", b"2"))
    assert caplog.text.count("Read-only file system") == 2
    assert parts.shown() == {"a": b"1", "b": b"2"}


# --- Waiting, closing -----------------------------------------------------------------------------------------------


async def test_a_change_is_made_although_nobody_waits_for_it_any_more(parts: Parts) -> None:
    acknowledged: list[str] = []
    job = put(parts, "a", b"1")
    job.acknowledge = lambda: acknowledged.append("a")
    async with parts.one_batch():
        waiting = asyncio.ensure_future(parts.writer.do(job))
        await asyncio.sleep(0)
        waiting.cancel()
    await parts.writer.do(put(parts, "b", b"2"))
    assert waiting.cancelled()
    assert acknowledged == ["a"]
    assert parts.shown() == {"a": b"1", "b": b"2"}


async def test_what_is_queued_is_done_before_the_writer_stops(parts: Parts) -> None:
    async with parts.one_batch():
        jobs = [put(parts, f"{number:03}", b"1") for number in range(MAX_BATCH + 10)]
        jobs[20].is_alone = True
        waiting = [asyncio.ensure_future(parts.writer.do(job)) for job in jobs]
        await asyncio.sleep(0)
        closing_down = asyncio.ensure_future(parts.writer.close())
    assert await asyncio.gather(*waiting) == [None] * len(jobs)
    await closing_down
    assert len(parts.keys()) == len(jobs)


async def test_a_closed_writer_refuses_and_tidies_up(parts: Parts) -> None:
    await parts.writer.close()
    tidied: list[str] = []
    job = refused()
    job.abandon = lambda: tidied.append("tidied")
    with pytest.raises(RuntimeError, match="closed"):
        await parts.writer.do(job)
    assert tidied == ["tidied"]


# --- Checkpoints ----------------------------------------------------------------------------------------------------


async def test_the_log_is_brought_into_the_database_while_the_writer_lives(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "CHECKPOINT_SECONDS", 0)
    await parts.writer.do(put(parts, "brought in", b"1"))
    await eventually(lambda: b"brought in" in parts.path.read_bytes())


async def test_a_log_that_readers_have_let_grow_is_begun_anew_by_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "CHECKPOINT_SECONDS", 3600)  # the checkpointer stays out of it
    monkeypatch.setattr(writer, "MAX_LOG_FRAMES", 100)
    parts = Parts(tmp_path)
    log = parts.path.with_name("index.sqlite-wal")
    parts.writer._checkpointer.frames = 101  # as it would have found
    await parts.writer.do(put(parts, "a", b"1"))
    await parts.writer.do(put(parts, "b", b"1"))
    size = log.stat().st_size
    await parts.writer.do(put(parts, "c", b"1"))
    assert log.stat().st_size == size  # overwritten from its beginning
    await parts.writer.close()
    parts.index.close()


def test_checkpointer_that_is_closed_just_when_it_begins_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "CHECKPOINT_SECONDS", 0)
    index = Index(tmp_path / "index.sqlite", "none")
    index.prepare()
    checkpointer = writer.Checkpointer(index)

    class ClosedBefore(threading.Event):
        """Has `close` say that it is the end right before the event is cleared."""

        def clear(self) -> None:
            checkpointer._is_stopping.set()
            self.set()
            super().clear()

    sleeping, checkpointer._is_dirty = checkpointer._is_dirty, ClosedBefore()
    sleeping.set()
    checkpointer.wake()
    checkpointer._thread.join(5)
    assert not checkpointer._thread.is_alive()
    checkpointer.close()
