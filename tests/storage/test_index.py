import random
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from emulator.model import Bucket, ObjectAttributes, ObjectRecord, ObjectType, StorageClass
from emulator.storage.index import Index
from emulator.storage.listing import ListedObject

TIME = datetime(2024, 2, 29, 12, 30, 15, 123000, UTC)


@pytest.fixture
def index(tmp_path: Path):
    index = Index(tmp_path / "index.sqlite", "none")
    index.prepare()
    yield index
    index.close()


def record(key: str, bucket: str = "bucket", **changes: object) -> ObjectRecord:
    fields = {
        "blob": "00-1-0",
        "size": 3,
        "etag": "E" * 32,
        "md5": b"m" * 16,
        "crc64": 2**64 - 1,
        "last_modified": TIME,
        "type": ObjectType.NORMAL,
        "attributes": ObjectAttributes(),
        "blob_mtime_ns": 1_700_000_000_123_456_789,
    }
    return ObjectRecord(bucket, key, **{**fields, **changes})


def fill(index: Index, *keys: str, bucket: str = "bucket") -> None:
    with index.transaction():
        for key in keys:
            index.put(record(key, bucket))


def page(index: Index, **asked: object) -> tuple[list[str], bool, str]:
    """The entries' names, whether there are more, and where to go on."""
    listing = index.page("bucket", **{"prefix": "", "delimiter": "", "after": "", "limit": 100, **asked})
    names = [entry if isinstance(entry, str) else entry.key for entry in listing.entries]
    return names, listing.is_truncated, listing.last


# --- Rows -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kept",
    [
        pytest.param(record("key"), id="plain"),
        pytest.param(record("nul\0 and \U0001f600 and \x01"), id="any character"),
        pytest.param(record("key", md5=None, etag="E-2", type=ObjectType.MULTIPART), id="multipart"),
        pytest.param(record("key", crc64=0, size=0), id="empty"),
        pytest.param(record("key", crc64=1 << 63, size=48 << 40), id="large"),
        pytest.param(
            record(
                "key",
                attributes=ObjectAttributes(
                    headers={"content-type": "text/plain"},
                    metadata={"a": "ä\ud7ff"},
                    tags={"t": ""},
                    storage_class=StorageClass.COLD_ARCHIVE,
                ),
            ),
            id="attributes",
        ),
    ],
)
def test_a_record_comes_back_as_it_was_put(index: Index, kept: ObjectRecord) -> None:
    with index.transaction():
        index.put(kept)
    assert index.find("bucket", kept.key) == kept


def test_put_and_remove_tell_what_was_there(index: Index) -> None:
    with index.transaction():
        assert index.put(record("key", blob="first")) is None
        assert (removed := index.put(record("key", blob="second")))
        assert removed.blob == "first"
        assert (removed := index.remove("bucket", "key", TIME))
        assert removed.blob == "second"
        assert index.remove("bucket", "key", TIME) is None


def test_nothing_of_a_failed_transaction_is_kept(index: Index) -> None:
    with pytest.raises(ZeroDivisionError), index.transaction():
        index.put(record("key"))
        raise ZeroDivisionError
    assert index.find("bucket", "key") is None
    fill(index, "other")
    assert index.stat("bucket").counts == {StorageClass.STANDARD: 1}


def test_totals_are_true_after_any_mixture_of_changes(index: Index) -> None:
    chance = random.Random(1)
    held: dict[str, ObjectRecord] = {}
    for _ in range(60):
        with index.transaction():
            for _ in range(5):
                key = str(chance.randrange(20))
                if chance.random() < 0.3:
                    index.remove("bucket", key, TIME)
                    held.pop(key, None)
                else:
                    attributes = ObjectAttributes(storage_class=chance.choice(list(StorageClass)))
                    held[key] = record(key, size=chance.randrange(1000), attributes=attributes)
                    index.put(held[key])
    classes = {each.attributes.storage_class for each in held.values()}
    stat = index.stat("bucket")
    assert stat.counts == {
        kind: sum(each.attributes.storage_class is kind for each in held.values()) for kind in classes
    }
    assert stat.sizes == {
        kind: sum(each.size for each in held.values() if each.attributes.storage_class is kind) for kind in classes
    }


def test_stat_knows_the_last_change_and_an_untouched_bucket_has_none(index: Index) -> None:
    assert index.stat("bucket").last_modified is None
    fill(index, "key")
    later = TIME + timedelta(seconds=3)
    with index.transaction():
        index.remove("bucket", "key", later)
    stat = index.stat("bucket")
    assert (stat.counts, stat.sizes, stat.last_modified) == ({}, {}, later)


