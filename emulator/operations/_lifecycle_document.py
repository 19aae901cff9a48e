"""A LifecycleConfiguration into rules that make sense, and rules into it.

Source: "PutBucketLifecycle", "GetBucketLifecycle".
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from itertools import pairwise
from xml.etree.ElementTree import Element

from msgspec import structs

from emulator.errors import InvalidRequest, MalformedXML
from emulator.model import (
    Due,
    LifecycleException,
    LifecycleFilter,
    LifecycleRule,
    StorageClass,
    Transition,
)
from emulator.operations._elements import check_children, invalid, number_of, switch_of, text_of
from emulator.wire.dates import format_iso_date, parse_midnight
from emulator.wire.tagging import is_tag_text
from emulator.wire.xml import Content, Elements

MAX_RULES = 1000
MAX_ID_BYTES = 255

ROOT = "LifecycleConfiguration"
_ACTIONS = (
    *("Expiration", "Transition", "AbortMultipartUpload"),
    *("NoncurrentVersionExpiration", "NoncurrentVersionTransition"),
)
_REPEATABLE = ("Tag", "Transition", "NoncurrentVersionTransition")
_OF_TRANSITIONS = ("StorageClass", "IsAccessTime", "ReturnToStdWhenVisit", "AllowSmallFile")
_CLASSES = tuple(StorageClass)[1:]  # those that an object can be moved to, each colder than the one before it


# --- From the document ----------------------------------------------------------------------------------------------


def parse_lifecycle(document: Element) -> tuple[LifecycleRule, ...]:
    """The rules of a LifecycleConfiguration; one without an id has `""`.

    Guess: what lacks or is no date or number is MalformedXML, and a value that makes no sense InvalidArgument, but for
    the faults whose codes are known; the messages of most.

    Raises:
        InvalidArgument: the actions of a rule contradict each other, or a value is not one that OSS takes.
        InvalidRequest: a rule counts days for one action and names a date for another.
        MalformedXML: an element lacks, or is not what it must be.
    """
    check_children(document, ("Rule",), repeatable=("Rule",))
    if not 1 <= len(document) <= MAX_RULES:
        raise MalformedXML(hint=f"A <{ROOT}> has 1 to {MAX_RULES} rules; this one has {len(document)}.")
    rules = tuple(map(_parse_rule, document))
    for rule_id, count in Counter(rule.id for rule in rules if rule.id).items():
        if count > 1:
            raise invalid("ID", rule_id, "Each rule has an ID of its own.")
    return rules


def _parse_rule(element: Element) -> LifecycleRule:
    check_children(element, ("ID", "Prefix", "Status", "Tag", "Filter", "AtimeBase", *_ACTIONS), repeatable=_REPEATABLE)
    rule_id = text_of(element, "ID") or ""
    if len(rule_id.encode()) > MAX_ID_BYTES:
        raise invalid("ID", rule_id, f"An ID has at most {MAX_ID_BYTES} bytes.")
    status = text_of(element, "Status")
    if status not in ("Enabled", "Disabled"):
        raise MalformedXML(hint=f"Status is {status!r}; a rule is Enabled or Disabled.")
    if not any(element.find(action) is not None for action in _ACTIONS):
        raise MalformedXML(hint=f"A rule has one of {', '.join(_ACTIONS)}.")
    prefix = text_of(element, "Prefix") or ""
    expiration, past, uploads = (element.find(name) for name in ("Expiration", _ACTIONS[3], _ACTIONS[2]))
    rule = LifecycleRule(
        rule_id,
        prefix,
        is_enabled=status == "Enabled",
        tags=_parse_tags(element),
        filter=_parse_filter(element.find("Filter"), prefix),
        transitions=tuple(map(_parse_transition, element.findall("Transition"))),
        past_transitions=tuple(map(_parse_past_transition, element.findall("NoncurrentVersionTransition"))),
        aborts_uploads=None if uploads is None else _parse_due(uploads, ("Days", "CreatedBeforeDate")),
        past_expires_days=None if past is None else _parse_past_days(past),
        atime_base=number_of(element, "AtimeBase", least=0),
    )
    if expiration is not None:
        rule = _with_expiration(rule, expiration)
    if rule.tags and rule.aborts_uploads:
        raise invalid(
            "Tag", next(iter(rule.tags)), "Unfinished uploads have no tags; give AbortMultipartUpload a rule."
        )
    _check_actions(rule)
    return rule


def _parse_tags(element: Element) -> dict[str, str]:
    tags = dict(map(_parse_tag, element.findall("Tag")))
    if len(tags) < len(element.findall("Tag")):
        raise invalid("Tag", ", ".join(tags), "No two tags of a rule have the same key.")
    return tags


def _parse_tag(element: Element) -> tuple[str, str]:
    check_children(element, ("Key", "Value"))
    key = text_of(element, "Key")
    if not key:
        raise MalformedXML(hint="A Tag has a Key and a Value.")
    value = text_of(element, "Value") or ""
    for name, text in (("Key", key), ("Value", value)):
        if not is_tag_text(text):
            raise invalid(name, text, f"A tag has letters, digits, spaces and + - = . _ : / characters, not {text!r}.")
    return key, value


def _parse_filter(element: Element | None, prefix: str) -> LifecycleFilter | None:
    if element is None:
        return None
    check_children(element, ("ObjectSizeGreaterThan", "ObjectSizeLessThan", "Not"), repeatable=("Not",))
    larger_than = number_of(element, "ObjectSizeGreaterThan", least=0)
    smaller_than = number_of(element, "ObjectSizeLessThan")
    if larger_than is not None and smaller_than is not None and smaller_than <= larger_than:
        raise invalid("ObjectSizeLessThan", smaller_than, f"It is above ObjectSizeGreaterThan, {larger_than}.")
    exceptions = tuple(map(_parse_exception, element.findall("Not")))
    for exception in exceptions:
        if exception.prefix is not None and not exception.prefix.startswith(prefix):
            raise invalid("Prefix", exception.prefix, f"The Prefix of a Not begins with the rule's, {prefix!r}.")
        if exception.tag is None and exception.prefix == prefix:
            raise invalid("Prefix", exception.prefix, "The Prefix of a Not is longer than the rule's.")
    return LifecycleFilter(larger_than, smaller_than, exceptions)


def _parse_exception(element: Element) -> LifecycleException:
    check_children(element, ("Prefix", "Tag"))
    if not len(element):
        raise MalformedXML(hint="A Not has a Prefix, a Tag or both.")
    tag = element.find("Tag")
    return LifecycleException(text_of(element, "Prefix"), None if tag is None else _parse_tag(tag))


def _with_expiration(rule: LifecycleRule, element: Element) -> LifecycleRule:
    removes_markers = switch_of(element, "ExpiredObjectDeleteMarker")
    if removes_markers is None:
        return structs.replace(rule, expiration=_parse_due(element, ("Days", "CreatedBeforeDate", "Date")))
    if len(element) > 1:
        raise MalformedXML(hint="An Expiration with ExpiredObjectDeleteMarker has nothing beside it.")
    return structs.replace(rule, removes_markers=removes_markers)


def _parse_transition(element: Element) -> Transition:
    return _transition(element, _parse_due(element, ("Days", "CreatedBeforeDate"), beside=_OF_TRANSITIONS))


def _parse_past_transition(element: Element) -> Transition:
    return _transition(element, Due(days=_parse_past_days(element, beside=_OF_TRANSITIONS)))


def _transition(element: Element, due: Due) -> Transition:
    text = text_of(element, "StorageClass")
    if text is None:
        raise MalformedXML(hint=f"A {element.tag} has a StorageClass.")
    if text not in _CLASSES:
        raise invalid("StorageClass", text, f"Objects are moved to {', '.join(_CLASSES)}.")
    return Transition(
        StorageClass(text),
        due,
        is_access_time=switch_of(element, "IsAccessTime"),
        returns_when_visited=switch_of(element, "ReturnToStdWhenVisit"),
        allows_small_files=switch_of(element, "AllowSmallFile"),
    )


def _parse_past_days(element: Element, *, beside: Sequence[str] = ()) -> int:
    check_children(element, ("NoncurrentDays", *beside))
    days = number_of(element, "NoncurrentDays")
    if days is None:
        raise MalformedXML(hint=f"A {element.tag} has NoncurrentDays.")
    return days


def _parse_due(element: Element, selectors: Sequence[str], *, beside: Sequence[str] = ()) -> Due:
    """When the action that `element` is is due, by exactly one of `selectors`."""
    check_children(element, (*selectors, *beside))
    chosen = [child for child in element if child.tag in selectors]
    if {child.tag for child in chosen} >= {"Days", "CreatedBeforeDate"}:
        days = text_of(element, "Days")
        raise invalid("Days", days, f"A {element.tag} has Days or CreatedBeforeDate, not both.", ec="0014-00000061")
    if len(chosen) != 1:
        raise MalformedXML(hint=f"A {element.tag} has exactly one of {', '.join(selectors)}.")
    return Due(
        days=number_of(element, "Days"),
        created_before=_parse_date(element, "CreatedBeforeDate"),
        date=_parse_date(element, "Date"),
    )


def _parse_date(element: Element, name: str) -> datetime | None:
    text = text_of(element, name)
    if text is None:
        return None
    date = parse_midnight(text)
    if date is None:
        raise MalformedXML(hint=f"{name} is {text!r}; it is midnight in UTC, such as 2030-01-01T00:00:00.000Z.")
    return date


# --- Do the actions fit together? -----------------------------------------------------------------------------------


def _check_actions(rule: LifecycleRule) -> None:
    """Raise unless what `rule` does goes from class to colder class and ends, if it ends, with the object's end."""
    for transition in rule.transitions:
        for other in filter(None, (rule.expiration, rule.transitions[0].due)):
            if (other.days is None) != (transition.due.days is None):
                raise InvalidRequest(
                    "Found mixed CreatedBeforeDate and Days based Expiration and Transition for StorageClass "
                    f"{transition.storage_class} actions",
                    ec="0014-00000080",
                    hint="All actions of a rule count days, or all name a date.",
                )
    past_end = None if rule.past_expires_days is None else Due(days=rule.past_expires_days)
    for transitions, end in ((rule.transitions, rule.expiration), (rule.past_transitions, past_end)):
        for by_access in (False, True):
            chosen = [each for each in transitions if bool(each.is_access_time) is by_access]
            _check_order(chosen, None if by_access else end)


