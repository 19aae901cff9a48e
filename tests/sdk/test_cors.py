"""The CORS rules of a bucket, through the official SDKs."""

import alibabacloud_oss_v2
import oss2
import pytest

from emulator import EmulatorThread
from tests.sdk.clients import BUCKET, CLIENTS, Oss2, OssV2
from tests.sdk.conftest import KEY_ID, KEY_SECRET, RunNode
from tests.sdk.test_callback import ali_oss


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_oss2_sets_reads_and_deletes_rules(emulator: EmulatorThread, version: str) -> None:
    client = CLIENTS["oss2"](emulator.endpoint, KEY_ID, KEY_SECRET, version)
    assert isinstance(client, Oss2)
    with pytest.raises(oss2.exceptions.NoSuchCors):
        client.bucket.get_bucket_cors()
    rules = [
        oss2.models.CorsRule(["*"], ["HEAD", "GET"], ["Content-Type"], ["ETag"], 100),
        oss2.models.CorsRule(["http://a.test", "http://*.b.test"], ["PUT"]),
    ]
    assert client.bucket.put_bucket_cors(oss2.models.BucketCors(rules)).status == 200
    first, second = client.bucket.get_bucket_cors().rules
    assert (first.allowed_origins, first.allowed_methods, first.allowed_headers) == (
        ["*"],
        ["HEAD", "GET"],
        ["content-type"],
    )
    assert (first.expose_headers, first.max_age_seconds) == (["ETag"], 100)
    assert (second.allowed_origins, second.max_age_seconds) == (["http://a.test", "http://*.b.test"], None)
    assert client.bucket.delete_bucket_cors().status == 204
    with pytest.raises(oss2.exceptions.NoSuchCors):
        client.bucket.get_bucket_cors()


def test_alibabacloud_oss_v2_sets_reads_asks_for_and_deletes_rules(emulator: EmulatorThread) -> None:
    wrapped = CLIENTS["alibabacloud-oss-v2"](emulator.endpoint, KEY_ID, KEY_SECRET, "v4")
    assert isinstance(wrapped, OssV2)
    client = wrapped.client
    rule = alibabacloud_oss_v2.CORSRule(
        allowed_origins=["http://a.test"],
        allowed_methods=["PUT", "GET"],
        allowed_headers=["*"],
        expose_headers=["ETag", "x-oss-request-id"],
        max_age_seconds=33,
    )
    configuration = alibabacloud_oss_v2.CORSConfiguration(cors_rules=[rule], response_vary=True)
    put = client.put_bucket_cors(
        alibabacloud_oss_v2.PutBucketCorsRequest(bucket=BUCKET, cors_configuration=configuration)
    )
    assert put.status_code == 200
    got = client.get_bucket_cors(alibabacloud_oss_v2.GetBucketCorsRequest(bucket=BUCKET)).cors_configuration
    assert got.response_vary is True
    assert vars(got.cors_rules[0]) == vars(rule)
    answer = client.option_object(
        alibabacloud_oss_v2.OptionObjectRequest(
            bucket=BUCKET,
            key="a.txt",
            origin="http://a.test",
            access_control_request_method="PUT",
            access_control_request_headers="x-oss-test",
        )
    )
    assert (answer.access_control_allow_origin, answer.access_control_allow_methods) == ("http://a.test", "PUT, GET")
    assert (answer.access_control_allow_headers, answer.access_control_max_age) == ("x-oss-test", 33)
    assert answer.access_control_expose_headers == "ETag, x-oss-request-id"
    assert answer.headers["Vary"] == "Origin"
    client.delete_bucket_cors(alibabacloud_oss_v2.DeleteBucketCorsRequest(bucket=BUCKET))
    with pytest.raises(alibabacloud_oss_v2.exceptions.OperationError) as caught:
        client.get_bucket_cors(alibabacloud_oss_v2.GetBucketCorsRequest(bucket=BUCKET))
    refusal = caught.value.unwrap()
    assert isinstance(refusal, alibabacloud_oss_v2.exceptions.ServiceError)
    assert (refusal.status_code, refusal.code) == (404, "NoSuchCORSConfiguration")


def test_ali_oss_sets_reads_and_deletes_rules(emulator: EmulatorThread, run_node: RunNode) -> None:
    result = run_node(
        "run.js",
        ali_oss(emulator, authorizationV4=True),
        """
        await client.putBucketCORS("examplebucket", [
          {allowedOrigin: "*", allowedMethod: ["GET", "PUT"], allowedHeader: "*", exposeHeader: ["ETag", "x-oss-a"],
           maxAgeSeconds: 30},
          {allowedOrigin: "http://a.test", allowedMethod: "POST"},
        ]);
        const {rules} = await client.getBucketCORS("examplebucket");
        await client.deleteBucketCORS("examplebucket");
        const code = await client.getBucketCORS("examplebucket").catch((error) => error.code);
        return {rules, code};
        """,
    )
    assert result == {
        "rules": [
            {
                "allowedOrigin": "*",
                "allowedMethod": ["GET", "PUT"],
                "allowedHeader": "*",
                "exposeHeader": ["ETag", "x-oss-a"],
                "maxAgeSeconds": "30",
            },
            {"allowedOrigin": "http://a.test", "allowedMethod": "POST"},
        ],
        "code": "NoSuchCORSConfiguration",
    }
