"""ProcessObject: the application server is called back about an object that is there already."""

import json
from collections.abc import AsyncIterator

import pytest

from emulator.config import Auth, FaultAction, FaultOccasion, FaultRule
from tests.app_server import encoded
from tests.callback.application import OK, ApplicationServer, answer
from tests.client import OssClient, Response
from tests.conftest import MakeOss
from tests.operations.test_bucket_callback_policy import item, put_policies

ETAG = "5D41402ABC4B2A76B9719D911017C592"


@pytest.fixture
async def application() -> AsyncIterator[ApplicationServer]:
    async with ApplicationServer() as server:
        yield server


async def process(oss: OssClient, body: str, key: str = "a.txt") -> Response:
    return await oss.request("POST", f"/examplebucket/{key}?x-oss-process", body=body)


def trigger(callback: object, variables: object = None) -> str:
    """As the SDKs for Android and iOS spell it; what is no text goes as the base64 of its JSON."""
    text = callback if isinstance(callback, str) else encoded(callback)
    return f"x-oss-process=trigger/callback,callback_{text},callback-var_{encoded(variables) if variables else ''}"


async def test_application_server_is_told_of_the_object(oss: OssClient, application: ApplicationServer) -> None:
    await oss.put("a.txt", b"hello", content_type="text/plain")
    template = "${bucket} ${object} ${etag} ${size} ${mimeType} ${crc64} ${contentMd5} ${operation} ${reqId} ${x:uid}"
    callback = {"callbackUrl": application.url(), "callbackBody": template}
    response = await process(oss, trigger(callback, {"x:uid": "42"}))
    request_id = response.headers["x-oss-request-id"]
    assert (response.status, response.body, response.headers["content-type"]) == (200, OK, "application/json")
    assert application.bodies == [
        f"examplebucket a.txt {ETAG} 5 text%2Fplain 11177612005948864433 XUFAKrxLKna5cZ2REBfFkg%3D%3D ProcessObject "
        f"{request_id} 42".encode()
    ]
    (record,) = json.loads((await oss.request("GET", "/_emulator/callbacks")).body)["callbacks"]
    assert (record["id"], record["operation"], record["object"]) == (request_id, "ProcessObject", "a.txt")
    assert record["outcome"] == "success"
    assert any(
        name == "x-oss-tag" and value == "CALLBACK" for name, value in record["attempts"][0]["request"]["headers"]
    )


async def test_variables_may_be_left_out(oss: OssClient, application: ApplicationServer) -> None:
    await oss.put("a.txt", b"hello")
    callback = encoded({"callbackUrl": application.url(), "callbackBody": "s=${size}"})
    for body in (trigger(callback), f"x-oss-process=trigger/callback,callback_{callback}"):
        assert (await process(oss, body)).body == OK
    assert application.bodies == [b"s=5", b"s=5"]


async def test_answer_that_is_none_is_a_203(oss: OssClient, application: ApplicationServer) -> None:
    application.answer = answer(b"OK")
    await oss.put("a.txt", b"hello")
    response = await process(oss, trigger({"callbackUrl": application.url(), "callbackBody": "a"}))
    assert (response.status, response.code) == (203, "CallbackFailed")
    assert response.message == "Response body is not valid json format."
    assert response.headers["x-oss-ec"] == "0007-00000205"
    (record,) = json.loads((await oss.request("GET", "/_emulator/callbacks")).body)["callbacks"]
    assert (record["outcome"], record["status"]) == ("failed", 203)


async def test_callback_may_be_a_policy_of_the_bucket(oss: OssClient, application: ApplicationServer) -> None:
    await oss.put("a.txt", b"hello")
    callback = encoded({"callbackUrl": application.url(), "callbackBody": "b=${x:b}"})
    await put_policies(oss, item("told", callback, encoded({"x:b": "1"})))
    assert (await process(oss, trigger({"callbackPolicy": "told"}))).body == OK
    assert application.bodies == [b"b=1"]
    response = await process(oss, trigger({"callbackPolicy": "other"}))
    assert (response.status, response.code) == (404, "BucketCallbackPolicyNotExist")


