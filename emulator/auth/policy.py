"""Policies: the document of a bucket policy, or of AssumeRole, read into a value and judged. Pure.

    {"Version": "1", "Statement": [{"Effect": "Allow", "Principal": ["*"], "Action": "oss:Get*",
                                    "Resource": "acs:oss:*:*:examplebucket/public/*"}]}

A Deny that fits goes before every Allow; where nothing fits, the policy says nothing.

Source: "Policy structure and syntax" of RAM; "Bucket policy" and "PutBucketPolicy".
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Literal

import msgspec

from emulator.auth.policy_conditions import Condition, Facts, parse_conditions
from emulator.errors import InvalidPolicyDocument
from emulator.wildcard import fits

VERSION = "1"
MAX_SHOWN_CHARACTERS = 300
MAX_SHOWN_STATEMENTS = 5
_ELEMENTS = {
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
}


class Question(msgspec.Struct, frozen=True):
    """What a policy is asked: may the sender do `action` (`oss:GetObject`) to a resource.

    `principals` are the names by which a policy may call the sender (`("",)` for one who did not sign), `resources` the
    spellings of the one resource: `acs:oss:cn-hangzhou:1234567890123456:examplebucket/a.txt`. `facts` are what
    conditions ask for, by the keys of `policy_conditions`.
    """

    principals: tuple[str, ...]
    action: str
    resources: tuple[str, ...]
    facts: Facts


class Element(msgspec.Struct, frozen=True):
    """Whom or what a statement speaks of: `name` is `Action`, or `NotAction` for all but what fits."""

    name: str
    patterns: tuple[str, ...]

    def mismatch(self, texts: tuple[str, ...]) -> str:
        """Why it does not speak of what is called any of `texts`, `""` if it does."""
        is_any = any(fits(pattern, text) for pattern in self.patterns for text in texts)
        if is_any != self.name.startswith("Not"):
            return ""
        return f"has {self.name} {list(self.patterns)}"


class Statement(msgspec.Struct, frozen=True):
    """One statement. `actions` are in lower case; `text` is its JSON, shortened."""

    effect: Literal["Allow", "Deny"]
    principals: Element | None
    actions: Element
    resources: Element
    conditions: tuple[Condition, ...]
    text: str

    def mismatch(self, question: Question) -> str:
        """The first part that does not fit `question`, `""` if all do. Guess: actions are compared without case."""
        return (
            self.actions.mismatch((question.action.lower(),))
            or self.resources.mismatch(question.resources)
            or (self.principals.mismatch(question.principals) if self.principals else "")
            or next(filter(None, (condition.mismatch(question.facts) for condition in self.conditions)), "")
        )

    @property
    def is_public(self) -> bool:
        """Whether it lets anybody do something."""
        anybody = self.principals is not None and not self.principals.mismatch(("",))
        return self.effect == "Allow" and anybody and not any(each.names_senders for each in self.conditions)


class Verdict(msgspec.Struct, frozen=True):
    """What a policy says: `effect` is `""` where it says nothing. `reason` goes into a hint."""

    effect: Literal["Allow", "Deny", ""]
    reason: str


class Policy(msgspec.Struct, frozen=True):
    """A policy document."""

    statements: tuple[Statement, ...]

    def judge(self, question: Question) -> Verdict:
        """What the policy says to `question`."""
        verdict = Verdict("", "")
        missed: list[str] = []
        for number, statement in enumerate(self.statements, 1):
            mismatch = statement.mismatch(question)
            if not mismatch:
                verdict = Verdict(statement.effect, f"statement {number}, {statement.text}")
                if verdict.effect == "Deny":
                    return verdict
            elif statement.effect == "Allow":
                missed.append(f"statement {number} {mismatch}")
        if verdict.effect:
            return verdict
        asked = f"none of its statements allows {question.action} on {question.resources[0]}"
        return Verdict("", "; ".join([asked, *missed[:MAX_SHOWN_STATEMENTS]]))

    def without_public(self) -> "Policy":
        """What is left of it where nothing may be public."""
        return Policy(tuple(statement for statement in self.statements if not statement.is_public))

    @property
    def is_public(self) -> bool:
        """Whether it lets anybody do something, as GetBucketPolicyStatus asks."""
        return any(statement.is_public for statement in self.statements)


@lru_cache(maxsize=256)
def parse_policy(text: str, *, has_principals: bool) -> Policy:
    """The policy that `text` is. The policy of a bucket says in each statement to whom it applies; others never do.

    Guess: the messages, on the model of those for the policy of a form.

    Raises:
        InvalidPolicyDocument: it is none.
        OperationNotImplemented: it has a condition that the emulator cannot judge.
    """
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidPolicyDocument(
            f"Invalid Policy: Invalid JSON: {error}", hint=f"The policy is not JSON: {error}."
        ) from None
    if not isinstance(document, dict):
        raise _invalid("Policy must be an object", "It is JSON, with Version and Statement.")
    if document.get("Version") != VERSION:
        raise _invalid("Version must be 1", f'The policy has "Version": {_shown(document.get("Version"))}.')
    statements = document.get("Statement")
    if not isinstance(statements, list) or not statements:
        raise _invalid("Statement must be a list", 'Expected is "Statement": [{"Effect": ...}, ...].')
    for name in document:
        if name not in ("Version", "Statement"):
            raise _invalid(f"unknown element {name}", "A policy has Version and Statement, spelt exactly so.")
    return Policy(
        tuple(
            _parse_statement(f"Statement {number}", statement, has_principals=has_principals)
            for number, statement in enumerate(statements, 1)
        )
    )


def _parse_statement(where: str, document: Any, *, has_principals: bool) -> Statement:
    if not isinstance(document, dict):
        raise _invalid(f"{where} must be an object", f"It is {_shown(document)}.")
    for name in document:
        if name not in _ELEMENTS:
            raise _invalid(f"{where} has an unknown element {name}", f"There are {', '.join(sorted(_ELEMENTS))}.")
    effect = document.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise _invalid(f"Effect of {where} must be Allow or Deny", f"It is {_shown(effect)}.")
    principals = _parse_element(where, document, "Principal", is_needed=has_principals)
    if principals is not None and not has_principals:
        raise _invalid(f"{where} has a Principal", "The policy of a role says what it may, not who it is.")
    actions = _parse_element(where, document, "Action")
    resources = _parse_element(where, document, "Resource")
    assert actions is not None and resources is not None, "both are needed"
    return Statement(
        effect=effect,
        principals=principals,
        actions=Element(actions.name, tuple(pattern.lower() for pattern in actions.patterns)),
        resources=resources,
        conditions=parse_conditions(document.get("Condition", {})),
        text=_shown(document),
    )


def _parse_element(where: str, document: dict[str, Any], name: str, *, is_needed: bool = True) -> Element | None:
    """The element called `name`, or its opposite; `None` if there is neither and it `is_needed` not."""
    given = [each for each in (name, f"Not{name}") if each in document]
    if len(given) != 1:
        if not given and not is_needed:
            return None
        raise _invalid(
            f"{where} must have {name}", f"It has {' and '.join(given) or 'none'}; one of the two is needed."
        )
    patterns = tuple(_texts(document[given[0]]))
    if not patterns:
        raise _invalid(
            f"{given[0]} of {where} must be a text or a list of texts", f"It is {_shown(document[given[0]])}."
        )
    return Element(given[0], patterns)


def _texts(value: Any) -> Iterator[str]:
    """The texts that `value` is or holds; none if something in it is no text."""
    listed = value if isinstance(value, list) else [value]
    if all(isinstance(each, str) and each for each in listed):
        yield from listed


def _shown(value: Any) -> str:
    """`value` as JSON of one line, shortened."""
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[:MAX_SHOWN_CHARACTERS]}..."


def _invalid(what: str, hint: str) -> InvalidPolicyDocument:
    return InvalidPolicyDocument(f"Invalid Policy: {what}.", hint=hint)
