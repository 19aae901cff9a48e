from datetime import UTC, datetime

import pytest

from emulator.errors import NoSuchKey
from emulator.storage.store import Store
from tests.conftest import HeldClock
from tests.storage.conftest import BUCKET, Opener
from tests.storage.words import PLAIN, content, put


async def test_committed_object_is_found_with_what_was_said_about_it(store: Store, clock: HeldClock) -> None:
    clock.time = datetime(2024, 6, 1, 12, 0, 0, 123999, UTC)
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
    assert store.bucket("bucket") == BUCKET
    assert store.find("bucket", "key") == record
    assert await content(store, "key") == b"kept"
