"""CopyObject and UploadPartCopy: objects and parts of bytes that are here already. No byte of a whole object moves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from emulator.context import Context
from emulator.errors import EntityTooLarge, InvalidArgument, InvalidRange, MethodNotAllowed
from emulator.model import ObjectRecord, ObjectType
from emulator.operations._access import check_access
from emulator.operations._document import document_response
from emulator.operations._overwriting import forbids_overwrite
from emulator.operations._reading import check_readable, read_object
from emulator.operations._table import operation
from emulator.operations._versions import version_headers
from emulator.operations.multipart import find_upload, parse_part_number
from emulator.storage.blobs import Blob
from emulator.wire.address import check_key
from emulator.wire.attributes import parse_directive, read_copied_attributes
from emulator.wire.conditions import check_conditions
from emulator.wire.copy_source import COPY_SOURCE, parse_copy_source
from emulator.wire.dates import format_iso_date
from emulator.wire.digests import quote_etag
from emulator.wire.ranges import parse_range
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.version_id import parse_version_id


@operation("CopyObject", "PUT /{bucket}/{key} x-oss-copy-source:", action="PutObject")
async def copy_object(ctx: Context, request: OssRequest) -> OssResponse:
    """Make an object of another one's bytes, or change an object's metadata by copying it onto itself.

    Plain preconditions (`If-Match` and its kin) are ignored: ali-oss sends them beside those of the source. A symbolic
    link is copied as a link.

    Source: "CopyObject"; the suites of the Python and Node.js SDKs.
    Differs: any size may be copied.
    Guess: an object that came in parts keeps its ETag and type; an appendable one becomes Normal.
    Raises: InvalidArgument, NoSuchBucket, NoSuchKey, NoSuchVersion, PreconditionFailed, NotModified,
    InvalidObjectState, FileAlreadyExists.
    """
    check_key(request.key)
    headers = request.headers
    forbid_overwrite = forbids_overwrite(ctx, request.bucket, request.key, headers)
    replaces_metadata = parse_directive(headers, "x-oss-metadata-directive")
    replaces_tags = parse_directive(headers, "x-oss-tagging-directive")
    async with _source(ctx, request) as (source, blob):
        attributes = read_copied_attributes(
            headers,
            source.attributes,
            ctx.store.buckets.get(request.bucket),
            replaces_metadata=replaces_metadata,
            replaces_tags=replaces_tags,
            is_onto_itself=(source.bucket, source.key) == (request.bucket, request.key),
        )
        async with ctx.store.stage_copy(source, blob, offset=0, count=source.size, needs_md5=False) as staged:
            record = await staged.commit(
                request.bucket,
                request.key,
                attributes=attributes,
                type=ObjectType.NORMAL if source.type is ObjectType.APPENDABLE else source.type,
                forbid_overwrite=forbid_overwrite,
            )
    response = document_response(
        "CopyObjectResult",
        [("ETag", quote_etag(record.etag)), ("LastModified", format_iso_date(record.last_modified))],
    )
    versions = version_headers(ctx, record) | _source_version(ctx, source)
    return _with_headers(response, record.etag, record.crc64, record.size, attributes.encryption | versions)


@operation("UploadPartCopy", "PUT /{bucket}/{key}?partNumber&uploadId x-oss-copy-source:", action="PutObject")
async def upload_part_copy(ctx: Context, request: OssRequest) -> OssResponse:
    """Make a part of an object's bytes, or of a range of them. A range that cannot be read or met means all of them.

    Source: "UploadPartCopy".
    Guess: a symbolic link means the bytes that it leads to.
    Raises: InvalidArgument, NoSuchUpload, NoSuchBucket, NoSuchKey, NoSuchVersion, PreconditionFailed, NotModified,
    InvalidObjectState, EntityTooLarge.
    """
    number = parse_part_number(request)
    upload = find_upload(ctx, request, ec="0042-00000311")
    headers = dict(upload.attributes.encryption)
    async with _source(ctx, request, ec="0042-00000301", ec_empty="0042-00000302", follows_links=True) as (
        source,
        blob,
    ):
        offset, count = _range(request, source)
        if count < source.size:
            headers["Content-Range"] = f"bytes {offset}-{offset + count - 1}/{source.size}"
        limit = ctx.config.limits.max_object_bytes
        if count > limit:
            raise EntityTooLarge(hint=f"The part would have {count} bytes; one takes at most {limit}.")
        async with ctx.store.stage_copy(source, blob, offset=offset, count=count, needs_md5=True) as staged:
            part = await staged.commit_part(upload, number)
    response = document_response(
        "CopyPartResult",
        [("LastModified", format_iso_date(part.last_modified)), ("ETag", quote_etag(part.etag))],
    )
    return _with_headers(response, part.etag, part.crc64, part.size, headers | _source_version(ctx, source))


@asynccontextmanager
async def _source(
    ctx: Context, request: OssRequest, *, ec: str = "", ec_empty: str = "", follows_links: bool = False
) -> AsyncIterator[tuple[ObjectRecord, Blob]]:
    """The object to copy and its bytes, of one version, readable by the sender and as the sender wants it.

    `ec` and `ec_empty` are the operation's own for a source of no good form, and for none at all. `follows_links` is
    whether a symbolic link means what it leads to.
    """
    bucket, key, version_id = parse_copy_source(request.headers[COPY_SOURCE], ec=ec, ec_empty=ec_empty)
    check_key(key)
    if version_id is not None:
        parse_version_id(version_id)
    if request.principal.is_anonymous:
        await ctx.store.look(bucket, key)  # a dropped file has an ACL too, once it is an object
    check_access(ctx, request, "GetObject", bucket, key, version_id=version_id)
    try:
        if follows_links:
            record, source, blob = await read_object(ctx, request, bucket, key, version_id)
        else:
            record, blob = await ctx.store.read(bucket, key, version_id)
            source = record
    except MethodNotAllowed as error:  # Guess: the status; its EC is known
        raise InvalidArgument(
            "The source of a copy cannot be a delete marker.",
            ec="0016-00000307",
            hint=error.hint,
            ArgumentName=COPY_SOURCE,
            ArgumentValue=request.headers[COPY_SOURCE],
        ) from error
    with blob:
        check_conditions(request.headers, record.etag, record.last_modified, prefix=f"{COPY_SOURCE}-")
        check_readable(ctx, source)
        yield source, blob


def _source_version(ctx: Context, source: ObjectRecord) -> dict[str, str]:
    """The version that was copied, where the bucket of the source keeps versions or once did."""
    return {f"{COPY_SOURCE}-version-id": version_id for version_id in version_headers(ctx, source).values()}


def _range(request: OssRequest, source: ObjectRecord) -> tuple[int, int]:
    """Offset and count of the bytes to copy."""
    text = request.headers.get(f"{COPY_SOURCE}-range")
    try:
        part = parse_range(text, source.size, is_standard=False) if text else None
    except InvalidRange:
        part = None
    return part or (0, source.size)


def _with_headers(response: OssResponse, etag: str, crc64: int, size: int, others: dict[str, str]) -> OssResponse:
    return OssResponse(
        response.status,
        {
            **response.headers,
            "ETag": quote_etag(etag),
            "x-oss-hash-crc64ecma": str(crc64),
            "x-oss-copied-size": str(size),
            "x-oss-ia-retrieve-flow-type": "0",
            **others,
        },
        response.body,
    )
