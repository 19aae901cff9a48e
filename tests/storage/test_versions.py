import random
from pathlib import Path

import pytest
from msgspec import structs

from emulator.errors import BucketNotEmpty, MethodNotAllowed, NoSuchKey, NoSuchVersion
from emulator.model import Acl, DeleteMarker, ObjectRecord, StorageClass, Versioning
from emulator.storage.listing import ListedVersion
from emulator.storage.store import Store
from tests.conftest import HeldClock
from tests.storage.conftest import Opener
from tests.storage.words import PLAIN, content, files_below, put, shown, tidied

ENABLED, SUSPENDED = Versioning.ENABLED, Versioning.SUSPENDED


async def keep(store: Store, versioning: Versioning) -> None:
    await store.buckets.update("bucket", lambda bucket: structs.replace(bucket, versioning=versioning))


async def read(store: Store, key: str, version_id: str | None = None) -> bytes:
    record, blob = await store.read("bucket", key, version_id)
    with blob:
        assert record.version_id == (version_id or record.version_id)
        return blob.read()


def pages(store: Store, *, limit: int = 1000, prefix: str = "", delimiter: str = "") -> list[ListedVersion | str]:
    """All entries, read in pages of `limit`."""
    entries: list[ListedVersion | str] = []
    key_marker = id_marker = ""
    while True:
        page = store.versions.page(
            "bucket", prefix=prefix, delimiter=delimiter, key_marker=key_marker, id_marker=id_marker, limit=limit
        )
        entries += page.entries
        assert len(page.entries) <= limit
        if not page.is_truncated:
            return entries
        last = page.entries[-1]
        key_marker, id_marker = (last, "") if isinstance(last, str) else (last.key, last.version_id)


async def test_what_is_overwritten_is_kept_and_read_by_its_id(store: Store) -> None:
    old = await put(store, "key", b"old")
    await keep(store, ENABLED)
    first, second = await put(store, "key", b"first"), await put(store, "key", b"second")
    assert (old.version_id, len({old.version_id, first.version_id, second.version_id})) == ("null", 3)
    assert await content(store, "key") == b"second"
    assert [await read(store, "key", each.version_id) for each in (old, first, second)] == [b"old", b"first", b"second"]
    assert await store.get("bucket", "key", first.version_id) == first


async def test_tree_shows_the_newest_version_alone(store: Store, folder: Path) -> None:
    await keep(store, ENABLED)
    await put(store, "key", b"first")
    second = await put(store, "key", b"second")
    assert shown(folder, "key").read_bytes() == b"second"
    await store.delete("bucket", "key")
    assert files_below(folder / "buckets") == []
    (marker, *_) = pages(store)
    assert isinstance(marker, ListedVersion)
    await store.delete("bucket", "key", marker.version_id)
    assert shown(folder, "key").read_bytes() == b"second"
    await store.delete("bucket", "key", second.version_id)
    assert shown(folder, "key").read_bytes() == b"first"


async def test_delete_marker_hides_the_object_until_it_is_deleted(store: Store) -> None:
    await keep(store, ENABLED)
    await put(store, "key", b"body")
    deletion = await store.delete("bucket", "key")
    assert deletion.found
    assert deletion.marker_id
    with pytest.raises(NoSuchKey) as hidden:
        await store.get("bucket", "key")
    assert hidden.value.headers == {"x-oss-delete-marker": "true", "x-oss-version-id": deletion.marker_id}
    with pytest.raises(MethodNotAllowed) as marked:
        await store.get("bucket", "key", deletion.marker_id)
    assert marked.value.headers["Allow"] == "DELETE"
    assert store.list("bucket").entries == []
    again = await store.delete("bucket", "key", deletion.marker_id)
    assert (again.found, again.marker_id) == (True, deletion.marker_id)
    assert await content(store, "key") == b"body"


async def test_a_key_that_never_was_is_marked_too(store: Store) -> None:
    await keep(store, ENABLED)
    deletion = await store.delete("bucket", "missing")
    assert not deletion.found
    assert [each.version_id for each in pages(store) if isinstance(each, ListedVersion)] == [deletion.marker_id]


