"""The container's files under test, without a container engine: their commands are run, their settings are read."""

import fnmatch
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import yaml

from emulator.config import Config, Server
from emulator.configure import load
from tests import pages

ROOT = Path(__file__).parent.parent
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["emulator"]
WORKFLOWS = {name: yaml.safe_load(code) for name, code in pages.marked("docs/dev-server.md", "workflow").items()}
TIMEOUT_SECONDS = 60


class Instruction(NamedTuple):
    """A line of a Dockerfile, its continuations joined."""

    word: str
    text: str

    @property
    def command(self) -> list[str]:
        """The words of an instruction in JSON."""
        command: list[str] = json.loads(self.text[self.text.index("[") :])
        return command


def stages() -> list[list[Instruction]]:
    """The instructions of each stage, the FROM first."""
    text = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE))
    instructions = [Instruction(*line.split(maxsplit=1)) for line in text.splitlines() if line]
    starts = [number for number, each in enumerate(instructions) if each.word == "FROM"]
    return [instructions[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]


BUILD, IMAGE = stages()


def the(word: str) -> Instruction:
    """The one instruction of the image with this word."""
    (found,) = [each for each in IMAGE if each.word == word]
    return found


def image_environ() -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in shlex.split(the("ENV").text))


# --- What the files say ---------------------------------------------------------------------------------------------


def test_dockerfile_has_only_instructions_that_there_are() -> None:
    known = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "EXPOSE", "HEALTHCHECK", "CMD"}
    assert {each.word for each in BUILD + IMAGE} <= known


def test_image_is_not_root_s() -> None:
    assert int(the("USER").text) > 0
    assert f"--uid {the('USER').text} " in the("RUN").text
    assert IMAGE.index(the("RUN")) < IMAGE.index(the("USER")) < IMAGE.index(the("CMD"))


def test_image_listens_on_every_interface_at_the_default_port() -> None:
    environ = {name: value for name, value in image_environ().items() if name.startswith("OSS_EMULATOR_")}
    config = load(None, environ, {})
    assert config.server == Server(host="0.0.0.0")
    assert int(the("EXPOSE").text) == config.server.port
    assert f"127.0.0.1:{config.server.port}/" in the("HEALTHCHECK").text


@pytest.mark.parametrize("flags", [{}, {"storage.ephemeral": True}, {"storage.data_dir": "/elsewhere"}])
def test_image_s_settings_leave_every_flag_usable(flags: dict[str, object]) -> None:
    environ = {name: value for name, value in image_environ().items() if name.startswith("OSS_EMULATOR_")}
    assert isinstance(load(None, environ, flags), Config)


def copied() -> list[str]:
    """What the build takes from the repository."""
    return [source for each in BUILD if each.word == "COPY" for source in each.text.split()[:-1]]


def test_image_has_every_extra_because_nobody_can_add_one() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"].keys()
    (installed,) = re.findall(r"\.whl\)\[([a-z,]+)\]", "\n".join(each.text for each in BUILD))
    assert set(installed.split(",")) == extras - {"test", "check"}


def test_build_is_sent_what_it_copies_and_no_more() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule[0] == "!"} == set(copied())
    assert all((ROOT / source).exists() for source in copied())
    (ignored,) = [rule for rule in rules[1:] if rule[0] != "!"]
    assert fnmatch.fnmatch("emulator/wire/__pycache__", ignored)


def test_compose_file_sets_what_there_is_to_set() -> None:
    config = load(None, COMPOSE["environment"], {})
    assert config.control.token
    assert config.callback.public_key_url == f"http://emulator:{Server().port}/_emulator/callback_pub_key.pem"
    (ports,) = COMPOSE["ports"]
    assert ports == f"127.0.0.1:{Server().port}:{the('EXPOSE').text}"
    (volume,) = COMPOSE["volumes"]
    assert volume.split(":")[1] == the("WORKDIR").text


