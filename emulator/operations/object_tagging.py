"""The tags of an object, by themselves; an upload may bring some in its header `x-oss-tagging`."""

from xml.etree.ElementTree import Element

from msgspec import structs

from emulator.context import Context
from emulator.errors import InvalidTag, MalformedXML
from emulator.model import ObjectRecord
from emulator.operations._document import document_response, read_document
from emulator.operations._table import operation
from emulator.operations._versions import version_headers
from emulator.wire.address import check_key
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.tagging import check_tags
from emulator.wire.version_id import read_version_id

_ROOT = "Tagging"


@operation("PutObjectTagging", "PUT /{bucket}/{key}?tagging")
async def put_object_tagging(ctx: Context, request: OssRequest) -> OssResponse:
    """Give the object these tags in place of those it has; its ETag and Last-Modified stay.

    Source: "PutObjectTagging".
    Raises: NoSuchKey, NoSuchVersion, MethodNotAllowed, InvalidTag, InvalidDigest, MalformedXML.
    """
    check_key(request.key)
    version_id = read_version_id(request)
    document = await read_document(request, _ROOT)
    if document is None:
        raise MalformedXML(hint=f"The body is empty; PutObjectTagging wants a <{_ROOT}>.")
    record = await _set_tags(ctx, request, version_id, parse_tags(document))
    return OssResponse(200, version_headers(ctx, record))


@operation("GetObjectTagging", "GET /{bucket}/{key}?tagging")
async def get_object_tagging(ctx: Context, request: OssRequest) -> OssResponse:
    """The object's tags, in the order in which they were given; an object without any has an empty set.

    Source: "GetObjectTagging".
    Raises: NoSuchKey, NoSuchVersion, MethodNotAllowed.
    """
    check_key(request.key)
    record = await ctx.store.get(request.bucket, request.key, read_version_id(request))
    tags = [("Tag", [("Key", key), ("Value", value)]) for key, value in record.attributes.tags.items()]
    return document_response(_ROOT, [("TagSet", tags)], version_headers(ctx, record))


@operation("DeleteObjectTagging", "DELETE /{bucket}/{key}?tagging")
async def delete_object_tagging(ctx: Context, request: OssRequest) -> OssResponse:
    """Take all tags off the object, if it has any.

    Source: "DeleteObjectTagging".
    Raises: NoSuchKey, NoSuchVersion, MethodNotAllowed.
    """
    check_key(request.key)
    record = await _set_tags(ctx, request, read_version_id(request), {})
    return OssResponse(204, version_headers(ctx, record))


def parse_tags(document: Element) -> dict[str, str]:
    """The tags of a Tagging document, in its order.

    Guess: a tag without a Value has an empty one, as in the header; a Tagging needs its TagSet.

    Raises:
        MalformedXML: there is no TagSet, or a tag without a key.
        InvalidTag: a key comes twice, or a tag breaks the rules.
    """
    tag_set = document.find("TagSet")
    if tag_set is None:
        raise MalformedXML(hint="A Tagging has one TagSet, which holds the tags.")
    tags: dict[str, str] = {}
    for tag in tag_set.findall("Tag"):
        key = tag.findtext("Key")
        if key is None:
            raise MalformedXML(hint="Every Tag has a Key and a Value.")
        if key in tags:
            raise InvalidTag("Tag keys must be unique.", ec="0010-00000210", hint=f"The key {key!r} comes twice.")
        tags[key] = tag.findtext("Value") or ""
    check_tags(tags)
    return tags


async def _set_tags(ctx: Context, request: OssRequest, version_id: str | None, tags: dict[str, str]) -> ObjectRecord:
    await ctx.store.get(request.bucket, request.key, version_id)  # a file dropped into the tree becomes an object
    return await ctx.store.set_attributes(
        request.bucket, request.key, lambda attributes: structs.replace(attributes, tags=tags), version_id
    )
