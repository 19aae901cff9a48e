import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from emulator.errors import BucketAlreadyExists, BucketNotEmpty, NoSuchBucket
from emulator.model import Bucket, StorageClass
from emulator.storage.store import Store
from tests.storage.conftest import BUCKET, Opener
from tests.storage.words import put


async def test_buckets_are_made_changed_and_deleted(store: Store) -> None:
    await store.buckets.create(Bucket("a", BUCKET.created))
    changed = Bucket("a", BUCKET.created, storage_class=StorageClass.IA)
    assert await store.buckets.update("a", lambda _: changed) == changed
    assert store.buckets.get("a") == changed
    assert store.buckets.page() == ([changed, BUCKET], False)
    await store.buckets.delete("a")
    assert store.buckets.page() == ([BUCKET], False)
    with pytest.raises(NoSuchBucket):
        store.buckets.get("a")


async def test_a_bucket_that_many_change_at_once_has_all_their_changes(store: Store, open_store: Opener) -> None:
    def add(number: int) -> Callable[[Bucket], Bucket]:
        return lambda bucket: structs.replace(bucket, documents={**bucket.documents, str(number): "set"})

    await asyncio.gather(*(store.buckets.update("bucket", add(number)) for number in range(50)))
    wanted = {str(number): "set" for number in range(50)}
    assert store.buckets.get("bucket").documents == wanted
    await store.close()
    assert (await open_store()).buckets.get("bucket").documents == wanted


async def test_a_change_that_is_refused_leaves_the_bucket_as_it_is(store: Store) -> None:
    def refuse(bucket: Bucket) -> Bucket:
        raise BucketAlreadyExists

    with pytest.raises(BucketAlreadyExists):
        await store.buckets.update("bucket", refuse)
    assert store.buckets.get("bucket") == BUCKET


async def test_buckets_come_in_pages(store: Store) -> None:
    for name in ("b1", "b2", "b3", "c1"):
        await store.buckets.create(Bucket(name, BUCKET.created))

    def page(**asked: object) -> tuple[list[str], bool]:
        buckets, is_truncated = store.buckets.page(**asked)
        return [bucket.name for bucket in buckets], is_truncated

    assert page(limit=2) == (["b1", "b2"], True)
    assert page(after="b2", limit=3) == (["b3", "bucket", "c1"], False)
    assert page(prefix="b", after="b2") == (["b3", "bucket"], False)


async def test_a_bucket_is_made_once_and_deleted_once_and_only_when_empty(store: Store) -> None:
    made = await asyncio.gather(
        *(store.buckets.create(Bucket("a", BUCKET.created)) for _ in range(3)), return_exceptions=True
    )
    assert [type(each) for each in made] == [type(None), BucketAlreadyExists, BucketAlreadyExists]
    await put(store, "key", bucket="a")
    with pytest.raises(BucketNotEmpty):
        await store.buckets.delete("a")
    await store.delete("a", "key")
    gone = await asyncio.gather(*(store.buckets.delete("a") for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in gone] == [type(None), NoSuchBucket, NoSuchBucket]


async def test_the_folder_of_a_bucket_comes_and_goes_with_it(store: Store, folder: Path) -> None:
    assert (folder / "buckets" / "bucket").is_dir()
    await store.buckets.delete("bucket")
    assert not (folder / "buckets" / "bucket").exists()
