"""What answers about an object say of its end by a lifecycle rule."""

from emulator.context import Context
from emulator.model import ObjectRecord
from emulator.storage.fate import NEVER, end_of
from emulator.wire.dates import format_http_date
from emulator.wire.percent import encode


def expiration_headers(ctx: Context, record: ObjectRecord) -> dict[str, str]:
    """`x-oss-expiration` with the day and the rule, if a rule ends the object. Versions of the past have none.

    Guess: an id that is more than plain ASCII is percent-encoded.
    """
    bucket = ctx.store.buckets.find(record.bucket)
    rules = bucket.lifecycle if bucket else ()
    if not rules or ctx.store.find(record.bucket, record.key) != record:
        return {}
    end, rule = end_of(rules, record) or (NEVER, "")
    if end == NEVER:
        return {}
    shown = encode(rule, " !#$&'()*+,/:;=?@[]")
    return {"x-oss-expiration": f'expiry-date="{format_http_date(end)}", rule-id="{shown}"'}
