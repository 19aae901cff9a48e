"""Callback policies: kept with the bucket, named by uploads."""

import json
from collections.abc import AsyncIterator

import pytest

from emulator.config import Callback
from tests.app_server import encoded
from tests.callback.application import OK, ApplicationServer, answer
from tests.client import OssClient, Response
from tests.conftest import MakeOss
from tests.forms import form, post
from tests.operations.uploads import complete, initiate, upload_part

TARGET = "/examplebucket?policy&comp=callback"
PLAIN = encoded({"callbackUrl": "http://127.0.0.1:1/a", "callbackBody": "a=${object}"})
WITH_VARIABLE = encoded({"callbackUrl": "http://127.0.0.1:1/b", "callbackBody": "b=${x:b}&c=${x:c}"})
VARIABLES = encoded({"x:b": "1", "x:c": "2"})


def item(name: str = "plain", callback: str = PLAIN, variables: str = "") -> str:
    return (
        f"  <PolicyItem>\n    <PolicyName>{name}</PolicyName>\n    <Callback>{callback}</Callback>\n"
        f"    <CallbackVar>{variables}</CallbackVar>\n  </PolicyItem>\n"
    )


def document(*items: str) -> str:
    """As GetBucketCallbackPolicy writes it."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<BucketCallbackPolicy>\n{"".join(items)}</BucketCallbackPolicy>\n'


async def put_policies(oss: OssClient, *items: str) -> Response:
    return await oss.request("PUT", TARGET, body=document(*items))


# --- The document ---------------------------------------------------------------------------------------------------


async def test_policies_are_set_given_back_and_taken_away(oss: OssClient) -> None:
    items = item(), item("with variable", WITH_VARIABLE, VARIABLES)
    response = await put_policies(oss, *items)
    assert (response.status, response.body) == (200, b"")
    response = await oss.request("GET", TARGET)
    assert (response.status, response.headers["content-type"]) == (200, "application/xml")
    assert response.body.decode() == document(*items)
    await put_policies(oss, item("other"))
    assert (await oss.request("GET", TARGET)).texts("PolicyItem/PolicyName") == ["other"]
    for _ in range(2):
        assert (await oss.request("DELETE", TARGET)).status == 204
    response = await oss.request("GET", TARGET)
    assert (response.status, response.code) == (404, "BucketCallbackPolicyNotExist")


async def test_policy_without_variables_needs_no_element_for_them(oss: OssClient) -> None:
    bare = f"<PolicyItem><PolicyName>plain</PolicyName><Callback>{PLAIN}</Callback></PolicyItem>"
    assert (await put_policies(oss, bare)).status == 200
    assert (await oss.request("GET", TARGET)).body.decode() == document(item())


async def test_document_without_policies_takes_them_away(oss: OssClient) -> None:
    await put_policies(oss, item())
    assert (await put_policies(oss)).status == 200
    assert (await oss.request("GET", TARGET)).code == "BucketCallbackPolicyNotExist"


@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
async def test_bucket_that_does_not_exist_has_none(oss: OssClient, method: str) -> None:
    response = await oss.request(method, "/missing-bucket?policy&comp=callback", body=document(item()))
    assert (response.status, response.code) == (404, "NoSuchBucket")


async def test_reset_takes_policies_away(oss: OssClient) -> None:
    await put_policies(oss, item())
    await oss.request("POST", "/_emulator/reset")
    assert (await oss.request("GET", TARGET)).status == 404


@pytest.mark.guess
@pytest.mark.parametrize(
    ("body", "code", "argument"),
    [
        pytest.param("", "MalformedXML", None, id="empty"),
        pytest.param("<a/>", "MalformedXML", None, id="another document"),
        pytest.param(document(item("")), "InvalidArgument", "PolicyName", id="no name"),
        pytest.param(document(item(), item()), "InvalidArgument", "PolicyName", id="a name twice"),
        pytest.param(document(item(callback="")), "InvalidArgument", "callback", id="no callback"),
        pytest.param(document(item(callback="%%%")), "InvalidArgument", "callback", id="no base64"),
        pytest.param(
            document(item(callback=encoded({"callbackPolicy": "plain"}))),
            "InvalidArgument",
            "callback",
            id="a policy of a policy",
        ),
        pytest.param(document(item(variables=encoded({"b": "1"}))), "InvalidArgument", "callback-var", id="variables"),
    ],
)
async def test_document_that_makes_no_sense_changes_nothing(
    oss: OssClient, body: str, code: str, argument: str | None
) -> None:
    await put_policies(oss, item("before"))
    response = await oss.request("PUT", TARGET, body=body)
    assert (response.status, response.code) == (400, code)
    assert response.xml.findtext("ArgumentName") == argument
    assert (await oss.request("GET", TARGET)).texts("PolicyItem/PolicyName") == ["before"]


# --- Uploads that name one ------------------------------------------------------------------------------------------


@pytest.fixture
async def application() -> AsyncIterator[ApplicationServer]:
    async with ApplicationServer() as server:
        yield server


@pytest.fixture
async def oss_with_policy(oss: OssClient, application: ApplicationServer) -> OssClient:
    """A bucket with the policy `told`, which has the variable `x:b`."""
    callback = {"callbackUrl": application.url(), "callbackBody": "object=${object}&b=${x:b}&c=${x:c}"}
    assert (await put_policies(oss, item("told", encoded(callback), encoded({"x:b": "1"})))).status == 200
    return oss


NAMED = encoded({"callbackPolicy": "told"})


async def record_of(oss: OssClient) -> dict[str, object]:
    (record,) = json.loads((await oss.request("GET", "/_emulator/callbacks")).body)["callbacks"]
    return record


async def test_upload_that_names_a_policy_is_told_of_by_it(
    oss_with_policy: OssClient, application: ApplicationServer
) -> None:
    response = await oss_with_policy.put("a", b"hello", x_oss_callback=NAMED)
    assert (response.status, response.body) == (200, OK)
    assert application.bodies == [b"object=a&b=1&c="]
    record = await record_of(oss_with_policy)
    assert record["callback"] == {
        "callbackUrl": application.url(),
        "callbackBody": "object=${object}&b=${x:b}&c=${x:c}",
        "callbackPolicy": "told",
    }
    assert (record["outcome"], record["operation"]) == ("success", "PutObject")


async def test_variables_of_the_request_go_before_those_of_the_policy(
    oss_with_policy: OssClient, application: ApplicationServer
) -> None:
    variables = encoded({"x:b": "mine", "x:c": "2"})
    await oss_with_policy.put("a", b"hello", x_oss_callback=NAMED, x_oss_callback_var=variables)
    assert application.bodies == [b"object=a&b=mine&c=2"]


async def test_form_may_name_a_policy(oss_with_policy: OssClient, application: ApplicationServer) -> None:
    response = await post(oss_with_policy, form({"key": "a", "callback": NAMED, "x:c": "3"}))
    assert (response.status, response.body) == (200, OK)
    assert application.bodies == [b"object=a&b=1&c=3"]


async def test_completed_upload_may_name_a_policy(oss_with_policy: OssClient, application: ApplicationServer) -> None:
    upload_id = await initiate(oss_with_policy)
    part = await upload_part(oss_with_policy, upload_id, 1, b"hello")
    done = (1, part.headers["etag"])
    response = await complete(oss_with_policy, upload_id, done, query=f"&callback={NAMED}")
    assert (response.status, response.body) == (200, OK)
    assert application.bodies == [b"object=key&b=1&c="]


async def test_callback_of_a_policy_that_fails_is_a_203_and_the_object_stays(
    oss_with_policy: OssClient, application: ApplicationServer
) -> None:
    application.answer = answer(status="500 Oops")
    response = await oss_with_policy.put("a", b"hello", x_oss_callback=NAMED)
    assert (response.status, response.code, response.message) == (203, "CallbackFailed", "Error status : 500.")
    assert response.headers["etag"]
    assert (await oss_with_policy.get("a")).body == b"hello"


async def test_callback_of_a_policy_is_sent_again_as_it_was(
    oss_with_policy: OssClient, application: ApplicationServer, caplog: pytest.LogCaptureFixture
) -> None:
    await oss_with_policy.put("a", b"hello", x_oss_callback=NAMED)
    record = await record_of(oss_with_policy)
    await oss_with_policy.request("DELETE", TARGET)
    again = await oss_with_policy.request("POST", f"/_emulator/callbacks/{record['id']}/replay")
    assert json.loads(again.body)["callback"] == record["callback"]
    assert application.bodies == [b"object=a&b=1&c="] * 2
    assert "callbackPolicy is ignored" not in caplog.text


@pytest.mark.guess
async def test_policy_that_the_bucket_does_not_have_stores_nothing(oss_with_policy: OssClient) -> None:
    response = await oss_with_policy.put("a", b"hello", x_oss_callback=encoded({"callbackPolicy": "tolled"}))
    assert (response.status, response.code) == (404, "BucketCallbackPolicyNotExist")
    assert "'tolled'" in response.headers["x-emulator-hint"]
    assert "'told'" in response.headers["x-emulator-hint"]
    assert (await oss_with_policy.get("a")).status == 404


async def test_name_of_a_policy_is_text(oss_with_policy: OssClient) -> None:
    response = await oss_with_policy.put("a", b"hello", x_oss_callback=encoded({"callbackPolicy": 1}))
    assert (response.status, response.code) == (400, "InvalidArgument")
    assert "callbackPolicy must be a string" in response.headers["x-emulator-hint"]


@pytest.mark.guess
async def test_url_of_the_callback_goes_before_a_policy(
    oss_with_policy: OssClient, application: ApplicationServer
) -> None:
    both = {"callbackUrl": application.url(), "callbackBody": "own", "callbackPolicy": "nobody's"}
    response = await oss_with_policy.put("a", b"hello", x_oss_callback=encoded(both))
    assert response.status == 200
    assert application.bodies == [b"own"]
    assert "callbackPolicy is ignored" in response.headers["x-emulator-hint"]


async def test_private_address_of_a_policy_is_refused_where_that_is_forbidden(make_oss: MakeOss) -> None:
    oss = await make_oss(callback=Callback(forbid_private_addresses=True))
    assert (await put_policies(oss, item("told"))).status == 200  # where it leads is looked at when it is sent
    response = await oss.put("a", b"hello", x_oss_callback=NAMED)
    assert (response.status, response.message) == (400, "Private address is forbidden to callback.")
    assert (await oss.get("a")).status == 404
