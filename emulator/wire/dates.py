"""Times as OSS spells them: RFC 1123 in headers, ISO 8601 with three zero milliseconds in documents.

Source: "Common HTTP headers"; the samples of every list operation.
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_MIDNIGHT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T00:00:00(\.0+)?Z\Z")


def format_http_date(time: datetime) -> str:
    """`Fri, 24 Feb 2012 06:07:48 GMT`, cut down to the whole second."""
    return _format_http_date(time.replace(microsecond=0))


@lru_cache(maxsize=1024)
def _format_http_date(time: datetime) -> str:
    utc = time.astimezone(UTC)
    return utc.strftime(f"{_DAYS[utc.weekday()]}, %d {_MONTHS[utc.month - 1]} {utc.year:04d} %H:%M:%S GMT")


def format_iso_date(time: datetime) -> str:
    """`2012-02-24T06:07:48.000Z`, cut down to the whole second."""
    return _format_iso_date(time.replace(microsecond=0))


@lru_cache(maxsize=1024)
def _format_iso_date(time: datetime) -> str:
    return f"{time.astimezone(UTC).replace(tzinfo=None).isoformat()}.000Z"


def parse_http_date(text: str) -> datetime | None:
    """The time that RFC 1123, RFC 850 or asctime text names; `None` if it is none of them."""
    try:
        time = parsedate_to_datetime(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (
        ValueError,
        OverflowError,
        IndexError,
        TypeError,
    ):  # the parser of the standard library lets all of them out
        return None


def parse_midnight(text: str) -> datetime | None:
    """The day that `2012-02-24T00:00:00.000Z` begins; `None` if the text is no such time."""
    if not _MIDNIGHT.match(text):
        return None
    try:
        return datetime.fromisoformat(text[:10]).replace(tzinfo=UTC)
    except ValueError:  # no such day
        return None
