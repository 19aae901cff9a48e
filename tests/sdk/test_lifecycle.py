"""The lifecycle rules of a bucket, through the official SDKs."""

import datetime
from typing import Any

import alibabacloud_oss_v2 as v2
import pytest
from oss2.models import (
    AbortMultipartUpload,
    BucketLifecycle,
    FilterNot,
    FilterNotTag,
    LifecycleExpiration,
    LifecycleFilter,
    LifecycleRule,
    NoncurrentVersionExpiration,
    NoncurrentVersionStorageTransition,
    StorageTransition,
    Tagging,
    TaggingRule,
)

from emulator import EmulatorThread
from tests.sdk.clients import BUCKET, CLIENTS, Oss2, OssV2
from tests.sdk.conftest import KEY_ID, KEY_SECRET, RunNode, ali_oss
from tests.sdk.verbs import refusal

NONE = (404, "NoSuchLifecycle")


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_oss2_sets_reads_and_deletes_rules(emulator: EmulatorThread, version: str) -> None:
    wrapped = CLIENTS["oss2"](emulator.endpoint, KEY_ID, KEY_SECRET, version)
    assert isinstance(wrapped, Oss2)
    bucket = wrapped.bucket
    assert refusal(bucket.get_bucket_lifecycle) == NONE
    tags = TaggingRule()
    tags.add("k", "v")
    kept = LifecycleFilter(
        object_size_greater_than=500,
        object_size_less_than=64500,
        filter_not=[FilterNot("logs/keep/", FilterNotTag("a", "b"))],
    )
    rules = [
        LifecycleRule(
            "one",
            "logs/",
            expiration=LifecycleExpiration(days=100),
            storage_transitions=[
                StorageTransition(days=10, storage_class="IA"),
                StorageTransition(days=20, storage_class="Archive"),
            ],
            tagging=Tagging(tags),
            noncurrent_version_expiration=NoncurrentVersionExpiration(30),
            noncurrent_version_sotrage_transitions=[NoncurrentVersionStorageTransition(12, "IA")],
            filter=kept,
        ),
        LifecycleRule(
            "two",
            "old/",
            status=LifecycleRule.DISABLED,
            expiration=LifecycleExpiration(created_before_date=datetime.date(2020, 2, 29)),
            abort_multipart_upload=AbortMultipartUpload(days=3),
        ),
        LifecycleRule("three", "once/", expiration=LifecycleExpiration(date=datetime.date(2030, 1, 1))),
        LifecycleRule(
            "four",
            "seldom/",
            storage_transitions=[
                StorageTransition(
                    days=5,
                    storage_class="IA",
                    is_access_time=True,
                    return_to_std_when_visit=True,
                    allow_small_file=False,
                )
            ],
        ),
    ]
    assert bucket.put_bucket_lifecycle(BucketLifecycle(rules)).status == 200
    one, two, three, four = bucket.get_bucket_lifecycle().rules
    assert (one.id, one.prefix, one.status, one.expiration.days) == ("one", "logs/", "Enabled", 100)
    assert [(each.days, each.storage_class) for each in one.storage_transitions] == [(10, "IA"), (20, "Archive")]
    assert dict(one.tagging.tag_set.tagging_rule) == {"k": "v"}
    assert one.noncurrent_version_expiration.noncurrent_days == 30
    assert one.noncurrent_version_sotrage_transitions[0].noncurrent_days == 12
    assert (one.filter.object_size_greater_than, one.filter.object_size_less_than) == (500, 64500)
    assert (one.filter.filter_not[0].prefix, one.filter.filter_not[0].tag.value) == ("logs/keep/", "b")
    assert (two.status, two.abort_multipart_upload.days) == ("Disabled", 3)
    assert two.expiration.created_before_date == datetime.date(2020, 2, 29)
    assert three.expiration.date == datetime.date(2030, 1, 1)
    assert four.storage_transitions[0].return_to_std_when_visit is True
    assert four.atime_base > 1_500_000_000
    both = BucketLifecycle([rules[0], LifecycleRule("five", "logs/a/", expiration=LifecycleExpiration(days=3))])
    assert refusal(bucket.put_bucket_lifecycle, both) == (400, "InvalidArgument")
    assert bucket.put_bucket_lifecycle(both, {"x-oss-allow-same-action-overlap": "true"}).status == 200
    assert bucket.delete_bucket_lifecycle().status == 204
    assert refusal(bucket.get_bucket_lifecycle) == NONE


