"""What operations that speak in documents share: reading a body, answering with one, and the account in it."""

import hashlib
from collections.abc import Callable, Mapping
from xml.etree.ElementTree import Element

from emulator.config import Auth
from emulator.context import Context
from emulator.errors import EntityTooLarge, MalformedXML
from emulator.wire.digests import check_content_md5
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.schema import Node
from emulator.wire.settings import setting_document
from emulator.wire.xml import Content, Elements, build_document, parse_document

MAX_DOCUMENT_BYTES = 2 * 1024 * 1024
DEFAULT_REGION = "cn-hangzhou"  # where `auth.region` takes signatures of any


async def read_document(
    request: OssRequest, root: str, *, ec: str | None = None, limit: int = MAX_DOCUMENT_BYTES, has_keys: bool = False
) -> Element | None:
    """The document in the request's body, its root called `root`; `None` if the body is empty.

    Where it `has_keys`, they may hold what XML forbids.

    Raises:
        InvalidDigest: the body does not fit its Content-MD5.
        MalformedXML: it is no such document, or longer than `limit` bytes; `ec` goes with the error.
    """
    try:
        body = await request.body.read(limit)
    except EntityTooLarge as error:
        raise MalformedXML(ec=ec, hint=f"A document may have {limit} bytes.") from error
    check_content_md5(request.headers, hashlib.md5(body, usedforsecurity=False).digest())
    return parse_document(body, root, ec=ec, has_keys=has_keys) if body else None


async def read_setting(request: OssRequest, schema: Node, tidy: Callable[[Element], None] | None = None) -> str:
    """The document in the request's body in the form in which a bucket keeps it and it is given back.

    `tidy` takes out of it what OSS takes and does not keep.

    Raises:
        InvalidDigest: the body does not fit its Content-MD5.
        MalformedXML: it is empty, or does not fit `schema`.
    """
    document = await read_document(request, schema.name)
    if document is None:
        raise MalformedXML(hint=f"The body is empty; the operation wants a <{schema.name}>.")
    if tidy:
        tidy(document)
    return setting_document(schema.name, schema.read(document))


def kept_response(document: str) -> OssResponse:
    """200 with a document that a bucket keeps."""
    return OssResponse(200, {"Content-Type": "application/xml"}, document.encode())


def document_response(root: str, content: Content, headers: Mapping[str, str] | None = None) -> OssResponse:
    """200 with a document, and `headers` beside it."""
    return OssResponse(200, {"Content-Type": "application/xml", **(headers or {})}, build_document(root, content))


def owner(ctx: Context) -> Elements:
    """The content of an Owner element. The emulator has one account, and it owns everything."""
    account = ctx.config.auth.account_id
    return [("ID", account), ("DisplayName", account)]


def endpoints(ctx: Context) -> tuple[str, str]:
    """The public and the internal endpoint of the region, which look as the real ones do where none is configured."""
    configured = ctx.config.server.public_endpoint
    if configured:
        return (configured.partition("://")[2] or configured,) * 2
    where = location(ctx.config.auth)
    return f"{where}.aliyuncs.com", f"{where}-internal.aliyuncs.com"


def region(auth: Auth) -> str:
    """The region in which every bucket is."""
    return DEFAULT_REGION if auth.region == "any" else auth.region


def location(auth: Auth) -> str:
    """The region as documents spell it: `oss-cn-hangzhou`."""
    return f"oss-{region(auth)}"
