"""What faults do to a body, an answer and a connection: slow them down, cut them off, say nothing at all."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from aiohttp import web

from emulator.faults import ConnectionCut
from emulator.transport.body import RequestBody
from emulator.transport.reply import Reply, read_pieces
from emulator.wire.response import FileRange

SLICES_PER_SECOND = 10  # in which a slowed down body comes


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
            async for piece in _only(body) if isinstance(body, bytes) else read_pieces(body):
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
