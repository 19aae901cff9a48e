"""A plain HTTP client for tests: what it is given goes out byte for byte, what comes back is read whole."""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urlsplit
from xml.etree import ElementTree

from emulator import Emulator


class Response(NamedTuple):
    """An answer; `headers` by lower-case name."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def xml(self) -> ElementTree.Element:
        """The body as a document."""
        return ElementTree.fromstring(self.body)

    @property
    def code(self) -> str | None:
        """The Code of an error document; `None` when the body is none."""
        return self.xml.findtext("Code") if self.body.startswith(b"<?xml") else None

    @property
    def message(self) -> str | None:
        """The Message of an error document."""
        return self.xml.findtext("Message")

    def texts(self, path: str) -> list[str]:
        """The texts of every element at `path`."""
        return [element.text or "" for element in self.xml.findall(path)]


class Connection:
    """One connection to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, endpoint: str, tls: ssl.SSLContext | None = None) -> Self:
        url = urlsplit(endpoint)
        assert url.hostname
        return cls(*await asyncio.open_connection(url.hostname, url.port, ssl=tls))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def receive(self, method: str = "GET") -> Response:
        """The next answer; one of `method` HEAD has no body."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("utf-8", "surrogateescape")
        status_line, *lines = head.strip().split("\r\n")
        status = int(status_line.split(" ")[1])
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            assert name.lower() not in headers, f"{name} is given twice"
            headers[name.lower()] = value.strip()
        length = 0 if method == "HEAD" or status == 100 else int(headers.get("content-length", "0"))
        return Response(status, headers, await self.reader.readexactly(length))

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class OssClient:
    """Speaks to an emulator, over TLS if it `is_secure`; nothing is signed unless the headers do it."""

    def __init__(self, emulator: Emulator, *, is_secure: bool = False) -> None:
        self.emulator = emulator
        self.endpoint = emulator.https_endpoint if is_secure else emulator.endpoint
        self._tls = ssl.create_default_context(cafile=emulator.ca_file) if is_secure else None

    async def connect(self) -> Connection:
        return await Connection.open(self.endpoint, self._tls)

    async def request(
        self, method: str, target: str, *, headers: Mapping[str, str] | None = None, body: bytes | str | None = None
    ) -> Response:
        """One request on a connection of its own. A body gets its Content-Length unless the headers say otherwise."""
        data = body.encode() if isinstance(body, str) else body
        fields = {"Host": urlsplit(self.endpoint).netloc, **(headers or {})}
        names = {name.lower() for name in fields}
        if data is not None and not names & {"content-length", "transfer-encoding"}:
            fields["Content-Length"] = str(len(data))
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        async with await self.connect() as connection:
            await connection.send((head + "\r\n").encode("utf-8", "surrogateescape") + (data or b""))
            return await connection.receive(method)

    async def put(self, key: str, body: bytes | str = b"", **headers: str) -> Response:
        """PutObject of `key` (as it stands in the path) in examplebucket; `_` in a header's name is `-`."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.request("PUT", f"/examplebucket/{key}", headers=fields, body=body)

    async def get(self, key: str, **headers: str) -> Response:
        """GetObject of `key` in examplebucket."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.request("GET", f"/examplebucket/{key}", headers=fields)
