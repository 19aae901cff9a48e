"""The policy of a form upload: what the owner allows to whoever holds the form. Pure.

The document is the base64 of `{"expiration": "...Z", "conditions": [...]}`; who signed it is for `post_signature` to
find out.

Source: "PostObject" in the API reference, its appendix on the policy, and the EC pages of the family 06. Guess: where
those pages name only an EC, the words after "Invalid Policy:" are ours.
"""

import base64
import json
import logging
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, cast

import msgspec

from emulator.errors import AccessDenied, InvalidPolicyDocument
from emulator.wire.dates import format_iso_date

Operator = Literal["eq", "starts-with", "in", "not-in"]

_LENGTH_RANGE = "content-length-range"
_OPERATORS = ("eq", "starts-with", "in", "not-in")
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", re.ASCII)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BLANKS = str.maketrans("", "", " \t\r\n")
_SHOWN_CHARACTERS = 200

logger = logging.getLogger("emulator.auth")


class Condition(msgspec.Struct, frozen=True):
    """One thing that the policy asks of the form. `name` is as written, with its `$`."""

    operator: Operator
    name: str
    value: str | tuple[str, ...]

    @property
    def field(self) -> str:
        """The field's name in lower case."""
        return self.name[1:].lower()

    def holds(self, text: str | None) -> bool:
        """Whether the field's `text` meets it; `None` is a field that was not sent.

        Guess: `starts-with` an empty text and `not-in` are met by a field that was not sent.
        """
        if self.operator == "eq":
            return text == self.value
        if self.operator == "starts-with":
            return (text or "").startswith(self.value)
        return (text in self.value) == (self.operator == "in")

    def __str__(self) -> str:
        """As OSS repeats it in its message."""
        return json.dumps([self.operator, self.name, self.value], ensure_ascii=False)


class SizeRange(msgspec.Struct, frozen=True):
    """The bytes that the file may have, both ends included; `maximum` `None` sets no bound."""

    minimum: int = 0
    maximum: int | None = None

    def narrowed(self, minimum: int, maximum: int) -> "SizeRange":
        """What this range and another have in common."""
        return SizeRange(max(self.minimum, minimum), maximum if self.maximum is None else min(self.maximum, maximum))


class Policy(msgspec.Struct, frozen=True):
    """A policy document of the right shape."""

    expiration: datetime
    conditions: tuple[Condition, ...]
    size: SizeRange

    def unconditioned(self, names: tuple[str, ...]) -> list[str]:
        """Those of the fields `names` about which no condition says anything."""
        said = {condition.field for condition in self.conditions}
        return [name for name in names if name not in said]


def parse_policy(encoded: str) -> Policy:
    """The policy that a form's field `policy` holds.

    Raises:
        InvalidPolicyDocument: it is not base64 of JSON of the right shape.
    """
    document = _decode(encoded)
    if not isinstance(document, dict):
        raise _invalid("Policy must be an object.", 206, f"The policy is {_show(document)}, not a JSON object.")
    unknown = sorted(document.keys() - {"expiration", "conditions"})
    if unknown:
        hint = f"A policy has the members expiration and conditions, in lower case, and no {_show(unknown[0])}."
        raise _invalid(f"Unexpected: '{unknown[0]}'.", 206, hint)
    missing = [name for name in ("conditions", "expiration") if name not in document]
    if missing:
        number = 209 if len(missing) == 2 else 207 if missing == ["conditions"] else 208
        raise _invalid(
            f"Policy missing {' and '.join(missing)}.", number, f"The policy has no {' and no '.join(missing)}."
        )
    expiration = _expiration(document["expiration"])
    entries = document["conditions"]
    if not isinstance(entries, list) or not entries:
        hint = f"conditions is {_show(entries)}; it must be a list of at least one condition."
        raise _invalid("Conditions must be a non-empty list.", 201, hint)
    conditions = []
    size = SizeRange()
    for entry in entries:
        if isinstance(entry, list) and entry[:1] == [_LENGTH_RANGE]:
            size = size.narrowed(*_length_range(entry))
        else:
            conditions.append(_condition(entry))
    return Policy(expiration, tuple(conditions), size)


