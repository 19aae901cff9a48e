"""Emulator: builds the parts, starts them, stops them; in a running loop, or in a thread of its own.

async with Emulator(Config()) as emulator:      # in a running loop
    ...emulator.endpoint...

with EmulatorThread(Config()) as emulator:      # for clients that block
    ...emulator.endpoint...
"""

import asyncio
import atexit
import errno
import logging
import shutil
import socket
import tempfile
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from aiohttp import web

from emulator.app import App
from emulator.callback.engine import CallbackEngine
from emulator.callback.journal import Journal
from emulator.callback.signature import Signer
from emulator.clock import Clock, Ids
from emulator.config import AccessKey, Config
from emulator.context import Context, Reach
from emulator.control.faults import check_operations
from emulator.control.routes import respond
from emulator.errors import EmulatorError, NoSuchBucket
from emulator.faults import Faults
from emulator.request_log import RequestLog
from emulator.storage.store import Store
from emulator.temporary_keys import TemporaryKeys
from emulator.transport.connection import HttpServer
from emulator.transport.tls import make_context

BACKLOG = 1024
ACCEPTED_AT_ONCE = 16
DEFAULT_REGION = "cn-hangzhou"  # for clients, which must name one, where the emulator takes any

logger = logging.getLogger("emulator.server")

_Result = TypeVar("_Result")


class ServerError(EmulatorError):
    """The emulator cannot start; the message is one line that says why."""


class Emulator:
    """One emulator: a data directory, a port, and everything between.

    `endpoint` is its URL once it is started, such as `http://127.0.0.1:8280`, and `context` are its parts. With
    `server.tls` it has an `https_endpoint` too, and `ca_file` is the CA to trust for it; `""` and `None` otherwise.
    `clock` and `ids` are for tests that must hold time and chance still.

    Raises:
        ConfigError: a fault is for an operation that there is not.
    """

    context: Context

    def __init__(self, config: Config | None = None, *, clock: Clock | None = None, ids: Ids | None = None) -> None:
        self.config = config or Config()
        self.endpoint = ""
        self.https_endpoint = ""
        self.ca_file: Path | None = None
        self.data_dir = self.config.storage.data_dir
        self.clock = clock or Clock()
        self.ids = ids or Ids()
        check_operations(self.config.faults)
        self._parts = AsyncExitStack()

    @property
    def key(self) -> AccessKey:
        """The key pair for clients: the first that is configured."""
        return self.config.auth.keys[0]

    @property
    def region(self) -> str:
        """The region for clients."""
        return DEFAULT_REGION if self.config.auth.region == "any" else self.config.auth.region

    @property
    def environ(self) -> dict[str, str]:
        """How to reach it, as environment variables; the SDKs read the key pair from these names.

        What is `""` must be unset: with an empty session token the key pair would be taken for a temporary one.
        """
        return {
            "OSS_ENDPOINT": self.endpoint,
            "OSS_HTTPS_ENDPOINT": self.https_endpoint,
            "OSS_CA_FILE": str(self.ca_file or ""),
            "OSS_ACCESS_KEY_ID": self.key.id,
            "OSS_ACCESS_KEY_SECRET": self.key.secret,
            "OSS_SESSION_TOKEN": self.key.token,
            "OSS_REGION": self.region,
            "OSS_BUCKET": next(iter(self.config.bucket_names), ""),
        }

    async def start(self) -> None:
        """Open the data directory and accept connections.

        Raises:
            ServerError: the address cannot be listened on.
            StoreError: the data directory cannot be used, or another process holds it.
            ConfigError: a file that the settings name cannot be used.
        """
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop accepting, let what is in flight finish (at most `server.stop_timeout_seconds`), close everything."""
        await self._parts.aclose()

    async def _start(self) -> None:
        config = self.config
        if config.storage.ephemeral:
            self.data_dir = Path(tempfile.mkdtemp(prefix="oss-emulator-"))
            self._parts.callback(shutil.rmtree, self.data_dir, ignore_errors=True)
        sockets = self._listen("server.port", config.server.port)
        secure = self._listen("server.tls_port", config.server.https_port) if config.server.tls else []
        store = await Store.open(
            self.data_dir,
            durability="none" if config.storage.ephemeral else config.storage.durability,
            tree=config.storage.tree,
            clock=self.clock,
            ids=self.ids,
        )
        self._parts.push_async_callback(store.close)
        tls = await asyncio.to_thread(make_context, config.server, self.data_dir) if secure else None
        self.endpoint = _url(sockets[0], "http")
        if tls is not None:
            self.https_endpoint, self.ca_file = _url(secure[0], "https"), tls.ca_file and tls.ca_file.absolute()
        await self._make_buckets(store)
        if (interval := config.storage.lifecycle_interval_seconds) is not None:
            following = asyncio.create_task(store.lifecycle.keep_applying(interval, store.buckets.names))
            self._parts.push_async_callback(_cancel, following)
        faults = Faults(config.faults)
        callbacks = CallbackEngine(
            config.callback,
            config.limits,
            is_strict=config.is_strict,
            account_id=config.auth.account_id,
            clock=self.clock,
            faults=faults,
            journal=Journal(None if config.storage.ephemeral else self.data_dir / "callbacks.sqlite", config.limits),
            signer=Signer(self.data_dir / "callback_key.pem", config.callback.private_key_file),
            endpoint=lambda: _with_scheme(config.server.public_endpoint) or self.endpoint,
        )
        self._parts.push_async_callback(callbacks.close, 0)  # whose upload has not been finished, has had its time
        reach = Reach(_port(sockets[0]), _port(secure[0]) if secure else None, self.ca_file)
        self.context = Context(
            config, self.clock, self.ids, store, callbacks, RequestLog(config.limits), faults, TemporaryKeys(), reach
        )
        app = App(self.context, respond)
        server = HttpServer(app.handle, app.refuse)
        runner = web.ServerRunner(server)
        await runner.setup()
        self._parts.push_async_callback(runner.cleanup)
        self._parts.push_async_callback(self._finish_requests, app, server)
        for listening in (*sockets, *secure):
            # asyncio accepts as many at once as it lets wait. When no descriptor is left, each of them is an error in
            # the log and a timer, every second: so few are accepted at once, and many may wait.
            context = tls if listening in secure else None
            site = web.SockSite(runner, listening, ssl_context=context, backlog=ACCEPTED_AT_ONCE)
            await site.start()
            listening.listen(BACKLOG)
            self._parts.push_async_callback(site.stop)

    def _listen(self, key: str, port: int) -> list[socket.socket]:
        """Sockets that listen at `port`, which the setting `key` has given."""
        sockets = _listen(self.config.server.host, port, key)
        for listening in sockets:
            self._parts.callback(listening.close)
        return sockets

    async def _finish_requests(self, app: App, server: HttpServer) -> None:
        """Let requests in flight finish. First the uploads: aiohttp's own shutdown would stop reading their bodies.

        Whoever waits for something that may happen, or reads events, is sent away.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.config.server.stop_timeout_seconds
        server.release()
        await app.drain(self.config.server.stop_timeout_seconds)
        server.pre_shutdown()
        # It waits twice, for the answer and for the task; and for ever if the time is 0.
        await server.shutdown(max(0.02, deadline - loop.time()) / 2)

    async def _make_buckets(self, store: Store) -> None:
        """Make the configured buckets that do not exist yet, and load into them what is to be loaded."""
        for bucket in self.config.new_buckets(self.clock.now()):
            try:
                store.buckets.get(bucket.name)
            except NoSuchBucket:
                await store.buckets.create(bucket)
        for name, folder in self.config.loads:
            count = await store.load(name, folder)
            logger.info("%d files of %s are objects of the bucket %s", count, folder, name)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


