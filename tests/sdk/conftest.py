import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator import Config, EmulatorThread
from emulator.config import Server, Storage
from tests.app_server import AppServer

HERE = Path(__file__).parent
KEY_ID, KEY_SECRET = "emulator", "emulator-secret"

RunNode = Callable[..., Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.sdk)


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[EmulatorThread]:
    """An emulator as users meet it: signatures verified, the default keys, the bucket `examplebucket`."""
    config = Config(server=Server(port=0), storage=Storage(data_dir=tmp_path / "data"))
    with EmulatorThread(config) as running:
        yield running


@pytest.fixture
def app_server() -> Iterator[AppServer]:
    with AppServer() as server:
        yield server


@pytest.fixture
def run_node(node: str) -> RunNode:
    """Runs a script of tests/sdk/node with arguments and environment; gives what it printed, read as JSON."""

    def run(script: str, *arguments: str, **environment: str) -> Any:
        done = subprocess.run(
            [node, str(HERE / "node" / script), *arguments],
            env={**os.environ, **environment},
            cwd=HERE,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
