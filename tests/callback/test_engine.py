"""A callback from end to end: what is checked, sent, recorded and answered."""

import asyncio
import base64
import hashlib
import io
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest

from emulator import config
from emulator.callback import engine as engine_module
from emulator.callback.engine import CallbackEngine
from emulator.callback.journal import Journal
from emulator.callback.record import CallbackRecord
from emulator.callback.record_filter import RecordFilter
from emulator.callback.signature import string_to_sign, verify
from emulator.callback.template import SYSTEM_VARIABLES
from emulator.errors import InvalidArgument

from .application import OK, ApplicationServer, answer
from .test_image_info import PNG

NOT_CONNECTED = "Error status : -1.OSS can not connect to your callbackUrl, please check it."


async def test_request_has_the_headers_of_oss_in_their_order(engine, application, spec_for, upload):
    spec = spec_for(application.url("/cb/notify?id=1"), additionalHeaders={"x-b": "2", "a": "1"})
    await engine.call(spec, upload)
    (head,) = application.heads
    body = b"bucket=examplebucket&object=dir%2F%E6%B5%8B%E8%AF%95%20a%2Bb%26c.jpg"
    assert application.bodies == [body]
    signature = head[4].removeprefix("Authorization: ")
    assert head == [
        "POST /cb/notify?id=1 HTTP/1.1",
        f"Host: 127.0.0.1:{application.port}",
        "Connection: close",
        f"Content-Length: {len(body)}",
        f"Authorization: {signature}",
        f"Content-MD5: {base64.b64encode(hashlib.md5(body).digest()).decode()}",
        "Content-Type: application/x-www-form-urlencoded",
        "Date: Tue, 07 May 2024 03:06:13 GMT",
        "User-Agent: aliyun-oss-callback",
        "x-oss-additional-headers: a;x-b",
        "x-oss-bucket: examplebucket",
        "x-oss-owner: 1234567890123456",
        f"x-oss-pub-key-url: {encode_text('http://127.0.0.1:8280/_emulator/callback_pub_key.pem')}",
        "x-oss-request-id: 66399AA50F1E2D3C4B5A6978",
        "x-oss-requester: 1234567890123456",
        "x-oss-signature-version: 1.0",
        "x-oss-tag: CALLBACK",
        "x-b: 2",
        "a: 1",
    ]
    string = string_to_sign("/cb/notify?id=1", body)
    assert verify(await engine.signer.public_pem(), string, signature)


def encode_text(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param(
            "https://gosspublic.alicdn.com/callback_pub_key_v1.pem",
            "aHR0cHM6Ly9nb3NzcHVibGljLmFsaWNkbi5jb20vY2FsbGJhY2tfcHViX2tleV92MS5wZW0=",
            id="https",
        ),
        pytest.param(
            "http://gosspublic.alicdn.com/callback_pub_key_v1.pem",
            "aHR0cDovL2dvc3NwdWJsaWMuYWxpY2RuLmNvbS9jYWxsYmFja19wdWJfa2V5X3YxLnBlbQ==",
            id="http",
        ),
    ],
)
async def test_public_key_url_is_configurable(make_engine, application, spec_for, upload, url, expected):
    await make_engine(public_key_url=url).call(spec_for(application.url()), upload)
    assert f"x-oss-pub-key-url: {expected}" in application.heads[0]


@pytest.mark.parametrize(
    ("path", "target"),
    [
        pytest.param("", "/", id="no path"),
        pytest.param("/a", "/a", id="no query"),
        pytest.param("/%E4%B8%AD?q=%E4%B8%AD", "/%E4%B8%AD?q=%E4%B8%AD", id="percent-encoded"),
        pytest.param("/a?", "/a", id="bare question mark", marks=pytest.mark.guess),
    ],
)
async def test_signature_verifies_whatever_the_path(engine, application, spec_for, upload, path, target):
    await engine.call(spec_for(application.url(path)), upload)
    (head,) = application.heads
    assert head[0] == f"POST {target} HTTP/1.1"
    signature = head[4].removeprefix("Authorization: ")
    assert verify(await engine.signer.public_pem(), string_to_sign(target, application.bodies[0]), signature)


@pytest.mark.parametrize(
    ("settings", "fields", "host"),
    [
        pytest.param({}, {}, "127.0.0.1:PORT", id="with its port"),
        pytest.param({"host_includes_port": False}, {}, "127.0.0.1", id="without, as configured"),
        pytest.param({}, {"callbackHost": "oss-cn-hangzhou.aliyuncs.com"}, "oss-cn-hangzhou.aliyuncs.com", id="given"),
    ],
)
async def test_host_header_is_that_of_the_url_or_callback_host(
    make_engine, application, spec_for, upload, settings, fields, host
):
    await make_engine(**settings).call(spec_for(application.url(), **fields), upload)
    assert application.heads[0][1] == f"Host: {host.replace('PORT', str(application.port))}"


