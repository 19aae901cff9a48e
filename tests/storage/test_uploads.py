import asyncio
import os
from pathlib import Path

import pytest

from emulator.clock import Clock
from emulator.errors import (
    BucketNotEmpty,
    FileAlreadyExists,
    InsufficientStorage,
    InvalidPart,
    NoSuchBucket,
    NoSuchUpload,
    OssError,
)
from emulator.model import MultipartUpload, ObjectRecord, ObjectType, Part
from emulator.storage.digest import crc64
from emulator.storage.store import Store
from tests.storage.conftest import BUCKET, Opener
from tests.storage.words import PLAIN, content, files_below, fill_disk, put, shown, tidied

LARGE = bytes(range(256)) * 1000  # goes through a file, not through memory


async def begin(store: Store, clock: Clock, key: str = "key", *, upload_id: str = "0" * 32) -> MultipartUpload:
    upload = MultipartUpload("bucket", key, upload_id, clock.now(), PLAIN)
    await store.uploads.begin(upload)
    return upload


async def put_part(store: Store, upload: MultipartUpload, number: int, body: bytes) -> Part:
    async with store.stage(body, limit=1 << 40) as staged:
        return await staged.commit_part(upload, number)


def inode_of(store: Store, blob: str) -> int:
    found = store._blobs.stat(blob)
    assert found
    return found.st_ino


async def complete(
    store: Store, upload: MultipartUpload, parts: list[Part] | None = None, *, forbid_overwrite: bool = False
) -> ObjectRecord:
    chosen = store.uploads.parts(upload) if parts is None else parts
    return await store.uploads.complete(upload, chosen, attributes=PLAIN, forbid_overwrite=forbid_overwrite)


async def files(store: Store, folder: Path) -> list[Path]:
    """Every blob and every staged file, once the writer has tidied up."""
    await tidied(store)
    return files_below(folder / "blobs") + files_below(folder / "staging")


async def test_parts_are_joined_by_number_whatever_order_they_came_in(store: Store, clock: Clock, folder: Path) -> None:
    upload = await begin(store, clock)
    bodies = {3: b"end", 1: LARGE, 2: b"small"}
    for number, body in bodies.items():
        await put_part(store, upload, number, body)
    assert store.find("bucket", "key") is None
    record = await complete(store, upload)
    whole = LARGE + b"small" + b"end"
    assert (record.type, record.size, record.crc64, record.md5) == (
        ObjectType.MULTIPART,
        len(whole),
        crc64(whole),
        None,
    )
    assert await content(store, "key") == whole == shown(folder, "key").read_bytes()
    assert len(await files(store, folder)) == 1
    assert store.uploads.find("bucket", "key", upload.id) is None


async def test_parts_that_were_not_chosen_go(store: Store, clock: Clock, folder: Path) -> None:
    upload = await begin(store, clock)
    one, _, three = [await put_part(store, upload, number, b"%d" % number) for number in (1, 2, 3)]
    await complete(store, upload, [one, three])
    assert await content(store, "key") == b"13"
    assert len(await files(store, folder)) == 1


async def test_single_part_becomes_the_object_without_a_copy(store: Store, clock: Clock, folder: Path) -> None:
    upload = await begin(store, clock)
    part = await put_part(store, upload, 7, LARGE)
    inode = inode_of(store, part.blob)
    record = await complete(store, upload)
    assert record.etag.endswith("-1")
    assert inode_of(store, record.blob) == inode
    assert await content(store, "key") == LARGE
    assert len(await files(store, folder)) == 1


