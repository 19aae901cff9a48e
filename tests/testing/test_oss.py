"""OssEmulator: its life, how it is reached, arranging and checking."""

import os
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from urllib.request import urlopen

import pytest

from emulator import EmulatorError
from emulator.config import ConfigError
from emulator.errors import NoSuchBucket, NoSuchKey
from emulator.server import ServerError
from emulator.testing import OssEmulator
from tests.testing.words import listening


def test_a_context_manager_serves_scripts_and_leaves_nothing() -> None:
    threads = set(threading.enumerate())
    with OssEmulator(buckets=["photos"]) as oss:
        folder = oss._thread.emulator.data_dir
        oss.put("a.txt", "hello")
        assert oss.receiver.url.endswith("/callback")
        assert (folder / "buckets/photos/a.txt").read_text() == "hello"
    assert not folder.exists()
    assert set(threading.enumerate()) == threads


def test_a_port_that_is_taken_is_told_to_the_caller() -> None:
    with listening() as port, pytest.raises(ServerError, match=f"127.0.0.1 port {port}: Address already in use"):
        OssEmulator(server={"port": port}).start()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"auht": {}}, "auht: no such setting; did you mean auth", id="section"),
        pytest.param({"log": {"level": "loud"}}, "log.level: expected one of debug", id="value"),
        pytest.param({"server": 1}, "server: expected keys and values, got 1", id="no section"),
    ],
)
def test_wrong_settings_are_refused_before_anything_starts(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        OssEmulator(**settings)


@pytest.mark.parametrize("what", ["settings", "address", "data directory"])
def test_whatever_stops_a_start_is_one_kind_of_error(what: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with listening() as port, pytest.raises(EmulatorError):
        settings = {
            "settings": {"log": {"level": "loud"}},
            "address": {"server": {"port": port}},
            "data directory": {"storage": {"ephemeral": False, "data_dir": tmp_path / "file"}},
        }
        OssEmulator(**settings[what]).start()


def test_the_environment_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSS_EMULATOR_BUCKETS", "[other]")
    assert OssEmulator().bucket == "examplebucket"


def test_a_folder_of_the_test_s_own_outlives_it(tmp_path: Path) -> None:
    settings = {"storage": {"data_dir": tmp_path, "ephemeral": False}}
    with OssEmulator(**settings) as oss:
        oss.put("a", b"1")
    with OssEmulator(**settings) as oss:
        assert oss.get("a") == b"1"


def test_what_is_asked_of_a_stopped_emulator_is_told() -> None:
    oss = OssEmulator()
    with pytest.raises(RuntimeError, match="not running"):
        oss.keys()
    with oss:
        oss.keys()
    with pytest.raises(RuntimeError, match="not running"):
        oss.keys()


def test_without_configured_buckets_one_has_to_be_named() -> None:
    with OssEmulator(buckets=[]) as oss:
        assert oss.environ["OSS_BUCKET"] == ""
        with pytest.raises(LookupError, match="No bucket is configured"):
            oss.keys()
        oss.client("alibabacloud-oss-v2")
        with pytest.raises(NoSuchBucket):
            oss.keys(bucket="photos")


def test_environ_has_what_programs_read(oss: OssEmulator) -> None:
    assert oss.environ == {
        "OSS_ENDPOINT": oss.endpoint,
        "OSS_HTTPS_ENDPOINT": "",
        "OSS_CA_FILE": "",
        "OSS_ACCESS_KEY_ID": "emulator",
        "OSS_ACCESS_KEY_SECRET": "emulator-secret",
        "OSS_SESSION_TOKEN": "",
        "OSS_REGION": "cn-hangzhou",
        "OSS_BUCKET": "examplebucket",
    }


def test_https_is_a_setting() -> None:
    with OssEmulator(server={"tls": True}) as oss:
        context = ssl.create_default_context(cafile=oss.ca_file)
        with urlopen(f"{oss.https_endpoint}/_emulator/health", context=context) as answer:
            assert answer.status == 200
        assert oss.environ["OSS_HTTPS_ENDPOINT"] == oss.https_endpoint
        assert oss.environ["OSS_CA_FILE"] == str(oss.ca_file)


@pytest.mark.parametrize("sdk", ["oss2", "alibabacloud-oss-v2", None])
def test_clients_of_both_sdks_are_ready_to_use(oss: OssEmulator, sdk: str | None) -> None:
    client = oss.client(sdk)  # type: ignore[arg-type]
    if sdk == "alibabacloud-oss-v2":
        import alibabacloud_oss_v2

        client.put_object(alibabacloud_oss_v2.PutObjectRequest(bucket=oss.bucket, key="a", body=b"1"))
    else:
        client.put_object("a", b"1")
    assert oss.get("a") == b"1"


@pytest.mark.parametrize("signatures", [["v1"], ["v2"], ["v4"]])
def test_clients_sign_as_the_emulator_wants_it(signatures: list[str]) -> None:
    keys = [{"id": "STS.me", "secret": "s", "token": "t"}]
    with OssEmulator(auth={"keys": keys, "signatures": signatures}) as oss:
        oss.client("oss2").put_object("a", b"1")
        assert oss.keys() == ["a"]
    with OssEmulator(auth={"signatures": signatures}) as oss:
        oss.client("oss2").put_object("a", b"1")
        assert oss.keys() == ["a"]


def test_objects_are_arranged_and_checked(oss: OssEmulator) -> None:
    record = oss.put("a/测试.txt", "hello", content_type="text/plain", metadata={"Owner": "me"})
    assert record.etag == "5D41402ABC4B2A76B9719D911017C592"
    oss.put("b", b"\0")
    assert oss.keys() == ["a/测试.txt", "b"]
    assert oss.keys("a/") == ["a/测试.txt"]
    assert oss.get("a/测试.txt") == b"hello"
    assert oss.head("a/测试.txt").attributes.metadata == {"owner": "me"}
    result = oss.client("oss2").head_object("a/测试.txt")
    assert (result.content_type, result.headers["x-oss-meta-owner"]) == ("text/plain", "me")
    assert oss.delete("b", "c") == 1
    assert oss.keys() == ["a/测试.txt"]


def test_empty_objects_are_objects(oss: OssEmulator) -> None:
    oss.put("empty")
    assert oss.get("empty") == b""


def test_keys_are_all_keys(oss: OssEmulator) -> None:
    names = [f"{number:04}" for number in range(1001)]
    for name in names:
        oss.put(name)
    assert oss.keys() == names


def test_an_object_that_is_not_there_is_told_with_those_that_are(oss: OssEmulator) -> None:
    for number in range(12):
        oss.put(f"photos/{number}.jpg")
    with pytest.raises(NoSuchKey) as failure:
        oss.get("photos/7.jpeg")
    (note,) = failure.value.__notes__
    assert note.startswith("There is no 'photos/7.jpeg' in examplebucket; there are: photos/7.jpg, ")
    assert note.endswith(" and 2 more.")
    with pytest.raises(NoSuchBucket):
        oss.keys(bucket="other")


def test_reset_leaves_a_clean_slate(oss: OssEmulator) -> None:
    bucket = oss.client("oss2")
    bucket.put_object("a", b"1", headers={"x-oss-callback": oss.receiver.callback("{}")})
    bucket.init_multipart_upload("b")
    oss.receiver.answer(status=500)
    oss.reset()
    assert (oss.keys(), list(oss.callbacks), oss.receiver.requests) == ([], [], [])
    assert bucket.list_multipart_uploads().upload_list == []
    bucket.put_object("a", b"1", headers={"x-oss-callback": oss.receiver.callback("{}")})
    assert oss.callbacks.last.outcome == "success"


def test_it_can_be_asked_by_many_threads(oss: OssEmulator) -> None:
    threads = [threading.Thread(target=oss.put, args=(f"{number}",)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(oss.keys()) == 16


def test_a_program_that_forgets_to_stop_ends_all_the_same_and_leaves_nothing(tmp_path: Path) -> None:
    code = "from emulator.testing import OssEmulator\noss = OssEmulator()\noss.start()\nprint(oss.endpoint)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.startswith("http://127.0.0.1:")
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []
