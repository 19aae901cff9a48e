"""What a read may ask for beside the key: a range of bytes, and conditions on ETag and time.

Source: "GetObject", and the suites of the C++, Java and Go SDKs for ranges.
"""

import re
from collections.abc import Mapping
from datetime import datetime

from emulator.errors import InvalidRange, NotModified, PreconditionFailed
from emulator.wire.dates import format_http_date, parse_http_date

# Only the first of several ranges counts. No size has twenty digits, and `int` refuses thousands of them.
_RANGE = re.compile(r"bytes=\s*([0-9]{0,19})-([0-9]{0,19})\s*(?:,|\Z)")


def parse_range(value: str, size: int, *, is_standard: bool) -> tuple[int, int] | None:
    """The offset and count of bytes that the header `Range: value` means of `size` bytes; `None` is the whole, as 200.

    Where the range leaves the object OSS gives the whole, unless `is_standard` (`x-oss-range-behavior: standard`) asks
    for what the HTTP standard says. A range that cannot be read is no range in either mode.

    Raises:
        InvalidRange: `bytes=-0` in either mode; in standard mode every range without a byte of the object.
    """
    match = _RANGE.match(value)
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        suffix = int(match[2])
        if suffix == 0:
            raise _invalid_range(value, size)
        start, end = size - suffix, size - 1
    else:
        start, end = int(match[1]), int(match[2]) if match[2] else max(size - 1, int(match[1]))
        if end < start:
            return None
    if start >= 0 and end < size:
        return start, end - start + 1
    if not is_standard:
        return None
    start, end = max(start, 0), min(end, size - 1)
    if start > end:
        raise _invalid_range(value, size)
    return start, end - start + 1


def _invalid_range(value: str, size: int) -> InvalidRange:
    return InvalidRange(
        headers={"Content-Range": f"bytes */{size}"},
        hint=f"Range: {value} names no byte of the object, which has {size}.",
    )


def quote_etag(etag: str) -> str:
    """An ETag as the wire spells it: in double quotes."""
    return f'"{etag}"'


def check_conditions(headers: Mapping[str, str], etag: str, last_modified: datetime, *, prefix: str = "") -> None:
    """Raise unless every condition of `headers` holds for an object; the first that fails decides.

    `prefix` `x-oss-copy-source-` reads the conditions that a copy puts on its source. A date that cannot be read is no
    condition.

    Raises:
        PreconditionFailed: If-Match or If-Unmodified-Since does not hold.
        NotModified: If-None-Match or If-Modified-Since finds nothing newer.
    """
    wanted = headers.get(f"{prefix}if-match")
    if wanted is not None and not _names(wanted, etag):
        raise PreconditionFailed(
            Condition="If-Match", hint=f"If-Match wants {wanted}, but the object's ETag is {quote_etag(etag)}."
        )
    modified = last_modified.replace(microsecond=0)
    since = _date(headers, f"{prefix}if-unmodified-since")
    if since is not None and modified > since:
        raise PreconditionFailed(
            Condition="If-Unmodified-Since",
            hint=f"The object was modified at {format_http_date(modified)}, after {format_http_date(since)}.",
        )
    known = headers.get(f"{prefix}if-none-match")
    if known is not None and _names(known, etag):
        raise _not_modified(etag, modified)
    since = _date(headers, f"{prefix}if-modified-since")
    if since is not None and modified <= since:
        raise _not_modified(etag, modified)


def _names(listed: str, etag: str) -> bool:
    """Whether a list of ETags has `etag`, quotes and case aside; `*` has every one."""
    etags = (item.strip().removeprefix("W/").strip('"').upper() for item in listed.split(","))
    return any(item in ("*", etag.upper()) for item in etags)


def _date(headers: Mapping[str, str], name: str) -> datetime | None:
    value = headers.get(name)
    return None if value is None else parse_http_date(value)


def _not_modified(etag: str, last_modified: datetime) -> NotModified:
    return NotModified(headers={"ETag": quote_etag(etag), "Last-Modified": format_http_date(last_modified)})
