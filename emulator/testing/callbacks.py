"""Callbacks: what the emulator has sent to application servers, for a test to wait for and to judge.

A callback is recorded before its uploader has an answer: after an upload that was waited for there is nothing left to
wait for. `wait` is for uploads that happen elsewhere, in another thread or process.
"""

import asyncio
from collections.abc import Iterator
from difflib import SequenceMatcher

from emulator.callback.journal import MAX_PAGE, Journal
from emulator.callback.record import CallbackRecord
from emulator.server import EmulatorThread

DEFAULT_TIMEOUT_SECONDS = 5.0
MAX_SHOWN = 5

Filters = dict[str, str | None]


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
        """
        __tracebackhide__ = True
        filters: Filters = {"bucket": bucket, "object": object, "outcome": outcome}
        return self._judge(self._thread.run(self._wait(count, timeout, filters)), count, timeout, filters)

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
            AssertionError: as `wait`.
        """
        __tracebackhide__ = True
        filters: Filters = {"bucket": bucket, "object": object, "outcome": outcome}
        found = await asyncio.wrap_future(self._thread.submit(self._wait(count, timeout, filters)))
        return self._judge(found, count, timeout, filters)

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
        filters: Filters = {"bucket": bucket, "object": object, "outcome": outcome}
        found = self._all(filters)
        if len(found) != 1:
            times = f"{len(found)} times" if found else "not at all"
            raise AssertionError(self._complaint(f"A callback{_in_words(filters)} came {times}, not once.", filters))
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
        filters: Filters = {"bucket": bucket, "object": object, "outcome": outcome}
        if found := self._all(filters):
            count = f"{len(found)} callback{'s' if len(found) > 1 else ''}"
            raise AssertionError(self._complaint(f"There should be no callback{_in_words(filters)}: {count}.", filters))

    @property
    def last(self) -> CallbackRecord:
        """The newest record.

        Raises:
            AssertionError: there is none.
        """
        __tracebackhide__ = True
        found = list(self)
        if not found:
            raise AssertionError(self._complaint("There was no callback.", {}))
        return found[-1]

    def clear(self) -> None:
        """Forget all records."""
        self._thread.run(self._journal.clear())

    def __iter__(self) -> Iterator[CallbackRecord]:
        return iter(self._all({}))

    def __len__(self) -> int:
        return len(self._all({}))

    @property
    def _journal(self) -> Journal:
        return self._thread.emulator.context.callbacks.journal

    async def _wait(self, count: int, timeout: float, filters: Filters) -> tuple[CallbackRecord, ...]:  # noqa: ASYNC109
        """The first `count` records that fit, as soon as there are so many; fewer, when the time is up."""
        journal = self._journal
        changed = asyncio.Event()

        def wake(_: CallbackRecord | None) -> None:
            changed.set()

        journal.listeners.add(wake)
        deadline = asyncio.get_running_loop().time() + timeout
        try:
            while True:
                changed.clear()
                found = (await journal.list(**filters, limit=count)).callbacks
                if len(found) >= count:
                    return found
                async with asyncio.timeout_at(deadline):
                    await changed.wait()
        except TimeoutError:
            return found
        finally:
            journal.listeners.discard(wake)

    def _judge(self, found: tuple[CallbackRecord, ...], count: int, timeout: float, filters: Filters) -> CallbackRecord:
        """The record that was waited for."""
        __tracebackhide__ = True
        if len(found) >= count:
            return found[-1]
        many = f"{len(found)} of {count} callbacks" if count > 1 else "No callback"
        raise AssertionError(self._complaint(f"{many}{_in_words(filters)} came within {timeout:g} s.", filters))

    def _all(self, filters: Filters) -> list[CallbackRecord]:
        """Every record that fits.

        Raises:
            AssertionError: some have been evicted, and nobody can tell any more.
        """
        __tracebackhide__ = True
        records, evicted = self._thread.run(self._collect(filters))
        if evicted:
            raise AssertionError(
                f"{evicted} callback records had to go, so nobody can tell any more what they were. "
                "Keep more with limits.records, or call oss.callbacks.clear() in between."
            )
        return records

    async def _collect(self, filters: Filters) -> tuple[list[CallbackRecord], int]:
        """Every record that fits, and how many have been evicted."""
        records: list[CallbackRecord] = []
        while True:
            after = records[-1].id if records else None
            page = await self._journal.list(**filters, after=after, limit=MAX_PAGE)
            records += page.callbacks
            if len(page.callbacks) < MAX_PAGE:
                return records, page.evicted

    def _complaint(self, summary: str, filters: Filters) -> str:
        """`summary`, and what there is instead."""
        return self._thread.run(self._explain(summary, filters))

    async def _explain(self, summary: str, filters: Filters) -> str:
        records = (await self._journal.list(limit=MAX_PAGE)).callbacks
        nearest = sorted(records, key=lambda record: _likeness(record, filters), reverse=True)[:MAX_SHOWN]
        lines = [summary]
        if nearest:
            shown = f"The nearest {len(nearest)} of {len(records)}" if len(records) > MAX_SHOWN else "Recorded"
            lines += [f"{shown}:", *("  " + _line(record) for record in nearest)]
        else:
            lines.append("No callback is recorded at all.")
        key = filters.get("object")
        if key and not any(record.object == key for record in records):
            lines += self._without_callback(key, filters.get("bucket"))
        return "\n".join(lines)

    def _without_callback(self, key: str, bucket: str | None) -> Iterator[str]:
        """Where the object `key` is all the same."""
        context = self._thread.emulator.context
        for name in [bucket] if bucket else context.config.bucket_names:
            if context.store.find(name, key) is not None:
                yield f"{key!r} is in {name}: it came without a callback (header x-oss-callback, parameter callback)."


def _in_words(filters: Filters) -> str:
    given = ", ".join(f"{name}={value!r}" for name, value in filters.items() if value is not None)
    return f" with {given}" if given else ""


def _likeness(record: CallbackRecord, filters: Filters) -> float:
    """How well `record` fits: a point for each filter, a part of it for a key that is similar."""
    asked = {name: value for name, value in filters.items() if value is not None}
    return sum(SequenceMatcher(None, getattr(record, name), value).ratio() for name, value in asked.items())


def _line(record: CallbackRecord) -> str:
    """A record in a line, or two when it failed."""
    urls = ", ".join(attempt.url for attempt in record.attempts) or "nowhere"
    line = f"{record.operation} {record.bucket}/{record.object} -> {record.status} {record.outcome}, sent to {urls}"
    return line if record.outcome == "success" else f"{line}\n    {record.message!r} {record.hint}"
