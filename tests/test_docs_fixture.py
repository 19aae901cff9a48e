"""The page of the test fixture under test: its examples are files that are written and run as their readers would."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/test-fixture.md").read_text()
FILES = dict(re.findall(r"<!-- test: (\S+) -->\n```\w+\n(.*?)```", PAGE, re.DOTALL))
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
        *("application.py", "test_avatars.py", "conftest.py", "test_unittest.py"),
        *("exec.sh", "upload.test.js", "upload.sh"),
    }


def test_pytest_examples_pass(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"
    )
    count = FILES["test_avatars.py"].count("def test_")
    assert f"{count} passed" in run(tmp_path, sys.executable, "-m", "pytest", "-q", "test_avatars.py")


def test_unittest_example_passes(tmp_path: Path) -> None:
    assert "Ran 1 test" in run(tmp_path, sys.executable, "-W", "error", "-m", "unittest", "test_unittest")


def test_node_example_passes(tmp_path: Path, node: str) -> None:
    output = run(
        tmp_path,
        "sh",
        "-eu",
        "exec.sh",
        NODE_PATH=str(ROOT / "tests/sdk/node_modules"),
        PATH=f"{Path(sys.executable).parent}:{Path(node).parent}:{os.environ['PATH']}",
    )
    assert re.search(r"^. pass 1$", output, re.MULTILINE), output


def test_shell_example_passes(tmp_path: Path) -> None:
    output = run(tmp_path, "sh", "-eu", "upload.sh")
    assert '{"Status":"OK"}"body":"object=a.txt&size=5"\n' in output
    assert not (tmp_path / "ready.json").exists()


@pytest.mark.parametrize("name", ["oss", "oss_receiver", "make_oss_emulator", "oss_emulator_config"])
def test_the_page_tells_of_every_fixture(name: str) -> None:
    assert re.search(rf"^\| `{name}\b", PAGE, re.MULTILINE)
