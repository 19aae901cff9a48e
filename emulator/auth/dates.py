"""When a request was signed, until when its URL is good, and how far a client's clock may be off.

Source: "Include signatures in the Authorization header", "Include a signature in a URL" and the dates of the SDKs (Java
v2 sends a one-digit day, ali-oss an RFC 1123 text in `x-oss-date`).
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from emulator.errors import AccessDenied, RequestTimeTooSkewed
from emulator.wire.dates import format_iso_date, parse_http_date
from emulator.wire.request import OssRequest

MAX_SKEW = timedelta(minutes=15)

_ISO_BASIC = re.compile(r"[0-9]{8}T[0-9]{6}Z")


@lru_cache(maxsize=64)
def parse_iso_date(text: str) -> datetime | None:
    """The time that `20240601T120000Z` means; `None` if `text` is not of that form."""
    if _ISO_BASIC.fullmatch(text) is None:
        return None
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


@lru_cache(maxsize=64)
def parse_date(text: str) -> datetime | None:
    """The time that an HTTP date or an ISO 8601 basic date means; `None` if `text` is neither."""
    return parse_iso_date(text) or parse_http_date(text)


def signing_date(request: OssRequest, now: datetime) -> tuple[str, datetime]:
    """The date under a header signature: its text as sent, which is what was signed, and the time it means.

    `x-oss-date` goes before `Date`.

    Raises:
        AccessDenied: there is no date, or it cannot be read.
        RequestTimeTooSkewed: it is more than a quarter of an hour from `now`.
    """
    text = request.headers.get("x-oss-date")
    name = "x-oss-date"
    if text is None:
        text = request.headers.get("date", "")
        name = "Date"
    if not text:
        raise AccessDenied(
            "OSS authentication requires a valid Date.",
            ec="0002-00000503",
            hint="The request is signed but has neither a Date nor an x-oss-date header. Browsers drop Date: "
            "send x-oss-date there.",
        )
    date = parse_date(text)
    if date is None:
        raise AccessDenied(
            "OSS authentication requires a valid Date.",
            ec="0002-00000505" if name == "x-oss-date" else "0002-00000502",
            hint=f"{name} is {text!r}. Expected is {now:%a, %d %b %Y %H:%M:%S} GMT or {now:%Y%m%dT%H%M%SZ}, in UTC.",
        )
    if abs(now - date) > MAX_SKEW:
        raise RequestTimeTooSkewed(
            hint=f"{name} says {format_iso_date(date)}, the emulator's clock says {format_iso_date(now)}; they may "
            f"differ by 15 minutes. {_clock_advice(now - date)}",
            MaxAllowedSkewMilliseconds=MAX_SKEW // timedelta(milliseconds=1),
            RequestTime=format_iso_date(date),
            ServerTime=format_iso_date(now),
        )
    return text, date


def _clock_advice(difference: timedelta) -> str:
    """What makes clocks differ by so much: a whole number of quarters of an hour, up to 14 hours, is a time zone."""
    quarters, rest = divmod(abs(difference) + timedelta(minutes=1), timedelta(minutes=15))
    if 4 <= quarters <= 14 * 4 and rest < timedelta(minutes=2):
        return "The difference is that of a time zone: the client has probably sent local time as if it were UTC."
    return "Set the clock of one of the two machines, or do not reuse the headers of an earlier request."


def check_expires(text: str, now: datetime) -> None:
    """Raise `AccessDenied` unless `text` is a Unix time in seconds that has not passed."""
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise AccessDenied(
            "Invalid date (should be seconds since epoch).",
            ec="0002-00000070",
            hint=f"The URL expires at {text!r}. Expected is a Unix time in whole seconds, such as "
            f"{int(now.timestamp()) + 3600}.",
        )
    if now.timestamp() > int(text):
        raise request_has_expired(datetime.fromtimestamp(int(text), UTC), now, ec="0002-00000069")


def request_has_expired(expires: datetime, now: datetime, *, ec: str) -> AccessDenied:
    """The refusal of a URL that was good until `expires`."""
    return AccessDenied(
        "Request has expired.",
        ec=ec,
        hint=f"The URL was good until {format_iso_date(expires)}; now it is {format_iso_date(now)}. Sign a new one, "
        "with a longer time, or compare the clocks: Expires is an absolute time, not a duration.",
        Expires=format_iso_date(expires),
        ServerTime=format_iso_date(now),
    )
