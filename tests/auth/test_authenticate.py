"""Every vector and every outcome of the signing tables, and what the tables leave out."""

import logging
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from emulator.auth import v1, v4
from emulator.auth.acl import authorize
from emulator.auth.authenticate import Identity, authenticate
from emulator.config import Auth
from emulator.errors import (
    AccessDenied,
    InvalidAccessKeyId,
    InvalidArgument,
    InvalidRequest,
    NoSuchBucket,
    OssError,
    RequestTimeTooSkewed,
    SignatureDoesNotMatch,
)
from emulator.model import Bucket, Principal
from tests.auth.signing import AUTH, BUCKETS, HOST, KEY, NOW, OUTCOMES, STS_KEY, VECTORS, a_request, request_of

DATE = "Sat, 01 Jun 2024 12:00:00 GMT"
SCOPE = f"{KEY.id}/20240601/cn-hangzhou/oss/aliyun_v4_request"


def refusal(*args: Any, auth: Auth = AUTH, now: datetime = NOW, **kwargs: Any) -> OssError:
    """How the request made of the arguments is refused."""
    with pytest.raises(OssError) as caught:
        authenticate(a_request(*args, **kwargs), auth, now)
    assert caught.value.hint, "a refusal explains itself"
    return caught.value


def is_shown(vector: dict[str, Any]) -> bool:
    """Whether the vector's text is the one that a refusal shows: the first reading of everything."""
    expected = vector["expected"]
    return (
        expected["accept"]
        and expected.get("v1_candidate", "union+x-oss") == "union+x-oss"
        and "v4_candidate" not in expected
        and request_of(vector).address.alternative is None
    )


def test_the_table_of_vectors_is_whole() -> None:
    assert (len(VECTORS), len(OUTCOMES)) == (246, 62)


