"""The troubles that people have with upload callbacks: each is provoked here, and must be explained.

Failure on demand has tests of its own; judging a captured signature likewise.
"""

import asyncio
import logging

import pytest

from emulator.callback.engine import CallbackEngine, Outcome
from emulator.callback.signature import verify
from emulator.callback.spec import parse_callback
from emulator.errors import InvalidArgument

from .application import ApplicationServer, answer, encode


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "emulator.callback")
    return caplog


@pytest.fixture
def fail(engine: CallbackEngine, application: ApplicationServer, spec_for, upload):
    """Has a callback fail by `reply`, and gives its outcome: `await fail(answer(...), callbackHost="x")`."""

    async def run(reply: bytes, **fields: object) -> Outcome:
        application.answer = reply
        outcome = await engine.call(spec_for(application.url(), **fields), upload)
        assert not outcome.is_success
        return outcome

    return run


def refusal(fields: dict[str, object] | str) -> InvalidArgument:
    encoded = fields if isinstance(fields, str) else encode({"callbackUrl": "a.com", "callbackBody": "a", **fields})
    with pytest.raises(InvalidArgument) as caught:
        parse_callback(encoded, None, empty_url="error", is_strict=False)
    return caught.value


async def test_1_local_addresses_are_called_and_the_log_says_what_oss_would_do(
    engine, application, spec_for, upload, log
):
    spec = spec_for(application.url())
    await engine.check(spec)
    assert (await engine.call(spec, upload)).is_success
    assert f"OSS would have refused this: 127.0.0.1:{application.port} is a private address" in log.text


async def test_1_local_addresses_are_refused_where_fidelity_is_wanted(make_engine, spec_for):
    with pytest.raises(InvalidArgument) as caught:
        await make_engine("real").check(spec_for("http://127.0.0.1:9000/cb"))
    assert caught.value.message == "Private address is forbidden to callback."
    assert "callback.forbid_private_addresses" in caught.value.hint


async def test_2_no_tunnel_is_needed_and_a_dead_port_is_named_with_its_address(engine, spec_for, upload, log):
    async with ApplicationServer() as dead:
        url = dead.url(host="localhost")
    outcome = await engine.call(spec_for(url), upload)
    port = dead_port(url)
    assert f"No connection to localhost:{port} (127.0.0.1:{port}): Connection refused." in outcome.hint
    assert "no tunnel is needed" in outcome.hint
    assert outcome.hint in log.text


def dead_port(url: str) -> str:
    return url.rpartition(":")[2].partition("/")[0]


async def test_2_a_stale_tunnel_is_told_from_the_application(fail):
    assert "tunnel" in (await fail(answer(b"", "504 Gateway Timeout"))).hint
    assert "tunnel" in (await fail(answer(b"", "502 Bad Gateway"))).hint


async def test_3_what_was_sent_can_be_seen(engine, application, spec_for, upload):
    await engine.call(spec_for(application.url()), upload)
    record = await engine.journal.get(upload.request_id)
    assert record is not None
    (attempt,) = record.attempts
    head = [attempt.request.line, *(f"{name}: {value}" for name, value in attempt.request.headers)]
    assert "\r\n".join(head).encode() + b"\r\n\r\n" + record.body.encode() == application.requests[0]
    assert attempt.milliseconds > 0


@pytest.mark.parametrize(
    ("status", "words"),
    [
        pytest.param("500 Error", "handler crashed", id="500"),
        pytest.param("503 Unavailable", "nobody to pass the request to", id="503"),
        pytest.param("201 Created", "exactly 200", id="201"),
        pytest.param("418 Teapot", "exactly 200", id="418"),
    ],
)
async def test_4_a_generic_message_gets_its_reason(fail, log, status, words):
    outcome = await fail(answer(b"stack trace of the handler", status))
    assert outcome.message == f"Error status : {status[:3]}."
    assert words in outcome.hint
    assert "stack trace of the handler" in outcome.hint
    assert outcome.hint in log.text


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        pytest.param(b"", "took the connection and closed it without an HTTP answer", id="hung up"),
        pytest.param(b"", "or the port speaks HTTPS: then begin callbackUrl with https://", id="hung up: is it HTTPS?"),
        pytest.param(b"SSH-2.0-x\r\n", "sent is no HTTP answer", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: a\r\n\r\n{}", "must be one whole number", id="length"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n{",
            "The answer has 1048577 bytes; 1048576 are allowed (callback.max_response_bytes)",
            id="too long",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
            "is not as long as its Content-Length says",
            id="cut short",
        ),
    ],
)
async def test_4_an_answer_that_breaks_the_rules_of_http_is_explained(fail, reply, words):
    assert words in (await fail(reply)).hint


async def test_4_an_overload_is_explained(engine, application, spec_for, upload, monkeypatch):
    monkeypatch.setattr("emulator.callback.engine.MAX_IN_FLIGHT", 0)
    outcome = await engine.call(spec_for(application.url()), upload)
    assert outcome.message == "Too many callback requests."
    assert "called faster than it answers" in outcome.hint


