"""RestoreObject and CleanRestoredObject: archived objects, which can be read for a while after they were restored.

Nothing happens to the bytes: when a restoration is ready and when it ends is written down, and the clock does the rest.
"""

from datetime import timedelta
from xml.etree.ElementTree import Element

import msgspec
from msgspec import structs

from emulator.context import Context
from emulator.errors import (
    ArchiveRestoreFileStale,
    ArchiveRestoreNotFinished,
    InvalidArgument,
    MalformedXML,
    OperationNotSupported,
    RestoreAlreadyInProgress,
)
from emulator.model import ObjectAttributes, Restoration, StorageClass
from emulator.operations._document import read_document
from emulator.operations._table import operation
from emulator.operations._versions import version_headers
from emulator.wire.address import check_key
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.version_id import read_version_id

_MAX_DAYS = {StorageClass.ARCHIVE: 7, StorageClass.COLD_ARCHIVE: 365, StorageClass.DEEP_COLD_ARCHIVE: 365}
_TIERS = {
    StorageClass.COLD_ARCHIVE: ("Expedited", "Standard", "Bulk"),
    StorageClass.DEEP_COLD_ARCHIVE: ("Expedited", "Standard"),
}


class RestoreRequest(msgspec.Struct, frozen=True):
    """What the document of a RestoreObject says, as far as it says anything. `days` is how long the object stays."""

    days: int = 1
    tier: str | None = None


@operation("RestoreObject", "POST /{bucket}/{key}?restore")
async def restore_object(ctx: Context, request: OssRequest) -> OssResponse:
    """Have an archived object made readable: 202, and 200 if it is so already and only stays so for longer.

    Source: "RestoreObject"; oss2's `restore_object` for the longer stay, with its limit of seven days.
    Differs: it takes `storage.restore_seconds`, whatever the class and the priority.
    Guess: the limits and refusals of Days.
    Raises: NoSuchKey, NoSuchVersion, MethodNotAllowed, OperationNotSupported, RestoreAlreadyInProgress,
    InvalidArgument, MalformedXML.
    """
    check_key(request.key)
    version_id = read_version_id(request)
    document = await read_document(request, "RestoreRequest")
    asked = parse_restore_request(document) if document is not None else RestoreRequest()
    now = ctx.clock.now_in_milliseconds()
    stay = timedelta(days=asked.days)
    is_new = True

    def change(attributes: ObjectAttributes) -> ObjectAttributes:
        nonlocal is_new
        max_days = _check_class(attributes.storage_class, "RestoreObject")
        _check_request(asked, attributes.storage_class)
        before = attributes.restoration
        is_new = before is None or before.is_over(now)
        if before is None or is_new:
            ready = now + timedelta(seconds=ctx.config.storage.restore_seconds)
            return structs.replace(attributes, restoration=Restoration(ready, ready + stay))
        if before.is_under_way(now):
            raise RestoreAlreadyInProgress(
                hint=f"It will be ready in {(before.ready - now).total_seconds():.1f} s (`storage.restore_seconds`)."
            )
        expires = min(before.expires + stay, now + timedelta(days=max_days))
        return structs.replace(attributes, restoration=Restoration(before.ready, max(before.expires, expires)))

    await ctx.store.get(request.bucket, request.key, version_id)  # a file dropped into the tree becomes an object
    record = await ctx.store.set_attributes(request.bucket, request.key, change, version_id)
    headers = version_headers(ctx, record)
    if record.attributes.storage_class in _TIERS and is_new:
        headers["x-oss-object-restore-priority"] = asked.tier or "Standard"
    return OssResponse(202 if is_new else 200, headers)


@operation("CleanRestoredObject", "POST /{bucket}/{key}?cleanRestoredObject")
async def clean_restored_object(ctx: Context, request: OssRequest) -> OssResponse:
    """Let a restored object be archived again at once.

    Source: "CleanRestoredObject".
    Guess: the refusal of an object that is not archived, by analogy with RestoreObject.
    Raises: NoSuchKey, NoSuchVersion, MethodNotAllowed, OperationNotSupported, ArchiveRestoreFileStale,
    ArchiveRestoreNotFinished.
    """
    check_key(request.key)
    version_id = read_version_id(request)
    now = ctx.clock.now_in_milliseconds()

    def change(attributes: ObjectAttributes) -> ObjectAttributes:
        _check_class(attributes.storage_class, "CleanRestoredObject")
        restoration = attributes.restoration
        if restoration is None or restoration.is_over(now):
            raise ArchiveRestoreFileStale(hint="The object is not restored; there is nothing to clean.")
        if restoration.is_under_way(now):
            raise ArchiveRestoreNotFinished(
                hint=f"It will be restored in {(restoration.ready - now).total_seconds():.1f} s."
            )
        return structs.replace(attributes, restoration=None)

    await ctx.store.get(request.bucket, request.key, version_id)
    record = await ctx.store.set_attributes(request.bucket, request.key, change, version_id)
    return OssResponse(200, version_headers(ctx, record))


def parse_restore_request(document: Element) -> RestoreRequest:
    """What a RestoreRequest asks for.

    Raises:
        MalformedXML: Days is no number, or JobParameters has no Tier.
    """
    text = (document.findtext("Days") or "1").strip()
    if not text.isascii() or not text.isdigit() or len(text) > 5:
        raise MalformedXML(hint=f"Days is {text!r}; it is a whole number.")
    parameters = document.find("JobParameters")
    tier = None if parameters is None else (parameters.findtext("Tier") or "").strip()
    if tier == "":
        raise MalformedXML(hint="JobParameters has a Tier.")
    return RestoreRequest(int(text), tier)


def _check_class(storage_class: StorageClass, operation: str) -> int:
    """The most days for which an object of this class can be restored.

    Raises:
        OperationNotSupported: the object is not archived.
    """
    if storage_class not in _MAX_DAYS:
        raise OperationNotSupported(
            hint=f"The object is of class {storage_class}; only archived objects are restored.",
            Detail=f"{operation} operation does not support this object storage class",
        )
    return _MAX_DAYS[storage_class]


def _check_request(asked: RestoreRequest, storage_class: StorageClass) -> None:
    """Raise unless an object of this class can be restored in this way."""
    max_days = _MAX_DAYS[storage_class]
    if not 1 <= asked.days <= max_days:
        raise InvalidArgument(
            hint=f"Days is {asked.days}; {storage_class} is restored for 1 to {max_days} days.",
            ArgumentName="Days",
            ArgumentValue=asked.days,
        )
    if asked.tier is None:
        return
    tiers = _TIERS.get(storage_class)
    if tiers is None:
        raise MalformedXML(hint=f"{storage_class} is restored without JobParameters.")
    if asked.tier not in tiers:
        raise InvalidArgument(
            hint=f"Tier is {asked.tier!r}; for {storage_class} it is one of {', '.join(tiers)}.",
            ArgumentName="Tier",
            ArgumentValue=asked.tier,
        )
