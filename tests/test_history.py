"""The checker of `test_concurrency` finds what it is there to find."""

import pytest

from tests.history import ABSENT, BlockId, History, block, read_blocks

PUT, PART, APPEND = BlockId("P", 1, 1), BlockId("M", 2, 7), BlockId("A", 3, 1)


@pytest.mark.parametrize(
    ("body", "blocks"),
    [
        pytest.param(block(PUT, 0, 100, 100), [PUT], id="put"),
        pytest.param(block(PART, 0, 60, 110) + block(PART, 60, 50, 110), [PART, PART], id="parts"),
        pytest.param(block(APPEND, 0, 60, 0) + block(APPEND, 60, 50, 0), [APPEND, APPEND], id="appends"),
        pytest.param(b"", [], id="nothing"),
    ],
)
def test_whole_body_is_read(body: bytes, blocks: list[BlockId]) -> None:
    assert read_blocks(body) == blocks


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(block(PUT, 0, 100, 100)[:-1], id="last byte lacks"),
        pytest.param(block(PART, 0, 60, 110), id="second part lacks"),
        pytest.param(block(PART, 0, 60, 110) + block(BlockId("M", 2, 8), 60, 50, 110), id="parts of two uploads"),
        pytest.param(block(APPEND, 60, 50, 0), id="first append lacks"),
        pytest.param(block(PUT, 0, 100, 100) + block(APPEND, 100, 50, 0), id="append to a put"),
        pytest.param(block(APPEND, 0, 60, 0)[:55] + block(APPEND, 60, 50, 0), id="append cut short"),
    ],
)
def test_torn_body_is_told(body: bytes) -> None:
    with pytest.raises((AssertionError, ValueError)):
        read_blocks(body)


def history() -> History:
    """`one` was written from 1 to 2, `two` from 3 to 5, and the key deleted from 6 to 7."""
    made = History(["key"])
    for began, ended, etag in ((1, 2, "one"), (3, 5, "two"), (6, 7, ABSENT)):
        made.changed("key", began, ended, etag)
    return made


@pytest.mark.parametrize(
    ("began", "ended", "etag"),
    [
        (0.1, 0.2, ABSENT),
        (0.5, 1.5, "one"),
        (1.5, 1.6, ABSENT),
        (4, 4.5, "one"),
        (4, 4.5, "two"),
        (4.9, 5.1, "one"),
        (5.5, 5.6, "two"),
        (6.5, 6.6, "two"),
        (7.5, 8, ABSENT),
    ],
)
def test_what_may_be_seen_passes(began: float, ended: float, etag: str) -> None:
    made = history()
    made.saw("key", began, ended, etag)
    made.check()


@pytest.mark.parametrize(
    ("began", "ended", "etag"),
    [
        pytest.param(0.1, 0.2, "one", id="before it was written"),
        pytest.param(2.5, 2.6, ABSENT, id="lost"),
        pytest.param(5.1, 5.2, "one", id="stale"),
        pytest.param(7.5, 8, "two", id="back from the dead"),
        pytest.param(4, 5, "three", id="written by nobody"),
    ],
)
def test_what_cannot_be_seen_is_told(began: float, ended: float, etag: str) -> None:
    made = history()
    made.saw("key", began, ended, etag)
    with pytest.raises(AssertionError):
        made.check()


def test_refused_bytes_that_are_seen_are_told() -> None:
    made = history()
    made.refused.add(PUT)
    made.saw("key", 4, 5, "two", block(PUT, 0, 100, 100))
    with pytest.raises(AssertionError, match="refused"):
        made.check()


def test_two_bodies_of_one_etag_are_told() -> None:
    made = history()
    made.saw("key", 4, 5, "two", block(PUT, 0, 100, 100))
    with pytest.raises(AssertionError, match="two bodies"):
        made.saw("key", 4, 5, "two", block(PUT, 0, 101, 101))
