"""The retention of a bucket (WORM) where it counts: no version is lost before its days are over.

Source: "Retention policies".
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from emulator.errors import FileImmutable
from emulator.model import NULL_VERSION, Bucket, ObjectRecord, Versioning
from emulator.storage.writer import Batch, nothing


def guard(bucket: Bucket | None, now: datetime) -> Callable[[Batch, str, str | None], None]:
    """What refuses to lose a version that the retention of `bucket` still keeps, if it has one.

    It is called in the transaction, before anything is changed, with the key and the id of the version that is to be
    erased; without an id, with the key that is to have a new version or a delete marker. It raises `FileImmutable`.
    """
    worm = bucket.worm if bucket else None
    if bucket is None or worm is None or not worm.is_in_force(now):
        return nothing
    name, retained = bucket.name, timedelta(days=worm.days)

    def check(batch: Batch, key: str, version_id: str | None) -> None:
        if version_id is None and batch.versioning(name) is Versioning.ENABLED:
            return
        lost = batch.index.versions.find(name, key, version_id or NULL_VERSION)
        if isinstance(lost, ObjectRecord) and now < (end := lost.last_modified + retained):
            raise FileImmutable(hint=f"The retention of the bucket {name} keeps {key!r} until {end:%F %T} UTC.")

    return check
