from datetime import UTC, datetime

import pytest

from emulator.model import (
    Due,
    LifecycleException,
    LifecycleFilter,
    LifecycleRule,
    ObjectAttributes,
    ObjectRecord,
    ObjectType,
    StorageClass,
    Transition,
)
from emulator.storage.fate import Fate, Subject, end_of, fate, removes_marker, upload_fate

MADE = datetime(2024, 6, 1, 14, 30, tzinfo=UTC)
STANDARD, IA, ARCHIVE, COLD = (
    StorageClass.STANDARD,
    StorageClass.IA,
    StorageClass.ARCHIVE,
    StorageClass.COLD_ARCHIVE,
)


def day(number: int, month: int = 6) -> datetime:
    return datetime(2024, month, number, tzinfo=UTC)


def ending(due: Due | None = None, prefix: str = "", **fields: object) -> LifecycleRule:
    return LifecycleRule("end", prefix, is_enabled=True, expiration=due or Due(days=1), **fields)


def moving(*transitions: Transition) -> LifecycleRule:
    return LifecycleRule("move", "", is_enabled=True, transitions=transitions)


def subject(
    key: str = "a", size: int = 5, storage_class: StorageClass = STANDARD, tags: dict[str, str] | None = None
) -> Subject:
    return Subject(key, size, MADE, storage_class, tags or {})


@pytest.mark.parametrize(
    ("made", "days", "end"),
    [
        pytest.param(MADE, 1, day(3), id="the midnight after so many times 24 hours"),
        pytest.param(MADE, 30, day(2, 7), id="a month"),
        pytest.param(day(1), 1, day(2), id="made at midnight"),
    ],
)
def test_days_are_over_at_midnight(made: datetime, days: int, end: datetime):
    made_then = Subject("a", 1, made, STANDARD, {})
    rules = [ending(Due(days=days))]
    assert fate(rules, made_then, end) == Fate("end", None)
    assert fate(rules, made_then, end.replace(year=2023)) is None
    assert fate(rules, made_then, datetime.fromtimestamp(end.timestamp() - 0.001, UTC)) is None


