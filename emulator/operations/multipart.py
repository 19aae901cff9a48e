"""Multipart uploads: begun, fed with parts, completed or aborted."""

import re
from collections.abc import Sequence
from functools import partial
from xml.etree.ElementTree import Element

import msgspec
from msgspec import structs

from emulator.context import Context
from emulator.errors import (
    EntityTooLarge,
    EntityTooSmall,
    InvalidArgument,
    InvalidPart,
    InvalidPartOrder,
    MalformedXML,
    NoSuchUpload,
)
from emulator.model import MultipartUpload, Part
from emulator.operations._document import document_response, read_document
from emulator.operations._overwriting import forbids_overwrite
from emulator.operations._table import operation
from emulator.operations._upload import check_free, finish_upload, read_callback, stage_body
from emulator.wire.address import check_key
from emulator.wire.attributes import parse_object_acl, read_attributes
from emulator.wire.digests import content_md5, quote_etag
from emulator.wire.parameters import parse_encoding_type
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.xml import build_document

MAX_PARTS = 10_000
MIN_PART_BYTES = 102_400  # of every part but the last

EC_MALFORMED = "0042-00000205"

_ETAG = re.compile(r'"?([^"]*)"?\Z')


class ListedPart(msgspec.Struct, frozen=True):
    """A part as a CompleteMultipartUpload names it; the ETag in upper case, without quotes."""

    number: int
    etag: str


@operation("InitiateMultipartUpload", "POST /{bucket}/{key}?uploads", action="PutObject")
async def initiate_multipart_upload(ctx: Context, request: OssRequest) -> OssResponse:
    """Begin an upload in parts; what is said about the object here, it will have.

    Source: "InitiateMultipartUpload".
    Differs: `sequential` asks for nothing more; the object has no Content-MD5.
    Raises: InvalidObjectName, InvalidArgument, InvalidTag, FileAlreadyExists.
    """
    check_key(request.key)
    encode = parse_encoding_type(request.parameters)
    attributes = read_attributes(request.headers, ctx.store.buckets.get(request.bucket))
    if forbids_overwrite(ctx, request.bucket, request.key, request.headers):
        await check_free(ctx, request.bucket, request.key)
    now = ctx.clock.now_in_milliseconds()
    upload_id = ctx.ids.upload_id(now)
    while ctx.ids.is_seeded and ctx.store.uploads.is_taken(
        upload_id
    ):  # seeded the same twice, the clock standing still
        upload_id = ctx.ids.upload_id(now)
    upload = MultipartUpload(request.bucket, request.key, upload_id, now, attributes)
    await ctx.store.uploads.begin(upload)
    response = document_response(
        "InitiateMultipartUploadResult",
        [
            *([("EncodingType", "url")] if encode else []),
            ("Bucket", upload.bucket),
            ("Key", encode(upload.key) if encode else upload.key),
            ("UploadId", upload.id),
        ],
    )
    return structs.replace(response, headers={**response.headers, **attributes.encryption})


@operation("UploadPart", "PUT /{bucket}/{key}?partNumber&uploadId", action="PutObject")
async def upload_part(ctx: Context, request: OssRequest) -> OssResponse:
    """Store the body as a part, in place of the one of its number. Its size is judged when the upload is completed.

    Source: "UploadPart".
    Raises: InvalidArgument, NoSuchUpload, InvalidDigest, InvalidCRC64, MissingContentLength, EntityTooLarge.
    """
    number = parse_part_number(request)
    refuse_encryption(request)
    upload = find_upload(ctx, request, ec="0042-00000104")
    async with stage_body(ctx, request, claim=partial(ctx.store.uploads.claim, upload, number)) as staged:
        part = await staged.commit_part(upload, number)
    return OssResponse(
        200,
        {
            "ETag": quote_etag(part.etag),
            "x-oss-hash-crc64ecma": str(part.crc64),
            "Content-MD5": content_md5(part.md5),
            **upload.attributes.encryption,
        },
    )