@pytest.mark.parametrize("vector", [pytest.param(vector, id=vector["id"]) for vector in VECTORS])
def test_request_signed_by_an_official_sdk_is_accepted(
    vector: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    request = request_of(vector)
    if not vector["expected"]["accept"]:  # ali-oss lost the bucket: the address names another one
        assert request.bucket not in BUCKETS
        return
    identity = authenticate(request, AUTH, request.received)
    assert identity.principal == Principal(vector["access_key_id"], vector["signature_version"])
    assert identity.address.bucket == (vector["bucket"] or "")
    assert identity.address.key == (vector["object"] or "")
    reading = vector["expected"].get("v1_candidate") or vector["expected"].get("v4_candidate", "")
    assert (f"verified as {reading}" in caplog.text or "left x-oss-process" in caplog.text) == (
        reading not in ("", "union+x-oss")
    )


@pytest.mark.parametrize("vector", [pytest.param(vector, id=vector["id"]) for vector in VECTORS if is_shown(vector)])
def test_refused_signature_shows_what_should_have_been_signed(vector: dict[str, Any]) -> None:
    expected = vector["expected"]
    request = request_of(vector)
    keys = tuple(replace(key, secret="another secret altogether") for key in AUTH.keys)
    with pytest.raises(SignatureDoesNotMatch) as caught:
        authenticate(request, replace(AUTH, keys=keys), request.received)
    elements = caught.value.elements
    assert elements["StringToSign"] == expected["string_to_sign"]
    assert bytes.fromhex(elements["StringToSignBytes"]).decode() == expected["string_to_sign"]
    assert elements.get("CanonicalRequest") == expected.get("canonical_request")
    assert elements["OSSAccessKeyId"] == vector["access_key_id"]
    assert elements["SignatureProvided"] == expected["signature"]


@pytest.mark.parametrize("outcome", [pytest.param(outcome, id=outcome["id"]) for outcome in OUTCOMES])
def test_outcome_of_a_signed_request_is_that_of_the_vectors(outcome: dict[str, Any]) -> None:
    expect = outcome["expect"]
    request = request_of(outcome)
    try:
        if request.bucket not in BUCKETS:  # the app asks this before any authentication
            raise NoSuchBucket(BucketName=request.bucket, hint="as the app says it")
        identity = authenticate(request, AUTH, request.received)
        authorize("GetObject", identity.principal, Bucket(name=request.bucket, created=NOW), None, AUTH)
    except OssError as error:
        assert "auth" not in expect, f"refused: {error.code} {error.message}; {error.hint}"
        assert (error.status, error.code) == (expect["status"], expect["code"])
        assert error.message == expect.get("message", error.message)
        assert error.ec == expect.get("ec", error.ec)
        for name, text in expect.get("elements", {}).items():
            assert error.elements[name] == text
        assert error.hint
    else:
        assert expect.get("auth") == "ok"


def test_bytes_of_the_string_to_sign_are_upper_case_pairs_with_a_blank_after_each() -> None:
    error = refusal(headers={"Date": DATE, "Authorization": f"OSS {KEY.id}:wrong"})
    assert error.elements["StringToSignBytes"].startswith("47 45 54 0A ")
    assert error.elements["StringToSignBytes"].endswith("74 ")


def test_control_characters_and_broken_utf8_stay_out_of_the_text_and_in_the_bytes() -> None:
    error = refusal(target="/a%01%FF.txt", headers={"Date": DATE, "Authorization": f"OSS {KEY.id}:wrong"})
    assert error.elements["StringToSign"].endswith("/a\N{REPLACEMENT CHARACTER}.txt")
    assert error.elements["StringToSignBytes"].endswith("61 01 FF 2E 74 78 74 ")


class TestMode:
    """`auth.mode: off`."""

    OFF = replace(AUTH, mode="off")

    @pytest.mark.parametrize(
        ("target", "headers", "key_id"),
        [
            pytest.param("/a.txt", {}, None, id="nothing"),
            pytest.param("/a.txt", {"Date": DATE, "Authorization": "OSS someone:x"}, "someone", id="unknown key"),
            pytest.param("/a.txt?OSSAccessKeyId=someone&Expires=4102444800&Signature=x", {}, "someone", id="URL"),
            pytest.param("/a.txt", {"Authorization": "nonsense"}, None, id="unreadable"),
            pytest.param("/a.txt?response-expires=0", {}, None, id="anonymous with a response override"),
        ],
    )
    def test_off_takes_everybody_for_the_owner(self, target: str, headers: dict[str, str], key_id: str | None) -> None:
        identity = authenticate(a_request("GET", target, headers), self.OFF, NOW)
        assert identity.principal == Principal(key_id, "off")
        assert not identity.principal.is_anonymous


def test_request_without_signature_is_anonymous() -> None:
    request = a_request("GET", "/a.txt?Expires=1717246800")  # Expires alone is no signature
    assert authenticate(request, AUTH, NOW) == Identity(Principal(None, "none"), request.address)


@pytest.mark.parametrize(
    ("authorization", "message", "ec"),
    [
        pytest.param("", "Authorization header value is empty.", None, id="empty"),
        pytest.param("Bearer x", "Authorization header is invalid.", "0002-00000061", id="bearer"),
        pytest.param("oss a:b", "Authorization header is invalid.", "0002-00000061", id="lower case"),
        pytest.param("OSS  a:b", "Authorization header is invalid.", "0002-00000064", id="two blanks"),
        pytest.param("OSS :b", "Authorization header is invalid.", "0002-00000064", id="no key id"),
        pytest.param("OSS", "Authorization header is invalid.", "0002-00000062", id="the word alone"),
        pytest.param("OSS2 AccessKeyId:a", "Authorization header is invalid.", "0002-00000106", id="V2 unsigned"),
        pytest.param("OSS2 Signature:a", "Authorization header is invalid.", "0002-00000105", id="V2 keyless"),
        pytest.param("OSS2 AccessKey:a,Signature:b", "Authorization header is invalid.", "0002-00000102", id="V2 odd"),
    ],
)
def test_unreadable_authorization_header_is_refused(authorization: str, message: str, ec: str | None) -> None:
    error = refusal(headers={"Date": DATE, "Authorization": authorization})
    assert isinstance(error, InvalidArgument)
    assert (error.message, error.ec) == (message, ec)


@pytest.mark.parametrize("authorization", ["AWS a:b", "AWS4-HMAC-SHA256 Credential=a"])
def test_aws_signature_is_refused_with_the_limitation_named(authorization: str) -> None:
    error = refusal(headers={"Authorization": authorization})
    assert isinstance(error, InvalidArgument)
    assert "S3" in error.message


@pytest.mark.parametrize(
    ("fields", "ec"),
    [
        pytest.param(f"Credential={SCOPE}", "0002-00000202", id="one item"),
        pytest.param(f"Credential={SCOPE},Signature=a,Signature=b", "0002-00000202", id="one item twice"),
        pytest.param(f"Credential={SCOPE},Sig=a", "0002-00000204", id="unknown item"),
        pytest.param("AdditionalHeaders=a,Signature=b", "0002-00000205", id="no credential"),
        pytest.param(f"Credential={SCOPE},AdditionalHeaders=host", "0002-00000207", id="no signature"),
        pytest.param(f"Credential={SCOPE},Signature=", "0002-00000208", id="empty signature"),
        pytest.param(f"Credential={SCOPE},AdditionalHeaders=,Signature=a", "0002-00000209", id="empty names"),
        pytest.param("Credential=a/b,Signature=a", "0002-00000213", id="short credential"),
        pytest.param(f"Credential={SCOPE.replace('0601', '61')},Signature=a", "0002-00000212", id="short day"),
    ],
)
def test_unreadable_v4_header_is_refused(fields: str, ec: str) -> None:
    error = refusal(headers={"x-oss-date": "20240601T120000Z", "Authorization": f"OSS4-HMAC-SHA256 {fields}"})
    assert isinstance(error, InvalidArgument)
    assert error.ec == ec
    assert error.elements["Authorization"].startswith("OSS4-HMAC-SHA256 ")


def test_v4_credential_without_key_id_says_so() -> None:
    credential = SCOPE.removeprefix(KEY.id)
    error = refusal(
        headers={
            "x-oss-date": "20240601T120000Z",
            "Authorization": f"OSS4-HMAC-SHA256 Credential={credential},Signature=a",
        }
    )
    assert isinstance(error, InvalidAccessKeyId)
    assert error.message.startswith("The specified access key id contains non-acceptable characters")
    assert "environment variable" in error.hint


V4_URL = {
    "x-oss-signature-version": "OSS4-HMAC-SHA256",
    "x-oss-credential": SCOPE,
    "x-oss-date": "20240601T120000Z",
    "x-oss-expires": "3600",
    "x-oss-signature": "a",
}
V2_URL = {
    "x-oss-signature-version": "OSS2",
    "x-oss-expires": "1717246800",
    "x-oss-access-key-id": KEY.id,
    "x-oss-signature": "a",
}
V1_URL = {"OSSAccessKeyId": KEY.id, "Expires": "1717246800", "Signature": "a"}


@pytest.mark.parametrize(
    ("url", "changed", "status", "ec"),
    [
        pytest.param(V4_URL, {"x-oss-expires": None}, 400, "0002-00000215", id="V4 no expires"),
        pytest.param(V4_URL, {"x-oss-expires": ""}, 400, "0002-00000216", id="V4 empty expires"),
        pytest.param(V4_URL, {"x-oss-expires": "1h"}, 400, "0002-00000232", id="V4 expires in words"),
        pytest.param(V4_URL, {"x-oss-expires": "9" * 5000}, 400, "0002-00000232", id="V4 endless expires"),
        pytest.param(V4_URL, {"x-oss-signature": None}, 400, "0002-00000219", id="V4 no signature"),
        pytest.param(V4_URL, {"x-oss-signature": ""}, 400, "0002-00000220", id="V4 empty signature"),
        pytest.param(V4_URL, {"x-oss-date": "yesterday"}, 400, "0002-00000223", id="V4 bad date"),
        pytest.param(V4_URL, {"x-oss-date": "20241301T000000Z"}, 400, "0002-00000223", id="V4 thirteenth month"),
        pytest.param(V4_URL, {"x-oss-date": DATE}, 400, "0002-00000223", id="V4 date of a header"),
        pytest.param(V4_URL, {"x-oss-credential": None}, 400, "0002-00000224", id="V4 no credential"),
        pytest.param(V4_URL, {"x-oss-date": "20240531T235959Z"}, 400, "0002-00000212", id="V4 another day"),
        pytest.param(V4_URL, {"x-oss-credential": "a/b"}, 400, "0002-00000224", id="V4 short credential"),
        pytest.param(
            V4_URL, {"x-oss-credential": SCOPE.replace("hangzhou", "beijing")}, 400, "0002-00000226", id="V4 region"
        ),
        pytest.param(V4_URL, {"x-oss-credential": SCOPE.replace("/oss/", "/s3/")}, 400, "0002-00000227", id="V4 s3"),
        pytest.param(
            V4_URL,
            {"x-oss-date": "00010101T000000Z", "x-oss-credential": SCOPE.replace("20240601", "00010101")},
            403,
            "0002-00000236",
            id="V4 in the year one",
        ),
        pytest.param(
            V4_URL,
            {"x-oss-date": "99991231T235959Z", "x-oss-credential": SCOPE.replace("20240601", "99991231")},
            403,
            "0002-00000235",
            id="V4 in the last year",
        ),
        pytest.param(V2_URL, {"x-oss-expires": None}, 400, "0002-00000113", id="V2 no expires"),
        pytest.param(V2_URL, {"x-oss-expires": ""}, 400, "0002-00000114", id="V2 empty expires"),
        pytest.param(V2_URL, {"x-oss-expires": "soon"}, 403, "0002-00000070", id="V2 expires in words"),
        pytest.param(V2_URL, {"x-oss-expires": "1"}, 403, "0002-00000069", id="V2 expired"),
        pytest.param(V2_URL, {"x-oss-access-key-id": None}, 400, "0002-00000105", id="V2 no key"),
        pytest.param(V2_URL, {"x-oss-signature": ""}, 400, "0002-00000106", id="V2 empty signature"),
        pytest.param(V2_URL, {}, 403, "0002-00000101", id="V2 mismatch"),
        pytest.param(V1_URL, {"Expires": ""}, 403, "0002-00000068", id="V1 empty expires"),
        pytest.param(V1_URL, {"Expires": "9" * 5000}, 403, "0002-00000070", id="V1 endless expires"),
        pytest.param(V1_URL, {"Expires": "-1"}, 403, "0002-00000070", id="V1 negative expires"),
        pytest.param(V1_URL, {"OSSAccessKeyId": ""}, 403, "0002-00000072", id="V1 empty key"),
        pytest.param(V1_URL, {"OSSAccessKeyId": "a%00b"}, 403, "0002-00000073", id="V1 key with a NUL"),
        pytest.param(V1_URL, {"Signature": ""}, 403, "0002-00000075", id="V1 empty signature"),
    ],
)
def test_unreadable_signed_url_is_refused(
    url: dict[str, str], changed: dict[str, str | None], status: int, ec: str
) -> None:
    query = "&".join(f"{name}={value}" for name, value in {**url, **changed}.items() if value is not None)
    error = refusal("GET", f"/a.txt?{query}")
    assert (error.status, error.ec) == (status, ec)


@pytest.mark.parametrize("version", ["v1", "v2", "v4"])
def test_version_that_is_switched_off_is_refused_by_name(version: str) -> None:
    vector = next(vector for vector in VECTORS if vector["signature_version"] == version)
    others = tuple(other for other in AUTH.signatures if other != version)
    with pytest.raises(InvalidRequest, match=version.upper()) as caught:
        authenticate(request_of(vector), replace(AUTH, signatures=others), NOW)
    assert "auth.signatures" in caught.value.hint


def test_any_region_is_taken_where_the_configuration_says_any() -> None:
    outcome = next(outcome for outcome in OUTCOMES if outcome["id"] == "v4-wrong-region")
    identity = authenticate(request_of(outcome), replace(AUTH, region="any"), NOW)
    assert identity.principal.signature == "v4"


@pytest.mark.parametrize("region", ["oss-cn-hangzhou", ""])
def test_what_is_no_region_is_refused_even_under_any(region: str) -> None:
    error = refusal(
        headers={
            "x-oss-date": "20240601T120000Z",
            "Authorization": f"OSS4-HMAC-SHA256 Credential={SCOPE.replace('cn-hangzhou', region)},Signature=a",
        },
        auth=replace(AUTH, region="any"),
    )
    assert error.ec == "0002-00000226"


@pytest.mark.parametrize("minutes", [-15, 15])
def test_clock_that_is_off_by_exactly_the_limit_is_accepted(minutes: int) -> None:
    outcome = next(outcome for outcome in OUTCOMES if outcome["id"] == "ok-v1-header")
    assert authenticate(request_of(outcome), AUTH, NOW + timedelta(minutes=minutes)).principal.access_key_id == KEY.id


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        pytest.param("Sat, 01 Jun 2024 20:00:05 GMT", "time zone", id="Shanghai"),
        pytest.param("Sat, 01 Jun 2024 06:29:50 GMT", "time zone", id="India, the wrong way"),
        pytest.param("Sat, 01 Jun 2024 12:15:30 GMT", "Set the clock", id="a quarter of an hour"),
        pytest.param("Sat, 01 Jun 2024 15:07:00 GMT", "Set the clock", id="no zone"),
        pytest.param("Sat, 01 Jun 2023 12:00:00 GMT", "Set the clock", id="a year"),
    ],
)
def test_clock_that_is_off_is_explained(date: str, expected: str) -> None:
    error = refusal(headers={"Date": date, "Authorization": f"OSS {KEY.id}:x"})
    assert isinstance(error, RequestTimeTooSkewed)
    assert expected in error.hint


