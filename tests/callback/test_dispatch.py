"""One POST and the verdict on its answer, against servers that answer in every way."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from emulator import config
from emulator.callback.dispatch import Dispatcher
from emulator.callback.record import Attempt
from emulator.callback.url import parse_url
from emulator.clock import Clock
from emulator.faults import Faults

from .application import OK, ApplicationServer, answer

UPLOAD = ("PutObject", "examplebucket", "a")
NOT_CONNECTED = "Error status : -1.OSS can not connect to your callbackUrl, please check it."
NOT_JSON = "Response body is not valid json format."
NO_LENGTH = "Error Status : 400.User server missing content-length."
BAD_LENGTH = "Error Status : 400.User server return invalid conent-length value."
LONG_LENGTH = "Error Status : 400.User server return too long content-length value."


@pytest.fixture
async def make_dispatcher() -> AsyncIterator[Callable[..., Dispatcher]]:
    made = []

    def make(*, is_strict: bool = False, record_body_bytes: int = 65536, **settings) -> Dispatcher:
        settings = config.Callback(**{"timeout_seconds": 2, **settings})
        made.append(
            Dispatcher(
                settings, clock=Clock(), faults=Faults(), record_body_bytes=record_body_bytes, is_strict=is_strict
            )
        )
        return made[-1]

    yield make
    for dispatcher in made:
        await dispatcher.close()


async def post(dispatcher: Dispatcher, url: str, *, sni: bool = False, body: bytes = b"a=b"):
    """A callback with no more than the headers that it takes to be understood."""
    target = parse_url(url)
    headers = [("Host", target.host), ("Connection", "close"), ("Content-Length", str(len(body)))]
    return await dispatcher.post(target, headers, body, sni=sni, occasion=UPLOAD)


async def message_of(dispatcher: Dispatcher, url: str) -> tuple[str, str]:
    """The message and the EC of a callback that must fail; the attempt repeats the one, and the hint is not empty."""
    attempt, verdict = await post(dispatcher, url)
    assert verdict.refusal is not None
    assert attempt.error == verdict.refusal.message
    assert verdict.hint
    return verdict.refusal.message, verdict.refusal.ec


async def test_request_goes_out_byte_for_byte(make_dispatcher, application):
    url = parse_url(application.url("/a%7Eb/%2f//../?x=%41&y=?"))
    headers = [
        ("Host", "oss.example"),
        ("Connection", "close"),
        ("Content-Length", "5"),
        ("Authorization", "c2ln"),
        ("x-oss-additional-headers", ""),
        ("x-oss-bucket", "b"),
    ]
    attempt, verdict = await make_dispatcher().post(url, headers, b"h\xff\r\no", sni=False, occasion=UPLOAD)
    (request,) = application.requests
    assert request == (
        b"POST /a%7Eb/%2f//../?x=%41&y=? HTTP/1.1\r\nHost: oss.example\r\nConnection: close\r\nContent-Length: 5\r\n"
        b"Authorization: c2ln\r\nx-oss-additional-headers: \r\nx-oss-bucket: b\r\n\r\nh\xff\r\no"
    )
    assert attempt.request.line == "POST /a%7Eb/%2f//../?x=%41&y=? HTTP/1.1"
    assert list(attempt.request.headers) == headers
    assert verdict.refusal is None


async def test_attempt_shows_the_request_and_the_answer_as_they_were(make_dispatcher, application):
    application.answer = b"HTTP/1.1 200 Fine\r\nX-a: 1\r\ncontent-length: 2\r\nX-A: 2\r\n\r\n{}"
    attempt, verdict = await post(make_dispatcher(), application.url())
    assert attempt == Attempt(
        url=application.url(),
        address=f"127.0.0.1:{application.port}",
        sni=None,
        request=attempt.request,
        response=attempt.response,
        milliseconds=attempt.milliseconds,
        error=None,
    )
    assert attempt.response is not None
    assert attempt.response.headers == (("X-a", "1"), ("content-length", "2"), ("X-A", "2"))
    assert (attempt.response.status, attempt.response.body, attempt.response.truncated) == (200, "{}", False)
    assert 0 < attempt.milliseconds < 2000
    assert (verdict.body, verdict.content_type) == (b"{}", "application/json")


@pytest.mark.parametrize(
    ("reply", "content_type"),
    [
        pytest.param(answer(OK), "application/json", id="an object"),
        pytest.param(answer(b' {"a": "\xe4\xb8\xad"}\n'), "application/json", id="with space around, verbatim"),
        pytest.param(answer(OK, "200 OK", "Content-Type: text/html"), "application/json", id="whatever type it claims"),
        pytest.param(answer(OK).replace(b"1.1", b"1.0"), "application/json", id="HTTP/1.0"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + answer(OK), "application/json", id="100 first"),
        pytest.param(answer(b"<a/>", "200 OK", "Content-Type: application/xml"), "application/xml", id="XML"),
        pytest.param(answer(OK, "200 OK", "Content-Type: application/xml"), "application/json", id="JSON as XML"),
    ],
)
async def test_good_answer_is_passed_on(make_dispatcher, application, reply, content_type):
    application.answer = reply
    _, verdict = await post(make_dispatcher(), application.url())
    assert verdict.refusal is None
    assert verdict.content_type == content_type
    assert verdict.body == reply.rpartition(b"\r\n\r\n")[2]
    assert verdict.remarks == ()


@pytest.mark.parametrize("body", [b"[1]", b"1", b'"OK"', b"null", b"true"])
async def test_json_that_is_no_object_is_taken_and_remarked(make_dispatcher, application, body):
    application.answer = answer(body)
    _, verdict = await post(make_dispatcher(), application.url())
    assert verdict.body == body
    assert "no object" in verdict.remarks[0]


@pytest.mark.parametrize("status", [201, 202, 204, 301, 302, 304, 307, 400, 403, 404, 405, 419, 500, 502, 504, 599])
async def test_any_status_but_200_fails(make_dispatcher, application, status):
    body = b"" if status in (204, 304) else OK
    application.answer = answer(body, f"{status} Some", f"Location: {application.url('/elsewhere')}")
    attempt, verdict = await post(make_dispatcher(), application.url())
    assert verdict.refusal is not None
    assert (verdict.refusal.message, verdict.refusal.ec) == (f"Error status : {status}.", "0007-00000203")
    assert f"answered {status} to POST /cb" in verdict.hint
    assert attempt.response is not None
    assert attempt.response.status == status
    assert len(application.requests) == 1  # no redirect is followed, nothing is tried again


@pytest.mark.parametrize(
    ("reply", "message", "number"),
    [
        pytest.param(answer(b"OK"), NOT_JSON, 205, id="plain OK"),
        pytest.param(answer(b"<html>"), NOT_JSON, 205, id="HTML"),
        pytest.param(answer(b"\xef\xbb\xbf" + OK), NOT_JSON, 205, id="byte order mark"),
        pytest.param(answer(b""), NOT_JSON, 205, id="empty"),
        pytest.param(answer(b'{"a":NaN}'), NOT_JSON, 205, id="NaN"),
        pytest.param(answer(b'{"a":"\xff"}'), NOT_JSON, 205, id="not UTF-8"),
        pytest.param(answer(b"[" * 5000), NOT_JSON, 205, id="nested deeply"),
        pytest.param(answer(b"<a>", "200 OK", "Content-Type: application/xml"), NOT_JSON, 205, id="XML cut off"),
        pytest.param(answer(b"<a/>", "200 OK", "Content-Type: text/xml"), NOT_JSON, 205, id="XML by another name"),
        pytest.param(
            answer(b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "200 OK", "Content-Type: application/xml"),
            NOT_JSON,
            205,
            id="XML with entities",
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}", NOT_JSON, 205, id="shorter than it says"),
        pytest.param(
            b'HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\n{"Status":"OK"}', NOT_JSON, 205, id="longer than it says"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", NO_LENGTH, 204, id="chunked"
        ),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\n{}", NO_LENGTH, 204, id="ended by closing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n{}", BAD_LENGTH, 204, id="a word as length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}", BAD_LENGTH, 204, id="negative length"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}", BAD_LENGTH, 204, id="two lengths"
        ),
        pytest.param(answer(b'"' + b"a" * 99 + b'"'), LONG_LENGTH, 204, id="longer than allowed"),
        pytest.param(b"", NOT_CONNECTED, 203, id="closed without an answer", marks=pytest.mark.guess),
        pytest.param(b"SSH-2.0-x\r\n", NOT_CONNECTED, 203, id="another protocol", marks=pytest.mark.guess),
    ],
)
async def test_bad_answer_fails(make_dispatcher, application, reply, message, number):
    application.answer = reply
    limit = 100 if message is LONG_LENGTH else 100_000
    dispatcher = make_dispatcher(max_response_bytes=limit)
    assert await message_of(dispatcher, application.url()) == (message, f"0007-{number:08d}")


async def test_answer_of_exactly_the_limit_is_taken(make_dispatcher, application):
    application.answer = answer(b'"' + b"a" * 98 + b'"')
    _, verdict = await post(make_dispatcher(max_response_bytes=100), application.url())
    assert verdict.refusal is None


async def test_xml_is_refused_by_the_strict_reading(make_dispatcher, application):
    application.answer = answer(b"<a/>", "200 OK", "Content-Type: application/xml")
    assert (await message_of(make_dispatcher(is_strict=True), application.url()))[0] == NOT_JSON


async def test_closed_port_is_no_connection(make_dispatcher):
    async with ApplicationServer() as server:
        url = server.url()
    attempt, verdict = await post(make_dispatcher(), url)
    assert verdict.refusal is not None
    assert (verdict.refusal.message, verdict.refusal.ec) == (NOT_CONNECTED, "0007-00000203")
    assert attempt.address == f"127.0.0.1:{parse_url(url).port}"
    assert attempt.response is None
    assert attempt.request.line == "POST /cb HTTP/1.1"


async def test_name_that_does_not_resolve_is_no_connection(make_dispatcher):
    attempt, verdict = await post(make_dispatcher(timeout_seconds=10), "http://app.invalid/cb")
    assert verdict.refusal is not None
    assert verdict.refusal.message == NOT_CONNECTED
    assert "app.invalid" in verdict.hint
    assert attempt.address is None


async def test_reset_connection_is_no_connection(make_dispatcher):
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    server = await asyncio.start_server(reset, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert await message_of(make_dispatcher(), f"http://127.0.0.1:{port}/") == (NOT_CONNECTED, "0007-00000203")


async def test_silent_handler_times_out(make_dispatcher, application):
    application.is_silent = True
    started = time.perf_counter()
    message = await message_of(make_dispatcher(timeout_seconds=0.2), application.url())
    assert message == ("Cost too long time.", "0007-00000202")
    assert 0.2 <= time.perf_counter() - started < 1


async def test_body_that_does_not_come_times_out(make_dispatcher):
    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{")
        await reader.read()  # until the emulator hangs up
        writer.close()

    server = await asyncio.start_server(stall, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        attempt, verdict = await post(make_dispatcher(timeout_seconds=0.2), f"http://127.0.0.1:{port}/")
    assert verdict.refusal is not None
    assert verdict.refusal.message == "Cost too long time."
    assert "the head of the answer came" in verdict.hint
    assert attempt.response is not None
    assert attempt.response.body == "{"


async def test_endless_answer_without_length_is_judged_at_once(make_dispatcher):
    async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                writer.write(b"3e8\r\n" + b"a" * 1000 + b"\r\n")
                await writer.drain()
        except OSError:
            writer.close()

    server = await asyncio.start_server(stream, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        attempt, verdict = await post(make_dispatcher(record_body_bytes=100), f"http://127.0.0.1:{port}/")
    assert verdict.refusal is not None
    assert verdict.refusal.message == NO_LENGTH
    assert attempt.response is not None
    assert (attempt.response.body, attempt.response.truncated) == ("a" * 100, True)


async def test_environment_proxy_is_not_used(make_dispatcher, application, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    _, verdict = await post(make_dispatcher(), application.url())
    assert verdict.refusal is None


# --- TLS ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sni", "host", "name"),
    [
        pytest.param(False, "localhost", None, id="off"),
        pytest.param(True, "localhost", "localhost", id="on"),
        pytest.param(True, "127.0.0.1", None, id="on, but the host is an address"),
    ],
)
async def test_server_name_is_sent_only_on_demand(make_dispatcher, two_names, sni, host, name):
    attempt, verdict = await post(make_dispatcher(), two_names.url(host=host), sni=sni)
    assert verdict.refusal is None
    assert two_names.server_names == [name]
    assert attempt.sni == name


async def test_one_session_keeps_server_names_apart(make_dispatcher, two_names):
    dispatcher = make_dispatcher()
    for sni in (True, False, True):
        await post(dispatcher, two_names.url(host="localhost"), sni=sni)
    assert two_names.server_names == ["localhost", None, "localhost"]


async def test_wrong_certificate_is_remarked_when_nothing_is_verified(make_dispatcher, two_names):
    _, verdict = await post(make_dispatcher(), two_names.url(host="localhost"))
    (remark,) = verdict.remarks
    assert "TLS without SNI: the server sent a certificate for first.example, not for localhost" in remark


async def test_right_certificate_passes_verification_and_is_not_remarked(make_dispatcher, two_names, authority_file):
    dispatcher = make_dispatcher(tls_verify=authority_file)
    _, verdict = await post(dispatcher, two_names.url(host="localhost"), sni=True)
    assert (verdict.refusal, verdict.remarks) == (None, ())


async def test_verification_refuses_the_certificate_of_another_host(make_dispatcher, two_names, authority_file):
    attempt, verdict = await post(make_dispatcher(tls_verify=authority_file), two_names.url(host="localhost"))
    assert verdict.refusal is not None
    assert (verdict.refusal.message, verdict.refusal.ec) == ("Error status : 502.", "0007-00000203")
    assert "the server sent a certificate for first.example, not for localhost" in verdict.hint
    assert '"callbackSNI": true' in verdict.hint
    assert two_names.requests == []  # refused before anything was sent
    assert attempt.address == f"127.0.0.1:{two_names.port}"


@pytest.mark.parametrize(
    ("settings", "is_strict"),
    [
        pytest.param({"tls_verify": True}, False, id="on demand"),
        pytest.param({}, True, id="by default in profile real"),
    ],
)
async def test_verification_refuses_an_unknown_authority(make_dispatcher, two_names, settings, is_strict):
    dispatcher = make_dispatcher(is_strict=is_strict, **settings)
    _, verdict = await post(dispatcher, two_names.url(host="localhost"), sni=True)
    assert verdict.refusal is not None
    assert verdict.refusal.message == "Error status : 502."
    assert "callback.tls_verify" in verdict.hint


async def test_https_to_a_plain_port_names_the_mistake(make_dispatcher):
    async def complain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(answer(b"", "400 Bad Request"))
        writer.close()

    server = await asyncio.start_server(complain, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        _, verdict = await post(make_dispatcher(), f"https://127.0.0.1:{port}/")
    assert verdict.refusal is not None
    assert verdict.refusal.message == "Error status : 502."
    assert "The port speaks plain HTTP" in verdict.hint


async def test_handshake_that_the_server_breaks_off_is_a_502(make_dispatcher):
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.transport.abort()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        _, verdict = await post(make_dispatcher(), f"https://localhost:{port}/")
    assert verdict.refusal is not None
    assert verdict.refusal.message == "Error status : 502."
    assert "No server name (SNI) was sent" in verdict.hint
