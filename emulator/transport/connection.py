"""Client connections: requests to whoever answers them, and malformed ones refused in OSS's words.

`web.Server` with a protocol of our own: no router and no middleware, which cost more than all of the emulator's own
work on a small GET.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from aiohttp import web

LEAVING_SECONDS = 0.1  # the most that a stop waits for a client which still sends what was refused, or reads a stream

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Refuse = Callable[[web.BaseRequest, str], web.StreamResponse]


class Connection(web.RequestHandler):
    """One client connection: what aiohttp cannot read as HTTP is refused in OSS's XML, in one line of the log."""

    def __init__(self, manager: "HttpServer", refuse: Refuse, **options: Any) -> None:
        super().__init__(manager, loop=asyncio.get_running_loop(), **options)
        self._refuse = refuse
        self._is_over = False
        self._when_over: Callable[[], None] | None = None
        self._left: asyncio.Event | None = None  # made by `shutdown` of TLS
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
        if self._left is not None:
            self._left.set()

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109 - the name is aiohttp's
        """Close. An answer under way is waited for; a stream, or the rest of a body that was refused, is not.

        Nor, as asyncio would for 30 s, a client's farewell that ends TLS: many never say it.
        """
        is_answering = self._request_in_progress and not self.is_streaming
        transport = self.transport
        if transport is not None and transport.get_extra_info("sslcontext"):
            self._left = asyncio.Event()
        await super().shutdown(timeout if is_answering else LEAVING_SECONDS)
        if transport is not None and self._left is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._left.wait(), LEAVING_SECONDS)
            transport.abort()

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
