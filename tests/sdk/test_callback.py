"""Uploads with a callback through the official SDKs, to an application server that checks the signature."""

import json
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import trustme

from emulator import Config, EmulatorThread
from emulator.config import Callback, Server, Storage
from tests.app_server import AppServer, encoded
from tests.sdk.clients import CLIENTS, Client
from tests.sdk.conftest import KEY_ID, KEY_SECRET, PYTHON_SDKS, RunNode, ali_oss

BODY = "bucket=${bucket}&object=${object}&size=${size}&etag=${etag}&uid=${x:uid}"
VARIABLES = encoded({"x:uid": "a b/ä"})


@pytest.fixture(params=PYTHON_SDKS)
def client(request: pytest.FixtureRequest, emulator: EmulatorThread) -> Client:
    name, version = request.param
    return CLIENTS[name](emulator.endpoint, KEY_ID, KEY_SECRET, version)


def check_callback(app_server: AppServer, key: str) -> None:
    (callback,) = app_server.received
    assert callback.line == "POST /notify HTTP/1.1"
    assert callback.is_signed
    assert callback.headers["content-type"] == "application/x-www-form-urlencoded"
    assert callback.form == {
        "bucket": "examplebucket",
        "object": key,
        "size": "5",
        "etag": "5D41402ABC4B2A76B9719D911017C592",
        "uid": "a b/ä",
    }


def test_callback_in_headers_reaches_the_application_server(client: Client, app_server: AppServer) -> None:
    callback = encoded({"callbackUrl": app_server.url, "callbackBody": BODY})
    answer = client.put("dir/测试 a+b&c.txt", b"hello", callback, VARIABLES)
    check_callback(app_server, "dir/测试 a+b&c.txt")
    assert answer == (200, b'{"Status":"OK"}')
    assert client.get("dir/测试 a+b&c.txt") == b"hello"


def test_callback_in_a_presigned_url_reaches_the_application_server(client: Client, app_server: AppServer) -> None:
    callback = encoded({"callbackUrl": app_server.url, "callbackBody": BODY})
    answer = client.put_presigned("dir/测试 a+b&c.txt", b"hello", callback, VARIABLES)
    check_callback(app_server, "dir/测试 a+b&c.txt")
    assert answer == (200, b'{"Status":"OK"}')
    assert client.get("dir/测试 a+b&c.txt") == b"hello"


def test_failed_callback_is_a_203_that_these_sdks_take_for_success(client: Client, app_server: AppServer) -> None:
    app_server.status = 500
    answer = client.put("a.txt", b"hello", encoded({"callbackUrl": app_server.url, "callbackBody": BODY}), VARIABLES)
    assert answer.status == 203
    assert b"<Code>CallbackFailed</Code>" in answer.body
    assert b"<Message>Error status : 500.</Message>" in answer.body
    assert client.get("a.txt") == b"hello"


def test_failed_callback_of_a_presigned_url_is_a_203(client: Client, app_server: AppServer) -> None:
    app_server.answer = b"OK"
    callback = encoded({"callbackUrl": app_server.url, "callbackBody": BODY})
    answer = client.put_presigned("a.txt", b"hello", callback, VARIABLES)
    assert answer.status == 203
    assert b"<Message>Response body is not valid json format.</Message>" in answer.body
    assert client.get("a.txt") == b"hello"


def records(emulator: EmulatorThread) -> list[dict[str, Any]]:
    """The callback records that the emulator has."""
    with urlopen(f"{emulator.endpoint}/_emulator/callbacks") as answer:
        records: list[dict[str, Any]] = json.load(answer)["callbacks"]
        return records


# --- ali-oss --------------------------------------------------------------------------------------------------------


