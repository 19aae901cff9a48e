"""AssumeRole as STS has it: parameters, both signatures, both formats, and how each mistake is refused."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote, urlencode

import pytest

from emulator.config import AccessKey, Auth
from tests.client import OssClient, Response
from tests.conftest import HeldClock, MakeOss
from tests.signing import SigningClient

KEY = AccessKey(id="emulator", secret="emulator-secret")
ARN = "acs:ram::1234567890123456:role/uploader"
PARAMETERS = {
    "Action": "AssumeRole",
    "Version": "2015-04-01",
    "Format": "JSON",
    "AccessKeyId": KEY.id,
    "SignatureMethod": "HMAC-SHA1",
    "SignatureVersion": "1.0",
    "SignatureNonce": "1",
    "Timestamp": "2024-06-01T12:00:00Z",
    "RoleArn": ARN,
    "RoleSessionName": "alice",
}
POLICY = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "oss:PutObject", "Resource": "*"}]}

# As alibabacloud-sts20150401 1.2.0 sent it, with the secret emulator-secret.
ACS3_TARGET = (
    "/?DurationSeconds=900&Policy=%7B%22Version%22%3A+%221%22%2C+%22Statement%22%3A+%5B%7B%22Effect%22%3A+%22Allow%22%2C"
    "+%22Action%22%3A+%22oss%3APutObject%22%2C+%22Resource%22%3A+%22acs%3Aoss%3A%2A%3A%2A%3Aexamplebucket%2Fa%2Bb+%E4%B8"
    "%AD%2F%2A%22%7D%5D%7D&RoleArn=acs%3Aram%3A%3A1234567890123456%3Arole%2Fuploader&RoleSessionName=alice"
)
ACS3_HEADERS = {
    "Host": "127.0.0.1:54699",
    "x-acs-version": "2015-04-01",
    "x-acs-action": "AssumeRole",
    "user-agent": "AlibabaCloud (Linux; x86_64) Python/3.11.7 Core/0.4.3 TeaDSL/2",
    "x-acs-date": "2026-11-24T19:59:55Z",
    "x-acs-signature-nonce": "2cfcf27ca7699638187f8683c929aea5",
    "accept": "application/json",
    "x-acs-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "x-acs-credentials-provider": "static_ak",
    "Authorization": "ACS3-HMAC-SHA256 Credential=emulator,SignedHeaders=accept;host;user-agent;x-acs-action;"
    "x-acs-content-sha256;x-acs-credentials-provider;x-acs-date;x-acs-signature-nonce;x-acs-version,"
    "Signature=0451c65fcb5e9bd02e8e2c5f0ff818f00539376bdd0ea848ebe88123cb34d8ac",
    "Content-Length": "0",
}
ACS3_TIME = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)


@pytest.fixture
async def oss(make_oss: MakeOss, clock: HeldClock) -> OssClient:
    return await make_oss(clock, auth=Auth(keys=(KEY,)))


def signed(parameters: dict[str, str], *, method: str = "POST", secret: str = f"{KEY.secret}&") -> dict[str, str]:
    """`parameters` with their signature of version 1."""
    pairs = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(parameters.items()))
    text = f"{method}&%2F&{quote(pairs, safe='')}"
    signature = base64.b64encode(hmac.digest(secret.encode(), text.encode(), hashlib.sha1)).decode()
    return {**parameters, "Signature": signature}


async def send(oss: OssClient, parameters: dict[str, str]) -> Response:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return await oss.request("POST", "/", headers=headers, body=urlencode(parameters))


async def ask(oss: OssClient, **changes: str) -> Response:
    """AssumeRole with parameters changed; an empty one is left out."""
    parameters = {name: value for name, value in (PARAMETERS | changes).items() if value}
    return await send(oss, signed(parameters))


def assert_refused(response: Response, status: int, code: str, message: str) -> None:
    document = json.loads(response.body)
    assert (response.status, document["Code"]) == (status, code)
    assert message in document["Message"]
    assert document["RequestId"] == response.headers["x-oss-request-id"]
    assert document["HostId"] == "127.0.0.1"
    assert response.headers["x-emulator-hint"], "a refusal explains itself"


def credentials(response: Response) -> AccessKey:
    """The key that was given."""
    assert response.status == 200, response.body
    given: dict[str, Any] = json.loads(response.body)["Credentials"]
    return AccessKey(id=given["AccessKeyId"], secret=given["AccessKeySecret"], token=given["SecurityToken"])


# --- What is given --------------------------------------------------------------------------------------------------


async def test_key_is_given_in_json(oss: OssClient) -> None:
    response = await ask(oss)
    assert (response.status, response.headers["content-type"]) == (200, "application/json;charset=utf-8")
    document = json.loads(response.body)
    assert document["RequestId"] == response.headers["x-acs-request-id"] == response.headers["x-oss-request-id"]
    user = document["AssumedRoleUser"]
    assert user["Arn"] == "acs:sts::1234567890123456:assumed-role/uploader/alice"
    assert user["AssumedRoleId"].endswith(":alice") and user["AssumedRoleId"][:18].isdigit()
    given = document["Credentials"]
    assert given["Expiration"] == "2024-06-01T13:00:00Z"
    assert given["AccessKeyId"].startswith("STS.") and given["SecurityToken"].startswith("CAIS")
    assert set("+/=") <= set(given["SecurityToken"])


async def test_key_is_given_in_xml_by_default(oss: OssClient) -> None:
    response = await ask(oss, Format="")
    assert (response.status, response.headers["content-type"]) == (200, "text/xml;charset=utf-8")
    assert response.xml.tag == "AssumeRoleResponse"
    assert response.texts("Credentials/Expiration") == ["2024-06-01T13:00:00Z"]
    assert response.texts("AssumedRoleUser/Arn") == ["acs:sts::1234567890123456:assumed-role/uploader/alice"]
    refused = await ask(oss, Format="XML", RoleArn="x")
    assert (refused.xml.tag, refused.texts("Code")) == ("Error", ["InvalidParameter.RoleArn"])


async def test_query_is_as_good_as_a_form(oss: OssClient) -> None:
    response = await oss.request("GET", "/?" + urlencode(signed(PARAMETERS, method="GET")))
    assert credentials(response).id.startswith("STS.")


async def test_every_key_is_another(oss: OssClient) -> None:
    keys = [credentials(await ask(oss)) for _ in range(3)]
    assert len({key.id for key in keys}) == len({key.secret for key in keys}) == len({key.token for key in keys}) == 3


@pytest.mark.parametrize(("seconds", "end"), [("900", "12:15:00"), ("3600", "13:00:00"), ("43200", "00:00:00")])
async def test_duration_is_what_was_asked_for(oss: OssClient, seconds: str, end: str) -> None:
    document = json.loads((await ask(oss, DurationSeconds=seconds)).body)
    assert document["Credentials"]["Expiration"].endswith(f"T{end}Z")


async def test_key_signs_for_oss_until_it_ends(oss: OssClient, clock: HeldClock) -> None:
    client = SigningClient(oss.emulator, credentials(await ask(oss, DurationSeconds="900")))
    assert (await client.put("a.txt", "hello")).status == 200
    clock.step(900)
    assert (await client.get("a.txt")).body == b"hello"
    clock.step(1)
    refused = await client.get("a.txt")
    assert (refused.status, refused.code) == (403, "SecurityTokenExpired")
    assert refused.message == "The security token you provided has expired."
    assert refused.texts("SecurityToken") == [client.key.token]


async def test_key_is_worth_nothing_without_its_own_token(oss: OssClient) -> None:
    key, other = credentials(await ask(oss)), credentials(await ask(oss))
    for token, code, message in [
        ("", "InvalidAccessKeyId", "The Security Token may be lost to specify that it is a STS Access Id."),
        ("CAISnobody", "InvalidSecurityToken", "The security token you provided is invalid."),
        (other.token, "AccessKeyIdAndSecurityTokenNotMatch", "does not match."),
    ]:
        client = SigningClient(oss.emulator, AccessKey(id=key.id, secret=key.secret, token=token))
        response = await client.request("GET", "/examplebucket")
        assert (response.status, response.code) == (403, code)
        assert message in (response.message or "")
    client = SigningClient(oss.emulator, AccessKey(id=KEY.id, secret=KEY.secret, token=key.token))
    response = await client.request("GET", "/examplebucket")
    assert response.code == "AccessKeyIdAndSecurityTokenNotMatch"
    assert f"belongs to {key.id}" in response.headers["x-emulator-hint"]


async def test_keys_go_with_a_reset(oss: OssClient) -> None:
    client = SigningClient(oss.emulator, credentials(await ask(oss)))
    assert (await oss.request("POST", "/_emulator/reset")).status == 204
    response = await client.get("a.txt")
    assert (response.status, response.code) == (403, "InvalidAccessKeyId")
    assert "goes with the emulator's process and with a reset" in response.headers["x-emulator-hint"]


async def test_request_is_in_the_log_of_requests(oss: OssClient) -> None:
    await ask(oss)
    await ask(oss, RoleArn="x")
    log = json.loads((await oss.request("GET", "/_emulator/requests?operation=AssumeRole")).body)["requests"]
    assert [(entry["status"], entry["code"], entry["principal"]) for entry in log] == [
        (200, "", KEY.id),
        (400, "InvalidParameter.RoleArn", KEY.id),
    ]


# --- What is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "status", "code", "message"),
    [
        pytest.param({"Action": "AssumeRolle"}, 404, "InvalidAction.NotFound", "Specified api is not", id="action"),
        pytest.param({"Action": ""}, 400, "MissingAction", "Action is mandatory for this action.", id="no action"),
        pytest.param({"Version": "2014-05-26"}, 400, "InvalidVersion", "Version is not valid.", id="version"),
        pytest.param({"RoleArn": ""}, 400, "MissingRoleArn", "RoleArn is mandatory for this action.", id="no role"),
        pytest.param({"RoleArn": "role/x"}, 400, "InvalidParameter.RoleArn", "is wrongly formed.", id="role"),
        pytest.param({"RoleSessionName": ""}, 400, "MissingRoleSessionName", "is mandatory", id="no session name"),
        pytest.param({"RoleSessionName": "a"}, 400, "InvalidParameter.RoleSessionName", "wrongly", id="short name"),
        pytest.param(
            {"RoleSessionName": "a b"}, 400, "InvalidParameter.RoleSessionName", "wrongly", id="blank in name"
        ),
        pytest.param({"RoleSessionName": "a" * 65}, 400, "InvalidParameter.RoleSessionName", "wrongly", id="long name"),
        *(
            pytest.param(
                {"DurationSeconds": text}, 400, "InvalidParameter.DurationSeconds", "The Min/Max value", id=text
            )
            for text in ("899", "43201", "1h", "-900", "9" * 30)
        ),
        pytest.param({"Policy": "{"}, 400, "InvalidParameter.PolicyGrammar", "grammar check", id="policy"),
        pytest.param({"Policy": "{" + " " * 2048}, 400, "InvalidParameter.PolicySize", "The size", id="long policy"),
        pytest.param({"AccessKeyId": ""}, 400, "MissingAccessKeyId", "AccessKeyId is mandatory", id="no key"),
        pytest.param(
            {"AccessKeyId": "nobody"}, 404, "InvalidAccessKeyId.NotFound", "key is not found", id="unknown key"
        ),
        pytest.param({"SignatureMethod": "MD5"}, 400, "InvalidSignatureMethod", "method is not valid", id="method"),
        pytest.param({"Timestamp": ""}, 400, "MissingTimestamp", "Timestamp is mandatory", id="no time"),
        pytest.param({"Timestamp": "now"}, 400, "InvalidTimeStamp.Format", "not well formatted", id="no date"),
        pytest.param({"Timestamp": "2024-06-01T12:15:01Z"}, 400, "InvalidTimeStamp.Expired", "is expired", id="skew"),
        pytest.param({"Timestamp": "2024-06-01T11:44:59"}, 400, "InvalidTimeStamp.Expired", "is expired", id="late"),
        pytest.param({"SecurityToken": "x"}, 400, "InvalidSecurityToken.MismatchWithAccessKey", "mismatch", id="token"),
    ],
)
async def test_mistake_is_refused_as_sts_does(
    oss: OssClient, changes: dict[str, str], status: int, code: str, message: str
) -> None:
    assert_refused(await ask(oss, **changes), status, code, message)


async def test_policy_that_cannot_be_judged_is_not_accepted(oss: OssClient) -> None:
    statement = {**POLICY["Statement"][0], "Condition": {"StringEquals": {"acs:SourceVpc": "vpc-1"}}}
    response = await ask(oss, Policy=json.dumps({**POLICY, "Statement": [statement]}))
    assert_refused(response, 501, "NotImplemented", "The condition key acs:SourceVpc is not implemented")


@pytest.mark.parametrize(
    ("method", "secret", "hint"),
    [
        pytest.param("POST", "wrong&", "the client's secret of emulator is not the configured one", id="secret"),
        pytest.param("POST", KEY.secret, "an & belongs behind it", id="no ampersand"),
        pytest.param("GET", f"{KEY.secret}&", "the string to sign says GET", id="method"),
    ],
)
async def test_wrong_signature_is_refused_and_explained(oss: OssClient, method: str, secret: str, hint: str) -> None:
    response = await send(oss, signed(PARAMETERS, method=method, secret=secret))
    text = "Specified signature is not matched with our calculation. server string to sign is:POST&%2F&AccessKeyId%3D"
    assert_refused(response, 400, "SignatureDoesNotMatch", text)
    assert hint in unquote(response.headers["x-emulator-hint"])


async def test_no_signature_is_asked_for_where_auth_is_off(make_oss: MakeOss) -> None:
    oss = await make_oss()
    parameters = {name: PARAMETERS[name] for name in ("Action", "Version", "Format", "RoleArn", "RoleSessionName")}
    assert credentials(await send(oss, parameters)).id.startswith("STS.")


async def test_session_cannot_go_on_to_a_role_that_its_policy_does_not_name(oss: OssClient) -> None:
    async def chained(policy: dict[str, Any] | None) -> Response:
        key = credentials(await ask(oss, Policy=json.dumps(policy) if policy else ""))
        own = {"AccessKeyId": key.id, "SecurityToken": key.token}
        return await send(oss, signed(PARAMETERS | own, secret=f"{key.secret}&"))

    assert_refused(await chained(POLICY), 403, "NoPermission", "You should be authorized by RAM.")
    allowed = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "acs:ram::*:role/up*"}
    assert (await chained({**POLICY, "Statement": [allowed]})).status == 200
    assert (await chained(None)).status == 200


async def test_session_without_its_token_and_after_its_end_is_refused(oss: OssClient, clock: HeldClock) -> None:
    key = credentials(await ask(oss))
    own = PARAMETERS | {"AccessKeyId": key.id}
    assert_refused(await send(oss, signed(own)), 400, "MissingSecurityToken", "SecurityToken is mandatory")
    clock.step(3601)
    own |= {"SecurityToken": key.token, "Timestamp": "2024-06-01T13:00:01Z"}
    assert_refused(await send(oss, signed(own)), 400, "InvalidSecurityToken.Expired", "SecurityToken is expired")


@pytest.mark.parametrize("target", ["/?Action=AssumeRole", "/examplebucket?Action=AssumeRole"])
async def test_bucket_and_other_methods_are_for_oss(oss: OssClient, target: str) -> None:
    method = "PUT" if target.startswith("/?") else "GET"
    assert (await oss.request(method, target)).code in ("MethodNotAllowed", "AccessDenied")


# --- Signatures of version 3 ----------------------------------------------------------------------------------------


async def test_request_of_the_v2_sdk_is_accepted(make_oss: MakeOss) -> None:
    oss = await make_oss(HeldClock(ACS3_TIME), auth=Auth(keys=(KEY,)))
    response = await oss.request("POST", ACS3_TARGET, headers=ACS3_HEADERS)
    assert response.headers["content-type"] == "application/json;charset=utf-8"
    client = SigningClient(oss.emulator, credentials(response))
    assert (await client.put(quote("a+b 中/x"), "x")).status == 200
    assert (await client.put("x", "x")).status == 403


@pytest.mark.parametrize(
    ("header", "value", "status", "code", "hint"),
    [
        ("x-acs-action", "AssumeRolle", 404, "InvalidAction.NotFound", "AssumeRolle"),
        ("x-acs-version", "1", 400, "InvalidVersion", "2015-04-01"),
        ("accept", "text/xml", 400, "SignatureDoesNotMatch", "Compare the canonical request"),
        ("x-acs-content-sha256", "0" * 64, 400, "SignatureDoesNotMatch", "is not that of the body"),
        ("x-acs-date", "yesterday", 400, "InvalidTimeStamp.Format", "yesterday"),
        ("x-acs-security-token", "x", 400, "InvalidSecurityToken.MismatchWithAccessKey", "permanent key"),
        ("Authorization", "OSS a:b", 400, "IncompleteSignature", "ACS3-HMAC-SHA256 Credential=<id>"),
    ],
)
async def test_request_of_the_v2_sdk_that_was_altered_is_refused(
    make_oss: MakeOss, header: str, value: str, status: int, code: str, hint: str
) -> None:
    oss = await make_oss(HeldClock(ACS3_TIME), auth=Auth(keys=(KEY,)))
    response = await oss.request("POST", ACS3_TARGET, headers=ACS3_HEADERS | {header: value})
    assert_refused(response, status, code, "")
    assert hint in unquote(response.headers["x-emulator-hint"])


# --- What is no text ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["verify", "off"])
@pytest.mark.parametrize("name", ["Action", "RoleArn", "RoleSessionName", "Policy", "AccessKeyId", "Signature"])
async def test_bytes_that_are_no_utf_8_are_refused(make_oss: MakeOss, clock: HeldClock, mode: Any, name: str) -> None:
    oss = await make_oss(clock, auth=Auth(mode=mode))
    query = urlencode({**signed(PARAMETERS, method="GET"), name: ""}).replace(f"{name}=", f"{name}=%FF")
    response = await oss.request("GET", f"/?{query}", headers={"Host": "127.0.0.1\udcff"})
    if mode == "off" and name in ("AccessKeyId", "Signature"):
        assert response.status == 200
    else:
        assert 400 <= response.status < 500
        assert json.loads(response.body)["HostId"] == "127.0.0.1?"
    log = json.loads((await oss.request("GET", "/_emulator/requests")).body)["requests"]
    assert log[-1]["operation"] == "AssumeRole"


async def test_log_of_requests_keeps_no_token_and_no_signature(oss: OssClient) -> None:
    await oss.request("GET", "/?" + urlencode(signed(PARAMETERS | {"SecurityToken": "CAISsecret"}, method="GET")))
    (entry,) = json.loads((await oss.request("GET", "/_emulator/requests")).body)["requests"]
    assert "SecurityToken=***&Signature=***" in entry["target"]
    assert "CAISsecret" not in str(entry)
