"""The corridor: one request from socket to reply.

Read once into a frozen `OssRequest`; find out which operation it is, who sends it and whether they may; run the
operation; add the headers that every answer carries. This is the only place that catches `OssError`.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiohttp import web
from msgspec import structs

from emulator import operations
from emulator.auth.authenticate import authenticate
from emulator.auth.restrictions import restrict
from emulator.context import Context
from emulator.errors import (
    BadRequest,
    CallbackFailed,
    InternalError,
    MethodNotAllowed,
    NoSuchBucket,
    OperationNotImplemented,
    OssError,
)
from emulator.faults import ConnectionCut, Fault
from emulator.model import Bucket
from emulator.operations._absence import explain_absence
from emulator.operations._access import check_access, check_tagging
from emulator.operations._table import Operation
from emulator.operations._website import as_visited
from emulator.request_log import RequestEntry, shortened
from emulator.sts import service as sts
from emulator.transport.impaired import Hangup
from emulator.transport.messages import PHRASES, Messages
from emulator.transport.reply import Reply
from emulator.wire.address import check_bucket_name, is_bucket_name
from emulator.wire.cors import CorsQuestion, allow_headers, explain_refusal, needs_leave
from emulator.wire.request import OssRequest
from emulator.wire.response import FileRange, OssResponse, error_response, hint_header

CONTROL_PREFIX = "/_emulator"

logger = logging.getLogger("emulator.app")

ControlHandler = Callable[[Context, OssRequest], Awaitable[OssResponse]]


class _Exchange:
    """One request on its way: what its record will say, as far as it is known.

    `code` and `ec` are those of the error that it was refused with, `fault` is what acts on it.
    """

    __slots__ = ("code", "ec", "fault", "operation", "request")

    def __init__(self, request: OssRequest) -> None:
        self.request = request
        self.operation = ""
        self.code = ""
        self.ec = ""
        self.fault: Fault | None = None

    def refuse(self, error: OssError) -> OssError:
        """Remember that the request was refused with `error`."""
        self.code, self.ec = error.code, error.ec or ""
        return error


class App:
    """Answers requests. `control` serves what lies under `/_emulator/`."""

    def __init__(self, context: Context, control: ControlHandler) -> None:
        self._context = context
        self._control = control
        self._messages = Messages(context.config.server, context.clock, context.ids, context.store.buckets.of_domain)
        self._in_flight = 0
        self._drained: asyncio.Event | None = None  # made by `drain`: from then on connections are closed

    async def handle(self, raw: web.BaseRequest) -> Reply:
        """The reply to `raw`, whatever happens."""
        self._in_flight += 1
        try:
            return await self._handle(raw)
        finally:
            self._in_flight -= 1
            if self._drained is not None and not self._in_flight:
                self._drained.set()

    async def drain(self, timeout_seconds: float) -> None:
        """Wait until what is in flight has an answer, at most so long; whoever is answered from now on must leave."""
        self._drained = asyncio.Event()
        if self._in_flight:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._drained.wait(), timeout_seconds)

    async def _handle(self, raw: web.BaseRequest) -> Reply:
        started = time.perf_counter()
        request = self._messages.read(raw)
        exchange = _Exchange(request)
        bucket = self._context.store.buckets.find(request.bucket)  # as it is now: the request may delete it
        is_control = request.target.startswith(CONTROL_PREFIX) and request.address.bucket == CONTROL_PREFIX[1:]
        try:
            if is_control:
                response = await self._control(self._context, request)
            elif sts.is_sts(request):
                exchange.operation = sts.ACTION
                response, exchange.code = await sts.respond(self._context, request)
            else:
                response = await self._answer(raw, exchange)
        except ConnectionCut:
            return self._hang_up(exchange, started)
        except OssError as error:
            if isinstance(error, OperationNotImplemented):
                exchange.operation = exchange.operation or error.operation
            response = self._refusal(request, exchange.refuse(error))
        except Exception as error:
            logger.exception("%s %s %s failed", request.request_id, request.method, request.target)
            hint = f"The emulator itself failed: {type(error).__name__}. Its log has the cause under this request id."
            response = self._refusal(request, exchange.refuse(InternalError(hint=hint)))
        if not is_control:
            response = self._for_browser(request, bucket, response)
        ended = time.perf_counter()
        if not is_control:
            self._record(exchange, response, ended - started, ended)
        return self._messages.reply(raw, request, response, ended - started, keep_alive=self._drained is None)

    async def _answer(self, raw: web.BaseRequest, exchange: _Exchange) -> OssResponse:
        context = self._context
        request, operation = self._place(exchange)
        if not operation.takes_callback and ("x-oss-callback" in request.headers or "callback" in request.parameters):
            logger.warning(
                "%s %s takes no callback: the parameter is ignored, and nobody will be called back",
                request.request_id,
                operation.name,
            )
        if operation.is_signed:
            identity = authenticate(request, context.config.auth, request.received, context.temporary_keys)
            if identity.address is not request.address:
                # Host and path both name the bucket, and it is this reading that was signed.
                request = structs.replace(request, address=identity.address)
                operation = operations.resolve(request)
                exchange.operation = operation.name
            request = structs.replace(request, principal=identity.principal)
            exchange.request = request
            if identity.principal.is_anonymous:
                operation = as_visited(operation, context.store.buckets.find(request.bucket))
            self._authorize(operation, request)
        fault = context.faults.meet("request", operation.name, request.bucket, request.key)
        if fault is not None:
            exchange.fault = fault
            return await self._misbehave(raw, request, operation, fault)
        return await operation.handler(context, request)

    def _authorize(self, operation: Operation, request: OssRequest) -> None:
        """Raise `AccessDenied` unless the sender of `request` may do what it asks for."""
        context = self._context
        if not operation.asks_by_key:
            version_id = request.parameters.get("versionId")
            check_access(context, request, operation.action, request.bucket, request.key, version_id=version_id)
            if "x-oss-tagging" in request.headers and operation.action == "PutObject":
                check_tagging(context, request, request.key)
        bucket = context.store.buckets.find(request.bucket)
        if bucket is not None and bucket.documents:
            restrict(bucket, request)

    async def _misbehave(
        self, raw: web.BaseRequest, request: OssRequest, operation: Operation, fault: Fault
    ) -> OssResponse:
        """The answer to a request on which `fault` acts.

        Raises:
            ConnectionCut: there is none.
        """
        do = fault.do
        hint = {"x-emulator-hint": hint_header(fault.hint)}
        await asyncio.sleep(do.delay_seconds)
        if do.cut == "before":
            raise ConnectionCut
        if error := fault.error(request.bucket, request.key):
            raise error
        if do.status is not None:
            page = f"<html><body><h1>{do.status} {PHRASES.get(do.status, 'Unknown')}</h1></body></html>\n"
            return OssResponse(do.status, {"Content-Type": "text/html", **hint}, page.encode())
        is_cut = do.cut == "mid-body"
        if is_cut and request.body.is_declared and request.body.length != 0:
            request = self._messages.cut(raw, request)
            is_cut = False  # it is already, if the operation wants the body
        if do.bytes_per_second is not None:
            request.body.hold_to(do.bytes_per_second)
        request = structs.replace(request, is_cut_after_store=do.cut == "after-store")
        response = await operation.handler(self._context, request)
        if do.cut == "after-store":
            if isinstance(response.body, FileRange):
                response.body.file.close()
            raise ConnectionCut
        headers = {**hint, **response.headers}
        rate = min(filter(None, (do.bytes_per_second, response.bytes_per_second)), default=None)
        return structs.replace(response, headers=headers, bytes_per_second=rate, is_cut=is_cut)

    def _place(self, exchange: _Exchange) -> tuple[OssRequest, Operation]:
        """Which operation the request is, and in which bucket.

        Where Host and path both name the bucket and the first reading makes no sense (an object in a bucket that is
        yet to be made, a POST that only buckets take), the second is taken right away.
        """
        request = exchange.request
        try:
            operation = operations.resolve(request)
            exchange.operation = operation.name
            self._check_bucket(operation, request)
            return request, operation
        except (NoSuchBucket, MethodNotAllowed, OperationNotImplemented):
            if request.address.alternative is not None:
                other = structs.replace(request, address=request.address.alternative)
                with suppress(OssError):
                    operation = operations.resolve(other)
                    self._check_bucket(operation, other)
                    exchange.request, exchange.operation = other, operation.name
                    return other, operation
            raise

    def _check_bucket(self, operation: Operation, request: OssRequest) -> None:
        """Raise unless there is the bucket that the request names; OSS routes before it asks who is there."""
        if not request.bucket:
            return
        if not is_bucket_name(request.bucket):
            check_bucket_name(request.bucket)
        if operation.needs_bucket:
            self._context.store.buckets.get(request.bucket)

    def _for_browser(self, request: OssRequest, bucket: Bucket | None, response: OssResponse) -> OssResponse:
        """`response` with what the page that asked for it needs to read it, refusals and failed callbacks included.

        Where no CORS rule fits, OSS serves the request all the same and the page sees nothing but "Failed to fetch":
        that is said in the log, and in the hint where there is none.
        """
        origin = request.headers.get("origin")
        if origin is None and (bucket is None or bucket.cors is None):  # nearly always
            return response
        cors = self._context.config.cors.rules_of(bucket)
        headers = dict(response.headers)
        if cors is not None and cors.response_vary:
            headers["Vary"] = f"{headers['Vary']}, Origin" if "Vary" in headers else "Origin"
        if origin is not None and request.method != "OPTIONS":  # the answer to a preflight has its own already
            question = CorsQuestion(origin, request.method)
            allowed = allow_headers(cors, question) if cors is not None else None
            if allowed is not None:
                headers |= allowed
            elif bucket is not None and needs_leave(request.headers, request.scheme, request.host):
                hint = "The page cannot read this answer. " + explain_refusal(cors, bucket.name, question)
                logger.warning("%s %s %s | %s", request.request_id, request.method, request.target, hint)
                headers.setdefault("x-emulator-hint", hint_header(hint))
        return structs.replace(response, headers=headers)

    def refuse(self, raw: web.BaseRequest, reason: str) -> Reply:
        """The reply to what could not be read as HTTP."""
        request = self._messages.unreadable(raw)
        exchange = _Exchange(request)
        error = BadRequest(hint="The request is not HTTP as it should be: " + " ".join(reason.split()))
        response = self._refusal(request, exchange.refuse(error))
        self._record(exchange, response, 0, time.perf_counter())
        return self._messages.reply(raw, request, response, 0, keep_alive=False)

    def _hang_up(self, exchange: _Exchange, started: float) -> Reply:
        """The reply to a request whose connection a fault cuts; its record has the status 0."""
        assert exchange.fault is not None
        ended = time.perf_counter()
        response = OssResponse(0, {"x-emulator-hint": hint_header(exchange.fault.hint)})
        self._record(exchange, response, ended - started, ended)
        return Hangup()

    def _record(self, exchange: _Exchange, response: OssResponse, seconds: float, ended: float) -> None:
        request = exchange.request
        self._context.requests.add(
            RequestEntry(
                request.request_id,
                request.received,
                request.method,
                shortened(request.target),
                shortened(request.raw_query),
                exchange.operation,
                shortened(request.address.bucket),
                shortened(request.address.key),
                response.status,
                exchange.code,
                exchange.ec,
                response.headers.get("x-emulator-hint", ""),
                seconds,
                request.client,
                request.principal.access_key_id or "",
                ended,
            )
        )

    def _refusal(self, request: OssRequest, error: OssError) -> OssResponse:
        error.hint = error.hint or explain_absence(self._context, request, error)
        if isinstance(error, MethodNotAllowed):
            error.elements = {"Method": request.method, **error.elements}
        is_question = error.status in (304, 404, 412) and request.method in ("GET", "HEAD")
        is_told = isinstance(error, CallbackFailed)  # the callback's own line has the reason
        logger.log(
            logging.INFO if is_question or is_told else logging.WARNING,
            "%s %s %s -> %d %s: %s%s",
            request.request_id,
            request.method or "-",
            request.target or "-",
            error.status,
            error.code,
            error.message,
            f" | {error.hint}" if error.hint and not is_told else "",
        )
        if error.hint:
            error.headers = {**error.headers, "x-emulator-hint": hint_header(error.hint)}
        return error_response(error, request_id=request.request_id, host=request.host, is_head=request.method == "HEAD")
