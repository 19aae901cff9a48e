"""What a document may hold, written down as the documentation draws it, and documents brought into that form.

    BucketLoggingStatus
      LoggingEnabled?
        TargetBucket
        TargetPrefix?

An element is there once; with `?` perhaps, with `*` any number of times, with `+` at least once. What follows a colon
is what its text may be: `a|b` is one of these words, `bool` is `true` or `false` in whatever case (some SDKs write
`True`), `1..70` a whole number within these bounds (`0..` has no upper one); without a colon it is any text, and not an
empty one where the element must be there. `= false` is what an absent element says in the answer. Elements may come in
any order, and are given back in that of the schema.
"""

import re
from xml.etree.ElementTree import Element

import msgspec

from emulator.errors import MalformedXML
from emulator.wire.xml import Content

_LINE = re.compile(r"( *)([\w-]+)([?*+]?)(?:: (\S+))?(?: = (\S+))?")
_NUMBER = re.compile(r"-?[0-9]{1,18}")

_INDENT = 2
_RULES = {"": "there and not empty", "bool": "true or false"}


class Node(msgspec.Struct, frozen=True):
    """An element of a schema: how often it may come, what its text may be, or which elements it has inside."""

    name: str
    times: str
    text: str
    default: str
    inside: "list[Node]"

    @property
    def is_single(self) -> bool:
        """Whether the element comes at most once."""
        return self.times in ("", "?")

    def read(self, element: Element) -> Content:
        """What `element` says, in the order of the schema.

        Raises:
            MalformedXML: an element is missing, comes too often or is not known, or has a text that it cannot have.
        """
        if not self.inside:
            if len(element):
                raise MalformedXML(hint=f"<{self.name}> has text and no elements inside.")
            return self._check_text((element.text or "").strip())
        known = [node.name for node in self.inside]
        for child in element:
            if child.tag not in known:
                raise MalformedXML(hint=f"<{self.name}> has no <{child.tag}>; it has {', '.join(known)}.")
        content: list[tuple[str, Content]] = []
        for node in self.inside:
            found = element.findall(node.name)
            if not found and node.times in ("", "+") and not node.default:
                raise MalformedXML(hint=f"<{self.name}> lacks <{node.name}>.")
            if len(found) > 1 and node.is_single:
                raise MalformedXML(hint=f"<{self.name}> has <{node.name}> {len(found)} times.")
            content += [(node.name, node.read(child)) for child in found]
            if not found and node.default:
                content.append((node.name, node.default))
        return content

    def _check_text(self, text: str) -> str:
        if self.text == "bool":
            text = text.lower()
            is_good = text in ("true", "false")
        elif not self.text:
            is_good = bool(text) or self.times != ""
        elif ".." in self.text:
            low, _, high = self.text.partition("..")
            is_good = bool(_NUMBER.fullmatch(text)) and int(low) <= int(text) and (not high or int(text) <= int(high))
        else:
            is_good = text in self.text.split("|")
        if not is_good:
            raise MalformedXML(hint=f"<{self.name}> is {text!r}; it must be {_RULES.get(self.text, self.text)}.")
        return text


def parse_schema(text: str) -> Node:
    """The schema that `text` draws."""
    lines = [line for line in text.splitlines() if line.strip()]
    margin = len(lines[0]) - len(lines[0].lstrip())
    path: list[Node] = []
    for line in lines:
        match = _LINE.fullmatch(line[margin:])
        assert match, f"no line of a schema: {line!r}"
        indent, name, times, rule, default = match.groups()
        node = Node(name, times, rule or "", default or "", [])
        del path[len(indent) // _INDENT :]
        if path:
            path[-1].inside.append(node)
        path.append(node)
    return path[0]
