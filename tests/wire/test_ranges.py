import pytest

from emulator.errors import InvalidRange
from emulator.wire.ranges import parse_range

WHOLE, REFUSED = None, "416"


@pytest.mark.parametrize(
    ("value", "default", "standard"),
    [
        pytest.param("bytes=0-499", (0, 500), (0, 500), id="the beginning"),
        pytest.param("bytes=500-", (500, 500), (500, 500), id="from the middle on"),
        pytest.param("bytes=-500", (500, 500), (500, 500), id="the end"),
        pytest.param("bytes=0-999", (0, 1000), (0, 1000), id="all of it, as a range"),
        pytest.param("bytes=-1000", (0, 1000), (0, 1000), id="all of it, as a suffix"),
        pytest.param("bytes=999-999", (999, 1), (999, 1), id="the last byte"),
        pytest.param("bytes=500-2000", WHOLE, (500, 500), id="end past the last byte"),
        pytest.param("bytes=0-1000", WHOLE, (0, 1000), id="end one past the last byte"),
        pytest.param("bytes=1000-2000", WHOLE, REFUSED, id="start past the last byte"),
        pytest.param("bytes=1000-", WHOLE, REFUSED, id="open start past the last byte"),
        pytest.param("bytes=-2000", WHOLE, (0, 1000), id="suffix longer than the object"),
        pytest.param("bytes=-0", REFUSED, REFUSED, id="empty suffix"),
        pytest.param("bytes=0-9,20-29", (0, 10), (0, 10), id="only the first of two ranges"),
        pytest.param("bytes=5-1", WHOLE, WHOLE, id="backwards"),
        pytest.param("bytes=2000-1000", WHOLE, WHOLE, id="backwards and outside"),
        pytest.param("byte=0-9", WHOLE, WHOLE, id="unknown unit"),
        pytest.param("bytes=a-b", WHOLE, WHOLE, id="no numbers"),
        pytest.param("bytes=--1", WHOLE, WHOLE, id="two hyphens"),
        pytest.param("bytes=-", WHOLE, WHOLE, id="neither end"),
        pytest.param("bytes=0-9x", WHOLE, WHOLE, id="something behind"),
        pytest.param("bytes=" + "9" * 5000 + "-", WHOLE, WHOLE, id="a number too long for int"),
        pytest.param("bytes=٠-٩", WHOLE, WHOLE, id="digits of another script"),
    ],
)
@pytest.mark.parametrize("is_standard", [False, True])
def test_range_of_a_thousand_bytes(value: str, default: object, standard: object, is_standard: bool):
    expected = standard if is_standard else default
    if expected == REFUSED:
        with pytest.raises(InvalidRange) as caught:
            parse_range(value, 1000, is_standard=is_standard)
        assert caught.value.headers == {"Content-Range": "bytes */1000"}
    else:
        assert parse_range(value, 1000, is_standard=is_standard) == expected


def test_every_range_of_an_empty_object_is_the_whole_unless_the_standard_is_asked_for():
    for value in ("bytes=0-", "bytes=0-0", "bytes=-5"):
        assert parse_range(value, 0, is_standard=False) is None
        with pytest.raises(InvalidRange):
            parse_range(value, 0, is_standard=True)
