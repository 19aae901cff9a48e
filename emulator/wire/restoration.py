"""How far the restoring of an archived object is, as `x-oss-restore` and listings spell it.

Source: "HeadObject"; "RestoreObject".
"""

from datetime import datetime

from emulator.model import Restoration
from emulator.wire.dates import format_http_date


def format_restoration(restoration: Restoration | None, now: datetime) -> str | None:
    """What is said of it at `now`; `None` where there is nothing to say."""
    if restoration is None or restoration.is_over(now):
        return None
    if restoration.is_under_way(now):
        return 'ongoing-request="true"'
    return f'ongoing-request="false", expiry-date="{format_http_date(restoration.expires)}"'
