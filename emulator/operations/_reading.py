"""What the operations that read an object share: links are followed, and what is archived is not read.

Source: "PutSymlink" puts off until a link is read whether there is a target, of which type, and whether the sender may
read it. Guess: that is for policies to say, as the ACL that counts is the link's.
"""

from typing import NamedTuple

from msgspec import structs

from emulator.context import Context
from emulator.errors import InvalidObjectState, InvalidTargetType, NoSuchKey, SymlinkTargetNotExist
from emulator.model import ObjectRecord, ObjectType, StorageClass
from emulator.operations._access import check_policies
from emulator.storage.blobs import Blob
from emulator.wire.request import OssRequest
from emulator.wire.settings import setting_text


class Reading(NamedTuple):
    """An object that is being read: `record` is what its readers see, `source` the object whose bytes `blob` is.

    They are two only where `record` is a symbolic link.
    """

    record: ObjectRecord
    source: ObjectRecord
    blob: Blob


async def read_object(
    ctx: Context, request: OssRequest, bucket: str, key: str, version_id: str | None = None
) -> Reading:
    """The object at `key`, or that version of it, as `follow` shows it, and its bytes, to be closed by the caller.

    Raises:
        AccessDenied: it is a link to what a policy forbids the sender of `request` to read.
        NoSuchBucket, NoSuchKey, NoSuchVersion: there is none.
        MethodNotAllowed: the version is a delete marker.
        SymlinkTargetNotExist, InvalidTargetType: it is a link that leads nowhere, or to another link.
    """
    record, blob = await ctx.store.read(bucket, key, version_id)
    if record.type is not ObjectType.SYMLINK:
        return Reading(record, record, blob)
    blob.close()
    check_policies(ctx, request, "GetObject", bucket, record.attributes.symlink_target)
    try:
        target, blob = await ctx.store.read(bucket, record.attributes.symlink_target)
    except NoSuchKey as error:
        raise _leads_nowhere(record) from error
    if target.type is ObjectType.SYMLINK:
        blob.close()
        raise _leads_to_a_link(record)
    return Reading(_through(record, target), target, blob)


def check_readable(ctx: Context, source: ObjectRecord) -> None:
    """Raise `InvalidObjectState` if `source` is archived and nobody has restored it, or that is over again.

    Objects of class Archive need not be restored where the bucket says so.

    Source: "PutBucketArchiveDirectRead". Guess: copies profit from it as well.
    """
    storage_class = source.attributes.storage_class
    if not storage_class.is_archive or source.type is ObjectType.SYMLINK:
        return
    if storage_class is StorageClass.ARCHIVE and _reads_archives_directly(ctx, source.bucket):
        return
    restoration = source.attributes.restoration
    now = ctx.clock.now()
    if restoration is None or restoration.is_over(now):
        how = "Restore it first (RestoreObject)."
    elif restoration.is_under_way(now):
        seconds = (restoration.ready - now).total_seconds()
        how = f"It is being restored: wait for {seconds:.1f} s (`storage.restore_seconds`), or move the clock."
    else:
        return
    raise InvalidObjectState(hint=f"{source.key!r} is of class {storage_class}. {how}")


async def follow(ctx: Context, request: OssRequest, record: ObjectRecord) -> ObjectRecord:
    """`record`; if it is a symbolic link, with the bytes and digests of what it leads to.

    The rest is the link's, its version too, but that Last-Modified is the later one. What a link leads to is always the
    current version.

    Source: "PutSymlink", "GetObject".
    Raises:
        AccessDenied: it is a link to what a policy forbids the sender of `request` to read.
        SymlinkTargetNotExist, InvalidTargetType: it is a link that leads nowhere, or to another link.
    """
    if record.type is not ObjectType.SYMLINK:
        return record
    check_policies(ctx, request, "GetObject", record.bucket, record.attributes.symlink_target)
    target = await ctx.store.look(record.bucket, record.attributes.symlink_target)
    if target is None:
        raise _leads_nowhere(record)
    if target.type is ObjectType.SYMLINK:
        raise _leads_to_a_link(record)
    return _through(record, target)


def _reads_archives_directly(ctx: Context, bucket: str) -> bool:
    found = ctx.store.buckets.find(bucket)
    return found is not None and setting_text(found, "bucketArchiveDirectRead", "Enabled") == "true"


def _through(link: ObjectRecord, target: ObjectRecord) -> ObjectRecord:
    """What a reader sees of `target` through `link`."""
    return structs.replace(
        link,
        blob=target.blob,
        size=target.size,
        etag=target.etag,
        md5=target.md5,
        crc64=target.crc64,
        last_modified=max(link.last_modified, target.last_modified),
    )


def _leads_nowhere(link: ObjectRecord) -> SymlinkTargetNotExist:
    target = link.attributes.symlink_target
    return SymlinkTargetNotExist(hint=f"{link.key!r} is a symbolic link to {target!r}, and there is no such object.")


def _leads_to_a_link(link: ObjectRecord) -> InvalidTargetType:
    target = link.attributes.symlink_target
    return InvalidTargetType(hint=f"{link.key!r} is a symbolic link to {target!r}, which is one itself.")