@operation("CompleteMultipartUpload", "POST /{bucket}/{key}?uploadId", action="PutObject", takes_callback=True)
async def complete_multipart_upload(ctx: Context, request: OssRequest) -> OssResponse:
    """Make the listed parts the object, and call the application server back if asked to. Other parts go.

    The parts are joined without being read: the CRC of the whole is combined from theirs.

    Source: "CompleteMultipartUpload"; the suite of the Java SDK for the ETag, of the Go SDK for `x-oss-complete-all`.
    Guess: an ACL sent with InitiateMultipartUpload counts, unless one is sent here.
    Raises: NoSuchUpload, MalformedXML, InvalidArgument, InvalidPartOrder, InvalidPart, EntityTooSmall,
    FileAlreadyExists, CallbackFailed.
    """
    check_key(request.key)
    refuse_encryption(request)
    encode = parse_encoding_type(request.parameters)
    forbid_overwrite = forbids_overwrite(ctx, request.bucket, request.key, request.headers)
    acl = request.headers.get("x-oss-object-acl")
    upload = find_upload(ctx, request)
    attributes = upload.attributes
    if acl is not None:
        attributes = structs.replace(attributes, acl=parse_object_acl(acl))
    listed = await _read_parts(request)
    callback = await read_callback(ctx, request)
    parts = _choose(ctx.store.uploads.parts(upload), listed, upload)
    if forbid_overwrite:
        await check_free(ctx, request.bucket, request.key, ec="0042-00000214")
    record = await ctx.store.uploads.complete(upload, parts, attributes=attributes, forbid_overwrite=forbid_overwrite)
    document = build_document(
        "CompleteMultipartUploadResult",
        [
            *([("EncodingType", "url")] if encode else []),
            ("Location", request.url(record.key)),
            ("Bucket", record.bucket),
            ("Key", encode(record.key) if encode else record.key),
            ("ETag", quote_etag(record.etag)),
        ],
    )
    return await finish_upload(ctx, request, record, callback, operation="CompleteMultipartUpload", document=document)


@operation("AbortMultipartUpload", "DELETE /{bucket}/{key}?uploadId")
async def abort_multipart_upload(ctx: Context, request: OssRequest) -> OssResponse:
    """Forget an upload and its parts.

    Source: "AbortMultipartUpload".
    Raises: NoSuchUpload.
    """
    await ctx.store.uploads.abort(find_upload(ctx, request, ec="0042-00000002"))
    return OssResponse(204)


def find_upload(ctx: Context, request: OssRequest, *, ec: str | None = None) -> MultipartUpload:
    """The upload that the request names.

    Raises:
        NoSuchUpload: it is none of this key, or none any more; `ec` is the operation's own.
    """
    upload_id = request.parameters["uploadId"]
    upload = ctx.store.uploads.find(request.bucket, request.key, upload_id)
    if upload is None:
        raise NoSuchUpload(
            ec=ec,
            hint=f"No upload {upload_id} of the key {request.key!r} is under way; it may have been completed or "
            "aborted, or it is of another key.",
            UploadId=upload_id,
        )
    return upload


def parse_part_number(request: OssRequest) -> int:
    """The number that the request gives to its part.

    Raises:
        InvalidArgument: it is no integer between 1 and 10,000.
    """
    text = request.parameters["partNumber"]
    if text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= MAX_PARTS:
        return int(text)
    raise InvalidArgument(
        "Part number must be an integer between 1 and 10000, inclusive.",
        ec="0017-00000220",
        ArgumentName="PartNumber",
        ArgumentValue=text,
    )


def refuse_encryption(request: OssRequest) -> None:
    """Raise `InvalidArgument` if encryption is asked for once the upload has begun. Guess: the message.

    Source: "UploadPart"; the Node.js SDK, which takes the header out of the requests that follow the first.
    """
    for name in request.headers:
        if name.startswith("x-oss-server-side-encryption"):
            raise InvalidArgument(
                f"The header {name} is not allowed here.",
                hint="The encryption of an object is chosen once, by InitiateMultipartUpload.",
                ArgumentName=name,
                ArgumentValue=request.headers[name],
            )


