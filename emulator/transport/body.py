"""The body of a request as it comes over the wire."""

import asyncio
from collections.abc import AsyncGenerator, Callable

from aiohttp import ClientPayloadError, http_exceptions, web

from emulator.errors import EntityTooLarge, IncompleteBody, RequestTimeout
from emulator.transport.connection import Connection

DRAIN_BYTES = 1024 * 1024  # an unread body up to here is read and dropped, so that the connection stays usable


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