def test_buckets_come_by_name_and_go_with_their_totals(index: Index) -> None:
    with index.transaction():
        for name in ("b", "a"):
            index.put_bucket(Bucket(name, TIME, redundancy="ZRS"))
        index.put(record("key", bucket="a"))
        index.remove("a", "key", TIME)
        index.remove_bucket("a")
    assert index.buckets() == [Bucket("b", TIME, redundancy="ZRS")]
    assert index.stat("a").last_modified is None


def test_a_bucket_deleted_with_its_last_object_leaves_no_totals_to_the_next_of_its_name(index: Index) -> None:
    fill(index, "key", bucket="a")
    with index.transaction():
        index.put_bucket(Bucket("a", TIME))
        index.remove("a", "key", TIME)
        index.remove_bucket("a")
        index.put(record("kept", bucket="b"))
    with index.transaction():
        index.put_bucket(Bucket("a", TIME))
    assert index.stat("a").last_modified is None
    assert index.stat("b").counts == {StorageClass.STANDARD: 1}


def test_a_cleared_index_is_as_a_new_one(index: Index) -> None:
    with index.transaction():
        index.put_bucket(Bucket("bucket", TIME))
        index.put(record("key"))
    with index.transaction():
        index.clear()
    assert index.buckets() == []
    assert index.find("bucket", "key") is None
    assert index.stat("bucket").last_modified is None


def test_a_checkpoint_does_not_wait_long_for_a_reader(index: Index, tmp_path: Path) -> None:
    fill(index, *map(str, range(100)))
    reader = Index(tmp_path / "index.sqlite", "none")
    with closing(reader):
        reading = reader.blobs_by_key("bucket")
        next(reading)
        fill(index, "later")
        started = time.monotonic()
        assert index.checkpoint("RESTART") > 0
        assert time.monotonic() - started < 5  # a change waits for it; a statement would wait for 30 s
        assert sum(1 for _ in reading) == 99


def test_a_checkpoint_that_fails_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    index = Index(tmp_path / "other.sqlite", "none")
    with closing(index):
        index.prepare()
        index._connection.execute("BEGIN IMMEDIATE")
        assert index.checkpoint("PASSIVE") == 0  # SQLite refuses it within a transaction
    assert "a checkpoint of the index failed" in caplog.text


def test_runs_are_numbered_and_settled_only_when_told(index: Index) -> None:
    assert index.begin_run() == (1, True)
    assert index.begin_run() == (2, False)
    index.end_run()
    assert index.begin_run() == (3, True)


# --- Listing --------------------------------------------------------------------------------------------------------

KEYS = ["a", "a/", "a/1", "a/2", "b", "c/1", "c/2", "d"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param({}, (KEYS, False, "d"), id="everything"),
        pytest.param({"limit": 8}, (KEYS, False, "d"), id="exactly the limit is not truncated"),
        pytest.param({"limit": 7}, (KEYS[:7], True, "c/2"), id="one over the limit"),
        pytest.param({"prefix": "a/"}, (["a/", "a/1", "a/2"], False, "a/2"), id="prefix that is a key"),
        pytest.param({"prefix": "x"}, ([], False, ""), id="prefix of nothing"),
        pytest.param({"after": "a/1"}, (KEYS[3:], False, "d"), id="marker is exclusive"),
        pytest.param({"after": "a/11"}, (KEYS[3:], False, "d"), id="marker that is no key"),
        pytest.param({"after": "d"}, ([], False, ""), id="marker at the end"),
        pytest.param({"after": "a", "prefix": "c"}, (["c/1", "c/2"], False, "c/2"), id="marker before the prefix"),
        pytest.param({"after": "d", "prefix": "c"}, ([], False, ""), id="marker behind the prefix"),
        pytest.param({"delimiter": "/"}, (["a", "a/", "b", "c/", "d"], False, "d"), id="groups among keys"),
        pytest.param({"delimiter": "/", "limit": 2}, (["a", "a/"], True, "a/"), id="page ends with a group"),
        pytest.param({"delimiter": "/", "limit": 3}, (["a", "a/", "b"], True, "b"), id="groups count"),
        pytest.param({"delimiter": "/", "after": "a/"}, (["b", "c/", "d"], False, "d"), id="marker is a group"),
        pytest.param({"delimiter": "/", "after": "a/1"}, (["b", "c/", "d"], False, "d"), id="marker inside a group"),
        pytest.param(
            {"delimiter": "/", "after": "a"}, (["a/", "b", "c/", "d"], False, "d"), id="marker before a group"
        ),
        pytest.param(
            {"delimiter": "/", "prefix": "a/"}, (["a/", "a/1", "a/2"], False, "a/2"), id="delimiter inside the prefix"
        ),
        pytest.param(
            {"delimiter": "1"}, (["a", "a/", "a/1", "a/2", "b", "c/1", "c/2", "d"], False, "d"), id="at the end"
        ),
        pytest.param({"delimiter": "x"}, (KEYS, False, "d"), id="delimiter in no key"),
        pytest.param({"delimiter": "/", "prefix": "c"}, (["c/"], False, "c/"), id="prefix that is a part of a group"),
    ],
)
def test_a_page_holds_what_the_rules_say(index: Index, asked: dict, expected: object) -> None:
    fill(index, *KEYS)
    fill(index, "other", "z/z", bucket="another")
    fill(index, "before", bucket="a-bucket")
    assert page(index, **asked) == expected


