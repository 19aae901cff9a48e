"""Who may read and write one object, whatever its bucket says."""

from msgspec import structs

from emulator.context import Context
from emulator.operations._document import document_response, owner
from emulator.operations._table import operation
from emulator.wire.address import check_key
from emulator.wire.attributes import parse_object_acl
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.version_id import check_version_id


@operation("PutObjectACL", "PUT /{bucket}/{key}?acl")
async def put_object_acl(ctx: Context, request: OssRequest) -> OssResponse:
    """Set the object's ACL to `x-oss-object-acl`; its ETag and Last-Modified stay.

    Source: "PutObjectACL".
    Raises: NoSuchKey, NoSuchVersion, InvalidArgument.
    """
    _check(request)
    acl = parse_object_acl(request.headers.get("x-oss-object-acl", ""))
    record = await ctx.store.get(request.bucket, request.key)
    await ctx.store.set_attributes(request.bucket, request.key, structs.replace(record.attributes, acl=acl))
    return OssResponse(200)


@operation("GetObjectACL", "GET /{bucket}/{key}?acl")
async def get_object_acl(ctx: Context, request: OssRequest) -> OssResponse:
    """The object's owner and ACL: `default` if it never got one of its own.

    Source: "GetObjectACL".
    Raises: NoSuchKey, NoSuchVersion, InvalidArgument.
    """
    _check(request)
    record = await ctx.store.get(request.bucket, request.key)
    return document_response(
        "AccessControlPolicy", [("Owner", owner(ctx)), ("AccessControlList", [("Grant", record.attributes.acl)])]
    )


def _check(request: OssRequest) -> None:
    check_key(request.key)
    if "versionId" in request.parameters:
        check_version_id(request.parameters["versionId"], key=request.key)
