"""Uploads with a callback from outside: a refusal stores nothing; a bad answer is a 203, and the object stays."""

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec import structs

from emulator import Config, Emulator
from emulator.config import Callback, Server
from tests.app_server import encoded
from tests.callback.application import OK, ApplicationServer, answer
from tests.client import Connection, OssClient, Response
from tests.conftest import MakeOss

GOOD = {"callbackUrl": "http://127.0.0.1:1/cb", "callbackBody": "o=${object}"}
HELLO = {
    "etag": '"5D41402ABC4B2A76B9719D911017C592"',
    "content-md5": "XUFAKrxLKna5cZ2REBfFkg==",
    "x-oss-hash-crc64ecma": "11177612005948864433",
}


@pytest.fixture
async def application() -> AsyncIterator[ApplicationServer]:
    async with ApplicationServer() as server:
        yield server


async def put(oss: OssClient, callback: object, variables: object = None, query: object = None) -> Response:
    """PutObject of `hello` under `a.txt`. What is no text is sent as the base64 of its JSON; `query` is a callback."""
    headers = {"x_oss_callback": callback if isinstance(callback, str) else encoded(callback)} if callback else {}
    if variables:
        headers["x_oss_callback_var"] = variables if isinstance(variables, str) else encoded(variables)
    target = f"a.txt?callback={encoded(query)}" if query else "a.txt"
    return await oss.put(target, b"hello", **headers)


async def records(oss: OssClient) -> list[dict[str, object]]:
    return json.loads((await oss.request("GET", "/_emulator/callbacks")).body)["callbacks"]


def callback(**fields: object) -> dict[str, object]:
    return {**GOOD, **fields}


# --- 400: nothing is stored -----------------------------------------------------------------------------------------

HEADERS_OF_ELEVEN = {f"h{number}": "" for number in range(11)}
TWICE = "Either the {0} query string parameter or the x-oss-{0} header should be specified, not both."


