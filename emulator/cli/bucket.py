"""A bucket of a running emulator, spoken to as any client does: signed requests, path style."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from emulator.auth.signer import Credentials, Outgoing, signed_headers
from emulator.cli.command import Failure
from emulator.clock import Clock
from emulator.wire.percent import decode, encode

if TYPE_CHECKING:
    import aiohttp

PIECE_BYTES = 1024 * 1024


class Refused(Exception):
    """The emulator does not do what is asked for; the message is OSS's code and message, and the hint."""


class Listed(msgspec.Struct, frozen=True):
    """An object as listings show it; `etag` without quotes."""

    key: str
    size: int
    etag: str


class Bucket:
    """The objects of one bucket."""

    def __init__(self, session: "aiohttp.ClientSession", endpoint: str, name: str, credentials: Credentials) -> None:
        self.name = name
        self._session = session
        self._endpoint = endpoint
        self._credentials = credentials
        self._clock = Clock()

    async def list(self, prefix: str) -> list[Listed]:
        """Every object under `prefix`, in byte order of the keys.

        Raises:
            Refused: as the emulator says, such as NoSuchBucket.
        """
        from defusedxml.ElementTree import ParseError, fromstring

        found: list[Listed] = []
        query = {"list-type": "2", "encoding-type": "url", "max-keys": "1000", "prefix": prefix}
        while True:
            async with self._send("GET", query=query) as answer:
                body = await answer.read()
            try:
                page = fromstring(body)
            except ParseError as error:
                raise Failure(f"what answers at {self._endpoint} is no OSS: {error}") from error
            found += [
                Listed(
                    decode(entry.findtext("Key", "")),
                    int(entry.findtext("Size", "0")),
                    entry.findtext("ETag", "").strip('"'),
                )
                for entry in page.iter("Contents")
            ]
            token = page.findtext("NextContinuationToken")
            if page.findtext("IsTruncated") != "true" or not token:
                return found
            query["continuation-token"] = token

    async def crc64(self, key: str) -> int | None:
        """The CRC-64 of an object; `None` if the emulator gives none."""
        async with self._send("HEAD", key) as answer:
            return _crc64(answer)

    async def put(self, key: str, body: AsyncIterator[bytes], size: int, content_type: str) -> int | None:
        """Store an object and give the CRC-64 of what was stored."""
        headers = {"content-type": content_type, "content-length": str(size)}
        async with self._send("PUT", key, headers=headers, body=body) as answer:
            return _crc64(answer)

    async def begin_upload(self, key: str, content_type: str) -> str:
        """Begin to store an object in parts; the upload's id."""
        from defusedxml.ElementTree import fromstring

        async with self._send("POST", key, query={"uploads": ""}, headers={"content-type": content_type}) as answer:
            return str(fromstring(await answer.read()).findtext("UploadId", ""))

    async def put_part(self, key: str, upload_id: str, number: int, body: AsyncIterator[bytes], size: int) -> None:
        """Store part `number`, from 1, of an upload."""
        query = {"partNumber": str(number), "uploadId": upload_id}
        async with self._send("PUT", key, query=query, headers={"content-length": str(size)}, body=body):
            pass

    async def complete_upload(self, key: str, upload_id: str) -> int | None:
        """Make all parts the object and give the CRC-64 of what was stored."""
        headers = {"x-oss-complete-all": "yes"}
        async with self._send("POST", key, query={"uploadId": upload_id}, headers=headers) as answer:
            return _crc64(answer)

    async def abort_upload(self, key: str, upload_id: str) -> None:
        """Forget an upload and its parts."""
        async with self._send("DELETE", key, query={"uploadId": upload_id}):
            pass

    async def get(self, key: str, take: Callable[[bytes], Awaitable[None]]) -> int | None:
        """Give each piece of an object to `take`, and the CRC-64 that they should have."""
        async with self._send("GET", key) as answer:
            async for piece in answer.content.iter_chunked(PIECE_BYTES):
                await take(piece)
            return _crc64(answer)

    def _send(
        self,
        method: str,
        key: str = "",
        *,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        body: AsyncIterator[bytes] | None = None,
    ) -> "_Answer":
        from yarl import URL

        request = Outgoing(
            method=method, bucket=self.name, key=key, query=tuple((query or {}).items()), headers=headers or {}
        )
        path = encode(f"/{self.name}/{key}", "/")
        text = f"{self._endpoint}{path}" + (f"?{_query(query)}" if query else "")
        return _Answer(
            self._session.request(
                method,
                URL(text, encoded=True),
                headers=signed_headers(request, self._credentials, self._clock.now()),
                data=body,
                allow_redirects=False,
                skip_auto_headers=("Content-Type", "Accept-Encoding"),
            )
        )


def _query(query: dict[str, str]) -> str:
    return "&".join(f"{encode(name)}={encode(value)}" for name, value in query.items())


class _Answer:
    """An answer while it is read; a refusal is raised."""

    def __init__(self, context: "aiohttp.client._RequestContextManager") -> None:
        self._context = context

    async def __aenter__(self) -> "aiohttp.ClientResponse":
        answer = await self._context.__aenter__()
        if answer.status in (200, 204):
            return answer
        body = await answer.read()
        await self._context.__aexit__(None, None, None)
        raise Refused(
            _refusal(answer.status, body, decode(answer.headers.get("x-emulator-hint", "").replace("+", "%2B")))
        )

    async def __aexit__(self, *error: object) -> None:
        await self._context.__aexit__(*error)  # type: ignore[arg-type]


def _refusal(status: int, body: bytes, hint: str) -> str:
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        document = fromstring(body)
        words = [f"{status} {document.findtext('Code')}: {document.findtext('Message')}", hint]
    except ParseError:  # HEAD has no body
        words = [f"HTTP {status}", hint]
    return " ".join(word for word in words if word)


def _crc64(answer: "aiohttp.ClientResponse") -> int | None:
    text = answer.headers.get("x-oss-hash-crc64ecma", "")
    return int(text) if text.isascii() and text.isdigit() else None