async def test_suspended_versioning_replaces_the_null_version_wherever_it_lies(store: Store, folder: Path) -> None:
    await put(store, "key", b"null 1")
    await keep(store, ENABLED)
    kept = await put(store, "key", b"kept")
    await keep(store, SUSPENDED)
    assert (await put(store, "key", b"null 2")).version_id == "null"
    assert [each.version_id for each in pages(store) if isinstance(each, ListedVersion)] == ["null", kept.version_id]
    assert await read(store, "key", "null") == b"null 2"
    assert (await store.delete("bucket", "key")).marker_id == "null"
    assert isinstance(store.versions.find("bucket", "key", "null"), DeleteMarker)
    await tidied(store)
    assert len(files_below(folder / "blobs")) == 1


async def test_attributes_of_one_version_change_alone(store: Store) -> None:
    await keep(store, ENABLED)
    first, second = await put(store, "key", b"1"), await put(store, "key", b"22")
    for version_id, acl in ((first.version_id, Acl.PUBLIC_READ), (None, Acl.PRIVATE)):
        changed = await store.set_attributes(
            "bucket", "key", lambda attributes, acl=acl: structs.replace(attributes, acl=acl), version_id
        )
        assert changed.attributes.acl == acl
    assert store.find("bucket", "key", first.version_id).attributes.acl == Acl.PUBLIC_READ
    assert store.find("bucket", "key", second.version_id).attributes.acl == Acl.PRIVATE
    await store.set_attributes(
        "bucket", "key", lambda each: structs.replace(each, storage_class=StorageClass.IA), first.version_id
    )
    assert store.buckets.stat("bucket").sizes == {StorageClass.IA: 1, StorageClass.STANDARD: 2}
    with pytest.raises(NoSuchVersion):
        await store.set_attributes("bucket", "key", lambda each: each, "null")


async def test_bucket_with_a_marker_alone_is_not_empty(store: Store) -> None:
    await keep(store, ENABLED)
    deletion = await store.delete("bucket", "key")
    with pytest.raises(BucketNotEmpty):
        await store.buckets.delete("bucket")
    assert store.buckets.stat("bucket").delete_markers == 1
    await store.delete("bucket", "key", deletion.marker_id)
    assert store.buckets.stat("bucket").delete_markers == 0
    await store.buckets.delete("bucket")


async def test_dropped_file_becomes_a_version_and_the_old_one_stays(store: Store, folder: Path) -> None:
    await keep(store, ENABLED)
    old = await put(store, "key", b"old")
    shown(folder, "key").unlink()
    shown(folder, "key").write_bytes(b"dropped")
    assert await read(store, "key") == b"dropped"
    assert await read(store, "key", old.version_id) == b"old"


async def test_versions_survive_a_restart_and_a_snapshot(store: Store, open_store: Opener, folder: Path) -> None:
    await keep(store, ENABLED)
    first = await put(store, "key", b"first")
    await put(store, "key", b"second")
    await store.delete("bucket", "gone")
    before = pages(store)
    await store.take_snapshot("all")
    await store.delete("bucket", "key", first.version_id)
    await store.snapshots.restore("all")
    assert pages(store) == before
    assert await read(store, "key", first.version_id) == b"first"
    await store.close()
    (folder / "index.sqlite").exists()
    store = await open_store()
    assert pages(store) == before
    assert await read(store, "key", first.version_id) == b"first"


async def test_append_makes_no_version_and_grows_the_null_one(store: Store) -> None:
    await keep(store, ENABLED)
    for position in (0, 4):
        async with store.stage(b"body", limit=4) as staged:
            assert (await staged.append("bucket", "log", position, attributes=PLAIN)).version_id == "null"
    assert len(pages(store)) == 1
    await put(store, "log", b"new")
    assert await read(store, "log", "null") == b"bodybody"


async def test_listing_goes_on_behind_a_version_that_has_been_erased(store: Store, clock: HeldClock) -> None:
    await keep(store, ENABLED)
    for _ in range(5):
        await put(store, "key")
        clock.step(1)
    newest_first = [each.version_id for each in pages(store) if isinstance(each, ListedVersion)]
    for version_id in newest_first[:2]:
        await store.delete("bucket", "key", version_id)
    page = store.versions.page("bucket", prefix="", delimiter="", key_marker="key", id_marker=newest_first[1], limit=10)
    assert [each.version_id for each in page.entries if isinstance(each, ListedVersion)] == newest_first[2:]
    assert [each.is_latest for each in page.entries if isinstance(each, ListedVersion)] == [True, False, False]