def test_a_listed_object_has_what_a_listing_shows(index: Index) -> None:
    fill(index, "key")
    (entry,) = index.page("bucket", prefix="", delimiter="", after="", limit=1).entries
    assert entry == ListedObject("key", 3, "E" * 32, ObjectType.NORMAL, StorageClass.STANDARD, TIME, None)


def test_keys_come_in_the_order_of_their_bytes(index: Index) -> None:
    keys = ["A", "a", "a\0", "a\0b", "a\x01", "a-", "a.", "a/", "é", "\ud7ff", "\ue000", "\uffff", "\U00010000"]
    fill(index, *reversed(keys))
    assert page(index)[0] == sorted(keys, key=str.encode)
    assert page(index, prefix="a\0")[0] == ["a\0", "a\0b"]
    assert page(index, prefix="\ud7ff")[0] == ["\ud7ff"]


def naive(keys: set[str], prefix: str, delimiter: str, after: str, limit: int) -> tuple[list[str], bool, str]:
    """The rules as the API reference has them, a key at a time."""
    entries: list[str] = []
    for key in sorted(keys, key=str.encode):
        item = key
        if not key.startswith(prefix) or key <= after:
            continue
        if delimiter and delimiter in key[len(prefix) :]:
            item = prefix + key[len(prefix) :].split(delimiter)[0] + delimiter
            if item <= after or item in entries:
                continue
        if len(entries) == limit:
            return entries, True, entries[-1]
        entries.append(item)
    return entries, False, entries[-1] if entries else ""


@pytest.mark.parametrize("seed", range(8))
def test_pages_are_those_of_the_naive_walk(index: Index, seed: int) -> None:
    chance = random.Random(seed)
    letters = ["a", "b", "/", "\0", "\ud7ff", "\ue000", "\U0010ffff"][: 3 + seed % 5]

    def word(longest: int) -> str:
        return "".join(chance.choices(letters, k=chance.randrange(longest + 1)))

    keys = {word(6) for _ in range(150)} - {""}
    fill(index, *keys)
    for _ in range(60):
        prefix, delimiter, limit = word(2), chance.choice(["", "/", "a", letters[-1]]), chance.randrange(1, 20)
        after = chance.choice(["", word(4), chance.choice(sorted(keys)), "\U0010ffff"])
        asked = {"prefix": prefix, "delimiter": delimiter, "after": after, "limit": limit}
        assert page(index, **asked) == naive(keys, **asked), asked


@pytest.mark.parametrize("delimiter", ["", "/"])
def test_pages_follow_each_other_without_gap_or_repetition(index: Index, delimiter: str) -> None:
    chance = random.Random(3)
    keys = {"".join(chance.choices("ab/", k=chance.randrange(1, 6))) for _ in range(120)}
    fill(index, *keys)
    names: list[str] = []
    after, is_truncated = "", True
    while is_truncated:
        some, is_truncated, after = page(index, delimiter=delimiter, after=after, limit=7)
        names += some
    assert names == naive(keys, "", delimiter, "", 1000)[0]


def test_a_page_of_groups_reads_no_more_than_a_row_a_group(index: Index) -> None:
    fill(index, *(f"{group}/{number}" for group in "abcdefgh" for number in range(500)))
    steps: list[int] = []
    index._connection.set_progress_handler(lambda: steps.append(1), 1)
    assert page(index, delimiter="/")[0] == [f"{group}/" for group in "abcdefgh"]
    index._connection.set_progress_handler(None, 1)
    assert len(steps) < 500  # SQLite's instructions; 4,000 rows would take some 40,000
