"""Captured callback requests: read from a raw HTTP request, a HAR, or a record of `/_emulator/callbacks`."""

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec

from emulator.cli.command import Failure
from emulator.wire.percent import encode


class CapturedRequest(msgspec.Struct, frozen=True):
    """A request as it was captured. `target` is path and query, `url` the callbackUrl where the capture knows it."""

    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    url: str = ""


def parse_capture(data: bytes) -> list[CapturedRequest]:
    """The callback requests in `data`, whatever it is.

    Raises:
        Failure: it is nothing of what can be read, or holds no request.
    """
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        try:
            document = json.loads(data.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise Failure(f"the capture begins like JSON but is not: {error}") from error
        try:
            requests = list(_of_document(document))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise Failure(f"the capture is neither a HAR nor a callback record: {error!r}") from error
        if not requests:
            raise Failure("the capture holds no POST request")
        return requests
    return [_of_raw(data)]


def _of_raw(data: bytes) -> CapturedRequest:
    """Request line, headers, an empty line, the body to the end. Line breaks of the head may be LF alone."""
    ends = [(at, len(end)) for end in (b"\r\n\r\n", b"\n\n") if (at := data.find(end)) >= 0]
    at, length = min(ends) if ends else (len(data), 0)
    head = data[:at].decode("utf-8", "replace").replace("\r\n", "\n")
    line, *lines = head.removesuffix("\n").split("\n")  # an editor ends the last line, too
    pieces = line.split(" ")
    if len(pieces) != 3 or not pieces[2].startswith("HTTP/"):
        raise Failure(f"the capture does not begin with a request line like `POST /path HTTP/1.1`: {line[:80]!r}")
    headers = []
    for text in lines:
        name, colon, value = text.partition(":")
        if not colon or not name.strip():
            raise Failure(f"the capture has a header line without a colon: {text[:80]!r}")
        headers.append((name.strip(), value.strip()))
    return CapturedRequest(pieces[1], tuple(headers), data[at + length :])


def _of_document(document: Any) -> Iterator[CapturedRequest]:
    if isinstance(document, list):
        for record in document:
            yield from _of_document(record)
    elif "log" in document:
        for entry in document["log"]["entries"]:
            if entry["request"]["method"] == "POST":
                yield _of_har(entry["request"])
    elif "callbacks" in document:
        yield from _of_document(document["callbacks"])
    else:
        yield from _of_record(document)


def _of_har(request: dict[str, Any]) -> CapturedRequest:
    url = urlsplit(request["url"])
    post_data = request.get("postData") or {}
    text = post_data.get("text") or _form(post_data.get("params") or ())
    is_base64 = post_data.get("encoding") == "base64"
    return CapturedRequest(
        (url.path or "/") + (f"?{url.query}" if url.query else ""),
        tuple((str(header["name"]), str(header["value"])) for header in request["headers"]),
        base64.b64decode(text) if is_base64 else text.encode("utf-8", "surrogatepass"),
    )


def _form(fields: Iterable[dict[str, str]]) -> str:
    """The form that some tools keep in pieces only, quoted as OSS quotes it."""
    return "&".join(f"{field['name']}={encode(field.get('value', ''))}" for field in fields)


def _of_record(record: dict[str, Any]) -> Iterator[CapturedRequest]:
    """Each attempt of a record."""
    if record["truncated"]:
        raise Failure(
            "the record holds only the beginning of the body; raise limits.record_body_bytes and upload again"
        )
    body = record["body"]
    content = body.encode() if isinstance(body, str) else base64.b64decode(body["base64"])
    for attempt in record["attempts"]:
        sent = attempt["request"]
        headers = tuple((str(name), str(value)) for name, value in sent["headers"])
        yield CapturedRequest(sent["line"].split(" ")[1], headers, content, attempt["url"])
