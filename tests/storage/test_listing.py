"""Pages of plain lists in memory: what the walk asks for and what it makes of the answers, without a database."""

import random
from bisect import bisect_left
from datetime import UTC, datetime
from typing import Any

import pytest

from emulator.model import MultipartUpload, ObjectAttributes
from emulator.storage.listing import Position, following_position, group_of, start_after, successor, walk
from emulator.storage.store import Store

TIME = datetime(2024, 2, 29, tzinfo=UTC)


class Rows:
    """Sorted rows that answer as an index does, and count what they were asked for."""

    def __init__(self, rows: list[tuple[str, ...]]) -> None:
        self.rows = sorted(rows, key=lambda row: tuple(text.encode("utf-8", "surrogatepass") for text in row))
        self.keys = [tuple(text.encode("utf-8", "surrogatepass") for text in row) for row in self.rows]
        self.seeks = 0
        self.read = 0

    def fetch(self, start: Position, end: str | bytes, limit: int) -> list[tuple[Any, ...]]:
        first = bisect_left(self.keys, tuple(text.encode("utf-8", "surrogatepass") for text in start))
        found = self.rows[first : first + limit]
        found = [row for row in found if isinstance(end, bytes) or row[0] < end]
        self.seeks += 1
        self.read += len(found)
        return found

    def page(
        self, *, prefix: str = "", delimiter: str = "", start: Position | None, limit: int
    ) -> tuple[list[Any], bool]:
        return walk(self.fetch, lambda *row: row, prefix=prefix, delimiter=delimiter, start=start, limit=limit)


def keys(*names: str) -> Rows:
    return Rows([(name,) for name in names])


def test_walk_makes_entries_of_rows_and_texts_of_groups() -> None:
    rows = keys("a", "b/1", "b/2", "c")
    assert rows.page(delimiter="/", start=("",), limit=10) == ([("a",), "b/", ("c",)], False)


def test_walk_reads_one_row_more_than_the_page_holds() -> None:
    rows = keys(*(f"{number:04}" for number in range(2000)))
    entries, is_truncated = rows.page(start=("",), limit=1000)
    assert (len(entries), is_truncated, rows.seeks, rows.read) == (1000, True, 1, 1001)


def test_walk_seeks_once_a_group_and_reads_nothing_in_it() -> None:
    rows = keys(*(f"{group}/{number}" for group in "abcdefgh" for number in range(500)))
    entries, is_truncated = rows.page(delimiter="/", start=("",), limit=100)
    assert (entries, is_truncated) == ([f"{group}/" for group in "abcdefgh"], False)
    assert (rows.seeks, rows.read) == (9, 8)


def test_walk_reads_plain_keys_by_ever_more_at_once() -> None:
    rows = keys(*(f"{number:04}" for number in range(1000)))
    entries, _ = rows.page(delimiter="/", start=("",), limit=1000)
    assert len(entries) == 1000
    assert rows.seeks < 8


def test_walk_without_a_start_is_an_empty_page_that_asks_nothing() -> None:
    rows = keys("a")
    assert rows.page(start=None, limit=10) == ([], False)
    assert rows.seeks == 0


def test_walk_of_a_group_that_nothing_follows_ends() -> None:
    rows = keys("a", "\U0010ffff1", "\U0010ffff2")
    assert rows.page(delimiter="\U0010ffff", start=("",), limit=10) == ([("a",), "\U0010ffff"], False)


def test_walk_of_rows_with_two_columns_goes_on_within_a_key() -> None:
    rows = Rows([("a", number) for number in "123"] + [("b/1", "1"), ("b/1", "2"), ("b/2", "1"), ("c", "1")])
    first, is_truncated = rows.page(delimiter="/", start=("", ""), limit=2)
    assert (first, is_truncated) == ([("a", "1"), ("a", "2")], True)
    rest, is_truncated = rows.page(delimiter="/", start=following_position(("a", "2")), limit=10)
    assert (rest, is_truncated) == ([("a", "3"), "b/", ("c", "1")], False)


