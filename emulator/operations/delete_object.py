"""Deleting objects: one, or up to a thousand with one request."""

from collections.abc import Iterable
from xml.etree.ElementTree import Element

from emulator.context import Context
from emulator.errors import MalformedXML, MissingArgument, NoSuchVersion, UserKeyMustBeSpecified
from emulator.operations._document import document_response, read_document
from emulator.operations._table import operation
from emulator.wire.address import check_key
from emulator.wire.parameters import parse_encoding_type
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.version_id import check_version_id
from emulator.wire.xml import Content, Elements

MAX_KEYS_AT_ONCE = 1000
EC_MALFORMED = "0016-00000608"


@operation("DeleteObject", "DELETE /{bucket}/{key}")
async def delete_object(ctx: Context, request: OssRequest) -> OssResponse:
    """Delete the object; that there is none is no error.

    Source: "DeleteObject".
    Guess: a version that could be but is not, is answered as if it had been deleted.
    Raises: InvalidObjectName, InvalidArgument.
    """
    check_key(request.key)
    version_id = request.parameters.get("versionId")
    if version_id is not None and not _is_current(version_id, request.key):
        return OssResponse(204, {"x-oss-version-id": version_id})
    await ctx.store.delete(request.bucket, request.key)
    return OssResponse(204)


@operation("DeleteMultipleObjects", "POST /{bucket}?delete")
async def delete_multiple_objects(ctx: Context, request: OssRequest) -> OssResponse:
    """Delete up to 1,000 objects; all are reported as deleted, also those that were not there. Quiet reports nothing.

    Source: "DeleteMultipleObjects"; the SDKs' suites for the empty answer to a quiet request.
    Differs: Content-MD5, which OSS demands, is demanded by the profile `real` alone, because SDKs can leave it out.
    Guess: a key that no object can have is refused as in DeleteObject, and with it the request.
    Raises: MalformedXML, UserKeyMustBeSpecified, MissingArgument, InvalidDigest, InvalidArgument, InvalidObjectName.
    """
    encode = parse_encoding_type(request.parameters)
    if ctx.config.is_strict and "content-md5" not in request.headers:
        raise MissingArgument(ec="0016-00000606", hint="DeleteMultipleObjects needs the header Content-MD5.")
    document = await read_document(request, "Delete", ec=EC_MALFORMED)
    if document is None:
        raise MalformedXML(ec=EC_MALFORMED, hint="The body is empty; it must be a <Delete> document with the keys.")
    entries = list(_entries(document))
    await ctx.store.delete_many(
        request.bucket, [key for key, version_id in entries if version_id is None or _is_current(version_id, key)]
    )
    if document.findtext("Quiet", "").strip().lower() == "true":
        return OssResponse(200)
    deleted: list[tuple[str, Content]] = [("EncodingType", "url")] if encode else []
    for key, version_id in entries:
        report: Elements = [("Key", encode(key) if encode else key)]
        deleted.append(("Deleted", report if version_id is None else [*report, ("VersionId", version_id)]))
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
            _is_current(version_id, key)  # a malformed one refuses the whole request before anything is deleted
        yield key, version_id


def _is_current(version_id: str, key: str) -> bool:
    """Whether a version is the one the object has; `InvalidArgument` if it is none at all."""
    try:
        check_version_id(version_id, key=key)
    except NoSuchVersion:
        return False
    return True
