"""No block of code in the documentation is held by nobody: each is run by a test, or what it says is compared."""

import argparse
import re
import shlex
from collections.abc import Callable

import pytest
import yaml

from bench.__main__ import MEASURES
from bench.subjects import ALL
from emulator.cli import _parser
from emulator.config import Config, Server
from emulator.configure import load
from emulator.control.routes import _ENDPOINTS, _endpoint
from emulator.testing import OssEmulator
from tests import pages
from tests.test_container import the

TRANSLATIONS = ("README.zh.md",)  # whose code is that of the English page: tests/test_docs.py
# Who runs or reads the blocks of each kind, all of them: the tests of the files that are named.
HELD = {
    ("README.md", "test"): "test_docs_examples.py",
    ("README.md", "settings"): "test_docs_examples.py",
    ("docs/dev-server.md", "test"): "test_docs_examples.py",
    ("docs/dev-server.md", "serve"): "test_docs_examples.py",
    ("docs/dev-server.md", "settings"): "test_docs_examples.py",
    ("docs/dev-server.md", "certificate"): "test_docs_examples.py",
    ("docs/dev-server.md", "workflow"): "test_container.py",
    ("docs/callbacks.md", "test"): "test_docs_callbacks.py",
    ("docs/callbacks.md", "text"): "test_docs_callbacks.py",
    ("docs/test-fixture.md", "test"): "test_docs_fixture.py",
    ("docs/browser-upload.md", "browser"): "browser/test_page.py",
}


# --- What cannot be run here ----------------------------------------------------------------------------------------


