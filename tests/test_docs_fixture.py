"""The page of the test fixture under test: its examples are files that are written and run as their readers would."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import pages

PAGE = "docs/test-fixture.md"
FILES = pages.marked(PAGE, "test")
TIMEOUT_SECONDS = 60


def run(folder: Path, *command: str, **environ: str) -> str:
    """What `command` prints, run among the page's files; it has to end well."""
    for name, text in FILES.items():
        (folder / name).write_text(text)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PATH": path} | environ,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_page_has_these_examples() -> None:
    assert FILES.keys() == {
        *("application.py", "test_avatars.py", "pytest.ini", "conftest.py", "test_unittest.py"),
        *("exec.sh", "upload.test.js", "upload.sh"),
    }


def test_pytest_examples_pass(tmp_path: Path) -> None:
    count = FILES["test_avatars.py"].count("def test_")
    assert f"{count} passed" in run(tmp_path, sys.executable, "-m", "pytest", "-q", "-W", "error", "test_avatars.py")


def test_unittest_example_passes(tmp_path: Path) -> None:
    assert "Ran 1 test" in run(tmp_path, sys.executable, "-W", "error", "-m", "unittest", "test_unittest")


def test_node_example_passes(tmp_path: Path, node: str) -> None:
    output = run(
        tmp_path,
        "sh",
        "-eu",
        "exec.sh",
        NODE_PATH=str(pages.ROOT / "tests/sdk/node_modules"),
        PATH=f"{Path(sys.executable).parent}:{Path(node).parent}:{os.environ['PATH']}",
    )
    count = len(re.findall(r"^test\(", FILES["upload.test.js"], re.MULTILINE))
    assert re.search(rf"^. pass {count}$", output, re.MULTILINE), output


def test_shell_example_passes(tmp_path: Path) -> None:
    output = run(tmp_path, "sh", "-eu", "upload.sh")
    assert '{"Status":"OK"}' in output
    assert '"body":"object=a.txt&size=5"\n' in output
    assert not (tmp_path / "ready.json").exists()


@pytest.mark.parametrize("name", ["oss", "oss_receiver", "make_oss_emulator", "oss_emulator_config"])
def test_the_page_tells_of_every_fixture(name: str) -> None:
    assert re.search(rf"^\| `{name}\b", pages.read(PAGE), re.MULTILINE)