def test_example_of_the_documentation_runs_as_it_stands(
    emulator: EmulatorThread, app_server: AppServer, run_node: RunNode, tmp_path: Path
) -> None:
    file = tmp_path / "examplefile.txt"
    file.write_text("hello")
    result = run_node(
        "upload_callback.js",
        OSS_ACCESS_KEY_ID=KEY_ID,
        OSS_ACCESS_KEY_SECRET=KEY_SECRET,
        OSS_ENDPOINT=emulator.endpoint,
        CALLBACK_URL=app_server.url,
        FILE=str(file),
    )
    assert result == {"status": 200, "data": {"Status": "OK"}}
    (callback,) = app_server.received
    assert callback.body == b"bucket=examplebucket&object=exampleobject.txt&var1=value1&var2=value2"
    assert callback.is_signed


ALI_OSS = [
    pytest.param("127.0.0.1", {"authorizationV4": True}, id="V4, IP endpoint"),
    pytest.param("127.0.0.1", {"authorizationV4": False}, id="V1, IP endpoint"),
    pytest.param("127.0.0.1", {"authorizationV4": True, "sldEnable": True}, id="V4, IP endpoint, bucket named twice"),
    pytest.param("127.0.0.1", {"authorizationV4": False, "sldEnable": True}, id="V1, IP endpoint, bucket named twice"),
    pytest.param("localhost", {"authorizationV4": True, "sldEnable": True}, id="V4, localhost, path style"),
    pytest.param("localhost", {"authorizationV4": False, "sldEnable": True}, id="V1, localhost, path style"),
]


@pytest.mark.parametrize(("host", "options"), ALI_OSS)
def test_ali_oss_gives_the_answer_and_reads_the_object_back(
    host: str, options: dict[str, object], emulator: EmulatorThread, app_server: AppServer, run_node: RunNode
) -> None:
    callback = {"url": app_server.url, "body": BODY, "customValue": {"uid": "a b/ä"}}
    result = run_node(
        "run.js",
        ali_oss(emulator, endpoint=emulator.endpoint.replace("127.0.0.1", host), **options),
        f"""
        const put = await client.put("dir/测试 a+b&c.txt", Buffer.from("hello"), {{callback: {json.dumps(callback)}}});
        const got = await client.get("dir/测试 a+b&c.txt");
        return {{status: put.res.status, data: put.data, content: got.content.toString()}};
        """,
    )
    assert result == {"status": 200, "data": {"Status": "OK"}, "content": "hello"}
    check_callback(app_server, "dir/测试 a+b&c.txt")


def test_example_of_the_documentation_sends_the_server_name_over_https(
    emulator: EmulatorThread, https_app_server: Callable[[], AppServer], run_node: RunNode, tmp_path: Path
) -> None:
    file = tmp_path / "examplefile.txt"
    file.write_text("hello")
    with https_app_server() as server:
        result = run_node(
            "upload_callback.js",
            OSS_ACCESS_KEY_ID=KEY_ID,
            OSS_ACCESS_KEY_SECRET=KEY_SECRET,
            OSS_ENDPOINT=emulator.endpoint,
            CALLBACK_URL=server.url.replace("127.0.0.1", "localhost"),
            FILE=str(file),
        )
        assert result == {"status": 200, "data": {"Status": "OK"}}
        assert server.server_names == ["localhost"]
    (record,) = records(emulator)
    assert record["hint"] == ""  # the certificate that was shown is the right one