def _check_order(transitions: list[Transition], end: Due | None) -> None:
    transitions.sort(key=lambda each: _CLASSES.index(each.storage_class))
    for warmer, colder in pairwise(transitions):
        if warmer.storage_class is colder.storage_class or not _is_before(warmer.due, colder.due):
            raise invalid(
                "StorageClass",
                colder.storage_class,
                f"The transition to {colder.storage_class} comes after the one to {warmer.storage_class}.",
            )
    if end is not None and transitions and not _is_before(transitions[-1].due, end):
        raise invalid("Days", end.days, f"Expiration comes after the transition to {transitions[-1].storage_class}.")


def _is_before(one: Due, other: Due) -> bool:
    """Whether `one` may act before `other`; dates may be in any order."""
    return one.days is None or other.days is None or one.days < other.days


# --- Into the document ----------------------------------------------------------------------------------------------


def rule_elements(rule: LifecycleRule) -> Elements:
    """The content of the Rule element that says `rule`."""
    elements: list[tuple[str, Content]] = [
        ("ID", rule.id),
        ("Prefix", rule.prefix),
        ("Status", "Enabled" if rule.is_enabled else "Disabled"),
        *(("Tag", _tag_elements(tag)) for tag in rule.tags.items()),
    ]
    if rule.filter is not None:
        elements.append(("Filter", _filter_elements(rule.filter)))
    days = partial(_due_elements, "Days")
    past_days = partial(_due_elements, "NoncurrentDays")
    elements += [("Transition", _transition_elements(days(each.due), each)) for each in rule.transitions]
    if rule.expiration is not None:
        elements.append(("Expiration", days(rule.expiration)))
    if rule.removes_markers is not None:
        elements.append(("Expiration", [("ExpiredObjectDeleteMarker", rule.removes_markers)]))
    if rule.aborts_uploads is not None:
        elements.append(("AbortMultipartUpload", days(rule.aborts_uploads)))
    if rule.past_expires_days is not None:
        elements.append(("NoncurrentVersionExpiration", [("NoncurrentDays", rule.past_expires_days)]))
    elements += [
        ("NoncurrentVersionTransition", _transition_elements(past_days(each.due), each))
        for each in rule.past_transitions
    ]
    if rule.atime_base is not None:
        elements.append(("AtimeBase", rule.atime_base))
    return elements