@pytest.mark.parametrize(
    ("given", "variables", "message", "number", "argument"),
    [
        pytest.param("A" * 5124, None, "The length of callback exceed max value.", 1, "callback", id="too long"),
        pytest.param(
            "x123-*&", None, "The callback configuration is not base64 encoded.", 2, "callback", id="not base64"
        ),
        pytest.param("eA==", None, "The callback configuration is not json format.", 3, "callback", id="not JSON"),
        pytest.param(
            callback(callbackUrl="my.com:test"),
            None,
            "The callback url configuration is invalid.",
            4,
            "callback",
            id="port",
        ),
        pytest.param(
            {"callbackBody": "a"}, None, "The callback url configuration is invalid.", 4, "callback", id="no URL"
        ),
        pytest.param(
            callback(callbackUrl="a.com;" * 6),
            None,
            "The number of callback url exceed max value.",
            5,
            "callbackUrl",
            id="six URLs",
        ),
        pytest.param(
            callback(callbackHost=[1, 2, 3]),
            None,
            "The callback host configuration is invalid.",
            9,
            "callback",
            id="host",
        ),
        pytest.param(callback(callbackBody=1), None, "The callback body is invalid.", 10, "callback", id="body"),
        pytest.param(callback(callbackBody=""), None, "The callback body is empty.", 11, "callback", id="empty body"),
        pytest.param(
            callback(callbackBodyType=1),
            None,
            "The callback body type configuration is invalid.",
            12,
            "callback",
            id="type",
        ),
        pytest.param(
            callback(callbackBodyType="image/jpg"),
            None,
            "The body type of callback is not supported.",
            13,
            "callback",
            id="unsupported type",
        ),
        pytest.param(callback(callbackSNI="true"), None, "The callback sni is invalid.", 17, "callback", id="SNI"),
        pytest.param(
            callback(signatureVersion="3.0"),
            None,
            "The callback signature version is invalid.",
            15,
            "callback",
            id="version",
        ),
        pytest.param(
            callback(additionalHeaders=[]),
            None,
            "The callback additional headers is invalid.",
            21,
            "callback",
            id="headers",
        ),
        pytest.param(
            callback(additionalHeaders=HEADERS_OF_ELEVEN),
            None,
            "The number of callback additional headers exceed max value.",
            22,
            "callback",
            id="eleven headers",
        ),
        pytest.param(
            callback(additionalHeaders={"": "a"}),
            None,
            "The key of callback additional headers is empty.",
            23,
            "callback",
            id="empty header key",
        ),
        pytest.param(
            callback(additionalHeaders={"a_b": "a"}),
            None,
            "The key of callback additional headers is invalid.",
            24,
            "callback",
            id="header key",
        ),
        pytest.param(
            callback(additionalHeaders={"a": "b\nc"}),
            None,
            "The value of callback additional headers is invalid.",
            25,
            "callback",
            id="header value",
        ),
        pytest.param(
            callback(additionalHeaders={"x-oss-a": "b"}),
            None,
            "The key of callback additional headers can not start with x-oss-.",
            26,
            "callback",
            id="reserved header key",
        ),
        pytest.param(
            GOOD, "A" * 5124, "The length of callback var exceed max value.", 101, "callback-var", id="var too long"
        ),
        pytest.param(GOOD, "x*", "The callback var is not base64 encoded.", 102, "callback-var", id="var not base64"),
        pytest.param(GOOD, "eA==", "The callback var is not json format.", 103, "callback-var", id="var not JSON"),
        pytest.param(
            GOOD, {"x:a": 1}, "The callback var is not expecten json.", 104, "callback-var", id="var not strings"
        ),
        pytest.param(
            GOOD, {"x:A": "1"}, "The callback var is not expecten json.", 104, "callback-var", id="var with capitals"
        ),
        pytest.param(
            callback(callbackBody="o=$(object)"),
            None,
            "Left brace must be adjacent to dollar sign.",
            105,
            None,
            id="left brace",
        ),
        pytest.param(callback(callbackBody="o=${object"), None, "Right brace is missing.", 105, None, id="right brace"),
    ],
)
async def test_bad_parameters_are_refused_and_nothing_is_stored(
    oss: OssClient, given: object, variables: object, message: str, number: int, argument: str | None
) -> None:
    response = await put(oss, given, variables)
    ec = f"0007-{number:08d}"
    assert (response.status, response.code, response.message) == (400, "InvalidArgument", message)
    assert response.headers["content-type"] == "application/xml"
    assert response.headers["x-oss-ec"] == response.xml.findtext("EC") == ec
    assert response.xml.findtext("RecommendDoc") == f"https://api.aliyun.com/troubleshoot?q={ec}"
    assert response.xml.findtext("ArgumentName") == argument
    own = ["ArgumentName", "ArgumentValue"] if argument else ["ReplaceKeyPrefix"]
    expected = ["Code", "Message", "RequestId", "HostId", *own, "EC", "RecommendDoc"]
    assert [element.tag for element in response.xml] == expected
    assert response.headers["x-emulator-hint"]
    await check_nothing_stored(oss)


async def check_nothing_stored(oss: OssClient) -> None:
    assert (await oss.get("a.txt")).code == "NoSuchKey"
    assert (await oss.request("GET", "/examplebucket")).texts("Contents/Key") == []
    assert [path for path in (oss.emulator.data_dir / "blobs").rglob("*") if path.is_file()] == []
    assert await records(oss) == []


async def test_argument_value_is_the_decoded_json(oss: OssClient) -> None:
    response = await put(oss, callback(callbackSNI="true", callbackBody="a=${size}&b=<>"))
    expected = '{"callbackUrl": "http://127.0.0.1:1/cb", "callbackBody": "a=${size}&b=<>", "callbackSNI": "true"}'
    assert response.xml.findtext("ArgumentValue") == expected


async def test_callback_given_in_two_ways_is_refused_and_nothing_is_stored(oss: OssClient) -> None:
    response = await put(oss, GOOD, query=GOOD)
    assert (response.status, response.message) == (400, TWICE.format("callback"))
    assert response.headers["x-oss-ec"] == "0007-00000027"
    headers = {"x-oss-callback": encoded(GOOD), "x-oss-callback-var": encoded({})}
    response = await oss.request("PUT", "/examplebucket/a.txt?callback-var=e30=", headers=headers, body=b"hello")
    assert (response.status, response.message) == (400, TWICE.format("callback-var"))
    assert response.headers["x-oss-ec"] == "0007-00000106"
    await check_nothing_stored(oss)


