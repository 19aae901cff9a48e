import base64
import hashlib
import logging
from urllib.parse import unquote

import pytest

from emulator.config import Auth, ConfiguredBucket, ConfiguredCorsRule, Cors
from emulator.model import Acl
from tests.app_server import AppServer, encoded
from tests.client import OssClient, Response
from tests.conftest import MakeOss

RULE = """
  <CORSRule>
    <AllowedOrigin>http://app.test</AllowedOrigin>
    <AllowedOrigin>http://*.app.test</AllowedOrigin>
    <AllowedMethod>PUT</AllowedMethod>
    <AllowedMethod>POST</AllowedMethod>
    <AllowedHeader>content-type</AllowedHeader>
    <AllowedHeader>x-oss-*</AllowedHeader>
    <ExposeHeader>ETag</ExposeHeader>
    <ExposeHeader>x-oss-request-id</ExposeHeader>
    <MaxAgeSeconds>600</MaxAgeSeconds>
  </CORSRule>"""
ORIGIN = {"Origin": "http://app.test"}
ASKS = {**ORIGIN, "Access-Control-Request-Method": "PUT"}


def document(rules: str = RULE, vary: str = "false") -> str:
    """As GetBucketCors writes it."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<CORSConfiguration>{rules}\n'
        f"  <ResponseVary>{vary}</ResponseVary>\n</CORSConfiguration>\n"
    )


def minimal(**elements: str) -> str:
    """A rule of PUT from anywhere, with elements changed; an empty one is left out."""
    return "".join(
        f"<{name}>{text}</{name}>"
        for name, text in ({"AllowedOrigin": "*", "AllowedMethod": "PUT"} | elements).items()
        if text
    )


async def put_cors(oss: OssClient, body: str = "", **headers: str) -> Response:
    return await oss.request("PUT", "/examplebucket?cors", headers=headers, body=body or document())


def cors_headers(response: Response) -> dict[str, str]:
    return {
        name.removeprefix("access-control-"): value
        for name, value in response.headers.items()
        if name.startswith("access-control-")
    }


# --- The rules of a bucket ------------------------------------------------------------------------------------------


async def test_rules_are_read_back_as_they_were_put(oss: OssClient):
    answer = await put_cors(oss)
    assert (answer.status, answer.body) == (200, b"")
    answer = await oss.request("GET", "/examplebucket?cors")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/xml")
    assert answer.body.decode() == document()


async def test_allowed_headers_come_back_in_lower_case(oss: OssClient):
    rule = minimal(AllowedHeader="X-OSS-Meta-A", ExposeHeader="X-Own")
    await put_cors(oss, f'<CORSConfiguration xmlns="http://x.test"><CORSRule>{rule}</CORSRule></CORSConfiguration>')
    answer = await oss.request("GET", "/examplebucket?cors")
    assert answer.texts("CORSRule/AllowedHeader") == ["x-oss-meta-a"]
    assert answer.texts("CORSRule/ExposeHeader") == ["X-Own"]
    assert answer.texts("CORSRule/MaxAgeSeconds") == []
    assert answer.texts("ResponseVary") == ["false"]


async def test_new_rules_replace_the_old_ones(oss: OssClient):
    await put_cors(oss)
    await put_cors(oss, document(f"<CORSRule>{minimal(AllowedMethod='HEAD')}</CORSRule>" * 10, "true"))
    answer = await oss.request("GET", "/examplebucket?cors")
    assert answer.texts("CORSRule/AllowedMethod") == ["HEAD"] * 10
    assert answer.texts("ResponseVary") == ["true"]


async def test_deleted_rules_are_gone_and_may_be_deleted_again(oss: OssClient):
    await put_cors(oss)
    for _ in range(2):
        assert (await oss.request("DELETE", "/examplebucket?cors")).status == 204
    answer = await oss.request("GET", "/examplebucket?cors")
    assert (answer.status, answer.code) == (404, "NoSuchCORSConfiguration")
    assert answer.message == "The CORS Configuration does not exist."
    assert (answer.texts("BucketName"), answer.texts("EC")) == (["examplebucket"], ["0034-00000001"])


async def test_rules_survive_a_restart(make_oss: MakeOss):
    oss = await make_oss()
    await put_cors(oss)
    await oss.emulator.stop()
    answer = await (await make_oss()).request("GET", "/examplebucket?cors")
    assert answer.body.decode() == document()


@pytest.mark.parametrize(
    ("elements", "name", "value"),
    [
        pytest.param({"AllowedOrigin": ""}, "AllowedOrigin", "", id="no origin"),
        pytest.param({"AllowedMethod": ""}, "AllowedMethod", "", id="no method"),
        pytest.param({"AllowedMethod": "PATCH"}, "AllowedMethod", "PATCH", id="method that is none of the five"),
        pytest.param({"AllowedMethod": "put"}, "AllowedMethod", "put", id="method in lower case"),
        pytest.param({"AllowedOrigin": "*.*"}, "AllowedOrigin", "*.*", id="two stars in an origin"),
        pytest.param({"AllowedHeader": "**"}, "AllowedHeader", "**", id="two stars in a header"),
        pytest.param({"ExposeHeader": "x-*"}, "ExposeHeader", "x-*", id="star in an exposed header"),
        pytest.param({"ExposeHeader": "a\nb: c"}, "ExposeHeader", "a\nb: c", id="line break"),
        pytest.param({"MaxAgeSeconds": "-1"}, "MaxAgeSeconds", "-1", id="negative age"),
        pytest.param({"MaxAgeSeconds": "1.5"}, "MaxAgeSeconds", "1.5", id="age that is no whole number"),
        pytest.param({"MaxAgeSeconds": "9" * 5000}, "MaxAgeSeconds", "9" * 5000, id="age beyond all reason"),
    ],
)
async def test_a_bad_rule_is_refused_and_changes_nothing(
    oss: OssClient, elements: dict[str, str], name: str, value: str
):
    await put_cors(oss)
    answer = await put_cors(oss, document(f"<CORSRule>{minimal(**elements)}</CORSRule>"))
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert (answer.texts("ArgumentName"), answer.texts("ArgumentValue")) == ([name], [value])
    assert (await oss.request("GET", "/examplebucket?cors")).body.decode() == document()


async def test_a_rule_without_an_origin_has_a_code_of_its_own(oss: OssClient):
    answer = await put_cors(oss, document(f"<CORSRule>{minimal(AllowedOrigin='')}</CORSRule>"))
    assert answer.headers["x-oss-ec"] == "0034-00000008"


@pytest.mark.parametrize(
    ("body", "ec"),
    [
        pytest.param(document(""), "0034-00000002", id="no rule"),
        pytest.param("", None, id="empty body"),
        pytest.param("<CORSConfiguration>", None, id="no XML"),
        pytest.param("<WebsiteConfiguration/>", None, id="another document"),
        pytest.param(document(vary="perhaps"), None, id="vary is no boolean"),
        pytest.param(
            document(RULE.replace("</CORSRule>", "<MaxAgeSeconds>1</MaxAgeSeconds></CORSRule>")), None, id="two ages"
        ),
        pytest.param(document("<!-- -->" * 2048), None, id="more than 16 KiB"),
    ],
)
async def test_what_is_no_configuration_is_malformed(oss: OssClient, body: str, ec: str | None):
    answer = await oss.request("PUT", "/examplebucket?cors", body=body)
    assert (answer.status, answer.code) == (400, "MalformedXML")
    assert answer.headers.get("x-oss-ec") == ec


async def test_eleven_rules_are_beyond_the_limit(oss: OssClient):
    answer = await put_cors(oss, document(RULE * 11))
    assert (answer.status, answer.code) == (400, "CORSRuleBeyondLimit")
    assert answer.message == "The CORS Rules num is beyond limit."


async def test_content_md5_of_the_rules_is_checked(oss: OssClient):
    digests = [base64.b64encode(hashlib.md5(text.encode()).digest()).decode() for text in (document(), "other")]
    assert [(await put_cors(oss, **{"Content-MD5": digest})).status for digest in digests] == [200, 400]


@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
async def test_rules_want_a_bucket_and_its_owner(make_oss: MakeOss, method: str):
    oss = await make_oss(auth=Auth(), buckets=(ConfiguredBucket(name="examplebucket", acl=Acl.PUBLIC_READ_WRITE),))
    assert (await oss.request(method, "/missing-bucket?cors", body=document())).code == "NoSuchBucket"
    answer = await oss.request(method, "/examplebucket?cors", body=document())
    assert (answer.status, answer.code) == (403, "AccessDenied")


# --- Preflights -----------------------------------------------------------------------------------------------------

APP_RULE = ConfiguredCorsRule(
    allowed_origins=("http://app.test", "http://*.app.test"),
    allowed_methods=("PUT", "POST"),
    allowed_headers=("Content-Type", "x-oss-*"),
    expose_headers=("ETag", "x-oss-request-id"),
    max_age_seconds=600,
)


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("/examplebucket/dir/a.txt", id="object"),
        pytest.param("/examplebucket", id="bucket"),
        pytest.param("/examplebucket/a.txt?uploads=", id="with the sub-resource of the request to come"),
        pytest.param("/examplebucket/a.txt?partNumber=1&uploadId=u", id="part"),
        pytest.param("/examplebucket/a?OSSAccessKeyId=nobody&Expires=1&Signature=wrong", id="signed by nobody"),
    ],
)
async def test_preflight_that_a_rule_allows(make_oss: MakeOss, target: str):
    oss = await make_oss(auth=Auth(), buckets=(ConfiguredBucket(name="examplebucket", cors=(APP_RULE,)),))
    headers = {**ASKS, "Access-Control-Request-Headers": "Content-Type,x-oss-date"}
    answer = await oss.request("OPTIONS", target, headers=headers)
    assert (answer.status, answer.headers["content-length"], answer.body) == (200, "0", b"")
    assert cors_headers(answer) == {
        "allow-origin": "http://app.test",
        "allow-methods": "PUT, POST",
        "allow-headers": "Content-Type, x-oss-date",
        "expose-headers": "ETag, x-oss-request-id",
        "max-age": "600",
    }
    assert "vary" not in answer.headers


@pytest.mark.parametrize(
    ("headers", "lacking"),
    [
        pytest.param({"Origin": "https://app.test"}, "AllowedOrigin", id="origin"),
        pytest.param({"Access-Control-Request-Method": "DELETE"}, "AllowedMethod", id="method"),
        pytest.param({"Access-Control-Request-Headers": "content-type, authorization"}, "AllowedHeader", id="header"),
    ],
)
async def test_preflight_that_no_rule_allows_is_forbidden(oss: OssClient, headers: dict[str, str], lacking: str):
    await put_cors(oss)
    answer = await oss.request("OPTIONS", "/examplebucket/a.txt", headers={**ASKS, **headers})
    assert (answer.status, answer.code, answer.texts("EC")) == (403, "AccessForbidden", ["0003-00000602"])
    assert answer.message == (
        "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request "
        "method / Access-Control-Request-Method or Access-Control-Requet-Headers are not whitelisted by the "
        "resource's CORS spec."
    )
    assert cors_headers(answer) == {}
    assert f"Rule 1 comes nearest; it lacks <{lacking}>" in unquote(answer.headers["x-emulator-hint"])


async def test_preflight_of_a_bucket_without_rules_is_forbidden(oss: OssClient, caplog: pytest.LogCaptureFixture):
    answer = await oss.request("OPTIONS", "/examplebucket/a.txt", headers=ASKS)
    assert (answer.status, answer.code, answer.texts("EC")) == (403, "AccessForbidden", ["0003-00000601"])
    assert answer.message == "CORSResponse: CORS is not enabled for this bucket."
    assert "cors.default: allow-all" in unquote(answer.headers["x-emulator-hint"])
    assert "cors.default: allow-all" in caplog.text


@pytest.mark.parametrize(
    ("headers", "message", "ec"),
    [
        ({}, "Insufficient information. Origin request header needed.", "0034-00000101"),
        (
            ORIGIN,
            "Insufficient information. Request Access-Control-Request-Method header needed.",
            "0034-00000102",
        ),
    ],
)
async def test_preflight_that_does_not_say_what_it_asks(oss: OssClient, headers: dict[str, str], message: str, ec: str):
    answer = await oss.request("OPTIONS", "/examplebucket/a.txt", headers=headers)
    assert (answer.status, answer.code, answer.message) == (400, "BadRequest", message)
    assert answer.texts("EC") == [ec]


async def test_preflight_of_a_missing_bucket_comes_before_its_headers(oss: OssClient):
    answer = await oss.request("OPTIONS", "/missing-bucket/a.txt")
    assert (answer.status, answer.code) == (404, "NoSuchBucket")


async def test_preflight_of_the_service_is_not_allowed(oss: OssClient):
    assert (await oss.request("OPTIONS", "/", headers=ASKS)).status == 405


@pytest.mark.guess
@pytest.mark.parametrize(("method", "answered"), [("PUT", "true"), ("DELETE", None)])
async def test_private_network_is_granted_with_the_rest(oss: OssClient, method: str, answered: str | None):
    await put_cors(oss)
    headers = {
        **ORIGIN,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Private-Network": "true",
    }
    answer = await oss.request("OPTIONS", "/examplebucket/a.txt", headers=headers)
    assert cors_headers(answer).get("allow-private-network") == answered


# --- Actual requests ------------------------------------------------------------------------------------------------

ALLOWED = {
    "allow-origin": "http://app.test",
    "allow-methods": "PUT, POST",
    "expose-headers": "ETag, x-oss-request-id",
    "max-age": "600",
}


async def test_answer_to_a_page_that_a_rule_allows(oss: OssClient):
    await put_cors(oss)
    answer = await oss.put("a.txt", b"hello", **ORIGIN)
    assert (answer.status, cors_headers(answer)) == (200, ALLOWED)
    assert "x-emulator-hint" not in answer.headers


async def test_answer_to_a_client_without_an_origin_says_nothing_of_cors(oss: OssClient):
    await put_cors(oss)
    answer = await oss.put("a.txt", b"hello")
    assert (cors_headers(answer), "vary" in answer.headers) == ({}, False)


@pytest.mark.parametrize(
    ("method", "target", "headers", "status"),
    [
        pytest.param("PUT", "/examplebucket/a", {"Content-MD5": "bad"}, 400, id="400"),
        pytest.param("PUT", "/examplebucket/a", {"Authorization": "OSS nobody:nothing"}, 403, id="403"),
        pytest.param("PUT", "/examplebucket?replication", {}, 501, id="501"),
        pytest.param("PUT", "/examplebucket/a?callback=e30", {}, 400, id="callback"),
    ],
)
async def test_refusals_can_be_read_by_the_page(
    make_oss: MakeOss, method: str, target: str, headers: dict[str, str], status: int
):
    bucket = ConfiguredBucket(name="examplebucket", acl=Acl.PUBLIC_READ_WRITE, cors=(APP_RULE,))
    oss = await make_oss(auth=Auth(), buckets=(bucket,))
    answer = await oss.request(method, target, headers={**ORIGIN, **headers}, body=b"x")
    assert (answer.status, cors_headers(answer)) == (status, ALLOWED)


async def test_missing_object_and_head_can_be_read_by_the_page(make_oss: MakeOss):
    oss = await make_oss(cors=Cors(default="allow-all"))
    for method in ("GET", "HEAD"):
        answer = await oss.request(method, "/examplebucket/missing", headers=ORIGIN)
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (404, "*")


async def test_failed_callback_can_be_read_by_the_page(oss: OssClient):
    await put_cors(oss)
    with AppServer() as server:
        server.status = 500
        callback = encoded({"callbackUrl": server.url, "callbackBody": "a=1"})
        answer = await oss.put("a.txt", b"hello", x_oss_callback=callback, **ORIGIN)
    assert (answer.status, answer.code, cors_headers(answer)) == (203, "CallbackFailed", ALLOWED)


@pytest.mark.parametrize("has_rules", [True, False])
async def test_request_that_no_rule_allows_is_served_and_the_log_says_that_it_cannot_be_read(
    oss: OssClient, caplog: pytest.LogCaptureFixture, has_rules: bool
):
    if has_rules:
        await put_cors(oss)
    answer = await oss.put("a.txt", b"hello", Origin="http://other.test")
    assert (answer.status, cors_headers(answer)) == (200, {})
    assert (await oss.get("a.txt")).body == b"hello"
    advice = "it lacks <AllowedOrigin>http://other.test<" if has_rules else "cors.default: allow-all"
    assert advice in caplog.text
    assert advice in unquote(answer.headers["x-emulator-hint"])


async def test_hint_of_a_refusal_stays_where_the_page_cannot_read_it(oss: OssClient, caplog: pytest.LogCaptureFixture):
    answer = await oss.put("a.txt", b"hello", Content_MD5="bad", **ORIGIN)
    assert answer.status == 400
    assert "base64" in answer.headers["x-emulator-hint"]
    assert "cors.default: allow-all" in caplog.text


async def test_sending_a_form_needs_no_rule_and_no_warning(oss: OssClient, caplog: pytest.LogCaptureFixture):
    answer = await oss.put("a.txt", b"hello", Sec_Fetch_Mode="navigate", **ORIGIN)
    assert "x-emulator-hint" not in answer.headers
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("headers", [{}, ORIGIN, {"Origin": "http://other.test"}], ids=["none", "allowed", "other"])
async def test_response_vary_is_on_every_answer(oss: OssClient, headers: dict[str, str]):
    await put_cors(oss, document(vary="true"))
    answers = [
        await oss.put("a.txt", b"hello", **headers),
        await oss.get("a.txt", **headers),
        await oss.get("missing", **headers),
        await oss.request("OPTIONS", "/examplebucket/a.txt", headers={**ASKS, **headers}),
        await oss.request("OPTIONS", "/examplebucket/a.txt", headers=headers),
    ]
    assert [answer.headers.get("vary") for answer in answers] == ["Origin"] * 5


# --- Configuration --------------------------------------------------------------------------------------------------


async def test_default_opens_buckets_without_rules(make_oss: MakeOss):
    oss = await make_oss(cors=Cors(default="allow-all"))
    headers = {**ASKS, "Access-Control-Request-Headers": "authorization,x-oss-user-agent"}
    answer = await oss.request("OPTIONS", "/examplebucket/a.txt", headers=headers)
    assert answer.status == 200
    assert cors_headers(answer)["allow-origin"] == "*"
    assert cors_headers(answer)["allow-methods"] == "GET, PUT, DELETE, POST, HEAD"
    assert cors_headers(answer)["allow-headers"] == "authorization, x-oss-user-agent"
    exposed = cors_headers(await oss.put("a.txt", b"hello", **ORIGIN))["expose-headers"].split(", ")
    assert {"ETag", "x-oss-request-id", "x-oss-hash-crc64ecma", "x-oss-version-id"} <= set(exposed)
    assert (await oss.request("GET", "/examplebucket?cors")).code == "NoSuchCORSConfiguration"
    missing = await oss.request("GET", "/missing-bucket/a.txt", headers=ORIGIN)
    assert (missing.code, cors_headers(missing)["allow-origin"]) == ("NoSuchBucket", "*")


async def test_rules_of_a_bucket_go_before_the_default(make_oss: MakeOss):
    oss = await make_oss(cors=Cors(default="allow-all"))
    await put_cors(oss)
    answer = await oss.request("OPTIONS", "/examplebucket/a.txt", headers={**ASKS, "Origin": "http://other.test"})
    assert answer.status == 403


async def test_configured_rules_are_the_bucket_s_own(make_oss: MakeOss):
    buckets = (
        ConfiguredBucket(name="photos", cors=(APP_RULE,)),
        ConfiguredBucket(name="open", cors="allow-all"),
        "closed",
    )
    oss = await make_oss(buckets=buckets)
    assert (await oss.request("GET", "/photos?cors")).body.decode() == document()
    assert (await oss.request("GET", "/open?cors")).texts("CORSRule/AllowedOrigin") == ["*"]
    assert (await oss.request("GET", "/closed?cors")).status == 404


async def test_the_emulator_s_own_endpoints_stay_closed_to_pages(make_oss: MakeOss):
    oss = await make_oss(cors=Cors(default="allow-all"))
    for method in ("GET", "OPTIONS"):
        for target in ("/_emulator/callbacks", "/_emulator/health"):
            answer = await oss.request(method, target, headers=ASKS)
            assert cors_headers(answer) == {}
