import asyncio
import logging
import random
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import structs

from emulator.clock import Ids
from emulator.model import (
    Bucket,
    Due,
    LifecycleException,
    LifecycleFilter,
    LifecycleRule,
    MultipartUpload,
    ObjectAttributes,
    StorageClass,
    Transition,
    Versioning,
)
from emulator.storage import lifecycle
from emulator.storage.lifecycle import LifecycleReport
from emulator.storage.listing import ListedVersion
from emulator.storage.store import Store
from emulator.storage.writer import Batch, Job
from tests.conftest import HeldClock
from tests.storage.words import PLAIN, content, eventually, files_below, put, shown, tidied

DAY = 86_400
IA, ARCHIVE = StorageClass.IA, StorageClass.ARCHIVE


def rule(rule_id: str = "rule", prefix: str = "", **fields: object) -> LifecycleRule:
    return LifecycleRule(rule_id, prefix, is_enabled=True, **fields)


EXPIRES = rule(expiration=Due(days=1))
FORGETS = rule("past", past_expires_days=1)
CLEANS = rule("markers", removes_markers=True)


async def set_rules(store: Store, *rules: LifecycleRule, versioning: Versioning | None = None) -> None:
    def change(bucket: Bucket) -> Bucket:
        return structs.replace(bucket, lifecycle=rules, versioning=versioning or bucket.versioning)

    await store.buckets.update("bucket", change)


async def apply(store: Store) -> LifecycleReport:
    """Follow the rules, and once more: there is nothing left to do."""
    report = await store.lifecycle.apply(["bucket"])
    again = await store.lifecycle.apply(["bucket"])
    assert again.changes == []
    return report


def keys(store: Store) -> list[str]:
    return [entry.key for entry in store.list("bucket", limit=1000).entries if not isinstance(entry, str)]


def versions(store: Store, key: str = "") -> list[ListedVersion]:
    page = store.versions.page("bucket", prefix=key, delimiter="", key_marker="", id_marker="", limit=1000)
    return [entry for entry in page.entries if isinstance(entry, ListedVersion)]


async def test_objects_expire_and_their_files_go(store: Store, folder: Path, clock: HeldClock) -> None:
    await set_rules(store, rule(prefix="logs/", expiration=Due(days=1)))
    await put(store, "logs/old")
    await put(store, "kept")
    clock.step(DAY)
    await put(store, "logs/new")
    assert (await apply(store)).changes == []
    clock.set(datetime(2024, 6, 3, tzinfo=UTC))
    report = await apply(store)
    assert (report.expired, report.is_truncated) == (1, False)
    assert structs.astuple(report.changes[0])[:4] == ("bucket", "logs/old", "expired", "rule")
    assert keys(store) == ["kept", "logs/new"]
    assert store.find("bucket", "logs/old") is None
    assert not shown(folder, "logs/old").exists()
    await tidied(store)
    assert len(files_below(folder / "blobs")) == 2


async def test_objects_get_another_class_and_stay_as_they_are(store: Store, clock: HeldClock) -> None:
    before = await put(store, "a", b"12345")
    await set_rules(store, rule(transitions=(Transition(IA, Due(days=1)), Transition(ARCHIVE, Due(days=10)))))
    clock.step(5 * DAY)
    report = await apply(store)
    assert [(each.action, each.storage_class) for each in report.changes] == [("moved", IA)]
    after = store.find("bucket", "a")
    assert after == structs.replace(before, attributes=structs.replace(before.attributes, storage_class=IA))
    assert await content(store, "a") == b"12345"
    assert store.buckets.stat("bucket").sizes == {IA: 5}
    clock.step(10 * DAY)
    assert (await apply(store)).moved == 1
    assert store.buckets.stat("bucket").counts == {ARCHIVE: 1}


