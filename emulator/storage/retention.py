"""The retention of a bucket (WORM) where it counts: no version is lost before its days are over.

Source: "Retention policies".
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from emulator.errors import FileImmutable
from emulator.model import NULL_VERSION, Bucket, ObjectRecord, Versioning
from emulator.storage.writer import Batch, nothing


def kept_until(batch: Batch, bucket: Bucket, key: str, version_id: str | None, now: datetime) -> datetime | None:
    """Until when the retention of `bucket` keeps what would be lost at `key`; `None` if that may be lost.

    It is the version `version_id` where that is to be erased, and without an id what a new version or a delete marker
    would take the place of.
    """
    worm = bucket.worm
    if worm is None or not worm.is_in_force(now):
        return None
    if version_id is None and batch.versioning(bucket.name) is Versioning.ENABLED:
        return None
    lost = batch.index.versions.find(bucket.name, key, version_id or NULL_VERSION)
    if not isinstance(lost, ObjectRecord):
        return None
    end = lost.last_modified + timedelta(days=worm.days)
    return end if now < end else None


def guard(bucket: Bucket | None, now: datetime) -> Callable[[Batch, str, str | None], None]:
    """What raises `FileImmutable` where `kept_until` says that something is kept.

    It is called in the transaction with key and version, before anything is changed.
    """
    if bucket is None or bucket.worm is None:
        return nothing

    def check(batch: Batch, key: str, version_id: str | None) -> None:
        if end := kept_until(batch, bucket, key, version_id, now):
            raise FileImmutable(hint=f"The retention of the bucket {bucket.name} keeps {key!r} until {end:%F %T} UTC.")

    return check
