"""AssumeRole through clients of STS that there are, and the keys it gives in the SDKs of OSS."""

import json
from typing import Any

import pytest
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest

from emulator import EmulatorThread
from tests.sdk.conftest import KEY_ID, KEY_SECRET, MakeVerbs, RunNode, ali_oss
from tests.sdk.verbs import refusal

ARN = "acs:ram::1234567890123456:role/uploader"
POLICY = {
    "Version": "1",
    "Statement": [
        {"Effect": "Allow", "Action": ["oss:PutObject"], "Resource": ["acs:oss:*:*:examplebucket/up/*"]},
        {
            "Effect": "Allow",
            "Action": ["oss:ListObjects"],
            "Resource": ["acs:oss:*:*:examplebucket"],
            "Condition": {"StringLike": {"oss:Prefix": ["up/*"]}},
        },
    ],
}


def assume_role(
    emulator: EmulatorThread, *, method: str = "POST", secret: str = KEY_SECRET, **parameters: str
) -> dict[str, Any]:
    """The credentials that the core SDK for Python is given, which oss2 brings along."""
    host, port = emulator.endpoint.removeprefix("http://").split(":")
    client = AcsClient(KEY_ID, secret, "cn-hangzhou", port=int(port))
    request = CommonRequest(domain=host, version="2015-04-01", action_name="AssumeRole")
    request.set_protocol_type("http")
    request.set_method(method)
    named = {"RoleArn": ARN, "RoleSessionName": "alice", **parameters}
    for name, value in named.items():
        request.add_query_param(name, value)
    return json.loads(client.do_action_with_exception(request))["Credentials"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_core_sdk_gets_a_key_that_every_sdk_uses(emulator: EmulatorThread, make_verbs: MakeVerbs, method: str) -> None:
    given = assume_role(emulator, method=method, Policy=json.dumps(POLICY), DurationSeconds="900")
    client = make_verbs(given["AccessKeyId"], given["AccessKeySecret"], given["SecurityToken"])
    client.store("up/测试 a+b.txt", b"hello")
    assert client.page("up/").keys == ["up/测试 a+b.txt"]
    assert refusal(client.store, "down.txt", b"") == (403, "AccessDenied")
    assert refusal(client.read, "up/测试 a+b.txt") == (403, "AccessDenied")
    assert refusal(client.delete_many, ["up/测试 a+b.txt"]) == (403, "AccessDenied")
    assert refusal(client.page) == (403, "AccessDenied")
    assert refusal(client.buckets) == (403, "AccessDenied")


def test_key_without_its_token_is_refused(emulator: EmulatorThread, make_verbs: MakeVerbs) -> None:
    given = assume_role(emulator)
    client = make_verbs(given["AccessKeyId"], given["AccessKeySecret"])
    assert refusal(client.page) == (403, "InvalidAccessKeyId")
    client = make_verbs(given["AccessKeyId"], given["AccessKeySecret"], "CAISnobody")
    assert refusal(client.page) == (403, "InvalidSecurityToken")


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({"RoleArn": "x"}, 400, "InvalidParameter.RoleArn"),
        ({"DurationSeconds": "1"}, 400, "InvalidParameter.DurationSeconds"),
        ({"Policy": "{}"}, 400, "InvalidParameter.PolicyGrammar"),
        ({"secret": "wrong"}, 400, "SignatureDoesNotMatch"),
    ],
)
def test_core_sdk_reads_refusals(emulator: EmulatorThread, options: dict[str, str], status: int, code: str) -> None:
    with pytest.raises(ServerException) as caught:
        assume_role(emulator, **options)
    assert (caught.value.get_http_status(), caught.value.get_error_code()) == (status, code)
    assert caught.value.get_request_id()


def test_ali_oss_gets_a_key_and_uploads_with_it(emulator: EmulatorThread, run_node: RunNode) -> None:
    result = run_node(
        "run.js",
        ali_oss(emulator, authorizationV4=True),
        f"""
        const keys = {{accessKeyId: "{KEY_ID}", accessKeySecret: "{KEY_SECRET}"}};
        const sts = new OSS.STS({{...keys, endpoint: "{emulator.endpoint}"}});
        const {{credentials}} = await sts.assumeRole("{ARN}", {json.dumps(POLICY)}, 900, "alice");
        const results = [];
        for (const authorizationV4 of [true, false]) {{
          const guest = new OSS({{
            region: "oss-cn-hangzhou", bucket: "examplebucket", endpoint: "{emulator.endpoint}", authorizationV4,
            accessKeyId: credentials.AccessKeyId, accessKeySecret: credentials.AccessKeySecret,
            stsToken: credentials.SecurityToken,
          }});
          const put = await guest.put("up/a b.txt", Buffer.from("hello"));
          const parts = await guest.multipartUpload("up/big", Buffer.alloc(300 * 1024), {{partSize: 100 * 1024}});
          const listed = await guest.listV2({{prefix: "up/"}});
          const denied = await guest.put("down.txt", Buffer.from("x")).catch((error) => [error.status, error.code]);
          results.push([put.res.status, parts.res.status, listed.objects.length, denied]);
        }}
        const other = new OSS.STS({{...keys, accessKeySecret: "wrong", endpoint: "{emulator.endpoint}"}});
        const wrong = await other.assumeRole("{ARN}").catch((error) => [error.status, error.code]);
        return [results, wrong, credentials.AccessKeyId.slice(0, 4)];
        """,
    )
    session = [200, 200, 2, [403, "AccessDenied"]]
    assert result == [[session, session], [400, "SignatureDoesNotMatch"], "STS."]
