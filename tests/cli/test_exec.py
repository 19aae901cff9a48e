"""`oss-emulator exec`, as a process of its own: what the command gets, how it ends, and what is passed on to it."""

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from emulator.cli import exec as exec_module
from emulator.config import Config, Server, Storage

TIMEOUT_SECONDS = 30
PRINT_ENVIRONMENT = """
import json, os
print(json.dumps({name: value for name, value in os.environ.items() if name.startswith("OSS_")}))
"""
# Says that it is there, then how it was told to end.
WAIT_FOR_A_SIGNAL = """
import signal, sys
def end(number, frame):
    print(signal.Signals(number).name, flush=True)
    sys.exit(7)
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, end)
print("there", flush=True)
signal.pause()
"""


def exec_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "emulator", "exec", *arguments]


def execute(*arguments: str, cwd: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        exec_command(*arguments),
        cwd=cwd,
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for temporary files, which is empty again when the command has ended."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def test_the_command_finds_https_in_its_environment() -> None:
    script = 'curl -sS --cacert "$OSS_CA_FILE" "$OSS_HTTPS_ENDPOINT/_emulator/health"'
    done = execute("--tls", "--", "sh", "-c", script)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["endpoint"].startswith("https://127.0.0.1:")


def test_the_command_finds_the_emulator_in_its_environment() -> None:
    stale = {
        "OSS_SESSION_TOKEN": "of somebody else",
        "OSS_ACCESS_KEY_ID": "mine",
        "OSS_CA_FILE": "gone",
        "OSS_OTHER": "stays",
    }
    done = execute("--bucket", "photos", "--", sys.executable, "-c", PRINT_ENVIRONMENT, **stale)
    assert (done.returncode, done.stderr) == (0, "")
    environment = json.loads(done.stdout)
    assert environment.pop("OSS_ENDPOINT").startswith("http://127.0.0.1:")
    assert environment == {
        "OSS_ACCESS_KEY_ID": "emulator",
        "OSS_ACCESS_KEY_SECRET": "emulator-secret",
        "OSS_REGION": "cn-hangzhou",
        "OSS_BUCKET": "photos",
        "OSS_OTHER": "stays",
    }


def test_the_command_can_use_an_sdk_without_knowing_anything() -> None:
    code = """
import os, oss2
auth = oss2.ProviderAuthV4(oss2.credentials.EnvironmentVariableCredentialsProvider())
bucket = oss2.Bucket(auth, os.environ["OSS_ENDPOINT"], os.environ["OSS_BUCKET"], region=os.environ["OSS_REGION"])
print(bucket.put_object("a.txt", b"hello").status)
"""
    done = execute("--", sys.executable, "-c", code, OSS_SESSION_TOKEN="of somebody else")
    assert (done.returncode, done.stdout, done.stderr) == (0, "200\n", "")


def test_standard_input_and_output_are_the_command_s_own() -> None:
    done = subprocess.run(
        exec_command("--", "sh", "-c", "cat; echo wrong >&2"),
        input="through",
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "through", "wrong\n")


@pytest.mark.parametrize("status", [1, 42, 255])
def test_the_status_is_the_command_s(status: int) -> None:
    assert execute("--", "sh", "-c", f"exit {status}").returncode == status


def test_a_command_that_a_signal_ended_has_the_status_that_shells_give() -> None:
    assert execute("--", "sh", "-c", "kill -KILL $$").returncode == 137


def test_options_after_the_command_are_the_command_s() -> None:
    assert execute("echo", "--port", "1", "--", "x").stdout == "--port 1 -- x\n"
    code = "import sys; print(sys.argv[1:])"
    done = execute("--log-level", "error", "--", sys.executable, "-c", code, "--help", "--bucket")
    assert done.stdout == "['--help', '--bucket']\n"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        pytest.param(["--", "no-such-command"], 127, "exec: no-such-command: command not found", id="not found"),
        pytest.param(["--", "/"], 126, "exec: /: cannot be executed: Permission denied", id="not executable"),
        pytest.param([], 2, "exec: the command is missing; as in: oss-emulator exec -- npm test", id="no command"),
        pytest.param(["--"], 2, "exec: the command is missing; as in: oss-emulator exec -- npm test", id="nothing"),
        pytest.param(
            ["--log-level", "loud", "--", "true"],
            2,
            "log.level: expected one of debug, info, warning, error, got 'loud' (flag --log-level)",
            id="wrong option",
        ),
    ],
)
def test_what_cannot_be_run_is_told_in_one_line(arguments: list[str], status: int, message: str) -> None:
    done = execute(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", f"oss-emulator: {message}\n")


def test_the_log_goes_to_stderr_from_warning_on_or_as_asked(tmp_path: Path) -> None:
    refused = ("--", "sh", "-c", "curl -s -o answer -X PUT $OSS_ENDPOINT/$OSS_BUCKET/a")
    done = execute(*refused, cwd=tmp_path)
    assert done.stdout == ""
    assert "403 AccessDenied" in done.stderr
    assert "INFO" not in done.stderr
    assert execute("--log-level", "error", *refused, cwd=tmp_path).stderr == ""
    asked = execute(*refused, cwd=tmp_path, OSS_EMULATOR_LOG_LEVEL="error")
    assert asked.stderr == ""


def test_objects_stay_where_a_data_directory_is_given(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("auth: {mode: 'off'}\nserver: {port: 1}\n")
    upload = ("sh", "-c", "curl -sS -X PUT --data-binary hello $OSS_ENDPOINT/$OSS_BUCKET/a.txt")
    done = execute("--config", "config.yaml", "--data-dir", "kept", "--", *upload, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "kept/buckets/examplebucket/a.txt").read_text() == "hello"


def test_a_ready_file_is_there_while_the_command_runs(tmp_path: Path) -> None:
    done = execute("--ready-file", "ready.json", "--", "cat", "ready.json", cwd=tmp_path)
    assert json.loads(done.stdout)["buckets"] == ["examplebucket"]
    assert not (tmp_path / "ready.json").exists()


@contextmanager
def executing(**options: object) -> Iterator[subprocess.Popen[str]]:
    """A command that runs and waits for a signal; killed if it still does at the end."""
    with subprocess.Popen(
        exec_command("--", sys.executable, "-c", WAIT_FOR_A_SIGNAL),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "there\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("name", ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1"])
def test_signals_are_passed_on(name: str) -> None:
    with executing(start_new_session=True) as process:
        process.send_signal(signal.Signals[name])
        output, errors = process.communicate(timeout=TIMEOUT_SECONDS)
    assert (process.returncode, output, errors) == (7, f"{name}\n", "")


async def test_a_signal_before_the_command_runs_keeps_it_from_running(tmp_path: Path) -> None:
    config = Config(server=Server(port=0), storage=Storage(ephemeral=True))
    running = asyncio.create_task(exec_module._run(config, None, ["touch", str(tmp_path / "ran")]))
    await asyncio.sleep(0)  # now it listens for signals, and has not begun to start
    os.kill(os.getpid(), signal.SIGUSR1)
    assert await running == 128 + signal.SIGUSR1
    assert not (tmp_path / "ran").exists()


def test_ctrl_c_in_a_terminal_reaches_the_command_once() -> None:
    code = """
import signal, sys, time
count = 0
def end(number, frame):
    global count
    count += 1
signal.signal(signal.SIGINT, end)
print("there", flush=True)
while not count:
    time.sleep(0.01)
time.sleep(0.3)  # a second one would come right behind
print("count", count, "end", flush=True)
"""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, exec_command("--", sys.executable, "-c", code))
    output = b""
    try:
        while b"there" not in output:
            output += os.read(terminal, 1024)
        os.write(terminal, b"\x03")
        while b"end" not in output:
            output += os.read(terminal, 1024)
        _, status = os.waitpid(child, 0)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    finally:
        os.close(terminal)
    assert b"count 1 end" in output
    assert os.waitstatus_to_exitcode(status) == 0
