"""What lifecycle rules have in store for objects, by the clock. Pure.

Source: "Lifecycle rules", "Lifecycle rules based on the last modified time".
Guess: days are over at the first midnight (UTC) after so many times 24 hours, as the documentation's examples have it;
of several rules an end goes before any class, and a colder class before a warmer one; nothing ever gets warmer.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from emulator.model import Due, LifecycleRule, ObjectRecord, StorageClass
from emulator.storage.listing import ListedObject, ListedVersion

NEVER = datetime.max.replace(tzinfo=UTC)

_COLDNESS = {storage_class: coldness for coldness, storage_class in enumerate(StorageClass)}


class Subject(msgspec.Struct, frozen=True, gc=False):
    """What rules look at: an object, or a version of one.

    `since` is when it was made, of a version of the past when it became that. `tags` are `None` where nobody has looked
    yet, `storage_class` is `None` for a delete marker, which has none.
    """

    key: str
    size: int
    since: datetime
    storage_class: StorageClass | None
    tags: Mapping[str, str] | None

    @classmethod
    def of(cls, record: ObjectRecord, since: datetime | None = None) -> "Subject":
        """The object `record`, or a version that became one of the past at `since`."""
        attributes = record.attributes
        return cls(record.key, record.size, since or record.last_modified, attributes.storage_class, attributes.tags)

    @classmethod
    def of_marker(cls, key: str, since: datetime) -> "Subject":
        """A delete marker that became one of the past at `since`."""
        return cls(key, 0, since, None, {})

    @classmethod
    def of_listed(cls, entry: ListedObject, since: datetime | None = None) -> "Subject":
        """An object as a listing has it, or a version that became one of the past at `since`."""
        return cls(entry.key, entry.size, since or entry.last_modified, entry.storage_class, None)

    @classmethod
    def of_listed_past(cls, entry: ListedVersion, since: datetime) -> "Subject":
        """A version as a listing has it, which became one of the past at `since`."""
        return cls.of_marker(entry.key, since) if entry.is_marker else cls.of_listed(entry, since)


class Fate(msgspec.Struct, frozen=True):
    """What is to happen, by the rule of which id: another storage class, or the end (`None`)."""

    rule: str
    storage_class: StorageClass | None


def fate(rules: Iterable[LifecycleRule], subject: Subject, now: datetime, *, is_past: bool = False) -> Fate | None:
    """What is due for an object, or for a version of the past; of unknown tags it is assumed that they fit."""
    found: Fate | None = None
    present = subject.storage_class
    for rule in rules:
        if not rule.is_enabled or not _is_about(rule, subject):
            continue
        if _is_due(_end(rule, is_past=is_past), subject.since, now):
            return Fate(rule.id, None)
        for transition in rule.past_transitions if is_past else rule.transitions:
            wanted = transition.storage_class
            if (
                present is not None
                and not transition.is_access_time
                and _COLDNESS[wanted] > _COLDNESS[present]
                and _is_due(transition.due, subject.since, now)
            ):
                found, present = Fate(rule.id, wanted), wanted
    return found


def upload_fate(rules: Iterable[LifecycleRule], key: str, initiated: datetime, now: datetime) -> Fate | None:
    """Whether an unfinished upload is due to be aborted."""
    subject = Subject(key, 0, initiated, None, {})
    for rule in rules:
        is_meant = rule.is_enabled and key.startswith(rule.prefix) and not _is_excepted(rule, subject)
        if is_meant and _is_due(rule.aborts_uploads, initiated, now):
            return Fate(rule.id, None)
    return None


def removes_marker(rules: Iterable[LifecycleRule], key: str) -> str | None:
    """The id of the rule by which a delete marker goes that is all that is left of `key`, if there is one."""
    subject = Subject.of_marker(key, NEVER)
    return next(
        (rule.id for rule in rules if rule.is_enabled and rule.removes_markers and _is_about(rule, subject)), None
    )


def end_of(rules: Iterable[LifecycleRule], record: ObjectRecord) -> tuple[datetime, str] | None:
    """When an object ends, and by the rule of which id; `None` if no rule says so.

    Guess: where a rule ends what was made before a date, that is the date.
    """
    subject = Subject.of(record)
    ends = [
        (rule.expiration.created_before or _due_at(rule.expiration, subject.since), rule.id)
        for rule in rules
        if rule.is_enabled and rule.expiration and _is_about(rule, subject)
        if rule.expiration.created_before is None or subject.since < rule.expiration.created_before
    ]
    return min(ends, default=None)


def _end(rule: LifecycleRule, *, is_past: bool) -> Due | None:
    if is_past:
        return None if rule.past_expires_days is None else Due(days=rule.past_expires_days)
    return rule.expiration


def _is_due(due: Due | None, since: datetime, now: datetime) -> bool:
    if due is None:
        return False
    if due.created_before is not None:
        return since < due.created_before
    return _due_at(due, since) <= now


def _due_at(due: Due, since: datetime) -> datetime:
    if due.days is None:
        return due.date or NEVER
    try:
        over = since + timedelta(days=due.days)
        midnight = over.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight if midnight == over else midnight + timedelta(days=1)
    except OverflowError:
        return NEVER


def _is_about(rule: LifecycleRule, subject: Subject) -> bool:
    """Whether `subject` is among the objects that `rule` is about."""
    if not subject.key.startswith(rule.prefix):
        return False
    if rule.tags and subject.tags is not None and not rule.tags.items() <= subject.tags.items():
        return False
    bounds = rule.filter
    if bounds is None:
        return True
    if bounds.larger_than is not None and subject.size <= bounds.larger_than:
        return False
    if bounds.smaller_than is not None and subject.size >= bounds.smaller_than:
        return False
    return not _is_excepted(rule, subject)


def _is_excepted(rule: LifecycleRule, subject: Subject) -> bool:
    for exception in rule.filter.exceptions if rule.filter else ():
        if exception.prefix is not None and not subject.key.startswith(exception.prefix):
            continue
        if exception.tag is None:
            return True
        key, value = exception.tag
        if subject.tags is not None and subject.tags.get(key) == value:
            return True
    return False