async def test_every_system_variable_is_filled_in(engine, application, spec_for, upload):
    names = [*SYSTEM_VARIABLES - {"imageInfo"}, "x:a", "x:b"]
    body = "{" + ",".join(f'"{name}":${{{name}}}' for name in names) + "}"
    spec = spec_for(
        application.url(), callbackBody=body, callbackBodyType="application/json", variables={"x:a": "1 & 2"}
    )
    outcome = await engine.call(spec, msgspec.structs.replace(upload, image=partial(io.BytesIO, PNG)))
    assert outcome.is_success
    assert msgspec.json.decode(application.bodies[0]) == {
        "bucket": "examplebucket",
        "object": "dir/测试 a+b&c.jpg",
        "etag": "D8E8FCA2DC0F896FD7CB4CB0031BA249",
        "size": 5,
        "mimeType": "image/jpeg",
        "imageInfo.height": 2,
        "imageInfo.width": 3,
        "imageInfo.format": "png",
        "crc64": 16936498316219487203,
        "contentMd5": "2Oj8otwPiW/Xy0ywAxuiSQ==",
        "vpcId": None,
        "clientIp": "127.0.0.1",
        "reqId": "66399AA50F1E2D3C4B5A6978",
        "operation": "PutObject",
        "x:a": "1 & 2",
        "x:b": None,
    }
    assert "Content-Type: application/json" in application.heads[0]


@pytest.mark.parametrize(
    ("body", "image", "expected"),
    [
        pytest.param("w=${imageInfo.width}&f=${imageInfo.format}", PNG, b"w=3&f=png", id="an image"),
        pytest.param("w=${imageInfo.width}&f=${imageInfo.format}", b"text", b"w=&f=", id="no image"),
    ],
)
async def test_image_is_probed(engine, application, spec_for, upload, body, image, expected):
    spec = spec_for(application.url(), callbackBody=body)
    await engine.call(spec, msgspec.structs.replace(upload, image=partial(io.BytesIO, image)))
    assert application.bodies == [expected]


async def test_image_is_not_opened_unless_the_template_asks(engine, application, spec_for, upload):
    opened = []
    spec = spec_for(application.url(), callbackBody="s=${size}")
    await engine.call(spec, msgspec.structs.replace(upload, image=lambda: opened.append(1) or io.BytesIO()))
    assert (application.bodies, opened) == ([b"s=5"], [])


async def test_image_that_cannot_be_opened_fails_the_callback(engine, application, spec_for, upload):
    def vanished() -> io.BytesIO:
        raise FileNotFoundError("blob is gone")

    spec = spec_for(application.url(), callbackBody="w=${imageInfo.width}")
    outcome = await engine.call(spec, msgspec.structs.replace(upload, image=vanished))
    assert (outcome.message, outcome.ec) == ("Get image info failed.", "0007-00000301")
    assert "blob is gone" in outcome.hint
    assert application.requests == []


async def test_multipart_upload_has_no_content_md5(engine, application, spec_for, upload):
    spec = spec_for(application.url(), callbackBody="[${contentMd5}]", callbackBodyType="application/json")
    await engine.call(spec, msgspec.structs.replace(upload, content_md5=""))
    assert application.bodies == [b"[null]"]


async def test_success_gives_the_answer_verbatim(engine, application, spec_for, upload, caplog):
    caplog.set_level(logging.INFO, "emulator.callback")
    application.answer = answer(b' {"a" : 1}\n')
    outcome = await engine.call(spec_for(application.url()), upload)
    assert outcome == engine_module.Outcome(is_success=True, body=b' {"a" : 1}\n', content_type="application/json")
    (line,) = caplog.records
    assert line.levelname == "INFO"
    assert f"{application.url()} answered 200" in line.getMessage()


async def test_first_good_answer_wins_and_all_attempts_are_kept(engine, application, spec_for, upload, caplog):
    caplog.set_level(logging.INFO, "emulator.callback")
    async with ApplicationServer() as dead, ApplicationServer(answer(b"OK")) as wrong, ApplicationServer() as unused:
        dead_url = dead.url()
        await dead.__aexit__()
        urls = [dead_url, wrong.url("/b"), application.url("/c"), unused.url()]
        outcome = await engine.call(spec_for(";".join(urls)), upload)
        assert unused.requests == []
    assert outcome.is_success
    (record,) = (await engine.journal.list()).callbacks
    assert [attempt.url for attempt in record.attempts] == urls[:3]
    assert [attempt.error for attempt in record.attempts] == [
        NOT_CONNECTED,
        "Response body is not valid json format.",
        None,
    ]
    assert record.string_to_sign.startswith("/c\n")
    assert (record.outcome, record.status) == ("success", 200)
    assert "after 2 URLs that failed" in caplog.text


