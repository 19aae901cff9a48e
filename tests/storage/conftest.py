"""A store of its own for every test, and the few words that all storage tests use."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from emulator.clock import Clock, Ids
from emulator.model import Bucket
from emulator.storage.store import Store

BUCKET = Bucket("bucket", datetime(2024, 2, 29, tzinfo=UTC))


Opener = Callable[..., Awaitable[Store]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The data directory of `store` and `open_store`."""
    return tmp_path / "data"


@pytest.fixture
async def open_store(folder: Path, clock: Clock) -> AsyncIterator[Opener]:
    """Opens the store in `folder`; what is still open at the end is closed."""
    async with AsyncExitStack() as stack:

        async def opened(durability: str = "none", *, tree: bool = True) -> Store:
            store = await Store.open(folder, durability=durability, tree=tree, clock=clock, ids=Ids())
            stack.push_async_callback(store.close)
            return store

        yield opened


@pytest.fixture
async def store(open_store: Opener) -> Store:
    """An open store with the empty bucket `bucket`."""
    store = await open_store()
    await store.buckets.create(BUCKET)
    return store
