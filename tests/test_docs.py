"""The documentation under test: its tables equal the code, its links lead somewhere, the Chinese page follows."""

import re
from pathlib import Path

import pytest

from emulator import __version__
from emulator.operations import TABLE

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md")])


def operation_table() -> str:
    """README's tables of operations, as the code has them."""
    rows = [f"| {row.name} | `{row.route}` |" for row in TABLE.rows if row.state == "emulated"]
    return (
        "| Operation | Request |\n|---|---|\n"
        + "\n".join(rows)
        + "\n\n<details><summary>Stored only: checked, kept and given back, without any effect here</summary>\n\n"
        + f"{names('stored only')}.\n\n</details>\n"
        + f"\n<details><summary>Not emulated: 501</summary>\n\n{names('not emulated')}.\n\n</details>\n"
    )


def names(state: str) -> str:
    """The operations in `state`, as both READMEs list them."""
    return ", ".join(row.name for row in TABLE.rows if row.state == state)


def test_operation_table_is_that_of_the_code() -> None:
    written = re.search(r"<!-- operations -->\n(.*?)<!-- end of operations -->", README, re.DOTALL)
    assert written is not None
    assert written[1] == operation_table(), f"README should have:\n\n{operation_table()}"


CHINESE = (ROOT / "README.zh.md").read_text()


def skeleton(page: str) -> dict[str, list[str]]:
    """What a page has in any language: headings by their level, code, the code in each row of a table, and links."""
    fenced = r"^```[\s\S]*?^```$"
    prose = re.sub(fenced, "", page, flags=re.MULTILINE)
    return {
        "headings": re.findall(r"^#+", prose, re.MULTILINE),
        "code": re.findall(rf"{fenced}|^    .*$", page, re.MULTILINE),
        "tables": [
            " ".join([str(row.count(" | ")), *sorted(re.findall(r"`[^`]+`", row))])
            for row in re.findall(r"^\|.*\|$", prose, re.MULTILINE)
        ],
        "links": sorted(set(re.findall(r"\]\(([^)]+)\)", prose)) - {"README.md", "README.zh.md"}),
    }


@pytest.mark.parametrize("part", ["headings", "code", "tables", "links"])
def test_readme_in_chinese_has_what_the_english_one_has(part: str) -> None:
    assert skeleton(CHINESE)[part] == skeleton(README)[part]


@pytest.mark.parametrize("state", ["stored only", "not emulated"])
def test_readme_in_chinese_lists_the_operations_that_are_not_in_the_table(state: str) -> None:
    assert f"\n\n{names(state)}." in CHINESE


def test_readmes_lead_to_each_other() -> None:
    assert "](README.zh.md)" in README
    assert "](README.md)" in CHINESE


def anchors(page: Path) -> set[str]:
    """The fragments of its headings."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in PAGES])
def test_links_lead_to_headings_that_there_are(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", page.read_text())
    assert [name for target, name in targets if name not in anchors(page.parent / target if target else page)] == []


@pytest.mark.parametrize("page", [pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_version_is_the_newest_in_the_changelog() -> None:
    versions = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == __version__
