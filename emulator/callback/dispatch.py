"""The only network I/O of callbacks: one POST to one URL, and a verdict on the answer.

Every rule is OSS's: exactly 200, a Content-Length, a JSON body, five seconds in all, no redirects, no retry, IPv4.

Source: "Callback" in the OSS API reference, "HTTP status code 203", "Troubleshoot upload callback errors".
"""

import asyncio
import contextlib
import socket
import ssl
import time
from contextvars import ContextVar

import aiohttp
import msgspec
from yarl import URL

from emulator import config
from emulator.callback import hints, refusals
from emulator.callback.on_demand import pretend
from emulator.callback.record import Attempt, Headers, ReceivedResponse, SentRequest, content
from emulator.callback.refusals import Refusal
from emulator.callback.tls import NO_SERVER_NAME, Handshake, make_context
from emulator.callback.url import CallbackUrl
from emulator.clock import Clock
from emulator.faults import Fault, Faults

# How long an answer that has failed already may take to show its body for the record, in seconds.
LAST_LOOK_SECONDS = 0.5

_exchange: "ContextVar[_Exchange]" = ContextVar("exchange")


class Verdict(msgspec.Struct, frozen=True):
    """What an answer amounts to. A good one has no `refusal`; `body` and `content_type` are then the uploader's.

    `hint` explains a refusal; `remarks` are what a good answer would have met with OSS, or other clients with it.
    `is_final` is a refusal after which no other URL is tried.
    """

    refusal: Refusal | None = None
    hint: str = ""
    body: bytes = b""
    content_type: str = ""
    remarks: tuple[str, ...] = ()
    is_final: bool = False


class _Exchange:
    """One attempt while it happens: what is known so far, for the record and for the hints."""

    def __init__(self, url: CallbackUrl, sni: str | None) -> None:
        self.url = url
        self.sni = sni
        self.address: str | None = None
        self.handshake = Handshake(url.host)
        self.is_connected = False
        self.status: int | None = None
        self.headers: Headers = ()
        self.body = bytearray()
        self.is_whole = True
        self.verdict: Verdict | None = None

    def phase(self) -> str:
        """How far it has come, in words."""
        if self.status is not None:
            length = next((value for name, value in self.headers if name.lower() == "content-length"), "none")
            return f"the head of the answer came, with Content-Length {length}, but of the body {len(self.body)} bytes"
        if self.is_connected:
            return "the request was sent, and the handler has not answered"
        if self.handshake.has_started:
            return "the TLS handshake did not end (if the port speaks plain HTTP, begin callbackUrl with http://)"
        if self.address is not None:
            return "no connection came about (a firewall, or a machine that is off?)"
        return "the name was still being resolved"

    def response(self, limit: int) -> ReceivedResponse | None:
        """What was received, each body kept to `limit` bytes."""
        if self.status is None:
            return None
        body, is_truncated = content(bytes(self.body), limit)
        return ReceivedResponse(self.status, self.headers, body, is_truncated or not self.is_whole)


class _WatchedTls(ssl.SSLObject):
    """Notes the certificate that the server shows, and checks its name where the chain is checked too."""

    def do_handshake(self) -> None:
        """Shake hands; called several times until it is done."""
        handshake = _exchange.get().handshake
        handshake.has_started = True
        super().do_handshake()
        handshake.certificate = self.getpeercert(binary_form=True)
        if self.context.verify_mode is ssl.CERT_REQUIRED and handshake.is_for_another:
            raise ssl.SSLCertVerificationError(1, f"certificate is not for {handshake.name}")