async def test_5_missing_sni_is_named_with_the_certificate_that_came(
    make_engine, two_names, authority_file, spec_for, upload
):
    engine = make_engine(tls_verify=authority_file)
    url = two_names.url(host="localhost")
    outcome = await engine.call(spec_for(url), upload)
    assert outcome.message == "Error status : 502."
    assert "TLS without SNI: the server sent a certificate for first.example, not for localhost" in outcome.hint
    assert 'Set "callbackSNI": true' in outcome.hint
    assert (await engine.call(spec_for(url, callbackSNI=True), upload)).is_success


async def test_5_missing_sni_is_remarked_even_when_certificates_are_not_verified(
    engine, two_names, spec_for, upload, log
):
    assert (await engine.call(spec_for(two_names.url(host="localhost")), upload)).is_success
    assert "TLS without SNI: the server sent a certificate for first.example" in log.text
    assert "callbackSNI" in log.text


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(answer(b"<html>Welcome to nginx!</html>"), id="its start page"),
        pytest.param(answer(b"", "404 Not Found"), id="no such page"),
        pytest.param(b"", id="nothing"),
    ],
)
async def test_5_another_site_behind_the_same_address_is_told_from_the_handler(
    engine, two_names, spec_for, upload, reply
):
    two_names.answer = reply
    outcome = await engine.call(spec_for(two_names.url(host="localhost")), upload)
    assert not outcome.is_success
    assert outcome.hint.startswith(
        "TLS without SNI: the server sent a certificate for first.example, not for localhost"
    )
    assert 'Set "callbackSNI": true' in outcome.hint


async def test_5_a_server_that_hangs_up_without_sni_is_named(engine, spec_for, upload):
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        outcome = await engine.call(spec_for(f"https://localhost:{port}/"), upload)
    assert outcome.message == "Error status : 502."
    assert f"The TLS handshake with localhost:{port} failed (the server hung up)" in outcome.hint
    assert 'Set "callbackSNI": true' in outcome.hint


async def test_5_an_address_in_the_url_is_never_a_server_name(engine, two_names, spec_for, upload):
    outcome = await engine.call(spec_for(two_names.url(), callbackSNI=True), upload)
    assert "put the server's name into callbackUrl" in outcome.hint
    assert two_names.server_names == [None]


def test_6_sni_as_a_string_is_named():
    error = refusal({"callbackSNI": "true"})
    assert error.message == "The callback sni is invalid."
    assert 'must be a JSON boolean, true or false without quotes, not a string ("true")' in error.hint


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"\xef\xbb\xbf{}", "byte order mark (hex ef bb bf 7b 7d)", id="BOM"),
        pytest.param(b"OK", 'Plain text is not enough; answer {"Status":"OK"}', id="bare OK"),
        pytest.param(b"<html>Whoops</html>", "It looks like HTML", id="HTML"),
        pytest.param(b"Warning: x in y.php\n{}", "Warning: x in y.php", id="a warning before the JSON"),
        pytest.param(b"Traceback\n" + b"a" * 500, "Traceback\\n" + "a" * 190 + "'", id="the first 200 bytes"),
        pytest.param(b"", "The answer is empty", id="empty"),
    ],
)
async def test_7_an_answer_that_is_no_json_is_shown(fail, body, words):
    outcome = await fail(answer(body))
    assert outcome.message == "Response body is not valid json format."
    assert words in outcome.hint


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "is chunked", id="chunked"),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\n{}", "ends with the connection", id="closed"),
    ],
)
async def test_8_a_missing_content_length_is_explained(fail, reply, words):
    outcome = await fail(reply)
    assert outcome.message == "Error Status : 400.User server missing content-length."
    assert words in outcome.hint
    assert "instead of streaming" in outcome.hint


def test_9_json_inside_json_is_found_by_its_position():
    error = refusal("eyJjYWxsYmFja1VybCI6ImEuY29tIiwiY2FsbGJhY2tCb2R5IjoieyJidWNrZXQiOiR7YnVja2V0fX0ifQ==")
    assert error.ec == "0007-00000003"
    assert "breaks at character 41" in error.hint
    assert "escape its quotes" in error.hint


def test_9_parentheses_for_braces_are_named():
    error = refusal({"callbackBody": "bucket=$(bucket)"})
    assert "$(bucket)" in error.hint
    assert "${name}" in error.hint


@pytest.mark.parametrize(
    ("fields", "warning"),
    [
        pytest.param({"callbackBody": "bucket=%24%7Bbucket%7D"}, "http_build_query", id="percent-encoded template"),
        pytest.param(
            {"callbackBody": '{"bucket":"${bucket}"}', "callbackBodyType": "application/json"},
            "${bucket} stands inside quotes",
            id="quoted string variable",
        ),
    ],
)
async def test_9_quoting_that_oss_swallows_is_logged(engine, application, spec_for, upload, log, fields, warning):
    assert (await engine.call(spec_for(application.url(), **fields), upload)).is_success
    assert warning in log.text


