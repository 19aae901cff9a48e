"""The examples of README and of docs/dev-server.md run, as their readers would run them."""

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import oss2
import pytest
from PIL import Image

from emulator import Config, EmulatorThread
from emulator.config import Control, Server, Storage
from emulator.configure import load
from tests import pages
from tests.example_handler import handling

README, DEVELOPMENT = "README.md", "docs/dev-server.md"
TIMEOUT_SECONDS = 60
EXAMPLES = [block for page in (README, DEVELOPMENT) for block in pages.blocks(pages.read(page)) if block.kind == "test"]
EXPECTED = {
    "upload": '200 b\'{"Status":"OK"}\'\n',
    "records": '"outcome": "success"',
    "failed": '"hint": "The application server answered 500 to POST /_emulator/receiver?status=500',
    "expand": "object=dir%2Fa.txt&user=42",
    "check": "\n13 of 13 cases passed\n",
    "verify": "right: POST /cb?from=oss is signed by this key\n",
    "replay": '"outcome": "success"',
    "fixture": "1 passed",
    "exec": "the tests use examplebucket",
    "oss2": "",
    "alibabacloud-oss-v2": "",
    "ali-oss": "200\n",
    "sts": "200\n403 AccessDenied\n",
    "transfer": "1 loaded, 0 unchanged, 0 failed\n1 exported, 0 unchanged, 0 failed\n",
    "fault": '"error":"ServiceUnavailable"',
    "https": '"https_endpoint":"https://127.0.0.1:',
    "https-oss2": "200\n",
    "look": '"hint": "The application server answered 500 to POST /_emulator/receiver?status=500',
    "adopt": '{"adopted":1}',
    "lifecycle": "1 False\n",
    "restore": "403 InvalidObjectState\nb'hello'\n",
    "website": "b'<h1>Hello</h1>'\n",
    "policy": "b'hello'\n",
    "versions": "False\nb'hello'\n",
    "images": '"ImageWidth": {\\n    "value": "400"',
    "reset with a token": "204",
}
OF_ANOTHER_MACHINE = ("reset with a token",)


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[EmulatorThread]:
    config = Config(
        server=Server(port=0, tls=True),
        storage=Storage(data_dir=tmp_path / "oss-data"),
        control=Control(token="development"),
    )
    with EmulatorThread(config) as emulator:
        yield emulator


@pytest.fixture
def handler(emulator: EmulatorThread) -> Iterator[str]:
    with handling(emulator.endpoint) as origin:
        yield origin


@pytest.fixture
def failed_id(emulator: EmulatorThread, handler: str, tmp_path: Path) -> str:
    """The id of a failed callback. One has succeeded before, and lies in `request.http` as the handler got it."""
    auth = oss2.AuthV4("emulator", "emulator-secret")
    bucket = oss2.Bucket(auth, emulator.endpoint, "examplebucket", region="cn-hangzhou")
    ids = []
    for url in (f"{handler}/cb?from=oss", f"{emulator.endpoint}/_emulator/receiver?status=500"):
        callback = json.dumps({"callbackUrl": url, "callbackBody": "object=${object}"}).encode()
        headers = {"x-oss-callback": base64.b64encode(callback).decode()}
        ids.append(bucket.put_object("photos/a b.jpg", b"hello", headers=headers).request_id)
    with urlopen(f"{emulator.endpoint}/_emulator/callbacks/{ids[0]}") as answer:
        good = json.load(answer)
    sent = good["attempts"][0]["request"]
    head = [sent["line"], *(f"{name}: {value}" for name, value in sent["headers"])]
    (tmp_path / "request.http").write_text("\r\n".join([*head, "", good["body"]]), newline="")
    return ids[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a reader has in the folder where the examples are pasted."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/index.html").write_text("hello")
    Image.new("RGB", (400, 300)).save(tmp_path / "photo.jpg")
    (tmp_path / "package.json").write_text('{"scripts": {"test": "node tests.js"}}')
    (tmp_path / "tests.js").write_text("console.log(`the tests use ${process.env.OSS_BUCKET}`)")
    return tmp_path


