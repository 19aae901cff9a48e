"""What the visitors of a bucket get: its index, its error document, its routing rules."""

from enum import StrEnum

import msgspec


class RedirectType(StrEnum):
    """What a routing rule does: fetch the object from elsewhere, send the client elsewhere, or answer with another."""

    MIRROR = "Mirror"
    EXTERNAL = "External"
    ALICDN = "AliCDN"
    INTERNAL = "Internal"


class HeaderCondition(msgspec.Struct, frozen=True):
    """What a header of a request, called `name` in lower case, must be for a routing rule; `None` asks for nothing."""

    name: str
    equals: str | None = None
    starts_with: str | None = None
    ends_with: str | None = None


class RoutingCondition(msgspec.Struct, frozen=True):
    """When a routing rule holds: everything in it. `status` is that of the refusal which the client would get."""

    key_prefix: str = ""
    key_suffix: str = ""
    status: int | None = None
    headers: tuple[HeaderCondition, ...] = ()


class Redirect(msgspec.Struct, frozen=True):
    """Where a routing rule leads. What is empty is as in the request.

    `replace_key_with` is a template with `${key}`; `prefix` is what the condition's prefix becomes, `None` if it stays.
    """

    type: RedirectType
    protocol: str = ""
    host_name: str = ""
    passes_query: bool = False
    replace_key_with: str = ""
    prefix: str | None = None
    status: int = 301


class RoutingRule(msgspec.Struct, frozen=True):
    """A rule of a website, by its number. `redirect` is `None` where a script is to decide, which is only kept."""

    number: int
    condition: RoutingCondition
    redirect: Redirect | None


class Website(msgspec.Struct, frozen=True):
    """What visitors of a bucket get. `rules` are in the order of their numbers; `index` and `error` `""` if not set.

    `directory_type` is what becomes of a missing `abc` where `abc/` has an index: 0 is sent there, 1 is missing, 2 gets
    it. `document` is all of it in the wire's spelling, with what is only kept: how a mirror is to fetch.
    """

    document: str
    index: str = ""
    has_directories: bool = False
    directory_type: int = 0
    error: str = ""
    error_status: int = 404
    rules: tuple[RoutingRule, ...] = ()
