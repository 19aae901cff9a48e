"""An application server to be called back: a real one, that checks the signature as OSS's sample servers do."""

import asyncio
import base64
import json
import ssl
import threading
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import parse_qs, unquote
from urllib.request import urlopen

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


class Received(NamedTuple):
    """A callback as it arrived. `is_signed` tells whether its signature verified with the key its header points at."""

    line: str
    headers: dict[str, str]
    body: bytes
    is_signed: bool

    @property
    def form(self) -> dict[str, str]:
        """The body's fields, the body being a form."""
        fields = parse_qs(self.body.decode(), keep_blank_values=True, strict_parsing=True)
        return {name: values[0] for name, values in fields.items()}


def is_signed_by_its_key(path: str, body: bytes, headers: dict[str, str]) -> bool:
    """What OSS's sample application servers do: fetch the key that the header names, decode the path, verify."""
    pem = urlopen(base64.b64decode(headers["x-oss-pub-key-url"]).decode()).read()
    key = serialization.load_pem_public_key(pem)
    assert isinstance(key, rsa.RSAPublicKey)
    position = path.find("?")
    signed = unquote(path) if position < 0 else unquote(path[:position]) + path[position:]
    try:
        key.verify(
            base64.b64decode(headers["authorization"]),
            signed.encode() + b"\n" + body,
            padding.PKCS1v15(),
            hashes.MD5(),
        )
    except InvalidSignature:
        return False
    return True


class AppServer:
    """Listens on a free port of 127.0.0.1 in a thread of its own; answers `{"Status":"OK"}` unless told otherwise.

    With `choose_context`, over TLS: it is called with the server name that the client sent (or `None`) and gives the
    context to go on with; the names are kept in `server_names`. With `pages` (content type and bytes by path) it serves
    a browser, too: a GET is no callback then.
    """

    def __init__(self, choose_context: Callable[[str | None], ssl.SSLContext] | None = None) -> None:
        self.received: list[Received] = []
        self.server_names: list[str | None] = []
        self.status = 200
        self.answer = b'{"Status":"OK"}'
        self.pages: dict[str, tuple[str, bytes]] = {}
        self.port = 0
        self._choose_context = choose_context
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="app-server", daemon=True)

    @property
    def url(self) -> str:
        scheme = "https" if self._choose_context else "http"
        return f"{scheme}://127.0.0.1:{self.port}/notify"

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        runner = web.ServerRunner(web.Server(self._handle, access_log=None))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._tls())
        await site.start()
        self.port = runner.addresses[0][1]
        self._started.set()
        await self._stopping.wait()
        await runner.cleanup()

    def _tls(self) -> ssl.SSLContext | None:
        if self._choose_context is None:
            return None
        choose = self._choose_context

        def on_server_name(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
            self.server_names.append(name)
            connection.context = choose(name)

        context = choose(None)
        context.sni_callback = on_server_name
        return context

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        if request.method == "GET" and self.pages:
            content_type, page = self.pages.get(request.path, ("text/plain", None))
            return web.Response(status=404 if page is None else 200, body=page, content_type=content_type)
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        path = request.raw_path
        is_signed = await asyncio.to_thread(is_signed_by_its_key, path, body, headers)
        self.received.append(Received(f"{request.method} {path} HTTP/1.1", headers, body, is_signed))
        return web.Response(status=self.status, body=self.answer, content_type="application/json")

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()


def encoded(parameters: object) -> str:
    """Callback parameters as they are sent: the base64 of JSON."""
    return base64.b64encode(json.dumps(parameters).encode()).decode()