@pytest.mark.parametrize(
    ("url", "message", "number"),
    [
        pytest.param("http://app.invalid/cb", "Can not get ip by this host.", 7, id="unresolvable"),
        pytest.param("http://192.168.1.1", "Private address is forbidden to callback.", 8, id="private"),
        pytest.param("http://8.8.8.8/;localhost/cb", "Private address is forbidden to callback.", 8, id="one of two"),
    ],
)
async def test_profile_real_refuses_where_oss_cannot_call(
    make_oss: MakeOss, url: str, message: str, number: int
) -> None:
    oss = await make_oss(profile="real")
    response = await put(oss, callback(callbackUrl=url))
    assert (response.status, response.code, response.message) == (400, "InvalidArgument", message)
    assert response.headers["x-oss-ec"] == f"0007-{number:08d}"
    assert response.xml.findtext("ArgumentName") == "callbackUrl"
    assert response.xml.findtext("ArgumentValue") == url.split(";")[-1]
    await check_nothing_stored(oss)


async def test_connection_stays_usable_after_a_refusal(oss: OssClient) -> None:
    async with await oss.connect() as connection:
        head = f"PUT /examplebucket/a.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nx-oss-callback: {encoded({})}\r\n"
        await connection.send(f"{head}\r\nhello".encode())
        assert (await connection.receive("PUT")).status == 400
        await connection.send(b"GET /examplebucket/a.txt HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await connection.receive()).code == "NoSuchKey"


async def test_callback_is_refused_before_the_body_is_asked_for(oss: OssClient) -> None:
    async with await oss.connect() as connection:
        head = "PUT /examplebucket/a.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n"
        await connection.send(f"{head}x-oss-callback: {encoded({})}\r\n\r\n".encode())
        assert (await connection.receive("PUT")).status == 400


# --- 203: the object stays ------------------------------------------------------------------------------------------

NOT_JSON = "Response body is not valid json format."
NO_LENGTH = "Error Status : 400.User server missing content-length."
BAD_LENGTH = "Error Status : 400.User server return invalid conent-length value."
LONG_LENGTH = "Error Status : 400.User server return too long content-length value."
NOT_CONNECTED = "Error status : -1.OSS can not connect to your callbackUrl, please check it."


async def check_203(oss: OssClient, response: Response, message: str, number: int) -> None:
    """All that a 203 has to be, and that it agrees with its record."""
    ec = f"0007-{number:08d}"
    assert (response.status, response.code, response.message) == (203, "CallbackFailed", message)
    assert response.headers["content-type"] == "application/xml"
    assert int(response.headers["content-length"]) == len(response.body)
    assert response.headers["x-oss-ec"] == ec
    assert {name: response.headers[name] for name in HELLO} == HELLO
    assert [(element.tag, element.text) for element in response.xml] == [
        ("Code", "CallbackFailed"),
        ("Message", message),
        ("RequestId", response.headers["x-oss-request-id"]),
        ("HostId", "127.0.0.1"),
        ("EC", ec),
        ("RecommendDoc", f"https://api.aliyun.com/troubleshoot?q={ec}"),
    ]
    assert (await oss.get("a.txt")).body == b"hello"
    (record,) = await records(oss)
    assert record["id"] == response.headers["x-oss-request-id"]
    assert (record["outcome"], record["status"], record["message"], record["ec"]) == ("failed", 203, message, ec)
    assert str(record["hint"])[:40] == response.headers["x-emulator-hint"][:40]


@pytest.mark.parametrize(
    ("reply", "message", "number"),
    [
        *(
            pytest.param(answer(OK, f"{status} Some", "Location: /x"), f"Error status : {status}.", 203, id=str(status))
            for status in (201, 202, 301, 302, 307, 400, 403, 404, 405, 500, 502, 504)
        ),
        pytest.param(answer(b"", "204 No Content"), "Error status : 204.", 203, id="204"),
        pytest.param(answer(b"OK"), NOT_JSON, 205, id="plain OK"),
        pytest.param(answer(b"\xef\xbb\xbf{}"), NOT_JSON, 205, id="byte order mark"),
        pytest.param(answer(b""), NOT_JSON, 205, id="empty"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\n" + OK, NOT_JSON, 205, id="as the help page has it"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", NO_LENGTH, 204, id="chunked"
        ),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\n{}", NO_LENGTH, 204, id="ended by closing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n{}", BAD_LENGTH, 204, id="length in words"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n{", LONG_LENGTH, 204, id="over 1 MiB"),
        pytest.param(b"", NOT_CONNECTED, 203, id="hung up"),
    ],
)
async def test_bad_answer_is_a_203_and_the_object_stays(
    oss: OssClient, application: ApplicationServer, reply: bytes, message: str, number: int
) -> None:
    application.answer = reply
    response = await put(oss, callback(callbackUrl=application.url()))
    await check_203(oss, response, message, number)
    assert len(application.requests) == 1  # nothing is tried again, no redirect is followed


