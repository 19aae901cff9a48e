"""The callback records, in SQLite: bounded, and honest about what had to go.

A record is on disk when `add` returns, so that it outlives a killed process. One thread owns the database; records that
arrive while it writes are committed together.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import msgspec

from emulator import config
from emulator.callback.record import CallbackRecord
from emulator.callback.record_filter import EVERY, RecordFilter
from emulator.ring import Ring

MAX_PAGE = 1000
LOOKED_THROUGH = 100  # of the newest records, for the nearest

# `seq` starts at 1 and has no gaps, so what was evicted needs no counter: it is what comes before the oldest.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS callbacks (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL, bucket TEXT NOT NULL, object TEXT NOT NULL, outcome TEXT NOT NULL,
    record BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS callbacks_by_id ON callbacks (id);
"""

logger = logging.getLogger("emulator.callback")
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(CallbackRecord)

_Result = TypeVar("_Result")
_Row = tuple[str, str, str, str, bytes]


class Page(msgspec.Struct, frozen=True):
    """Some records, oldest first, and how many have been evicted since the journal was last cleared."""

    callbacks: tuple[CallbackRecord, ...]
    evicted: int


class Nearest(msgspec.Struct, frozen=True):
    """The records that come nearest to a filter, best first; how many there are in all, and how many are evicted."""

    callbacks: tuple[CallbackRecord, ...]
    total: int
    evicted: int


class Journal:
    """Keeps the last `limits.records` records in the file `path`, or in memory if that is `None`.

    The database is opened when it is first used. All methods but the constructor belong to one event loop.

    `recent` has those added since the journal was opened: when, in seconds of `time.perf_counter`, and the id.
    `listeners` are called with each record once it is kept, and with `None` once all are forgotten; they must not take
    long.
    """

    def __init__(self, path: Path | None, limits: config.Limits) -> None:
        self._path = path
        self._max_records = limits.records
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="callback-journal")
        self._database: sqlite3.Connection | None = None
        self._waiting: list[tuple[CallbackRecord, _Row]] = []
        self._next: asyncio.Task[None] | None = None  # commits all of `_waiting`, once the commit before it is done
        self._committing = asyncio.Lock()
        self.recent: Ring[tuple[float, str]] = Ring(limits.records)
        self.listeners: set[Callable[[CallbackRecord | None], None]] = set()

    async def add(self, record: CallbackRecord) -> None:
        """Keep `record`. A disk that does not take it is logged: the upload has happened all the same."""
        row = (record.id, record.bucket, record.object, record.outcome, _encoder.encode(record))
        self._waiting.append((record, row))
        if self._next is None:
            self._next = asyncio.create_task(self._commit())
        try:
            await asyncio.shield(self._next)
        except sqlite3.Error as error:
            logger.error("the callback record %s could not be kept in %s: %s", record.id, self._path, error)

    async def get(self, id: str) -> CallbackRecord | None:  # noqa: A002 - the record's own word
        """The record of the upload with request id `id`; `None` if there is none, or no longer."""
        row = await self._call(lambda database: _select_one(database, id))
        return None if row is None else _decoder.decode(row)

    async def list(self, wanted: RecordFilter = EVERY, *, after: str | None = None, limit: int = 100) -> Page:
        """Records oldest first: those that fit, from behind the id `after` (unknown: from the start)."""
        rows, evicted = await self._call(lambda database: _select(database, wanted, after, min(limit, MAX_PAGE)))
        return Page(tuple(_decoder.decode(row) for row in rows), evicted)

    async def newest(self, limit: int) -> tuple[CallbackRecord, ...]:
        """The last records, newest first."""
        rows = await self._call(lambda database: _select_newest(database, limit))
        return tuple(_decoder.decode(row) for row in rows)

    async def nearest(self, wanted: RecordFilter, limit: int) -> Nearest:
        """Which of the newest records come nearest to what is asked for."""
        newest = await self.newest(LOOKED_THROUGH)
        total, evicted = await self._call(_count)
        return Nearest(tuple(sorted(newest, key=wanted.likeness, reverse=True)[:limit]), total, evicted)

    async def clear(self) -> None:
        """Forget every record."""
        await self._call(_delete_all)
        self.recent.clear()
        self._tell(None)

    async def close(self) -> None:
        """Close the database; nothing may be using it. A second time does nothing."""
        if self._database is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._database.close)
            self._database = None
        self._thread.shutdown()

    async def _commit(self) -> None:
        async with self._committing:
            added, self._waiting, self._next = self._waiting, [], None
            await self._call(lambda database: _insert(database, [row for _, row in added], self._max_records))
        for record, _ in added:
            self.recent.add((time.perf_counter(), record.id))
            self._tell(record)

    def _tell(self, record: CallbackRecord | None) -> None:
        for listener in tuple(self.listeners):
            listener(record)

    async def _call(self, function: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """What `function` makes of the database, in the journal's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: function(self._open()))

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            database = sqlite3.connect(self._path or ":memory:", isolation_level=None, check_same_thread=False)
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            database.executescript(_SCHEMA)
            self._database = database
        return self._database


def _insert(database: sqlite3.Connection, rows: list[_Row], max_records: int) -> None:
    database.execute("BEGIN IMMEDIATE")
    try:
        (newest,) = database.execute("SELECT coalesce(max(seq), 0) FROM callbacks").fetchone()
        database.executemany(
            "INSERT INTO callbacks VALUES (?, ?, ?, ?, ?, ?)",
            ((seq, *row) for seq, row in enumerate(rows, start=newest + 1)),
        )
        database.execute("DELETE FROM callbacks WHERE seq <= ?", (newest + len(rows) - max_records,))
        database.execute("COMMIT")
    except BaseException:
        database.execute("ROLLBACK")
        raise


def _select_one(database: sqlite3.Connection, id: str) -> bytes | None:  # noqa: A002 - the record's own word
    row = database.execute("SELECT record FROM callbacks WHERE id = ? ORDER BY seq DESC LIMIT 1", (id,)).fetchone()
    return None if row is None else row[0]


def _select(
    database: sqlite3.Connection, wanted: RecordFilter, after: str | None, limit: int
) -> tuple[list[bytes], int]:
    rows = database.execute(
        "SELECT record FROM callbacks WHERE (?1 IS NULL OR bucket = ?1) AND (?2 IS NULL OR object = ?2) "
        "AND (?3 IS NULL OR outcome = ?3) AND seq > coalesce((SELECT max(seq) FROM callbacks WHERE id = ?4), 0) "
        "ORDER BY seq LIMIT ?5",
        (wanted.bucket, wanted.object, wanted.outcome, after, limit),
    ).fetchall()
    return [row[0] for row in rows], _count(database)[1]


def _count(database: sqlite3.Connection) -> tuple[int, int]:
    """How many records there are, and how many have been evicted."""
    oldest, newest = database.execute("SELECT min(seq), max(seq) FROM callbacks").fetchone()
    return (0, 0) if oldest is None else (newest - oldest + 1, oldest - 1)


def _select_newest(database: sqlite3.Connection, limit: int) -> list[bytes]:
    rows = database.execute("SELECT record FROM callbacks ORDER BY seq DESC LIMIT ?", (limit,)).fetchall()
    return [row[0] for row in rows]


def _delete_all(database: sqlite3.Connection) -> None:
    database.execute("DELETE FROM callbacks")
