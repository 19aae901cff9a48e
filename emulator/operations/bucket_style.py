"""The image styles of a bucket: processing under a name, for `x-oss-process=style/NAME`.

Source: "PutStyle" and its neighbours.
"""

import re
from functools import partial

from emulator.context import Context
from emulator.errors import InvalidArgument, NoSuchStyle, TooManyStyles
from emulator.model import Bucket
from emulator.operations._document import document_response, kept_response, read_setting
from emulator.operations._setting import with_document
from emulator.operations._table import operation
from emulator.wire.dates import format_http_date
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.schema import parse_schema
from emulator.wire.settings import named_settings, parse_setting, read_content, setting_document
from emulator.wire.xml import Elements

MAX_STYLES = 50

_SCHEMA = parse_schema(
    """
    Style
      Content?
    """
)
_NAME = re.compile(r"[\w.-]{1,63}\Z", re.ASCII)


@operation("PutStyle", "PUT /{bucket}?style&styleName")
async def put_style(ctx: Context, request: OssRequest) -> OssResponse:
    """Make a style, or change what it does.

    Source: the suite of oss2 for the message of an empty style. Guess: its code; the message for a bad name.
    Raises: NoSuchBucket, InvalidArgument, TooManyStyles, InvalidDigest, MalformedXML.
    """
    style = request.parameters["styleName"]
    if not _NAME.match(style):
        raise InvalidArgument(
            "The style name is invalid.",
            hint="A style's name is 1 to 63 letters, digits and _ - . characters.",
            ArgumentName="styleName",
            ArgumentValue=style,
        )
    what = parse_setting(await read_setting(request, _SCHEMA)).findtext("Content", "")
    if not what:
        raise InvalidArgument(
            "Style content is invalid.", hint="<Content> is empty.", ArgumentName="Content", ArgumentValue=what
        )
    now = format_http_date(ctx.clock.now())

    def change(bucket: Bucket) -> Bucket:
        styles = named_settings(bucket, "style")
        if style not in styles and len(styles) >= MAX_STYLES:
            raise TooManyStyles(hint=f"A bucket has {MAX_STYLES} styles at most.")
        created = parse_setting(styles[style]).findtext("CreateTime", now) if style in styles else now
        content: Elements = [
            ("Name", style),
            ("Content", what),
            ("Category", request.parameters.get("category") or "image"),
            ("CreateTime", created),
            ("LastModifyTime", now),
        ]
        return with_document(_name(style), setting_document("Style", content), bucket)

    await ctx.store.buckets.update(request.bucket, change)
    return OssResponse(200)


@operation("GetStyle", "GET /{bucket}?style&styleName")
async def get_style(ctx: Context, request: OssRequest) -> OssResponse:
    """One style.

    Raises: NoSuchBucket, NoSuchStyle.
    """
    document = ctx.store.buckets.get(request.bucket).documents.get(_name(request.parameters["styleName"]))
    if document is None:
        raise NoSuchStyle
    return kept_response(document)


@operation("ListStyle", "GET /{bucket}?style")
async def list_style(ctx: Context, request: OssRequest) -> OssResponse:
    """All styles by name.

    Raises: NoSuchBucket.
    """
    documents = named_settings(ctx.store.buckets.get(request.bucket), "style").values()
    return document_response("StyleList", [("Style", read_content(parse_setting(document))) for document in documents])


@operation("DeleteStyle", "DELETE /{bucket}?style&styleName")
async def delete_style(ctx: Context, request: OssRequest) -> OssResponse:
    """Take a style away, if there is one of this name.

    Raises: NoSuchBucket.
    """
    name = _name(request.parameters["styleName"])
    await ctx.store.buckets.update(request.bucket, partial(with_document, name, None))
    return OssResponse(204)


def _name(style: str) -> str:
    return f"style/{style}"
