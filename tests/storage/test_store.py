import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from emulator.errors import (
    FileAlreadyExists,
    InsufficientStorage,
    NoSuchBucket,
    NoSuchKey,
)
from emulator.model import Bucket, ObjectAttributes, ObjectRecord, StorageClass
from emulator.storage.digest import digests
from emulator.storage.store import Store
from tests.conftest import HeldClock
from tests.storage.conftest import BUCKET, Opener
from tests.storage.words import PLAIN, content, delete_many, files_below, fill_disk, put, shown


async def test_committed_object_is_found_with_what_was_said_about_it(store: Store, clock: HeldClock) -> None:
    clock.set(datetime(2024, 6, 1, 12, 0, 0, 123999, UTC))
    record = await put(store, "key", b"hello")
    assert store.find("bucket", "key") == record
    assert (record.size, record.etag, record.crc64) == (5, "5D41402ABC4B2A76B9719D911017C592", 11177612005948864433)
    assert record.md5 == bytes.fromhex(record.etag)
    assert record.attributes == PLAIN
    assert record.last_modified == datetime(2024, 6, 1, 12, 0, 0, 123000, UTC)
    assert await content(store, "key") == b"hello"


async def test_reader_keeps_its_version_across_overwrite_and_delete(store: Store) -> None:
    await put(store, "key", b"old")
    _, blob = await store.read("bucket", "key")
    with blob:
        await put(store, "key", b"new")
        await store.delete("bucket", "key")
        assert blob.read() == b"old"
    with pytest.raises(NoSuchKey):
        await store.read("bucket", "key")


async def test_objects_are_there_after_reopening(store: Store, open_store: Opener) -> None:
    record = await put(store, "key", b"kept")
    await store.close()
    store = await open_store()
    assert store.buckets.get("bucket") == BUCKET
    assert store.find("bucket", "key") == record
    assert await content(store, "key") == b"kept"


async def test_every_verb_refuses_a_bucket_that_does_not_exist(store: Store, folder: Path) -> None:
    for asked in (lambda: store.buckets.stat("x"), lambda: store.list("x"), lambda: store.buckets.get("x")):
        with pytest.raises(NoSuchBucket):
            asked()
    for change in (
        store.get("x", "key"),
        store.read("x", "key"),
        store.delete("x", "key"),
        store.buckets.delete("x"),
        store.buckets.update("x", lambda bucket: bucket),
        store.set_attributes("x", "key", lambda _: PLAIN),
        put(store, "key", bucket="x"),
    ):
        with pytest.raises(NoSuchBucket):
            await change
    assert files_below(folder / "blobs") == []


# --- Changing -------------------------------------------------------------------------------------------------------

BODIES = [pytest.param(b"body", id="small"), pytest.param(b"x" * 100_000, id="staged")]


@pytest.mark.parametrize("body", BODIES)
async def test_one_of_many_wins_where_overwriting_is_forbidden(store: Store, folder: Path, body: bytes) -> None:
    async def try_to_put() -> ObjectRecord:
        async with store.stage(body, limit=1 << 20) as staged:
            return await staged.commit("bucket", "key", attributes=PLAIN, forbid_overwrite=True)

    results = await asyncio.gather(*(try_to_put() for _ in range(10)), return_exceptions=True)
    [record] = [each for each in results if isinstance(each, ObjectRecord)]
    assert sum(isinstance(each, FileAlreadyExists) for each in results) == 9
    assert store.find("bucket", "key") == record
    await store.close()
    assert [path.name for path in files_below(folder / "blobs")] == [record.blob]
    assert files_below(folder / "staging") == []


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("forbid_overwrite", [True, False])
async def test_an_upload_into_a_bucket_that_has_gone_leaves_nothing(
    store: Store, folder: Path, body: bytes, forbid_overwrite: bool
) -> None:
    async with store.stage(body, limit=1 << 20) as staged:
        await store.buckets.delete("bucket")
        with pytest.raises(NoSuchBucket):
            await staged.commit("bucket", "key", attributes=PLAIN, forbid_overwrite=forbid_overwrite)
    assert files_below(folder / "staging") + files_below(folder / "blobs") == []


