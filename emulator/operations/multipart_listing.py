"""ListParts and ListMultipartUploads: what has been uploaded, and what is under way."""

from emulator.context import Context
from emulator.errors import InvalidArgument
from emulator.model import MultipartUpload, Part
from emulator.operations._document import document_response
from emulator.operations._table import operation
from emulator.operations.multipart import MAX_PARTS, find_upload
from emulator.wire.dates import format_iso_date
from emulator.wire.digests import quote_etag
from emulator.wire.parameters import parse_delimiter, parse_encoding_type, parse_key_part, parse_page_size
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.xml import Content, Elements


@operation("ListParts", "GET /{bucket}/{key}?uploadId")
async def list_parts(ctx: Context, request: OssRequest) -> OssResponse:
    """A page of an upload's parts by number.

    NextPartNumberMarker is always there, because the Python SDK reads it always.

    Source: "ListParts"; the parsers of the SDKs for what must not be left out.
    Guess: the message of a bad `max-parts`, on the model of the one for `max-keys`.
    Raises: NoSuchUpload, InvalidArgument.
    """
    encode = parse_encoding_type(request.parameters)
    max_parts = parse_page_size(request.parameters, "max-parts", default=1000)
    marker = _parse_marker(request)
    upload = find_upload(ctx, request)
    parts = ctx.store.uploads.parts(upload, after=marker, limit=max_parts + 1)
    is_truncated = len(parts) > max_parts
    del parts[max_parts:]
    return document_response(
        "ListPartsResult",
        [
            *([("EncodingType", "url")] if encode else []),
            ("Bucket", upload.bucket),
            ("Key", encode(upload.key) if encode else upload.key),
            ("UploadId", upload.id),
            ("StorageClass", upload.attributes.storage_class),
            ("PartNumberMarker", marker),
            ("NextPartNumberMarker", parts[-1].number if parts else 0),
            ("MaxParts", max_parts),
            ("IsTruncated", is_truncated),
            *(("Part", _part(part)) for part in parts),
        ],
    )


@operation("ListMultipartUploads", "GET /{bucket}?uploads")
async def list_multipart_uploads(ctx: Context, request: OssRequest) -> OssResponse:
    """A page of the uploads under way, by key and then by id, grouped by a delimiter.

    The markers of the next page are always there, because the Python SDK reads them always.

    Source: "ListMultipartUploads"; the parsers of the SDKs for what must not be left out.
    Guess: after a group NextUploadIdMarker is empty.
    Raises: InvalidArgument.
    """
    parameters = request.parameters
    encode = parse_encoding_type(parameters)
    spell = encode or str
    max_uploads = parse_page_size(parameters, "max-uploads", default=1000)
    prefix = parse_key_part(parameters, "prefix")
    delimiter = parse_delimiter(parameters)
    key_marker = parse_key_part(parameters, "key-marker")
    id_marker = parse_key_part(parameters, "upload-id-marker")
    page = ctx.store.uploads.page(
        request.bucket,
        prefix=prefix,
        delimiter=delimiter,
        key_marker=key_marker,
        id_marker=id_marker if key_marker else "",
        limit=max_uploads,
    )
    last = page.entries[-1] if page.entries else ""
    uploads: list[tuple[str, Content]] = []
    groups: list[tuple[str, Content]] = []
    for entry in page.entries:
        if isinstance(entry, str):
            groups.append(("CommonPrefixes", [("Prefix", spell(entry))]))
        else:
            uploads.append(("Upload", _upload(entry, spell(entry.key))))
    return document_response(
        "ListMultipartUploadsResult",
        [
            *([("EncodingType", "url")] if encode else []),
            ("Bucket", request.bucket),
            ("KeyMarker", spell(key_marker)),
            ("UploadIdMarker", id_marker),
            ("NextKeyMarker", spell(last if isinstance(last, str) else last.key)),
            ("NextUploadIdMarker", "" if isinstance(last, str) else last.id),
            ("Delimiter", spell(delimiter)),
            ("Prefix", spell(prefix)),
            ("MaxUploads", max_uploads),
            ("IsTruncated", page.is_truncated),
            *uploads,
            *groups,
        ],
    )


def _part(part: Part) -> Elements:
    return [
        ("PartNumber", part.number),
        ("LastModified", format_iso_date(part.last_modified)),
        ("ETag", quote_etag(part.etag)),
        ("HashCrc64ecma", part.crc64),
        ("Size", part.size),
    ]


def _upload(upload: MultipartUpload, key: str) -> Elements:
    return [
        ("Key", key),
        ("UploadId", upload.id),
        ("StorageClass", upload.attributes.storage_class),
        ("Initiated", format_iso_date(upload.initiated)),
    ]


def _parse_marker(request: OssRequest) -> int:
    """The number after which the page begins; 0 if none was sent."""
    text = request.parameters.get("part-number-marker", "")
    if not text:
        return 0
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return int(text)
    raise InvalidArgument(
        f"Argument part-number-marker must be an integer between 0 and {MAX_PARTS}.",
        ArgumentName="part-number-marker",
        ArgumentValue=text,
    )