def _tag_elements(tag: tuple[str, str]) -> Elements:
    return [("Key", tag[0]), ("Value", tag[1])]


def _filter_elements(chosen: LifecycleFilter) -> Elements:
    return _given(
        ("ObjectSizeGreaterThan", chosen.larger_than),
        ("ObjectSizeLessThan", chosen.smaller_than),
        *(
            ("Not", _given(("Prefix", each.prefix), ("Tag", each.tag and _tag_elements(each.tag))))
            for each in chosen.exceptions
        ),
    )


def _transition_elements(due: Elements, transition: Transition) -> Elements:
    return [
        *due,
        *_given(
            ("StorageClass", transition.storage_class),
            ("IsAccessTime", transition.is_access_time),
            ("ReturnToStdWhenVisit", transition.returns_when_visited),
            ("AllowSmallFile", transition.allows_small_files),
        ),
    ]


def _due_elements(days: str, due: Due) -> Elements:
    """When something is due; `days` is what the number of days is called there."""
    return _given(
        (days, due.days),
        ("CreatedBeforeDate", format_iso_date(due.created_before) if due.created_before else None),
        ("Date", format_iso_date(due.date) if due.date else None),
    )


def _given(*elements: "tuple[str, Content | None]") -> list[tuple[str, Content]]:
    """Those of `elements` that there are."""
    return [(name, content) for name, content in elements if content is not None]