@pytest.fixture
def environ(folder: Path, emulator: EmulatorThread) -> dict[str, str]:
    """The environment of an example."""
    return {
        **os.environ,
        "HOME": str(folder),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "NODE_PATH": str(pages.ROOT / "tests/sdk/node_modules"),
        "OSS_ENDPOINT": emulator.endpoint,  # where it listens in place of port 8280
        "npm_config_update_notifier": "false",
    }


@pytest.mark.parametrize("block", [pytest.param(block, id=block.name) for block in EXAMPLES])
def test_example_runs(
    block: pages.Block,
    emulator: EmulatorThread,
    handler: str,
    failed_id: str,
    folder: Path,
    environ: dict[str, str],
    request: pytest.FixtureRequest,
) -> None:
    code = block.code.replace("http://127.0.0.1:8280", emulator.endpoint).replace("http://127.0.0.1:9000", handler)
    code = code.replace("https://127.0.0.1:8443", emulator.emulator.https_endpoint)
    code = code.replace("replay ID", f"replay {failed_id}")
    if block.name in OF_ANOTHER_MACHINE:  # what a proxy has forwarded counts as such
        (folder / ".curlrc").write_text('header = "X-Forwarded-For: 172.17.0.1"\nwrite-out = "%{http_code}"\n')
    if block.language == "js" or "npm" in code:
        node = request.getfixturevalue("node")
        environ["PATH"] += f":{Path(node).parent}"
    if "def test_" in code:
        (folder / "test_it.py").write_text(code)
        command = [sys.executable, "-m", "pytest", "-q"]
    else:
        program = {"python": [sys.executable, "-c"], "sh": ["sh", "-euc"], "js": ["node", "-e"]}[block.language]
        command = [*program, code]
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert EXPECTED[block.name] in done.stdout


def test_every_example_has_an_expectation() -> None:
    assert sorted(block.name for block in EXAMPLES) == sorted(EXPECTED)


# --- Settings and servers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("page", "buckets"), [(README, ["examplebucket"]), (DEVELOPMENT, ["photos"])])
def test_example_of_settings_can_be_loaded(page: str, buckets: list[str], tmp_path: Path) -> None:
    (settings,) = pages.marked(page, "settings").values()
    (tmp_path / "oss.yaml").write_text(settings)
    config = load(tmp_path / "oss.yaml", {}, {})
    assert config.bucket_names == buckets
    assert config.cors.default == "allow-all"


def test_example_of_an_own_certificate_can_be_loaded(tmp_path: Path) -> None:
    (settings,) = pages.marked(DEVELOPMENT, "certificate").values()
    for name in ("fullchain.pem", "privkey.pem"):
        (tmp_path / name).touch()
    (tmp_path / "oss.yaml").write_text(settings.replace("/etc/oss", str(tmp_path)))
    server = load(tmp_path / "oss.yaml", {}, {}).server
    assert server.tls
    assert server.tls_certificate_file == str(tmp_path / "fullchain.pem")
    assert server.tls_key_file == str(tmp_path / "privkey.pem")


SERVERS = {"plain": ["examplebucket"], "https": ["examplebucket"], "configured": ["photos"]}


@pytest.mark.parametrize(("name", "buckets"), SERVERS.items())
def test_example_of_a_server_serves_its_buckets(name: str, buckets: list[str], tmp_path: Path) -> None:
    (settings,) = pages.marked(DEVELOPMENT, "settings").values()
    (tmp_path / "oss.yaml").write_text(settings)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with subprocess.Popen(
        ["sh", "-euc", f"exec {pages.marked(DEVELOPMENT, 'serve')[name]}"],
        cwd=tmp_path,
        env={**os.environ, "PATH": path, "OSS_EMULATOR_SERVER_PORT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline().startswith("oss-emulator ready http://127.0.0.1:")
            assert [bucket.name for bucket in (tmp_path / "oss-data/buckets").iterdir()] == buckets
            process.send_signal(signal.SIGTERM)
            assert process.wait(TIMEOUT_SECONDS) == 0
        finally:
            process.kill()


def test_every_example_of_a_server_is_run() -> None:
    assert pages.marked(DEVELOPMENT, "serve").keys() == SERVERS.keys()