def check_policy(
    policy: Policy, *, bucket: str, fields: Mapping[str, str], file_type: str | None, now: datetime
) -> None:
    """Raise `AccessDenied` if `policy` is over or one of its conditions fails; the file's size is not among them.

    `fields` are by lower-case name, `${filename}` in the key being as sent. `file_type` is the Content-Type of
    the file part. Guess: where field and file part differ in Content-Type, a condition may be met by either.
    """
    if now > policy.expiration:
        raise AccessDenied(
            "Invalid according to Policy: Policy expired.",
            ec="0006-00000213",
            hint=f"The policy was good until {format_iso_date(policy.expiration)}; now it is {format_iso_date(now)}, "
            f"{str(now - policy.expiration).partition('.')[0]} later. Make a new one for each page, or a longer one; "
            "expiration is UTC.",
        )
    for condition in policy.conditions:
        received = bucket if condition.field == "bucket" else fields.get(condition.field)
        if condition.field == "content-type":
            if received is None:
                received = file_type
            elif not condition.holds(received) and file_type is not None and condition.holds(file_type):
                logger.warning(
                    "%s holds for the file part's Content-Type (%s), not for the field's (%s): accepted, but what OSS "
                    "does is not known. Send one of them, or make them equal.",
                    condition,
                    file_type,
                    received,
                )
                continue
        if not condition.holds(received):
            raise AccessDenied(
                f"Invalid according to Policy: Policy Condition failed: {condition}",
                ec="",
                hint=_failed_hint(condition, received),
            )


def _failed_hint(condition: Condition, received: str | None) -> str:
    expected = {
        "eq": "exactly",
        "starts-with": "a text that begins with",
        "in": "one of",
        "not-in": "none of",
    }[condition.operator]
    wanted = f"the policy wants {expected} {_show(condition.value)}."
    if condition.field == "bucket":
        return f"The form was posted to the bucket {received!r}; {wanted}"
    if received is None:
        return (
            f"The form has no field {condition.name[1:]!r} before the file; {wanted} Fields behind the file do not "
            "count."
        )
    hint = f"The form's {condition.name[1:]!r} is {_show(received)}; {wanted}"
    if condition.operator != "not-in" and received.strip() != received and condition.holds(received.strip()):
        hint += " What is sent has blanks or line breaks around it."
    elif condition.field == "key" and "${filename}" in received:
        hint += " The key is compared as sent, before ${filename} is replaced."
    return hint


def _decode(encoded: str) -> Any:
    """The JSON behind the base64."""
    try:
        text = base64.b64decode(encoded.translate(_BLANKS), validate=True).decode()
    except UnicodeDecodeError as error:
        raise _invalid("Invalid JSON: not UTF-8", 201, f"The policy's JSON is not UTF-8: {error}.") from None
    except ValueError as error:
        raise _invalid("Invalid JSON: not base64", 201, _base64_hint(encoded, error)) from None
    # OSS takes `\$` beside JSON's own escapes.
    text = _ESCAPE.sub(lambda escape: "$" if escape[1] == "$" else escape[0], text)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        around = text[max(0, error.pos - 30) : error.pos + 10]
        hint = f"The policy's JSON breaks at character {error.pos} ({error.msg}), near {around!r}."
        raise _invalid(f"Invalid JSON: {_json_detail(error)}", 201, hint) from None
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, brackets within brackets
        raise _invalid("Invalid JSON: too long", 201, f"The policy's JSON cannot be read: {error}.") from None


def _base64_hint(encoded: str, error: ValueError) -> str:
    if encoded.lstrip().startswith("{"):
        return "The field policy is plain JSON; it must be sent, and signed, as its base64."
    if re.search("[-_]", encoded):
        return "The field policy is in the URL-safe alphabet (- and _); OSS takes the standard one (+ and /)."
    if "%" in encoded:
        return "The field policy is percent-encoded; in a form its base64 is sent as it is."
    return f"The field policy is not base64 ({error}); it begins {encoded[:40]!r}."


