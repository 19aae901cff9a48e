"""Who may read and write a bucket."""

from msgspec import structs

from emulator.context import Context
from emulator.errors import InvalidArgument
from emulator.model import Acl
from emulator.operations._document import document_response, owner
from emulator.operations._table import operation
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse


@operation("PutBucketAcl", "PUT /{bucket}?acl", needs_bucket=False)
async def put_bucket_acl(ctx: Context, request: OssRequest) -> OssResponse:
    """Set the bucket's ACL to `x-oss-acl`; without the header nothing changes.

    Source: "PutBucketAcl".
    Differs: it does not create a bucket that is missing, though the page says so; the SDKs' suites expect NoSuchBucket.
    Raises: NoSuchBucket, InvalidArgument.
    """
    ctx.store.buckets.get(request.bucket)
    text = request.headers.get("x-oss-acl")
    if text is not None:
        acl = parse_bucket_acl(text)
        await ctx.store.buckets.update(request.bucket, lambda bucket: structs.replace(bucket, acl=acl))
    return OssResponse(200, {"Location": f"/{request.bucket}"})


@operation("GetBucketAcl", "GET /{bucket}?acl")
async def get_bucket_acl(ctx: Context, request: OssRequest) -> OssResponse:
    """The bucket's owner and ACL.

    Source: "GetBucketAcl".
    Raises: NoSuchBucket.
    """
    grant = ctx.store.buckets.get(request.bucket).acl
    return document_response("AccessControlPolicy", [("Owner", owner(ctx)), ("AccessControlList", [("Grant", grant)])])


def parse_bucket_acl(text: str) -> Acl:
    """The ACL that `x-oss-acl` names; `default` is for objects alone.

    Raises:
        InvalidArgument: it names none.
    """
    if text in (Acl.PRIVATE, Acl.PUBLIC_READ, Acl.PUBLIC_READ_WRITE):
        return Acl(text)
    raise InvalidArgument(
        "no such bucket access control exists",
        ec="0015-00000204",
        hint="x-oss-acl is private, public-read or public-read-write.",
        ArgumentName="x-oss-acl",
        ArgumentValue=text,
    )
