import asyncio
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from emulator.errors import InsufficientStorage, NoSuchBucket, ObjectNotAppendable, PositionNotEqualToLength
from emulator.model import ObjectAttributes, ObjectRecord, ObjectType
from emulator.storage.appendables import NEXT_POSITION, check_position
from emulator.storage.digest import crc64
from emulator.storage.store import Store
from tests.conftest import HeldClock
from tests.storage.conftest import Opener
from tests.storage.test_uploads import crash
from tests.storage.words import PLAIN, content, files_below, fill_disk, put, shown, tidied

LARGE = bytes(range(256)) * 1000  # goes through a file, not through memory


async def append(
    store: Store, position: int, body: bytes, key: str = "log", attributes: ObjectAttributes = PLAIN
) -> ObjectRecord:
    async with store.stage(body, limit=1 << 40) as staged:
        return await staged.append("bucket", key, position, attributes=attributes)


def blob(store: Store, key: str = "log") -> Path:
    record = store.find("bucket", key)
    assert record
    return Path(store._blobs.path(record.blob))


async def test_object_grows_by_small_and_large_appends(store: Store, folder: Path) -> None:
    whole = b""
    for body in (b"one\n", LARGE, b"", b"two\n", LARGE + b"!"):
        record = await append(store, len(whole), body)
        whole += body
        assert (record.size, record.crc64, record.type) == (len(whole), crc64(whole), ObjectType.APPENDABLE)
        assert (record.md5, record.etag[24:]) == (None, "00000000")
        assert await content(store, "log") == whole == shown(folder, "log").read_bytes()
    assert len(files_below(folder / "blobs")) == 1
    assert files_below(folder / "staging") == []


async def test_every_append_gives_another_etag(store: Store, clock: HeldClock) -> None:
    etags = set()
    for position in range(3):
        clock.step(1)
        etags.add((await append(store, position, b"x")).etag)
    assert len(etags) == 3


async def test_empty_append_begins_an_object(store: Store) -> None:
    assert (await append(store, 0, b"")).size == 0
    assert (await append(store, 0, b"first")).size == 5
    assert await content(store, "log") == b"first"


async def test_attributes_are_those_of_the_first_append(store: Store) -> None:
    await append(store, 0, b"a")
    record = await append(store, 1, b"b", attributes=ObjectAttributes(headers={"content-type": "image/png"}))
    assert record.attributes == PLAIN


async def test_reader_gets_the_length_that_it_saw(store: Store) -> None:
    await append(store, 0, b"seen")
    record, opened = await store.read("bucket", "log")
    with opened:
        await append(store, 4, b" and not seen")
        assert os.pread(opened.fileno(), record.size, 0) == b"seen"
    record, opened = await store.read("bucket", "log")
    opened.close()
    assert record.size == 17


@pytest.mark.parametrize(
    ("length", "position", "expected"),
    [
        pytest.param(None, 0, None, id="begins"),
        pytest.param(None, 1, "0", id="begins in the middle"),
        pytest.param(5, 5, None, id="at the end"),
        pytest.param(5, 0, "5", id="at the beginning"),
        pytest.param(5, 6, "5", id="beyond the end"),
        pytest.param(0, 0, None, id="to an empty object"),
    ],
)
def test_position_must_be_where_the_object_ends(length: int | None, position: int, expected: str | None) -> None:
    kept = None if length is None else record(length, ObjectType.APPENDABLE)
    if expected is None:
        check_position(kept, position)
        return
    with pytest.raises(PositionNotEqualToLength) as refused:
        check_position(kept, position)
    assert refused.value.headers == {NEXT_POSITION: expected}


@pytest.mark.parametrize("position", [0, 5, 7])
@pytest.mark.parametrize("kind", [ObjectType.NORMAL, ObjectType.MULTIPART, ObjectType.SYMLINK])
def test_object_of_another_type_is_refused_whatever_the_position(kind: ObjectType, position: int) -> None:
    with pytest.raises(ObjectNotAppendable):
        check_position(record(5, kind), position)


def record(size: int, kind: ObjectType) -> ObjectRecord:
    time = datetime(2024, 2, 29, tzinfo=UTC)
    return ObjectRecord("bucket", "log", "00-1-0", size, "E" * 32, None, 0, time, kind, PLAIN)


@pytest.mark.parametrize("size", [10, 100_000], ids=["small", "large"])
async def test_one_of_many_appends_at_a_position_wins(size: int, store: Store, folder: Path) -> None:
    whole = b""
    for turn in range(4):
        bodies = [bytes([turn * 16 + number]) * size for number in range(16)]
        tries = [append(store, len(whole), body) for body in bodies]
        results = await asyncio.gather(*tries, return_exceptions=True)
        (winner,) = [number for number, result in enumerate(results) if isinstance(result, ObjectRecord)]
        losers = [result for result in results if isinstance(result, PositionNotEqualToLength)]
        assert [loser.headers for loser in losers] == [{NEXT_POSITION: str(len(whole) + size)}] * 15
        whole += bodies[winner]
        assert await content(store, "log") == whole
    assert len(files_below(folder / "blobs")) == 1
    assert files_below(folder / "staging") == []


@pytest.mark.parametrize("size", [10, 100_000], ids=["small", "large"])
async def test_append_to_what_is_deleted_or_replaced_meanwhile_is_refused(
    size: int, store: Store, folder: Path
) -> None:
    refusals = 0
    for turn in range(30):
        await append(store, 0, b"head")
        change = store.delete("bucket", "log") if turn % 2 else put(store, "log", b"replaced")
        _, result = await asyncio.gather(change, append(store, 4, b"x" * size), return_exceptions=True)
        if isinstance(result, BaseException):
            assert isinstance(result, PositionNotEqualToLength | ObjectNotAppendable), result
            refusals += 1
        if turn % 2 == 0:
            assert await content(store, "log") == b"replaced"
        await store.delete("bucket", "log")
    assert refusals
    await tidied(store)
    assert files_below(folder / "blobs") == files_below(folder / "staging") == []


