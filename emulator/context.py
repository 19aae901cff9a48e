"""Context: all that an operation sees of the emulator beside the request itself."""

import asyncio

import msgspec

from emulator.callback.engine import CallbackEngine
from emulator.clock import Clock, Ids
from emulator.config import Config
from emulator.request_log import RequestLog
from emulator.storage.store import Store


class Context(msgspec.Struct, frozen=True):
    """The parts that an operation may use. One for the life of the emulator."""

    config: Config
    clock: Clock
    ids: Ids
    store: Store
    callbacks: CallbackEngine
    requests: RequestLog

    async def reset(self) -> None:
        """All objects, uploads and records away, the buckets as configured."""
        await asyncio.gather(
            self.store.reset(self.config.new_buckets(self.clock.now())), self.callbacks.journal.clear()
        )
        self.requests.clear()
