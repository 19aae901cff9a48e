"""`oss-emulator check` against handlers that do well, and some that do not."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest

from emulator import verify_callback
from emulator.cli import main
from tests.callback.application import OK, ApplicationServer, answer

FORGERIES = {"wrong signature", "tampered body", "tampered query", "no Authorization", "key of a stranger"}
Handler = Callable[[str, dict[str, str], bytes], Awaitable[bytes]]


@asynccontextmanager
async def handling(handle: Handler) -> AsyncIterator[str]:
    """An application server; gives the handler's URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        pairs = (text.partition(":") for text in lines)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        body = await reader.readexactly(int(headers["content-length"]))
        writer.write(await handle(line.split(" ")[1], headers, body))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/c%20b?id=1"


def handler(*, prefix: str, refusal: str = "400 Bad Request") -> Handler:
    """What the documentation's sample servers do: fetch the key from a URL with `prefix`, check, answer."""

    async def handle(target: str, headers: dict[str, str], body: bytes) -> bytes:
        url = base64.b64decode(headers.get("x-oss-pub-key-url", "")).decode()
        if not url.startswith(prefix):
            return answer(b"{}", refusal)
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            key = await response.read()
        return answer() if verify_callback(target, headers, body, key) else answer(b"{}", refusal)

    return handle


async def check(*arguments: str) -> int:
    return await asyncio.to_thread(main, ["check", *arguments])


async def outcomes(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, str]]:
    """Exit status, and how each case ended."""
    status = await check(*arguments, "--json")
    document = json.loads(capsys.readouterr().out)
    assert document["passed"] is (status == 0)
    return status, {case["name"]: case["outcome"] for case in document["cases"]}


async def test_good_handler_passes_every_case_in_a_line_each(capsys):
    async with handling(handler(prefix="http://127.0.0.1:")) as url:
        assert await check(url) == 0
    output = capsys.readouterr()
    first, _, *lines, _, last = output.out.splitlines()
    assert first.startswith("key: http://127.0.0.1:")
    assert "/_emulator/callback_pub_key.pem (the handler must accept " in first
    assert {line.split()[0] for line in lines} == {"ok"}
    assert any(line.split()[:3] == ["ok", "wrong", "signature"] for line in lines)
    assert last == f"{len(lines)} of {len(lines)} cases passed"
    assert output.err == ""


async def test_receiver_of_an_emulator_passes_with_the_key_of_its_data_directory(oss, config, capsys):
    key = config.storage.data_dir / "callback_key.pem"
    await oss.request("GET", "/_emulator/callback_pub_key.pem")
    flags = ["--private-key", str(key), "--public-key-url", f"{oss.endpoint}/_emulator/callback_pub_key.pem"]
    status, ended = await outcomes(capsys, f"{oss.endpoint}/_emulator/receiver", *flags)
    assert status == 0
    assert {name for name, outcome in ended.items() if outcome == "ok"} >= FORGERIES
    assert ended["no x-oss-pub-key-url"] == "note"


async def test_handler_that_checks_nothing_fails_the_forgeries_alone(capsys):
    async with ApplicationServer() as application:
        status, ended = await outcomes(capsys, application.url())
    assert status == 1
    assert {name for name, outcome in ended.items() if outcome == "failed"} == FORGERIES


async def test_handler_that_takes_a_key_from_anywhere_fails_the_stranger_s(capsys):
    async with handling(handler(prefix="http")) as url:
        status, ended = await outcomes(capsys, url)
    assert status == 1
    assert [name for name, outcome in ended.items() if outcome == "failed"] == ["key of a stranger"]


async def test_handler_that_crashes_at_a_forgery_is_noted(capsys):
    async with handling(handler(prefix="http://127.0.0.1:", refusal="500 Oops")) as url:
        status, ended = await outcomes(capsys, url)
    assert status == 1  # without x-oss-pub-key-url, which is no forgery, it must not crash
    assert {name for name, outcome in ended.items() if outcome == "note"} >= FORGERIES
    assert ended["no x-oss-pub-key-url"] == "failed"


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        pytest.param(answer(b"OK"), "Response body is not valid json format.", id="no JSON"),
        pytest.param(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + OK, "content-length", id="no length"),
        pytest.param(answer(status="404 Not Found"), "Error status : 404.", id="no route"),
        pytest.param(answer(status="204 No Content", body=b""), "Error status : 204.", id="204"),
    ],
)
async def test_bad_answer_to_a_good_callback_fails_with_oss_s_message_and_one_hint(reply, message, capsys):
    async with ApplicationServer(reply) as application:
        assert await check(application.url()) == 1
    output = capsys.readouterr()
    assert ("Does the handler trust http://127.0.0.1:" in output.out) == ("404" in message)
    assert ("--private-key" in output.out) == ("404" in message)
    form = next(line for line in output.out.splitlines() if " form " in line)
    assert form.startswith("failed")
    assert message in form
    again = next(line for line in output.out.splitlines() if line.startswith("failed  duplicate"))
    assert len(again) < len(form)  # a hint is given once


async def test_answer_that_differs_for_a_duplicate_is_noted(capsys):
    answers = 0

    async def handle(target: str, headers: dict[str, str], body: bytes) -> bytes:
        nonlocal answers
        answers += 1
        return answer(json.dumps({"id": answers}).encode())

    async with handling(handle) as url:
        _, ended = await outcomes(capsys, url)
    assert (ended["form"], ended["duplicate"]) == ("ok", "note")


async def test_handler_that_is_not_there_ends_with_1_and_one_line(capsys, unused_endpoint):
    assert await check(f"{unused_endpoint}/cb") == 1
    error = capsys.readouterr().err
    assert "no handler answers" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["ftp://host/"], id="scheme"),
        pytest.param(["http://host/", "--private-key", "/no/such"], id="key"),
        pytest.param(["http://host/", "--port", "70000"], id="port"),
    ],
)
def test_wrong_usage_ends_with_2_and_one_line(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["check", *arguments])
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_key_that_is_none_or_missing_ends_with_2_and_one_line(tmp_path, capsys):
    key = tmp_path / "key.pem"
    key.write_text("no key")
    for flags in (["--private-key", str(key)], ["--public-key-url", "http://127.0.0.1/key.pem"]):
        assert main(["check", "http://127.0.0.1:9/", *flags]) == 2
        assert capsys.readouterr().err.count("\n") == 1
