"""PutBucketVersioning, GetBucketVersioning: whether a bucket keeps what is overwritten and deleted."""

from msgspec import structs

from emulator.context import Context
from emulator.errors import InvalidArgument, MalformedXML
from emulator.model import Versioning
from emulator.operations._document import document_response, read_document
from emulator.operations._table import operation
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse

_ROOT = "VersioningConfiguration"


@operation("PutBucketVersioning", "PUT /{bucket}?versioning")
async def put_bucket_versioning(ctx: Context, request: OssRequest) -> OssResponse:
    """Begin to keep versions, or stop; what is there stays. A bucket that has begun never goes back to having none.

    Source: "PutBucketVersioning"; the suite of oss2 for a status that there is not.
    Raises: NoSuchBucket, MalformedXML, InvalidArgument.
    """
    document = await read_document(request, _ROOT)
    if document is None:
        raise MalformedXML(hint=f"The body is empty; PutBucketVersioning wants a <{_ROOT}>.")
    status = document.findtext("Status", "").strip()
    if not status:
        raise InvalidArgument(
            "The Versioning element must be specified.",
            hint="The document has no <Status>; it is Enabled or Suspended.",
            ArgumentName="Status",
            ArgumentValue=status,
        )
    try:
        versioning = Versioning(status)
    except ValueError:
        raise MalformedXML(hint=f"Status is {status!r}; it must be Enabled or Suspended.") from None
    await ctx.store.buckets.update(request.bucket, lambda bucket: structs.replace(bucket, versioning=versioning))
    return OssResponse(200)


@operation("GetBucketVersioning", "GET /{bucket}?versioning")
async def get_bucket_versioning(ctx: Context, request: OssRequest) -> OssResponse:
    """Whether the bucket keeps versions; an empty document if it never did.

    Source: "GetBucketVersioning".
    Raises: NoSuchBucket.
    """
    versioning = ctx.store.buckets.get(request.bucket).versioning
    return document_response(_ROOT, [("Status", versioning)] if versioning else [])