def test_x_oss_date_that_cannot_be_read_has_its_own_ec() -> None:
    error = refusal(headers={"Date": DATE, "x-oss-date": "today", "Authorization": f"OSS {KEY.id}:x"})
    assert isinstance(error, AccessDenied)
    assert error.ec == "0002-00000505"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_anonymous_read_may_not_choose_response_headers(method: str) -> None:
    error = refusal(method, "/a.txt?response-content-type=text/html")
    assert isinstance(error, InvalidRequest)
    assert error.message == "Request specific response headers cannot be used for anonymous GET requests."


def test_signature_that_is_not_ascii_is_a_mismatch() -> None:
    error = refusal(target="/a.txt?OSSAccessKeyId=" + KEY.id + "&Expires=1717246800&Signature=%FF%E7%9B%AE")
    assert isinstance(error, SignatureDoesNotMatch)


def test_configured_ids_are_named_when_the_id_is_unknown() -> None:
    error = refusal(headers={"Date": DATE, "Authorization": "OSS nobody:x"})
    assert KEY.id in error.hint
    assert STS_KEY.id in error.hint
    assert KEY.secret not in error.hint


def test_id_in_other_letters_is_recognised() -> None:
    error = refusal(headers={"Date": DATE, "Authorization": f"OSS {KEY.id.upper()}:x"})
    assert "case-sensitive" in error.hint


