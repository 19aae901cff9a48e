"""YAML as configuration means it: 1.2's plain values, no key twice, and mistakes by line and column.

PyYAML reads YAML 1.1, where `off` is false (so `auth.mode: off` would be a boolean), `2030-01-01` a date and `12:30` a
number. Here only `true` and `false` are booleans, and times stay text for whoever knows their type.
"""

import re
from collections.abc import Hashable
from typing import Any

import yaml


class YamlError(Exception):
    """The text cannot be read. The message is one line: `line:column: what is wrong`."""


class _Loader(yaml.SafeLoader):
    """`yaml.SafeLoader` without what YAML 1.2 took out."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """The mapping; a key that stands in it twice is an error, not the last one's."""
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if (key.tag, str(key.value)) in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} stands here twice", key.start_mark)
            seen.add((key.tag, str(key.value)))
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first)


def parse(data: bytes) -> Any:
    """The value that the YAML text `data` (UTF-8) stands for; `None` when it is empty.

    Raises:
        YamlError: it is no YAML, no UTF-8, or nested too deeply.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise YamlError(f"{_position(data[: error.start].decode('utf-8-sig'))}: not UTF-8") from error
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
        raise YamlError(f"{where}: {', '.join(filter(None, (error.context, error.problem)))}") from error
    except yaml.reader.ReaderError as error:
        raise YamlError(f"{_position(text[: error.position])}: {error.reason}") from error
    except (RecursionError, ValueError) as error:  # ValueError: `int` refuses more than 4,300 digits
        raise YamlError("1:1: nested too deeply, or a number too long to be one") from error


def _position(before: str) -> str:
    """`line:column` of what follows the text `before`."""
    return f"{before.count(chr(10)) + 1}:{len(before) - (before.rfind(chr(10)) + 1) + 1}"
