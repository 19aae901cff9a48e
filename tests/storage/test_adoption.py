"""What people do to files in the tree, and what becomes of the objects."""

import asyncio
import logging
import os
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec import structs

from emulator.errors import FileAlreadyExists, NoSuchKey
from emulator.model import StorageClass
from emulator.storage.digest import digests
from emulator.storage.store import Store
from tests.conftest import HeldClock
from tests.storage.conftest import BUCKET, Opener
from tests.storage.words import PLAIN, content, files_below, put, shown


def drop(folder: Path, key: str, body: bytes = b"dropped") -> Path:
    """Put a file into the tree by hand, where a file of that name is replaced as editors do."""
    path = shown(folder, key)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name("draft~")
    draft.write_bytes(body)
    return draft.replace(path)


def keys(store: Store) -> list[str]:
    return [entry if isinstance(entry, str) else entry.key for entry in store.list("bucket").entries]


# --- Dropped --------------------------------------------------------------------------------------------------------


async def test_a_dropped_file_is_an_object_at_its_first_get(store: Store, folder: Path, clock: HeldClock) -> None:
    drop(folder, "a/photo.jpg", b"bytes")
    assert keys(store) == []
    record = await store.get("bucket", "a/photo.jpg")
    assert (record.size, record.md5, record.crc64, record.etag) == digests(b"bytes")
    assert record.attributes.headers == {"content-type": "image/jpeg"}
    assert record.last_modified == clock.now()
    assert await content(store, "a/photo.jpg") == b"bytes"
    assert keys(store) == ["a/photo.jpg"]
    assert store.buckets.stat("bucket").sizes == {StorageClass.STANDARD: 5}


async def test_dropped_files_are_objects_after_adopt(store: Store, folder: Path) -> None:
    await put(store, "known")
    dropped = [f"{number % 3}/{number}" for number in range(40)]
    for key in dropped:
        drop(folder, key, key.encode())
    assert await store.adopt() == 40
    assert keys(store) == sorted([*dropped, "known"])
    assert [await content(store, key) for key in dropped] == [key.encode() for key in dropped]
    assert await store.adopt() == 0


async def test_dropped_files_are_objects_after_a_start(store: Store, folder: Path, open_store: Opener) -> None:
    await store.close()
    drop(folder, "dropped")
    store = await open_store()
    assert keys(store) == ["dropped"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param("a.txt", "text/plain", id="by its name"),
        pytest.param("a.tar.gz", "application/gzip", id="compressed"),
        pytest.param("a.txt.bz2", "application/octet-stream", id="compressed otherwise"),
        pytest.param("a", "application/octet-stream", id="nothing known"),
        pytest.param("a.txt/b", "application/octet-stream", id="a folder's name says nothing"),
    ],
)
async def test_the_content_type_is_guessed(store: Store, folder: Path, name: str, kind: str) -> None:
    drop(folder, name)
    assert (await store.get("bucket", name)).attributes.headers == {"content-type": kind}


async def test_a_dropped_file_gets_the_storage_class_of_its_bucket(store: Store, folder: Path) -> None:
    await store.buckets.update("bucket", lambda bucket: structs.replace(bucket, storage_class=StorageClass.IA))
    drop(folder, "key")
    assert (await store.get("bucket", "key")).attributes.storage_class is StorageClass.IA


async def test_a_dropped_file_takes_its_key(store: Store, folder: Path) -> None:
    drop(folder, "key")
    async with store.stage(b"body", limit=100) as staged:
        with pytest.raises(FileAlreadyExists):
            await staged.commit("bucket", "key", attributes=PLAIN, forbid_overwrite=True)
    assert await content(store, "key") == b"dropped"


async def test_an_upload_and_a_deletion_win_over_a_dropped_file(store: Store, folder: Path) -> None:
    for key in ("put", "deleted"):
        drop(folder, key)
    await put(store, "put", b"uploaded")
    assert not (await store.delete("bucket", "deleted")).found
    assert await store.adopt() == 0
    assert keys(store) == ["put"]
    assert shown(folder, "put").read_bytes() == b"uploaded"
    assert not shown(folder, "deleted").exists()


async def test_a_file_is_adopted_once_by_whoever_asks(store: Store, folder: Path) -> None:
    drop(folder, "key")
    records = await asyncio.gather(*(store.get("bucket", "key") for _ in range(20)), store.adopt())
    assert len({record.blob for record in records[:-1]}) == 1
    await store.close()
    assert len(files_below(folder / "blobs")) == 1