def test_id_and_secret_swapped_is_recognised() -> None:
    error = refusal(headers={"Date": DATE, "Authorization": f"OSS {KEY.secret}:x"})
    assert "swapped" in error.hint


def test_host_of_a_bucket_may_be_named_in_the_path_again() -> None:
    vector = next(v for v in VECTORS if v["addressing"] == "path plus overridden Host header")
    request = request_of(vector)
    assert request.key == "examplebucket/dir/a.txt"
    assert authenticate(request, AUTH, NOW).address.key == "dir/a.txt"
    assert request.host == HOST


@pytest.mark.parametrize(
    ("signed", "sent", "forwarded"),
    [
        pytest.param("localhost:8280", "localhost:8280", "localhost:8280", id="as sent"),
        pytest.param("localhost", "localhost:8280", "localhost:8280", id="without the port"),
        pytest.param("oss.localhost", "127.0.0.1:8280", "oss.localhost", id="through a proxy that says so"),
    ],
)
def test_v4_host_may_be_signed(signed: str, sent: str, forwarded: str) -> None:
    headers = {"x-oss-date": "20240601T120000Z"}
    original = a_request("GET", "/examplebucket/a.txt", headers, host=signed)
    text = v4.string_to_sign(
        v4.canonical_request(original, "/examplebucket/a.txt", ("host",)), "20240601T120000Z", SCOPE.partition("/")[2]
    )
    signature = v4.signature(v4.signing_key(KEY.secret, "20240601", "cn-hangzhou"), text)
    headers["Authorization"] = f"OSS4-HMAC-SHA256 Credential={SCOPE},AdditionalHeaders=host,Signature={signature}"
    request = replace(a_request("GET", "/examplebucket/a.txt", headers, host=sent), host=forwarded)
    assert authenticate(request, AUTH, NOW).principal.signature == "v4"


