"""Versions through the official SDKs."""

from typing import Any

import alibabacloud_oss_v2 as v2
import oss2
import pytest

from emulator import EmulatorThread
from tests.sdk.clients import BUCKET
from tests.sdk.conftest import RunNode, ali_oss
from tests.sdk.verbs import Oss2Verbs, OssV2Verbs, Verbs, refusal


@pytest.fixture
def client(client: Verbs) -> Verbs:
    """A client whose bucket keeps versions."""
    if isinstance(client, Oss2Verbs):
        client.bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
        assert client.bucket.get_bucket_versioning().status == "Enabled"
    else:
        configuration = v2.VersioningConfiguration(status="Enabled")
        client.client.put_bucket_versioning(
            v2.PutBucketVersioningRequest(bucket=BUCKET, versioning_configuration=configuration)
        )
        result = client.client.get_bucket_versioning(v2.GetBucketVersioningRequest(bucket=BUCKET))
        assert result.version_status == "Enabled"
    return client


def put(client: Verbs, key: str, body: bytes) -> str:
    if isinstance(client, Oss2Verbs):
        return client.bucket.put_object(key, body).versionid
    return client.client.put_object(v2.PutObjectRequest(bucket=BUCKET, key=key, body=body)).version_id


def get(client: Verbs, key: str, version_id: str) -> bytes:
    if isinstance(client, Oss2Verbs):
        return client.bucket.get_object(key, params={"versionId": version_id}).read()
    result = client.client.get_object(v2.GetObjectRequest(bucket=BUCKET, key=key, version_id=version_id))
    with result.body as body:
        return body.read()


def delete(client: Verbs, key: str, version_id: str | None = None) -> tuple[bool, str]:
    """Whether a delete marker was made or deleted, and the version's id."""
    if isinstance(client, Oss2Verbs):
        result: Any = client.bucket.delete_object(key, params={"versionId": version_id} if version_id else None)
        return bool(result.delete_marker), result.versionid
    result = client.client.delete_object(v2.DeleteObjectRequest(bucket=BUCKET, key=key, version_id=version_id))
    return bool(result.delete_marker), result.version_id


def versions(client: Verbs) -> list[tuple[str, str, bool]]:
    """Key, id and whether it is the latest, of versions and then of delete markers; pages of two."""
    if isinstance(client, Oss2Verbs):
        found, markers, after = [], [], ("", "")
        while True:
            page = client.bucket.list_object_versions(max_keys=2, key_marker=after[0], versionid_marker=after[1])
            found += page.versions
            markers += page.delete_marker
            if not page.is_truncated:
                return [(each.key, each.versionid, each.is_latest) for each in [*found, *markers]]
            after = page.next_key_marker, page.next_versionid_marker
    paginator = client.client.list_object_versions_paginator(limit=2)
    pages = list(paginator.iter_page(v2.ListObjectVersionsRequest(bucket=BUCKET)))
    entries = [each for page in pages for each in page.version or ()]
    entries += [each for page in pages for each in page.delete_marker or ()]
    return [(each.key, each.version_id, each.is_latest) for each in entries]


def test_versions_are_written_read_listed_and_deleted(client: Verbs) -> None:
    first, second = put(client, "a", b"1"), put(client, "a", b"2")
    assert (len(first), client.read("a"), get(client, "a", first)) == (64, b"2", b"1")
    is_marker, marker = delete(client, "a")
    assert is_marker
    assert refusal(client.read, "a") == (404, "NoSuchKey")
    assert refusal(get, client, "a", marker) == (405, "MethodNotAllowed")
    assert versions(client) == [("a", second, False), ("a", first, False), ("a", marker, True)]
    assert refusal(client.remove_bucket, BUCKET) == (409, "BucketNotEmpty")
    assert delete(client, "a", marker) == (True, marker)
    assert client.read("a") == b"2"
    assert delete(client, "a", second) == (False, second)
    assert delete(client, "a", first) == (False, first)
    assert versions(client) == []
    client.remove_bucket(BUCKET)


def test_ids_that_name_no_version_are_refused(client: Verbs) -> None:
    known = put(client, "a", b"1")
    assert refusal(get, client, "a", "IllegalVersion") == (400, "InvalidArgument")
    delete(client, "a", known)
    assert refusal(get, client, "a", known) == (404, "NoSuchVersion")


def test_versions_are_copied_and_deleted_in_bulk(client: Verbs) -> None:
    first, second = put(client, "a", b"1"), put(client, "a", b"2")
    if isinstance(client, Oss2Verbs):
        copied: Any = client.bucket.copy_object(BUCKET, "a", "b", params={"versionId": first})
        listed = oss2.models.BatchDeleteObjectVersionList(
            [oss2.models.BatchDeleteObjectVersion("a", each) for each in (first, second)]
        )
        deleted = [each.versionid for each in client.bucket.delete_object_versions(listed).delete_versions]
        version_id = copied.versionid
    else:
        copied = client.client.copy_object(
            v2.CopyObjectRequest(bucket=BUCKET, key="b", source_key="a", source_version_id=first)
        )
        objects = [v2.DeleteObject(key="a", version_id=each) for each in (first, second)]
        result = client.client.delete_multiple_objects(
            v2.DeleteMultipleObjectsRequest(bucket=BUCKET, objects=objects, encoding_type="url")
        )
        deleted = [each.version_id for each in result.deleted_objects or ()]
        version_id = copied.version_id
        assert copied.source_version_id == first
    assert client.read("b") == b"1"
    assert deleted == [first, second]
    assert versions(client) == [("b", version_id, True)]
    assert isinstance(client, Oss2Verbs | OssV2Verbs)


@pytest.mark.parametrize("v4", [pytest.param(False, id="V1"), pytest.param(True, id="V4")])
def test_ali_oss_keeps_versions(v4: bool, emulator: EmulatorThread, run_node: RunNode) -> None:
    result = run_node(
        "run.js",
        ali_oss(emulator, authorizationV4=v4),
        """
        await client.putBucketVersioning("examplebucket", "Enabled");
        const id = (result) => result.res.headers["x-oss-version-id"];
        const first = id(await client.put("a", Buffer.from("1")));
        const second = id(await client.put("a", Buffer.from("2")));
        const marker = id(await client.delete("a"));
        const result = {
          status: (await client.getBucketVersioning("examplebucket")).versionStatus,
          old: (await client.get("a", {versionId: first})).content.toString(),
        };
        try { await client.get("a"); } catch (error) { result.hidden = [error.code, error.status]; }
        try { await client.get("a", {versionId: "234"}); }
        catch (error) { result.refused = [error.code, error.status]; }
        const listed = await client.getBucketVersions({"max-keys": 10});
        result.listed = listed.objects.map((each) => [each.name, each.versionId === second, each.isLatest]);
        result.markers = listed.deleteMarker.map((each) => [each.name, each.versionId === marker]);
        await client.delete("a", {versionId: marker});
        result.back = (await client.get("a")).content.toString();
        await client.deleteMulti([{key: "a", versionId: first}, {key: "a", versionId: second}]);
        result.left = ((await client.getBucketVersions({})).objects || []).length;
        return result;
        """,
    )
    assert result == {
        "status": "Enabled",
        "old": "1",
        "hidden": ["NoSuchKey", 404],
        "refused": ["InvalidArgument", 400],
        "listed": [["a", True, False], ["a", False, False]],
        "markers": [["a", True]],
        "back": "2",
        "left": 0,
    }
