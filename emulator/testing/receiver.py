"""Receiver: an application server to be called back. A test sets what it answers and reads what it was sent.

It runs in the emulator's thread, on a port of its own, and checks signatures as OSS's sample servers do, against the
emulator's key.
"""

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from emulator.callback.signature import string_to_sign, verify
from emulator.server import EmulatorThread

DEFAULT_TIMEOUT_SECONDS = 5.0
MAX_SHOWN = 5
OK = '{"Status":"OK"}'


class ReceivedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it arrived. `target` is path and query as they stood in the request line, `headers` are by
    lower-case name. `is_signed` says that the emulator signed it, and that nobody has changed it since."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    is_signed: bool

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def form(self) -> dict[str, str]:
        """The fields of a body that is a form, decoded; of a name that comes twice, the last."""
        return dict(parse_qsl(self.text, keep_blank_values=True))

    @property
    def json(self) -> Any:
        """What a body that is JSON says."""
        return json.loads(self.body)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the receiver answers: `body` as it is, or as JSON if it is neither text nor bytes, after `delay` seconds."""

    status: int = 200
    body: Any = OK
    headers: Mapping[str, str] = {}
    delay: float = 0

    def content(self) -> bytes:
        """The body as it goes out."""
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


Answering = Callable[[ReceivedRequest], Answer]


class Receiver:
    """Answers `{"Status":"OK"}` to every callback that is rightly signed, unless told otherwise, and 400 to the rest.

    `url` is what to give as `callbackUrl`; any path below it will do, too.
    """

    def __init__(self, thread: EmulatorThread) -> None:
        self._thread = thread
        self._requests: list[ReceivedRequest] = []
        self._arrived = asyncio.Event()  # set once, when a request arrives, and then replaced
        self._closing = asyncio.Event()
        self._answer: Answering = _ok
        self._runner: web.ServerRunner | None = None
        self.url = ""

    # --- Arranging --------------------------------------------------------------------------------------------------

    def answer(
        self,
        *,
        status: int = 200,
        body: Any = OK,
        headers: Mapping[str, str] | None = None,
        delay: float = 0,
    ) -> None:
        """Answer so from now on. `body` is sent as it is, or as JSON if it is neither text nor bytes."""
        fixed = Answer(status=status, body=body, headers=headers or {}, delay=delay)
        self.answer_with(lambda _: fixed)

    def answer_with(self, function: Callable[[ReceivedRequest], Answer]) -> None:
        """Let `function` make the answers from now on. It runs in a thread, so it may block, and use the emulator."""
        self._answer = function

    def callback(self, body: str, **parameters: object) -> str:
        """A callback to this receiver as an upload carries it, in `x-oss-callback` or `callback`: base64 of JSON.

        `body` is the template, `parameters` are further ones such as `callbackBodyType`.
        """
        fields = {"callbackUrl": self.url, "callbackBody": body, **parameters}
        return base64.b64encode(json.dumps(fields).encode()).decode()

    def reset(self) -> None:
        """Forget all requests, and answer as at the start."""
        self._requests = []
        self._answer = _ok

    # --- Judging ----------------------------------------------------------------------------------------------------

    @property
    def requests(self) -> list[ReceivedRequest]:
        """What has arrived so far, oldest first."""
        return list(self._requests)

    @property
    def last(self) -> ReceivedRequest:
        """The newest request.

        Raises:
            AssertionError: there is none.
        """
        __tracebackhide__ = True
        if not self._requests:
            raise AssertionError("The receiver has had no request.")
        return self._requests[-1]

    def wait(self, *, count: int = 1, timeout: float = DEFAULT_TIMEOUT_SECONDS) -> ReceivedRequest:
        """The request number `count`, as soon as it is there; blocks for at most `timeout` seconds.

        Raises:
            AssertionError: it did not come; the message shows what did.
        """
        __tracebackhide__ = True
        self._thread.run(self._wait(count, timeout))
        return self._judge(count, timeout)

    async def wait_async(
        self,
        *,
        count: int = 1,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,  # noqa: ASYNC109 - as `wait`; the emulator's loop keeps the time
    ) -> ReceivedRequest:
        """The same while the test's own loop goes on.

        Raises:
            AssertionError: as `wait`.
        """
        __tracebackhide__ = True
        await asyncio.wrap_future(self._thread.submit(self._wait(count, timeout)))
        return self._judge(count, timeout)

    def _judge(self, count: int, timeout: float) -> ReceivedRequest:
        __tracebackhide__ = True
        requests = self._requests
        if len(requests) >= count:
            return requests[count - 1]
        lines = [f"{len(requests)} of {count} requests came to the receiver within {timeout:g} s."]
        lines += [f"  {request.method} {request.target} {request.body[:200]!r}" for request in requests[-MAX_SHOWN:]]
        raise AssertionError("\n".join(lines))

    # --- The server, in the emulator's loop -------------------------------------------------------------------------

    async def open(self) -> None:
        """Listen on a free port of 127.0.0.1."""
        runner = web.ServerRunner(web.Server(self._respond, access_log=None, auto_decompress=False), shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/callback"
        self._runner = runner

    async def close(self) -> None:
        """Stop listening; answers that are still delayed are given now."""
        self._closing.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _wait(self, count: int, timeout: float) -> None:  # noqa: ASYNC109 - as `wait`
        deadline = asyncio.get_running_loop().time() + timeout
        while len(self._requests) < count:
            try:
                async with asyncio.timeout_at(deadline):
                    await self._arrived.wait()
            except TimeoutError:
                return

    async def _respond(self, raw: web.BaseRequest) -> web.Response:
        request = await self._read(raw)
        self._requests.append(request)
        self._arrived.set()
        self._arrived = asyncio.Event()
        if request.is_signed:
            answer = await asyncio.to_thread(self._answer, request)
        else:
            answer = Answer(status=400, body={"error": "The callback signature is missing or wrong."})
        if answer.delay:
            with suppress(TimeoutError):
                async with asyncio.timeout(answer.delay):
                    await self._closing.wait()
        headers = {"Content-Type": "application/json", **answer.headers}
        return web.Response(status=answer.status, headers=headers, body=answer.content())

    async def _read(self, raw: web.BaseRequest) -> ReceivedRequest:
        body = await raw.content.read()
        headers = {name.lower(): value for name, value in raw.headers.items()}
        public_pem = await self._thread.emulator.context.callbacks.signer.public_pem()
        return ReceivedRequest(
            method=raw.method,
            target=raw.raw_path,
            headers=headers,
            body=body,
            is_signed=verify(public_pem, string_to_sign(raw.raw_path, body), headers.get("authorization", "")),
        )


def _ok(_: ReceivedRequest) -> Answer:
    return Answer()
