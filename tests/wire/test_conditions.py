from datetime import UTC, datetime

import pytest

from emulator.errors import InvalidRange, NotModified, PreconditionFailed
from emulator.wire.conditions import check_conditions, parse_range, quote_etag

ETAG = "5D41402ABC4B2A76B9719D911017C592"
MODIFIED = datetime(2025, 7, 4, 5, 40, 0, 700_000, tzinfo=UTC)
BEFORE, THEN, AFTER = (f"Fri, 04 Jul 2025 05:{minute}:00 GMT" for minute in (39, 40, 41))
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


@pytest.mark.parametrize(
    ("headers", "outcome"),
    [
        pytest.param({}, "holds", id="no condition"),
        pytest.param({"if-match": f'"{ETAG}"'}, "holds", id="same ETag"),
        pytest.param({"if-match": ETAG.lower()}, "holds", id="same ETag without quotes, in lower case"),
        pytest.param({"if-match": f'"X", "{ETAG}"'}, "holds", id="one of a list"),
        pytest.param({"if-match": "*"}, "holds", id="any ETag"),
        pytest.param({"if-match": '"X"'}, "If-Match", id="other ETag"),
        pytest.param({"if-match": ""}, "If-Match", id="no ETag at all"),
        pytest.param({"if-unmodified-since": THEN}, "holds", id="unmodified since its own second"),
        pytest.param({"if-unmodified-since": AFTER}, "holds", id="unmodified since later"),
        pytest.param({"if-unmodified-since": BEFORE}, "If-Unmodified-Since", id="modified since"),
        pytest.param({"if-none-match": f'"{ETAG}"'}, "304", id="the ETag the client has"),
        pytest.param({"if-none-match": "*"}, "304", id="any ETag the client has"),
        pytest.param({"if-none-match": '"X"'}, "holds", id="an ETag of old"),
        pytest.param({"if-modified-since": THEN}, "304", id="not modified since its own second"),
        pytest.param({"if-modified-since": AFTER}, "304", id="not modified since later"),
        pytest.param({"if-modified-since": BEFORE}, "holds", id="modified since before"),
        pytest.param({"if-modified-since": "soon", "if-unmodified-since": "never"}, "holds", id="unreadable dates"),
        pytest.param({"if-match": '"X"', "if-none-match": ETAG}, "If-Match", id="If-Match comes first"),
        pytest.param(
            {"if-unmodified-since": BEFORE, "if-none-match": ETAG}, "If-Unmodified-Since", id="412 before 304"
        ),
        pytest.param({"if-none-match": '"X"', "if-modified-since": AFTER}, "304", id="both are evaluated"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "x-oss-copy-source-"])
def test_conditions(headers: dict[str, str], outcome: str, prefix: str):
    headers = {prefix + name: value for name, value in headers.items()}
    if outcome == "holds":
        check_conditions(headers, ETAG, MODIFIED, prefix=prefix)
    elif outcome == "304":
        with pytest.raises(NotModified) as unchanged:
            check_conditions(headers, ETAG, MODIFIED, prefix=prefix)
        assert unchanged.value.headers == {"ETag": quote_etag(ETAG), "Last-Modified": THEN}
    else:
        with pytest.raises(PreconditionFailed) as failed:
            check_conditions(headers, ETAG, MODIFIED, prefix=prefix)
        assert failed.value.elements == {"Condition": outcome}


def test_conditions_on_a_copy_source_leave_the_plain_ones_alone():
    check_conditions({"if-match": '"X"'}, ETAG, MODIFIED, prefix="x-oss-copy-source-")
