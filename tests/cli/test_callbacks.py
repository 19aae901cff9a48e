"""`oss-emulator callbacks` against a running emulator."""

import asyncio
import json

import pytest

from emulator.cli import callbacks as callbacks_module
from emulator.cli import main
from tests.callback.application import ApplicationServer, answer, encode


async def callbacks(*arguments: str) -> int:
    return await asyncio.to_thread(main, ["callbacks", *arguments])


async def upload(oss, key: str, url: str) -> str:
    """Upload with a callback; the record's id."""
    sent = encode({"callbackUrl": url, "callbackBody": "object=${object}"})
    return (await oss.put(key, b"x", x_oss_callback=sent)).headers["x-oss-request-id"]


async def test_list_prints_a_line_a_callback_and_filters(oss, capsys, monkeypatch):
    monkeypatch.setattr(callbacks_module, "PAGE", 2)
    monkeypatch.setenv("OSS_ENDPOINT", oss.endpoint)
    async with ApplicationServer() as application:
        ids = [await upload(oss, f"{number}.txt", application.url()) for number in range(4)]
        application.answer = answer(status="500 Oops")
        ids.append(await upload(oss, "line%0Abreak", application.url()))
    assert await callbacks("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ids
    assert "success  200" in lines[0]
    assert "examplebucket/0.txt  ->" in lines[0]
    assert "failed  203" in lines[4]
    assert r"examplebucket/line\nbreak" in lines[4]
    assert "  Error status : 500.  The application server answered 500 to POST /" in lines[4]
    assert await callbacks("list", "--outcome", "failed", "--json") == 0
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == ids[4:]
    assert await callbacks("list", "--object", "2.txt", "--bucket", "examplebucket") == 0
    assert ids[2] in capsys.readouterr().out


async def test_show_replay_and_clear(oss, capsys):
    async with ApplicationServer() as application, ApplicationServer(answer(status="404 No")) as other:
        record_id = await upload(oss, "a.txt", application.url())
        assert await callbacks("show", record_id, "--endpoint", oss.endpoint) == 0
        assert json.loads(capsys.readouterr().out)["object"] == "a.txt"
        assert await callbacks("replay", record_id, "--endpoint", oss.endpoint) == 0
        assert json.loads(capsys.readouterr().out)["replay_of"] == record_id
        assert len(application.requests) == 2
        assert await callbacks("replay", record_id, "--to", other.url(), "--endpoint", oss.endpoint) == 1
        assert json.loads(capsys.readouterr().out)["outcome"] == "failed"
        assert len(other.requests) == 1
    assert await callbacks("clear", "--endpoint", oss.endpoint) == 0
    assert await callbacks("list", "--endpoint", oss.endpoint) == 0
    assert capsys.readouterr().out == ""


async def test_refusal_is_one_line_with_its_hint(oss, capsys):
    assert await callbacks("show", "../reset", "--endpoint", oss.endpoint) == 1
    error = capsys.readouterr().err
    assert "There is no callback record" in error
    assert "x-oss-request-id" in error
    assert error.count("\n") == 1


async def test_token_is_sent(capsys, monkeypatch):
    async with ApplicationServer(answer(b"{}", "401 Unauthorized")) as server:
        server.answer = b"HTTP/1.1 401 No\r\nContent-Length: 34\r\n\r\n" + b'{"error":"No.","hint":"Say more."}'
        monkeypatch.setenv("OSS_EMULATOR_CONTROL_TOKEN", "from-environment")
        assert await wait_for(server, "clear") == 1
        assert await wait_for(server, "clear", "--token", "from-flag") == 1
    assert [line for head in server.heads for line in head if line.startswith("Authorization")] == [
        "Authorization: Bearer from-environment",
        "Authorization: Bearer from-flag",
    ]
    assert "refuses: No. Say more." in capsys.readouterr().err


async def wait_for(server: ApplicationServer, *arguments: str) -> int:
    return await callbacks(*arguments, "--endpoint", server.url(""))


async def test_what_is_not_there_or_no_emulator_ends_with_1_and_one_line(capsys, unused_endpoint):
    assert await callbacks("list", "--endpoint", unused_endpoint) == 1
    error = capsys.readouterr().err
    assert "no emulator answers" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["show"], ["list", "--outcome", "fine"], ["replay"]])
def test_wrong_usage_ends_with_2_and_one_line(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["callbacks", *arguments])
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
