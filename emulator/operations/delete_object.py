"""Deleting objects: one, or up to a thousand with one request."""

from collections.abc import Iterable
from xml.etree.ElementTree import Element

from emulator.context import Context
from emulator.errors import MalformedXML, MissingArgument, UserKeyMustBeSpecified
from emulator.model import NULL_VERSION
from emulator.operations._access import check_access
from emulator.operations._document import document_response, read_document
from emulator.operations._table import operation
from emulator.operations._versions import DELETE_MARKER, VERSION_ID
from emulator.wire.address import check_key
from emulator.wire.parameters import parse_encoding_type
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.version_id import parse_version_id, read_version_id
from emulator.wire.xml import Content

MAX_KEYS_AT_ONCE = 1000
EC_MALFORMED = "0016-00000608"


@operation("DeleteObject", "DELETE /{bucket}/{key}", claims=("symlink",))
async def delete_object(ctx: Context, request: OssRequest) -> OssResponse:
    """Delete the object, or one of its versions; that there is none is no error.

    Where versions are kept a delete marker is put on top, even of nothing; a version is taken away for good. A
    link goes and not what it leads to, with ?symlink too, which oss2 leaves in the parameters it had for GetSymlink.

    Source: "DeleteObject"; the suite of oss2.
    Guess: a version that could be but is not, is answered as if it had been deleted.
    Raises: InvalidObjectName, InvalidArgument.
    """
    check_key(request.key)
    version_id = read_version_id(request)
    deletion = await ctx.store.delete(request.bucket, request.key, version_id)
    headers: dict[str, str] = {}
    if deletion.marker_id is not None:
        headers[DELETE_MARKER] = "true"
    deleted_id = version_id or deletion.marker_id
    if deleted_id and not (deleted_id == NULL_VERSION and ctx.store.buckets.get(request.bucket).versioning is None):
        headers[VERSION_ID] = deleted_id
    return OssResponse(204, headers)


@operation("DeleteMultipleObjects", "POST /{bucket}?delete", action="DeleteObject", asks_by_key=True)
async def delete_multiple_objects(ctx: Context, request: OssRequest) -> OssResponse:
    """Delete up to 1,000 objects or versions; all are reported as deleted, also those that were not there.

    A quiet request is answered with nothing.

    Source: "DeleteMultipleObjects"; the suites of the SDKs for the empty answer to a quiet request, and for control
    characters that come raw in keys.
    Differs: Content-MD5, which OSS demands, is demanded by the profile `real` alone, because SDKs can leave it out.
    Guess: a key that no object can have is refused as in DeleteObject, and with it the request; so is one that the
    sender may not delete.
    Raises: MalformedXML, UserKeyMustBeSpecified, MissingArgument, InvalidDigest, InvalidArgument, InvalidObjectName.
    """
    encode = parse_encoding_type(request.parameters)
    if ctx.config.is_strict and "content-md5" not in request.headers:
        raise MissingArgument(ec="0016-00000606", hint="DeleteMultipleObjects needs the header Content-MD5.")
    document = await read_document(request, "Delete", ec=EC_MALFORMED, has_keys=True)
    if document is None:
        raise MalformedXML(ec=EC_MALFORMED, hint="The body is empty; it must be a <Delete> document with the keys.")
    entries = list(_entries(document))
    for key, version_id in entries:
        check_access(ctx, request, "DeleteObject", request.bucket, key, version_id=version_id)
    deletions = await ctx.store.versions.delete(request.bucket, entries)
    if document.findtext("Quiet", "").strip().lower() == "true":
        return OssResponse(200)
    deleted: list[tuple[str, Content]] = [("EncodingType", "url")] if encode else []
    for (key, version_id), deletion in zip(entries, deletions, strict=True):
        report: list[tuple[str, Content]] = [("Key", encode(key) if encode else key)]
        if version_id is not None:
            report.append(("VersionId", version_id))
        if deletion.marker_id is not None:
            report += [("DeleteMarker", True), ("DeleteMarkerVersionId", deletion.marker_id)]
        deleted.append(("Deleted", report))
    return document_response("DeleteResult", deleted)


def _entries(document: Element) -> Iterable[tuple[str, str | None]]:
    """The keys of a Delete document, each with its VersionId if it has one; checked as they come."""
    objects = document.findall("Object")
    if not objects:
        raise MalformedXML(ec="0016-00000615", hint="The <Delete> document has no <Object>.")
    if len(objects) > MAX_KEYS_AT_ONCE:
        raise MalformedXML(ec=EC_MALFORMED, hint=f"{len(objects)} objects; {MAX_KEYS_AT_ONCE} are allowed at once.")
    for entry in objects:
        key = entry.findtext("Key")
        if not key:
            raise UserKeyMustBeSpecified(hint="An <Object> has no <Key>, or an empty one.")
        check_key(key)
        version_id = entry.findtext("VersionId")
        if version_id is not None:
            parse_version_id(version_id)  # a malformed one refuses the whole request before anything is deleted
        yield key, version_id