def test_workflow_sets_what_there_is_to_set() -> None:
    assert WORKFLOWS.keys() == {"a service", "around the tests"}
    service, around = WORKFLOWS.values()
    (job,) = service["jobs"].values()
    emulator = job["services"]["emulator"]
    assert load(None, emulator["env"], {}).control.token
    assert emulator["ports"] == [f"{Server().port}:{the('EXPOSE').text}"]
    (job,) = around["jobs"].values()
    assert any("oss-emulator exec -- " in step.get("run", "") for step in job["steps"])


# --- What the commands do -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def opt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """/opt/oss-emulator as the build stage makes it. The dependencies are those of the tests: nothing is fetched."""
    root = tmp_path_factory.mktemp("image")
    for source in copied():
        (root / source).symlink_to(ROOT / source)
    places = {"/wheels": root / "wheels", "/opt/oss-emulator": root / "opt"}
    for each in BUILD:
        if each.word != "RUN":
            continue
        command = each.text
        for inside, outside in places.items():
            command = command.replace(inside, str(outside))
        done = subprocess.run(
            ["sh", "-euc", command],
            cwd=root,
            env=os.environ
            | {
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "PIP_NO_DEPS": "1",
                "PIP_NO_INDEX": "1",
                "PIP_NO_BUILD_ISOLATION": "0",  # pip's odd way to say: build with what is installed
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            },
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return root / "opt"


@pytest.fixture
def container(opt: Path, tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The image's command, running: the port and the environment, whose Python is that of the image."""
    dependencies = next(Path(path) for path in sys.path if path.endswith("site-packages"))
    environ = {
        **image_environ(),
        **COMPOSE["environment"],
        "PATH": f"{opt / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(dependencies),
        "OSS_EMULATOR_SERVER_PORT": "0",
    }
    with subprocess.Popen(
        the("CMD").command, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout
        line = process.stdout.readline()
        assert line.startswith("oss-emulator ready http://127.0.0.1:")
        yield line.strip().rpartition(":")[2], environ
        process.terminate()
        assert process.wait(TIMEOUT_SECONDS) == 0


def test_installed_wheel_is_the_emulator_and_has_its_command(opt: Path) -> None:
    (package,) = opt.glob("lib/python3*/site-packages/emulator")
    wanted = {path.relative_to(ROOT) for path in (ROOT / "emulator").rglob("*") if path.suffix in (".py", ".typed")}
    assert {
        path.relative_to(package.parent) for path in package.rglob("*") if path.suffix in (".py", ".typed")
    } == wanted
    assert os.access(opt / "bin/oss-emulator", os.X_OK)
    assert not (opt / "bin/pip").exists()


def test_health_check_passes_while_it_runs_and_fails_when_it_does_not(container: tuple[str, dict[str, str]]) -> None:
    port, environ = container
    for answering, status in ((port, 0), ("9", 1)):
        command = [word.replace(":8280/", f":{answering}/") for word in the("HEALTHCHECK").command]
        done = subprocess.run(command, env=environ, stderr=subprocess.DEVNULL, timeout=TIMEOUT_SECONDS)
        assert done.returncode == status


def test_state_is_changed_with_the_token_of_the_compose_file(container: tuple[str, dict[str, str]]) -> None:
    port, environ = container
    url = f"http://127.0.0.1:{port}/_emulator/reset"
    from_outside = {"X-Forwarded-For": "172.17.0.1"}  # nobody here is outside; a request by a proxy counts as such
    token = environ["OSS_EMULATOR_CONTROL_TOKEN"]
    with urlopen(Request(url, b"", from_outside | {"Authorization": f"Bearer {token}"})) as answer:
        assert answer.status == 204
    with pytest.raises(HTTPError) as refused:
        urlopen(Request(url, b"", from_outside))
    with refused.value:
        assert refused.value.code == 403


def test_public_key_is_answered_under_the_name_of_the_service(container: tuple[str, dict[str, str]]) -> None:
    port, environ = container
    url = environ["OSS_EMULATOR_CALLBACK_PUBLIC_KEY_URL"]
    request = Request(url.replace("emulator:8280", f"127.0.0.1:{port}"), headers={"Host": "emulator:8280"})
    with urlopen(request) as answer:
        assert answer.read().startswith(b"-----BEGIN PUBLIC KEY-----")
