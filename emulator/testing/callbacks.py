"""Callbacks: what the emulator has sent to application servers, for a test to wait for and to judge.

A callback is recorded before its uploader has an answer: after an upload that was waited for there is nothing left to
wait for. `wait` is for uploads that happen elsewhere, in another thread or process.
"""

import asyncio
from collections.abc import Iterator

from emulator.callback.journal import MAX_PAGE, Journal
from emulator.callback.record import CallbackRecord
from emulator.callback.record_filter import EVERY, RecordFilter
from emulator.server import EmulatorThread

DEFAULT_TIMEOUT_SECONDS = 5.0
MAX_SHOWN = 5


class Callbacks:
    """The callback records of an emulator, oldest first. Filters are `bucket`, `object` and `outcome` (`success` or
    `failed`); a record has to fit all that are given."""

    def __init__(self, thread: EmulatorThread) -> None:
        self._thread = thread

    def wait(
        self,
        *,
        bucket: str | None = None,
        object: str | None = None,  # noqa: A002 - the record's own word
        outcome: str | None = None,
        count: int = 1,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> CallbackRecord:
        """The record number `count` that fits, as soon as it is there; blocks for at most `timeout` seconds.

        Raises:
            AssertionError: it did not come; the message shows the nearest records.
            ValueError: so many are not kept.
        """
        __tracebackhide__ = True
        wanted = RecordFilter(bucket=bucket, object=object, outcome=outcome)
        return self._judge(self._thread.run(self._wait(count, timeout, wanted)), count, timeout, wanted)

    async def wait_async(
        self,
        *,
        bucket: str | None = None,
        object: str | None = None,  # noqa: A002 - the record's own word
        outcome: str | None = None,
        count: int = 1,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,  # noqa: ASYNC109 - as `wait`; the emulator's loop keeps the time
    ) -> CallbackRecord:
        """The same while the test's own loop goes on, for instance with the application server under test.

        Raises:
            AssertionError, ValueError: as `wait`.
        """
        __tracebackhide__ = True
        wanted = RecordFilter(bucket=bucket, object=object, outcome=outcome)
        found = await asyncio.wrap_future(self._thread.submit(self._wait(count, timeout, wanted)))
        return self._judge(found, count, timeout, wanted)

    def assert_once(
        self,
        *,
        bucket: str | None = None,
        object: str | None = None,  # noqa: A002 - the record's own word
        outcome: str | None = None,
    ) -> CallbackRecord:
        """The only record that fits.

        Raises:
            AssertionError: there is none, or more than one.
        """
        __tracebackhide__ = True
        wanted = RecordFilter(bucket=bucket, object=object, outcome=outcome)
        found = self._all(wanted)
        if len(found) != 1:
            times = f"{len(found)} times" if found else "not at all"
            raise AssertionError(self._complaint(f"A callback{_in_words(wanted)} came {times}, not once.", wanted))
        return found[0]

    def assert_none(
        self,
        *,
        bucket: str | None = None,
        object: str | None = None,  # noqa: A002 - the record's own word
        outcome: str | None = None,
    ) -> None:
        """Nothing fits, so far.

        Raises:
            AssertionError: something does.
        """
        __tracebackhide__ = True
        wanted = RecordFilter(bucket=bucket, object=object, outcome=outcome)
        if found := self._all(wanted):
            count = f"{len(found)} callback{'s' if len(found) > 1 else ''}"
            raise AssertionError(self._complaint(f"There should be no callback{_in_words(wanted)}: {count}.", wanted))

    @property
    def last(self) -> CallbackRecord:
        """The newest record.

        Raises:
            AssertionError: there is none.
        """
        __tracebackhide__ = True
        found = self._thread.run(self._journal.newest(1))
        if not found:
            raise AssertionError(self._complaint("There was no callback.", EVERY))
        return found[0]

    def clear(self) -> None:
        """Forget all records."""
        self._thread.run(self._journal.clear())

    def __iter__(self) -> Iterator[CallbackRecord]:
        return iter(self._all(EVERY))

    def __len__(self) -> int:
        return len(self._all(EVERY))

    @property
    def _journal(self) -> Journal:
        return self._thread.emulator.context.callbacks.journal

    async def _wait(self, count: int, timeout: float, wanted: RecordFilter) -> tuple[CallbackRecord, ...]:  # noqa: ASYNC109
        """The first `count` records that fit, as soon as there are so many; fewer, when the time is up."""
        most = min(MAX_PAGE, self._thread.emulator.config.limits.records)
        if count > most:
            raise ValueError(f"count is {count}, but no more than {most} records are kept together (limits.records).")
        journal = self._journal
        changed = asyncio.Event()

        def wake(_: CallbackRecord | None) -> None:
            changed.set()

        journal.listeners.add(wake)
        deadline = asyncio.get_running_loop().time() + timeout
        try:
            while True:
                changed.clear()
                found = (await journal.list(wanted, limit=count)).callbacks
                if len(found) >= count:
                    return found
                async with asyncio.timeout_at(deadline):
                    await changed.wait()
        except TimeoutError:
            return found
        finally:
            journal.listeners.discard(wake)

    def _judge(
        self, found: tuple[CallbackRecord, ...], count: int, timeout: float, wanted: RecordFilter
    ) -> CallbackRecord:
        """The record that was waited for."""
        __tracebackhide__ = True
        if len(found) >= count:
            return found[-1]
        many = f"{len(found)} of {count} callbacks" if count > 1 else "No callback"
        raise AssertionError(self._complaint(f"{many}{_in_words(wanted)} came within {timeout:g} s.", wanted))

    def _all(self, wanted: RecordFilter) -> list[CallbackRecord]:
        """Every record that fits.

        Raises:
            AssertionError: some have been evicted, and nobody can tell any more.
        """
        __tracebackhide__ = True
        records, evicted = self._thread.run(self._collect(wanted))
        if evicted:
            raise AssertionError(
                f"{_evictions(evicted)}, so nobody can tell any more what they were. "
                "Keep more with limits.records, or call oss.callbacks.clear() in between."
            )
        return records

    async def _collect(self, wanted: RecordFilter) -> tuple[list[CallbackRecord], int]:
        """Every record that fits, and how many have been evicted."""
        records: list[CallbackRecord] = []
        while True:
            after = records[-1].id if records else None
            page = await self._journal.list(wanted, after=after, limit=MAX_PAGE)
            records += page.callbacks
            if len(page.callbacks) < MAX_PAGE:
                return records, page.evicted

    def _complaint(self, summary: str, wanted: RecordFilter) -> str:
        """`summary`, and what there is instead."""
        return self._thread.run(self._explain(summary, wanted))

    async def _explain(self, summary: str, wanted: RecordFilter) -> str:
        found = await self._journal.nearest(wanted, MAX_SHOWN)
        lines = [summary]
        if found.callbacks:
            shown = f"The nearest {MAX_SHOWN} of {found.total}" if found.total > MAX_SHOWN else "Recorded"
            lines += [f"{shown}:", *("  " + _line(record) for record in found.callbacks)]
        else:
            lines.append("No callback is recorded at all.")
        if found.evicted:
            lines.append(f"{_evictions(found.evicted)}: it may have been one of them. Keep more with limits.records.")
        elif wanted.object and not (await self._journal.list(RecordFilter(object=wanted.object), limit=1)).callbacks:
            lines += self._without_callback(wanted.object, wanted.bucket)
        return "\n".join(lines)

    def _without_callback(self, key: str, bucket: str | None) -> Iterator[str]:
        """Where the object `key` is all the same."""
        context = self._thread.emulator.context
        for name in [bucket] if bucket else context.config.bucket_names:
            if context.store.find(name, key) is not None:
                yield f"{key!r} is in {name}: it came without a callback (header x-oss-callback, parameter callback)."


def _in_words(wanted: RecordFilter) -> str:
    return f" with {wanted}" if wanted != EVERY else ""


def _evictions(count: int) -> str:
    return f"{count} older callback record{'s' if count > 1 else ''} had to go"


def _line(record: CallbackRecord) -> str:
    """A record in a line, or two when it failed."""
    urls = ", ".join(attempt.url for attempt in record.attempts) or "nowhere"
    line = f"{record.operation} {record.bucket}/{record.object} -> {record.status} {record.outcome}, sent to {urls}"
    return line if record.outcome == "success" else f"{line}\n    {record.message!r} {record.hint}"
