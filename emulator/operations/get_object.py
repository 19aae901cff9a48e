"""GetObject, HeadObject, GetObjectMeta: reading an object back."""

from collections.abc import Mapping

from emulator.context import Context
from emulator.model import ObjectRecord, ObjectType
from emulator.operations._expiration import expiration_headers
from emulator.operations._reading import check_readable, follow, read_object
from emulator.operations._table import operation
from emulator.operations._versions import version_headers
from emulator.operations.append_object import SEALED_TIME
from emulator.storage.appendables import NEXT_POSITION
from emulator.wire.address import check_key
from emulator.wire.attributes import attribute_headers, check_header_value
from emulator.wire.conditions import check_conditions
from emulator.wire.dates import format_http_date
from emulator.wire.digests import content_md5, quote_etag
from emulator.wire.parameters import parse_traffic_limit
from emulator.wire.ranges import parse_range
from emulator.wire.request import OssRequest
from emulator.wire.response import FileRange, GzippedFile, OssResponse
from emulator.wire.restoration import format_restoration
from emulator.wire.version_id import read_version_id

MIN_GZIPPED_BYTES = 1024

_GZIPPED_TYPES = frozenset(
    (
        *("text/cache-manifest", "text/xml", "text/plain", "text/css", "text/json"),
        *("application/javascript", "application/x-javascript", "application/rss+xml", "application/json"),
    )
)
_OVERRIDES = {
    "response-content-type": "Content-Type",
    "response-content-language": "Content-Language",
    "response-expires": "Expires",
    "response-cache-control": "Cache-Control",
    "response-content-disposition": "Content-Disposition",
    "response-content-encoding": "Content-Encoding",
}


@operation("GetObject", "GET /{bucket}/{key}")
async def get_object(ctx: Context, request: OssRequest) -> OssResponse:
    """The object's bytes, or one range of them.

    An unsatisfiable range gives the whole object unless `x-oss-range-behavior: standard` is sent. To a client that
    asks for gzip text is compressed.

    Source: "GetObject" in the API reference; the range table by the Java, C++ and Go suites.
    Raises: NoSuchKey, NoSuchVersion, MethodNotAllowed, SymlinkTargetNotExist, InvalidTargetType, PreconditionFailed,
    NotModified, InvalidObjectState, InvalidRange, InvalidArgument.
    """
    check_key(request.key)
    version_id = read_version_id(request)
    rate = parse_traffic_limit(request.headers, request.parameters)
    overrides = read_overrides(request)
    record, source, blob = await read_object(ctx, request, request.bucket, request.key, version_id)
    try:
        check_conditions(request.headers, record.etag, record.last_modified)
        check_readable(ctx, source)
        headers = object_headers(ctx, record) | overrides
        part = None
        if "range" in request.headers:
            is_standard = request.headers.get("x-oss-range-behavior", "").lower() == "standard"
            part = parse_range(request.headers["range"], record.size, is_standard=is_standard)
    except BaseException:
        blob.close()
        raise
    if part is None and _is_to_be_gzipped(ctx, request, record, headers):
        for name in ("ETag", "Content-MD5"):  # they are those of other bytes
            headers.pop(name, None)
        headers["Content-Encoding"] = "gzip"
        return OssResponse(200, headers, GzippedFile(blob, 0, record.size), bytes_per_second=rate)
    if part is None:
        return OssResponse(200, headers, FileRange(blob, 0, record.size), bytes_per_second=rate)
    offset, count = part
    headers["Content-Range"] = f"bytes {offset}-{offset + count - 1}/{record.size}"
    return OssResponse(206, headers, FileRange(blob, offset, count), bytes_per_second=rate)


@operation("HeadObject", "HEAD /{bucket}/{key}", action="GetObject")
async def head_object(ctx: Context, request: OssRequest) -> OssResponse:
    """What GetObject would say, without the bytes; a Range is ignored.

    Source: "HeadObject" in the API reference.
    Raises: NoSuchKey, NoSuchVersion, MethodNotAllowed, SymlinkTargetNotExist, InvalidTargetType, PreconditionFailed,
    NotModified.
    """
    check_key(request.key)
    record = await follow(ctx, request, await ctx.store.get(request.bucket, request.key, read_version_id(request)))
    check_conditions(request.headers, record.etag, record.last_modified)
    headers = object_headers(ctx, record)
    headers["Content-Length"] = str(record.size)
    return OssResponse(200, headers)


@operation("GetObjectMeta", "GET /{bucket}/{key}?objectMeta", action="GetObject")
@operation("GetObjectMeta", "HEAD /{bucket}/{key}?objectMeta", action="GetObject")
async def get_object_meta(ctx: Context, request: OssRequest) -> OssResponse:
    """Size, ETag, date and CRC alone, of a symbolic link its own; conditions are not looked at.

    Source: "GetObjectMeta" in the API reference; its older editions for GET.
    Differs: to a GET the Content-Length is that of the answer, which has no body, and not the object's.
    Raises: NoSuchKey, NoSuchVersion, MethodNotAllowed.
    """
    check_key(request.key)
    record = await ctx.store.get(request.bucket, request.key, read_version_id(request))
    return OssResponse(
        200,
        {
            "Content-Length": str(record.size) if request.method == "HEAD" else "0",
            "ETag": quote_etag(record.etag),
            "Last-Modified": format_http_date(record.last_modified),
            "x-oss-hash-crc64ecma": str(record.crc64),
            **version_headers(ctx, record),
        },
    )


def _is_to_be_gzipped(ctx: Context, request: OssRequest, record: ObjectRecord, headers: Mapping[str, str]) -> bool:
    """Whether the answer with these headers is compressed on its way.

    Source: "GetObject"; oss2's suite. Guess: a list of encodings that has gzip in it is not enough, for many clients
    send one without their user's knowing; and the Content-MD5 goes with the ETag.
    """
    return (
        ctx.config.server.gzip
        and request.headers.get("accept-encoding", "").strip().lower() == "gzip"
        and "range" not in request.headers
        and record.size >= MIN_GZIPPED_BYTES
        and "Content-Encoding" not in headers
        and headers.get("Content-Type", "").partition(";")[0].strip().lower() in _GZIPPED_TYPES
    )


def object_headers(ctx: Context, record: ObjectRecord) -> dict[str, str]:
    """All that an answer says about an object, in wire spelling."""
    headers = attribute_headers(record.attributes) | version_headers(ctx, record)
    headers["ETag"] = quote_etag(record.etag)
    headers["Last-Modified"] = format_http_date(record.last_modified)
    headers["Accept-Ranges"] = "bytes"
    headers["x-oss-object-type"] = record.type.value
    headers["x-oss-storage-class"] = record.attributes.storage_class.value
    headers["x-oss-hash-crc64ecma"] = str(record.crc64)
    if record.md5 is not None:
        headers["Content-MD5"] = content_md5(record.md5)
    if restoration := format_restoration(record.attributes.restoration, ctx.clock.now()):
        headers["x-oss-restore"] = restoration
    if record.type is ObjectType.APPENDABLE:
        headers[NEXT_POSITION] = str(record.size)
    if record.attributes.sealed:
        headers[SEALED_TIME] = format_http_date(record.attributes.sealed)
    return headers | expiration_headers(ctx, record)


def read_overrides(request: OssRequest) -> dict[str, str]:
    """The headers that `response-*` parameters give to this answer alone."""
    return {
        _OVERRIDES[name]: check_header_value(name, value)
        for name, value in request.parameters.items()
        if name in _OVERRIDES
    }
