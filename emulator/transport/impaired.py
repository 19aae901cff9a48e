"""What faults do to a body, an answer and a connection: cut them off, or say nothing at all."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from emulator.faults import ConnectionCut
from emulator.transport.body import RequestBody
from emulator.transport.reply import Reply
from emulator.wire.response import FileRange, Stream


class CutBody(RequestBody):
    """A body in the middle of which a fault cuts the connection."""

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
                yield piece[:left]
                left -= len(piece)
                if left <= 0:
                    raise ConnectionCut


class CutReply(Reply):
    """An answer half-way through which a fault cuts the connection. Of one without a body half the head is sent."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Send what is to be sent of head and body."""
        request = self._req
        assert request is not None
        self._eof_sent = True
        self._req = None
        body = self._payload
        assert not isinstance(body, Stream)
        size = len(body) if isinstance(body, bytes) else body.count
        left = size // 2
        try:
            if size:
                await self._begin(request, body)
            else:
                await request.writer.write(self._head[: len(self._head) // 2])
            async with aclosing(self._slices(body)) as slices:
                async for slice_ in slices:
                    await request.writer.write(slice_[:left])
                    left -= len(slice_)
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