def _json_detail(error: json.JSONDecodeError) -> str:
    """What is wrong, in OSS's own words where they are known."""
    if error.msg == "Expecting value" and error.pos < len(error.doc):
        return f"unknown char {error.doc[error.pos]}"
    if error.msg == "Expecting ',' delimiter":
        opened: list[str] = []
        for character in _STRING.sub("", error.doc[: error.pos]):
            if character in "[{":
                opened.append(character)
            elif character in "]}":
                opened.pop()
        return ", or ] expected" if opened[-1] == "[" else ", or } expected"
    return error.msg


def _expiration(value: object) -> datetime:
    if not isinstance(value, str):
        raise _invalid("Expiration must be a string.", 210, f"expiration is {_show(value)}, not a string.")
    if not value:
        raise _invalid("Expiration must not be empty.", 211, "expiration is empty.")
    try:
        if _ISO_DATE.fullmatch(value):
            return datetime.fromisoformat(value)
    except ValueError:
        pass  # the 31st of June
    raise _invalid(
        "Expiration must be an ISO 8601 time.",
        212,
        f"expiration is {_show(value)}; it must be a time in UTC such as 2024-06-01T13:00:00.000Z, with the Z.",
    )


def _condition(entry: object) -> Condition:
    if isinstance(entry, dict):
        if len(entry) != 1:
            raise InvalidPolicyDocument(
                "Invalid Policy: Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.",
                hint=f"{_show(entry)} has {len(entry)} members; write each as a condition of its own.",
            )
        ((name, value),) = entry.items()
        if not isinstance(value, str):
            raise _invalid_condition(entry, "the value must be a string")
        return Condition("eq", f"${name}", _unescaped(value))
    if not isinstance(entry, list) or len(entry) != 3:
        raise _invalid_condition(entry, 'a condition is {"name": "value"} or ["operator", "$name", value]')
    operator, name, value = entry
    if operator not in _OPERATORS:
        raise _invalid_condition(entry, f"the operators are {', '.join(_OPERATORS)} and {_LENGTH_RANGE}")
    if not isinstance(name, str) or len(name) < 2 or name[0] != "$":
        raise _invalid_condition(entry, "the field's name is a string that begins with $")
    if operator in ("in", "not-in"):
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            raise _invalid_condition(entry, f"{operator} takes a list of strings")
        return Condition(cast(Operator, operator), name, tuple(_unescaped(text) for text in value))
    if not isinstance(value, str):
        raise _invalid_condition(entry, "the value must be a string")
    return Condition(cast(Operator, operator), name, _unescaped(value))


def _length_range(entry: list[Any]) -> tuple[int, int]:
    if len(entry) != 3:
        raise _invalid_condition(entry, f'expected is ["{_LENGTH_RANGE}", minimum, maximum]')
    _, minimum, maximum = entry
    for what, value, number in (("minimum", minimum, 220), ("maximum", maximum, 221)):
        if type(value) is not int:
            is_nested = isinstance(minimum, list | dict) or isinstance(maximum, list | dict)
            hint = f"{_show(entry)}: the {what} must be a whole number of bytes, without quotes."
            raise _invalid(f"Invalid {_LENGTH_RANGE}: {what} is no integer.", 223 if is_nested else number, hint)
    if maximum < minimum:
        hint = f"{_show(entry)}: the maximum is below the minimum."
        raise _invalid(f"Invalid {_LENGTH_RANGE}: max is smaller than min.", 219, hint)
    return minimum, maximum


def _unescaped(value: str) -> str:
    """`value` with `\\$` read as `$`, because the Java SDK escapes the backslash of that escape once more."""
    return value.replace("\\$", "$")


def _invalid(detail: str, number: int, hint: str) -> InvalidPolicyDocument:
    return InvalidPolicyDocument(f"Invalid Policy: {detail}", ec=f"0006-{number:08d}", hint=hint)


def _invalid_condition(entry: object, rule: str) -> InvalidPolicyDocument:
    return InvalidPolicyDocument("Invalid Policy: Invalid Condition", hint=f"{_show(entry)} is no condition: {rule}.")


def _show(value: object) -> str:
    """`value` as JSON, cut short; halves of surrogate pairs, which JSON can hold and a hint cannot, are escaped."""
    shown = json.dumps(value, ensure_ascii=False)[:_SHOWN_CHARACTERS]
    return shown.encode("utf-8", "backslashreplace").decode()
