"""Lifecycle rules followed: what is due by them is deleted, moved to a colder class or aborted, a slice at a time.

A slice of keys is read in the event loop and what is due in it goes to the writer in small jobs, so that everybody else
has their turn. The jobs judge again (`lifecycle_changes`); doing it all twice changes nothing.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TypeVar

import msgspec

from emulator.clock import Clock
from emulator.errors import NoSuchBucket, NoSuchUpload
from emulator.model import Bucket, LifecycleRule, MultipartUpload
from emulator.storage.fate import Fate, Subject, fate, removes_marker, upload_fate
from emulator.storage.index import Index
from emulator.storage.lifecycle_changes import LifecycleChange, change_objects, change_past, remove_markers
from emulator.storage.listing import ListedObject, ListedVersion
from emulator.storage.uploads import Uploads
from emulator.storage.versions import Versions
from emulator.storage.writer import Batch, Job, Writer

logger = logging.getLogger(__name__)

T = TypeVar("T")
# `change_objects` and its like, but for what they are to change.
Step = Callable[[Batch, Bucket, Sequence[T], datetime, Versions], list[LifecycleChange]]

# Five hundred rows of a listing take 2 ms of the event loop, a hundred deletions 10 ms of the writer. Where a bucket
# has more than `FEW_RULES` rules, each of which is looked at for each of its keys, portions are smaller.
SLICE = 500
CHANGES_A_JOB = 100
FEW_RULES = 20
LEAST_PORTION = 10

MAX_CHANGES_TOLD = 1000

BY_ACCESS_TIME = "Transitions by access time are kept, but not followed: nobody notes who reads what."


class UnfollowedRule(msgspec.Struct, frozen=True):
    """A rule that is kept, but of which not all is followed."""

    bucket: str
    rule: str
    reason: str


class LifecycleReport(msgspec.Struct):
    """What has been done, as if all of it at `now`: how often, and the first thousand changes one by one."""

    now: datetime
    expired: int = 0
    moved: int = 0
    aborted: int = 0
    markers_removed: int = 0
    changes: list[LifecycleChange] = []
    is_truncated: bool = False
    not_followed: list[UnfollowedRule] = []

    def add(self, changes: Iterable[LifecycleChange]) -> None:
        """Count `changes`, and keep them if there is room."""
        for change in changes:
            match change.action:
                case "expired":
                    self.expired += 1
                case "moved":
                    self.moved += 1
                case "aborted":
                    self.aborted += 1
                case "marker removed":
                    self.markers_removed += 1
            if len(self.changes) < MAX_CHANGES_TOLD:
                self.changes.append(change)
            else:
                self.is_truncated = True


class Lifecycle:
    """Follows the lifecycle rules of a store's buckets. In the event loop."""

    def __init__(
        self,
        index: Index,
        writer: Writer,
        clock: Clock,
        versions: Versions,
        uploads: Uploads,
        find_bucket: Callable[[str], Bucket | None],
        acknowledge: Callable[[str, str], None],
    ) -> None:
        """`acknowledge` is called with the bucket and key of a committed change."""
        self._index = index
        self._writer = writer
        self._clock = clock
        self._versions = versions
        self._uploads = uploads
        self._find_bucket = find_bucket
        self._acknowledge = acknowledge
        self._turn = asyncio.Lock()

    async def apply(self, buckets: Iterable[str]) -> LifecycleReport:
        """Do all that is due now in `buckets`. Whoever asks meanwhile waits.

        Differs: OSS does so once a day, after midnight (UTC), and takes its time.
        """
        async with self._turn:
            report = LifecycleReport(self._clock.now())
            for name in buckets:
                with suppress(NoSuchBucket):  # it has gone meanwhile
                    await self._apply(name, report)
            return report

    async def keep_applying(self, interval_seconds: float, buckets: Callable[[], Iterable[str]]) -> None:
        """Do so again and again, for ever. Time that the clock jumps over has passed."""
        while True:
            with suppress(TimeoutError):
                async with self._clock.timeout(interval_seconds):
                    await asyncio.Event().wait()
            try:
                report = await self.apply(list(buckets()))
            except Exception:
                logger.exception("the lifecycle rules could not be followed")
                continue
            if report.changes:
                logger.info(
                    "by lifecycle rules %d expired, %d were moved, %d uploads aborted, %d delete markers removed",
                    report.expired,
                    report.moved,
                    report.aborted,
                    report.markers_removed,
                )

    async def _apply(self, bucket: str, report: LifecycleReport) -> None:
        """What one step leaves behind, such as delete markers, the next one finds."""
        rules = [rule for rule in self._rules(bucket) if rule.is_enabled]
        report.not_followed += [
            UnfollowedRule(bucket, rule.id, BY_ACCESS_TIME) for rule in rules if rule.is_by_access_time
        ]
        for prefix in _widest(rule.prefix for rule in rules if rule.expiration or rule.transitions):
            await self._apply_to_objects(bucket, prefix, report)
        for prefix in _widest(rule.prefix for rule in rules if rule.aborts_uploads):
            await self._apply_to_uploads(bucket, prefix, report)
        for prefix in _widest(rule.prefix for rule in rules if rule.past_expires_days or rule.past_transitions):
            await self._apply_to_past(bucket, prefix, report)
        for prefix in _widest(rule.prefix for rule in rules if rule.removes_markers):
            await self._apply_to_markers(bucket, prefix, report)

    def _rules(self, bucket: str) -> tuple[LifecycleRule, ...]:
        """The rules of `bucket` as they are now; none if it has gone."""
        found = self._find_bucket(bucket)
        return found.lifecycle if found else ()

    async def _apply_to_objects(self, bucket: str, prefix: str, report: LifecycleReport) -> None:
        after = ""
        while rules := self._rules(bucket):
            limit = _portion(SLICE, rules)
            page = self._index.page(bucket, prefix=prefix, delimiter="", after=after, limit=limit)
            objects = [entry for entry in page.entries if isinstance(entry, ListedObject)]
            due = [each.key for each in objects if fate(rules, Subject.of_listed(each), report.now)]
            await self._change(bucket, due, change_objects, report, lambda key: key)
            if not page.is_truncated:
                return
            after = page.last
            await asyncio.sleep(0)

    async def _apply_to_uploads(self, bucket: str, prefix: str, report: LifecycleReport) -> None:
        key_marker = id_marker = ""
        while rules := self._rules(bucket):
            limit = _portion(SLICE, rules)
            page = self._index.uploads.page(
                bucket, prefix=prefix, delimiter="", key_marker=key_marker, id_marker=id_marker, limit=limit
            )
            uploads = [entry for entry in page.entries if isinstance(entry, MultipartUpload)]
            due = [
                (upload, found)
                for upload in uploads
                if (found := upload_fate(rules, upload.key, upload.initiated, report.now))
            ]
            for chunk in _chunks(due, rules):
                await asyncio.gather(*(self._abort(upload, found, report) for upload, found in chunk))
            if not page.is_truncated:
                return
            key_marker, id_marker = uploads[-1].key, uploads[-1].id
            await asyncio.sleep(0)

    async def _abort(self, upload: MultipartUpload, found: Fate, report: LifecycleReport) -> None:
        with suppress(NoSuchUpload):  # somebody was quicker
            await self._uploads.abort(upload)
            report.add([LifecycleChange(upload.bucket, upload.key, "aborted", found.rule, upload_id=upload.id)])

    async def _apply_to_past(self, bucket: str, prefix: str, report: LifecycleReport) -> None:
        newer: ListedVersion | None = None
        async for rules, versions in self._slices_of_versions(bucket, prefix):
            due: list[tuple[str, str]] = []
            for version in versions:
                if newer is not None and newer.key == version.key:
                    subject = Subject.of_listed_past(version, newer.last_modified)
                    if fate(rules, subject, report.now, is_past=True):
                        due.append((version.key, version.version_id))
                newer = version
            due.reverse()  # the oldest first: what replaced a version says since when it is one of the past
            await self._change(bucket, due, change_past, report, lambda place: place[0])

    async def _apply_to_markers(self, bucket: str, prefix: str, report: LifecycleReport) -> None:
        async for rules, versions in self._slices_of_versions(bucket, prefix):
            latest = [version.key for version in versions if version.is_latest and version.is_marker]
            due = [key for key in latest if removes_marker(rules, key)]
            await self._change(bucket, due, remove_markers, report, lambda key: key)

    async def _slices_of_versions(
        self, bucket: str, prefix: str
    ) -> AsyncIterator[tuple[Sequence[LifecycleRule], list[ListedVersion]]]:
        """The versions of the keys under `prefix`, and the rules of that moment. The next slice is read before this one
        is given out, so that it begins where this one ends, whatever is deleted.
        """
        versions, is_truncated = self._slice_of_versions(bucket, prefix, None)
        while rules := self._rules(bucket):
            following, goes_on = self._slice_of_versions(bucket, prefix, versions[-1]) if is_truncated else ([], False)
            yield rules, versions
            if not is_truncated:
                return
            versions, is_truncated = following, goes_on
            await asyncio.sleep(0)

    def _slice_of_versions(
        self, bucket: str, prefix: str, after: ListedVersion | None
    ) -> tuple[list[ListedVersion], bool]:
        key_marker, id_marker = (after.key, after.version_id) if after else ("", "")
        limit = _portion(SLICE, self._rules(bucket))
        page = self._index.versions.page(
            bucket, prefix=prefix, delimiter="", key_marker=key_marker, id_marker=id_marker, limit=limit
        )
        return [entry for entry in page.entries if isinstance(entry, ListedVersion)], page.is_truncated

    async def _change(
        self, bucket: str, due: Sequence[T], step: Step[T], report: LifecycleReport, key_of: Callable[[T], str]
    ) -> None:
        """Have `step` done to what is `due`, in small jobs."""
        for chunk in _chunks(due, self._rules(bucket)):
            job = Job(
                partial(self._do, bucket, chunk, step, report.now),
                acknowledge=partial(self._acknowledge_all, bucket, [key_of(each) for each in chunk]),
            )
            changes = await self._writer.do(job)
            report.add(changes)

    def _do(self, bucket: str, chunk: Sequence[T], step: Step[T], now: datetime, batch: Batch) -> list[LifecycleChange]:
        return step(batch, batch.bucket(bucket), chunk, now, self._versions)

    def _acknowledge_all(self, bucket: str, keys: Iterable[str]) -> None:
        for key in keys:
            self._acknowledge(bucket, key)


def _widest(prefixes: Iterable[str]) -> list[str]:
    """Those of `prefixes` that do not begin with another one: they have all keys, and each once."""
    chosen: list[str] = []
    for prefix in sorted(set(prefixes)):
        if not chosen or not prefix.startswith(chosen[-1]):
            chosen.append(prefix)
    return chosen


def _portion(most: int, rules: Sequence[LifecycleRule]) -> int:
    """How many keys to look at before others have their turn: at most `most`."""
    return most if len(rules) <= FEW_RULES else max(LEAST_PORTION, most * FEW_RULES // len(rules))


def _chunks(items: Sequence[T], rules: Sequence[LifecycleRule]) -> Iterator[Sequence[T]]:
    """`items` in the portions that one job takes."""
    count = _portion(CHANGES_A_JOB, rules)
    for start in range(0, len(items), count):
        yield items[start : start + count]
