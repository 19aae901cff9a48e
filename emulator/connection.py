"""aiohttp's server side: request bodies in, replies out, and malformed requests answered in OSS's words.

`emulator.app` decides what is said; this file knows how it travels. It uses `web.Server` with one own `Reply`: no
router and no middleware, which cost more than all of the emulator's own work on a small GET.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from aiohttp import ClientPayloadError, HttpVersion11, http_exceptions, web
from aiohttp.abc import AbstractStreamWriter

from emulator.errors import EntityTooLarge, IncompleteBody, RequestTimeout
from emulator.faults import ConnectionCut
from emulator.wire.response import FileRange, Stream

PIECE_BYTES = 1024 * 1024
WHOLE_WRITE_BYTES = 128 * 1024  # up to here one read and one write beat sendfile's two system calls
LEAVING_SECONDS = 0.1  # the most that a stop waits for a client which still sends what was refused, or reads a stream
DRAIN_BYTES = 1024 * 1024  # an unread body up to here is read and dropped, so that the connection stays usable

SLICES_PER_SECOND = 10  # in which a slowed down body comes

Handler = Callable[[web.BaseRequest], Awaitable["Reply"]]
Refuse = Callable[[web.BaseRequest, str], "Reply"]


class RequestBody:
    """A request's body (a `wire.request.Body`). `Expect: 100-continue` is answered when somebody first wants it."""

    def __init__(self, request: web.BaseRequest, idle_timeout_seconds: float) -> None:
        self._request = request
        self._idle_timeout_seconds = idle_timeout_seconds
        length = request.headers.get("Content-Length")
        self.length = int(length) if length is not None else None
        self.is_declared = length is not None or "Transfer-Encoding" in request.headers
        self._awaits_continue = request.headers.get("Expect", "").lower() == "100-continue"

    def at_hand(self) -> bytes | None:
        """The whole body if it has already arrived, else `None`."""
        content = self._request.content
        if content.is_eof() and content.exception() is None:
            return content.read_nowait()
        return None

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes.

        Raises:
            IncompleteBody: the client left, or its chunks make no sense.
            RequestTimeout: nothing came for `server.idle_timeout_seconds`.
        """
        await self._continue()
        content = self._request.content
        try:
            while not content.at_eof():
                async with asyncio.timeout(self._idle_timeout_seconds):
                    piece = await content.readany()
                if piece:
                    yield piece
        except TimeoutError:
            raise RequestTimeout(
                hint=f"No byte of the body came for {self._idle_timeout_seconds:g} s. Either fewer bytes were sent "
                "than Content-Length says, or the client stalled (server.idle_timeout_seconds)."
            ) from None
        except (ConnectionError, ClientPayloadError, http_exceptions.HttpProcessingError) as error:
            raise IncompleteBody(hint=f"The client's body ended early: {error}.") from error

    async def read(self, limit: int) -> bytes:
        """The whole body.

        Raises:
            EntityTooLarge: it is longer than `limit` bytes.
        """
        if self.length is not None and self.length > limit:
            raise EntityTooLarge(hint=f"The body is {self.length} bytes; this operation takes {limit}.")
        body = bytearray()
        async for piece in self.pieces():
            body += piece
            if len(body) > limit:
                raise EntityTooLarge(hint=f"The body is longer than the {limit} bytes that this operation takes.")
        return bytes(body)

    async def _continue(self) -> None:
        if self._awaits_continue:
            self._awaits_continue = False
            await self._request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._request.writer.output_size = 0  # aiohttp takes it for the beginning of the answer

    def when_over(self, listener: Callable[[], None]) -> None:
        """Call `listener` when the client has left or is to leave; at once if that is so already."""
        connection = self._request.protocol
        assert isinstance(connection, Connection)
        connection.when_over(listener)

    def leaves_connection_usable(self) -> bool:
        """Whether the next request can follow on this connection although nobody may have read this body."""
        if self._request.content.is_eof():
            return True
        return not self._awaits_continue and self.length is not None and self.length <= DRAIN_BYTES


class ImpairedBody(RequestBody):
    """A body that a fault slows down to `bytes_per_second`, or in the middle of which it cuts the connection."""

    def __init__(
        self, request: web.BaseRequest, idle_timeout_seconds: float, *, bytes_per_second: int | None, is_cut: bool
    ) -> None:
        super().__init__(request, idle_timeout_seconds)
        self._bytes_per_second = bytes_per_second
        self._is_cut = is_cut

    def at_hand(self) -> bytes | None:
        """Nothing: it comes in pieces."""
        return None

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The body as it is let through.

        Raises:
            ConnectionCut: half of it has come. Of a chunked body nobody knows the half: its first piece.
            IncompleteBody, RequestTimeout: as of every body.
        """
        left = (self.length or 0) // 2
        async with aclosing(super().pieces()) as pieces:
            async for piece in pieces:
                async for slice_ in _paced(piece[:left] if self._is_cut else piece, self._bytes_per_second):
                    yield slice_
                left -= len(piece)
                if self._is_cut and left <= 0:
                    raise ConnectionCut


