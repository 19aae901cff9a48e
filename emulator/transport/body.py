"""The body of a request as it comes over the wire."""

import asyncio
from collections.abc import AsyncGenerator, Callable

from aiohttp import ClientPayloadError, http_exceptions, web

from emulator.errors import EntityTooLarge, IncompleteBody, RequestTimeout
from emulator.transport.connection import Connection
from emulator.transport.pace import SLICE_SECONDS, Pace

DRAIN_BYTES = 1024 * 1024  # an unread body up to here is read and dropped, so that the connection stays usable


class RequestBody:
    """A request's body (a `wire.request.Body`). `Expect: 100-continue` is answered when somebody first wants it."""

    def __init__(self, request: web.BaseRequest, idle_timeout_seconds: float) -> None:
        self._request = request
        self._idle_timeout_seconds = idle_timeout_seconds
        length = request.headers.get("Content-Length")
        self.length = int(length) if length is not None else None
        self.is_declared = length is not None or "Transfer-Encoding" in request.headers
        self._pace: Pace | None = None
        self._passed = 0
        self._awaits_continue = request.headers.get("Expect", "").lower() == "100-continue"

    def at_hand(self) -> bytes | None:
        """The whole body if it has already arrived and need not be held back, else `None`."""
        content = self._request.content
        if self._pace is None and content.is_eof() and content.exception() is None:
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
                for slice_ in self._pace.slices(piece) if self._pace else (piece,):
                    if slice_:
                        yield slice_
                        await self._keep_pace(len(slice_))
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

    def hold_to(self, bytes_per_second: int) -> None:
        """Let it through at no more than this rate, what has passed included; of several, the lowest counts."""
        if self._pace is None or bytes_per_second < self._pace.bytes_per_second:
            self._pace = Pace(bytes_per_second, passed=self._passed)

    async def _keep_pace(self, size: int) -> None:
        """Wait until `size` bytes more may have passed; a client that leaves meanwhile is not waited for."""
        self._passed += size
        if self._pace is None:
            return
        self._pace.count(size)
        while seconds := self._pace.seconds_left:
            await asyncio.sleep(min(seconds, SLICE_SECONDS))
            if (error := self._request.content.exception()) is not None:
                raise error

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
        """Whether the next request can follow on this connection although nobody may have read this body.

        A GET that declares one hardly ever sends it (oss2 can be told to): the next request would be taken for it.
        """
        if self._request.content.is_eof():
            return True
        if self._request.method in ("GET", "HEAD"):
            return False
        return not self._awaits_continue and self.length is not None and self.length <= DRAIN_BYTES
