import asyncio
import errno
import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from msgspec import structs

from emulator.clock import Clock
from emulator.errors import FileAlreadyExists, InsufficientStorage, InternalError, InvalidPart, NoSuchUpload
from emulator.model import MultipartUpload, ObjectRecord, Part
from emulator.storage import assembly as assembly_module
from emulator.storage.assembly import Assembly, Slot
from emulator.storage.blobs import Blobs
from emulator.storage.digest import crc64
from emulator.storage.schema import STEPS
from emulator.storage.staged import Staged
from emulator.storage.store import Store
from tests.storage.conftest import BUCKET, Opener
from tests.storage.test_uploads import begin, complete, crash, files, inode_of, put_part, swept
from tests.storage.words import content, files_below, fill_disk, put, shown

GRID = 100_000
BODIES = {number: bytes([number]) * GRID for number in range(1, 5)} | {5: b"end"}
WHOLE = b"".join(BODIES.values())


# --- Slots ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def assembly(tmp_path: Path) -> Assembly:
    return Assembly(Blobs(tmp_path, run=1, fsync=True), 10)


def write(slot: Slot | None, data: bytes) -> Slot:
    assert slot
    slot.write(data)
    slot.finish()
    return slot


def read(assembly: Assembly) -> bytes:
    with assembly._blobs.open(assembly.blob) as blob:
        return blob.read()


def test_parts_lie_where_their_numbers_say(assembly: Assembly) -> None:
    for number, data in ((3, b"end"), (1, b"0123456789"), (2, b"abcdefghij")):
        slot = write(assembly.claim(number, len(data)), data)
        assert (slot.blob, slot.position) == (assembly.blob, 10 * (number - 1))
    assert read(assembly) == b"0123456789abcdefghijend"


def test_slot_has_one_writer_at_a_time(assembly: Assembly) -> None:
    slot = assembly.claim(1, 10)
    assert slot
    assert assembly.claim(1, 10) is None
    slot.discard()
    again = assembly.claim(1, 10)
    assert again
    slot.discard()  # it is not this one's any more
    assert assembly.claim(1, 10) is None
    again.discard()


def test_slot_whose_part_is_acknowledged_is_never_given_again(assembly: Assembly) -> None:
    slot = write(assembly.claim(1, 10), b"0123456789")
    slot.keep()
    assert assembly.claim(1, 10) is None
    slot.discard()
    assert assembly.claim(1, 10) is None


def test_slot_takes_no_more_than_its_part(assembly: Assembly) -> None:
    slot = assembly.claim(1, 5)
    assert slot
    slot.write(b"abc")
    with pytest.raises(ValueError, match="does not fit"):
        slot.write(b"def")
    slot.discard()
    assert read(assembly) == b"abc"


def test_part_that_is_wider_than_the_grid_has_no_slot(assembly: Assembly) -> None:
    assert assembly.claim(1, 11) is None


def test_slot_ends_where_files_may_end(assembly: Assembly, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembly_module, "MAX_BYTES", 25)
    assert assembly.claim(4, 1) is None
    assert assembly.claim(3, 6) is None
    slot = assembly.claim(3, 5)
    assert slot
    slot.discard()


