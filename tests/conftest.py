import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import structs

from emulator import Config, Emulator
from emulator.clock import Clock
from emulator.config import Auth, Section, Server, Storage
from tests.client import OssClient


class HeldClock(Clock):
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = datetime(2024, 6, 1, 12, tzinfo=UTC)) -> None:
        super().__init__(now, is_frozen=True)


MakeOss = Callable[..., Awaitable[OssClient]]


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A configuration for tests: a free port, a data directory of its own, and no signatures asked for."""
    return Config(
        server=Server(host="127.0.0.1", port=0), storage=Storage(data_dir=tmp_path / "data"), auth=Auth(mode="off")
    )


@pytest.fixture
async def make_oss(config: Config) -> AsyncIterator[MakeOss]:
    """Starts an emulator with sections replaced, `await make_oss(auth=Auth())`, and gives a client of it."""
    async with AsyncExitStack() as running:

        async def make(clock: Clock | None = None, **sections: Section | str | tuple[str, ...]) -> OssClient:
            changed = structs.replace(config, **sections)
            return OssClient(await running.enter_async_context(Emulator(changed, clock=clock)))

        yield make


@pytest.fixture
async def oss(make_oss: MakeOss) -> OssClient:
    """A client of an emulator that has the bucket `examplebucket` and asks for no signatures."""
    return await make_oss()


@pytest.fixture(scope="session")
def node() -> str:
    """The path of Node.js, ali-oss being installed. Where it is not, the test is skipped; in CI it fails."""
    path = shutil.which("node")
    if path and (Path(__file__).parent / "sdk/node_modules/ali-oss").exists():
        return path
    reason = "needs Node.js, and once: npm --prefix tests/sdk install"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