class Dispatcher:
    """Sends callback requests over connections that are used once; some of them fail on demand."""

    def __init__(
        self,
        settings: config.Callback,
        *,
        clock: Clock,
        faults: Faults,
        record_body_bytes: int,
        is_strict: bool,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._faults = faults
        self._record_body_bytes = record_body_bytes
        self._is_strict = is_strict
        self._verify = is_strict if settings.tls_verify is None else settings.tls_verify
        self._session: aiohttp.ClientSession | None = None
        self._tls: asyncio.Task[ssl.SSLContext] | None = None

    async def post(
        self,
        url: CallbackUrl,
        headers: list[tuple[str, str]],
        body: bytes,
        *,
        sni: bool,
        occasion: tuple[str, str, str],
    ) -> tuple[Attempt, Verdict]:
        """POST `body` with exactly `headers`, in their order; `sni` sends the URL's host as TLS server name.

        `occasion` is the operation, bucket and key of the upload, by which it may meet a fault.
        """
        fault = self._faults.meet("callback", *occasion)
        server_name = url.host if sni and url.is_tls and not url.is_ip_literal else None
        exchange = _Exchange(url, server_name)
        _exchange.set(exchange)
        started = time.perf_counter()
        try:
            async with self._clock.timeout(self._settings.timeout_seconds):
                verdict = await self._fail(fault, url) or await self._exchange_with(exchange, headers, body)
        except TimeoutError:
            seconds = self._settings.timeout_seconds
            hint = hints.timed_out(url, exchange.address, exchange.phase(), seconds)
            hint += f" {fault.hint}" if fault else ""
            verdict = exchange.verdict or Verdict(refusals.TIMED_OUT, hint)
        except (aiohttp.ClientError, OSError) as error:
            verdict = exchange.verdict or _explain(exchange, error)
        if exchange.handshake.is_for_another:
            verdict = _with_certificate(exchange, verdict)
        attempt = Attempt(
            url=url.text,
            address=exchange.address,
            sni=server_name,
            request=SentRequest(f"POST {url.target} HTTP/1.1", tuple(headers)),
            response=exchange.response(self._record_body_bytes),
            milliseconds=round((time.perf_counter() - started) * 1000, 1),
            error=verdict.refusal.message if verdict.refusal else None,
            fault=fault.id if fault else None,
        )
        return attempt, verdict

    async def close(self) -> None:
        """Close the session; nothing may be in flight."""
        if self._session is not None:
            await self._session.close()

    async def _fail(self, fault: Fault | None, url: CallbackUrl) -> Verdict | None:
        """What `fault` makes of calling `url`, after its delay; `None` if the call goes on."""
        if fault is None:
            return None
        await asyncio.sleep(fault.do.delay_seconds)
        pretence = pretend(fault, url)
        return Verdict(pretence.refusal, pretence.hint, is_final=pretence.is_final) if pretence else None

    async def _exchange_with(self, exchange: _Exchange, headers: list[tuple[str, str]], body: bytes) -> Verdict:
        """Send the request and judge the answer."""
        tls = await self._tls_context() if exchange.url.is_tls else True
        async with self._open_session().post(
            URL(exchange.url.absolute, encoded=True),
            headers=headers,
            data=body,
            ssl=tls,
            server_hostname=(exchange.sni or NO_SERVER_NAME) if exchange.url.is_tls else None,
            allow_redirects=False,
        ) as response:
            exchange.status = response.status
            exchange.headers = tuple(
                (name.decode("utf-8", "replace"), value.decode("utf-8", "replace"))
                for name, value in response.raw_headers
            )
            return await self._judge(exchange, response, dict(headers)["Host"])

    async def _judge(self, exchange: _Exchange, response: aiohttp.ClientResponse, host: str) -> Verdict:
        """Whether OSS would take this answer, in the order in which it looks."""
        if response.status != 200:
            exchange.verdict = _judge_status(exchange, host)
            await self._look_at_body(exchange, response)
            return _judge_status(exchange, host)
        length = response.headers.get("Content-Length")
        if length is None:
            exchange.verdict = Verdict(refusals.LENGTH_MISSING, hints.length_missing(response.headers))
            await self._look_at_body(exchange, response)
            return exchange.verdict
        limit = self._settings.max_response_bytes
        if int(length) > limit:
            exchange.verdict = Verdict(refusals.LENGTH_TOO_LONG, hints.length_too_long(int(length), limit))
            await self._look_at_body(exchange, response)
            return exchange.verdict
        async for piece in response.content.iter_any():
            exchange.body += piece
        return _judge_body(exchange, response.content_type, takes_xml=not self._is_strict)

    async def _look_at_body(self, exchange: _Exchange, response: aiohttp.ClientResponse) -> None:
        """Read what the record can hold of an answer that has failed already, without waiting long for it."""
        exchange.is_whole = False
        with contextlib.suppress(TimeoutError, aiohttp.ClientError):
            async with asyncio.timeout(LAST_LOOK_SECONDS):
                while len(exchange.body) <= self._record_body_bytes:
                    piece = await response.content.readany()
                    if not piece:
                        exchange.is_whole = True
                        return
                    exchange.body += piece

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                family=socket.AF_INET,
                force_close=True,
                limit=0,
                happy_eyeballs_delay=None,  # one address after the other
                socket_factory=_open_socket,
            )
            watch = aiohttp.TraceConfig()
            watch.on_connection_create_end.append(_note_connection)
            self._session = aiohttp.ClientSession(
                connector=connector,
                trace_configs=[watch],
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
                timeout=aiohttp.ClientTimeout(total=None),  # `post` has its own, which covers TLS's context as well
            )
        return self._session

    async def _tls_context(self) -> ssl.SSLContext:
        """The one SSL context, made in a thread when it is first needed."""
        if self._tls is None:
            self._tls = asyncio.create_task(asyncio.to_thread(make_context, self._verify, _WatchedTls))
        return await asyncio.shield(self._tls)