class Reply(web.StreamResponse):
    """An answer whose head is already bytes, so that head and body go out in one write.

    A `web.Response` costs 40 µs a request; this costs next to nothing, and header values that are not UTF-8 go out as
    they were given, where aiohttp would drop them.
    """

    def __init__(self, status: int, head: bytes, body: bytes | FileRange | Stream, *, keep_alive: bool) -> None:
        super().__init__(status=status)
        self._head = head
        self._payload = body
        self._keep_alive = keep_alive

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Remember the request; everything is sent by `write_eof`."""
        self._req = request
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Send head and body."""
        request = self._req
        assert request is not None
        self._eof_sent = True
        self._req = None
        if isinstance(self._payload, bytes):
            await request.writer.write_eof(self._head + self._payload)
            return
        if isinstance(self._payload, Stream):
            await self._send_stream(request, self._payload)
            return
        try:
            await self._send_file(request, self._payload)
        finally:
            self._payload.file.close()

    async def _send_stream(self, request: web.BaseRequest, stream: Stream) -> None:
        connection = request.protocol
        assert isinstance(connection, Connection)
        connection.is_streaming = True
        async with aclosing(stream.pieces) as pieces:
            await request.writer.write(self._head)
            if request.version >= HttpVersion11:
                request.writer.enable_chunking()
            async for piece in pieces:
                await request.writer.write(piece)
        await request.writer.write_eof()

    async def _send_file(self, request: web.BaseRequest, part: FileRange) -> None:
        if part.count <= WHOLE_WRITE_BYTES:
            await request.writer.write_eof(self._head + os.pread(part.file.fileno(), part.count, part.offset))
            return
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("The client left.")
        transport.write(self._head)
        try:
            await asyncio.get_running_loop().sendfile(transport, part.file, part.offset, part.count, fallback=False)  # type: ignore[arg-type]
        except (asyncio.SendfileNotAvailableError, RuntimeError) as error:
            if transport.is_closing():
                raise ConnectionResetError("The client left.") from error
            await self._send_pieces(request, part)  # TLS, or a file system without sendfile

    async def _send_pieces(self, request: web.BaseRequest, part: FileRange) -> None:
        async for piece in _read_pieces(part):
            await request.writer.write(piece)


