"""The versions of objects: found, listed, deleted and erased. Where none are kept, every object is its only one.

A delete without an id puts a delete marker on top, one with an id takes that version away for good.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

import msgspec

from emulator.clock import Clock, Ids
from emulator.errors import MethodNotAllowed, NoSuchKey, NoSuchVersion
from emulator.model import NULL_VERSION, Bucket, DeleteMarker, ObjectRecord, Versioning
from emulator.storage.index import Index
from emulator.storage.listing import VersionListing
from emulator.storage.retention import guard
from emulator.storage.writer import Batch, Job, Writer


class Deletion(msgspec.Struct, frozen=True):
    """What a delete did. `found` is whether there was an object, or a version of that id.

    `marker_id` is the id of the delete marker that it has made, or that it has taken away.
    """

    found: bool
    marker_id: str | None = None


class Versions:
    """The versions of a store. In the event loop."""

    def __init__(
        self,
        index: Index,
        writer: Writer,
        clock: Clock,
        ids: Ids,
        find_bucket: Callable[[str], Bucket | None],
        acknowledge: Callable[[str, str], None],
    ) -> None:
        """`acknowledge` is called with the bucket and key of a committed change."""
        self._index = index
        self._writer = writer
        self._clock = clock
        self._ids = ids
        self._find_bucket = find_bucket
        self._acknowledge = acknowledge

    # --- Reading ----------------------------------------------------------------------------------------------------

    def find(self, bucket: str, key: str, version_id: str) -> ObjectRecord | DeleteMarker | None:
        """The version of this id, if there is one."""
        try:
            return self._index.versions.find(bucket, key, version_id)
        except UnicodeEncodeError:  # bytes that are no UTF-8, carried as surrogates: no object can have such a key
            return None

    def get(self, bucket: str, key: str, version_id: str) -> ObjectRecord:
        """The version of this id.

        Raises:
            NoSuchVersion: there is none.
            MethodNotAllowed: it is a delete marker, which can only be deleted.
        """
        return existing(self.find(bucket, key, version_id), key, version_id)

    def absence(self, bucket: str, key: str) -> NoSuchKey:
        """What to refuse a request with that wants the object of a key which has none."""
        try:
            return absent(self._index, bucket, key)
        except UnicodeEncodeError:
            return NoSuchKey(Key=key)

    def page(
        self, bucket: str, *, prefix: str, delimiter: str, key_marker: str, id_marker: str, limit: int
    ) -> VersionListing:
        """The page of at most `limit` entries after `key_marker`, or after the version `id_marker` of that key."""
        return self._index.versions.page(
            bucket, prefix=prefix, delimiter=delimiter, key_marker=key_marker, id_marker=id_marker, limit=limit
        )

    # --- Changing ---------------------------------------------------------------------------------------------------

    def draw_id(self, bucket: str) -> str:
        """An id for what is about to be stored or deleted; `""` if it needs none, as far as one can tell by now.

        It is drawn here and not in the writer, so that seeded ids come in the order of the requests.
        """
        found = self._find_bucket(bucket)
        is_kept = found is not None and found.versioning is Versioning.ENABLED
        return self._ids.version_id(self._clock.now()) if is_kept else ""

    def settle_id(self, drawn: str, versioning: Versioning | None) -> str:
        """The id of a new version now that it is known what the bucket does."""
        if versioning is not Versioning.ENABLED:
            return NULL_VERSION
        return drawn or self._ids.version_id(self._clock.now())  # the bucket has begun to keep versions meanwhile

    async def delete(self, bucket: str, targets: Iterable[tuple[str, str | None]]) -> list[Deletion]:
        """Delete the keys, or versions of keys, that `targets` are, all at once; what that did to each.

        Raises:
            NoSuchBucket: there is none.
            FileImmutable: the bucket's retention keeps one of them; all stay.
        """
        now = self._clock.now_in_milliseconds()
        check_retention = guard(self._find_bucket(bucket), now)
        drawn = [(key, version_id, self.draw_id(bucket) if version_id is None else "") for key, version_id in targets]

        def apply(batch: Batch) -> list[Deletion]:
            batch.check_bucket(bucket)
            for key, version_id, _ in drawn:
                check_retention(batch, key, version_id)
            return [
                self.delete_in(batch, bucket, key, version_id, now, drawn_id) for key, version_id, drawn_id in drawn
            ]

        def acknowledge() -> None:
            for key, _, _ in drawn:
                self._acknowledge(bucket, key)

        return await self._writer.do(Job(apply, acknowledge=acknowledge))

    def delete_in(
        self,
        batch: Batch,
        bucket: str,
        key: str,
        version_id: str | None,
        now: datetime | None = None,
        drawn_id: str = "",
    ) -> Deletion:
        """Delete a key or a version of it in the transaction of `batch`. `drawn_id` is for the marker of a delete."""
        now = now or self._clock.now_in_milliseconds()
        versioning = batch.versioning(bucket)
        if version_id is None and versioning is not None:
            return _mark(batch, DeleteMarker(bucket, key, self.settle_id(drawn_id, versioning), now), versioning)
        if version_id is None or (version_id == NULL_VERSION and versioning is None):
            batch.show(bucket, key, None)
            removed = batch.index.remove(bucket, key, now)
            batch.unneeded += [removed.blob] if removed else []
            return Deletion(removed is not None)
        erased = batch.index.versions.erase(bucket, key, version_id, now)
        if erased is not None and erased.is_current:
            batch.show(bucket, key, erased.shown)
        if erased is not None and erased.blob is not None:
            batch.unneeded.append(erased.blob)
        is_marker = erased is not None and erased.blob is None
        return Deletion(erased is not None, version_id if is_marker else None)


def existing(found: ObjectRecord | DeleteMarker | None, key: str, version_id: str) -> ObjectRecord:
    """`found`, which was looked for as the version `version_id` of `key`, if it is an object.

    Raises:
        NoSuchVersion: there is none.
        MethodNotAllowed: it is a delete marker.
    """
    if isinstance(found, ObjectRecord):
        return found
    if found is None:
        raise NoSuchVersion(Key=key, VersionId=version_id)
    raise MethodNotAllowed(
        headers={"Allow": "DELETE", "x-oss-delete-marker": "true", "x-oss-version-id": version_id},
        hint=f"The version {version_id} of {key!r} is a delete marker; all it allows is to be deleted.",
        ResourceType="DeleteMarker",
    )


def absent(index: Index, bucket: str, key: str) -> NoSuchKey:
    """What to refuse a request with that wants the object of a key which has none: a delete marker shows itself."""
    marker = index.versions.newest_marker(bucket, key)
    if marker is None:
        return NoSuchKey(Key=key)
    return NoSuchKey(
        headers={"x-oss-delete-marker": "true", "x-oss-version-id": marker.version_id},
        hint=f"The newest version of {key!r} is a delete marker. Delete {marker.version_id} to have the object back.",
        Key=key,
    )


def _mark(batch: Batch, marker: DeleteMarker, versioning: Versioning) -> Deletion:
    found = batch.index.exists(marker.bucket, marker.key)
    batch.show(marker.bucket, marker.key, None)
    batch.unneeded += batch.index.versions.mark_deleted(marker, versioning)
    return Deletion(found, marker.version_id)