async def test_blob_that_goes_right_before_the_append_is_no_failure(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await append(store, 0, b"head")
    old = store.find("bucket", "log")
    await put(store, "log", b"replaced")
    looked = [old]

    async def look(bucket: str, key: str) -> ObjectRecord | None:
        return looked.pop() if looked else store.find(bucket, key)

    monkeypatch.setattr(store.appendables, "_look", look)  # as if it had been asked right before the replacement
    with pytest.raises(ObjectNotAppendable):
        await append(store, 4, b"tail")
    assert await content(store, "log") == b"replaced"


async def test_cancelled_append_is_done_or_not_but_never_torn(store: Store) -> None:
    await append(store, 0, b"head")
    task = asyncio.create_task(append(store, 4, LARGE))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    found = await store.look("bucket", "log")
    assert found
    position = found.size
    while True:  # the lock is held until the cancelled one is through
        try:
            await append(store, position, b"tail")
            break
        except PositionNotEqualToLength as refused:
            position = int(refused.headers[NEXT_POSITION])
    assert await content(store, "log") in (b"headtail", b"head" + LARGE + b"tail")


async def test_append_into_a_missing_bucket_is_refused(store: Store, folder: Path) -> None:
    async with store.stage(LARGE, limit=1 << 40) as staged:
        with pytest.raises(NoSuchBucket):
            await staged.append("missing", "log", 0, attributes=PLAIN)
    assert files_below(folder / "staging") == []


async def test_growing_blob_may_be_written_to_and_others_not(store: Store, folder: Path) -> None:
    await append(store, 0, b"log")
    await put(store, "plain", b"plain")
    assert stat.S_IMODE(shown(folder, "log").stat().st_mode) == 0o644
    assert stat.S_IMODE(shown(folder, "plain").stat().st_mode) == 0o444


@pytest.mark.parametrize("body", [b"small", LARGE], ids=["small", "large"])
async def test_full_disk_leaves_the_object_as_it_was(
    body: bytes, store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await append(store, 0, b"head")
    with monkeypatch.context() as full:
        fill_disk(full, after_bytes=0)
        with pytest.raises(InsufficientStorage):
            await append(store, 4, body)
    assert store.find("bucket", "log") == before
    assert await content(store, "log") == b"head"
    await append(store, 4, body)
    assert await content(store, "log") == b"head" + body


async def test_full_disk_at_the_first_append_leaves_nothing(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_disk(monkeypatch, after_bytes=2)
    with pytest.raises(InsufficientStorage):
        await append(store, 0, b"head")
    assert store.find("bucket", "log") is None
    assert files_below(folder / "blobs") == []


# --- What a kill leaves ---------------------------------------------------------------------------------------------


async def test_tail_that_no_row_counts_is_not_served_and_is_no_edit(store: Store) -> None:
    before = await append(store, 0, b"head")
    with blob(store).open("ab") as file:
        file.write(b"torn")
    record, opened = await store.read("bucket", "log")
    with opened:
        assert (record, os.pread(opened.fileno(), record.size, 0)) == (before, b"head")
    assert await store.adopt() == 0
    await append(store, 4, b"tail")
    assert blob(store).read_bytes() == b"headtail"


async def test_start_after_a_kill_cuts_off_what_no_row_counts(store: Store, open_store: Opener) -> None:
    before = await append(store, 0, b"head")
    with blob(store).open("ab") as file:
        file.write(b"torn")
    await crash(store)
    store = await open_store()
    assert store.find("bucket", "log") == before
    assert blob(store).read_bytes() == b"head"
    await append(store, 4, b"tail")
    assert await content(store, "log") == b"headtail"


async def test_blob_that_lost_bytes_is_measured_again(store: Store) -> None:
    await append(store, 0, b"head")
    os.truncate(blob(store), 2)
    record, opened = await store.read("bucket", "log")
    with opened:
        assert (record.size, record.type, opened.read()) == (2, ObjectType.NORMAL, b"he")


async def test_append_to_a_blob_that_lost_bytes_is_told_what_it_is_now(store: Store) -> None:
    await append(store, 0, b"head")
    os.truncate(blob(store), 2)
    with pytest.raises(ObjectNotAppendable):
        await append(store, 4, b"tail")
    assert await content(store, "log") == b"he"


async def test_copy_of_a_growing_object_has_bytes_of_its_own(store: Store) -> None:
    source = await append(store, 0, b"head")
    _, opened = await store.read("bucket", "log")
    with opened:
        await append(store, 4, b"tail")
        async with store.stage_copy(source, opened, offset=0, count=4, needs_md5=False) as staged:
            copy = await staged.commit("bucket", "copy", attributes=PLAIN)
    await append(store, 8, b"more")
    assert copy.md5 is not None
    assert await content(store, "copy") == b"head"
    assert await content(store, "log") == b"headtailmore"


async def test_an_append_takes_back_nothing_that_was_said_about_the_object_meanwhile(store: Store) -> None:
    await append(store, 0, b"hello")
    tagged = ObjectAttributes(tags={"k": "v"})
    appending = asyncio.create_task(append(store, 5, b" you"))
    changing = asyncio.create_task(store.set_attributes("bucket", "log", lambda _: tagged))
    await asyncio.gather(appending, changing)
    record = store.find("bucket", "log")
    assert record
    assert (record.size, record.attributes) == (9, tagged)
