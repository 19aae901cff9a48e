"""AppendObject: an object that grows at its end."""

from msgspec import structs

from emulator.context import Context
from emulator.errors import EntityTooLarge, InvalidArgument, InvalidObjectState, MissingArgument
from emulator.model import StorageClass
from emulator.operations._table import operation
from emulator.operations._upload import stage_body
from emulator.operations._versions import version_headers
from emulator.storage.appendables import NEXT_POSITION, check_position
from emulator.wire.address import check_key
from emulator.wire.attributes import read_attributes
from emulator.wire.dates import format_http_date
from emulator.wire.digests import quote_etag
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse

SEALED_TIME = "x-oss-sealed-time"
EC_POSITION = "0016-00000502"


@operation("AppendObject", "POST /{bucket}/{key}?append", action="PutObject")
async def append_object(ctx: Context, request: OssRequest) -> OssResponse:
    """Add the body at `position`, which must be where the object ends; at 0 it may begin one.

    What the request says about the object counts when it is begun, and is not even looked at later.

    Source: "AppendObject"; the suites of the Java and Go SDKs for the order of the checks.
    Guess: what OSS answers to an archive class, which it does not append to, be the object begun or archived since.
    Raises: MissingArgument, InvalidArgument, ObjectNotAppendable, PositionNotEqualToLength, EntityTooLarge,
    InvalidDigest, InvalidCRC64, MissingContentLength, AppendSealedObjectNotAllowed, InvalidObjectState.
    """
    check_key(request.key)
    position = _parse_position(request)
    record = await ctx.store.look(request.bucket, request.key)
    check_position(record, position)
    if record is None:
        attributes = read_attributes(request.headers, ctx.store.buckets.get(request.bucket))
        _check_class(attributes.storage_class)
    else:
        attributes = record.attributes
        if attributes.storage_class.is_archive:  # by a lifecycle rule
            raise InvalidObjectState(hint=f"The object is of class {attributes.storage_class} by now.")
    limit = ctx.config.limits.max_object_bytes
    if position >= limit:
        raise EntityTooLarge(hint=f"The object has {position} bytes already; it takes at most {limit}.")
    async with stage_body(ctx, request, limit=limit - position) as staged:
        record = await staged.append(request.bucket, request.key, position, attributes=attributes)
    return OssResponse(
        200,
        {
            "ETag": quote_etag(record.etag),
            "x-oss-hash-crc64ecma": str(record.crc64),
            NEXT_POSITION: str(record.size),
            **version_headers(ctx, record),
            **record.attributes.encryption,
        },
    )


@operation("SealAppendObject", "POST /{bucket}/{key}?seal", action="PutObject")
async def seal_append_object(ctx: Context, request: OssRequest) -> OssResponse:
    """Let the object grow no more. To seal it again says when it was sealed.

    Source: "SealAppendObject".
    Guess: what OSS answers for an object that was not made by AppendObject.
    Raises: NoSuchKey, MissingArgument, InvalidArgument, ObjectNotAppendable, PositionNotEqualToLength.
    """
    check_key(request.key)
    position = _parse_position(request)
    now = ctx.clock.now_in_milliseconds()

    await ctx.store.get(request.bucket, request.key)
    record = await ctx.store.set_attributes(
        request.bucket,
        request.key,
        lambda attributes: structs.replace(attributes, sealed=attributes.sealed or now),
        check=lambda record: check_position(record, position, may_be_sealed=True),
    )
    assert record.attributes.sealed
    sealed = {SEALED_TIME: format_http_date(record.attributes.sealed)}
    return OssResponse(200, version_headers(ctx, record) | sealed)


def _parse_position(request: OssRequest) -> int:
    text = request.parameters.get("position")
    if text is None:
        raise MissingArgument(
            ec="0016-00000501",
            hint="It needs position=N in the query, where N is the length of the object so far.",
            ArgumentName="position",
        )
    if text.isascii() and text.isdigit() and len(text) <= 19:
        return int(text)
    raise InvalidArgument(
        "The argument position must be an integer that is not negative.",
        ec=EC_POSITION,
        ArgumentName="position",
        ArgumentValue=text,
    )


def _check_class(storage_class: StorageClass) -> None:
    if storage_class not in (StorageClass.STANDARD, StorageClass.IA):
        raise InvalidArgument(
            "no such object storage class exists",
            hint=f"An appendable object is Standard or IA, not {storage_class}; the class comes from "
            "x-oss-storage-class, or else from the bucket.",
            ArgumentName="x-oss-storage-class",
            ArgumentValue=storage_class,
        )