async def test_last_url_says_why_all_have_failed(engine, application, spec_for, upload):
    application.answer = answer(b"", "404 Not Found")
    async with ApplicationServer() as dead:
        dead_url = dead.url()
    outcome = await engine.call(spec_for(f"{dead_url};{application.url()}"), upload)
    assert (outcome.is_success, outcome.message, outcome.ec) == (False, "Error status : 404.", "0007-00000203")


async def test_record_tells_everything(engine, application, spec_for, upload):
    spec = spec_for(application.url("/cb?x=1"), callbackBody="o=${object}&a=${x:a}", variables={"x:a": "1"})
    await engine.call(spec, upload)
    record = await engine.journal.get(upload.request_id)
    assert record is not None
    assert (record.id, record.time) == (upload.request_id, "2024-05-07T03:06:13.250Z")
    assert (record.operation, record.bucket, record.object) == ("PutObject", "examplebucket", upload.object)
    assert record.callback == {"callbackUrl": application.url("/cb?x=1"), "callbackBody": "o=${object}&a=${x:a}"}
    assert record.variables["x:a"] == "1"
    assert record.variables["size"] == 5
    assert record.body == application.bodies[0].decode()
    assert record.string_to_sign == f"/cb?x=1\n{record.body}"
    (attempt,) = record.attempts
    lines = [attempt.request.line, *(f"{name}: {value}" for name, value in attempt.request.headers)]
    assert lines == application.heads[0]
    assert attempt.response is not None
    assert (attempt.response.status, attempt.response.body) == (200, OK.decode())
    assert (record.outcome, record.status, record.message, record.ec, record.hint) == ("success", 200, "", "", "")


async def test_failed_record_repeats_what_the_uploader_was_given(engine, application, spec_for, upload):
    application.answer = answer(b"OK")
    outcome = await engine.call(spec_for(application.url()), upload)
    (record,) = (await engine.journal.list(RecordFilter(outcome="failed"))).callbacks
    assert (record.status, record.message, record.ec, record.hint) == (203, outcome.message, outcome.ec, outcome.hint)


async def test_bodies_in_the_record_are_bounded(make_engine, application, spec_for, upload):
    engine = make_engine(limits={"record_body_bytes": 4})
    spec = spec_for(application.url(), callbackBody="0123456789")
    outcome = await engine.call(spec, upload)
    (record,) = (await engine.journal.list()).callbacks
    assert (record.body, record.truncated) == ("0123", True)
    assert record.attempts[0].response is not None
    assert (record.attempts[0].response.body, record.attempts[0].response.truncated) == (OK[:4].decode(), True)
    assert (application.bodies, outcome.body) == ([b"0123456789"], OK)


@pytest.fixture
def kept(tmp_path: Path) -> Callable[[], Awaitable[tuple[CallbackRecord, ...]]]:
    """Gives the records that a closed engine has left on disk."""

    async def read() -> tuple[CallbackRecord, ...]:
        journal = Journal(tmp_path / "callbacks0.sqlite", config.Limits())
        page = await journal.list()
        await journal.close()
        return page.callbacks

    return read


async def test_cancelled_caller_still_gets_its_record(engine, application, spec_for, upload, kept):
    application.is_silent = True
    caller = asyncio.create_task(engine.call(spec_for(application.url()), upload))
    await application.received.wait()
    caller.cancel()
    await asyncio.wait([caller])
    application.released.set()
    await engine.close(10)
    assert caller.cancelled()
    assert [record.outcome for record in await kept()] == ["success"]


async def test_close_waits_for_callbacks_in_flight(engine, application, spec_for, upload):
    application.is_silent = True
    caller = asyncio.create_task(engine.call(spec_for(application.url()), upload))
    await application.received.wait()
    closing = asyncio.create_task(engine.close(10))
    application.released.set()
    await closing
    assert (await caller).is_success


async def test_close_breaks_off_and_records_what_takes_too_long(engine, application, spec_for, upload, kept):
    application.is_silent = True
    caller = asyncio.create_task(engine.call(spec_for(application.url()), upload))
    await application.received.wait()
    await engine.close(0.05)
    await asyncio.wait([caller])
    (record,) = await kept()
    assert (record.outcome, record.message) == ("failed", "The emulator stopped before the callback had ended.")