def test_ali_oss_throws_when_the_callback_fails(
    emulator: EmulatorThread, app_server: AppServer, run_node: RunNode
) -> None:
    app_server.answer = b"OK"
    callback = {"url": app_server.url, "body": BODY}
    result = run_node(
        "run.js",
        ali_oss(emulator, authorizationV4=True),
        f'return await client.put("a.txt", Buffer.from("hello"), {{callback: {json.dumps(callback)}}});',
    )
    error = result["error"]
    assert (error["name"], error["code"], error["status"]) == ("CallbackFailedError", "CallbackFailed", 203)
    assert error["ecCode"] == "0007-00000205"
    assert error["hostId"].startswith("examplebucket.")  # the Host that ali-oss makes up for an IP endpoint
    (record,) = records(emulator)
    assert (error["requestId"], record["outcome"]) == (record["id"], "failed")


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param('client.signatureUrl("a.txt", {method: "PUT", expires: 60, callback})', id="V1"),
        pytest.param(
            'await client.signatureUrlV4("PUT", 60, {queries: {'
            "callback: Buffer.from(JSON.stringify({callbackUrl: callback.url, callbackBody: callback.body}))"
            '.toString("base64"), '
            '"callback-var": Buffer.from(JSON.stringify({"x:uid": "a b/ä"})).toString("base64")}}, "a.txt")',
            id="V4",
        ),
    ],
)
def test_url_signed_by_ali_oss_carries_the_callback(
    expression: str, emulator: EmulatorThread, app_server: AppServer, run_node: RunNode
) -> None:
    callback = {"url": app_server.url, "body": BODY, "customValue": {"uid": "a b/ä"}}
    result = run_node(
        "run.js",
        ali_oss(emulator, endpoint=emulator.endpoint.replace("127.0.0.1", "localhost"), sldEnable=True),
        f"""
        const callback = {json.dumps(callback)};
        const url = {expression};
        const answer = await urllib.request(url, {{method: "PUT", data: "hello"}});
        return {{status: answer.status, data: answer.data.toString()}};
        """,
    )
    assert result == {"status": 200, "data": '{"Status":"OK"}'}
    check_callback(app_server, "a.txt")


# --- TLS ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def https_app_server(authority: trustme.CA) -> Callable[[], AppServer]:
    """An application server with two certificates on one address: which one is shown depends on the name asked for."""
    contexts = {}
    for name in ("app.example.com", "localhost"):
        contexts[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(contexts[name])
    return lambda: AppServer(lambda name: contexts.get(name or "", contexts["app.example.com"]))


@pytest.mark.parametrize(
    ("sni", "expected"),
    [
        pytest.param(True, ["localhost"], id="on"),
        pytest.param(False, [None], id="off"),
        pytest.param(None, [None], id="by default"),
    ],
)
def test_server_name_is_sent_only_when_asked_for(
    sni: bool | None, expected: list[str | None], emulator: EmulatorThread, https_app_server: Callable[[], AppServer]
) -> None:
    client = CLIENTS["oss2"](emulator.endpoint, KEY_ID, KEY_SECRET, "v4")
    with https_app_server() as server:
        url = server.url.replace("127.0.0.1", "localhost")
        callback = {"callbackUrl": url, "callbackBody": BODY}
        if sni is not None:
            callback["callbackSNI"] = sni
        answer = client.put("a.txt", b"hello", encoded(callback), VARIABLES)
        assert answer == (200, b'{"Status":"OK"}')
        assert server.server_names == expected
        assert server.received[0].is_signed
    (record,) = records(emulator)
    is_default_shown = "a certificate for app.example.com, not for localhost" in record["hint"]
    assert is_default_shown == (expected == [None])


@pytest.mark.parametrize("sni", [True, False])
def test_only_the_certificate_of_the_name_passes_where_certificates_are_checked(
    sni: bool, https_app_server: Callable[[], AppServer], authority: trustme.CA, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    config = Config(
        server=Server(port=0),
        storage=Storage(data_dir=tmp_path / "data"),
        callback=Callback(tls_verify=str(tmp_path / "ca.pem")),
    )
    with EmulatorThread(config) as emulator, https_app_server() as server:
        client = CLIENTS["oss2"](emulator.endpoint, KEY_ID, KEY_SECRET, "v4")
        url = server.url.replace("127.0.0.1", "localhost")
        callback = {"callbackUrl": url, "callbackBody": BODY, "callbackSNI": sni}
        answer = client.put("a.txt", b"hello", encoded(callback), VARIABLES)
        assert answer.status == (200 if sni else 203)
        assert (b"<Message>Error status : 502.</Message>" in answer.body) is not sni
        assert len(server.received) == int(sni)