async def test_callback_may_be_about_an_older_version(oss: OssClient, application: ApplicationServer) -> None:
    body = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    await oss.request("PUT", "/examplebucket?versioning", body=body)
    version_id = (await oss.put("a.txt", b"hello")).headers["x-oss-version-id"]
    await oss.put("a.txt", b"hello again")
    told = trigger({"callbackUrl": application.url(), "callbackBody": "${size}"})
    for query in ("", f"&versionId={version_id}"):
        await oss.request("POST", f"/examplebucket/a.txt?x-oss-process{query}", body=told)
    assert application.bodies == [b"11", b"5"]


async def test_fault_of_a_callback_acts_on_it(make_oss: MakeOss) -> None:
    on = FaultOccasion(leg="callback", operation="ProcessObject")
    oss = await make_oss(faults=(FaultRule(on=on, do=FaultAction(callback="timeout")),))
    await oss.put("a.txt", b"hello")
    response = await process(oss, trigger({"callbackUrl": "http://127.0.0.1:1/", "callbackBody": "a"}))
    assert (response.status, response.message) == (203, "Cost too long time.")


async def test_object_that_is_not_there_is_told_of_to_nobody(oss: OssClient, application: ApplicationServer) -> None:
    response = await process(oss, trigger({"callbackUrl": application.url(), "callbackBody": "a"}))
    assert (response.status, response.code) == (404, "NoSuchKey")
    assert application.requests == []


@pytest.mark.parametrize(
    ("body", "argument", "message"),
    [
        pytest.param(trigger("%%%"), "callback", "The callback configuration is not base64 encoded.", id="no base64"),
        pytest.param(trigger(""), "callback", "The callback configuration is not json format.", id="no callback"),
        pytest.param(
            trigger({"callbackUrl": "http://a"}), "callback", "The callback body is empty.", id="no callbackBody"
        ),
        pytest.param("x-oss-process=trigger/callback", "x-oss-process", None, id="no parameters"),
        pytest.param("x-oss-process=trigger/callback,url_a", "x-oss-process", None, id="unknown parameter"),
        pytest.param(trigger("e30=") + ",callback_e30=", "x-oss-process", None, id="callback twice"),
        pytest.param("", "x-oss-process", None, id="empty body"),
        pytest.param("process=a", "x-oss-process", None, id="another parameter"),
        pytest.param("x-oss-process=" + "a" * 65_536, "x-oss-process", None, id="too long"),
    ],
)
async def test_process_that_makes_no_sense_is_refused(
    oss: OssClient, body: str, argument: str, message: str | None
) -> None:
    await oss.put("a.txt", b"hello")
    response = await process(oss, body)
    assert (response.status, response.code) == (400, "InvalidArgument")
    assert response.xml.findtext("ArgumentName") == argument
    assert message in (None, response.message)


@pytest.mark.parametrize("name", ["trigger/other,a_b", "csv/select", "video/convert,f_mp4"])
async def test_process_that_the_emulator_has_not_names_itself(oss: OssClient, name: str) -> None:
    await oss.put("a.txt", b"hello")
    response = await process(oss, f"x-oss-process={name}")
    assert (response.status, response.code) == (501, "NotImplemented")
    assert name.partition(",")[0] in response.message


async def test_nobody_triggers_without_a_signature(make_oss: MakeOss) -> None:
    oss = await make_oss(auth=Auth())
    response = await process(oss, trigger({"callbackUrl": "http://127.0.0.1:1/", "callbackBody": "a"}))
    assert (response.status, response.code) == (403, "AccessDenied")


@pytest.mark.guess
async def test_of_a_link_it_is_told_what_a_reader_gets(oss: OssClient, application: ApplicationServer) -> None:
    await oss.put("a.txt", b"hello")
    await oss.request("PUT", "/examplebucket/link?symlink", headers={"x-oss-symlink-target": "a.txt"})
    callback = {"callbackUrl": application.url(), "callbackBody": "${object} ${size} ${etag}"}
    assert (await process(oss, trigger(callback), "link")).body == OK
    assert application.bodies == [f"link 5 {ETAG}".encode()]
    await oss.request("DELETE", "/examplebucket/a.txt")
    assert (await process(oss, trigger(callback), "link")).code == "SymlinkTargetNotExist"
    assert len(application.bodies) == 1
