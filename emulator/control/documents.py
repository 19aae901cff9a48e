"""JSON that is sent to the emulator's own endpoints."""

from typing import Any, TypeVar

import msgspec

from emulator.control.answers import Refusal
from emulator.wire.request import OssRequest

MAX_DOCUMENT_BYTES = 64 * 1024

T = TypeVar("T")


async def read_document(request: OssRequest) -> Any:
    """The body as JSON.

    Raises:
        Refusal: 400, it is none.
        EntityTooLarge: it is longer than 64 KiB.
    """
    body = await request.body.read(MAX_DOCUMENT_BYTES)
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(
            400, f"The body is not JSON: {error}.", f"{request.method} {request.target} takes JSON."
        ) from None


async def read_fields(request: OssRequest, kind: type[T]) -> T:
    """The body as a `kind`.

    Raises:
        Refusal: 400, it is none.
        EntityTooLarge: it is longer than 64 KiB.
    """
    document = await read_document(request)
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        fields = ", ".join(field.name for field in msgspec.structs.fields(kind))  # type: ignore[arg-type]
        raise Refusal(400, f"The body makes no sense: {error}.", f"Its fields are {fields}.") from None
