"""A reader of server-sent events, for tests."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from tests.client import Connection, OssClient

SECONDS = 10  # the most that a test waits for an event


class Event(NamedTuple):
    """What came: `name` is `comment` for a comment, whose text is `data`."""

    name: str
    id: str
    data: Any


class EventReader:
    """Reads what is sent in chunks over `connection`, once the head has come."""

    def __init__(self, connection: Connection, status_line: str, headers: Mapping[str, str]) -> None:
        self.connection = connection
        self.status_line = status_line
        self.headers = headers
        self._text = b""

    async def next(self) -> Event | None:
        """The next event or comment; `None` when the stream has ended as it should."""
        async with asyncio.timeout(SECONDS):
            while b"\n\n" not in self._text:
                size = int(await self.connection.reader.readuntil(b"\r\n"), 16)
                self._text += await self.connection.reader.readexactly(size)
                assert await self.connection.reader.readexactly(2) == b"\r\n"
                if not size:
                    return None
        block, _, self._text = self._text.partition(b"\n\n")
        fields = dict(line.split(": ", 1) for line in block.decode().split("\n"))
        if "" in fields:
            return Event("comment", "", fields[""])
        if "retry" in fields:
            return await self.next()
        return Event(fields["event"], fields["id"], json.loads(fields["data"]))

    async def read(self, count: int) -> list[Event]:
        """The next `count` events."""
        events = [await self.next() for _ in range(count)]
        assert None not in events
        return [event for event in events if event is not None]


@asynccontextmanager
async def reading(oss: OssClient, query: str = "", **headers: str) -> AsyncIterator[EventReader]:
    """Opens the stream; `_` in a header's name is `-`."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    async with await oss.connect() as connection:
        await connection.send(f"GET /_emulator/events{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}\r\n".encode())
        head = (await connection.reader.readuntil(b"\r\n\r\n")).decode()
        status_line, *fields = head.strip().split("\r\n")
        pairs = (field.split(": ", 1) for field in fields)
        yield EventReader(connection, status_line, {name.lower(): value for name, value in pairs})