def check_make(code: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", pages.read("Makefile"), re.MULTILINE))
    named = re.findall(r"\bmake ([a-z]+)", code)
    assert named
    assert set(named) <= targets


def check_docker(code: str) -> None:
    run = shlex.split(code.splitlines()[-1])
    assert run[:2] == ["docker", "run"]
    assert run[-1] == "oss-emulator"
    options = dict(zip(run[3:-1:2], run[4:-1:2], strict=True))
    port = Server().port
    assert options.pop("--publish") == f"127.0.0.1:{port}:{the('EXPOSE').text}"
    if "--volume" in options:
        assert options.pop("--volume").rpartition(":")[2] == the("WORKDIR").text
        assert code.startswith(f"docker build --tag {run[-1]} .\n")
    if "--env" in options:
        name, _, value = options.pop("--env").partition("=")
        assert load(None, {name: value}, {}).control.token == value
        assert f"Bearer {value}" in pages.marked("docs/dev-server.md", "test")["reset with a token"]
    assert not options


def check_compose(code: str) -> None:
    assert code == "docker compose up --build\n"
    assert all(service["build"] == "." for service in yaml.safe_load(pages.read("compose.yaml"))["services"].values())


def check_environ(code: str) -> None:
    """The SDK is given what `exec` gives: itself, or through the SDK's own reader of the environment."""
    names = set(re.findall(r"\bOSS_\w+", code))
    with OssEmulator() as oss:
        assert {"OSS_ENDPOINT", "OSS_REGION"} <= names <= oss.environ.keys()
    assert "EnvironmentVariableCredentialsProvider" in code or {"OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET"} <= names


def check_testcontainers(code: str) -> None:
    (arguments,) = re.findall(r"withCommand\((.*)\)", code)
    name, *words = re.findall(r'"([^"]*)"', arguments)
    assert name == "oss-emulator"
    assert vars(_parser().parse_args(words))["storage.ephemeral"]
    ((variable, value),) = re.findall(r'withEnv\("(\w+)", "(\w+)"\)', code)
    assert load(None, {variable: value}, {}).control.token == value
    assert f'"Authorization: Bearer {value}"' in code
    assert set(re.findall(r"(?:withExposedPorts|getMappedPort)\((\d+)\)", code)) == {the("EXPOSE").text}
    assert set(re.findall(r"/_emulator/(\w+)", code)) <= _ENDPOINTS.keys()


def check_failed_wait(code: str) -> None:
    with OssEmulator(callback={"timeout_seconds": 1}) as oss:
        oss.receiver.answer(status=500)
        headers = {"x-oss-callback": oss.receiver.callback("size=${size}")}
        oss.client("oss2").put_object("avatars/ann.png", b"image", headers=headers)
        with pytest.raises(AssertionError) as failed:
            oss.callbacks.wait(object="avatars/bob.png", timeout=0.01)
    pattern = re.escape(code.strip().replace("within 5 s", "within 0.01 s"))
    pattern = pattern.replace(r"\.\.\.", ".*").replace("40123", r"\d+")
    assert re.match(pattern, f"AssertionError: {failed.value}"), str(failed.value)


def check_rooms(code: str) -> None:
    rooms = re.findall(r"(?<![/_])\b([a-z][a-z_]*(?:/|\.py))", code)
    assert len(rooms) > 8
    assert [room for room in rooms if not (pages.ROOT / "emulator" / room).exists()] == []


def check_operation(code: str) -> None:
    row = code.splitlines()[0].strip()
    chapters = (pages.ROOT / "emulator/operations").glob("*.py")
    assert any(row in chapter.read_text() for chapter in chapters)


def check_bench(code: str) -> None:
    assert set(re.findall(r"make (\w+)", code)) == {"bench"}
    ((measures, subjects),) = re.findall(r"--only (\S+) --subjects (\S+)", code)
    assert set(measures.split(",")) <= set(MEASURES)
    assert set(subjects.split(",")) <= set(ALL)
    assert set(re.findall(r" (--\w+)", code)) <= set(re.findall(r'"(--\w+)"', pages.read("bench/__main__.py")))


CHECKS: dict[tuple[str, str], Callable[[str], None]] = {
    ("README.md", "make serve"): check_make,
    ("CONTRIBUTING.md", "set up"): check_make,
    ("CONTRIBUTING.md", "an operation"): check_operation,
    ("docs/dev-server.md", "make serve"): check_make,
    ("docs/dev-server.md", "docker"): check_docker,
    ("docs/dev-server.md", "docker with a token"): check_docker,
    ("docs/dev-server.md", "compose"): check_compose,
    ("docs/test-fixture.md", "a wait that fails"): check_failed_wait,
    ("docs/test-fixture.md", "go"): check_environ,
    ("docs/test-fixture.md", "java"): check_environ,
    ("docs/test-fixture.md", "testcontainers"): check_testcontainers,
    ("docs/test-fixture.md", "php"): check_environ,
    ("docs/architecture.md", "rooms"): check_rooms,
    ("bench/README.md", "commands"): check_bench,
}


@pytest.mark.parametrize(("page", "name"), [pytest.param(*key, id=f"{key[1]} of {key[0]}") for key in CHECKS])
def test_text_says_what_is_so(page: str, name: str) -> None:
    CHECKS[page, name](pages.marked(page, "text")[name])


@pytest.mark.parametrize("page", [page for page in pages.PAGES if page not in TRANSLATIONS])
def test_every_block_of_code_is_held_by_a_test(page: str) -> None:
    free = [
        f"{block.kind}: {block.name}, {block.code.splitlines()[0]}"
        for block in pages.blocks(pages.read(page))
        if (page, block.kind) not in HELD and (block.kind != "text" or (page, block.name) not in CHECKS)
    ]
    assert free == [], "mark it for the test that runs it, or as text with a check: CONTRIBUTING.md"


def test_every_holder_is_there_and_has_something_to_hold() -> None:
    assert [holder for holder in HELD.values() if not (pages.ROOT / "tests" / holder).exists()] == []
    assert [held for held in HELD if not pages.marked(*held)] == []


@pytest.mark.parametrize(
    ("text", "block"),
    [
        pytest.param("\n```sh\nls\n```\n", pages.Block("", "", "sh", "ls\n"), id="fenced"),
        pytest.param("\n<!-- test: a b -->\n```sh\nls\n```\n", pages.Block("test", "a b", "sh", "ls\n"), id="marked"),
        pytest.param("\n<!-- settings -->\n```\na:\n```\n", pages.Block("settings", "", "", "a:\n"), id="no name"),
        pytest.param("1. One\n\n   ```sh\n   ls\n   ```\n", pages.Block("", "", "sh", "ls\n"), id="in a list"),
        pytest.param("Then\n\n    ls\n", pages.Block("", "", "", "ls"), id="indented"),
    ],
)
def test_block_is_found(text: str, block: pages.Block) -> None:
    assert pages.blocks(text) == [block]


# --- What is named in the prose -------------------------------------------------------------------------------------

GUIDES = ["README.md", "README.zh.md", *(page for page in pages.PAGES if page.startswith("docs/"))]
FOREIGN_FLAGS = {"--publish", "--user", "--add-host", "--force-path-style"}  # docker's and ossutil's


def flags(parser: argparse.ArgumentParser) -> set[str]:
    """The flags of a command and of the commands below it."""
    found = {flag for action in parser._actions for flag in action.option_strings}
    return found.union(*(flags(command) for command in commands(parser).values()))


def commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    return {
        name: command
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for name, command in action.choices.items()
    }


@pytest.mark.parametrize("page", GUIDES)
def test_flags_that_a_page_names_are_there(page: str) -> None:
    parser = _parser()
    for span in re.findall(r"`([^`\n]+)`", pages.read(page)):
        named = set(re.findall(r"(?:^| )(--[a-z-]+)", span)) - FOREIGN_FLAGS
        first = span.split(" ")[0]
        if span.startswith("oss-emulator ") and (name := span.split(" ")[1]) != "oss-emulator":
            assert named <= flags(commands(parser)[name]), span
        elif first in commands(parser) or first.startswith("--"):
            assert named <= flags(parser), span


@pytest.mark.parametrize("page", GUIDES)
def test_environment_variables_that_a_page_names_are_those_of_settings(page: str) -> None:
    settings = {
        f"OSS_EMULATOR_{section}_{key}".upper()
        for section in Config.__struct_fields__
        for key in getattr(getattr(Config(), section), "__struct_fields__", ())
    }
    assert set(re.findall(r"OSS_EMULATOR_[A-Z_]+\b(?<!_)", pages.read(page))) <= settings


@pytest.mark.parametrize("page", GUIDES)
def test_endpoints_that_a_page_names_are_there(page: str) -> None:
    paths = re.findall(r"/_emulator/([a-z_]+(?:\.pem|/[a-z]+|/\{[a-z_.]+\}(?:/[a-z]+)?)?)", pages.read(page))
    assert [path for path in paths if _endpoint(f"/_emulator/{path}") not in _ENDPOINTS] == []
