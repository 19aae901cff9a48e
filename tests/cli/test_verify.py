"""`oss-emulator verify`: captures of every kind, from files, stdin and a running emulator."""

import asyncio
import base64
import io
import json
import sys
from urllib.parse import parse_qsl

import pytest

from emulator.cli import main
from tests.callback.application import ApplicationServer, encode
from tests.client import OssClient


@pytest.fixture
async def captured(oss: OssClient) -> tuple[bytes, dict[str, object]]:
    """A callback request as an application received it, and the emulator's record of it."""
    async with ApplicationServer() as application:
        fields = {"callbackUrl": application.url("/c%20b?id=1"), "callbackBody": "object=${object}&size=${size}"}
        response = await oss.put("a%20b.txt", b"hello", x_oss_callback=encode(fields))
        assert response.status == 200
    record = await oss.request("GET", f"/_emulator/callbacks/{response.headers['x-oss-request-id']}")
    return application.requests[0], json.loads(record.body)


def har(raw: bytes, *, is_parsed: bool = False) -> dict[str, object]:
    head, _, body = raw.partition(b"\r\n\r\n")
    line, *headers = head.decode().split("\r\n")
    pairs = [header.split(": ", 1) for header in headers if ": " in header]
    content = (
        {"params": [{"name": name, "value": value} for name, value in parse_qsl(body.decode())]}
        if is_parsed
        else {"text": body.decode()}
    )
    request = {
        "method": "POST",
        "url": "http://app.test" + line.split(" ")[1],
        "headers": [{"name": name, "value": value} for name, value in pairs],
        "postData": {"mimeType": "application/x-www-form-urlencoded", **content},
    }
    page = {"method": "GET", "url": "http://app.test/", "headers": []}
    return {"log": {"version": "1.2", "entries": [{"request": page}, {"request": request}]}}


async def verify(*arguments: str) -> int:
    return await asyncio.to_thread(main, ["verify", *arguments])


@pytest.mark.parametrize("kind", ["raw", "raw with LF", "HAR", "HAR with parsed form", "record", "records"])
async def test_capture_of_every_kind_is_right_by_the_emulator_s_key(kind, captured, oss, tmp_path, capsys):
    raw, record = captured
    head, _, body = raw.partition(b"\r\n\r\n")
    file = tmp_path / "capture"
    file.write_bytes(
        {
            "raw": raw,
            "raw with LF": head.replace(b"\r\n", b"\n") + b"\n\n" + body,
            "HAR": json.dumps(har(raw)).encode(),
            "HAR with parsed form": json.dumps(har(raw, is_parsed=True)).encode(),
            "record": json.dumps(record).encode(),
            "records": json.dumps({"callbacks": [record], "evicted": 0}).encode(),
        }[kind]
    )
    assert await verify(str(file), "--endpoint", oss.endpoint) == 0
    output = capsys.readouterr()
    assert output.out == "right: POST /c%20b?id=1 is signed by this key\n"
    assert output.err == ""


async def test_a_right_signature_without_the_key_s_url_is_right_and_says_what_is_missing(
    captured, oss, tmp_path, capsys
):
    raw, _ = captured
    file = tmp_path / "capture"
    file.write_bytes(raw.replace(b"x-oss-pub-key-url", b"x-lost"))
    assert await verify(str(file), "--endpoint", oss.endpoint) == 0
    assert capsys.readouterr().out.startswith(
        "right: POST /c%20b?id=1 is signed by this key. The header x-oss-pub-key-url was taken out on the way"
    )


async def test_capture_from_stdin_and_key_from_a_file(captured, oss, tmp_path, capsys, monkeypatch):
    raw, _ = captured
    key = tmp_path / "key.pem"
    key.write_bytes((await oss.request("GET", "/_emulator/callback_pub_key.pem")).body)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw + b"\n")))
    assert await verify("--public-key", str(key)) == 1
    assert capsys.readouterr().out.startswith("wrong (body): POST /c%20b?id=1: The body has a line break at its end")


async def test_record_and_callback_url_tell_what_was_rewritten(captured, oss, tmp_path, capsys):
    raw, _ = captured
    file = tmp_path / "capture"
    file.write_bytes(raw.replace(b"/c%20b?id=1", b"/inner"))
    url = "http://app.test/c%20b?id=1"
    assert await verify(str(file), "--endpoint", oss.endpoint, "--callback-url", url) == 1
    assert "signed is '/c%20b?id=1', as in the callbackUrl" in capsys.readouterr().out


async def test_record_of_bytes_that_are_no_text_is_read(captured, oss, tmp_path, capsys):
    raw, record = captured
    body = raw.partition(b"\r\n\r\n")[2]
    file = tmp_path / "record.json"
    file.write_text(json.dumps(record | {"body": {"base64": base64.b64encode(body).decode()}}))
    assert await verify(str(file), "--endpoint", oss.endpoint) == 0
    file.write_text(json.dumps(record | {"truncated": True}))
    assert await verify(str(file), "--endpoint", oss.endpoint) == 1
    assert "limits.record_body_bytes" in capsys.readouterr().err


async def test_head_that_ends_with_its_last_line_is_judged(oss, tmp_path, capsys):
    file = tmp_path / "head"
    file.write_bytes(b"POST /cb HTTP/1.1\nx-oss-tag: CALLBACK\n")
    assert await verify(str(file), "--endpoint", oss.endpoint) == 1
    assert "There is no Authorization header" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "the capture is empty", id="nothing"),
        pytest.param(b"hello\n", "does not begin with a request line", id="text"),
        pytest.param(b"POST /cb HTTP/1.1\r\nbroken\r\n\r\n", "without a colon", id="header"),
        pytest.param(b'{"a": ', "begins like JSON", id="broken JSON"),
        pytest.param(b'{"a": 1}', "neither a HAR nor a callback record", id="other JSON"),
        pytest.param(b"[1]", "neither a HAR nor a callback record", id="numbers"),
        pytest.param(b"[" * 100_000, "begins like JSON", id="deep JSON"),
        pytest.param(b'{"log": {"entries": []}}', "holds no POST request", id="empty HAR"),
    ],
)
async def test_what_is_no_capture_ends_with_1_and_one_line(content, message, tmp_path, capsys):
    file = tmp_path / "capture"
    file.write_bytes(content)
    assert await verify(str(file)) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


async def test_wrong_usage_ends_with_2_and_one_line(captured, tmp_path, capsys):
    file = tmp_path / "capture"
    file.write_bytes(captured[0])
    no_key = tmp_path / "no.pem"
    no_key.write_text("no key")
    for arguments, message in (
        (["/no/such"], "/no/such: cannot be read"),
        ([str(file), "--public-key", "/no/such.pem"], "flag --public-key: /no/such.pem: cannot be read"),
        ([str(file), "--public-key", str(no_key)], "cannot read an RSA public key"),
        ([str(file), "--endpoint", "ftp://host"], "flag --endpoint: expected a URL"),
        ([str(file), "--endpoint", "http://host:port"], "flag --endpoint: expected a URL"),
    ):
        assert await verify(*arguments) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1


async def test_emulator_that_is_not_there_ends_with_1_and_one_line(captured, tmp_path, capsys, unused_endpoint):
    file = tmp_path / "capture"
    file.write_bytes(captured[0])
    assert await verify(str(file), "--endpoint", unused_endpoint) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"oss-emulator: no emulator answers at {unused_endpoint}: Connection refused; start one ")
    assert error.count("\n") == 1