@pytest.mark.parametrize(
    ("signed", "reading"),
    [
        pytest.param("/examplebucket/?acl", "", id="with the final slash"),
        pytest.param("/examplebucket?acl", "no-final-slash", id="without it, as Java v1 and C# v1"),
    ],
)
def test_v1_url_of_a_bucket(signed: str, reading: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    signature = v1.signature(KEY.secret, f"GET\n\n\n1717246800\n{signed}".encode())
    query = f"acl&OSSAccessKeyId={KEY.id}&Expires=1717246800&Signature={quote(signature, '')}"
    authenticate(a_request("GET", f"/?{query}"), AUTH, NOW)
    assert caplog.text.endswith(f"verified as {reading}\n" if reading else "")
    assert bool(caplog.text) == bool(reading)


def test_v1_equals_sign_of_an_empty_value_may_be_signed_as_java_does() -> None:
    text = f"GET\n\n\n{DATE}\n/examplebucket/a.txt?response-expires="
    headers = {"Date": DATE, "Authorization": f"OSS {KEY.id}:{v1.signature(KEY.secret, text.encode())}"}
    identity = authenticate(a_request("GET", "/a.txt?response-expires=", headers), AUTH, NOW)
    assert identity.principal.signature == "v1"


@pytest.mark.parametrize(
    ("token", "code", "expected"),
    [
        pytest.param("", "InvalidAccessKeyId", "must come with its token", id="absent"),
        pytest.param(STS_KEY.token.replace("+", " "), "InvalidSecurityToken", "encode it as %2B", id="plus lost"),
        pytest.param(STS_KEY.token[:-1], "InvalidSecurityToken", "38 characters instead of 39", id="cut"),
        pytest.param("B" + STS_KEY.token[1:], "InvalidSecurityToken", "from character 1 on", id="another"),
    ],
)
def test_wrong_token_is_explained(token: str, code: str, expected: str) -> None:
    headers = {"Date": DATE, "Authorization": f"OSS {STS_KEY.id}:x"} | (
        {"x-oss-security-token": token} if token else {}
    )
    error = refusal(headers=headers)
    assert error.code == code
    assert expected in error.hint
    assert STS_KEY.token not in error.hint


def test_token_with_a_permanent_key_is_explained() -> None:
    error = refusal(headers={"Date": DATE, "Authorization": f"OSS {KEY.id}:x", "x-oss-security-token": "t"})
    assert error.code == "AccessKeyIdAndSecurityTokenNotMatch"
    assert "permanent key" in error.hint


@pytest.mark.parametrize("body", ["a" * 30_000 + "=1", "&".join(f"x-oss-{number}" for number in range(8_000))])
def test_giant_query_is_refused_like_any_other(body: str) -> None:
    error = refusal("GET", f"/a.txt?{body}", {"Date": DATE, "Authorization": f"OSS {KEY.id}:x"})
    assert isinstance(error, SignatureDoesNotMatch)
    assert len(error.hint) < 2_000