async def test_tags_and_filters_are_those_of_the_object(store: Store, clock: HeldClock) -> None:
    for key, tags, body in (
        ("plain", {}, b"123456"),
        ("tagged", {"a": "b"}, b"123456"),
        ("small", {"a": "b"}, b"1"),
        ("keep/tagged", {"a": "b"}, b"123456"),
    ):
        async with store.stage(body, limit=100) as staged:
            await staged.commit("bucket", key, attributes=ObjectAttributes(tags=tags))
    kept = LifecycleFilter(larger_than=1, exceptions=(LifecycleException(prefix="keep/"),))
    await set_rules(store, rule(expiration=Due(days=1), tags={"a": "b"}, filter=kept))
    clock.step(3 * DAY)
    assert (await apply(store)).expired == 1
    assert keys(store) == ["keep/tagged", "plain", "small"]


async def test_unfinished_uploads_are_aborted(store: Store, folder: Path, clock: HeldClock) -> None:
    def upload(key: str) -> MultipartUpload:
        return MultipartUpload("bucket", key, Ids().upload_id(clock.now()), clock.now_in_milliseconds(), PLAIN)

    old, kept = upload("a/old"), upload("b/old")
    for each in (old, kept):
        await store.uploads.begin(each)
        async with store.stage(b"part", limit=100) as staged:
            await staged.commit_part(each, 1)
    await set_rules(store, rule(prefix="a/", aborts_uploads=Due(days=1)))
    clock.step(2 * DAY)
    await store.uploads.begin(new := upload("a/new"))
    report = await apply(store)
    assert [(each.action, each.upload_id) for each in report.changes] == [("aborted", old.id)]
    assert report.aborted == 1
    found = [store.uploads.find("bucket", each.key, each.id) is not None for each in (old, kept, new)]
    assert found == [False, True, True]
    await tidied(store)
    assert len(files_below(folder / "blobs")) == 1


async def test_rules_are_followed_slice_by_slice_and_under_every_prefix_once(
    store: Store, clock: HeldClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "SLICE", 3)
    monkeypatch.setattr(lifecycle, "CHANGES_A_JOB", 2)
    monkeypatch.setattr(lifecycle, "MAX_CHANGES_TOLD", 5)
    for number in range(10):
        await put(store, f"a/{number}")
        await put(store, f"c/{number}")
        await put(store, f"b/{number}")
    await set_rules(store, *(rule(prefix, prefix, expiration=Due(days=1)) for prefix in ("a/", "a/1", "c/", "d/")))
    clock.step(3 * DAY)
    report = await apply(store)
    assert (report.expired, len(report.changes), report.is_truncated) == (20, 5, True)
    assert keys(store) == [f"b/{number}" for number in range(10)]


async def test_a_thousand_rules_keep_nobody_waiting(store: Store, clock: HeldClock) -> None:
    for number in range(30):
        await put(store, f"{number:02}")
    await set_rules(store, *(rule(f"{n}", tags={"n": str(n)}, expiration=Due(days=9)) for n in range(1000)))
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.ensure_future(count_turns())
    await store.lifecycle.apply(["bucket"])  # nothing is due, so the writer has nothing to do, either
    counting.cancel()
    assert turns == 2  # others have their turn after ten keys


async def held(store: Store, *works: Callable[[], Awaitable[object]]) -> list[object]:
    """What `works` give, each decided before the one before it is done: the writer is held until all have asked."""
    is_held, may_go = threading.Event(), threading.Event()
    queue = store._writer._queue

    def hold(_: Batch) -> None:
        is_held.set()
        assert may_go.wait(10)

    holding = asyncio.ensure_future(store._writer.do(Job(hold, is_alone=True)))
    await eventually(is_held.is_set)
    tasks = []
    for work in works:
        before = queue.qsize()
        tasks.append(asyncio.ensure_future(work()))
        await eventually(lambda before=before: queue.qsize() > before)
    may_go.set()
    await holding
    return await asyncio.gather(*tasks)


async def test_an_object_that_is_overwritten_meanwhile_is_left_alone(store: Store, clock: HeldClock) -> None:
    await put(store, "a", b"old")
    await set_rules(store, EXPIRES)
    clock.step(3 * DAY)
    await held(store, lambda: put(store, "a", b"new"), lambda: apply(store))
    assert await content(store, "a") == b"new"