@pytest.mark.parametrize("body", BODIES)
async def test_an_upload_that_is_not_committed_leaves_nothing(store: Store, folder: Path, body: bytes) -> None:
    with pytest.raises(ZeroDivisionError):
        async with store.stage(body, limit=1 << 20):
            raise ZeroDivisionError
    assert files_below(folder / "staging") + files_below(folder / "blobs") == []


@pytest.mark.parametrize("body", BODIES)
async def test_an_upload_for_which_there_is_no_room_leaves_the_old_object(
    store: Store, folder: Path, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(store, "key", b"old")
    fill_disk(monkeypatch, after_bytes=len(body) - 1)
    with pytest.raises(InsufficientStorage):
        await put(store, "key", body)
    assert await content(store, "key") == b"old"
    assert shown(folder, "key").read_bytes() == b"old"
    assert len(files_below(folder / "staging") + files_below(folder / "blobs")) == 1


async def test_many_are_deleted_at_once_and_counted(store: Store, folder: Path) -> None:
    for key in ("a", "b/c", "b/d", "../x", "nul\0/y"):
        await put(store, key)
    assert await delete_many(store, ["a", "b/c", "../x", "nul\0/y", "missing"]) == 4
    assert [entry.key for entry in store.list("bucket").entries] == ["b/d"]
    assert files_below(folder / "buckets") == [shown(folder, "b/d")]
    assert (await store.delete("bucket", "b/d")).found
    assert not (await store.delete("bucket", "b/d")).found
    assert await delete_many(store, []) == 0
    await store.close()
    assert files_below(folder / "blobs") == []


async def test_other_attributes_leave_bytes_and_date_as_they_are(store: Store, clock: HeldClock) -> None:
    before = await put(store, "key", b"body")
    clock.step(60)
    attributes = ObjectAttributes(headers={"content-type": "image/png"}, storage_class=StorageClass.IA)
    after = await store.set_attributes("bucket", "key", lambda _: attributes)
    assert after == msgspec.structs.replace(before, attributes=attributes)
    assert store.find("bucket", "key") == after
    assert await content(store, "key") == b"body"
    assert store.buckets.stat("bucket").counts == {StorageClass.IA: 1}
    with pytest.raises(NoSuchKey):
        await store.set_attributes("bucket", "missing", lambda _: attributes)


async def test_a_key_is_data_and_never_a_path(store: Store, folder: Path, open_store: Opener) -> None:
    keys = ["a", "a/", "a/b", "a//b", "A", "../x", "../../index.sqlite", ".", "nul\0/x", "\U0001f600" * 255, "x\n"]
    for key in keys:
        await put(store, key, key.encode())
    await store.close()
    store = await open_store()
    assert [entry.key for entry in store.list("bucket").entries] == sorted(keys, key=str.encode)
    assert [await content(store, key) for key in keys] == [key.encode() for key in keys]
    assert await delete_many(store, keys) == len(keys)
    assert files_below(folder / "buckets") == []


# --- Reading --------------------------------------------------------------------------------------------------------


async def test_pages_follow_each_other(store: Store) -> None:
    for key in ("a", "b/1", "b/2", "c"):
        await put(store, key)
    first = store.list("bucket", delimiter="/", limit=2)
    assert ([getattr(each, "key", each) for each in first.entries], first.is_truncated) == (["a", "b/"], True)
    second = store.list("bucket", delimiter="/", after=first.last, limit=2)
    assert ([getattr(each, "key", each) for each in second.entries], second.is_truncated) == (["c"], False)


async def test_readers_get_one_version_whole_while_many_write(store: Store) -> None:
    versions = {bytes([number]) * size for number, size in enumerate([10, 5_000, 70_000, 300_000])}

    async def write(body: bytes) -> None:
        for _ in range(10):
            await put(store, "key", body)
            await store.delete("bucket", "key")

    async def read() -> int:
        found = 0
        while not writing.done():
            with suppress(NoSuchKey):
                record, blob = await store.read("bucket", "key")
                with blob:
                    await asyncio.sleep(0)  # whatever happens to the key meanwhile
                    body = blob.read()
                assert body in versions
                assert (record.size, record.md5, record.crc64, record.etag) == digests(body)
                found += 1
            await asyncio.sleep(0)
        return found

    writing = asyncio.gather(*(write(body) for body in versions))
    async with asyncio.timeout(60):
        found, *_ = await asyncio.gather(read(), read(), writing)
    assert found
    assert store.find("bucket", "key") is None


async def test_who_has_been_told_of_a_change_sees_it(store: Store) -> None:
    async def client(key: str) -> None:
        for number in range(20):
            assert await put(store, key, b"%d" % number) == store.find("bucket", key)
            assert await content(store, key) == b"%d" % number
            assert await store.set_attributes("bucket", key, lambda attributes: attributes) == store.find("bucket", key)
            if number % 3 == 0:
                await store.delete("bucket", key)
                assert store.find("bucket", key) is None

    await asyncio.gather(*(client(str(number)) for number in range(8)))


async def test_no_more_rows_are_kept_in_memory_than_allowed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emulator.storage.store.MAX_CACHED_ROWS", 3)
    for number in range(6):
        record = await put(store, str(number))
        assert store.find("bucket", str(number)) == record
    assert list(store._rows) == [("bucket", str(number)) for number in (3, 4, 5)]
    assert store.find("bucket", "0")


async def test_a_key_that_is_no_text_is_not_found(store: Store) -> None:
    assert store.find("bucket", "\udcff") is None


async def test_bytes_that_somebody_has_taken_away_are_an_error(store: Store, folder: Path) -> None:
    record = await put(store, "key")
    (folder / "blobs" / record.blob[:2] / record.blob).unlink()
    with pytest.raises(FileNotFoundError):
        await store.read("bucket", "key")


# --- The whole ------------------------------------------------------------------------------------------------------


async def test_a_reset_leaves_nothing_but_the_buckets_asked_for(store: Store, folder: Path, open_store: Opener) -> None:
    await put(store, "a/key", b"old")
    assert store.find("bucket", "a/key")
    _, reader = await store.read("bucket", "a/key")
    await store.reset([Bucket("fresh", BUCKET.created), BUCKET])
    with reader:
        assert reader.read() == b"old"
    assert store.find("bucket", "a/key") is None
    assert [bucket.name for bucket in store.buckets.page()[0]] == ["bucket", "fresh"]
    assert store.buckets.stat("bucket").last_modified is None
    assert sorted(path.name for path in (folder / "buckets").iterdir()) == ["bucket", "fresh"]
    await put(store, "a/key", b"new")
    assert await content(store, "a/key") == b"new"
    await store.close()
    assert len(files_below(folder / "blobs")) == 1
    assert list((folder / "staging").iterdir()) == []
    store = await open_store()
    assert [entry.key for entry in store.list("bucket").entries] == ["a/key"]


async def test_an_upload_that_spans_a_reset_is_stored_whole(store: Store) -> None:
    async with store.stage(b"x" * 100_000, limit=1 << 20) as staged:
        await store.reset([BUCKET])
        await staged.commit("bucket", "key", attributes=PLAIN)
    assert await content(store, "key") == b"x" * 100_000


async def test_without_a_tree_nothing_is_shown_and_nothing_adopted(folder: Path, open_store: Opener) -> None:
    store = await open_store(tree=False)
    await store.buckets.create(BUCKET)
    await put(store, "key")
    shown(folder, "").mkdir(parents=True, exist_ok=True)
    shown(folder, "dropped").write_bytes(b"dropped")
    with pytest.raises(NoSuchKey):
        await store.get("bucket", "dropped")
    assert await store.adopt() == 0
    assert await content(store, "key") == b"body"
    assert files_below(folder / "buckets") == [shown(folder, "dropped")]


async def test_a_closed_store_stays_closed(store: Store) -> None:
    await store.close()
    await store.close()
    with pytest.raises(RuntimeError, match="closed"):
        await store.buckets.create(Bucket("late", BUCKET.created))
