"""OSS's documents: built as text, read with a parser that refuses what an attacker would send.

They are written by hand because a key may hold characters that XML forbids, and OSS writes them raw all the same: a
serializer of the standard library would not, and a client that wants to read such keys asks for `encoding-type=url`.

Source: "ListObjects"; the samples of every operation for declaration, indentation and the absent namespace.
"""

import re
from collections.abc import Sequence
from typing import TypeAlias
from xml.etree.ElementTree import Element, ParseError

from emulator.errors import MalformedXML
from emulator.wire.response import escape

# A name with its text, or with the elements inside it; numbers and switches are spelt as OSS spells them.
Content: TypeAlias = "str | int | Sequence[tuple[str, Content]]"
Elements: TypeAlias = Sequence[tuple[str, Content]]

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_INDENT = "  "
_CONTROLS = re.compile(rb"[\x01-\x08\x0b\x0c\x0e-\x1f]")  # forbidden in XML
_STAND_INS = 0x10FF00  # private characters, one for each of them while the parser reads
_FROM_STAND_INS = {_STAND_INS + code: code for code in range(0x20)}


def build_document(root: str, content: Content) -> bytes:
    """The document whose root element is called `root`."""
    lines = [_DECLARATION]
    _write(lines, "", [(root, content)])
    return "".join(lines).encode()


def _write(lines: list[str], indent: str, elements: Elements) -> None:
    for name, content in elements:
        if isinstance(content, str):
            if "&" in content or "<" in content or ">" in content:  # hardly ever, and a page has 10,000 texts
                content = escape(content)
            lines.append(f"{indent}<{name}>{content}</{name}>\n")
        elif isinstance(content, bool):
            lines.append(f"{indent}<{name}>{'true' if content else 'false'}</{name}>\n")
        elif isinstance(content, int):
            lines.append(f"{indent}<{name}>{content}</{name}>\n")
        elif content:
            lines.append(f"{indent}<{name}>\n")
            _write(lines, indent + _INDENT, content)
            lines.append(f"{indent}</{name}>\n")
        else:
            lines.append(f"{indent}<{name}></{name}>\n")


def parse_document(body: bytes, root: str, *, ec: str | None = None, has_keys: bool = False) -> Element:
    """The root element, called `root`, of a document that a client sent. Namespaces are dropped from all names.

    Where it `has_keys`, its texts may hold the control characters that keys can have and XML forbids.

    Raises:
        MalformedXML: it is no XML, declares entities, or its root has another name; `ec` goes with the error.
    """
    from defusedxml.ElementTree import fromstring  # 20 ms that the first upload need not wait for

    if has_keys:
        body = _CONTROLS.sub(lambda control: chr(_STAND_INS + control[0][0]).encode(), body)
    try:
        element = fromstring(body)
    # Entities and some encodings are a ValueError, unknown encodings a LookupError: each is the client's bad document.
    except (ParseError, ValueError, LookupError, RecursionError) as error:
        raise MalformedXML(ec=ec, hint=f"The body cannot be read as XML: {error}.") from error
    for each in element.iter():
        each.tag = each.tag.rpartition("}")[2]
        if has_keys and each.text:
            each.text = each.text.translate(_FROM_STAND_INS)
    if element.tag != root:
        raise MalformedXML(
            ec=ec,
            ErrorDetail=f"the root node is not named {root}.",
            hint=f"The root element is <{element.tag}>; this operation wants <{root}>.",
        )
    assert isinstance(element, Element)
    return element


def content_of(element: Element) -> Content:
    """What is in `element`, to be built again: its elements, or its text without blanks around it."""
    return [(child.tag, content_of(child)) for child in element] or (element.text or "").strip()
