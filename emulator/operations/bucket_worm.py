"""The retention of a bucket (WORM): for how many days its objects may be neither changed nor deleted.

It is in progress for a day; who has not locked it by then has none. Locked, it can be extended, and nothing else.

Source: "InitiateBucketWorm" and its neighbours; "Retention policies".
"""

from msgspec import structs

from emulator.context import Context
from emulator.errors import (
    InvalidWORMConfiguration,
    NoSuchWORMConfiguration,
    WORMConfigurationAlreadyExists,
    WORMConfigurationLocked,
)
from emulator.model import Bucket, BucketWorm
from emulator.operations._document import document_response, read_setting
from emulator.operations._table import operation
from emulator.wire.dates import format_iso_date
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.schema import Node, parse_schema
from emulator.wire.settings import parse_setting
from emulator.wire.xml import Content

MAX_DAYS = 25_550  # seventy years

_INITIATE = parse_schema("InitiateWormConfiguration\n  RetentionPeriodInDays: 0..")
_EXTEND = parse_schema("ExtendWormConfiguration\n  RetentionPeriodInDays: 0..")


@operation("InitiateBucketWorm", "POST /{bucket}?worm")
async def initiate_bucket_worm(ctx: Context, request: OssRequest) -> OssResponse:
    """Begin a retention, and give its id.

    Raises: NoSuchBucket, InvalidWORMConfiguration, WORMConfigurationAlreadyExists, InvalidDigest, MalformedXML.
    """
    worm = BucketWorm(ctx.ids.token(), await _read_days(request, _INITIATE), ctx.clock.now())

    def begin(bucket: Bucket) -> Bucket:
        if _current(ctx, bucket):
            raise WORMConfigurationAlreadyExists
        return structs.replace(bucket, worm=worm)

    await ctx.store.buckets.update(request.bucket, begin)
    return OssResponse(200, {"x-oss-worm-id": worm.id})


@operation("AbortBucketWorm", "DELETE /{bucket}?worm")
async def abort_bucket_worm(ctx: Context, request: OssRequest) -> OssResponse:
    """Give up a retention that is in progress, if there is one.

    Raises: NoSuchBucket, WORMConfigurationLocked.
    """

    def abort(bucket: Bucket) -> Bucket:
        if bucket.worm and bucket.worm.is_locked:
            raise WORMConfigurationLocked
        return structs.replace(bucket, worm=None)

    await ctx.store.buckets.update(request.bucket, abort)
    return OssResponse(204)


@operation("CompleteBucketWorm", "POST /{bucket}?wormId")
async def complete_bucket_worm(ctx: Context, request: OssRequest) -> OssResponse:
    """Lock the retention.

    Raises: NoSuchBucket, NoSuchWORMConfiguration, WORMConfigurationLocked.
    """

    def lock(bucket: Bucket) -> Bucket:
        worm = _called(ctx, bucket, request)
        if worm.is_locked:
            raise WORMConfigurationLocked
        return structs.replace(bucket, worm=structs.replace(worm, is_locked=True))

    await ctx.store.buckets.update(request.bucket, lock)
    return OssResponse(200)


@operation("ExtendBucketWorm", "POST /{bucket}?wormId&wormExtend")
async def extend_bucket_worm(ctx: Context, request: OssRequest) -> OssResponse:
    """Make a locked retention longer.

    Guess: one that is not locked, or would become shorter, is no valid one.
    Raises: NoSuchBucket, NoSuchWORMConfiguration, InvalidWORMConfiguration, InvalidDigest, MalformedXML.
    """
    days = await _read_days(request, _EXTEND)

    def extend(bucket: Bucket) -> Bucket:
        worm = _called(ctx, bucket, request)
        if not worm.is_locked or days <= worm.days:
            raise InvalidWORMConfiguration(
                hint=f"Only a locked retention can be extended, and only to more days than its {worm.days}."
            )
        return structs.replace(bucket, worm=structs.replace(worm, days=days))

    await ctx.store.buckets.update(request.bucket, extend)
    return OssResponse(200)


@operation("GetBucketWorm", "GET /{bucket}?worm")
async def get_bucket_worm(ctx: Context, request: OssRequest) -> OssResponse:
    """The retention, and whether it is locked.

    Guess: ExpirationDate is when a retention lapses that nobody locks.
    Raises: NoSuchBucket, NoSuchWORMConfiguration.
    """
    worm = _current(ctx, ctx.store.buckets.get(request.bucket))
    if worm is None:
        raise NoSuchWORMConfiguration(BucketName=request.bucket)
    content: list[tuple[str, Content]] = [
        ("WormId", worm.id),
        ("State", "Locked" if worm.is_locked else "InProgress"),
        ("RetentionPeriodInDays", worm.days),
        ("CreationDate", format_iso_date(worm.created)),
    ]
    if worm.lapses:
        content.append(("ExpirationDate", format_iso_date(worm.lapses)))
    return document_response("WormConfiguration", content)


async def _read_days(request: OssRequest, schema: Node) -> int:
    days = int(parse_setting(await read_setting(request, schema)).findtext("RetentionPeriodInDays", ""))
    if not 1 <= days <= MAX_DAYS:
        raise InvalidWORMConfiguration(hint=f"RetentionPeriodInDays is {days}; it is 1 to {MAX_DAYS}.")
    return days


def _current(ctx: Context, bucket: Bucket) -> BucketWorm | None:
    """The retention of `bucket`, unless it has lapsed."""
    return bucket.worm if bucket.worm and bucket.worm.is_in_force(ctx.clock.now()) else None


def _called(ctx: Context, bucket: Bucket, request: OssRequest) -> BucketWorm:
    """The retention that `wormId` names."""
    worm = _current(ctx, bucket)
    if worm is None or worm.id != request.parameters["wormId"]:
        raise NoSuchWORMConfiguration("The specified WORM ID does not exist.")
    return worm