async def _read_parts(request: OssRequest) -> list[ListedPart] | None:
    """The parts that the body lists, in its order; `None` for all there are (`x-oss-complete-all`)."""
    complete_all = request.headers.get("x-oss-complete-all")
    if complete_all is not None and complete_all.lower() != "yes":
        raise InvalidArgument(
            "The header x-oss-complete-all must be yes.",
            ec="0042-00000216",
            ArgumentName="x-oss-complete-all",
            ArgumentValue=complete_all,
        )
    if complete_all is not None:
        if await _has_body(request):
            raise InvalidArgument(
                "Should not speficy both complete all header and http body.",
                ec="0042-00000216",
                ArgumentName="x-oss-complete-all",
                ArgumentValue=complete_all,
            )
        return None
    document = await read_document(request, "CompleteMultipartUpload", ec=EC_MALFORMED)
    if document is None:
        raise MalformedXML(
            ec=EC_MALFORMED,
            hint="The body is empty; it must list the parts, or the header x-oss-complete-all: yes take all there are.",
        )
    return [_listed_part(element) for element in document.iter("Part")]


async def _has_body(request: OssRequest) -> bool:
    try:
        return bool(await request.body.read(0))
    except EntityTooLarge:
        return True


def _listed_part(element: Element) -> ListedPart:
    number = element.findtext("PartNumber", "").strip()
    etag = element.findtext("ETag", "").strip()
    match = _ETAG.match(etag)
    if not (number.isascii() and number.isdigit() and len(number) <= 9 and match):
        raise MalformedXML(
            ec=EC_MALFORMED,
            hint=f"A <Part> has the PartNumber {number!r} and the ETag {etag!r}; it needs a number and an ETag.",
        )
    return ListedPart(int(number), match[1].upper())


def _choose(uploaded: Sequence[Part], listed: Sequence[ListedPart] | None, upload: MultipartUpload) -> Sequence[Part]:
    """Those of the uploaded parts that make up the object.

    Raises:
        MalformedXML: there are none.
        InvalidPartOrder: the numbers do not ascend.
        InvalidPart: one was not uploaded, or its ETag is another.
        EntityTooSmall: one that is not the last has less than 100 KiB.
    """
    chosen = uploaded if listed is None else _look_up(uploaded, listed, upload)
    if not chosen:
        # Guess: what a list without parts, and an upload without any, are refused with.
        raise MalformedXML(ec=EC_MALFORMED, hint="There is no part to make the object of.")
    for part in chosen[:-1]:
        if part.size < MIN_PART_BYTES:
            raise EntityTooSmall(
                ec="0042-00000213",
                hint=f"Part {part.number} has {part.size} bytes; every part but the last needs {MIN_PART_BYTES}.",
                ETag=part.etag,
                MinSizeAllowed=MIN_PART_BYTES,
                ProposedSize=part.size,
                PartNumber=part.number,
            )
    return chosen


def _look_up(uploaded: Sequence[Part], listed: Sequence[ListedPart], upload: MultipartUpload) -> Sequence[Part]:
    by_number = {part.number: part for part in uploaded}
    chosen: list[Part] = []
    for wanted in listed:
        if chosen and wanted.number <= chosen[-1].number:
            raise InvalidPartOrder(
                UploadId=upload.id, hint=f"Part {wanted.number} is listed after part {chosen[-1].number}."
            )
        part = by_number.get(wanted.number)
        if part is None or part.etag != wanted.etag:
            raise InvalidPart(
                ETag=wanted.etag,
                PartNumber=wanted.number,
                UploadId=upload.id,
                hint=f"Part {wanted.number} was uploaded with the ETag {part.etag}, but is listed with {wanted.etag}."
                if part
                else f"Part {wanted.number} was never uploaded; there are {len(uploaded)} parts.",
            )
        chosen.append(part)
    return chosen