async def test_single_part_is_copied_where_files_cannot_have_two_names(
    store: Store, clock: Clock, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await begin(store, clock)
    await put_part(store, upload, 1, LARGE)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    await complete(store, upload)
    assert await content(store, "key") == LARGE
    assert len(await files(store, folder)) == 1


async def test_part_replaces_the_one_of_its_number(store: Store, clock: Clock, folder: Path) -> None:
    upload = await begin(store, clock)
    await put_part(store, upload, 1, b"old")
    new = await put_part(store, upload, 1, LARGE)
    assert store.uploads.parts(upload) == [new]
    assert len(await files(store, folder)) == 1
    await complete(store, upload)
    assert await content(store, "key") == LARGE


async def test_parts_uploaded_at_once_are_all_there(store: Store, clock: Clock) -> None:
    upload = await begin(store, clock)
    bodies = [b"%05d" % number for number in range(1, 201)]
    await asyncio.gather(*(put_part(store, upload, number, body) for number, body in enumerate(bodies, 1)))
    await complete(store, upload)
    assert await content(store, "key") == b"".join(bodies)


async def test_uploads_of_one_key_do_not_know_each_other(store: Store, clock: Clock) -> None:
    first, second = await begin(store, clock, upload_id="1" * 32), await begin(store, clock, upload_id="2" * 32)
    await put_part(store, first, 1, b"first")
    await put_part(store, second, 1, b"second")
    await complete(store, first)
    assert await content(store, "key") == b"first"
    await complete(store, second)
    assert await content(store, "key") == b"second"


async def test_upload_belongs_to_its_key(store: Store, clock: Clock) -> None:
    upload = await begin(store, clock)
    assert store.uploads.find("bucket", "other", upload.id) is None
    assert store.uploads.find("other", "key", upload.id) is None
    assert store.uploads.find("bucket", "\udcff", "\udcff") is None


async def test_aborted_upload_leaves_nothing(store: Store, clock: Clock, folder: Path) -> None:
    upload = await begin(store, clock)
    for number in (1, 2):
        await put_part(store, upload, number, LARGE)
    await store.uploads.abort(upload)
    assert await files(store, folder) == []
    for late in (store.uploads.abort(upload), put_part(store, upload, 1, b"late"), complete(store, upload, [])):
        with pytest.raises(NoSuchUpload):
            await late
    assert await files(store, folder) == []


async def test_upload_is_completed_once(store: Store, clock: Clock, folder: Path) -> None:
    upload = await begin(store, clock)
    parts = [await put_part(store, upload, number, LARGE) for number in (1, 2, 3)]
    results = await asyncio.gather(*(complete(store, upload, parts) for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(result, ObjectRecord) for result in results) == 1
    assert sum(isinstance(result, NoSuchUpload) for result in results) == 7
    assert await content(store, "key") == LARGE * 3
    assert len(await files(store, folder)) == 1


async def test_part_replaced_by_another_before_the_commit_is_refused(store: Store, clock: Clock, folder: Path) -> None:
    upload = await begin(store, clock)
    chosen = [await put_part(store, upload, number, b"old") for number in (1, 2)]
    await put_part(store, upload, 2, b"new")
    with pytest.raises(InvalidPart) as refused:
        await complete(store, upload, chosen)
    assert refused.value.elements["PartNumber"] == "2"
    await complete(store, upload)
    assert await content(store, "key") == b"oldnew"


async def test_part_sent_again_with_the_same_bytes_does_not_spoil_the_completion(store: Store, clock: Clock) -> None:
    upload = await begin(store, clock)
    chosen = [await put_part(store, upload, number, b"same") for number in (1, 2)]
    await put_part(store, upload, 2, b"same")  # an SDK that heard no answer tries again
    await complete(store, upload, chosen)
    assert await content(store, "key") == b"samesame"


async def test_existing_object_is_left_alone_when_overwriting_is_forbidden(
    store: Store, clock: Clock, folder: Path
) -> None:
    await put(store, "key", b"old")
    upload = await begin(store, clock)
    await put_part(store, upload, 1, b"new")
    with pytest.raises(FileAlreadyExists):
        await complete(store, upload, forbid_overwrite=True)
    assert len(await files(store, folder)) == 2
    assert await content(store, "key") == b"old"
    await complete(store, upload)
    assert await content(store, "key") == b"new"
    assert len(await files(store, folder)) == 1


async def test_bucket_with_an_upload_is_not_deleted(store: Store, clock: Clock) -> None:
    upload = await begin(store, clock)
    with pytest.raises(BucketNotEmpty, match="The bucket has Multipart Uploads"):
        await store.buckets.delete("bucket")
    await store.uploads.abort(upload)
    await store.buckets.delete("bucket")
    with pytest.raises(NoSuchBucket):
        await store.uploads.begin(upload)


async def test_bucket_tells_how_many_uploads_and_parts_it_has(store: Store, clock: Clock) -> None:
    upload = await begin(store, clock)
    await begin(store, clock, "other", upload_id="1" * 32)
    for number in (1, 2, 3):
        await put_part(store, upload, number, b"part")
    stat = store.buckets.stat("bucket")
    assert (stat.uploads, stat.parts, stat.counts) == (2, 3, {})


async def test_parts_come_in_pages(store: Store, clock: Clock) -> None:
    upload = await begin(store, clock)
    for number in (1, 5, 9, 10_000):
        await put_part(store, upload, number, b"part")
    assert [part.number for part in store.uploads.parts(upload, after=1, limit=2)] == [5, 9]
    assert [part.number for part in store.uploads.parts(upload, after=9)] == [10_000]


# --- Restarts and full disks ----------------------------------------------------------------------------------------


async def crash(store: Store) -> None:
    """Close the store so that the next start takes it for killed."""
    store._upkeep.is_settled = False
    await store.close()


async def swept(store: Store) -> None:
    """Wait until what earlier runs left has been swept."""
    await asyncio.to_thread(store._upkeep._sweeper.submit(lambda: None).result, 10)


@pytest.mark.parametrize("is_killed", [False, True], ids=["stopped", "killed"])
async def test_upload_goes_on_after_a_restart(
    is_killed: bool, store: Store, open_store: Opener, clock: Clock, folder: Path
) -> None:
    upload = await begin(store, clock)
    first = await put_part(store, upload, 1, LARGE)
    await (crash(store) if is_killed else store.close())
    store = await open_store()
    await swept(store)
    assert store.uploads.find("bucket", "key", upload.id) == upload
    assert store.uploads.parts(upload) == [first]
    await put_part(store, upload, 2, b"end")
    await complete(store, upload)
    assert await content(store, "key") == LARGE + b"end"


async def test_start_after_a_kill_removes_blobs_of_uploads_that_are_gone(
    store: Store, open_store: Opener, clock: Clock, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aborted, kept = await begin(store, clock), await begin(store, clock, "kept", upload_id="1" * 32)
    for upload in (aborted, kept):
        await put_part(store, upload, 1, LARGE)
    monkeypatch.setattr(store._blobs, "remove", lambda _: None)  # killed between the commit and the clean-up
    await store.uploads.abort(aborted)
    (folder / "staging" / "1-joined").write_bytes(b"half of a completion")
    await crash(store)
    assert len(files_below(folder / "blobs") + files_below(folder / "staging")) == 3
    store = await open_store()
    await swept(store)
    (part,) = store.uploads.parts(kept)
    assert await files(store, folder) == [Path(store._blobs.path(part.blob))]


async def test_reset_forgets_uploads(store: Store, clock: Clock) -> None:
    upload = await begin(store, clock)
    await put_part(store, upload, 1, b"part")
    await store.reset([BUCKET])
    assert store.uploads.find("bucket", "key", upload.id) is None
    assert store.buckets.stat("bucket").parts == 0


@pytest.mark.parametrize("body", [b"small", LARGE], ids=["small", "large"])
async def test_full_disk_leaves_the_old_part(
    body: bytes, store: Store, clock: Clock, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await begin(store, clock)
    old = await put_part(store, upload, 1, b"old")
    with monkeypatch.context() as full:
        fill_disk(full, after_bytes=0)
        with pytest.raises(InsufficientStorage):
            await put_part(store, upload, 1, body)
    assert store.uploads.parts(upload) == [old]
    assert len(await files(store, folder)) == 1


async def test_full_disk_at_completion_leaves_upload_and_object(
    store: Store, clock: Clock, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(store, "key", b"old")
    upload = await begin(store, clock)
    for number in (1, 2):
        await put_part(store, upload, number, LARGE)
    with monkeypatch.context() as full:
        fill_disk(full, after_bytes=0)
        with pytest.raises(InsufficientStorage) as refused:
            await complete(store, upload)
    assert isinstance(refused.value, OssError)
    assert await content(store, "key") == b"old"
    assert len(await files(store, folder)) == 3
    await complete(store, upload)
    assert await content(store, "key") == LARGE * 2


async def test_part_taken_out_of_the_data_directory_is_told_apart(store: Store, clock: Clock, folder: Path) -> None:
    upload = await begin(store, clock)
    parts = [await put_part(store, upload, number, b"part") for number in (1, 2)]
    store._blobs.remove(parts[1].blob)
    with pytest.raises(FileNotFoundError):
        await complete(store, upload)
    assert files_below(folder / "staging") == []
