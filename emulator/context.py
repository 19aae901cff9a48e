"""Context: all that an operation sees of the emulator beside the request itself."""

import asyncio
from pathlib import Path

import msgspec

from emulator.callback.engine import CallbackEngine
from emulator.clock import Clock, Ids
from emulator.config import Config
from emulator.faults import Faults
from emulator.request_log import RequestLog
from emulator.storage.store import Store
from emulator.temporary_keys import TemporaryKeys


class Reach(msgspec.Struct, frozen=True):
    """Where the emulator listens. `https_port` is `None` without TLS, `ca_file` where nobody knows what to trust."""

    http_port: int
    https_port: int | None
    ca_file: Path | None


class Context(msgspec.Struct, frozen=True):
    """The parts that an operation may use. One for the life of the emulator."""

    config: Config
    clock: Clock
    ids: Ids
    store: Store
    callbacks: CallbackEngine
    requests: RequestLog
    faults: Faults
    temporary_keys: TemporaryKeys
    reach: Reach

    async def reset(self) -> None:
        """Objects, uploads, records, temporary keys away; buckets and faults as configured, clock and ids as new."""
        self.faults.reset()
        self.temporary_keys.clear()
        self.clock.reset()
        self.ids.seed(None)
        await asyncio.gather(
            self.store.reset(self.config.new_buckets(self.clock.now())), self.callbacks.journal.clear()
        )
        self.requests.clear()
