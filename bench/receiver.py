"""A minimal application server for the callback measure; `python -m bench.receiver`, ended by SIGTERM.

It answers every POST `{"Status":"OK"}`, keeps connections, and says where it is on its first line.
"""

import asyncio

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"Status":"OK"}'


class Receiver(asyncio.Protocol):
    """One connection: reads whole requests with a Content-Length, one at a time, and answers each."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].lower()
            _, _, length = head.partition(b"\r\ncontent-length:")
            whole = end + 4 + int(length.partition(b"\r\n")[0] or 0)
            if len(self._received) < whole:
                return
            self._received = self._received[whole:]
            self._transport.write(ANSWER)
            if b"\r\nconnection: close" in head:
                self._transport.close()


async def main() -> None:
    """Serve until the process ends."""
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"receiver ready http://{host}:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