def _open_socket(
    address_info: tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]],
) -> socket.socket:
    """A socket for aiohttp to connect, noted in the exchange that wants it."""
    family, kind, protocol, _, address = address_info
    _exchange.get().address = f"{address[0]}:{address[1]}"
    return socket.socket(family, kind, protocol)


async def _note_connection(*_: object) -> None:
    """Note, in the exchange that wants it, that the connection is made, TLS included."""
    _exchange.get().is_connected = True


def _judge_status(exchange: _Exchange, host: str) -> Verdict:
    """An answer that is not 200, explained with as much of its body as has come."""
    assert exchange.status is not None
    hint = hints.error_status(exchange.status, host=host, target=exchange.url.target, body=bytes(exchange.body))
    return Verdict(refusals.error_status(exchange.status), hint)


def _judge_body(exchange: _Exchange, content_type: str, *, takes_xml: bool) -> Verdict:
    """Whether a whole body is JSON, or XML that says so."""
    body = bytes(exchange.body)
    if content_type == "application/xml" and takes_xml and _is_xml(body):
        return Verdict(body=body, content_type="application/xml")
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Verdict(refusals.ANSWER_NOT_JSON, hints.not_json(body, error))
    is_object = isinstance(value, dict)
    remarks = (
        () if is_object else ("The answer is JSON, but no object: the Go SDK v2 and the PHP SDK v2 fail on that.",)
    )
    return Verdict(body=body, content_type="application/json", remarks=remarks)


def _with_certificate(exchange: _Exchange, verdict: Verdict) -> Verdict:
    """`verdict` with the remark that the certificate was somebody else's: why it failed, or would have with OSS."""
    wrong = hints.wrong_certificate(exchange.url, exchange.handshake, sni=exchange.sni)
    if verdict.refusal is not None:
        return msgspec.structs.replace(verdict, hint=f"{wrong} {verdict.hint}")
    return msgspec.structs.replace(verdict, remarks=(f"{wrong} OSS may answer 203 here.", *verdict.remarks))


def _is_xml(body: bytes) -> bool:
    """Whether `body` is a well-formed document without tricks."""
    from defusedxml import DefusedXmlException  # late: few answer in XML
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, LookupError, ValueError, RecursionError):
        return False
    return True


def _explain(exchange: _Exchange, error: Exception) -> Verdict:
    """What an exception of the client means to OSS, and why it came."""
    url, address = exchange.url, exchange.address
    cause = getattr(error, "os_error", None) or getattr(error, "certificate_error", None) or error
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Verdict(refusals.NOT_CONNECTED, hints.not_resolved(url, cause))
    if isinstance(error, aiohttp.ClientPayloadError):
        return Verdict(refusals.ANSWER_NOT_JSON, hints.cut_short(error))
    if isinstance(error, aiohttp.ClientResponseError):
        return _explain_malformed(exchange, error)
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError) or (
        exchange.handshake.has_started and exchange.handshake.certificate is None
    ):
        is_for_another = exchange.handshake.is_for_another
        hint = hints.tls_failed(url, cause, sni=exchange.sni, is_for_another=is_for_another)
        return Verdict(refusals.error_status(502), hint)
    if isinstance(error, aiohttp.ClientConnectorError):
        return Verdict(refusals.NOT_CONNECTED, hints.not_connected(url, address, cause))
    return Verdict(refusals.NOT_CONNECTED, hints.dropped(url, address, cause))


def _explain_malformed(exchange: _Exchange, error: aiohttp.ClientResponseError) -> Verdict:
    """An answer that breaks the rules of HTTP; aiohttp's message is all that tells how."""
    reason = " ".join(error.message.split())
    if "Content-Length" in reason:
        return Verdict(refusals.LENGTH_INVALID, hints.length_invalid(reason))
    if reason.startswith("Data after"):
        return Verdict(refusals.ANSWER_NOT_JSON, hints.cut_short(reason))
    return Verdict(refusals.NOT_CONNECTED, hints.not_http(exchange.url, exchange.address, reason))
