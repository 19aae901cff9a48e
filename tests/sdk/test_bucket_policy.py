"""The policy of a bucket, through the official SDKs, and what it means for clients who do not sign."""

import json

import alibabacloud_oss_v2 as v2
import oss2

from emulator import EmulatorThread
from tests.sdk.clients import BUCKET, CLIENTS
from tests.sdk.conftest import KEY_ID, KEY_SECRET, MakeVerbs, RunNode, ali_oss
from tests.sdk.verbs import Oss2Verbs, OssV2Verbs, refusal

POLICY = {
    "Version": "1",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": ["*"],
            "Action": ["oss:GetObject", "oss:ListObjects"],
            "Resource": [f"acs:oss:*:*:{BUCKET}", f"acs:oss:*:*:{BUCKET}/public/*"],
        }
    ],
}
TEXT = json.dumps(POLICY)


def test_policy_is_set_read_judged_and_deleted(make_verbs: MakeVerbs) -> None:
    owner, anybody = make_verbs(), make_verbs(key_id="")
    owner.store("public/a.txt", b"hello")
    owner.store("private.txt", b"secret")
    assert refusal(anybody.read, "public/a.txt") == (403, "AccessDenied")
    if isinstance(owner, Oss2Verbs):
        assert refusal(owner.bucket.get_bucket_policy) == (404, "NoSuchBucketPolicy")
        assert owner.bucket.put_bucket_policy(TEXT).status == 200
        assert owner.bucket.get_bucket_policy().policy == TEXT
        assert refusal(owner.bucket.put_bucket_policy, "{}") == (400, "InvalidPolicyDocument")
    else:
        assert isinstance(owner, OssV2Verbs)
        get, status = v2.GetBucketPolicyRequest(bucket=BUCKET), v2.GetBucketPolicyStatusRequest(bucket=BUCKET)
        assert refusal(owner.client.get_bucket_policy, get) == (404, "NoSuchBucketPolicy")
        assert owner.client.get_bucket_policy_status(status).policy_status.is_public is False
        put = v2.PutBucketPolicyRequest(bucket=BUCKET, body=TEXT)
        assert owner.client.put_bucket_policy(put).status_code == 200
        assert owner.client.get_bucket_policy(get).body == TEXT
        assert owner.client.get_bucket_policy_status(status).policy_status.is_public is True
        put = v2.PutBucketPolicyRequest(bucket=BUCKET, body="{}")
        assert refusal(owner.client.put_bucket_policy, put) == (400, "InvalidPolicyDocument")
    assert anybody.read("public/a.txt") == b"hello"
    assert anybody.page().keys == ["private.txt", "public/a.txt"]
    assert refusal(anybody.read, "private.txt") == (403, "AccessDenied")
    if isinstance(owner, Oss2Verbs):
        assert owner.bucket.delete_bucket_policy().status == 204
    else:
        assert owner.client.delete_bucket_policy(v2.DeleteBucketPolicyRequest(bucket=BUCKET)).status_code == 204
    assert refusal(anybody.read, "public/a.txt") == (403, "AccessDenied")


def test_deny_holds_for_the_owner_s_key(make_verbs: MakeVerbs, emulator: EmulatorThread) -> None:
    owner = make_verbs()
    owner.store("public/a.txt", b"hello")
    deny = json.dumps({"Version": "1", "Statement": [{**POLICY["Statement"][0], "Effect": "Deny"}]})
    bucket = oss2.Bucket(oss2.AuthV4("emulator", "emulator-secret"), emulator.endpoint, BUCKET, region="cn-hangzhou")
    bucket.put_bucket_policy(deny)
    assert refusal(owner.read, "public/a.txt") == (403, "AccessDenied")
    assert refusal(owner.page) == (403, "AccessDenied")
    bucket.delete_bucket_policy()
    assert owner.read("public/a.txt") == b"hello"


def test_ali_oss_sets_reads_and_deletes_a_policy(emulator: EmulatorThread, run_node: RunNode) -> None:
    result = run_node(
        "run.js",
        ali_oss(emulator, authorizationV4=True),
        f"""
        const before = await client.getBucketPolicy("{BUCKET}");
        const put = await client.putBucketPolicy("{BUCKET}", {TEXT});
        const {{policy}} = await client.getBucketPolicy("{BUCKET}");
        await client.put("public/a.txt", Buffer.from("hello"));
        const read = await urllib.request("{emulator.endpoint}/{BUCKET}/public/a.txt");
        const refused = await client.putBucketPolicy("{BUCKET}", {{}}).catch((error) => error.code);
        const gone = await client.deleteBucketPolicy("{BUCKET}");
        const after = await urllib.request("{emulator.endpoint}/{BUCKET}/public/a.txt");
        return [before.status, put.status, policy, read.data.toString(), refused, gone.status, after.status];
        """,
    )
    assert result == [404, 200, POLICY, "hello", "InvalidPolicyDocument", 204, 403]


def test_public_access_block_holds_and_is_read_as_every_sdk_reads_errors(
    make_verbs: MakeVerbs, emulator: EmulatorThread
) -> None:
    owner, anybody = make_verbs(), make_verbs(key_id="")
    owner.store("a.txt", b"hello", {"x-oss-object-acl": "public-read"})
    assert anybody.read("a.txt") == b"hello"
    client = CLIENTS["alibabacloud-oss-v2"](emulator.endpoint, KEY_ID, KEY_SECRET, "v4").client
    configuration = v2.PublicAccessBlockConfiguration(block_public_access=True)
    client.put_bucket_public_access_block(
        v2.PutBucketPublicAccessBlockRequest(bucket=BUCKET, public_access_block_configuration=configuration)
    )
    assert refusal(anybody.read, "a.txt") == (403, "AccessDenied")
    assert refusal(owner.set_bucket_acl, BUCKET, "public-read") == (403, "AccessDenied")
    assert refusal(owner.set_acl, "a.txt", "public-read") == (403, "AccessDenied")
    assert refusal(owner.store, "b.txt", b"", {"x-oss-object-acl": "public-read"}) == (403, "AccessDenied")
    client.delete_bucket_public_access_block(v2.DeleteBucketPublicAccessBlockRequest(bucket=BUCKET))
    assert anybody.read("a.txt") == b"hello"