async def test_links_and_pipes_are_never_objects(
    store: Store, folder: Path, open_store: Opener, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    shown(folder, "link").symlink_to(outside / "secret")
    shown(folder, "folder").symlink_to(outside)
    os.mkfifo(shown(folder, "pipe"))
    for key in ("link", "folder", "folder/secret", "pipe"):
        with pytest.raises(NoSuchKey):
            await store.get("bucket", key)
    assert await store.adopt() == 0
    await store.close()
    store = await open_store()
    assert keys(store) == []
    assert files_below(folder / "blobs") == []
    assert (outside / "secret").stat().st_nlink == 1


async def test_a_file_with_a_name_outside_is_adopted_and_followed(store: Store, folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"first")
    shown(folder, "key").hardlink_to(outside)
    assert await content(store, "key") == b"first"
    assert os.access(outside, os.W_OK)
    outside.write_bytes(b"second")
    assert await content(store, "key") == b"second"
    await put(store, "key", b"uploaded")
    assert outside.read_bytes() == b"second"


@pytest.mark.parametrize("when", ["taken", "measured"])
async def test_a_file_that_cannot_be_had_is_left_alone_with_a_warning(
    store: Store,
    folder: Path,
    when: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    path = drop(folder, "key")
    drop(folder, "other")
    with monkeypatch.context() as patched:
        patched.setattr(*((os, "link") if when == "taken" else (os, "pread")), refuse)
        with pytest.raises(NoSuchKey):
            await store.get("bucket", "key")
        assert await store.adopt() == 0
    assert "bucket/key cannot be what the object is: [Errno 1] Operation not permitted" in caplog.text
    assert path.read_bytes() == b"dropped"
    assert files_below(folder / "blobs") == []
    assert await store.adopt() == 2


# --- Edited, replaced, taken away -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["at a GET", "by adopt", "at a start"])
async def test_a_replaced_file_is_the_object(store: Store, folder: Path, open_store: Opener, how: str) -> None:
    await put(store, "key", b"uploaded")
    [old] = files_below(folder / "blobs")
    drop(folder, "key", b"replaced by an editor")
    if how == "at a GET":
        assert await content(store, "key") == b"replaced by an editor"
    elif how == "by adopt":
        assert await store.adopt() == 1
    else:
        await store.close()
        store = await open_store()
    record = store.find("bucket", "key")
    assert record
    assert (record.size, record.etag) == (21, digests(b"replaced by an editor").etag)
    assert record.attributes == PLAIN
    await store.close()
    assert not old.exists()
    assert len(files_below(folder / "blobs")) == 1


@pytest.mark.parametrize(
    "body", [pytest.param(b"longer than it was", id="other size"), pytest.param(b"EDITED!!", id="same size")]
)
@pytest.mark.parametrize("how", ["at a GET", "by adopt", "at a start"])
async def test_an_edited_file_is_hashed_again(
    store: Store, folder: Path, open_store: Opener, how: str, body: bytes
) -> None:
    await put(store, "key", b"uploaded")
    path = shown(folder, "key")
    path.chmod(0o644)
    path.write_bytes(body)
    os.utime(path, ns=(0, 1_700_000_000_000_000_000))
    if how == "at a GET":
        assert await content(store, "key") == body
    elif how == "by adopt":
        assert await store.adopt() == 1
    else:
        await store.close()
        store = await open_store()
    record = store.find("bucket", "key")
    assert record
    assert (record.size, record.md5, record.crc64, record.etag) == digests(body)
    assert record.attributes == PLAIN
    assert await store.adopt() == 0


async def test_a_file_whose_writer_goes_on_is_followed(store: Store, folder: Path) -> None:
    path = shown(folder, "log")
    with path.open("wb", buffering=0) as writing:
        writing.write(b"one")
        assert await content(store, "log") == b"one"
        writing.write(b" two")
        assert await content(store, "log") == b"one two"


async def test_an_object_whose_file_is_taken_away_is_there_and_shown_again_by_the_next_upload(
    store: Store, folder: Path
) -> None:
    await put(store, "a/key", b"body")
    shown(folder, "a/key").unlink()
    shown(folder, "a").rmdir()
    assert await content(store, "a/key") == b"body"
    assert await store.adopt() == 0
    await put(store, "a/key", b"again")
    assert shown(folder, "a/key").read_bytes() == b"again"


async def test_a_deleted_object_does_not_come_back(store: Store, folder: Path, open_store: Opener) -> None:
    for key in ("a", "b/c"):
        await put(store, key)
    await store.versions.delete("bucket", [("a", None), ("b/c", None)])
    assert list(shown(folder, "").iterdir()) == []
    assert await store.adopt() == 0
    await store.close()
    store = await open_store()
    assert keys(store) == []


async def test_files_in_the_folder_of_a_deleted_bucket_stay_and_belong_to_the_next_of_its_name(
    store: Store, folder: Path
) -> None:
    path = drop(folder, "key")
    await store.buckets.delete("bucket")
    assert path.exists()
    assert await store.adopt() == 0
    await store.buckets.create(BUCKET)
    assert await store.adopt() == 1
    assert keys(store) == ["key"]


async def test_readers_and_writers_of_one_key_never_take_a_link_for_a_dropped_file(
    store: Store, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bodies = {str(number).encode() * 50 for number in range(10)}

    async def write() -> None:
        for body in sorted(bodies):
            await put(store, "key", body)
            await store.delete("bucket", "key")

    async def read() -> None:
        while not writing.done():
            with suppress(NoSuchKey):
                assert await content(store, "key") in bodies
            await asyncio.sleep(0)  # what is at hand is read without a pause

    async def adopt() -> None:
        while not writing.done():
            await store.adopt()

    writing = asyncio.gather(*(write() for _ in range(4)))
    async with asyncio.timeout(30):
        await asyncio.gather(writing, adopt(), *(read() for _ in range(4)))
    assert keys(store) == []
    assert not shown(folder, "key").exists()
    assert [entry for entry in caplog.records if entry.levelno >= logging.WARNING] == []
    await store.close()
    assert files_below(folder / "blobs") == []
