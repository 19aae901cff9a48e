"""The conditions of a policy's statement: `{"IpAddress": {"acs:SourceIp": ["10.0.0.0/8"]}}` read, checked and judged.

Everything in a Condition must hold; of several values one is enough, and for the operators with Not none may fit.

Source: "Policy elements" and "Policy structure and syntax" of RAM; "Bucket policy".
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

import msgspec

from emulator.errors import InvalidPolicyDocument, OperationNotImplemented
from emulator.wildcard import fits

# What the emulator knows of a request, by the names that policies have for it, and what kind of value each is.
KEYS = {
    "acs:SourceIp": "ip",
    "acs:SecureTransport": "bool",
    "acs:CurrentTime": "date",
    "acs:Referer": "string",
    "acs:UserAgent": "string",
    "oss:Prefix": "string",
    "oss:Delimiter": "string",
}
_KEYS = {name.lower(): name for name in KEYS}

Facts = Mapping[str, str]


def _in_network(fact: str, value: str) -> bool:
    address = ip_address(fact)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address in ip_network(value, strict=False)


# By its name without Not: what kind of values an operator compares, and how a fact fits a value.
_OPERATORS: dict[str, tuple[str, Callable[[str, str], bool]]] = {
    "StringEquals": ("string", lambda fact, value: fact == value),
    "StringEqualsIgnoreCase": ("string", lambda fact, value: fact.casefold() == value.casefold()),
    "StringLike": ("string", lambda fact, value: fits(value, fact)),
    "IpAddress": ("ip", _in_network),
    "Bool": ("bool", lambda fact, value: fact == value),
    "DateEquals": ("date", lambda fact, value: parse_date(fact) == parse_date(value)),
    "DateLessThan": ("date", lambda fact, value: parse_date(fact) < parse_date(value)),
    "DateLessThanEquals": ("date", lambda fact, value: parse_date(fact) <= parse_date(value)),
    "DateGreaterThan": ("date", lambda fact, value: parse_date(fact) > parse_date(value)),
    "DateGreaterThanEquals": ("date", lambda fact, value: parse_date(fact) >= parse_date(value)),
}
_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "NotIpAddress": "IpAddress",
    "DateNotEquals": "DateEquals",
}
OPERATORS = (*_OPERATORS, *_NEGATED)


class Condition(msgspec.Struct, frozen=True):
    """One line of a Condition: `operator` is its name as written, `key` one of `KEYS`."""

    operator: str
    key: str
    values: tuple[str, ...]

    @property
    def is_negated(self) -> bool:
        """Whether no value may fit."""
        return self.operator in _NEGATED

    def mismatch(self, facts: Facts) -> str:
        """Why the condition does not hold, `""` if it does.

        Guess: where a request has no such fact (no Referer), a negated condition holds and any other does not.
        """
        fact = facts.get(self.key)
        compare = _OPERATORS[_NEGATED.get(self.operator, self.operator)][1]
        is_any = fact is not None and any(compare(fact, value) for value in self.values)
        if is_any != self.is_negated:
            return ""
        received = "absent" if fact is None else repr(fact)
        return f"has the condition {self.operator} {self.key} {list(self.values)}, and here it is {received}"

    @property
    def names_senders(self) -> bool:
        """Whether it leaves only clients of certain addresses, so that what it allows is not public.

        Guess: the documentation of GetBucketPolicyStatus has fixed values in mind.
        """
        return self.key == "acs:SourceIp" and not self.is_negated and all(_is_bounded(value) for value in self.values)


def parse_conditions(document: Any) -> tuple[Condition, ...]:
    """The conditions in a statement's Condition.

    Raises:
        InvalidPolicyDocument: that is no Condition.
        OperationNotImplemented: OSS may know such a condition, the emulator cannot judge it.
    """
    if not isinstance(document, dict):
        raise _invalid("Condition must be an object", 'as in {"IpAddress": {"acs:SourceIp": ["10.0.0.0/8"]}}')
    return tuple(
        _parse_condition(operator, key, values)
        for operator, keys in document.items()
        for key, values in _members(operator, keys)
    )


def parse_date(text: str) -> datetime:
    """A time of a policy, such as `2030-01-01T00:00:00Z` or with `+08:00`.

    Raises:
        ValueError: it is none, or says nothing of its time zone.
    """
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("a time without a time zone")
    return time


def _members(operator: str, keys: Any) -> list[tuple[str, Any]]:
    if operator not in OPERATORS:
        raise OperationNotImplemented(
            f"The condition operator {operator} is not implemented by the emulator.",
            hint=f"A policy that cannot be judged is not accepted. The emulator knows {', '.join(OPERATORS)}.",
        )
    if not isinstance(keys, dict) or not keys:
        raise _invalid(f"{operator} must be an object", "with condition keys and their values")
    return list(keys.items())


def _parse_condition(operator: str, name: str, values: Any) -> Condition:
    key = _KEYS.get(name.lower())
    if key is None:
        raise OperationNotImplemented(
            f"The condition key {name} is not implemented by the emulator.",
            hint=f"A policy that cannot be judged is not accepted. The emulator knows {', '.join(KEYS)}.",
        )
    kind = _OPERATORS[_NEGATED.get(operator, operator)][0]
    if kind != KEYS[key]:
        fitting = [each for each in OPERATORS if _OPERATORS[_NEGATED.get(each, each)][0] == KEYS[key]]
        raise _invalid(f"{operator} does not apply to {key}", f"which takes {', '.join(fitting)}")
    listed = values if isinstance(values, list) else [values]
    if not listed:
        raise _invalid(f"{operator} of {key} has no value", "and would never or always hold")
    return Condition(operator, key, tuple(_parse_value(kind, key, value) for value in listed))


def _parse_value(kind: str, key: str, value: Any) -> str:
    text = ("false", "true")[value] if isinstance(value, bool) else value
    if not isinstance(text, str):
        raise _invalid(f"{value!r} is no value of {key}", "values are texts, or a list of them")
    try:
        if kind == "ip":
            ip_network(text, strict=False)
        elif kind == "date":
            parse_date(text)
    except ValueError:
        example = "an address such as 10.0.0.1 or 10.0.0.0/8" if kind == "ip" else "a time such as 2030-01-01T00:00:00Z"
        raise _invalid(f"{text!r} is no value of {key}", f"it takes {example}") from None
    if kind == "bool":
        text = text.lower()
        if text not in ("true", "false"):
            raise _invalid(f"{value!r} is no value of {key}", "it takes true or false")
    return text


def _is_bounded(value: str) -> bool:
    network: IPv4Network | IPv6Network = ip_network(value, strict=False)
    return network.prefixlen > 0


def _invalid(what: str, hint: str) -> InvalidPolicyDocument:
    return InvalidPolicyDocument(f"Invalid Policy: {what}.", hint=f"{what}; {hint}.")
