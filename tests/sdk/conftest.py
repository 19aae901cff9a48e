import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator import Config, EmulatorThread
from emulator.config import AccessKey, Auth, Server, Storage
from tests.app_server import AppServer
from tests.sdk.verbs import VERBS, Verbs

HERE = Path(__file__).parent
KEY_ID, KEY_SECRET = "emulator", "emulator-secret"
STS = ("STS.temporary", "temporary-secret", "temporary-token")  # id, secret and token of the temporary credentials

RunNode = Callable[..., Any]
MakeVerbs = Callable[..., Verbs]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.sdk)


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[EmulatorThread]:
    """An emulator as users meet it: signatures verified, the default keys and `STS`, the bucket `examplebucket`."""
    key_id, secret, token = STS
    keys = (AccessKey(id=KEY_ID, secret=KEY_SECRET), AccessKey(id=key_id, secret=secret, token=token))
    config = Config(server=Server(port=0), storage=Storage(data_dir=tmp_path / "data"), auth=Auth(keys=keys))
    with EmulatorThread(config) as running:
        yield running


PYTHON_SDKS = [
    pytest.param(("oss2", "v1"), id="oss2-V1"),
    pytest.param(("oss2", "v2"), id="oss2-V2"),
    pytest.param(("oss2", "v4"), id="oss2-V4"),
    pytest.param(("alibabacloud-oss-v2", "v1"), id="alibabacloud-oss-v2-V1"),
    pytest.param(("alibabacloud-oss-v2", "v4"), id="alibabacloud-oss-v2-V4"),
]
"""Each Python SDK with each version of signatures that it has."""


@pytest.fixture(params=PYTHON_SDKS)
def make_verbs(request: pytest.FixtureRequest, emulator: EmulatorThread) -> MakeVerbs:
    """Makes clients of each Python SDK and signature version; an empty `key_id` is an anonymous one."""
    name, version = request.param

    def make(key_id: str = KEY_ID, secret: str = KEY_SECRET, token: str | None = None) -> Verbs:
        return VERBS[name](emulator.endpoint, key_id, secret, version, token)

    return make


@pytest.fixture
def client(make_verbs: MakeVerbs) -> Verbs:
    """A client with the right keys."""
    return make_verbs()


@pytest.fixture
def app_server() -> Iterator[AppServer]:
    with AppServer() as server:
        yield server


def ali_oss(emulator: EmulatorThread, **options: object) -> str:
    """The options of a client of `emulator`, as JSON."""
    return json.dumps(
        {
            "region": "oss-cn-hangzhou",
            "accessKeyId": KEY_ID,
            "accessKeySecret": KEY_SECRET,
            "bucket": "examplebucket",
            "endpoint": emulator.endpoint,
            **options,
        }
    )


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
