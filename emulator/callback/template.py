"""The callbackBody: text with `${variables}`, parsed once, expanded for form or for JSON. Pure.

Expansion is one pass: a value that holds `${...}` is not expanded again. There is no escape for a dollar sign.

Source: "Callback" in the OSS API reference; the encodings are those of captured callbacks whose signatures verify.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Literal
from urllib.parse import quote_from_bytes

import msgspec

from emulator.callback.refusals import LEFT_BRACE_MISSING, RIGHT_BRACE_MISSING, Refusal
from emulator.errors import InvalidArgument

Encoding = Literal["form", "json"]
Value = str | int | None

NUMERIC_VARIABLES = frozenset({"size", "crc64", "imageInfo.height", "imageInfo.width"})
IMAGE_VARIABLES = frozenset({"imageInfo.height", "imageInfo.width", "imageInfo.format"})
SYSTEM_VARIABLES = (
    NUMERIC_VARIABLES
    | IMAGE_VARIABLES
    | {"bucket", "object", "etag", "mimeType", "contentMd5", "vpcId", "clientIp", "reqId", "operation"}
    | {"imageInfo"}  # undocumented, but a captured callback has `"imageInfo":null`
)

_ESCAPED = re.compile(r"\\.", re.DOTALL)


class Template(msgspec.Struct, frozen=True):
    """A parsed callbackBody: `literals[0]`, the value of `names[0]`, `literals[1]` and so on to the last literal."""

    text: str
    literals: tuple[str, ...]
    names: tuple[str, ...]

    def expand(self, values: Mapping[str, Value], encoding: Encoding) -> bytes:
        """The body to send. A name without a value becomes nothing in a form and `null` in JSON."""
        encode = _as_form if encoding == "form" else _as_json
        pieces = [self.literals[0]]
        for name, literal in zip(self.names, self.literals[1:], strict=True):
            pieces.append(encode(values.get(name)))
            pieces.append(literal)
        return "".join(pieces).encode()

    def names_in_quotes(self) -> Iterator[str]:
        """The variables that stand inside a JSON string of the template, where a string value doubles the quotes."""
        is_inside = False
        for literal, name in zip(self.literals, self.names, strict=False):
            if _ESCAPED.sub("", literal).count('"') % 2:
                is_inside = not is_inside
            if is_inside:
                yield name


def parse_template(text: str) -> Template:
    """Read a callbackBody.

    Raises:
        InvalidArgument: a `$` is not followed by `{`, or a `${` by `}`; extra element ReplaceKeyPrefix.
    """
    literals: list[str] = []
    names: list[str] = []
    start = 0
    while (dollar := text.find("$", start)) >= 0:
        if text[dollar + 1 : dollar + 2] != "{":
            raise _fault(LEFT_BRACE_MISSING, text, dollar, "a $ that is not followed by {")
        end = text.find("}", dollar)
        if end < 0:
            raise _fault(RIGHT_BRACE_MISSING, text, dollar, "a ${ that no } closes")
        literals.append(text[start:dollar])
        names.append(text[dollar + 2 : end])
        start = end + 1
    literals.append(text[start:])
    return Template(text, tuple(literals), tuple(names))


def _fault(refusal: Refusal, text: str, position: int, what: str) -> InvalidArgument:
    hint = (
        f"callbackBody has {what} at character {position}: {text[position : position + 20]!r}. "
        "A variable is written ${name}, as in ${object} or ${x:name}; a literal dollar sign is not possible."
    )
    return refusal.error(hint, ReplaceKeyPrefix=text)


def _as_form(value: Value) -> str:
    """Percent-encoded UTF-8: all but `A-Za-z0-9-_.~`.

    Guess: a space is `%20`; `~` alone of the other marks stays. `/`, `:` and the letters are as captured.
    """
    if value is None:
        return ""
    return quote_from_bytes(str(value).encode("utf-8", "surrogateescape"), safe="")


def _as_json(value: Value) -> str:
    """A complete JSON literal: a string with its quotes, a bare number, `null`.

    Guess: other than ASCII goes as raw UTF-8. What is not UTF-8 (a Content-Type can be anything) is replaced by U+FFFD.
    """
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return msgspec.json.encode(value).decode()