async def test_overload_is_answered_as_oss_does(engine, application, spec_for, upload, monkeypatch):
    monkeypatch.setattr(engine_module, "MAX_IN_FLIGHT", 1)
    application.is_silent = True
    first = asyncio.create_task(engine.call(spec_for(application.url()), upload))
    await application.received.wait()
    second = await engine.call(spec_for(application.url()), upload)
    application.released.set()
    assert (await first).is_success
    assert (second.message, second.ec) == ("Too many callback requests.", "0007-00000201")


# --- Before storing -------------------------------------------------------------------------------------------------

PRIVATE = ("Private address is forbidden to callback.", "0007-00000008")
UNRESOLVED = ("Can not get ip by this host.", "0007-00000007")


@pytest.mark.parametrize(
    ("profile", "settings", "url", "expected"),
    [
        pytest.param("real", {}, "http://192.168.1.1/cb", PRIVATE, id="private"),
        pytest.param("real", {}, "http://127.0.0.1:9000/cb", PRIVATE, id="loopback"),
        pytest.param("real", {}, "http://localhost/cb", PRIVATE, id="a name at a private address"),
        pytest.param("real", {}, "http://8.8.8.8/;http://10.1.2.3/", PRIVATE, id="any of several"),
        pytest.param("dev", {"forbid_private_addresses": True}, "http://127.0.0.1/", PRIVATE, id="forbidden in dev"),
        pytest.param("real", {}, "http://app.invalid/cb", UNRESOLVED, id="unresolvable"),
        pytest.param(
            "real",
            {"forbid_private_addresses": False},
            "http://app.invalid/",
            UNRESOLVED,
            id="unresolvable, yet allowed",
        ),
        pytest.param("real", {}, f"http://{'a' * 64}.invalid/", UNRESOLVED, id="a label too long to ask for"),
    ],
)
async def test_check_refuses_where_oss_would_not_call(make_engine, spec_for, profile, settings, url, expected):
    with pytest.raises(InvalidArgument) as caught:
        await make_engine(profile, **settings).check(spec_for(url))
    error = caught.value
    assert (error.message, error.ec) == expected
    assert error.elements == {"ArgumentName": "callbackUrl", "ArgumentValue": url.split(";")[-1]}
    assert error.hint


@pytest.mark.parametrize(
    ("profile", "settings", "url"),
    [
        pytest.param("dev", {}, "http://127.0.0.1/", id="private in dev"),
        pytest.param("dev", {}, "http://app.invalid/", id="unresolvable in dev"),
        pytest.param(
            "dev", {"forbid_private_addresses": True}, "http://app.invalid/", id="unresolvable, private forbidden"
        ),
        pytest.param("real", {"forbid_private_addresses": False}, "http://127.0.0.1/", id="private allowed in real"),
        pytest.param("real", {}, "http://8.8.8.8/", id="public in real"),
    ],
)
async def test_check_lets_pass_what_can_be_called(make_engine, spec_for, profile, settings, url):
    await make_engine(profile, **settings).check(spec_for(url))


async def test_ca_file_that_is_missing_stops_the_start(make_engine: Callable[..., CallbackEngine]):
    with pytest.raises(config.ConfigError, match=r"callback\.tls_verify: no file /nowhere"):
        make_engine(tls_verify="/nowhere")


async def test_replay_sends_the_same_body_to_the_same_name_freshly_signed(make_engine, application, spec_for, upload):
    image = msgspec.structs.replace(upload, image=partial(io.BytesIO, PNG))
    spec = spec_for(
        application.url("/cb?id=1"),
        callbackBody="${object} ${x:user} ${imageInfo.width} ${reqId} " + "long " * 20,
        callbackBodyType="application/json",
        additionalHeaders={"x-b": "2"},
        variables={"x:user": "测试"},
    )
    engine = make_engine(limits={"record_body_bytes": 10})
    await engine.call(spec, image)
    original = await engine.journal.get(upload.request_id)
    record = await engine.replay(original, id="66399AA50F1E2D3C4B5A0001")
    first, second = application.heads
    assert first == second  # the clock stands still, so Date and signature are the same
    assert application.bodies[0] == application.bodies[1]
    assert len(application.bodies[0]) > 100
    assert (record.id, record.replay_of) == ("66399AA50F1E2D3C4B5A0001", upload.request_id)
    assert record.variables == original.variables
    assert await engine.journal.get(record.id) == record