class ImpairedReply(Reply):
    """An answer that a fault slows down to `bytes_per_second`, or half-way through which it cuts the connection.

    Of an answer without a body half the head is sent, so that a cut is a cut. The connection ends with it.
    """

    def __init__(
        self, status: int, head: bytes, body: bytes | FileRange, *, bytes_per_second: int | None, is_cut: bool
    ) -> None:
        super().__init__(status, head, body, keep_alive=False)
        self._body_to_send = body
        self._bytes_per_second = bytes_per_second
        self._is_cut = is_cut

    async def write_eof(self, data: bytes = b"") -> None:
        """Send what is to be sent of head and body."""
        request = self._req
        assert request is not None
        self._eof_sent = True
        self._req = None
        body = self._body_to_send
        size = len(body) if isinstance(body, bytes) else body.count
        left = size // 2 if self._is_cut else size
        try:
            await request.writer.write(self._head if size or not self._is_cut else self._head[: len(self._head) // 2])
            async for piece in _only(body) if isinstance(body, bytes) else _read_pieces(body):
                async for slice_ in _paced(piece[:left], self._bytes_per_second):
                    await request.writer.write(slice_)
                left -= len(piece)
                if left <= 0:
                    break
        finally:
            if isinstance(body, FileRange):
                body.file.close()
        if request.transport is not None:
            request.transport.close()


class Hangup(Reply):
    """No answer at all: the connection is gone."""

    def __init__(self) -> None:
        super().__init__(0, b"", b"", keep_alive=False)

    async def write_eof(self, data: bytes = b"") -> None:
        """Reset the connection."""
        request = self._req
        assert request is not None
        self._eof_sent = True
        self._req = None
        if request.transport is not None:
            request.transport.abort()


async def _read_pieces(part: FileRange) -> AsyncIterator[bytes]:
    """The bytes of `part`.

    Raises:
        ConnectionResetError: there are fewer than was promised.
    """
    offset, end = part.offset, part.offset + part.count
    while offset < end:
        # Awaited to its end even when cancelled: the descriptor must not be closed under a read.
        read = asyncio.ensure_future(
            asyncio.to_thread(os.pread, part.file.fileno(), min(PIECE_BYTES, end - offset), offset)
        )
        try:
            piece = await asyncio.shield(read)
        except asyncio.CancelledError:
            await asyncio.wait([read])
            raise
        if not piece:
            raise ConnectionResetError("The file is shorter than the answer has promised.")
        yield piece
        offset += len(piece)


async def _only(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _paced(piece: bytes, bytes_per_second: int | None) -> AsyncIterator[bytes]:
    """`piece`, whole or at a rate: a slice every tenth of a second."""
    if bytes_per_second is None:
        yield piece
        return
    step = max(1, bytes_per_second // SLICES_PER_SECOND)
    for start in range(0, len(piece), step):
        slice_ = piece[start : start + step]
        await asyncio.sleep(len(slice_) / bytes_per_second)
        yield slice_


class Connection(web.RequestHandler):
    """One client connection: what aiohttp cannot read as HTTP is refused in OSS's XML, in one line of the log."""

    def __init__(self, manager: "HttpServer", refuse: Refuse, **options: Any) -> None:
        super().__init__(manager, loop=asyncio.get_running_loop(), **options)
        self._refuse = refuse
        self._is_over = False
        self._when_over: Callable[[], None] | None = None
        self.is_streaming = False

    def when_over(self, listener: Callable[[], None]) -> None:
        """Call `listener` at `release`; it takes the place of an earlier one, as one request is served at a time."""
        self._when_over = listener
        if self._is_over:
            listener()

    def release(self) -> None:
        """The client has left or is to leave: whoever waits for its sake need not go on."""
        self._is_over = True
        if self._when_over is not None:
            self._when_over()

    def connection_lost(self, exc: BaseException | None) -> None:
        """The client has left."""
        super().connection_lost(exc)
        self.release()

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109 - the name is aiohttp's
        """Close. An answer under way is waited for; a stream, or the rest of a body that was refused, is not."""
        is_answering = self._request_in_progress and not self.is_streaming
        await super().shutdown(timeout if is_answering else LEAVING_SECONDS)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """The answer to a request that aiohttp refused to read."""
        if request.writer.output_size > 0:
            raise ConnectionError("The answer has begun; there is no taking it back.")
        return self._refuse(request, message or str(exc or "The request could not be read as HTTP."))


class HttpServer(web.Server):
    """Makes a `Connection` for each client; `handle` answers requests, `refuse` what is no request."""

    def __init__(self, handle: Handler, refuse: Refuse) -> None:
        super().__init__(handle)
        self._refuse = refuse

    def release(self) -> None:
        """End what clients are made to wait for: the emulator stops."""
        for connection in self.connections:
            assert isinstance(connection, Connection)
            connection.release()

    def __call__(self) -> Connection:
        """A new connection's protocol."""
        return Connection(
            self,
            self._refuse,
            access_log=None,
            auto_decompress=False,
            max_line_size=65_536,
            max_field_size=65_536,
            max_headers=1024,
        )
