"""HTTP messages as the rest of the emulator sees them: a request read once, and an answer with its common headers."""

from collections.abc import Callable
from http import HTTPStatus

from aiohttp import HttpVersion11, web
from msgspec import structs

from emulator.clock import Clock, Ids
from emulator.config import Server
from emulator.transport.body import RequestBody
from emulator.transport.impaired import CutBody, CutReply
from emulator.transport.reply import Reply
from emulator.wire.address import Address, Resolver
from emulator.wire.dates import format_http_date
from emulator.wire.request import OssRequest, parse_headers, parse_query
from emulator.wire.response import GzippedFile, OssResponse, Stream

PHRASES = {status.value: status.phrase for status in HTTPStatus}
_BODILESS = (204, 304)


class Messages:
    """Reads requests and spells answers."""

    def __init__(self, server: Server, clock: Clock, ids: Ids, bucket_of: Callable[[str], str | None]) -> None:
        """`bucket_of` finds the bucket of a domain that the configuration does not name."""
        self._resolver = Resolver(server.service_names, server.cnames, bucket_of)
        self._idle_timeout_seconds = server.idle_timeout_seconds
        self._trusts_forwarded = server.trust_forwarded
        self._clock = clock
        self._ids = ids

    def read(self, raw: web.BaseRequest) -> OssRequest:
        """The request that aiohttp has received."""
        received = self._clock.now()
        headers = parse_headers(raw.raw_headers)
        host = headers.get("host", "")
        scheme = "https" if raw.transport is not None and raw.transport.get_extra_info("sslcontext") else "http"
        if self._trusts_forwarded:
            host = headers.get("x-forwarded-host", host)
            scheme = headers.get("x-forwarded-proto", scheme)
        path, _, query = raw.raw_path.partition("?")
        if path[:1] != "/":  # absolute form, as to a proxy: its authority stands for Host
            authority, slash, rest = path.partition("://")[2].partition("/")
            host, path = authority or host, slash + rest or "/"
        pairs = parse_query(query)
        return OssRequest(
            method=raw.method,
            target=path,
            host=host,
            scheme=scheme,
            address=self._resolver.resolve(host, path),
            query=pairs,
            raw_query=query,
            parameters={name: value or "" for name, value in reversed(pairs)},
            headers=headers,
            body=RequestBody(raw, self._idle_timeout_seconds),
            request_id=self._ids.request_id(received),
            received=received,
            client=raw.remote or "",
        )

    def unreadable(self, raw: web.BaseRequest) -> OssRequest:
        """What stands for a request that aiohttp could not read as HTTP: nothing is known of it but who sent it."""
        received = self._clock.now()
        return OssRequest(
            method="",
            target="",
            host="",
            scheme="http",
            address=Address(),
            query=(),
            parameters={},
            headers={},
            body=RequestBody(raw, self._idle_timeout_seconds),
            request_id=self._ids.request_id(received),
            received=received,
            client=raw.remote or "",
        )

    def cut(self, raw: web.BaseRequest, request: OssRequest) -> OssRequest:
        """`request` with a body in the middle of which the connection ends."""
        return structs.replace(request, body=CutBody(raw, self._idle_timeout_seconds))

    def reply(
        self, raw: web.BaseRequest, request: OssRequest, response: OssResponse, seconds: float, *, keep_alive: bool
    ) -> Reply:
        """`response` to `request`, which took so many seconds, ready to be sent. The connection goes on if it can."""
        body = response.body
        headers = response.headers
        lines = [
            f"HTTP/1.1 {response.status} {PHRASES.get(response.status, 'Unknown')}",
            "Server: AliyunOSS",
            f"Date: {format_http_date(self._clock.now())}",
        ]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if isinstance(body, Stream | GzippedFile):
            keep_alive = keep_alive and raw.version >= HttpVersion11 and not isinstance(body, Stream)
            if raw.version >= HttpVersion11:
                lines.append("Transfer-Encoding: chunked")
        elif response.status not in _BODILESS and "Content-Length" not in headers:
            lines.append(f"Content-Length: {len(body) if isinstance(body, bytes) else body.count}")
        keep_alive = keep_alive and raw.keep_alive and request.body.leaves_connection_usable()  # type: ignore[attr-defined]
        lines.append("Connection: keep-alive" if keep_alive else "Connection: close")
        lines.append(f"x-oss-request-id: {request.request_id}")
        lines.append(f"x-oss-server-time: {int(seconds * 1000)}\r\n\r\n")
        head = "\r\n".join(lines)
        if head.count("\n") != len(lines) + 1 or head.count("\r") != len(lines) + 1:
            raise AssertionError("A header value with a line break got past the readers of emulator.wire.")
        if request.method == "HEAD" or response.status in _BODILESS:
            body = b""
        encoded = head.encode("utf-8", "surrogateescape")
        kind = CutReply if response.is_cut and not isinstance(body, Stream) else Reply
        rate = response.bytes_per_second
        return kind(response.status, encoded, body, keep_alive=keep_alive, bytes_per_second=rate)