class EmulatorThread:
    """An `Emulator` in a thread with a loop of its own, for clients that block. A start that fails is raised here."""

    def __init__(self, config: Config | None = None, *, clock: Clock | None = None, ids: Ids | None = None) -> None:
        self.emulator = Emulator(config, clock=clock, ids=ids)
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="oss-emulator", daemon=True)

    @property
    def endpoint(self) -> str:
        """The emulator's URL."""
        return self.emulator.endpoint

    def start(self) -> None:
        """Start, and wait until connections are accepted.

        Raises:
            ServerError, StoreError, ConfigError: as `Emulator.start`.
        """
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        atexit.register(self._remove_litter)

    def submit(self, work: Coroutine[Any, Any, _Result]) -> "Future[_Result]":
        """Have `work` done in the emulator's loop. For threads other than its own, which would wait for itself.

        Raises:
            RuntimeError: the emulator is not running, or it is its own thread that asks.
        """
        if self._loop is None or not self._thread.is_alive() or threading.current_thread() is self._thread:
            work.close()
            own = "The emulator's own thread cannot wait for the emulator."
            raise RuntimeError(own if self._thread.is_alive() else "The emulator is not running.")
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """What `work` gives, done in the emulator's loop.

        Raises:
            RuntimeError: as `submit`.
        """
        return self.submit(work).result()

    def stop(self) -> None:
        """Stop, and wait until the thread has ended."""
        if self._loop is not None and self._stopping is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        atexit.unregister(self._remove_litter)

    def _remove_litter(self) -> None:
        """Take the temporary folder along where a program ends without `stop`."""
        if self.emulator.config.storage.ephemeral:
            shutil.rmtree(self.emulator.data_dir, ignore_errors=True)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        try:
            await self.emulator.start()
        except BaseException as error:
            self._failure = error
            return
        finally:
            self._started.set()
        await self._stopping.wait()
        await self.emulator.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


def _with_scheme(endpoint: str) -> str:
    """A configured endpoint as a URL; without a scheme it is plain http."""
    return f"http://{endpoint}" if endpoint and "://" not in endpoint else endpoint


def _listen(host: str, port: int, key: str) -> list[socket.socket]:
    """Sockets that listen on `host`; `localhost` is 127.0.0.1 and, where the machine has it, ::1 on the same port."""
    if host != "localhost":
        return [_bind(host, port, key)]
    first = _bind("127.0.0.1", port, key)
    try:
        return [first, _bind("::1", _port(first), key)]
    except ServerError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE and port != 0:
            first.close()
            raise
        return [first]  # no IPv6 here, or its port of that number is taken by somebody else


def _bind(host: str, port: int, key: str) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ServerError(f"server.host: cannot listen on {host!r}: {error.strerror}") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.setblocking(False)
        listening.bind(address)
    except OSError as error:
        listening.close()
        key = "server.host" if error.errno == errno.EADDRNOTAVAIL else key
        taken = error.errno == errno.EADDRINUSE
        advice = "; another emulator may be running there; --port 0 takes a free port" if taken else ""
        raise ServerError(f"{key}: cannot listen on {host} port {port}: {error.strerror}{advice}") from error
    return listening


def _port(listening: socket.socket) -> int:
    port: int = listening.getsockname()[1]
    return port


def _url(listening: socket.socket, scheme: str) -> str:
    """The URL at which a client of this machine reaches a listening socket."""
    host, port = listening.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
