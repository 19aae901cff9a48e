"""Who may read and write one object, whatever its bucket says."""

from msgspec import structs

from emulator.context import Context
from emulator.operations._document import document_response, owner
from emulator.operations._table import operation
from emulator.operations._versions import version_headers
from emulator.wire.address import check_key
from emulator.wire.attributes import parse_object_acl
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.version_id import read_version_id


@operation("PutObjectACL", "PUT /{bucket}/{key}?acl", action="PutObjectAcl")
async def put_object_acl(ctx: Context, request: OssRequest) -> OssResponse:
    """Set the object's ACL to `x-oss-object-acl`; its ETag and Last-Modified stay.

    Source: "PutObjectACL".
    Raises: NoSuchKey, NoSuchVersion, MethodNotAllowed, InvalidArgument.
    """
    check_key(request.key)
    version_id = read_version_id(request)
    acl = parse_object_acl(request.headers.get("x-oss-object-acl", ""))
    await ctx.store.get(request.bucket, request.key, version_id)
    record = await ctx.store.set_attributes(
        request.bucket, request.key, lambda attributes: structs.replace(attributes, acl=acl), version_id
    )
    return OssResponse(200, version_headers(ctx, record))


@operation("GetObjectACL", "GET /{bucket}/{key}?acl", action="GetObjectAcl")
async def get_object_acl(ctx: Context, request: OssRequest) -> OssResponse:
    """The object's owner and ACL: `default` if it never got one of its own.

    Source: "GetObjectACL".
    Raises: NoSuchKey, NoSuchVersion, MethodNotAllowed, InvalidArgument.
    """
    check_key(request.key)
    record = await ctx.store.get(request.bucket, request.key, read_version_id(request))
    return document_response(
        "AccessControlPolicy",
        [("Owner", owner(ctx)), ("AccessControlList", [("Grant", record.attributes.acl)])],
        version_headers(ctx, record),
    )