async def test_slow_answer_is_a_203(make_oss: MakeOss, application: ApplicationServer) -> None:
    application.is_silent = True
    oss = await make_oss(callback=Callback(timeout_seconds=0.2))
    await check_203(oss, await put(oss, callback(callbackUrl=application.url())), "Cost too long time.", 202)


@pytest.mark.parametrize(
    ("scheme", "message"),
    [pytest.param("http", NOT_CONNECTED, id="closed port"), pytest.param("https", NOT_CONNECTED, id="closed TLS port")],
)
async def test_closed_port_is_a_203(oss: OssClient, scheme: str, message: str) -> None:
    async with ApplicationServer() as dead:
        url = f"{scheme}://127.0.0.1:{dead.port}/"
    await check_203(oss, await put(oss, callback(callbackUrl=url)), message, 203)


async def test_unresolvable_host_is_a_203_in_profile_dev(oss: OssClient) -> None:
    response = await put(oss, callback(callbackUrl="http://app.invalid/"))
    await check_203(oss, response, NOT_CONNECTED, 203)


async def test_plain_port_called_over_tls_is_a_203(make_oss: MakeOss, application: ApplicationServer) -> None:
    oss = await make_oss(callback=Callback(timeout_seconds=0.5))
    application.answer = b""
    url = application.url().replace("http:", "https:")
    response = await asyncio.wait_for(put(oss, callback(callbackUrl=url, callbackSNI=True)), 10)
    assert response.status == 203


# --- 200: the answer is the application server's --------------------------------------------------------------------


async def test_one_request_id_runs_through_everything(oss: OssClient, application: ApplicationServer) -> None:
    given = callback(callbackUrl=application.url(), callbackBody="id=${reqId}")
    response = await put(oss, given)
    request_id = response.headers["x-oss-request-id"]
    assert application.bodies == [f"id={request_id}".encode()]
    assert f"x-oss-request-id: {request_id}" in application.heads[0]
    application.answer = answer(b"OK")
    response = await put(oss, given)
    request_id = response.headers["x-oss-request-id"]
    assert application.bodies[1] == f"id={request_id}".encode()
    assert response.xml.findtext("RequestId") == request_id
    assert [record["id"] for record in await records(oss)][1] == request_id


async def test_object_is_there_while_the_callback_is_handled(oss: OssClient, application: ApplicationServer) -> None:
    application.is_silent = True
    upload = asyncio.create_task(put(oss, callback(callbackUrl=application.url())))
    await application.received.wait()
    assert (await oss.get("a.txt")).body == b"hello"
    application.released.set()
    assert (await upload).status == 200


async def test_answer_in_xml_is_passed_on_as_such_in_profile_dev(
    oss: OssClient, application: ApplicationServer
) -> None:
    application.answer = answer(b"<a/>", "200 OK", "Content-Type: application/xml", "Set-Cookie: a=b", "ETag: mine")
    response = await put(oss, callback(callbackUrl=application.url()))
    assert (response.status, response.body, response.headers["content-type"]) == (200, b"<a/>", "application/xml")
    assert "set-cookie" not in response.headers
    assert {name: response.headers[name] for name in HELLO} == HELLO


async def test_callback_without_a_url_is_not_sent_where_that_is_allowed_and_the_log_says_so(
    make_oss: MakeOss, caplog: pytest.LogCaptureFixture
) -> None:
    oss = await make_oss(callback=Callback(empty_url="skip"))
    response = await put(oss, {"callbackUrl": "", "callbackBody": "a"})
    assert response.status == 200
    assert await records(oss) == []
    request_id = response.headers["x-oss-request-id"]
    assert f"{request_id} asks for a callback without a callbackUrl, so none is sent" in caplog.text


async def test_callback_on_an_operation_that_has_none_is_ignored_and_logged(
    oss: OssClient, application: ApplicationServer, caplog: pytest.LogCaptureFixture
) -> None:
    given = encoded(callback(callbackUrl=application.url()))
    await oss.put("a.txt", b"hello")
    response = await oss.request("GET", "/examplebucket/a.txt", headers={"x-oss-callback": given})
    assert (response.status, response.body) == (200, b"hello")
    assert (await oss.request("DELETE", f"/examplebucket/a.txt?callback={given}")).status == 204
    assert application.requests == []
    assert "GetObject takes no callback: the parameter is ignored" in caplog.text
    assert "DeleteObject takes no callback: the parameter is ignored" in caplog.text


