"""The official SDKs over HTTPS, each verifying the certificate in its own way, and curl."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from emulator import Config, EmulatorThread
from emulator.config import Server, Storage
from tests.app_server import AppServer, encoded
from tests.sdk.conftest import KEY_ID, KEY_SECRET, RunNode, ali_oss
from tests.sdk.verbs import VERBS, Verbs

LARGE = bytes(range(253)) * 40_000  # 10 MB, no two pieces alike


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[EmulatorThread]:
    """An emulator that serves HTTPS too; its endpoint in these tests is that of HTTPS."""
    config = Config(server=Server(port=0, tls=True), storage=Storage(data_dir=tmp_path / "data"))
    with EmulatorThread(config) as running:
        yield running


@pytest.fixture(params=["oss2", "alibabacloud-oss-v2"])
def secure(request: pytest.FixtureRequest, emulator: EmulatorThread, monkeypatch: pytest.MonkeyPatch) -> Verbs:
    """A client of a Python SDK; both ask `requests`, which is told here whom to trust."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(emulator.emulator.ca_file))
    endpoint = emulator.emulator.https_endpoint
    assert endpoint.startswith("https://")
    return VERBS[request.param](endpoint, KEY_ID, KEY_SECRET, "v4")


def test_large_object_survives_the_way_in_and_out(secure: Verbs) -> None:
    secure.store("large", LARGE)
    assert secure.read("large") == LARGE
    assert secure.read("large", (1_000_000, 3_999_999)) == LARGE[1_000_000:4_000_000]


def test_upload_over_https_calls_back(secure: Verbs, app_server: AppServer) -> None:
    callback = encoded({"callbackUrl": app_server.url, "callbackBody": "size=${size}&uid=${x:uid}"})
    assert secure.put("a", b"hello", callback, encoded({"x:uid": "42"})) == (200, b'{"Status":"OK"}')
    (received,) = app_server.received
    assert received.is_signed
    assert received.form == {"size": "5", "uid": "42"}


def test_presigned_url_is_one_of_https(secure: Verbs, emulator: EmulatorThread) -> None:
    secure.store("a", b"hello")
    url = secure.url("GET", "a")
    assert url.startswith(emulator.emulator.https_endpoint)
    done = subprocess.run(
        [curl(), "--silent", "--show-error", "--cacert", str(emulator.emulator.ca_file), url],
        capture_output=True,
        timeout=30,
        check=True,
    )
    assert done.stdout == b"hello"


@pytest.mark.parametrize("name", ["oss2", "alibabacloud-oss-v2"])
def test_client_that_does_not_trust_the_ca_gets_nowhere(
    name: str, emulator: EmulatorThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(variable, raising=False)
    client = VERBS[name](emulator.emulator.https_endpoint, KEY_ID, KEY_SECRET, "v4")
    with pytest.raises(Exception, match="CERTIFICATE_VERIFY_FAILED"):
        client.store("a", b"hello")


def test_ali_oss_over_https(emulator: EmulatorThread, app_server: AppServer, run_node: RunNode) -> None:
    options = ali_oss(emulator, endpoint=emulator.emulator.https_endpoint, secure=True, authorizationV4=True)
    script = f"""
        const body = Buffer.alloc(5_000_000, "0123456789abc");
        const callback = {{ url: {json.dumps(app_server.url)}, body: "size=${{size}}" }};
        const put = await client.put("large", body, {{ callback }});
        const got = await client.get("large");
        return [put.res.status, put.data, put.res.requestUrls[0], got.content.equals(body)];
    """
    trusting = {"NODE_EXTRA_CA_CERTS": str(emulator.emulator.ca_file)}
    status, data, url, is_equal = run_node("run.js", options, script, **trusting)
    assert (status, data, is_equal) == (200, {"Status": "OK"}, True)
    assert url.startswith(emulator.emulator.https_endpoint)
    assert [received.form for received in app_server.received] == [{"size": "5000000"}]


def test_virtual_host_has_a_certificate_of_its_own(emulator: EmulatorThread) -> None:
    port = urlsplit(emulator.emulator.https_endpoint).port
    host = "examplebucket.localhost"
    command = [
        *(curl(), "--silent", "--show-error", "--cacert", str(emulator.emulator.ca_file)),
        *("--resolve", f"{host}:{port}:127.0.0.1", f"https://{host}:{port}/?acl"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert "<Code>AccessDenied</Code>" in done.stdout  # the bucket is found by its host, and nobody has signed
    assert f"<HostId>{host}</HostId>" in done.stdout


def curl() -> str:
    path = shutil.which("curl")
    assert path, "needs curl"
    return path