def test_slot_is_not_had_where_no_file_can_be_opened(assembly: Assembly, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as full:
        full.setattr(os, "open", refuse)
        assert assembly.claim(1, 10) is None
    slot = assembly.claim(1, 10)
    assert slot
    slot.discard()


# --- Uploads whose parts have slots ---------------------------------------------------------------------------------


@asynccontextmanager
async def arriving(store: Store, upload: MultipartUpload, number: int, body: bytes) -> AsyncIterator[Staged]:
    """The part as it has arrived, with its length declared, and is not yet judged."""
    slot = store.uploads.claim(upload, number, len(body))
    async with store.stage(body, limit=1 << 40, slot=slot) as staged:
        yield staged


async def upload_part(store: Store, upload: MultipartUpload, number: int, body: bytes | None = None) -> Part:
    """Upload the part with its length declared, as UploadPart does."""
    body = BODIES[number] if body is None else body
    async with arriving(store, upload, number, body) as staged:
        return await staged.commit_part(upload, number)


async def upload_all(store: Store, upload: MultipartUpload, *numbers: int) -> list[Part]:
    return [await upload_part(store, upload, number) for number in numbers or BODIES]


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes each copy within the kernel moved."""
    moved: list[int] = []
    copy = os.copy_file_range

    def noted(source: int, target: int, count: int, *offsets: int) -> int:
        copied = copy(source, target, count, *offsets)
        moved.append(copied)
        return copied

    monkeypatch.setattr(os, "copy_file_range", noted)
    return moved


async def check_object(store: Store, folder: Path, record: ObjectRecord, whole: bytes = WHOLE) -> None:
    """The object is these bytes, and there is nothing beside it."""
    assert (record.size, record.crc64) == (len(whole), crc64(whole))
    assert await content(store, "key") == whole == shown(folder, "key").read_bytes()
    assert shown(folder, "key").stat().st_mode & 0o777 == 0o444
    assert await files(store, folder) == [Path(store._blobs.path(record.blob))]
    assert store.uploads._assemblies == {}
    assert store.uploads._ending == {}


@pytest.mark.parametrize("order", [(1, 2, 3, 4, 5), (2, 1, 5, 4, 3)], ids=["in order", "in any order"])
async def test_parts_become_the_object_without_a_copy(
    order: tuple[int, ...], store: Store, clock: Clock, folder: Path, copies: list[int]
) -> None:
    upload = await begin(store, clock)
    parts = await upload_all(store, upload, *order)
    (blob,) = {part.blob for part in parts}
    inode = inode_of(store, blob)
    record = await complete(store, upload)
    assert copies == []
    assert (record.blob, inode_of(store, record.blob)) == (blob, inode)
    await check_object(store, folder, record)


async def test_object_is_not_taken_for_an_edited_file(store: Store, open_store: Opener, clock: Clock) -> None:
    upload = await begin(store, clock)
    await upload_all(store, upload)
    record = await complete(store, upload)
    assert await store.adopt() == 0
    await store.close()
    store = await open_store()
    assert store.find("bucket", "key") == record
    assert await content(store, "key") == WHOLE


async def test_parts_uploaded_at_once_become_the_object(
    store: Store, clock: Clock, folder: Path, copies: list[int]
) -> None:
    upload = await begin(store, clock)
    bodies = {number: bytes([number]) * 300_000 for number in range(1, 33)}
    await asyncio.gather(*(upload_part(store, upload, number, body) for number, body in bodies.items()))
    record = await complete(store, upload)
    assert copies == []
    await check_object(store, folder, record, b"".join(bodies.values()))


async def test_part_sent_twice_at_once_is_one_of_both(store: Store, clock: Clock, folder: Path) -> None:
    upload = await begin(store, clock)
    await upload_all(store, upload, 1)
    bodies = [bytes([letter]) * GRID for letter in b"abcdefgh"]
    sent = await asyncio.gather(*(upload_part(store, upload, 2, body) for body in bodies))
    assert len({part.blob for part in sent}) == len(bodies)
    (last,) = store.uploads.parts(upload, after=1)
    await check_object(
        store, folder, await complete(store, upload), BODIES[1] + bodies[[part.md5 for part in sent].index(last.md5)]
    )


Sender = Callable[[Store, MultipartUpload], Awaitable[bytes]]


async def send_again(store: Store, upload: MultipartUpload) -> bytes:
    await upload_all(store, upload)
    await upload_part(store, upload, 2, b"x" * GRID)
    return WHOLE.replace(BODIES[2], b"x" * GRID)


async def send_odd_sizes(store: Store, upload: MultipartUpload) -> bytes:
    bodies = [b"a" * GRID, b"b" * (GRID - 1), b"c" * (GRID + 1), b"d" * GRID]
    for number, body in enumerate(bodies, 1):
        await upload_part(store, upload, number, body)
    return b"".join(bodies)


async def send_last_first(store: Store, upload: MultipartUpload) -> bytes:
    bodies = [b"a" * 2 * GRID, b"b" * 2 * GRID, b"c" * GRID]
    for number in (3, 1, 2):
        await upload_part(store, upload, number, bodies[number - 1])
    return b"".join(bodies)


async def send_small_last_first(store: Store, upload: MultipartUpload) -> bytes:
    await upload_all(store, upload, 5, 1, 2, 3, 4)
    assert [part.blob == store.uploads.parts(upload)[0].blob for part in store.uploads.parts(upload)] == [True] * 4 + [
        False
    ]
    return WHOLE


async def send_chunked(store: Store, upload: MultipartUpload) -> bytes:
    await upload_all(store, upload, 1, 2)
    assert store.uploads.claim(upload, 3, None) is None
    await put_part(store, upload, 3, BODIES[3])
    await upload_all(store, upload, 4, 5)
    return WHOLE


async def leave_a_gap(store: Store, upload: MultipartUpload) -> bytes:
    await upload_all(store, upload, 1, 3, 5)
    return BODIES[1] + BODIES[3] + BODIES[5]


async def begin_late(store: Store, upload: MultipartUpload) -> bytes:
    await upload_all(store, upload, 3)
    return BODIES[3]


@pytest.mark.parametrize(
    "send",
    [send_again, send_odd_sizes, send_last_first, send_small_last_first, send_chunked, leave_a_gap, begin_late],
    ids=lambda send: send.__name__.replace("_", " "),
)
async def test_parts_that_do_not_lie_as_the_object_needs_them_are_copied(
    send: Sender,
    store: Store,
    clock: Clock,
    folder: Path,
    copies: list[int],
) -> None:
    upload = await begin(store, clock)
    whole = await send(store, upload)
    record = await complete(store, upload)
    assert sum(copies) == len(whole)
    await check_object(store, folder, record, whole)


async def test_parts_that_were_not_chosen_are_not_in_the_object(
    store: Store, clock: Clock, folder: Path, copies: list[int]
) -> None:
    upload = await begin(store, clock)
    parts = await upload_all(store, upload)
    record = await complete(store, upload, parts[:2])
    assert sum(copies) == 2 * GRID
    await check_object(store, folder, record, BODIES[1] + BODIES[2])


async def test_slot_of_a_part_that_failed_takes_the_next_try(
    store: Store, clock: Clock, folder: Path, copies: list[int]
) -> None:
    upload = await begin(store, clock)
    await upload_all(store, upload, 1)
    for body in (b"garbage" * 10_000, b"garbage"):
        async with arriving(store, upload, 2, body):
            pass  # its digest was another
    await upload_all(store, upload, 2, 3, 4, 5)
    record = await complete(store, upload)
    assert copies == []
    await check_object(store, folder, record)


async def test_what_a_part_that_failed_left_is_not_in_the_object(store: Store, clock: Clock, folder: Path) -> None:
    upload = await begin(store, clock)
    await upload_all(store, upload, 1, 2)
    async with arriving(store, upload, 3, b"garbage" * 10_000):
        pass
    await check_object(store, folder, await complete(store, upload), BODIES[1] + BODIES[2])


@pytest.mark.parametrize("body", [BODIES[2], b"small"], ids=["large", "small"])
@pytest.mark.parametrize("others", [(1,), (1, 3)], ids=["behind the object", "amid the object"])
async def test_part_that_is_arriving_at_the_completion_does_not_change_the_object(
    body: bytes, others: tuple[int, ...], store: Store, clock: Clock, folder: Path, copies: list[int]
) -> None:
    upload = await begin(store, clock)
    parts = await upload_all(store, upload, *others)
    whole = b"".join(BODIES[number] for number in others)
    async with arriving(store, upload, 2, body) as late:
        record = await complete(store, upload, parts)
        assert sum(copies) == len(whole)
        with pytest.raises(NoSuchUpload):
            await late.commit_part(upload, 2)
    await check_object(store, folder, record, whole)


async def test_no_slot_is_had_while_an_upload_is_being_completed(
    store: Store, clock: Clock, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await begin(store, clock)
    await upload_all(store, upload)
    claimed: list[Slot | None] = []
    do = store._writer.do

    async def claim_first(job: object) -> object:
        claimed.append(store.uploads.claim(upload, 6, GRID))
        return await do(job)  # type: ignore[arg-type]

    monkeypatch.setattr(store._writer, "do", claim_first)
    await complete(store, upload)
    assert claimed == [None]
    assert store.uploads.claim(upload, 6, GRID) is None  # nor afterwards
    assert store.uploads._assemblies == {}


async def test_cancelled_completion_goes_on_and_no_slot_is_had(
    store: Store, clock: Clock, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await begin(store, clock)
    await upload_all(store, upload)
    is_queued = asyncio.Event()
    do = store._writer.do

    async def tell(job: object) -> object:
        is_queued.set()
        return await do(job)  # type: ignore[arg-type]

    with monkeypatch.context() as told:
        told.setattr(store._writer, "do", tell)
        completion = asyncio.ensure_future(complete(store, upload))
        await is_queued.wait()
        completion.cancel()
        with pytest.raises(asyncio.CancelledError):
            await completion
    assert store.uploads.claim(upload, 6, GRID) is None
    await files(store, folder)
    assert await content(store, "key") == WHOLE
    assert store.uploads.leave_litter  # as far as it knows: the next start looks, and leaves the object alone


async def test_upload_goes_on_after_a_refused_completion(
    store: Store, clock: Clock, folder: Path, copies: list[int]
) -> None:
    await put(store, "key", b"old")
    upload = await begin(store, clock)
    parts = await upload_all(store, upload, 1, 2, 3)
    with pytest.raises(FileAlreadyExists):
        await complete(store, upload, forbid_overwrite=True)
    with pytest.raises(InvalidPart):
        await complete(store, upload, [*parts[:2], structs.replace(parts[2], md5=b"other than that")])
    assert await content(store, "key") == b"old"
    await upload_all(store, upload, 4, 5)
    copies.clear()
    record = await complete(store, upload)
    assert copies == []
    await check_object(store, folder, record)


async def test_upload_is_completed_once_into_what_its_parts_are(store: Store, clock: Clock, folder: Path) -> None:
    upload = await begin(store, clock)
    parts = await upload_all(store, upload)

    async def complete_and_delete() -> None:
        await complete(store, upload, parts)
        await store.delete("bucket", "key")

    results = await asyncio.gather(*(complete_and_delete() for _ in range(8)), return_exceptions=True)
    assert sum(result is None for result in results) == 1
    assert sum(isinstance(result, NoSuchUpload) for result in results) == 7
    assert await files(store, folder) == []


async def test_part_sent_again_with_the_same_bytes_while_the_upload_is_completed(
    store: Store, clock: Clock, folder: Path
) -> None:
    upload = await begin(store, clock)
    chosen = await upload_all(store, upload)
    await upload_part(store, upload, 2)  # an SDK that heard no answer tries again
    await check_object(store, folder, await complete(store, upload, chosen))


async def test_part_sent_again_frees_nothing_that_others_need(store: Store, clock: Clock, folder: Path) -> None:
    upload = await begin(store, clock)
    for _ in range(2):
        await upload_all(store, upload, 1)  # the second has a blob of its own, and no row names the first any more
    await upload_all(store, upload, 2, 3)
    assert len(await files(store, folder)) == 2
    await check_object(store, folder, await complete(store, upload), BODIES[1] + BODIES[2] + BODIES[3])


async def test_aborted_upload_leaves_nothing_of_its_assembly(store: Store, clock: Clock, folder: Path) -> None:
    upload = await begin(store, clock)
    await upload_all(store, upload, 1, 2)
    async with arriving(store, upload, 3, BODIES[3]) as late:
        await store.uploads.abort(upload)
        assert await files(store, folder) == []
        with pytest.raises(NoSuchUpload):
            await late.commit_part(upload, 3)
    assert store.uploads.claim(upload, 4, GRID) is None
    assert await files(store, folder) == []
    assert store.uploads._assemblies == {}


@pytest.mark.parametrize("is_killed", [False, True], ids=["stopped", "killed"])
async def test_upload_in_slots_goes_on_after_a_restart(
    is_killed: bool, store: Store, open_store: Opener, clock: Clock, folder: Path
) -> None:
    upload = await begin(store, clock)
    parts = await upload_all(store, upload, 1, 2)
    await (crash(store) if is_killed else store.close())
    store = await open_store()
    await swept(store)
    assert store.uploads.parts(upload) == parts
    await upload_part(store, upload, 2, b"x" * GRID)
    await upload_all(store, upload, 3, 4, 5)
    await check_object(store, folder, await complete(store, upload), WHOLE.replace(BODIES[2], b"x" * GRID))


async def test_assembly_of_an_earlier_run_goes_with_its_last_part(
    store: Store, open_store: Opener, clock: Clock, folder: Path
) -> None:
    upload = await begin(store, clock)
    await upload_all(store, upload, 1, 2)
    await store.close()
    store = await open_store()
    await put_part(store, upload, 1, b"new")
    assert len(await files(store, folder)) == 2
    await put_part(store, upload, 2, b"new")
    assert len(await files(store, folder)) == 2
    await store.uploads.abort(upload)
    assert await files(store, folder) == []


async def test_single_part_of_an_earlier_run_does_not_leave_a_writable_object(
    store: Store, open_store: Opener, clock: Clock, folder: Path
) -> None:
    upload = await begin(store, clock)
    await upload_all(store, upload, 1)
    await store.close()
    store = await open_store()
    await check_object(store, folder, await complete(store, upload), BODIES[1])


@pytest.mark.parametrize("is_killed", [False, True], ids=["stopped", "killed"])
async def test_start_removes_an_assembly_without_parts(
    is_killed: bool, store: Store, open_store: Opener, clock: Clock, folder: Path
) -> None:
    upload = await begin(store, clock)
    async with arriving(store, upload, 1, BODIES[1]):
        pass
    await (crash(store) if is_killed else store.close())
    assert len(files_below(folder / "blobs")) == 1
    store = await open_store()
    await swept(store)
    assert files_below(folder / "blobs") == []
    await upload_all(store, upload)
    await check_object(store, folder, await complete(store, upload))


async def test_reset_forgets_what_arrives(store: Store, clock: Clock, folder: Path) -> None:
    upload = await begin(store, clock)
    await upload_all(store, upload, 1)
    async with arriving(store, upload, 2, BODIES[2]) as late:
        await store.reset([BUCKET])
        with pytest.raises(NoSuchUpload):
            await late.commit_part(upload, 2)
    assert store.uploads.claim(upload, 3, GRID) is None
    assert files_below(folder / "blobs") == []
    assert not store.uploads.leave_litter


async def test_snapshot_keeps_the_parts_that_it_found(
    store: Store, clock: Clock, folder: Path, copies: list[int]
) -> None:
    upload = await begin(store, clock)
    await upload_all(store, upload, 1, 2)
    await store.take_snapshot("half")
    await upload_all(store, upload, 3, 4)
    await upload_part(store, upload, 2, b"x" * GRID)
    await store.snapshots.restore("half")
    assert [part.size for part in store.uploads.parts(upload)] == [GRID, GRID]
    await upload_all(store, upload, 3, 4, 5)
    copies.clear()
    record = await complete(store, upload)
    assert sum(copies) == len(WHOLE)
    await swept(store)
    await check_object(store, folder, record)


async def test_part_whose_assembly_a_restore_took_away_is_refused(store: Store, clock: Clock, folder: Path) -> None:
    upload = await begin(store, clock)
    await upload_all(store, upload, 1)
    await store.take_snapshot("begun")
    async with arriving(store, upload, 2, BODIES[2]) as late:
        await store.snapshots.restore("begun")
        with pytest.raises(InternalError) as refused:
            await late.commit_part(upload, 2)
    assert refused.value.hint == "A snapshot was restored while part 2 was being uploaded; send it again."
    await upload_all(store, upload, 2)
    await swept(store)
    await check_object(store, folder, await complete(store, upload), BODIES[1] + BODIES[2])


async def test_completion_whose_parts_a_restore_replaced_is_refused(
    store: Store, clock: Clock, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await begin(store, clock)
    await upload_all(store, upload)
    await store.take_snapshot("whole")
    put_object = store.uploads._put

    async def restore_first(*args: object, **options: object) -> ObjectRecord:
        await store.snapshots.restore("whole")
        return await put_object(*args, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as late:
        late.setattr(store.uploads, "_put", restore_first)
        with pytest.raises(InternalError, match="oss@service"):
            await complete(store, upload)
    record = await complete(store, upload)
    await swept(store)
    await check_object(store, folder, record)


@pytest.mark.parametrize("number", [2, 5], ids=["large", "small"])
async def test_full_disk_leaves_the_slot_to_the_next_try(
    number: int, store: Store, clock: Clock, folder: Path, monkeypatch: pytest.MonkeyPatch, copies: list[int]
) -> None:
    upload = await begin(store, clock)
    await upload_all(store, upload, *{1, 2, 3, 4, 5} - {number})
    with monkeypatch.context() as full:
        fill_disk(full, after_bytes=1)
        with pytest.raises(InsufficientStorage):
            await upload_all(store, upload, number)
    assert number not in [part.number for part in store.uploads.parts(upload)]
    await upload_all(store, upload, number)
    record = await complete(store, upload)
    assert copies == []
    await check_object(store, folder, record)


async def test_completion_of_slots_needs_no_room(
    store: Store, clock: Clock, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await begin(store, clock)
    await upload_all(store, upload)
    with monkeypatch.context() as full:
        fill_disk(full, after_bytes=0)
        record = await complete(store, upload)
    await check_object(store, folder, record)


async def test_upload_under_way_is_completed_after_an_update(
    store: Store, open_store: Opener, clock: Clock, folder: Path
) -> None:
    upload = await begin(store, clock)
    for number in (1, 2):
        await put_part(store, upload, number, BODIES[number])
    await store.close()
    with closing(sqlite3.connect(folder / "index.sqlite")) as connection:  # as the emulator before this one left it
        connection.executescript("DROP TABLE past; ALTER TABLE live DROP COLUMN version;")
        connection.executescript("ALTER TABLE bucket DROP COLUMN versioning;")
        connection.executescript("ALTER TABLE part DROP COLUMN position; PRAGMA user_version = 2;")
    store = await open_store()
    with closing(sqlite3.connect(folder / "index.sqlite")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(STEPS),)
    assert [part.position for part in store.uploads.parts(upload)] == [0, 0]
    await upload_all(store, upload, 3, 4, 5)
    await check_object(store, folder, await complete(store, upload))


@pytest.mark.parametrize("number", [1, 5], ids=["large", "small"])
async def test_acknowledged_part_outlives_a_power_cut(
    number: int, open_store: Opener, clock: Clock, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store("power")
    await store.buckets.create(BUCKET)
    upload = await begin(store, clock)
    await upload_all(store, upload, 2)
    synced: list[Path] = []
    fsync = os.fsync

    def noted(fd: int) -> None:
        synced.append(Path(f"/proc/self/fd/{fd}").readlink())
        fsync(fd)

    monkeypatch.setattr(os, "fsync", noted)
    part = await upload_part(store, upload, number)
    path = Path(store._blobs.path(part.blob))
    assert synced == [path, path.parent]