async def test_failed_callback_is_one_warning_that_says_where_to_look(
    oss: OssClient, application: ApplicationServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "emulator")
    application.answer = answer(b"OK")
    response = await put(oss, callback(callbackUrl=application.url()))
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    request_id = response.headers["x-oss-request-id"]
    assert warning.startswith(f"{request_id} callback of PutObject examplebucket/a.txt failed: 203 CallbackFailed")
    assert f"Tried {application.url()}" in warning
    assert "OSS would have refused this" in warning
    url = warning.rpartition(" ")[2]
    assert url == f"{oss.endpoint}/_emulator/callbacks/{request_id}"
    shown = await oss.request("GET", url.removeprefix(oss.endpoint))
    assert json.loads(shown.body)["id"] == request_id


@pytest.mark.parametrize(
    ("configured", "expected"),
    [
        pytest.param("files.test:9000", "http://files.test:9000", id="without a scheme"),
        pytest.param("https://files.test", "https://files.test", id="with one"),
    ],
)
async def test_public_key_is_found_at_the_public_endpoint(
    make_oss: MakeOss, application: ApplicationServer, configured: str, expected: str
) -> None:
    oss = await make_oss(server=Server(host="127.0.0.1", port=0, public_endpoint=configured))
    await put(oss, callback(callbackUrl=application.url()))
    key_url = base64.b64encode(f"{expected}/_emulator/callback_pub_key.pem".encode()).decode()
    assert f"x-oss-pub-key-url: {key_url}" in application.heads[0]


# --- Leaving in the middle ------------------------------------------------------------------------------------------


@asynccontextmanager
async def uploading(oss: OssClient, application: ApplicationServer) -> AsyncIterator[Connection]:
    """An upload whose callback the application server has and does not answer yet."""
    application.is_silent = True
    given = encoded(callback(callbackUrl=application.url()))
    async with await oss.connect() as connection:
        head = f"PUT /examplebucket/a.txt HTTP/1.1\r\nHost: x\r\nx-oss-callback: {given}\r\nContent-Length: 5\r\n"
        await connection.send(f"{head}\r\nhello".encode())
        await application.received.wait()
        yield connection


async def test_callback_of_a_client_that_has_left_is_finished_and_recorded(
    oss: OssClient, application: ApplicationServer
) -> None:
    async with uploading(oss, application):
        pass
    await oss.request("GET", "/_emulator/health")  # a round trip: the emulator has seen the client go
    application.released.set()
    await oss.emulator.stop()  # waits for what is in flight
    async with Emulator(oss.emulator.config) as again:
        (record,) = await records(OssClient(again))
        assert (record["outcome"], record["status"]) == ("success", 200)
        assert (await OssClient(again).get("a.txt")).body == b"hello"


async def test_callback_in_flight_is_finished_before_the_stop(config: Config, application: ApplicationServer) -> None:
    emulator = Emulator(config)
    await emulator.start()
    async with uploading(OssClient(emulator), application) as connection:
        stopping = asyncio.create_task(emulator.stop())
        await asyncio.sleep(0)
        application.released.set()
        response = await connection.receive("PUT")
    assert (response.status, response.body) == (200, OK)
    await asyncio.wait_for(stopping, 10)
    async with Emulator(config) as again:
        assert [record["outcome"] for record in await records(OssClient(again))] == ["success"]


@pytest.mark.parametrize("has_left", [False, True])
async def test_callback_that_does_not_end_delays_a_stop_no_longer_than_configured(
    config: Config, application: ApplicationServer, has_left: bool
) -> None:
    server = Server(host="127.0.0.1", port=0, stop_timeout_seconds=0.3)
    config = structs.replace(config, server=server, callback=Callback(timeout_seconds=600))
    emulator = Emulator(config)
    await emulator.start()
    async with uploading(OssClient(emulator), application) as connection:
        if has_left:
            await connection.close()
        async with asyncio.timeout(5):
            await emulator.stop()
    async with Emulator(config) as again:
        oss = OssClient(again)
        (record,) = await records(oss)
        assert (record["outcome"], record["message"]) == (
            "failed",
            "The emulator stopped before the callback had ended.",
        )
        assert (await oss.get("a.txt")).body == b"hello"