async def test_rules_that_are_taken_back_meanwhile_are_not_followed(store: Store, clock: HeldClock) -> None:
    await put(store, "a")
    await set_rules(store, EXPIRES)
    clock.step(3 * DAY)
    await held(store, lambda: set_rules(store), lambda: apply(store))
    assert keys(store) == ["a"]


async def test_a_bucket_that_is_deleted_meanwhile_is_no_mistake(store: Store, clock: HeldClock) -> None:
    await put(store, "a")
    await set_rules(store, EXPIRES)
    clock.step(3 * DAY)

    async def delete() -> None:
        await asyncio.gather(store.delete("bucket", "a"), store.buckets.delete("bucket"))

    _, report = await held(store, delete, lambda: apply(store))
    assert isinstance(report, LifecycleReport)
    assert report.changes == []


async def test_two_who_ask_at_once_expire_each_object_once(store: Store, clock: HeldClock) -> None:
    for number in range(5):
        await put(store, f"{number}")
    await set_rules(store, EXPIRES)
    clock.step(3 * DAY)
    reports = await asyncio.gather(*(store.lifecycle.apply(["bucket"]) for _ in range(2)))
    assert sorted(report.expired for report in reports) == [0, 5]


async def test_rules_by_access_time_are_told_and_not_followed(store: Store, clock: HeldClock) -> None:
    await put(store, "a")
    await set_rules(store, rule("seldom", transitions=(Transition(IA, Due(days=1), is_access_time=True),)))
    clock.step(3 * DAY)
    report = await apply(store)
    assert (report.moved, [each.rule for each in report.not_followed]) == (0, ["seldom"])


# --- Versions -------------------------------------------------------------------------------------------------------


async def test_in_a_bucket_that_keeps_versions_an_object_expires_into_the_past(
    store: Store, folder: Path, clock: HeldClock
) -> None:
    await set_rules(store, EXPIRES, versioning=Versioning.ENABLED)
    record = await put(store, "a")
    clock.step(3 * DAY)
    report = await apply(store)
    marker, old = versions(store)
    assert (marker.is_marker, marker.last_modified, old.version_id) == (True, clock.now(), record.version_id)
    assert [each.version_id for each in report.changes] == [marker.version_id]
    assert not shown(folder, "a").exists()


async def test_suspended_versioning_expires_the_null_version_for_good(store: Store, clock: HeldClock) -> None:
    await set_rules(store, EXPIRES, versioning=Versioning.SUSPENDED)
    await put(store, "a")
    clock.step(3 * DAY)
    await apply(store)
    assert [(each.version_id, each.is_marker) for each in versions(store)] == [("null", True)]


async def test_versions_of_the_past_expire_by_when_they_were_replaced(store: Store, clock: HeldClock) -> None:
    await set_rules(store, rule("past", past_expires_days=3), versioning=Versioning.ENABLED)
    first = await put(store, "a", b"first")
    clock.step(30 * DAY)
    second = await put(store, "a", b"second")
    third = await put(store, "b", b"third")
    clock.step(2 * DAY)
    fourth = await put(store, "a", b"fourth")
    assert (await apply(store)).changes == []
    clock.step(2 * DAY)
    assert [each.version_id for each in (await apply(store)).changes] == [first.version_id]
    clock.step(2 * DAY)
    assert [each.version_id for each in (await apply(store)).changes] == [second.version_id]
    assert [each.version_id for each in versions(store)] == [fourth.version_id, third.version_id]
    assert await content(store, "a") == b"fourth"


async def test_versions_of_the_past_get_another_class(store: Store, clock: HeldClock) -> None:
    moves = rule("past", past_transitions=(Transition(IA, Due(days=1)),))
    await set_rules(store, moves, versioning=Versioning.ENABLED)
    old, new = await put(store, "a", b"old"), await put(store, "a", b"new")
    clock.step(3 * DAY)
    report = await apply(store)
    assert [(each.action, each.version_id) for each in report.changes] == [("moved", old.version_id)]
    found = store.find("bucket", "a", old.version_id)
    assert found == structs.replace(old, attributes=structs.replace(old.attributes, storage_class=IA))
    assert store.find("bucket", "a") == new
    assert store.buckets.stat("bucket").counts == {IA: 1, StorageClass.STANDARD: 1}


