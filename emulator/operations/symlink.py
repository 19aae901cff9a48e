"""Symbolic links: objects that stand for another one of their bucket. Whoever reads one reads the other."""

from emulator.context import Context
from emulator.errors import InvalidArgument, NotSymlink
from emulator.model import ObjectType
from emulator.operations._overwriting import forbids_overwrite
from emulator.operations._table import operation
from emulator.operations._versions import version_headers
from emulator.wire.address import check_key
from emulator.wire.attributes import attribute_headers, read_attributes
from emulator.wire.dates import format_http_date
from emulator.wire.digests import quote_etag
from emulator.wire.percent import decode, encode
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.version_id import read_version_id

_TARGET = "x-oss-symlink-target"


@operation("PutSymlink", "PUT /{bucket}/{key}?symlink", action="PutObject")
async def put_symlink(ctx: Context, request: OssRequest) -> OssResponse:
    """Make the object a link to `x-oss-symlink-target`, a percent-encoded key of the same bucket.

    Whether there is an object at the target is for whoever reads the link to find out.

    Source: "PutSymlink".
    Guess: the refusal of a request without a target.
    Raises: InvalidArgument, InvalidObjectName, FileAlreadyExists, and what PutObject says to the object's headers.
    """
    check_key(request.key)
    target = decode(request.headers.get(_TARGET, ""))
    if not target:
        raise InvalidArgument(
            "The symlink target must be specified.",
            hint=f"PutSymlink wants the percent-encoded key that the link leads to in the header {_TARGET}.",
            ArgumentName=_TARGET,
            ArgumentValue="",
        )
    check_key(target)
    attributes = read_attributes(request.headers, ctx.store.buckets.get(request.bucket))
    record = await ctx.store.put_symlink(
        request.bucket,
        request.key,
        target,
        attributes=attributes,
        forbid_overwrite=forbids_overwrite(ctx, request.bucket, request.key, request.headers),
    )
    headers = {"ETag": quote_etag(record.etag), **version_headers(ctx, record), **attributes.encryption}
    return OssResponse(200, headers)


@operation("GetSymlink", "GET /{bucket}/{key}?symlink", action="GetObject")
async def get_symlink(ctx: Context, request: OssRequest) -> OssResponse:
    """Where the link leads, and what it says by itself. Plain characters of the target come back unescaped.

    Source: "GetSymlink".
    Raises: NoSuchKey, NoSuchVersion, MethodNotAllowed, NotSymlink.
    """
    check_key(request.key)
    record = await ctx.store.get(request.bucket, request.key, read_version_id(request))
    if record.type is not ObjectType.SYMLINK:
        raise NotSymlink(hint=f"{request.key!r} is of type {record.type}; PutSymlink makes links.")
    return OssResponse(
        200,
        {
            **attribute_headers(record.attributes),
            **version_headers(ctx, record),
            "ETag": quote_etag(record.etag),
            "Last-Modified": format_http_date(record.last_modified),
            "x-oss-object-type": record.type.value,
            "x-oss-storage-class": record.attributes.storage_class.value,
            _TARGET: encode(record.attributes.symlink_target, "/"),
        },
    )