@pytest.mark.parametrize(
    ("key", "prefix", "delimiter", "expected"),
    [
        pytest.param("", "", "", "", id="from the beginning"),
        pytest.param("", "p", "/", "p", id="from the prefix"),
        pytest.param("a", "", "", "a\0", id="after a key"),
        pytest.param("a", "p", "", "p", id="marker before the prefix"),
        pytest.param("q", "p", "", "q\0", id="marker behind the prefix"),
        pytest.param("a/", "", "/", "a0", id="after a group"),
        pytest.param("a/b", "", "/", "a0", id="after a key of a group"),
        pytest.param("a/b", "a/", "/", "a/b\0", id="after a key whose delimiter is in the prefix"),
        pytest.param("\U0010ffff", "", "\U0010ffff", None, id="after the last group there can be"),
    ],
)
def test_page_starts_after_its_marker(key: str, prefix: str, delimiter: str, expected: str | None) -> None:
    assert start_after(key, prefix, delimiter) == expected


@pytest.mark.parametrize(
    ("key", "prefix", "delimiter", "expected"),
    [
        pytest.param("a/b/c", "", "/", "a/", id="first delimiter"),
        pytest.param("a/b/c", "a/", "/", "a/b/", id="first delimiter behind the prefix"),
        pytest.param("a/b", "x", "/", "", id="other prefix"),
        pytest.param("ab", "", "/", "", id="no delimiter in the key"),
        pytest.param("a/b", "", "", "", id="no delimiter asked for"),
        pytest.param("a--b", "", "--", "a--", id="two characters"),
        pytest.param("a/", "", "/", "a/", id="at the end"),
    ],
)
def test_key_folds_into_its_group(key: str, prefix: str, delimiter: str, expected: str) -> None:
    assert group_of(key, prefix, delimiter) == expected


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        pytest.param("a", "b", id="letter"),
        pytest.param("a/", "a0", id="slash"),
        pytest.param("\ud7ff", "\ue000", id="surrogates are skipped"),
        pytest.param("a\U0010ffff", "b", id="the last character goes"),
        pytest.param("\U0010ffff\U0010ffff", None, id="nothing sorts after"),
        pytest.param("", None, id="empty"),
    ],
)
def test_successor_is_the_first_string_behind_all_that_begin_so(prefix: str, expected: str | None) -> None:
    assert successor(prefix) == expected


# --- Uploads ---------------------------------------------------------------------------------------------------------


def naive(
    uploads: list[tuple[str, str]], prefix: str, delimiter: str, key_marker: str, id_marker: str
) -> list[tuple[str, str] | str]:
    """The rules of ListMultipartUploads as the API reference has them, an upload at a time."""
    entries: list[tuple[str, str] | str] = []
    for key, upload_id in sorted(uploads):
        if not key.startswith(prefix):
            continue
        rest = key[len(prefix) :]
        if delimiter and delimiter in rest:
            group = prefix + rest.split(delimiter)[0] + delimiter
            if group > key_marker and group not in entries:
                entries.append(group)
        elif key > key_marker or (key == key_marker and id_marker and upload_id > id_marker):
            entries.append((key, upload_id))
    return entries


@pytest.mark.parametrize("seed", range(4))
async def test_pages_of_uploads_are_those_of_the_naive_walk(store: Store, seed: int) -> None:
    chance = random.Random(seed)

    def word(longest: int) -> str:
        return "".join(chance.choices("ab/", k=chance.randrange(longest + 1)))

    uploads = sorted({(word(3) or "a", f"{chance.randrange(99):032}") for _ in range(60)})
    for key, upload_id in uploads:
        await store.uploads.begin(MultipartUpload("bucket", key, upload_id, TIME, ObjectAttributes()))
    for _ in range(100):
        prefix, delimiter, limit = word(1), chance.choice(["", "/", "b"]), chance.randrange(1, 20)
        key_marker, id_marker = chance.choice([("", ""), (word(2), ""), chance.choice(uploads)])
        page = store.uploads.page(
            "bucket", prefix=prefix, delimiter=delimiter, key_marker=key_marker, id_marker=id_marker, limit=limit
        )
        names = [entry if isinstance(entry, str) else (entry.key, entry.id) for entry in page.entries]
        expected = naive(uploads, prefix, delimiter, key_marker, id_marker)
        assert (names, page.is_truncated) == (expected[:limit], len(expected) > limit), (prefix, delimiter, key_marker)