class Model:
    """What a bucket with versions must hold: `{key: [(id, body or None for a marker)]}`, the newest first."""

    def __init__(self) -> None:
        self.stacks: dict[str, list[tuple[str, bytes | None]]] = {}

    def push(self, key: str, version_id: str, body: bytes | None, versioning: Versioning) -> None:
        stack = self.stacks.setdefault(key, [])
        if versioning is SUSPENDED:
            stack[:] = [each for each in stack if each[0] != "null"]
        stack.insert(0, (version_id, body))

    def erase(self, key: str, version_id: str) -> None:
        stack = self.stacks.get(key, [])
        stack[:] = [each for each in stack if each[0] != version_id]

    def entries(self) -> list[tuple[str, str, bool, int | None]]:
        return [
            (key, version_id, place == 0, None if body is None else len(body))
            for key, stack in sorted(self.stacks.items())
            for place, (version_id, body) in enumerate(stack)
        ]


@pytest.mark.parametrize("seed", range(6))
async def test_any_sequence_of_changes_leaves_what_it_must(store: Store, folder: Path, seed: int) -> None:
    chance = random.Random(seed)
    model = Model()
    for key in "ab":
        model.push(key, (await put(store, key, b"before")).version_id, b"before", ENABLED)
    for turn in range(120):
        if turn % 20 == 0:
            versioning = chance.choice([ENABLED, SUSPENDED])
            await keep(store, versioning)
        key = chance.choice("abcd")
        known = [each[0] for each in model.stacks.get(key, [])]
        match chance.randrange(3):
            case 0:
                body = bytes(chance.randrange(40))
                model.push(key, (await put(store, key, body)).version_id, body, versioning)
            case 1:
                deletion = await store.delete("bucket", key)
                model.push(key, deletion.marker_id, None, versioning)
            case _ if known:
                version_id = chance.choice(known)
                await store.delete("bucket", key, version_id)
                model.erase(key, version_id)
    expected = model.entries()
    for limit in (1, 2, 7, 1000):
        listed = pages(store, limit=limit)
        assert [
            (each.key, each.version_id, each.is_latest, None if each.is_marker else each.size) for each in listed
        ] == expected
    current = {key: stack[0][1] for key, stack in model.stacks.items() if stack and stack[0][1] is not None}
    assert {entry.key for entry in store.list("bucket").entries} == current.keys()
    assert {key: shown(folder, key).read_bytes() for key in current} == current
    assert len(files_below(folder / "buckets")) == len(current)
    for key, stack in model.stacks.items():
        for version_id, body in stack:
            if body is not None:
                assert await read(store, key, version_id) == body
    bodies = [body for stack in model.stacks.values() for _, body in stack if body is not None]
    stat = store.buckets.stat("bucket")
    assert sum(stat.sizes.values()) == sum(map(len, bodies))
    assert (sum(stat.counts.values()), stat.delete_markers) == (len(bodies), len(expected) - len(bodies))
    await tidied(store)
    assert len(files_below(folder / "blobs")) == len(bodies)


async def test_groups_take_all_versions_of_their_keys(store: Store) -> None:
    await keep(store, ENABLED)
    for key in ("a/1", "a/1", "a/2", "b", "b", "c/1"):
        await put(store, key)
    for limit in (1, 2, 10):
        listed = [each if isinstance(each, str) else each.key for each in pages(store, limit=limit, delimiter="/")]
        assert listed == ["a/", "b", "b", "c/"]


def test_index_merges_both_tables_without_sorting(store: Store) -> None:
    from emulator.storage.version_index import _LIST

    plan = store._index._connection.execute(
        f"EXPLAIN QUERY PLAN {_LIST}", ("bucket", "", b"", "bucket", "", 0, b"", 10)
    ).fetchall()
    assert not [step for *_, step in plan if "TEMP B-TREE" in step]
    assert isinstance(store.find("bucket", "x"), ObjectRecord | None)
