"""Forms whose policies are signed by the official SDKs, posted by clients that make the multipart body themselves."""

import base64
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import alibabacloud_oss_v2
import oss2
import pytest
import requests

from emulator import Config, EmulatorThread
from emulator.config import AccessKey, Auth, Server, Storage
from tests.app_server import AppServer, encoded
from tests.sdk.conftest import RunNode

KEY = AccessKey(id="emulator", secret="emulator-secret")
STS_KEY = AccessKey(id="STS.temporary", secret="temporary-secret", token="CAIS+token/with=reserved&chars==")
REGION = "cn-hangzhou"
BODY = "object=${object}&size=${size}&type=${mimeType}&uid=${x:uid}"
FILE = ("测试 a.txt", b"hello", "text/plain")


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[EmulatorThread]:
    """An emulator that knows a permanent and a temporary key."""
    config = Config(
        server=Server(port=0),
        storage=Storage(data_dir=tmp_path / "data"),
        auth=Auth(keys=(KEY, STS_KEY), region=REGION),
    )
    with EmulatorThread(config) as running:
        yield running


@pytest.fixture(params=[pytest.param(KEY, id="key"), pytest.param(STS_KEY, id="STS")])
def key(request: pytest.FixtureRequest) -> AccessKey:
    assert isinstance(request.param, AccessKey)
    return request.param


def policy_v1() -> dict[str, Any]:
    return {
        "expiration": f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%S.000Z}",
        "conditions": [
            {"bucket": "examplebucket"},
            ["starts-with", "$key", "user/"],
            ["content-length-range", 1, 1024],
        ],
    }


def v4_fields(key: AccessKey, date: str) -> dict[str, str]:
    fields = {
        "x-oss-signature-version": "OSS4-HMAC-SHA256",
        "x-oss-credential": f"{key.id}/{date[:8]}/{REGION}/oss/aliyun_v4_request",
        "x-oss-date": date,
    }
    return fields | ({"x-oss-security-token": key.token} if key.token else {})


def policy_v4(key: AccessKey, date: str) -> dict[str, Any]:
    document = policy_v1()
    document["conditions"] += [{name: value} for name, value in v4_fields(key, date).items()]
    return document


def post(emulator: EmulatorThread, fields: dict[str, str], app_server: AppServer) -> requests.Response:
    """The form with a callback, and the answer."""
    callback = {"callback": encoded({"callbackUrl": app_server.url, "callbackBody": BODY}), "x:uid": "a b/ä"}
    form = {"key": "user/${filename}", **fields, **callback}
    return requests.post(f"{emulator.endpoint}/examplebucket", data=form, files={"file": FILE}, timeout=30)


def check(answer: requests.Response, app_server: AppServer) -> None:
    assert (answer.status_code, answer.json()) == (200, {"Status": "OK"}), answer.text
    (received,) = app_server.received
    assert received.is_signed
    assert received.form == {"object": "user/测试 a.txt", "size": "5", "type": "text/plain", "uid": "a b/ä"}


def options(emulator: EmulatorThread, key: AccessKey) -> str:
    return json.dumps(
        {
            "region": f"oss-{REGION}",
            "accessKeyId": key.id,
            "accessKeySecret": key.secret,
            "bucket": "examplebucket",
            "endpoint": emulator.endpoint,
        }
        | ({"stsToken": key.token} if key.token else {})
    )


def test_form_signed_by_ali_oss_with_v1(
    key: AccessKey, emulator: EmulatorThread, app_server: AppServer, run_node: RunNode
) -> None:
    script = f"return client.calculatePostSignature({json.dumps(policy_v1())});"
    fields = run_node("run.js", options(emulator, key), script)
    assert set(fields) == {"OSSAccessKeyId", "policy", "Signature"}
    token = {"x-oss-security-token": key.token} if key.token else {}
    check(post(emulator, fields | token, app_server), app_server)


def test_form_signed_by_ali_oss_with_v4(
    key: AccessKey, emulator: EmulatorThread, app_server: AppServer, run_node: RunNode
) -> None:
    now = datetime.now(UTC)
    date = f"{now:%Y%m%dT%H%M%SZ}"
    document = policy_v4(key, date)
    script = f"return client.signPostObjectPolicyV4({json.dumps(document)}, new Date({json.dumps(now.isoformat())}));"
    signature = run_node("run.js", options(emulator, key), script)
    fields = v4_fields(key, date) | {
        "policy": base64.b64encode(json.dumps(document, separators=(",", ":")).encode()).decode(),
        "x-oss-signature": signature,
    }
    check(post(emulator, fields, app_server), app_server)


def test_form_signed_by_oss2_with_v1(key: AccessKey, emulator: EmulatorThread, app_server: AppServer) -> None:
    """As `examples/post_object.py` of the SDK does: its hash and base64, over a policy of one's own."""
    policy = base64.b64encode(json.dumps(policy_v1()).encode())
    digest = hmac.new(oss2.to_bytes(key.secret), policy, "sha1").digest()
    fields = {
        "OSSAccessKeyId": key.id,
        "policy": policy.decode(),
        "Signature": oss2.utils.b64encode_as_string(digest),
    } | ({"x-oss-security-token": key.token} if key.token else {})
    check(post(emulator, fields, app_server), app_server)


def test_form_of_the_sample_of_alibabacloud_oss_v2_with_v4(
    key: AccessKey, emulator: EmulatorThread, app_server: AppServer
) -> None:
    """As `sample/post_object_callback.py` of the SDK does: its credentials, and the signing key made by hand."""
    provider = alibabacloud_oss_v2.credentials.StaticCredentialsProvider(key.id, key.secret, key.token or None)
    credentials = provider.get_credentials()
    date = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    policy = base64.b64encode(json.dumps(policy_v4(key, date)).encode())
    signing = ("aliyun_v4" + credentials.access_key_secret).encode()
    for piece in (date[:8], REGION, "oss", "aliyun_v4_request"):
        signing = hmac.new(signing, piece.encode(), "sha256").digest()
    signature = hmac.new(signing, policy, "sha256").hexdigest()
    fields = v4_fields(key, date) | {"policy": policy.decode(), "x-oss-signature": signature}
    check(post(emulator, fields, app_server), app_server)


async def test_form_made_by_aiohttp_is_read_too(emulator: EmulatorThread) -> None:
    policy = base64.b64encode(json.dumps(policy_v1()).encode())
    signature = base64.b64encode(hmac.new(KEY.secret.encode(), policy, "sha1").digest()).decode()
    form = aiohttp.FormData()
    for name, value in (("key", "user/a"), ("OSSAccessKeyId", KEY.id), ("policy", policy.decode())):
        form.add_field(name, value)
    form.add_field("signature", signature)
    form.add_field("success_action_status", "201")
    form.add_field("file", b"hello", filename="a.txt", content_type="image/png")
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{emulator.endpoint}/examplebucket/", data=form) as answer,
    ):
        assert answer.status == 201
        assert b"<Key>user/a</Key>" in await answer.read()


def test_key_outside_the_policy_s_prefix_is_refused(emulator: EmulatorThread, app_server: AppServer) -> None:
    policy = base64.b64encode(json.dumps(policy_v1()).encode())
    signature = base64.b64encode(hmac.new(KEY.secret.encode(), policy, "sha1").digest()).decode()
    fields = {"OSSAccessKeyId": KEY.id, "policy": policy.decode(), "Signature": signature, "key": "elsewhere/a"}
    answer = post(emulator, fields, app_server)
    assert answer.status_code == 403
    assert '["starts-with", "$key", "user/"]' in answer.text
    assert app_server.received == []
