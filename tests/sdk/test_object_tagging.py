"""The tags of objects through the official SDKs."""

import json

import alibabacloud_oss_v2 as v2
import oss2
import pytest

from emulator import EmulatorThread
from tests.sdk.clients import BUCKET
from tests.sdk.conftest import KEY_ID, KEY_SECRET, RunNode, ali_oss
from tests.sdk.verbs import Oss2Verbs, OssV2Verbs, Verbs, refusal

KEY = "dir/测试 a+b&c.txt"
TAGS = {"age": "18", "城市 x": "杭州 +-=._:/", "empty": ""}


def put_tags(client: Verbs, key: str, tags: dict[str, str]) -> None:
    if isinstance(client, Oss2Verbs):
        rule = oss2.models.TaggingRule()
        for name, value in tags.items():
            rule.add(name, value)
        client.bucket.put_object_tagging(key, oss2.models.Tagging(rule))
        return
    tag_set = v2.TagSet(tags=[v2.Tag(key=name, value=value) for name, value in tags.items()])
    request = v2.PutObjectTaggingRequest(bucket=BUCKET, key=key, tagging=v2.Tagging(tag_set=tag_set))
    client.client.put_object_tagging(request)


def tags(client: Verbs, key: str) -> dict[str, str]:
    if isinstance(client, Oss2Verbs):
        return dict(client.bucket.get_object_tagging(key).tag_set.tagging_rule)
    result = client.client.get_object_tagging(v2.GetObjectTaggingRequest(bucket=BUCKET, key=key))
    return {tag.key: tag.value or "" for tag in result.tag_set.tags or ()}


def delete_tags(client: Verbs, key: str) -> int:
    if isinstance(client, Oss2Verbs):
        return client.bucket.delete_object_tagging(key).status
    return client.client.delete_object_tagging(v2.DeleteObjectTaggingRequest(bucket=BUCKET, key=key)).status_code


def test_tags_are_set_read_and_taken_away(client: Verbs) -> None:
    client.store(KEY, b"hello", {"x-oss-tagging": "k1=v1&k2=v%202"})
    assert tags(client, KEY) == {"k1": "v1", "k2": "v 2"}
    put_tags(client, KEY, TAGS)
    assert tags(client, KEY) == TAGS
    assert delete_tags(client, KEY) == 204
    assert tags(client, KEY) == {}


def test_refusals_are_the_sdk_s_own_errors(client: Verbs) -> None:
    client.store(KEY, b"hello")
    assert refusal(put_tags, client, KEY, {"a!": "1"}) == (400, "InvalidTag")
    assert refusal(put_tags, client, KEY, {str(number): "" for number in range(11)}) == (400, "InvalidTag")
    for call in (tags, delete_tags):
        assert refusal(call, client, "missing") == (404, "NoSuchKey")
    assert refusal(put_tags, client, "missing", {}) == (404, "NoSuchKey")


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_the_copier_of_v2_takes_the_tags_of_its_source_along_when_it_copies_in_parts(
    version: str, emulator: EmulatorThread
) -> None:
    client = OssV2Verbs(emulator.endpoint, KEY_ID, KEY_SECRET, version)
    client.store(KEY, b"a" * 250_000, {"x-oss-tagging": "k1=v1&k2=v%202", "x-oss-meta-owner": "me"})
    copied = client.client.copier().copy(
        v2.CopyObjectRequest(bucket=BUCKET, key="copy", source_bucket=BUCKET, source_key=KEY),
        part_size=102_400,
        multipart_copy_threshold=102_400,
        disable_shallow_copy=True,
    )
    assert copied.upload_id
    assert tags(client, "copy") == {"k1": "v1", "k2": "v 2"}
    head = client.head("copy")
    assert (head.size, head.object_type, head.metadata) == (250_000, "Multipart", {"owner": "me"})


@pytest.mark.parametrize("v4", [pytest.param(True, id="V4"), pytest.param(False, id="V1")])
def test_ali_oss_sets_reads_and_takes_tags_away(v4: bool, emulator: EmulatorThread, run_node: RunNode) -> None:
    result = run_node(
        "run.js",
        ali_oss(emulator, authorizationV4=v4),
        f"""
        const name = {json.dumps(KEY)};
        await client.put(name, Buffer.from("hello"));
        const put = await client.putObjectTagging(name, {{age: "18", "a b": "+-=._:/"}});
        const got = await client.getObjectTagging(name);
        const deleted = await client.deleteObjectTagging(name);
        const none = await client.getObjectTagging(name);
        const missing = await client.getObjectTagging("missing").then(() => "", (error) => error.code);
        return {{put: put.status, tag: got.tag, deleted: deleted.status, none: none.tag, missing}};
        """,
    )
    assert result == {
        "put": 200,
        "tag": {"age": "18", "a b": "+-=._:/"},
        "deleted": 204,
        "none": {},
        "missing": "NoSuchKey",
    }
