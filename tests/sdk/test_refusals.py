"""Every call that the official SDKs have, about a bucket that does not exist: each SDK says so by its own error.

What the emulator has not is refused first, as not implemented. The calls are found by looking at the SDKs, so that none
is forgotten; only those whose arguments are more than texts stand here.
"""

import inspect
import json
import re
from typing import Any

import alibabacloud_oss_v2 as v2
import oss2
import pytest

from emulator import EmulatorThread
from tests.sdk.conftest import KEY_ID, KEY_SECRET, RunNode, ali_oss
from tests.sdk.verbs import Oss2Verbs, OssV2Verbs, refusal

MODELS = oss2.models
MISSING = "missing-bucket"
NO_SUCH_BUCKET = (404, "NoSuchBucket")
NOT_IMPLEMENTED = (501, "NotImplemented")
NOT_EMULATED = re.compile(
    "access_point|[aA]sync|^(put|get|delete)Channel|Vod|cloud_boxes|data_pipeline|legal_hold|(?<!list_)live_channel|meta_?query|metadata_(conf|inv|jour)"
    "|redundancy|replication|resource_pool|requester_qos|retention|rtc|select_object|user_qos|vod_playlist"
    "|write_get_object|^(put|get|delete)_public_access_block"
)


def expected(names: Any) -> dict[str, tuple[int, str]]:
    """How the methods called `names` are refused."""
    return {name: NOT_IMPLEMENTED if NOT_EMULATED.search(name) else NO_SUCH_BUCKET for name in names}


def methods(kind: type, *, without: str) -> list[str]:
    """The public methods of `kind` that ask for something about a bucket; not those that fit the pattern `without`."""
    return [
        name
        for name, value in vars(kind).items()
        if not name.startswith("_") and inspect.isfunction(value) and not re.fullmatch(without, name)
    ]


# --- oss2 -------------------------------------------------------------------------------------------------------------

OSS2_ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "complete_multipart_upload": ("a", "id", [MODELS.PartInfo(1, "etag")]),
    "upload_part_copy": ("examplebucket", "b", (0, 1), "a", "id", 1),
    "update_object_meta": ("a", {"x-oss-meta-a": "1"}),
    "delete_object_versions": (MODELS.BatchDeleteObjectVersionList([MODELS.BatchDeleteObjectVersion("a", "null")]),),
    "set_bucket_storage_capacity": (MODELS.BucketUserQos(1),),
    "put_bucket_inventory_configuration": (MODELS.InventoryConfiguration("one", inventory_filter=None),),
    "complete_bucket_worm": ("id",),
    "extend_bucket_worm": ("id", 1),
    "put_bucket_cname": (MODELS.PutBucketCnameRequest("a.test"),),
    "put_bucket_callback_policy": ([],),
    "put_bucket_https_config": (MODELS.BucketTlsVersion(True, ["TLSv1.2"]),),
    "put_bucket_replication": (
        MODELS.ReplicationRule(target_bucket_name="b", target_bucket_location="oss-cn-hangzhou"),
    ),
    "create_access_point": (MODELS.CreateAccessPointRequest("a", "internet"),),
    "put_async_fetch_task": (MODELS.AsyncFetchTaskConfiguration("http://a.test", "a"),),
    "put_bucket_requester_qos_info": ("1", MODELS.QoSConfiguration()),
    "put_resource_pool_requester_qos_info": ("1", "a", MODELS.QoSConfiguration()),
}


