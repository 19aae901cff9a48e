"""Buckets through the official SDKs."""

import oss2
import pytest

from emulator import EmulatorThread
from tests.sdk.conftest import RunNode, ali_oss
from tests.sdk.verbs import Oss2Verbs, Verbs, refusal


def test_bucket_is_made_looked_at_and_removed(client: Verbs) -> None:
    assert not client.bucket_exists("another-bucket")
    client.make_bucket("another-bucket", "public-read", "IA")
    assert client.bucket_exists("another-bucket")
    assert client.bucket_info("another-bucket") == ("another-bucket", "oss-cn-hangzhou", "IA", "public-read")
    assert client.bucket_location("another-bucket") == "oss-cn-hangzhou"
    assert client.bucket_stat("another-bucket") == (0, 0)
    client.remove_bucket("another-bucket")
    assert not client.bucket_exists("another-bucket")


def test_bucket_counts_what_it_holds(client: Verbs) -> None:
    client.store("a", b"hello")
    client.store("b", b"hello world")
    assert client.bucket_stat("examplebucket") == (2, 16)


def test_bucket_acl_is_set_and_read(client: Verbs) -> None:
    assert client.bucket_acl("examplebucket") == "private"
    client.set_bucket_acl("examplebucket", "public-read-write")
    assert client.bucket_acl("examplebucket") == "public-read-write"


def test_bucket_with_objects_is_not_removed(client: Verbs) -> None:
    client.store("a", b"")
    assert refusal(client.remove_bucket, "examplebucket") == (409, "BucketNotEmpty")
    client.delete("a")
    client.remove_bucket("examplebucket")


def test_missing_bucket_is_the_sdk_s_own_error(client: Verbs) -> None:
    for call in (client.remove_bucket, client.bucket_location, client.bucket_stat, client.bucket_acl):
        assert refusal(call, "missing-bucket") == (404, "NoSuchBucket")
    client.remove_bucket("examplebucket")
    assert refusal(client.store, "a", b"") == (404, "NoSuchBucket")
    assert refusal(client.read, "a") == (404, "NoSuchBucket")
    assert refusal(client.head, "a") == (404, "NoSuchBucket")
    assert refusal(client.page) == (404, "NoSuchBucket")
    assert refusal(client.delete_many, ["a"]) == (404, "NoSuchBucket")


def test_bucket_of_another_class_cannot_be_made_over_it(client: Verbs) -> None:
    client.make_bucket("examplebucket", "private", "Standard")
    assert refusal(client.make_bucket, "examplebucket", "private", "IA") == (409, "BucketAlreadyExists")
    assert refusal(client.make_bucket, "another-bucket", "secret", "IA") == (400, "InvalidArgument")


def test_buckets_are_listed_a_page_at_a_time(client: Verbs) -> None:
    for name in ("b-2", "b-1", "c-1"):
        client.make_bucket(name + "-bucket", "private", "Standard")
    assert client.buckets()[0] == ["b-1-bucket", "b-2-bucket", "c-1-bucket", "examplebucket"]
    assert client.buckets(prefix="b-") == (["b-1-bucket", "b-2-bucket"], "")
    page, after = client.buckets(limit=3)
    assert (page, after) == (["b-1-bucket", "b-2-bucket", "c-1-bucket"], "c-1-bucket")
    assert client.buckets(after=after)[0] == ["examplebucket"]
    assert refusal(client.buckets, limit=1001) == (400, "InvalidArgument")


def test_bucket_is_emptied_of_all_that_can_be_in_it_before_it_is_removed(client: Verbs) -> None:
    client.store("a", b"")
    if isinstance(client, Oss2Verbs):
        assert list(oss2.LiveChannelIterator(client.bucket)) == []
        assert list(oss2.MultipartUploadIterator(client.bucket)) == []
        for entry in oss2.ObjectIterator(client.bucket):
            client.bucket.delete_object(entry.key)
    else:
        client.delete_many(client.page().keys)
    client.remove_bucket("examplebucket")


# --- ali-oss ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("v4", [pytest.param(False, id="V1"), pytest.param(True, id="V4")])
@pytest.mark.parametrize(
    ("host", "options"),
    [
        pytest.param("127.0.0.1", {}, id="bucket in a rewritten Host"),
        pytest.param("127.0.0.1", {"sldEnable": True}, id="bucket named twice"),
        pytest.param("localhost", {"sldEnable": True}, id="path style"),
    ],
)
def test_ali_oss_makes_lists_and_removes_buckets(
    host: str, options: dict[str, object], v4: bool, emulator: EmulatorThread, run_node: RunNode
) -> None:
    endpoint = emulator.endpoint.replace("127.0.0.1", host)
    result = run_node(
        "run.js",
        ali_oss(emulator, endpoint=endpoint, authorizationV4=v4, **options),
        """
        const name = "another-bucket";
        await client.putBucket(name, {acl: "public-read", storageClass: "IA"});
        const listed = (await client.listBuckets({prefix: "another"})).buckets.map((bucket) => bucket.name);
        client.useBucket(name);
        await client.putBucketACL(name, "private");
        await client.put("a", Buffer.from("hello"));
        const info = (await client.getBucketInfo(name)).bucket;
        const result = {
          channels: (await client.listChannels({})).channels,
          listed, name: info.Name, storageClass: info.StorageClass, owner: info.Owner.ID,
          location: (await client.getBucketLocation(name)).location,
          acl: (await client.getBucketACL(name)).acl,
          objects: (await client.getBucketStat(name)).stat.ObjectCount,
        };
        try { await client.deleteBucket(name); } catch (error) { result.refused = [error.name, error.status]; }
        await client.delete("a");
        result.removed = (await client.deleteBucket(name)).res.status;
        return result;
        """,
    )
    assert result == {
        "channels": [],
        "listed": ["another-bucket"],
        "name": "another-bucket",
        "storageClass": "IA",
        "owner": "1234567890123456",
        "location": "oss-cn-hangzhou",
        "acl": "private",
        "objects": "1",
        "refused": ["BucketNotEmptyError", 409],
        "removed": 204,
    }


def test_ali_oss_throws_no_such_bucket(emulator: EmulatorThread, run_node: RunNode) -> None:
    error = run_node("run.js", ali_oss(emulator), 'return await client.getBucketInfo("missing-bucket");')["error"]
    assert (error["name"], error["status"], error["ecCode"]) == ("NoSuchBucketError", 404, "0015-00000101")
