"""What lifecycle rules change in a transaction: each thing is judged anew, as it is there and by the rules of then.

Whoever has found it due has looked before; meanwhile it may have been overwritten, deleted or tagged, and what is no
longer due is left alone. So is what the bucket's retention keeps.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec
from msgspec import structs

from emulator.model import Bucket, DeleteMarker, ObjectRecord, StorageClass
from emulator.storage.fate import Subject, fate, removes_marker
from emulator.storage.retention import kept_until
from emulator.storage.versions import Versions
from emulator.storage.writer import Batch

Action = Literal["expired", "moved", "aborted", "marker removed"]


class LifecycleChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was done to an object, a version of the past, a delete marker or an upload, and by the rule of which id.

    `version_id` is that of the version, or of the delete marker that now stands for an object.
    """

    bucket: str
    key: str
    action: Action
    rule: str
    storage_class: StorageClass | None = None
    version_id: str | None = None
    upload_id: str | None = None


def change_objects(
    batch: Batch, bucket: Bucket, keys: Iterable[str], now: datetime, versions: Versions
) -> list[LifecycleChange]:
    """Delete or move what is due of the objects at `keys`."""
    done: list[LifecycleChange] = []
    for key in keys:
        record = batch.index.find(bucket.name, key)
        found = fate(bucket.lifecycle, Subject.of(record), now) if record else None
        if record is None or found is None:
            continue
        if found.storage_class is None and kept_until(batch, bucket, key, None, now):
            continue
        if found.storage_class is None:
            deletion = versions.delete_in(batch, bucket.name, key, None)
            done.append(LifecycleChange(bucket.name, key, "expired", found.rule, version_id=deletion.marker_id))
        else:
            batch.index.put(_moved(record, found.storage_class))
            done.append(LifecycleChange(bucket.name, key, "moved", found.rule, found.storage_class))
    return done


def change_past(
    batch: Batch, bucket: Bucket, past: Iterable[tuple[str, str]], now: datetime, versions: Versions
) -> list[LifecycleChange]:
    """Delete or move what is due of the versions of the past that `past` names by key and id; delete markers, too."""
    done: list[LifecycleChange] = []
    for key, version_id in past:
        version = batch.index.versions.find(bucket.name, key, version_id)
        since = batch.index.versions.past_since(bucket.name, key, version_id)
        if version is None or since is None:
            continue
        is_marker = isinstance(version, DeleteMarker)
        subject = Subject.of_marker(key, since) if isinstance(version, DeleteMarker) else Subject.of(version, since)
        found = fate(bucket.lifecycle, subject, now, is_past=True)
        if found is None or (found.storage_class is None and kept_until(batch, bucket, key, version_id, now)):
            continue
        if found.storage_class is None:
            versions.delete_in(batch, bucket.name, key, version_id)
            action: Action = "marker removed" if is_marker else "expired"
        else:
            assert isinstance(version, ObjectRecord)
            batch.index.versions.replace(_moved(version, found.storage_class))
            action = "moved"
        done.append(LifecycleChange(bucket.name, key, action, found.rule, found.storage_class, version_id))
    return done


def remove_markers(
    batch: Batch, bucket: Bucket, keys: Iterable[str], now: datetime, versions: Versions
) -> list[LifecycleChange]:
    """Take away the delete markers that are all there is at `keys`; that needs no time."""
    done: list[LifecycleChange] = []
    for key in keys:
        marker = batch.index.versions.lone_marker(bucket.name, key)
        rule = removes_marker(bucket.lifecycle, key)
        if marker is not None and rule is not None:
            versions.delete_in(batch, bucket.name, key, marker.version_id)
            done.append(LifecycleChange(bucket.name, key, "marker removed", rule, version_id=marker.version_id))
    return done


def _moved(record: ObjectRecord, storage_class: StorageClass) -> ObjectRecord:
    """`record` in another class; its Last-Modified stays. Guess: what was restored is not so in a colder archive."""
    attributes = structs.replace(record.attributes, storage_class=storage_class, restoration=None)
    return structs.replace(record, attributes=attributes)
