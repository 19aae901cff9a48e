from datetime import UTC, datetime, timedelta, timezone

import pytest

from emulator.wire.dates import format_http_date, format_iso_date, parse_http_date, parse_midnight

TIME = datetime(2012, 2, 24, 6, 7, 48, 999_999, tzinfo=UTC)


def test_a_time_is_cut_down_to_the_second_in_headers_and_documents():
    assert format_http_date(TIME) == "Fri, 24 Feb 2012 06:07:48 GMT"
    assert format_iso_date(TIME) == "2012-02-24T06:07:48.000Z"


def test_a_time_of_another_zone_is_written_in_gmt():
    elsewhere = TIME.astimezone(timezone(timedelta(hours=8)))
    assert format_http_date(elsewhere) == "Fri, 24 Feb 2012 06:07:48 GMT"
    assert format_iso_date(elsewhere) == "2012-02-24T06:07:48.000Z"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Fri, 24 Feb 2012 06:07:48 GMT", id="RFC 1123"),
        pytest.param("Friday, 24-Feb-12 06:07:48 GMT", id="RFC 850"),
        pytest.param("Fri Feb 24 06:07:48 2012", id="asctime"),
        pytest.param("Fri, 24 Feb 2012 14:07:48 +0800", id="another zone"),
    ],
)
def test_each_way_to_write_a_date_is_read(text: str):
    assert parse_http_date(text) == TIME.replace(microsecond=0)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "1", "Fri, 99 Foo 2012 06:07:48 GMT", "0" * 9999, ",", "a\udcff b c"]
)
def test_what_is_no_date_reads_as_none(text: str):
    assert parse_http_date(text) is None


@pytest.mark.parametrize("text", ["2024-02-29T00:00:00.000Z", "2024-02-29T00:00:00Z"])
def test_the_midnight_that_a_day_begins_with_is_read(text: str):
    assert parse_midnight(text) == datetime(2024, 2, 29, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "2024-02-29", "2024-02-29T00:00:01.000Z", "2024-02-29T00:00:00.000+08:00", "2023-02-29T00:00:00.000Z"],
)
def test_what_is_no_midnight_reads_as_none(text: str):
    assert parse_midnight(text) is None