async def test_10_unused_and_undefined_custom_variables_are_logged(engine, application, spec_for, upload, log):
    spec = spec_for(application.url(), callbackBody="a=${x:bar}", variables={"x:foo": "1"})
    await engine.call(spec, upload)
    assert "The custom variable x:foo is never used" in log.text
    assert "${x:bar} in callbackBody is undefined" in log.text


@pytest.mark.parametrize(
    ("status", "words"),
    [
        pytest.param("404 Not Found", "compare the path in callbackUrl", id="wrong route"),
        pytest.param("405 Method Not Allowed", "OSS always sends POST", id="GET only"),
        pytest.param("403 Forbidden", "CSRF protection", id="CSRF"),
        pytest.param("419 Page Expired", "CSRF protection", id="Laravel's CSRF"),
        pytest.param("302 Found", "login page", id="login redirect"),
        pytest.param("307 Redirect", "follows no redirect", id="another redirect"),
    ],
)
async def test_11_a_framework_in_the_way_is_recognised(fail, status, words):
    assert words in (await fail(answer(b"", status))).hint


async def test_12_a_refused_signature_is_sent_to_the_string_that_was_signed(fail, engine, application, upload):
    outcome = await fail(answer(b"bad signature", "400 Bad Request"))
    assert "string_to_sign" in outcome.hint
    assert "a proxy that rewrites the path" in outcome.hint
    assert "re-encodes the body" in outcome.hint
    record = await engine.journal.get(upload.request_id)
    assert record is not None
    signature = dict(record.attempts[0].request.headers)["Authorization"]
    assert verify(await engine.signer.public_pem(), record.string_to_sign.encode(), signature)


async def test_13_a_slow_handler_is_told_how_long_oss_waits(make_engine, application, spec_for, upload):
    application.is_silent = True
    engine = make_engine(timeout_seconds=0.2)
    outcome = await engine.call(spec_for(application.url()), upload)
    assert outcome.message == "Cost too long time."
    assert "within 0.2 s: the request was sent, and the handler has not answered" in outcome.hint
    assert "callback.timeout_seconds" in outcome.hint
    (record,) = (await engine.journal.list()).callbacks
    assert record.attempts[0].milliseconds >= 200


async def test_13_a_handshake_that_does_not_end_is_told_from_a_slow_handler(make_engine, spec_for, upload):
    async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the emulator hangs up
        writer.close()

    server = await asyncio.start_server(ignore, "127.0.0.1", 0)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        outcome = await make_engine(timeout_seconds=0.2).call(spec_for(url), upload)
    assert (
        "the TLS handshake did not end (if the port speaks plain HTTP, begin callbackUrl with http://)" in outcome.hint
    )


async def test_14_every_203_is_a_warning(fail, log):
    await fail(answer(b"OK"))
    (line,) = [record for record in log.records if record.levelname == "WARNING"]
    assert "203 CallbackFailed" in line.getMessage()
    assert "the object is stored" in line.getMessage()


async def test_15_the_retired_demo_receiver_is_replaced(make_engine, spec_for, upload, monkeypatch):
    async def offline(*_: object, **__: object) -> None:
        raise OSError("offline")

    engine = make_engine()
    monkeypatch.setattr("aiohttp.TCPConnector._resolve_host", offline)  # the name must not be asked for in a test
    outcome = await engine.call(spec_for("oss-demo.aliyuncs.com:23450"), upload)
    assert "/_emulator/receiver" in outcome.hint


async def test_17_the_host_header_is_shown(fail):
    outcome = await fail(answer(b"", "404 Not Found"), callbackHost="virtual.example")
    assert "Host: virtual.example" in outcome.hint


async def test_18_the_url_that_was_used_is_named(engine, application, spec_for, upload, log):
    async with ApplicationServer() as dead:
        url = dead.url()
    outcome = await engine.call(spec_for(f"{url};{application.url('/second')}"), upload)
    assert f"Before that, URL 1 ({url}): No connection to" in outcome.hint
    assert f"Before that, URL 1 ({url}): No connection to" in log.text
    assert f"{application.url('/second')} answered 200" in log.text
    assert "after 1 URL that failed" in log.text
    (record,) = (await engine.journal.list()).callbacks
    assert [attempt.url for attempt in record.attempts] == [url, application.url("/second")]


async def test_18_each_of_several_urls_says_why_it_failed(engine, application, spec_for, upload):
    application.answer = answer(b"", "404 Not Found")
    async with ApplicationServer() as dead:
        url = dead.url()
    outcome = await engine.call(spec_for(f"{url};{application.url()};{url}"), upload)
    assert outcome.hint.startswith("No connection to")
    assert f"Before that, URL 1 ({url}): No connection to" in outcome.hint
    assert f"Before that, URL 2 ({application.url()}): The application server answered 404" in outcome.hint
