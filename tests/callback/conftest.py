"""Engines and specs for the tests of the callback wing."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from emulator import config
from emulator.callback.engine import CallbackEngine, Upload
from emulator.callback.journal import Journal
from emulator.callback.signature import Signer
from emulator.callback.spec import CallbackSpec, parse_callback
from emulator.clock import Clock
from emulator.faults import Faults

from .application import ApplicationServer, encode

NOW = datetime(2024, 5, 7, 3, 6, 13, 250_000, tzinfo=UTC)


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signing key, made once for all tests."""
    path = tmp_path_factory.mktemp("key") / "callback_key.pem"
    asyncio.run(Signer(path).load())
    return path


@pytest.fixture
async def make_engine(tmp_path: Path, key_file: Path) -> AsyncIterator[Callable[..., CallbackEngine]]:
    """Makes engines: `make_engine("real", timeout_seconds=0.2, limits={...})`; a test waits at most 2 seconds."""
    engines = []

    def make(
        profile: str = "dev",
        limits: dict[str, Any] | None = None,
        clock: Clock | None = None,
        faults: Faults | None = None,
        **settings: Any,
    ) -> CallbackEngine:
        bounds = config.Limits(**(limits or {}))
        engine = CallbackEngine(
            config.Callback(**{"timeout_seconds": 2, **settings}),
            bounds,
            is_strict=profile == "real",
            account_id="1234567890123456",
            clock=clock or Clock(NOW, is_frozen=True),
            faults=faults or Faults(),
            journal=Journal(tmp_path / f"callbacks{len(engines)}.sqlite", bounds),
            signer=Signer(key_file),
            endpoint=lambda: "http://127.0.0.1:8280",
        )
        engines.append(engine)
        return engine

    yield make
    for engine in engines:
        await engine.close(0)


@pytest.fixture
def engine(make_engine: Callable[..., CallbackEngine]) -> CallbackEngine:
    return make_engine()


@pytest.fixture
async def application() -> AsyncIterator[ApplicationServer]:
    async with ApplicationServer() as server:
        yield server


@pytest.fixture
def spec_for() -> Callable[..., CallbackSpec]:
    """Makes specs: `spec_for(url, callbackSNI=True, variables={"x:a": "b"})`."""

    def make(url: str, *, variables: dict[str, str] | None = None, **fields: Any) -> CallbackSpec:
        fields = {"callbackUrl": url, "callbackBody": "bucket=${bucket}&object=${object}", **fields}
        encoded_variables = None if variables is None else encode(variables)
        spec = parse_callback(encode(fields), encoded_variables, empty_url="error", is_strict=False)
        assert spec is not None
        return spec

    return make


@pytest.fixture
def upload() -> Upload:
    return Upload(
        operation="PutObject",
        bucket="examplebucket",
        object="dir/测试 a+b&c.jpg",
        etag="D8E8FCA2DC0F896FD7CB4CB0031BA249",
        size=5,
        mime_type="image/jpeg",
        crc64=16936498316219487203,
        content_md5="2Oj8otwPiW/Xy0ywAxuiSQ==",
        request_id="66399AA50F1E2D3C4B5A6978",
        client_ip="127.0.0.1",
    )


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def two_names(authority: trustme.CA) -> AsyncIterator[ApplicationServer]:
    """One address, two certificates: by default `first.example`, by SNI `localhost`. Notes each SNI name."""
    default = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("first.example").configure_cert(default)
    other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(other)
    async with ApplicationServer(tls=default) as server:

        def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
            server.server_names.append(name)
            if name == "localhost":
                connection.context = other

        default.sni_callback = choose
        yield server


@pytest.fixture
def authority_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)
