"""The documentation under test: its examples run, its tables equal the code, its links lead somewhere."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from emulator import Config, EmulatorThread, __version__
from emulator.config import Server, Storage
from emulator.configure import load
from emulator.operations import TABLE

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md")])

DEVELOPMENT = (ROOT / "docs/dev-server.md").read_text()
EXAMPLES = [
    example
    for text in (README, DEVELOPMENT)
    for example in re.findall(r"<!-- test: ([\w-]+) -->\n```(\w+)\n(.*?)```", text, re.DOTALL)
]
EXPECTED = {
    "upload": '200 b\'{"Status":"OK"}\'\n',
    "expand": "object=dir%2Fa.txt&user=42",
    "fixture": "1 passed",
    "oss2": "",
    "alibabacloud-oss-v2": "",
    "ali-oss": "200\n",
    "fault": '"error":"ServiceUnavailable"',
    "look": '"evicted": 0',
    "adopt": '{"adopted":1}',
}


@pytest.mark.parametrize(("name", "language", "code"), [pytest.param(*example, id=example[0]) for example in EXAMPLES])
def test_example_runs(name: str, language: str, code: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    config = Config(server=Server(port=0), storage=Storage(data_dir=tmp_path / "oss-data"))
    with EmulatorThread(config) as emulator:
        code = code.replace("http://127.0.0.1:8280", emulator.endpoint)
        environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        if "def test_" in code:
            (tmp_path / "test_it.py").write_text(code)
            command = [sys.executable, "-m", "pytest", "-q"]
        elif language == "python":
            command = [sys.executable, "-c", code]
        elif language == "sh":
            command = ["sh", "-euc", code]
        else:
            command = [request.getfixturevalue("node"), "-e", code]
            environment["NODE_PATH"] = str(ROOT / "tests/sdk/node_modules")
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 0, done.stderr
    assert EXPECTED[name] in done.stdout


def test_every_example_has_an_expectation() -> None:
    assert {name for name, _, _ in EXAMPLES} == EXPECTED.keys()


@pytest.mark.parametrize(("page", "buckets"), [(README, ["examplebucket"]), (DEVELOPMENT, ["photos"])])
def test_example_of_settings_can_be_loaded(page: str, buckets: list[str], tmp_path: Path) -> None:
    (settings,) = re.findall(r"<!-- settings -->\n```yaml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "oss.yaml").write_text(settings)
    config = load(tmp_path / "oss.yaml", {}, {})
    assert config.bucket_names == buckets
    assert config.cors.default == "allow-all"


def operation_table() -> str:
    """README's tables of operations, as the code has them."""
    rows = [f"| {row.name} | `{row.route}` |" for row in TABLE.rows if row.is_emulated]
    others = ", ".join(row.name for row in TABLE.rows if not row.is_emulated)
    return (
        "| Operation | Request |\n|---|---|\n"
        + "\n".join(rows)
        + f"\n\n<details><summary>Not emulated: 501</summary>\n\n{others}.\n\n</details>\n"
    )


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


def test_readme_in_chinese_lists_the_operations_that_are_not_emulated() -> None:
    assert ", ".join(row.name for row in TABLE.rows if not row.is_emulated) in CHINESE


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
