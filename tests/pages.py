"""The pages of the documentation, taken apart: which blocks of code they have, and what each is marked as.

A block has a marker in front, `<!-- kind: name -->`, which readers do not see. The kind says who holds it to the code.
"""

import re
import textwrap
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "bench/*.md")
    for path in ROOT.glob(pattern)
)

_FENCED = re.compile(
    r"^(?P<indent> *)(?:<!-- (?P<kind>\w+)(?:: (?P<name>[^\n]+))? -->\n(?P=indent))?"
    r"```(?P<language>\w*)\n(?P<code>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_INDENTED = re.compile(r"\n\n( {4,}\S.*)")


class Block(NamedTuple):
    """A block of code. `kind` and `name` are those of its marker, or empty."""

    kind: str
    name: str
    language: str
    code: str


def read(page: str) -> str:
    return (ROOT / page).read_text()


def blocks(text: str) -> list[Block]:
    """The blocks of a page, in their order; those that are only indented come last, a line of each."""
    fenced = [
        Block(found["kind"] or "", found["name"] or "", found["language"], textwrap.dedent(found["code"]))
        for found in _FENCED.finditer(text)
    ]
    return fenced + [Block("", "", "", line.strip()) for line in _INDENTED.findall(_FENCED.sub("", text))]


def marked(page: str, kind: str) -> dict[str, str]:
    """The code of a page's blocks of one kind, by name."""
    found = [block for block in blocks(read(page)) if block.kind == kind]
    code = {block.name: block.code for block in found}
    assert len(code) == len(found), f"{page} has a name of {kind} twice"
    return code
