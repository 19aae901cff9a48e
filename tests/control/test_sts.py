"""Temporary keys without a signature."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from emulator.config import AccessKey, Auth
from tests.client import OssClient
from tests.conftest import HeldClock, MakeOss
from tests.signing import SigningClient

POLICY = {
    "Version": "1",
    "Statement": [{"Effect": "Allow", "Action": "oss:PutObject", "Resource": "acs:oss:*:*:examplebucket/up/*"}],
}


@pytest.fixture
async def oss(make_oss: MakeOss, clock: HeldClock) -> OssClient:
    return await make_oss(clock, auth=Auth())


async def give(oss: OssClient, **session: Any) -> dict[str, str]:
    response = await oss.request("POST", "/_emulator/sts", body=json.dumps(session))
    assert response.status == 200, response.body
    return json.loads(response.body)


async def test_key_has_the_form_in_which_sdks_read_one_from_a_url(oss: OssClient) -> None:
    response = await oss.request("GET", "/_emulator/sts")
    given = json.loads(response.body)
    assert response.headers["cache-control"] == "no-store"
    assert list(given) == ["Code", "AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration"]
    assert (given["Code"], given["Expiration"]) == ("Success", "2024-06-01T13:00:00Z")
    key = AccessKey(id=given["AccessKeyId"], secret=given["AccessKeySecret"], token=given["SecurityToken"])
    assert (await SigningClient(oss.emulator, key).put("a", "a")).status == 200


@pytest.mark.parametrize("policy", [POLICY, json.dumps(POLICY)], ids=["object", "text"])
async def test_policy_is_that_of_the_session(oss: OssClient, policy: Any) -> None:
    given = await give(oss, policy=policy, duration_seconds=900, role_session_name="alice")
    assert given["Expiration"] == "2024-06-01T12:15:00Z"
    key = AccessKey(id=given["AccessKeyId"], secret=given["AccessKeySecret"], token=given["SecurityToken"])
    client = SigningClient(oss.emulator, key)
    assert (await client.put("up/a", "a")).status == 200
    response = await client.put("a", "a")
    assert response.status == 403
    assert "assumed-role/emulator/alice" in response.headers["x-emulator-hint"]


async def test_parameters_are_as_good_as_json(oss: OssClient) -> None:
    query = f"duration_seconds=900&role_arn=acs:ram::7:role/up&policy={quote(json.dumps(POLICY))}"
    given = json.loads((await oss.request("GET", f"/_emulator/sts?{query}")).body)
    assert given["Expiration"] == "2024-06-01T12:15:00Z"
    found = oss.emulator.context.temporary_keys.find(given["AccessKeyId"])
    assert found is not None
    assert found.role.arn == "acs:sts::7:assumed-role/up/emulator"


@pytest.mark.parametrize(
    ("target", "body", "error"),
    [
        ("?duration_seconds=5", None, "The Min/Max value of DurationSeconds is 15min/1hr."),
        ("?duration_seconds=x", None, "The parameters make no sense"),
        ("?duration=900", None, "There is no parameter 'duration' here."),
        ("", {"policy": {"Version": "1"}}, "The parameter Policy has not passed grammar check."),
        ("", {"role_arn": "x"}, "The parameter RoleArn is wrongly formed."),
        ("", {"polizy": ""}, "The body makes no sense"),
    ],
)
async def test_mistake_is_refused(oss: OssClient, target: str, body: Any, error: str) -> None:
    method = "GET" if target else "POST"
    response = await oss.request(method, f"/_emulator/sts{target}", body=json.dumps(body) if body else None)
    document = json.loads(response.body)
    assert response.status == 400
    assert document["error"].startswith(error)
    assert document["hint"]


async def test_same_seed_gives_the_same_keys(oss: OssClient) -> None:
    keys = []
    for _ in range(2):
        await oss.request("PUT", "/_emulator/ids", body='{"seed": 7}')
        keys.append(await give(oss))
    assert keys[0]["AccessKeyId"] == keys[1]["AccessKeyId"]
    assert keys[0]["SecurityToken"] == keys[1]["SecurityToken"]
