"""Restoring while others look, and restoring that fails."""

import asyncio
import os
from pathlib import Path

import pytest

from emulator.storage.snapshots import NoSuchSnapshot, SnapshotError
from emulator.storage.store import Store
from emulator.storage.tree import Tree
from tests.storage.conftest import BUCKET, Opener
from tests.storage.words import PLAIN, content, files_below, put, shown


async def test_readers_see_the_old_state_until_all_of_the_new_one_is_there(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(store, "a", b"then")
    await store.take_snapshot("then")
    await put(store, "a", b"now!!")
    await put(store, "b", b"now!!")
    loop = asyncio.get_running_loop()
    seen: list[object] = []

    async def look() -> None:
        seen.append(await content(store, "b"))
        seen.append(await content(store, "a"))
        seen.append([entry.size for entry in store.list("bucket").entries])  # type: ignore[union-attr]

    def look_after_the_commit(tree: Tree, bucket: str) -> None:
        asyncio.run_coroutine_threadsafe(look(), loop).result(10)

    monkeypatch.setattr(Tree, "make_bucket", look_after_the_commit)
    await store.snapshots.restore("then")
    assert seen == [b"now!!", b"now!!", [5, 5]]
    assert await content(store, "a") == b"then"
    assert store.find("bucket", "b") is None


async def test_what_is_written_after_a_restore_is_seen(store: Store) -> None:
    await store.take_snapshot("empty")
    await asyncio.gather(*(store.snapshots.restore("empty") for _ in range(5)))
    await put(store, "a", b"1")
    assert store.find("bucket", "a") is not None


async def test_a_restore_that_fails_leaves_everything_as_it_was(
    store: Store, folder: Path, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.take_snapshot("empty")
    await put(store, "a", b"1")

    def fail(tree: Tree, path: str) -> None:
        raise OSError("broken")

    with monkeypatch.context() as broken:
        broken.setattr(Tree, "put_aside", fail)
        with pytest.raises(OSError, match="broken"):
            await store.snapshots.restore("empty")
    assert await content(store, "a") == b"1"
    assert shown(folder, "a").read_bytes() == b"1"
    await put(store, "b", b"2")
    assert store.find("bucket", "b") is not None
    await store.snapshots.restore("empty")
    assert store.find("bucket", "a") is None


async def test_a_snapshot_that_cannot_be_taken_leaves_nothing(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(store, "a", b"1")
    with monkeypatch.context() as broken:
        broken.setattr("emulator.storage.snapshots._INFO", "no/such/folder")
        with pytest.raises(FileNotFoundError):
            await store.take_snapshot("s")
    assert store.snapshots.list() == []
    assert files_below(folder / "staging") == []
    with pytest.raises(NoSuchSnapshot):
        await store.snapshots.restore("s")
    await store.take_snapshot("s")


async def test_a_snapshot_that_cannot_take_another_s_place_leaves_that(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.take_snapshot("s")
    await put(store, "a", b"1")
    rename = Path.rename

    def fail_at_the_last_step(path: Path, target: Path) -> Path:
        if target == folder / "snapshots/s" and path.parent.name == "staging":
            raise OSError("broken")
        return rename(path, target)

    with monkeypatch.context() as broken:
        broken.setattr(Path, "rename", fail_at_the_last_step)
        with pytest.raises(OSError, match="broken"):
            await store.take_snapshot("s")
    assert [(each.name, each.objects) for each in store.snapshots.list()] == [("s", 0)]
    await store.take_snapshot("s")
    assert store.snapshots.find("s").objects == 1


@pytest.mark.parametrize(("stood_there", "objects"), [(False, 0), (True, 1)], ids=["before", "after"])
async def test_a_kill_while_one_takes_another_s_place_leaves_one_of_them(
    open_store: Opener, folder: Path, stood_there: bool, objects: int
) -> None:
    store = await open_store()
    await store.take_snapshot("s")
    (folder / "snapshots/s").rename(folder / "snapshots/s~")
    if stood_there:
        await store.buckets.create(BUCKET)
        await put(store, "a", b"1")
        await store.take_snapshot("t")
        (folder / "snapshots/t").rename(folder / "snapshots/s")
    await store.close()
    store = await open_store()
    assert [path.name for path in (folder / "snapshots").iterdir()] == ["s"]
    assert store.snapshots.find("s").objects == objects


async def test_a_snapshot_is_synced_where_power_may_be_cut(
    open_store: Opener, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store("power")
    await store.buckets.create(BUCKET)
    await put(store, "a", b"1")
    async with store.stage(b"2", limit=1) as staged_bytes:
        record = await staged_bytes.append("bucket", "log", 0, attributes=PLAIN)
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(Path(f"/proc/self/fd/{fd}").readlink().name))
    await store.take_snapshot("s")
    staged = synced[-3]
    assert synced == [record.blob, "index.sqlite", "snapshot.json", "blobs", staged, "snapshots", folder.name]
    synced.clear()
    await store.snapshots.drop("s")
    assert synced == ["snapshots"]


async def test_where_links_cannot_be_the_bytes_are_copied(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    record = await put(store, "a", b"1" * 5000)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("no links here")

    with monkeypatch.context() as without:
        without.setattr("os.link", refuse)
        await store.take_snapshot("s")
        await store.delete("bucket", "a")
        await store.snapshots.restore("s")
    assert await content(store, "a") == b"1" * 5000
    restored = store.find("bucket", "a")
    assert restored is not None
    assert (restored.etag, restored.last_modified) == (record.etag, record.last_modified)


async def test_a_blob_that_somebody_took_away_is_no_hindrance(store: Store, folder: Path) -> None:
    await put(store, "a", b"1")
    await put(store, "b", b"2")
    record = store.find("bucket", "a")
    assert record is not None
    next((folder / "blobs").rglob(record.blob)).unlink()
    shown(folder, "a").unlink()
    await store.take_snapshot("s")
    await store.snapshots.restore("s")
    assert await content(store, "b") == b"2"


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\n", "ä"])
async def test_no_name_leads_out_of_the_folder(store: Store, name: str) -> None:
    for verb in (store.snapshots.take, store.snapshots.restore, store.snapshots.drop):
        with pytest.raises(SnapshotError):
            await verb(name)