async def test_delete_markers_that_are_all_there_is_go(store: Store, clock: HeldClock) -> None:
    await set_rules(store, CLEANS, versioning=Versioning.ENABLED)
    await put(store, "kept")
    for key in ("kept", "gone"):
        await store.delete("bucket", key)
    report = await apply(store)
    assert [(each.key, each.action) for each in report.changes] == [("gone", "marker removed")]
    assert report.markers_removed == 1
    assert [each.key for each in versions(store)] == ["kept", "kept"]


async def test_a_deleted_object_is_gone_for_good_in_one_go(store: Store, folder: Path, clock: HeldClock) -> None:
    await set_rules(store, EXPIRES, FORGETS, CLEANS, versioning=Versioning.ENABLED)
    for body in (b"1", b"2", b"3"):
        await put(store, "a", body)
    await store.delete("bucket", "a")
    await store.delete("bucket", "a")
    clock.step(3 * DAY)
    report = await apply(store)
    assert (report.expired, report.markers_removed) == (3, 2)
    assert versions(store) == []
    await tidied(store)
    assert files_below(folder / "blobs") == []
    await store.buckets.delete("bucket")


async def test_a_version_that_came_up_again_meanwhile_is_left_alone(store: Store, clock: HeldClock) -> None:
    await set_rules(store, FORGETS, versioning=Versioning.ENABLED)
    await put(store, "a", b"old")
    marker = await store.delete("bucket", "a")
    clock.step(3 * DAY)
    await held(store, lambda: store.delete("bucket", "a", marker.marker_id), lambda: apply(store))
    assert await content(store, "a") == b"old"


@pytest.mark.parametrize("slice_size", [1, 2, 3, 7, 500])
async def test_any_slices_find_what_is_due_among_versions(
    store: Store, clock: HeldClock, monkeypatch: pytest.MonkeyPatch, slice_size: int
) -> None:
    """Against a model: of each key's versions those go that became past two days ago; then lone markers."""
    monkeypatch.setattr(lifecycle, "SLICE", slice_size)
    monkeypatch.setattr(lifecycle, "CHANGES_A_JOB", 2)
    await set_rules(store, FORGETS, CLEANS, versioning=Versioning.ENABLED)
    chance = random.Random(7)
    made: dict[str, list[tuple[datetime, str, bool]]] = {}  # by key: when, id and whether an object; newest first
    for _ in range(60):
        clock.step(chance.randint(0, DAY // 4))
        key = chance.choice("abcdef")
        if chance.random() < 0.3:
            deletion = await store.delete("bucket", key)
            assert deletion.marker_id is not None
            made.setdefault(key, []).insert(0, (clock.now(), deletion.marker_id, False))
        else:
            record = await put(store, key)
            made.setdefault(key, []).insert(0, (clock.now(), record.version_id, True))
    now = clock.now()
    expected: list[str] = []
    for key in sorted(made):
        left = made[key][:1]
        for newer, version in zip(made[key], made[key][1:], strict=False):
            since = newer[0]
            due = since.replace(hour=0, minute=0, second=0).timestamp() + 2 * DAY
            if now.timestamp() < due:
                left.append(version)
        if len(left) > 1 or left[0][2]:
            expected += [version_id for _, version_id, _ in left]
    await apply(store)
    assert 0 < len(expected) < 50
    assert [each.version_id for each in versions(store)] == expected


# --- By itself ------------------------------------------------------------------------------------------------------


async def test_rules_are_followed_again_and_again(
    store: Store, clock: HeldClock, caplog: pytest.LogCaptureFixture
) -> None:
    await set_rules(store, EXPIRES)
    await put(store, "a")
    with caplog.at_level(logging.INFO, "emulator.storage"):
        following = asyncio.ensure_future(store.lifecycle.keep_applying(600, lambda: ["bucket"]))
        await asyncio.sleep(0)
        clock.step(3 * DAY)
        await eventually(lambda: keys(store) == [])
        await put(store, "b")
        clock.step(3 * DAY)
        await eventually(lambda: keys(store) == [])
        following.cancel()
        await asyncio.wait([following])
    assert "1 expired" in caplog.text
