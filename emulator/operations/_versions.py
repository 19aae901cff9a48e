"""What operations on objects say of versions in their answers."""

from emulator.context import Context
from emulator.model import ObjectRecord

VERSION_ID = "x-oss-version-id"
DELETE_MARKER = "x-oss-delete-marker"


def version_headers(ctx: Context, record: ObjectRecord) -> dict[str, str]:
    """The version that was stored or read, where the bucket keeps versions or once did."""
    bucket = ctx.store.buckets.find(record.bucket)
    return {} if bucket is None or bucket.versioning is None else {VERSION_ID: record.version_id}
