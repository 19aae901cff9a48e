"""The conditions on ETag and time that a read, or a copy of its source, may set.

Source: "GetObject", "CopyObject"; the suite of ali-oss for the Condition in the answer.
"""

from collections.abc import Mapping
from datetime import datetime

from emulator.errors import NotModified, PreconditionFailed
from emulator.wire.dates import format_http_date, parse_http_date
from emulator.wire.digests import quote_etag


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
