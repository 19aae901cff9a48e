"""An application server to call back: raw bytes in, raw bytes out, so that it can misbehave in every way."""

import asyncio
import base64
import json
import ssl

OK = b'{"Status":"OK"}'


def answer(body: bytes = OK, status: str = "200 OK", *headers: str) -> bytes:
    """A well-formed answer of `body`, with its Content-Length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "".join(line + "\r\n" for line in lines).encode() + b"\r\n" + body


class ApplicationServer:
    """Answers every request with `answer`; `None` never answers. Keeps the requests, byte for byte."""

    def __init__(self, reply: bytes | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.answer = answer() if reply is None else reply
        self.is_silent = False
        self.requests: list[bytes] = []
        self.received = asyncio.Event()
        self.released = asyncio.Event()
        self.server_names: list[str | None] = []
        self._tls = tls
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "ApplicationServer":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.released.set()
        self._server.close()
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        return self._server.sockets[0].getsockname()[1]

    def url(self, path: str = "/cb", host: str = "127.0.0.1") -> str:
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    @property
    def heads(self) -> list[list[str]]:
        """The lines of each request's head."""
        return [request.partition(b"\r\n\r\n")[0].decode().split("\r\n") for request in self.requests]

    @property
    def bodies(self) -> list[bytes]:
        return [request.partition(b"\r\n\r\n")[2] for request in self.requests]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            self.requests.append(head + await reader.readexactly(length))
            self.received.set()
            if self.is_silent:
                await self.released.wait()
            writer.write(self.answer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the emulator hung up, as it should where the test wants it
        finally:
            writer.close()


def encode(fields: object) -> str:
    """`fields` as the base64 of their JSON."""
    return base64.b64encode(json.dumps(fields, ensure_ascii=False).encode()).decode()