def test_more_days_than_time_has_are_never_over():
    assert fate([ending(Due(days=10**17))], subject(), datetime(2105, 1, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("due", "now", "is_due"),
    [
        pytest.param(Due(date=day(5)), day(5), True, id="the day has come"),
        pytest.param(Due(date=day(5)), day(4), False, id="the day before"),
        pytest.param(Due(date=day(1)), day(1), True, id="made after the day"),
        pytest.param(Due(created_before=day(2)), day(1), True, id="made before"),
        pytest.param(Due(created_before=day(1)), day(9, 7), False, id="made on the day"),
    ],
)
def test_dates(due: Due, now: datetime, is_due: bool):
    assert (fate([ending(due)], subject(), now) is not None) is is_due


KEEP = LifecycleException(prefix="a/keep/", tag=("keep", "yes"))


@pytest.mark.parametrize(
    ("rule", "what", "is_meant"),
    [
        pytest.param(ending(prefix="a/"), subject("a/b"), True, id="under the prefix"),
        pytest.param(ending(prefix="a/"), subject("a"), False, id="not under it"),
        pytest.param(ending(tags={"x": "1", "y": ""}), subject(tags={"y": "", "x": "1", "z": "2"}), True, id="tags"),
        pytest.param(ending(tags={"x": "1", "y": ""}), subject(tags={"x": "1"}), False, id="one tag lacks"),
        pytest.param(ending(tags={"x": "1"}), subject(tags={"x": "2"}), False, id="another value"),
        pytest.param(ending(tags={"x": "1"}), Subject("a", 1, MADE, STANDARD, None), True, id="unknown tags"),
        pytest.param(ending(filter=LifecycleFilter(larger_than=4)), subject(size=5), True, id="larger"),
        pytest.param(ending(filter=LifecycleFilter(larger_than=5)), subject(size=5), False, id="not larger"),
        pytest.param(ending(filter=LifecycleFilter(smaller_than=6)), subject(size=5), True, id="smaller"),
        pytest.param(ending(filter=LifecycleFilter(smaller_than=5)), subject(size=5), False, id="not smaller"),
        pytest.param(
            ending(filter=LifecycleFilter(exceptions=(KEEP,))),
            subject("a/keep/b", tags={"keep": "yes"}),
            False,
            id="excepted",
        ),
        pytest.param(
            ending(filter=LifecycleFilter(exceptions=(KEEP,))), subject("a/keep/b"), True, id="excepted with a tag"
        ),
        pytest.param(
            ending(filter=LifecycleFilter(exceptions=(KEEP,))),
            subject("a/b", tags={"keep": "yes"}),
            True,
            id="excepted elsewhere",
        ),
        pytest.param(
            ending(filter=LifecycleFilter(exceptions=(LifecycleException(prefix="a/"),))),
            subject("a/b"),
            False,
            id="a prefix excepted",
        ),
        pytest.param(
            ending(filter=LifecycleFilter(exceptions=(LifecycleException(tag=("k", "v")),))),
            subject(tags={"k": "v"}),
            False,
            id="a tag excepted",
        ),
        pytest.param(
            ending(filter=LifecycleFilter(exceptions=(LifecycleException(tag=("k", "v")),))),
            Subject("a", 1, MADE, STANDARD, None),
            True,
            id="unknown tags excepted",
        ),
    ],
)
def test_which_objects_a_rule_is_about(rule: LifecycleRule, what: Subject, is_meant: bool):
    assert (fate([rule], what, day(3)) is not None) is is_meant


def test_a_disabled_rule_does_nothing():
    disabled = LifecycleRule("end", "", is_enabled=False, expiration=Due(days=1))
    assert fate([disabled], subject(), day(30)) is None


@pytest.mark.parametrize(
    ("present", "on", "wanted"),
    [
        pytest.param(STANDARD, 3, None, id="too early"),
        pytest.param(STANDARD, 7, IA, id="the first"),
        pytest.param(STANDARD, 12, ARCHIVE, id="the coldest that is due"),
        pytest.param(IA, 7, None, id="there already"),
        pytest.param(COLD, 30, None, id="never warmer"),
    ],
)
def test_objects_get_colder(present: StorageClass, on: int, wanted: StorageClass | None):
    rules = [moving(Transition(ARCHIVE, Due(days=10)), Transition(IA, Due(days=5)))]
    found = fate(rules, subject(storage_class=present), day(on))
    assert (found and found.storage_class) == wanted


def test_of_several_rules_the_end_counts():
    rules = [moving(Transition(IA, Due(days=1))), ending(Due(days=3)), moving(Transition(COLD, Due(days=1)))]
    assert fate(rules, subject(), day(3)) == Fate("move", COLD)
    assert fate(rules, subject(), day(5)) == Fate("end", None)


def test_transitions_by_access_time_are_not_followed():
    assert fate([moving(Transition(IA, Due(days=1), is_access_time=True))], subject(), day(30)) is None


def test_versions_of_the_past_have_rules_of_their_own():
    rules = [
        ending(Due(days=1)),
        LifecycleRule(
            "past", "", is_enabled=True, past_expires_days=9, past_transitions=(Transition(IA, Due(days=2)),)
        ),
    ]
    assert fate(rules, subject(), day(3), is_past=True) is None
    assert fate(rules, subject(), day(4), is_past=True) == Fate("past", IA)
    assert fate(rules, subject(), day(11), is_past=True) == Fate("past", None)
    marker = Subject.of_marker("a", MADE)
    assert fate(rules, marker, day(4), is_past=True) is None
    assert fate(rules, marker, day(11), is_past=True) == Fate("past", None)


def test_uploads_are_aborted_by_prefix_and_age():
    rules = [
        LifecycleRule(
            "abort",
            "a/",
            is_enabled=True,
            aborts_uploads=Due(days=2),
            filter=LifecycleFilter(larger_than=9, exceptions=(LifecycleException(prefix="a/keep/"),)),
        ),
        ending(),
    ]
    assert upload_fate(rules, "a/b", MADE, day(4)) == Fate("abort", None)
    for key, now in (("a/b", day(3)), ("b", day(9)), ("a/keep/b", day(9))):
        assert upload_fate(rules, key, MADE, now) is None


def test_which_rule_removes_a_marker():
    def removing(rule_id: str, prefix: str, **fields: object) -> LifecycleRule:
        return LifecycleRule(rule_id, prefix, is_enabled=True, removes_markers=True, **fields)

    rules = [ending(), removing("tagged", "", tags={"a": "b"}), removing("by prefix", "a/")]
    assert removes_marker(rules, "a/b") == "by prefix"
    assert removes_marker(rules, "b") is None


@pytest.mark.parametrize(
    ("rules", "end"),
    [
        pytest.param([ending(Due(days=9)), ending(Due(days=2))], day(4), id="the first of several"),
        pytest.param([ending(Due(date=day(20)))], day(20), id="a date"),
        pytest.param([ending(Due(created_before=day(20)))], day(20), id="made before a date"),
        pytest.param([ending(Due(created_before=day(1)))], None, id="made after it"),
        pytest.param([ending(tags={"a": "b"})], None, id="other tags"),
        pytest.param([moving(Transition(IA, Due(days=1)))], None, id="no end"),
    ],
)
def test_when_an_object_ends(rules: list[LifecycleRule], end: datetime | None):
    record = ObjectRecord(
        "bucket", "a", "blob", 5, "E", b"", 0, MADE, ObjectType.NORMAL, ObjectAttributes(tags={"x": "y"})
    )
    assert end_of(rules, record) == (end and (end, "end"))