def test_alibabacloud_oss_v2_sets_reads_and_deletes_rules(emulator: EmulatorThread) -> None:
    wrapped = CLIENTS["alibabacloud-oss-v2"](emulator.endpoint, KEY_ID, KEY_SECRET, "v4")
    assert isinstance(wrapped, OssV2)
    client = wrapped.client
    rule = v2.LifecycleRule(
        id="one",
        prefix="logs/",
        status="Enabled",
        tags=[v2.Tag(key="k", value="v")],
        filter=v2.LifecycleRuleFilter(
            object_size_greater_than=1, nots=[v2.LifecycleRuleNot(prefix="logs/keep/", tag=v2.Tag(key="a", value="b"))]
        ),
        transitions=[v2.LifecycleRuleTransition(days=3, storage_class="IA", is_access_time=False)],
        expiration=v2.LifecycleRuleExpiration(days=9),
        noncurrent_version_expiration=v2.NoncurrentVersionExpiration(noncurrent_days=7),
        noncurrent_version_transitions=[v2.NoncurrentVersionTransition(noncurrent_days=5, storage_class="Archive")],
    )

    def put(*rules: v2.LifecycleRule, **options: str) -> int:
        request = v2.PutBucketLifecycleRequest(
            bucket=BUCKET, lifecycle_configuration=v2.LifecycleConfiguration(rules=list(rules)), **options
        )
        return int(client.put_bucket_lifecycle(request).status_code)

    assert put(rule) == 200
    configuration: Any = client.get_bucket_lifecycle(
        v2.GetBucketLifecycleRequest(bucket=BUCKET)
    ).lifecycle_configuration
    (got,) = configuration.rules
    assert (got.id, got.prefix, got.status, got.expiration.days) == ("one", "logs/", "Enabled", 9)
    assert (got.tags[0].key, got.tags[0].value) == ("k", "v")
    assert (got.filter.object_size_greater_than, got.filter.nots[0].prefix) == (1, "logs/keep/")
    assert vars(got.transitions[0]) == vars(rule.transitions[0])
    assert got.noncurrent_version_expiration.noncurrent_days == 7
    assert got.noncurrent_version_transitions[0].storage_class == "Archive"
    dated = v2.LifecycleRule(
        id="dated",
        prefix="dated/",
        status="Enabled",
        transitions=[
            v2.LifecycleRuleTransition(
                created_before_date=datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC), storage_class="IA"
            )
        ],
    )
    assert put(dated) == 200
    other = v2.LifecycleRule(id="two", prefix="logs/", status="Enabled", expiration=rule.expiration)
    assert refusal(put, rule, other) == (400, "InvalidArgument")
    assert put(rule, other, allow_same_action_overlap="true") == 200
    client.delete_bucket_lifecycle(v2.DeleteBucketLifecycleRequest(bucket=BUCKET))
    assert refusal(client.get_bucket_lifecycle, v2.GetBucketLifecycleRequest(bucket=BUCKET)) == NONE


def test_ali_oss_sets_reads_and_deletes_rules(emulator: EmulatorThread, run_node: RunNode) -> None:
    result = run_node(
        "run.js",
        ali_oss(emulator, authorizationV4=True),
        """
        const name = "examplebucket";
        await client.putBucketLifecycle(name, [
          {id: "one", prefix: "logs/", status: "Enabled", expiration: {days: "9"},
           transition: {days: "3", storageClass: "IA"}, tag: [{key: "k", value: "v"}],
           noncurrentVersionExpiration: {noncurrentDays: "7"}},
          {prefix: "old/", status: "Disabled", expiration: {createdBeforeDate: "2020-02-29T00:00:00.000Z"},
           abortMultipartUpload: {days: "2"}},
          {id: "three", prefix: "markers/", status: "Enabled", expiration: {expiredObjectDeleteMarker: "true"}},
        ]);
        const {rules} = await client.getBucketLifecycle(name);
        const refused = await client.putBucketLifecycle(name, [
          {id: "a", prefix: "x", status: "Enabled", expiration: {days: 3}, transition: {days: 3, storageClass: "IA"}},
        ]).catch((e) => [e.status, e.code]);
        await client.deleteBucketLifecycle(name);
        const none = await client.getBucketLifecycle(name).catch((e) => [e.status, e.code]);
        return {rules, refused, none};
        """,
    )
    generated = result["rules"][1].pop("id")
    assert len(generated) == 36
    assert result == {
        "rules": [
            {
                "id": "one",
                "prefix": "logs/",
                "status": "Enabled",
                "tag": [{"key": "k", "value": "v"}],
                "transition": {"days": "3", "storageClass": "IA"},
                "expiration": {"days": "9"},
                "noncurrentVersionExpiration": {"noncurrentDays": "7"},
            },
            {
                "prefix": "old/",
                "status": "Disabled",
                "expiration": {"createdBeforeDate": "2020-02-29T00:00:00.000Z"},
                "abortMultipartUpload": {"days": "2"},
            },
            {
                "id": "three",
                "prefix": "markers/",
                "status": "Enabled",
                "expiration": {"expiredObjectDeleteMarker": "true"},
            },
        ],
        "refused": [400, "InvalidArgument"],
        "none": list(NONE),
    }
