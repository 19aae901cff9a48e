"""Callback policies of a bucket and callbacks about objects that are there, through the official SDKs."""

import base64
import hashlib

import alibabacloud_oss_v2 as v2
import oss2
import pytest

from emulator import EmulatorThread
from tests.app_server import AppServer, encoded
from tests.sdk.clients import BUCKET
from tests.sdk.conftest import RunNode, ali_oss
from tests.sdk.verbs import Oss2Verbs, OssV2Verbs, Verbs, refusal

PARAMETERS = {"policy": "", "comp": "callback"}
NAMED = encoded({"callbackPolicy": "test_2"})


def callback(app_server: AppServer) -> str:
    return encoded({"callbackUrl": app_server.url, "callbackBody": "object=${object}&uid=${x:uid}"})


def call_v2(client: OssV2Verbs, method: str, body: str | None = None) -> v2.OperationOutput:
    """A request about callback policies: the SDK has no methods for them."""
    headers = {}
    if body is not None:
        headers["Content-MD5"] = base64.b64encode(hashlib.md5(body.encode()).digest()).decode()
    name = {"PUT": "PutBucketCallbackPolicy", "GET": "GetBucketCallbackPolicy", "DELETE": "DeleteBucketCallbackPolicy"}
    request = v2.OperationInput(
        op_name=name[method],
        method=method,
        headers=headers,
        parameters=PARAMETERS,
        body=body,
        bucket=BUCKET,
        op_metadata={"sub-resource": ["policy", "comp"]},
    )
    return client.client.invoke_operation(request)


def set_policies(client: Verbs, policies: list[tuple[str, str, str | None]]) -> int:
    if isinstance(client, Oss2Verbs):
        infos = [oss2.models.CallbackPolicyInfo(*policy) for policy in policies]
        return client.bucket.put_bucket_callback_policy(infos).status
    items = "".join(
        f"<PolicyItem><PolicyName>{name}</PolicyName><Callback>{call}</Callback><CallbackVar>{variables or ''}"
        "</CallbackVar></PolicyItem>"
        for name, call, variables in policies
    )
    return call_v2(client, "PUT", f"<BucketCallbackPolicy>{items}</BucketCallbackPolicy>").status_code


def test_policies_are_set_read_used_and_deleted(client: Verbs, app_server: AppServer) -> None:
    policies = [("test_1", callback(app_server), None), ("test_2", callback(app_server), encoded({"x:uid": "42"}))]
    assert set_policies(client, policies) == 200

    if isinstance(client, Oss2Verbs):
        read = [
            (policy.policy_name, policy.callback, policy.callback_var or None)
            for policy in client.bucket.get_bucket_callback_policy().callback_policies
        ]
        assert read == policies
    else:
        answer = call_v2(client, "GET").http_response.content.decode()
        assert all(f"<Callback>{text}</Callback>" in answer for _, text, _ in policies)

    assert client.put("a", b"hello", NAMED, encoded({})) == (200, b'{"Status":"OK"}')
    (received,) = app_server.received
    assert received.is_signed
    assert received.form == {"object": "a", "uid": "42"}

    if isinstance(client, Oss2Verbs):
        assert client.bucket.delete_bucket_callback_policy().status == 204
        get = client.bucket.get_bucket_callback_policy
    else:
        assert call_v2(client, "DELETE").status_code == 204

        def get() -> object:
            return call_v2(client, "GET")

    assert refusal(get) == (404, "BucketCallbackPolicyNotExist")
    assert refusal(client.put, "b", b"hello", NAMED, encoded({})) == (404, "BucketCallbackPolicyNotExist")
    assert not client.exists("b")


def test_callback_is_triggered_about_an_object(client: Verbs, app_server: AppServer) -> None:
    client.store("dir/照片.jpg", b"hello")
    process = f"trigger/callback,callback_{callback(app_server)},callback-var_{encoded({'x:uid': 'a+b'})}"
    app_server.answer = b'{"status":"OK","bucket":"told"}'
    if isinstance(client, Oss2Verbs):
        result = client.bucket.process_object("dir/照片.jpg", process)
    else:
        result = client.client.process_object(
            v2.ProcessObjectRequest(bucket=BUCKET, key="dir/照片.jpg", process=process)
        )
    assert (result.process_status, result.bucket) == ("OK", "told")  # the application server's answer
    (received,) = app_server.received
    assert received.is_signed
    assert received.form == {"object": "dir/照片.jpg", "uid": "a+b"}


@pytest.mark.parametrize("v4", [False, True], ids=["V1", "V4"])
def test_ali_oss_names_a_policy(emulator: EmulatorThread, app_server: AppServer, run_node: RunNode, v4: bool) -> None:
    client = Oss2Verbs(emulator.endpoint, "emulator", "emulator-secret", "v4")
    set_policies(client, [("test_2", callback(app_server), encoded({"x:uid": "42"}))])
    script = f"""
        const put = await client.put("a", Buffer.from("hello"), {{ headers: {{ "x-oss-callback": "{NAMED}" }} }});
        return [put.res.status, put.res.data.toString()];
    """
    assert run_node("run.js", ali_oss(emulator, authorizationV4=v4), script) == [200, '{"Status":"OK"}']
    assert [received.form for received in app_server.received] == [{"object": "a", "uid": "42"}]