def oss2_arguments(kind: type, name: str) -> tuple[Any, ...]:
    """What `name` can be called with; where any text does, a document."""
    parameters = list(inspect.signature(getattr(kind, name)).parameters.values())[1:]
    numbers = {"position": 0, "part_number": 1}
    needed = [each.name for each in parameters if each.default is each.empty and each.kind is not each.VAR_KEYWORD]
    return OSS2_ARGUMENTS.get(name) or tuple(numbers.get(each, "<a/>") for each in needed)


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_oss2_is_told_of_a_missing_bucket_whatever_it_asks(version: str, emulator: EmulatorThread) -> None:
    verbs = Oss2Verbs(emulator.endpoint, KEY_ID, KEY_SECRET, version)
    bucket = verbs.of(MISSING)
    names = methods(oss2.Bucket, without="sign_.*url|.*_with_url|.*_with_url_.*|.*_from_file|.*_to_file|create_bucket")
    found = {name: refusal(getattr(bucket, name), *oss2_arguments(oss2.Bucket, name)) for name in names}
    assert found == expected(names)


def test_oss2_is_told_what_of_the_service_is_not_emulated(emulator: EmulatorThread) -> None:
    service = oss2.Service(oss2.AuthV4(KEY_ID, KEY_SECRET), emulator.endpoint, region="cn-hangzhou")
    names = methods(oss2.Service, without="list_buckets|describe_regions")
    found = {name: refusal(getattr(service, name), *oss2_arguments(oss2.Service, name)) for name in names}
    assert found == dict.fromkeys(names, NOT_IMPLEMENTED)


# --- alibabacloud-oss-v2 ----------------------------------------------------------------------------------------------

V2_FIELDS: dict[str, Any] = {
    "bucket": MISSING,
    "access_point_name": "a",
    "position": 0,
    "part_number": 1,
    "objects": [v2.DeleteObject(key="a")],
    "tagging": v2.Tagging(tag_set=v2.TagSet(tags=[v2.Tag(key="a", value="1")])),
}
V2_ARGUMENTS: dict[str, dict[str, Any]] = {
    "select_object": {"process": "csv/select", "select_request": v2.SelectRequest()},
    "create_select_object_meta": {"process": "csv/meta", "select_meta_request": v2.CSVMetaRequest()},
}


def v2_request(name: str) -> Any:
    """The request of the method called `name`, with what it cannot do without."""
    wanted = f"{name}_request".replace("_", "")
    (kind,) = {getattr(v2, each) for each in dir(v2) if each.lower() == wanted}
    fields = kind._attribute_map
    given = {each: V2_FIELDS.get(each, "a") for each, rule in fields.items() if rule.get("required")}
    given |= {each: V2_FIELDS[each] for each in ("bucket", "objects", "access_point_name") if each in fields}
    return kind(**given | V2_ARGUMENTS.get(name, {}))


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_alibabacloud_oss_v2_is_told_of_a_missing_bucket_whatever_it_asks(
    version: str, emulator: EmulatorThread
) -> None:
    client = OssV2Verbs(emulator.endpoint, KEY_ID, KEY_SECRET, version).client
    others = "invoke_operation|presign|.*_paginator|downloader|uploader|copier|.*_file|is_.*|list_buckets|put_bucket"
    names = methods(v2.Client, without=f"{others}|describe_regions|.*_from_file|.*_to_file")
    found = {name: refusal(getattr(client, name), v2_request(name), retry_max_attempts=1) for name in names}
    assert found == expected(names)


# --- ali-oss ----------------------------------------------------------------------------------------------------------

