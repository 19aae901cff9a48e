"""An answer before it is bytes, and an `OssError` as OSS's XML.

Source: "Error responses"; for HEAD, `x-oss-err` as the SDKs read it.
"""

import base64
from collections.abc import AsyncGenerator, Mapping
from typing import Protocol
from urllib.parse import quote

import msgspec

from emulator.errors import NotModified, OssError
from emulator.wire.address import host_id

RECOMMEND_DOC = "https://api.aliyun.com/troubleshoot?q="
MAX_HEAD_DOCUMENT_BYTES = 5_500  # as base64 in x-oss-err; clients take 8 KiB of a header
MAX_HINT_CHARACTERS = 2000  # of the header; the log has the whole hint


class OpenBlob(Protocol):
    """Bytes on disk, opened: whoever sends them closes them."""

    def fileno(self) -> int:
        """The descriptor to read from."""

    def close(self) -> None:
        """Give the descriptor back."""


class FileRange(msgspec.Struct, frozen=True):
    """`count` bytes of a file from `offset`, to be sent without passing through Python where that can be."""

    file: OpenBlob
    offset: int
    count: int


class GzippedFile(FileRange, frozen=True):
    """Such a file that is compressed on its way, so that nobody knows beforehand how long it will be."""


class Stream(msgspec.Struct, frozen=True):
    """Bytes whose number nobody knows beforehand: each piece is sent when it comes, and the connection closed after.

    A client that reads slowly is waited for; the next piece is not asked for before. One that leaves ends the pieces.
    """

    pieces: AsyncGenerator[bytes, None]


class OssResponse(msgspec.Struct, frozen=True):
    """An answer: `headers` in wire spelling and order, without the common ones that every answer carries.

    Its body travels at `bytes_per_second` if the request or a fault limits it; on demand of a fault, the connection is
    cut half-way through it.
    """

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes | FileRange | Stream = b""
    bytes_per_second: int | None = None
    is_cut: bool = False


def escape(text: str) -> str:
    """XML text. Control characters stay as they are, as OSS leaves them."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def error_document(error: OssError, *, request_id: str, host: str) -> bytes:
    """The XML of `error`, elements as OSS orders them: Code, Message, RequestId, HostId, extras, EC, RecommendDoc."""
    elements = {
        "Code": error.code,
        "Message": error.message,
        "RequestId": request_id,
        "HostId": host_id(host),
        **error.elements,
    }
    if error.ec:
        elements["EC"] = error.ec
        elements["RecommendDoc"] = RECOMMEND_DOC + error.ec
    lines = "".join(f"  <{name}>{escape(text)}</{name}>\n" for name, text in elements.items())
    document = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>\n{lines}</Error>\n'
    return document.encode("utf-8", "replace")  # what the client sent as no UTF-8 must not make the answer unreadable


def error_response(error: OssError, *, request_id: str, host: str, is_head: bool) -> OssResponse:
    """`error` as an answer; to a HEAD its document goes in `x-oss-err`, as base64."""
    headers = dict(error.headers)
    if isinstance(error, NotModified):
        return OssResponse(error.status, headers)
    if error.ec:
        headers["x-oss-ec"] = error.ec
    headers["Content-Type"] = "application/xml"
    if not is_head:
        return OssResponse(error.status, headers, error_document(error, request_id=request_id, host=host))
    document = error_document(error, request_id=request_id, host=host)
    while len(document) > MAX_HEAD_DOCUMENT_BYTES and error.elements:  # above all what we have signed ourselves
        del error.elements[max(error.elements, key=lambda name: len(error.elements[name]))]
        document = error_document(error, request_id=request_id, host=host)
    headers["x-oss-err"] = base64.b64encode(document).decode()
    return OssResponse(error.status, headers)


def hint_header(hint: str) -> str:
    """A hint as the value of `x-emulator-hint`: one line of printable ASCII, everything else percent-encoded."""
    line = " ".join(hint.split())
    if len(line) > MAX_HINT_CHARACTERS:
        line = line[:MAX_HINT_CHARACTERS] + " ..."
    return quote(line, safe=" !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~", errors="surrogateescape")
