"""Archived objects and their restoring through the official SDKs."""

import json

import alibabacloud_oss_v2 as v2
import oss2
import pytest

from emulator import EmulatorThread
from tests.sdk.clients import BUCKET
from tests.sdk.conftest import KEY_ID, KEY_SECRET, RunNode, ali_oss
from tests.sdk.verbs import Oss2Verbs, OssV2Verbs, Verbs, refusal

KEY = "dir/测试 a+b&c.txt"


def restore(client: Verbs, key: str, days: int | None = None, tier: str | None = None) -> int:
    """RestoreObject; the status."""
    if isinstance(client, Oss2Verbs):
        job = None if tier is None else oss2.models.RestoreJobParameters(tier)
        configuration = None if days is None else oss2.models.RestoreConfiguration(days, job)
        return client.bucket.restore_object(key, input=configuration).status
    parameters = None if tier is None else v2.JobParameters(tier=tier)
    asked = None if days is None else v2.RestoreRequest(days=days, job_parameters=parameters)
    return client.client.restore_object(
        v2.RestoreObjectRequest(bucket=BUCKET, key=key, restore_request=asked)
    ).status_code


def state(client: Verbs, key: str) -> str | None:
    if isinstance(client, Oss2Verbs):
        return client.bucket.head_object(key).headers.get("x-oss-restore")
    return client.client.head_object(v2.HeadObjectRequest(bucket=BUCKET, key=key)).restore


def archive(client: Verbs, storage_class: str) -> None:
    client.store(KEY, b"hello", {"x-oss-storage-class": storage_class})


def test_an_archive_is_restored_and_then_read(client: Verbs, emulator: EmulatorThread) -> None:
    archive(client, "Archive")
    assert refusal(client.read, KEY) == (403, "InvalidObjectState")
    assert restore(client, KEY) == 202
    assert refusal(restore, client, KEY) == (409, "RestoreAlreadyInProgress")
    assert state(client, KEY) == 'ongoing-request="true"'
    emulator.emulator.clock.step(1)
    assert (state(client, KEY) or "").startswith('ongoing-request="false", expiry-date="')
    assert client.read(KEY) == b"hello"
    assert restore(client, KEY) == 200


def test_a_cold_archive_is_restored_for_days_with_a_priority(client: Verbs, emulator: EmulatorThread) -> None:
    archive(client, "ColdArchive")
    assert restore(client, KEY, 2, "Expedited") == 202
    emulator.emulator.clock.step(1)
    assert client.read(KEY) == b"hello"


def test_refusals_are_the_sdk_s_own_errors(client: Verbs) -> None:
    archive(client, "Standard")
    assert refusal(restore, client, KEY) == (400, "OperationNotSupported")
    archive(client, "Archive")
    assert refusal(restore, client, KEY, 2, "Standard") == (400, "MalformedXML")
    assert refusal(restore, client, "missing") == (404, "NoSuchKey")


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_v2_cleans_what_was_restored(version: str, emulator: EmulatorThread) -> None:
    client = OssV2Verbs(emulator.endpoint, KEY_ID, KEY_SECRET, version)
    request = v2.CleanRestoredObjectRequest(bucket=BUCKET, key=KEY)
    archive(client, "Archive")
    assert refusal(client.client.clean_restored_object, request) == (409, "ArchiveRestoreFileStale")
    restore(client, KEY)
    assert refusal(client.client.clean_restored_object, request) == (409, "ArchiveRestoreNotFinished")
    emulator.emulator.clock.step(1)
    assert client.client.clean_restored_object(request).status_code == 200
    assert refusal(client.read, KEY) == (403, "InvalidObjectState")


@pytest.mark.parametrize("v4", [pytest.param(True, id="V4"), pytest.param(False, id="V1")])
@pytest.mark.parametrize("storage_class", ["Archive", "ColdArchive", "DeepColdArchive"])
def test_ali_oss_restores(storage_class: str, v4: bool, emulator: EmulatorThread, run_node: RunNode) -> None:
    result = run_node(
        "run.js",
        ali_oss(emulator, authorizationV4=v4),
        f"""
        const name = {json.dumps(KEY)};
        const type = {json.dumps(storage_class)};
        const code = (error) => error.code;
        await client.put(name, Buffer.from("hello"), {{headers: {{"x-oss-storage-class": type}}}});
        const before = await client.get(name).then(() => "", code);
        const restored = await client.restore(name, {{type}});
        const again = await client.restore(name, {{type}}).then(() => "", code);
        await urllib.request(
          client.options.endpoint.format() + "_emulator/clock",
          {{method: "PUT", contentType: "json", data: {{step_seconds: 1}}}},
        );
        const got = await client.get(name);
        return {{before, status: restored.res.status, again, content: got.content.toString()}};
        """,
    )
    assert result == {
        "before": "InvalidObjectState",
        "status": 202,
        "again": "RestoreAlreadyInProgress",
        "content": "hello",
    }