BUCKET_ARGUMENTS: dict[str, list[object]] = {
    "putBucketACL": ["private"],
    "putBucketLogging": ["p-"],
    "putBucketReferer": [True, []],
    "putBucketCORS": [[{"allowedOrigin": "*", "allowedMethod": "GET"}]],
    "putBucketRequestPayment": ["Requester"],
    "putBucketEncryption": [{"SSEAlgorithm": "AES256"}],
    "putBucketTags": [{"a": "1"}],
    "putBucketWebsite": [{"index": "index.html"}],
    "putBucketLifecycle": [[{"prefix": "a", "status": "Enabled", "days": 1}]],
    "putBucketPolicy": [{"Version": "1", "Statement": []}],
    "putBucketVersioning": ["Enabled"],
    "getBucketInventory": ["one"],
    "deleteBucketInventory": ["one"],
    "putBucketInventory": [{"id": "one", "OSSBucketDestination": {"rolename": "r", "accountId": "1", "bucket": "b"}}],
    "initiateBucketWorm": ["1"],
    "completeBucketWorm": ["id"],
    "extendBucketWorm": ["id", "2"],
}
OBJECT_ARGUMENTS: dict[str, list[object]] = {
    "get": ["a"],
    "getStream": ["a"],
    "head": ["a"],
    "getObjectMeta": ["a"],
    "delete": ["a"],
    "deleteMulti": [["a"]],
    "getACL": ["a"],
    "putACL": ["a", "private"],
    "putMeta": ["a", {"a": "1"}],
    "copy": ["a", "/examplebucket/b"],
    "list": [{}],
    "listV2": [{}],
    "getBucketVersions": [{}],
    "listObjectVersions": [{}],
    "getObjectTagging": ["a"],
    "putObjectTagging": ["a", {"a": "1"}],
    "deleteObjectTagging": ["a"],
    "getSymlink": ["a"],
    "putSymlink": ["a", "b", {}],
    "restore": ["a"],
    "processObjectSave": ["a", "b", "image/resize,w_1"],
    "listUploads": [{}],
    "listParts": ["a", "id"],
    "initMultipartUpload": ["a"],
    "abortMultipartUpload": ["a", "id"],
    "completeMultipartUpload": ["a", "id", [{"number": 1, "etag": "e"}]],
    "uploadPartCopy": ["a", "id", 1, "0-1", {"sourceKey": "b", "sourceBucketName": "examplebucket"}],
    "getAsyncFetch": ["id"],
    "postAsyncFetch": ["a", "http://a.test"],
    "putChannel": ["a", {"Description": "d"}],
    "getChannel": ["a"],
    "deleteChannel": ["a"],
    "putChannelStatus": ["a", "disabled"],
    "getChannelStatus": ["a"],
    "listChannels": [{}],
    "getChannelHistory": ["a"],
    "createVod": ["a", "b", {"startTime": 1, "endTime": 2}],
}


ALI_OSS_ITSELF: dict[str, tuple[object, ...]] = {
    # It looks no further than at the status, and takes what is missing for the object,
    **dict.fromkeys(("head", "getObjectMeta", "getStream"), (404, "NoSuchKey")),
    # or throws nothing at all.
    **dict.fromkeys(
        ("getBucketPolicy", "putBucketVersioning", "abortBucketWorm", "completeBucketWorm", "processObjectSave"), (404,)
    ),
}


@pytest.mark.parametrize("v4", [pytest.param(False, id="V1"), pytest.param(True, id="V4")])
def test_ali_oss_is_told_of_a_missing_bucket_whatever_it_asks(
    v4: bool, emulator: EmulatorThread, run_node: RunNode
) -> None:
    script = f"""
        const ofBuckets = {json.dumps(BUCKET_ARGUMENTS)};
        const calls = {json.dumps(OBJECT_ARGUMENTS)};
        for (const name in OSS.prototype) {{
          if (/^[a-z]+Bucket[A-Z]/.test(name) && !(name in calls))
            calls[name] = ["{MISSING}", ...(ofBuckets[name] ?? [])];
        }}
        client.useBucket("{MISSING}");
        const buffer = Buffer.from("hello");
        calls.put = ["a", buffer];
        calls.append = ["a", buffer];
        calls.putStream = ["a", require("stream").Readable.from([buffer])];
        calls.uploadPart = ["a", "id", 1, "package.json", 0, 5];
        const found = {{}};
        for (const [name, given] of Object.entries(calls)) {{
          found[name] = await client[name](...given).then(
            ({{res}}) => [res?.status], (error) => [error.status, error.code]);
        }}
        return found;
    """
    found = run_node("run.js", ali_oss(emulator, authorizationV4=v4), script)
    assert {name: tuple(answer) for name, answer in found.items()} == expected(found) | ALI_OSS_ITSELF
