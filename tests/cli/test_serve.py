"""`oss-emulator serve`, as a process of its own: what it prints, writes, refuses, and how it ends."""

import base64
import json
import os
import resource
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

import oss2
import pytest

from tests.serving import TIMEOUT_SECONDS, command, serving


def stopped(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[int, str, str]:
    """Exit status and the rest of stdout and stderr, after a signal."""
    process.send_signal(number)
    output, errors = process.communicate(timeout=TIMEOUT_SECONDS)
    return process.returncode, output, errors


def refused(cwd: Path, *arguments: str) -> tuple[int, str]:
    """Exit status and stderr of an emulator that cannot start."""
    done = subprocess.run(command(*arguments), cwd=cwd, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_a_life_from_ready_to_sigterm(tmp_path):
    ready_file = tmp_path / "ready.json"
    with serving(tmp_path, "--ready-file", str(ready_file), "--bucket", "photos", "--bucket", "backups") as (
        process,
        endpoint,
    ):
        assert json.loads(ready_file.read_text()) == {
            "endpoint": endpoint,
            "access_key_id": "emulator",
            "access_key_secret": "emulator-secret",
            "region": "cn-hangzhou",
            "buckets": ["photos", "backups"],
            "pid": process.pid,
        }
        assert stat.S_IMODE(ready_file.stat().st_mode) == 0o600
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
        with urlopen(f"{endpoint}/_emulator/health", timeout=TIMEOUT_SECONDS) as answer:
            assert json.load(answer)["endpoint"] == endpoint

        status, errors = refused(tmp_path, "--port", "0")
        assert status == 1
        assert errors.count("\n") == 1
        assert "oss-data" in errors

        status, errors = refused(tmp_path, "--port", endpoint.rpartition(":")[2], "--data-dir", "other")
        assert status == 1
        assert errors.count("\n") == 1
        assert "server.port" in errors

        status, output, errors = stopped(process)
    assert status == 0
    assert output == ""
    where, keys, objects = errors.splitlines()[:3]
    assert endpoint in where
    assert "photos" in where
    assert "emulator-secret" in keys
    assert str(tmp_path / "oss-data" / "buckets") in objects
    assert not ready_file.exists()


def test_https_is_served_beside_http_and_the_ca_is_told(tmp_path):
    ready_file = tmp_path / "ready.json"
    with serving(tmp_path, "--tls", "--ready-file", str(ready_file)) as (process, endpoint):
        ready = json.loads(ready_file.read_text())
        ca_file = tmp_path / "oss-data" / "ca.pem"
        assert (ready["endpoint"], ready["ca_file"]) == (endpoint, str(ca_file))
        context = ssl.create_default_context(cafile=ca_file)
        with urlopen(f"{ready['https_endpoint']}/_emulator/health", context=context, timeout=TIMEOUT_SECONDS) as answer:
            health = json.load(answer)
        assert (health["http_endpoint"], health["https_endpoint"]) == (endpoint, ready["https_endpoint"])
        callbacks = [sys.executable, "-m", "emulator", "callbacks", "list", "--endpoint", ready["https_endpoint"]]
        trusting = os.environ | {"SSL_CERT_FILE": str(ca_file)}
        subprocess.run(callbacks, env=trusting, timeout=TIMEOUT_SECONDS, check=True)
        status, output, errors = stopped(process)
    assert (status, output) == (0, "")
    assert f"HTTPS at {ready['https_endpoint']}; clients have to trust {ca_file}" in errors.splitlines()[1]


def test_https_without_what_makes_certificates_is_one_line(tmp_path):
    (tmp_path / "trustme.py").write_text("raise ImportError")
    arguments = command("--port", "0", "--tls", "--ephemeral")
    environ = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(arguments, env=environ, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "pip install 'oss-emulator[tls]'" in done.stderr


def test_ephemeral_data_go_with_the_process_and_ctrl_c_ends_it_well(tmp_path):
    with serving(tmp_path, "--ephemeral", "--log-format", "json") as (process, _):
        status, _, errors = stopped(process, signal.SIGINT)
    entries = [json.loads(line) for line in errors.splitlines()]
    place = next(entry["message"] for entry in entries if entry["message"].startswith("Objects lie in "))
    data_dir = Path(place.removeprefix("Objects lie in ").partition(",")[0]).parent
    assert status == 0
    assert data_dir.is_absolute()
    assert not data_dir.exists()
    assert list(tmp_path.iterdir()) == []


def test_requests_have_lines_if_asked_for_the_last_ones_too(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("log: {requests: true}\nauth: {mode: off}\n")
    with serving(tmp_path, "--ephemeral", "--config", str(config)) as (process, endpoint):
        with urlopen(f"{endpoint}/examplebucket", timeout=TIMEOUT_SECONDS) as answer:
            request_id = answer.headers["x-oss-request-id"]
        _, _, errors = stopped(process)
    assert f" INFO    {request_id} GET /examplebucket -> 200 ListObjects in " in errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_upload_and_its_callback_in_flight_finish_before_the_end(tmp_path, number):
    with socket.create_server(("127.0.0.1", 0)) as application, serving(tmp_path, "--ephemeral") as (process, endpoint):
        url = f"http://127.0.0.1:{application.getsockname()[1]}/"
        sent = base64.b64encode(json.dumps({"callbackUrl": url, "callbackBody": "a=1"}).encode()).decode()
        bucket = oss2.Bucket(oss2.Auth("emulator", "emulator-secret"), endpoint, "examplebucket")
        with ThreadPoolExecutor() as pool:
            upload = pool.submit(bucket.put_object, "a.txt", b"hello", headers={"x-oss-callback": sent})
            application.settimeout(TIMEOUT_SECONDS)
            callback, _ = application.accept()
            with callback:
                while not callback.recv(65_536).endswith(b"a=1"):
                    pass
                process.send_signal(number)
                deadline = time.monotonic() + TIMEOUT_SECONDS
                with pytest.raises(OSError, match=r"refused|reset"):  # nobody new is let in ...
                    while time.monotonic() < deadline:
                        socket.create_connection(("127.0.0.1", int(endpoint.rpartition(":")[2]))).close()
                callback.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"Status":"OK"}')
            result = upload.result(TIMEOUT_SECONDS)  # ... and who is in is served
        assert (result.status, result.resp.read()) == (200, b'{"Status":"OK"}')
        assert process.wait(TIMEOUT_SECONDS) == 0


def test_configuration_comes_from_file_environment_and_flags(tmp_path):
    (tmp_path / "c.yaml").write_text("buckets: [photos]\nauth: {keys: [{id: file, secret: s3cret}], region: any}")
    ready_file = tmp_path / "ready.json"
    arguments = ("--config", "c.yaml", "--ephemeral", "--ready-file", str(ready_file))
    with serving(tmp_path, *arguments, OSS_EMULATOR_LOG_LEVEL="warning") as (process, _):
        ready = json.loads(ready_file.read_text())
        status, _, errors = stopped(process)
    assert (ready["access_key_id"], ready["access_key_secret"]) == ("file", "s3cret")
    assert ready["region"] == "cn-hangzhou"
    assert ready["buckets"] == ["photos"]
    assert (status, errors) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--ready-file", "no/such/folder/ready.json"], "--ready-file: cannot write", id="ready file"),
        pytest.param(["--data-dir", "file"], "file", id="data directory that is a file"),
        pytest.param(["--data-dir", "/dev/null/data"], "/dev/null/data", id="data directory that cannot be made"),
    ],
)
def test_what_cannot_be_written_ends_with_1(tmp_path, arguments, message):
    (tmp_path / "file").write_text("")
    status, errors = refused(tmp_path, "--port", "0", "--log-level", "error", *arguments)
    assert status == 1
    assert message in errors
    assert errors.count("\n") == 1


def test_host_that_is_not_this_machine_s_ends_with_1(tmp_path):
    status, errors = refused(tmp_path, "--host", "192.0.2.1")
    assert status == 1
    assert "192.0.2.1" in errors


def test_a_taken_port_is_seen_before_the_data_directory_is_made(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status, _ = refused(tmp_path, "--port", str(taken.getsockname()[1]))
    assert status == 1
    assert list(tmp_path.iterdir()) == []


def test_serve_takes_as_many_open_files_as_it_may_have(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        with serving(tmp_path, "--ephemeral") as (process, _):
            given, _ = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert given == (10_240 if hard == resource.RLIM_INFINITY else min(hard, 10_240))


def test_more_connections_than_open_files_are_told_and_served_later(tmp_path):
    with serving(tmp_path, "--ephemeral") as (process, endpoint):
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (60, 60))
        address = ("127.0.0.1", int(endpoint.rpartition(":")[2]))
        with ExitStack() as connections:
            for _ in range(100):
                connections.enter_context(socket.create_connection(address, timeout=TIMEOUT_SECONDS))
            line = next(line for line in process.stderr if "ERROR" in line)
            assert "socket.accept() out of system resource" in line
        with urlopen(f"{endpoint}/_emulator/health", timeout=TIMEOUT_SECONDS) as answer:
            assert answer.status == 200
        status, _, errors = stopped(process)
    assert status == 0
    assert "Exception in callback" not in errors
    assert errors.count("ERROR") <= 16 * 5  # a second's worth for each second that it may have lasted
