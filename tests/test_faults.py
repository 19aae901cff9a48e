"""Failures on demand: which rule acts, and what the client sees."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec import convert

from emulator.config import FaultRule
from emulator.errors import BY_CODE
from emulator.faults import Faults
from tests.callback.application import ApplicationServer, encode
from tests.client import OssClient, Response
from tests.conftest import MakeOss
from tests.forms import form, post

ArmedOss = Callable[..., Awaitable[OssClient]]


def rule(do: dict[str, Any] | None = None, **on: Any) -> FaultRule:
    return convert({"on": on, "do": do or {"status": 503}}, FaultRule)


@pytest.fixture
def armed(make_oss: MakeOss) -> ArmedOss:
    """Starts an emulator with one fault: `await armed({"cut": "before"}, operation="PutObject")`."""

    async def make(do: dict[str, Any], **on: Any) -> OssClient:
        return await make_oss(faults=(rule(do, **on),))

    return make


def acts(faults: Faults, count: int, *occasion: str) -> list[bool]:
    return [faults.meet("request", *(occasion or ("PutObject", "b", "k"))) is not None for _ in range(count)]


# --- Which rule acts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        pytest.param({}, [1, 1, 1, 1], id="always"),
        pytest.param({"times": 2}, [1, 1, 0, 0], id="twice, then succeed"),
        pytest.param({"nth": 3}, [0, 0, 1, 0], id="the third alone"),
        pytest.param({"nth": 2, "times": 2}, [0, 1, 1, 0], id="the second and third"),
    ],
)
def test_a_rule_acts_when_it_is_its_turn(on: dict[str, int], expected: list[int]) -> None:
    assert acts(Faults([rule(**on)]), 4) == [bool(each) for each in expected]


@pytest.mark.parametrize(
    ("on", "fits"),
    [
        pytest.param({"operation": "PutObject"}, True, id="operation"),
        pytest.param({"operation": "GetObject"}, False, id="another operation"),
        pytest.param({"bucket": "photos"}, True, id="bucket"),
        pytest.param({"bucket": "photo"}, False, id="part of the bucket's name"),
        pytest.param({"object": "*.jpg"}, True, id="glob across slashes"),
        pytest.param({"object": "a/?.jpg"}, True, id="glob for a character"),
        pytest.param({"object": "*.JPG"}, False, id="case counts"),
        pytest.param({"leg": "callback"}, False, id="another leg"),
    ],
)
def test_a_rule_acts_on_what_it_is_for(on: dict[str, str], fits: bool) -> None:
    assert acts(Faults([rule(**on)]), 1, "PutObject", "photos", "a/b.jpg") == [fits]


def test_a_share_with_the_same_seed_chooses_the_same() -> None:
    first, again, other = (acts(Faults([rule(share=0.3, seed=seed)]), 200) for seed in (7, 7, 8))
    assert first == again != other
    assert 30 < sum(first) < 90


def test_the_first_rule_whose_turn_it_is_acts_and_those_behind_it_see_nothing() -> None:
    faults = Faults([rule({"status": 500}, times=1), rule({"status": 501}, nth=2)])
    met = [faults.meet("request", "PutObject", "b", "k") for _ in range(4)]
    assert [fault and fault.do.status for fault in met] == [500, None, 501, None]
    assert [(state.met, state.acted) for state in faults.list()] == [(4, 1), (3, 1)]


def test_reset_brings_the_configured_rules_back_with_their_counts_at_zero() -> None:
    faults = Faults([rule(times=1)])
    acts(faults, 2)
    faults.arm(rule(times=5))
    faults.reset()
    assert [(state.id, state.met, state.acted) for state in faults.list()] == [("fault-1", 0, 0)]
    assert acts(faults, 2) == [True, False]


# --- What the client of a request sees ------------------------------------------------------------------------------


@pytest.mark.parametrize("code", sorted(BY_CODE.keys() - {"CallbackFailed", "NotModified"}))
async def test_an_error_is_oss_s_own(armed: ArmedOss, code: str) -> None:
    response = await (await armed({"error": code})).put("a", "1")
    assert (response.status, response.code) == (BY_CODE[code].status, code)
    assert response.message == BY_CODE[code].message
    assert response.xml.findtext("EC") == BY_CODE[code].ec
    assert "The fault 'fault-1' did this on demand, for the 1st time" in response.headers["x-emulator-hint"]


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/"),
        ("PUT", "/newbucket"),
        ("GET", "/examplebucket"),
        ("HEAD", "/examplebucket/a"),
        ("DELETE", "/examplebucket/a"),
        ("POST", "/examplebucket/a?uploads"),
    ],
)
async def test_every_operation_can_fail(armed: ArmedOss, method: str, target: str) -> None:
    oss = await armed({"error": "ServiceUnavailable"})
    assert (await oss.request(method, target)).status == 503


async def test_errors_name_the_bucket_and_the_key_as_oss_does(make_oss: MakeOss) -> None:
    oss = await make_oss(faults=(rule({"error": "NoSuchKey"}, object="a"), rule({"error": "NoSuchBucket"}, object="b")))
    assert (await oss.put("a")).xml.findtext("Key") == "a"
    assert (await oss.put("b")).xml.findtext("BucketName") == "examplebucket"


async def test_twice_then_succeed(armed: ArmedOss) -> None:
    oss = await armed({"error": "ServiceUnavailable"}, operation="PutObject", times=2)
    assert [(await oss.put("a", "1")).status for _ in range(3)] == [503, 503, 200]
    assert (await oss.get("a")).body == b"1"


async def test_a_refused_signature_is_no_occasion(make_oss: MakeOss, config: Any) -> None:
    oss = await make_oss(auth=type(config.auth)(), faults=(rule(times=1),))
    assert (await oss.put("a", "1")).code == "AccessDenied"
    answer = json.loads((await oss.request("GET", "/_emulator/faults")).body)
    assert answer["faults"][0]["met"] == 0


async def test_a_status_is_a_proxy_s_and_no_oss_document(armed: ArmedOss) -> None:
    response = await (await armed({"status": 502})).put("a", "1")
    assert (response.status, response.code) == (502, None)
    assert response.headers["content-type"] == "text/html"


async def test_the_log_says_that_a_fault_acted(armed: ArmedOss, caplog: pytest.LogCaptureFixture) -> None:
    await (await armed({"status": 502})).put("a", "1")
    assert "fault fault-1 acts on the request of PutObject examplebucket/a" in caplog.text


async def test_a_delay_comes_before_the_answer_and_is_told(armed: ArmedOss) -> None:
    oss = await armed({"delay_seconds": 0.2}, operation="PutObject")
    started = time.monotonic()
    response = await oss.put("a", "1")
    assert response.status == 200
    assert time.monotonic() - started >= 0.2
    assert "The fault 'fault-1'" in response.headers["x-emulator-hint"]


async def exists(oss: OssClient, key: str) -> bool:
    return (await oss.request("HEAD", f"/examplebucket/{key}?objectMeta")).status == 200


async def test_a_cut_before_leaves_neither_an_answer_nor_an_object(armed: ArmedOss) -> None:
    oss = await armed({"cut": "before"}, operation="PutObject")
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)) as caught:
        await oss.put("a", "1")
    assert getattr(caught.value, "partial", b"") == b""
    assert not await exists(oss, "a")


async def test_a_cut_after_store_leaves_the_object_and_calls_nobody(armed: ArmedOss, call_back: Any) -> None:
    oss = await armed({"cut": "after-store"}, times=1)
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await call_back(oss, "a")
    assert (await oss.get("a")).body == b"1"
    assert json.loads((await oss.request("GET", "/_emulator/callbacks")).body)["callbacks"] == []


@pytest.mark.parametrize("cut", ["before", "after-store", "mid-body"])
async def test_a_cut_is_among_the_requests_with_the_fault_s_name(armed: ArmedOss, cut: str) -> None:
    oss = await armed({"cut": cut}, operation="PutObject", times=1)
    with pytest.raises((ConnectionResetError, BrokenPipeError, asyncio.IncompleteReadError)):
        await oss.put("a", "1" * 300)
    await oss.put("a", "2")
    listed = json.loads((await oss.request("GET", "/_emulator/requests?operation=PutObject")).body)["requests"]
    assert [(record["status"], record["object"]) for record in listed] == [(0, "a"), (200, "a")]
    assert listed[0]["hint"].startswith("The fault 'fault-1' did this on demand, for the 1st time.")
    found = json.loads((await oss.request("GET", "/_emulator/requests?status=0")).body)["requests"]
    assert found == listed[:1]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_cut_after_an_operation_without_callback_takes_its_answer(armed: ArmedOss, method: str) -> None:
    oss = await armed({"cut": "after-store"}, operation="GetObject" if method == "GET" else "DeleteObject")
    await oss.put("a", "1")
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await oss.request(method, "/examplebucket/a")
    assert await exists(oss, "a") == (method == "GET")


@pytest.mark.parametrize("size", [2, 300_000], ids=["small", "large"])
async def test_a_cut_in_the_upload_leaves_nothing(armed: ArmedOss, size: int) -> None:
    oss = await armed({"cut": "mid-body"}, operation="PutObject")
    with pytest.raises((ConnectionResetError, BrokenPipeError, asyncio.IncompleteReadError)):
        await oss.put("a", b"x" * size)
    assert not await exists(oss, "a")
    assert list((oss.emulator.data_dir / "staging").iterdir()) == []


@pytest.mark.parametrize("size", [2, 300_000], ids=["small", "large"])
async def test_a_cut_in_the_answer_sends_half_of_it(armed: ArmedOss, size: int) -> None:
    oss = await armed({"cut": "mid-body"}, operation="GetObject")
    await oss.put("a", b"x" * size)
    with pytest.raises(asyncio.IncompleteReadError) as caught:
        await oss.get("a")
    assert caught.value.expected == size
    assert len(caught.value.partial) == size // 2


async def test_a_cut_in_an_answer_without_body_is_a_cut_too(armed: ArmedOss) -> None:
    oss = await armed({"cut": "mid-body"}, operation="DeleteObject")
    with pytest.raises(asyncio.IncompleteReadError) as caught:
        await oss.request("DELETE", "/examplebucket/a")
    assert caught.value.partial.startswith(b"HTTP/1.1 204")


@pytest.mark.parametrize("operation", ["PutObject", "GetObject"])
async def test_a_slow_body_arrives_whole_and_slowly(armed: ArmedOss, operation: str) -> None:
    oss = await armed({"bytes_per_second": 10_000}, operation=operation)

    async def transfer() -> tuple[Response, Response]:
        return await oss.put("a", b"x" * 3000), await oss.get("a")

    started = time.monotonic()
    put, got = await transfer()
    assert put.status == 200
    assert got.body == b"x" * 3000
    assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize(("cut", "is_stored"), [("before", False), ("mid-body", False), ("after-store", True)])
async def test_a_form_upload_is_cut_as_well(
    armed: ArmedOss, received: list[str], call_back: Any, cut: str, is_stored: bool
) -> None:
    oss = await armed({"cut": cut}, operation="PostObject")
    with pytest.raises((ConnectionResetError, BrokenPipeError, asyncio.IncompleteReadError)):
        await post(oss, form({"key": "a", "callback": call_back.callback()}, b"x" * 5000))
    assert await exists(oss, "a") == is_stored
    assert received == []


async def test_the_callback_of_a_form_upload_is_matched_by_its_key(armed: ArmedOss, call_back: Any) -> None:
    oss = await armed({"callback": "timeout"}, leg="callback", operation="PostObject", object="photos/*")
    for key, status in (("photos/a", 203), ("texts/a", 200)):
        assert (await post(oss, form({"key": key, "callback": call_back.callback()}, b"x"))).status == status


async def test_the_next_request_on_the_connection_is_answered_after_a_fault(armed: ArmedOss) -> None:
    oss = await armed({"error": "InternalError"}, times=1)
    async with await oss.connect() as connection:
        for status in (500, 404):
            await connection.send(b"GET /examplebucket/a HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await connection.receive()).status == status


# --- What the uploader sees of a callback ---------------------------------------------------------------------------

NOT_CONNECTED = "Error status : -1.OSS can not connect to your callbackUrl, please check it."


@pytest.mark.parametrize(
    ("do", "message", "ec"),
    [
        ({"callback": "refused"}, NOT_CONNECTED, "0007-00000203"),
        ({"callback": "dns"}, NOT_CONNECTED, "0007-00000203"),
        ({"callback": "timeout"}, "Cost too long time.", "0007-00000202"),
        ({"callback": "tls"}, "Error status : 502.", "0007-00000203"),
        ({"callback": "not-json"}, "Response body is not valid json format.", "0007-00000205"),
        ({"callback": "no-length"}, "Error Status : 400.User server missing content-length.", "0007-00000204"),
        (
            {"callback": "too-long"},
            "Error Status : 400.User server return too long content-length value.",
            "0007-00000204",
        ),
        ({"callback": "too-many"}, "Too many callback requests.", "0007-00000201"),
        ({"callback": "image-info"}, "Get image info failed.", "0007-00000301"),
        ({"status": 403}, "Error status : 403.", "0007-00000203"),
        ({"status": 204}, "Error status : 204.", "0007-00000203"),
        ({"status": 301}, "Error status : 301.", "0007-00000203"),
    ],
    ids=str,
)
async def test_a_callback_fails_as_with_oss_and_nobody_is_called(
    armed: ArmedOss, call_back: Any, received: list[str], do: dict[str, Any], message: str, ec: str
) -> None:
    oss = await armed(do, leg="callback")
    response = await call_back(oss, "a")
    assert (response.status, response.code, response.message) == (203, "CallbackFailed", message)
    assert response.xml.findtext("EC") == response.headers["x-oss-ec"] == ec
    assert response.headers["etag"]
    assert (await oss.get("a")).body == b"1"
    assert received == []
    (record,) = json.loads((await oss.request("GET", "/_emulator/callbacks")).body)["callbacks"]
    (attempt,) = record["attempts"]
    assert (attempt["fault"], attempt["response"], attempt["address"]) == ("fault-1", None, None)
    assert attempt["error"] == record["message"] == message
    assert "was not called" in record["hint"]
    assert "The fault 'fault-1' did this on demand" in response.headers["x-emulator-hint"]


async def test_a_callback_that_failed_once_goes_to_the_next_url(armed: ArmedOss, call_back: Any) -> None:
    oss = await armed({"callback": "refused"}, leg="callback", times=1)
    assert (await call_back(oss, "a", urls=2)).body == b'{"Status":"OK"}'


async def test_too_many_callbacks_try_no_other_url(armed: ArmedOss, call_back: Any, received: list[str]) -> None:
    oss = await armed({"callback": "too-many"}, leg="callback", times=1)
    assert (await call_back(oss, "a", urls=2)).message == "Too many callback requests."
    assert received == []


async def test_a_delay_of_a_callback_counts_against_its_time(make_oss: MakeOss, config: Any, call_back: Any) -> None:
    oss = await make_oss(
        callback=type(config.callback)(timeout_seconds=0.2), faults=(rule({"delay_seconds": 60}, leg="callback"),)
    )
    response = await call_back(oss, "a")
    assert response.message == "Cost too long time."
    assert "The fault 'fault-1'" in response.headers["x-emulator-hint"]


async def test_a_callback_that_is_only_delayed_arrives(armed: ArmedOss, call_back: Any, received: list[str]) -> None:
    oss = await armed({"delay_seconds": 0.01}, leg="callback", object="*")
    assert (await call_back(oss, "a")).body == b'{"Status":"OK"}'
    assert len(received) == 1


@pytest.fixture
def received(call_back: Any) -> list[str]:
    """What the application server was called with."""
    return call_back.received


@pytest.fixture
async def call_back() -> Any:
    """Uploads with a callback to an application server that says OK."""
    async with ApplicationServer() as server:

        def callback(urls: int = 1) -> str:
            url = ";".join(server.url(f"/cb{number}") for number in range(urls))
            return encode({"callbackUrl": url, "callbackBody": "a=${object}"})

        async def upload(oss: OssClient, key: str, urls: int = 1) -> Response:
            return await oss.put(key, "1", x_oss_callback=callback(urls))

        upload.received = server.requests  # type: ignore[attr-defined]
        upload.callback = callback  # type: ignore[attr-defined]
        yield upload
