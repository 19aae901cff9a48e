"""A start: what is refused, and what an unclean stop has left behind."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from emulator.storage.directory import DataDirectory, StoreError
from emulator.storage.store import Store
from tests.storage.conftest import BUCKET, Opener
from tests.storage.words import content, eventually, files_below, put, shown


@pytest.fixture
def directory(folder: Path) -> Iterator[DataDirectory]:
    """An open data directory."""
    directory = DataDirectory(folder, "none", is_shown=True)
    yield directory
    directory.close(is_settled=True)


async def break_off(store: Store, folder: Path) -> None:
    """Leave the folder as a killed process does: nothing says that it is settled."""
    await store.close()
    with closing(sqlite3.connect(folder / "index.sqlite")) as index, index:
        index.execute("UPDATE run SET is_settled = 0")


def litter(folder: Path) -> list[Path]:
    """What a run that was killed may leave: a blob without a row, a staged file, a folder put aside."""
    blob = folder / "blobs" / "3f" / "3f-1-ffff"
    staged = folder / "staging" / "1-fffe"
    aside = folder / "staging" / "1-fffd" / "3f" / "3f-1-3f"
    for path in (blob, staged, aside):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return [blob, staged, aside]


# --- Refused --------------------------------------------------------------------------------------------------------


def test_a_directory_is_one_owner_s(directory: DataDirectory, folder: Path) -> None:
    with pytest.raises(StoreError, match="data: another emulator is using this data directory"):
        DataDirectory(folder, "none", is_shown=True)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        pytest.param("PRAGMA user_version = 99", "its index has schema 99, this emulator knows", id="newer"),
        pytest.param("DROP TABLE run", r"its index\.sqlite cannot be used: no such table: run", id="another database"),
    ],
)
def test_an_index_that_is_not_ours_is_refused_and_the_lock_given_back(folder: Path, spoil: str, told: str) -> None:
    DataDirectory(folder, "none", is_shown=True).close(is_settled=True)
    with closing(sqlite3.connect(folder / "index.sqlite")) as index, index:
        index.execute(spoil)
    for _ in range(2):  # the first refusal has left nothing locked
        with pytest.raises(StoreError, match=told):
            DataDirectory(folder, "none", is_shown=True)


def test_a_file_that_is_no_database_is_refused(folder: Path) -> None:
    folder.mkdir()
    (folder / "index.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match=r"its index\.sqlite cannot be used: file is not a database"):
        DataDirectory(folder, "none", is_shown=True)


def test_a_file_is_no_directory(folder: Path) -> None:
    folder.touch()
    with pytest.raises(StoreError, match="data: cannot be the data directory: File exists"):
        DataDirectory(folder, "none", is_shown=True)


def test_a_directory_that_cannot_be_written_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "mkdir", refuse)  # to root, who runs tests in containers, no folder is read-only
    with pytest.raises(StoreError, match="data: cannot be the data directory: Permission denied"):
        DataDirectory(folder, "none", is_shown=True)


async def test_a_failed_opening_gives_the_lock_back(
    store: Store, folder: Path, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.close()
    (folder / "blobs" / "00").touch()
    (folder / "staging").rmdir()
    (folder / "staging").touch()
    with pytest.raises(StoreError, match="cannot be the data directory"):
        await open_store()
    lock = os.open(folder, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(lock)


def test_an_index_that_cannot_be_written_at_the_stop_is_a_warning(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory = DataDirectory(folder, "none", is_shown=True)
    directory.index._connection.execute("PRAGMA query_only = ON")
    directory.close(is_settled=True)
    assert "the next start will look after it" in caplog.text
    again = DataDirectory(folder, "none", is_shown=True)
    assert not again.was_settled
    again.close(is_settled=True)


# --- After an unclean stop ------------------------------------------------------------------------------------------


async def test_missing_links_come_back(store: Store, folder: Path, open_store: Opener) -> None:
    keys = ["a", "b/c", "b/d", "draft~"]
    for key in keys:
        await put(store, key, key.encode())
    await break_off(store, folder)
    for key in ("a", "b/c", "draft~"):
        shown(folder, key).unlink()
    store = await open_store()
    assert [shown(folder, key).read_bytes() for key in keys] == [key.encode() for key in keys]
    assert [await content(store, key) for key in keys] == [key.encode() for key in keys]


async def test_files_dropped_or_replaced_meanwhile_are_not_overwritten(
    store: Store, folder: Path, open_store: Opener
) -> None:
    for key in ("replaced", "replaced~"):
        await put(store, key, b"old")
    await break_off(store, folder)
    for key in ("replaced", "replaced~"):
        shown(folder, key).unlink()
        shown(folder, key).write_bytes(b"new")
    shown(folder, "dropped").write_bytes(b"new")
    store = await open_store()
    for key in ("replaced", "replaced~", "dropped"):
        assert await content(store, key) == b"new"


async def test_what_was_left_behind_is_swept(store: Store, folder: Path, open_store: Opener) -> None:
    await put(store, "key", b"kept")
    await break_off(store, folder)
    left = litter(folder)
    store = await open_store()
    await put(store, "new", b"new")
    await eventually(lambda: not any(path.exists() for path in left))
    await eventually(lambda: list((folder / "staging").iterdir()) == [])
    assert [await content(store, key) for key in ("key", "new")] == [b"kept", b"new"]
    assert len(files_below(folder / "blobs")) == 2


async def test_an_upload_in_flight_is_not_swept(store: Store, folder: Path, open_store: Opener) -> None:
    await break_off(store, folder)
    left = litter(folder)
    store = await open_store()
    async with store.stage(b"x" * 100_000, limit=1 << 20) as staged:
        await eventually(lambda: not any(path.exists() for path in left))
        await staged.commit("bucket", "key", attributes=(await put(store, "other")).attributes)
    assert await content(store, "key") == b"x" * 100_000


async def test_after_a_settled_stop_only_the_staged_is_looked_for(
    store: Store, folder: Path, open_store: Opener
) -> None:
    await put(store, "key", b"body")
    await store.close()
    shown(folder, "key").unlink()
    blob, staged, aside = litter(folder)
    store = await open_store()
    await eventually(lambda: not staged.exists() and not aside.exists())
    assert blob.exists()
    assert not shown(folder, "key").exists()
    assert await content(store, "key") == b"body"


async def test_a_run_that_has_swept_is_settled(store: Store, folder: Path, open_store: Opener) -> None:
    await break_off(store, folder)
    [blob, *_] = litter(folder)
    store = await open_store()
    await eventually(lambda: not blob.exists() and store._upkeep.is_settled)
    await store.close()
    directory = DataDirectory(folder, "none", is_shown=True)
    assert directory.was_settled
    directory.close(is_settled=True)


async def test_the_tree_comes_back_after_a_time_without_it(store: Store, folder: Path, open_store: Opener) -> None:
    await put(store, "key", b"old")
    await store.close()
    store = await open_store(tree=False)
    await put(store, "key", b"new")
    await put(store, "other", b"other")
    assert files_below(folder / "buckets") == []
    await store.close()
    await open_store()
    assert shown(folder, "key").read_bytes() == b"new"
    assert shown(folder, "other").read_bytes() == b"other"


@pytest.mark.parametrize("durability", ["process", "power", "none"])
async def test_every_durability_keeps_objects_across_a_restart(
    folder: Path, open_store: Opener, durability: str
) -> None:
    store = await open_store(durability)
    await store.buckets.create(BUCKET)
    for key, body in (("small", b"body"), ("large", b"x" * 3_000_000)):
        await put(store, key, body)
    await store.delete("bucket", "small")
    shown(folder, "dropped").write_bytes(b"dropped")
    await store.close()
    store = await open_store(durability)
    assert await content(store, "large") == b"x" * 3_000_000
    assert await content(store, "dropped") == b"dropped"
    assert store.find("bucket", "small") is None


async def test_files_folders_and_rows_are_synced_where_power_may_be_cut(
    folder: Path, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def traced(fd: int) -> None:
        synced.append(Path(f"/proc/self/fd/{fd}").readlink().name)
        fsync(fd)

    store = await open_store("power")
    await store.buckets.create(BUCKET)
    monkeypatch.setattr(os, "fsync", traced)
    record = await put(store, "key", b"body")
    assert synced == ["blobs", record.blob, record.blob[:2]]
    assert store._directory.index._connection.execute("PRAGMA synchronous").fetchone() == (2,)
