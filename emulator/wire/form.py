"""multipart/form-data as a browser sends it: the fields are kept, the file after them streams through.

The parser is the library `multipart`, which does no I/O of its own; the sizes and the rules about the file are OSS's.

Source: "PostObject" in the API reference; RFC 7578.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import unquote

import msgspec

from emulator.errors import (
    FieldItemTooLong,
    IncorrectNumberOfFilesInPOSTRequest,
    MalformedPOSTRequest,
    MaxPOSTPreDataLengthExceededError,
    RequestIsNotMultiPartContent,
)

if TYPE_CHECKING:
    from multipart import MultipartSegment

MAX_NAME_BYTES = 8 * 1024
MAX_VALUE_BYTES = 2 * 1024 * 1024
MAX_HEAD_BYTES = 8 * 1024 * 1024  # everything before the file

_FILE = "file"
_VARIABLE = "x:"
_MAX_LINE_BYTES = MAX_NAME_BYTES + 1024  # of a part's head, where the name stands among other things
_MAX_LINES = 64
_EXTENDED_FILENAME = re.compile(r";\s*filename\*\s*=\s*utf-8'[^']*'([^;\s]+)", re.IGNORECASE)

# What the parser makes of the bytes: the head of a part, pieces of its content, and `None` at its end.
_Events = AsyncGenerator["MultipartSegment | bytes | None", None]


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """A form up to the beginning of its file.

    `fields` are by lower-case name, the first of each; bytes that are not UTF-8 are surrogates in them. `variables` are
    the fields `x:...` under their names as sent. `filename` is the file's own name without folders, `""` if it has
    none; `content_type` what the browser says of it, `None` if nothing. `content` are its bytes, to be read once; when
    they are at their end, the whole form has been read. `late_fields` are then the names of those behind the file,
    which do not count.
    """

    fields: dict[str, str]
    variables: dict[str, str]
    filename: str
    content_type: str | None
    content: AsyncIterator[bytes]
    late_fields: list[str]


@asynccontextmanager
async def open_form(content_type: str, body: AsyncIterator[bytes]) -> AsyncIterator[Form]:
    """The form that `body` holds, read up to its file; `content_type` is the request's.

    Raises:
        RequestIsNotMultiPartContent: it is no multipart/form-data, or has no boundary.
        MalformedPOSTRequest: it is not well-formed; also from `content`, whose end may be missing.
        FieldItemTooLong, MaxPOSTPreDataLengthExceededError: too much stands before the file.
        IncorrectNumberOfFilesInPOSTRequest: there is no file; from `content`, there is a second one.
    """
    async with aclosing(_events(_boundary(content_type), body)) as events:
        yield await _read_head(events)


def _boundary(content_type: str) -> bytes:
    from multipart import parse_options_header  # late: start-up is part of the product, and few requests are forms

    kind, options = parse_options_header(content_type)
    boundary: str = options.get("boundary", "")
    if kind == "multipart/form-data" and boundary:
        return boundary.encode("utf-8", "surrogateescape")
    received = f"Content-Type is {content_type!r}" if content_type else "The request has no Content-Type"
    advice = (
        "the boundary is missing. Whoever sets this header by hand (axios, fetch) loses it: leave Content-Type to the "
        "client, which knows the boundary."
        if kind == "multipart/form-data"
        else "a POST to a bucket is a form upload and must be multipart/form-data; boundary=..."
    )
    raise RequestIsNotMultiPartContent(hint=f"{received}; {advice}")


async def _events(boundary: bytes, body: AsyncIterator[bytes]) -> _Events:
    from multipart import MultipartError, ParserLimitReached, PushMultipartParser

    is_head, room = True, MAX_HEAD_BYTES
    try:
        parser = PushMultipartParser(boundary, max_header_size=_MAX_LINE_BYTES, max_header_count=_MAX_LINES)
        async for piece in body:
            while piece:
                part, piece = (piece[:room], piece[room:]) if is_head else (piece, b"")
                for event in parser.parse(part):
                    if event is not None and not isinstance(event, bytes) and event.name.lower() == _FILE:
                        is_head = False
                    yield event
                if is_head:
                    room -= len(part)
                    if not room:
                        raise MaxPOSTPreDataLengthExceededError(
                            hint=f"{MAX_HEAD_BYTES} bytes have come and no part called `file` among them. The file's "
                            "field must be called `file`."
                        )
        parser.close()
    except ParserLimitReached as error:
        raise FieldItemTooLong(hint=f"The head of a part is too long: {error}.") from error
    except MultipartError as error:
        raise _malformed(error) from error


def _malformed(error: Exception) -> MalformedPOSTRequest:
    reason = str(error.args[0])
    advice = ""
    if "end of multipart" in reason:
        advice = (
            " The last boundary, with two hyphens at its end, never came: the body was cut off, or was made by hand "
            "without it, or the boundary in Content-Type is not the one in the body."
        )
    elif "line break" in reason:
        advice = " The lines of a form end with CRLF, not with LF alone."
    elif "Content-Disposition" in reason:
        advice = ' Each part begins with: Content-Disposition: form-data; name="..."'
    return MalformedPOSTRequest(hint=f"The form cannot be read: {reason}.{advice}")


async def _read_head(events: _Events) -> Form:
    fields: dict[str, str] = {}
    variables: dict[str, str] = {}
    name, value = "", bytearray()
    async for event in events:
        if event is None:
            text = value.decode("utf-8", "surrogateescape")
            fields.setdefault(name.lower(), text)
            if name.startswith(_VARIABLE):
                variables.setdefault(name, value.decode("utf-8", "replace"))
        elif isinstance(event, bytes):
            value += event
            if len(value) > MAX_VALUE_BYTES:
                _refuse_field(name, f"value is longer than {MAX_VALUE_BYTES} bytes")
        else:
            name, value = event.name, bytearray()
            if len(name.encode()) > MAX_NAME_BYTES:
                _refuse_field(name, f"name is longer than {MAX_NAME_BYTES} bytes")
            if name.lower() == _FILE:
                late_fields: list[str] = []
                return Form(
                    fields=fields,
                    variables=variables,
                    filename=_filename(event),
                    content_type=event.header("Content-Type", "").strip() or None,
                    content=_content(events, late_fields),
                    late_fields=late_fields,
                )
    raise IncorrectNumberOfFilesInPOSTRequest(
        hint=f"The form has no part called `file`; its fields are: {', '.join(map(repr, fields)) or 'none'}. The "
        "file's field must have just this name and be the last."
    )


async def _content(events: _Events, late_fields: list[str]) -> AsyncIterator[bytes]:
    async for event in events:
        if event is None:
            break
        assert isinstance(event, bytes)
        yield event
    async for event in events:
        if event is not None and not isinstance(event, bytes):
            if event.name.lower() == _FILE:
                raise IncorrectNumberOfFilesInPOSTRequest(
                    hint="A second part called `file` follows the first. Each form uploads one file: send one request "
                    "per file (an <input multiple> sends all of them in one)."
                )
            if len(late_fields) < _MAX_LINES:
                late_fields.append(event.name[:100])


def _filename(part: "MultipartSegment") -> str:
    """The name that the file had where it came from. Guess: folders before it do not count."""
    extended = _EXTENDED_FILENAME.search(part.header("Content-Disposition", ""))
    name: str = unquote(extended[1], errors="replace") if extended else part.filename or ""
    return re.split(r"[/\\]", name)[-1]


def _refuse_field(name: str, reason: str) -> NoReturn:
    raise FieldItemTooLong(hint=f"The field {name[:100]!r} is not taken: its {reason}.")
