"""Receiver: the application server whose answers a test sets and whose requests it reads."""

import threading
import time
import urllib.request
from urllib.error import HTTPError

import pytest

from emulator.testing import Answer, OssEmulator, ReceivedRequest, Receiver


def upload(oss: OssEmulator, receiver: Receiver, body: str = "size=${size}") -> tuple[int, bytes]:
    result = oss.client("oss2").put_object("a.txt", b"hello", headers={"x-oss-callback": receiver.callback(body)})
    return result.status, result.resp.read()


def test_it_answers_ok_and_keeps_what_arrived(oss: OssEmulator, oss_receiver: Receiver) -> None:
    assert upload(oss, oss_receiver) == (200, b'{"Status":"OK"}')
    request = oss_receiver.last
    assert (request.method, request.target, request.text) == ("POST", "/callback", "size=5")
    assert request.form == {"size": "5"}
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.is_signed
    assert oss_receiver.requests == [request]


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        pytest.param({"a": [1, None]}, b'{"a": [1, null]}', id="JSON"),
        pytest.param('{"b":2}', b'{"b":2}', id="text"),
        pytest.param(b"[1]", b"[1]", id="bytes"),
    ],
)
def test_the_body_of_the_answer_is_set(oss: OssEmulator, oss_receiver: Receiver, body: object, sent: bytes) -> None:
    oss_receiver.answer(body=body, headers={"X-App": "1"})
    assert upload(oss, oss_receiver) == (200, sent)
    (attempt,) = oss.callbacks.last.attempts
    assert attempt.response is not None
    assert ("X-App", "1") in attempt.response.headers


def test_the_status_of_the_answer_is_set(oss: OssEmulator, oss_receiver: Receiver) -> None:
    oss_receiver.answer(status=500)
    assert upload(oss, oss_receiver)[0] == 203
    assert oss.callbacks.last.message == "Error status : 500."


def test_the_delay_of_the_answer_is_set() -> None:
    with OssEmulator(callback={"timeout_seconds": 0.1}) as oss:
        oss.receiver.answer(delay=60)
        started = time.monotonic()
        assert upload(oss, oss.receiver)[0] == 203
        assert oss.callbacks.last.outcome == "failed"
    assert time.monotonic() - started < 20  # nor does stopping wait for it


def test_a_function_answers_and_may_use_the_emulator(oss: OssEmulator, oss_receiver: Receiver) -> None:
    def second_time_lucky(request: ReceivedRequest) -> Answer:
        return Answer(status=503) if len(oss_receiver.requests) == 1 else Answer(body={"keys": oss.keys()})

    oss_receiver.answer_with(second_time_lucky)
    assert upload(oss, oss_receiver)[0] == 203
    assert upload(oss, oss_receiver) == (200, b'{"keys": ["a.txt"]}')


def test_json_is_read(oss: OssEmulator, oss_receiver: Receiver) -> None:
    callback = oss_receiver.callback('{"size":${size}}', callbackBodyType="application/json")
    oss.client("oss2").put_object("b", b"hello", headers={"x-oss-callback": callback})
    assert oss_receiver.last.json == {"size": 5}


@pytest.mark.parametrize("headers", [{}, {"Authorization": "bm8="}], ids=["none", "wrong"])
def test_what_the_emulator_has_not_signed_is_refused_and_kept(
    oss: OssEmulator, oss_receiver: Receiver, headers: dict[str, str]
) -> None:
    with pytest.raises(HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(oss_receiver.url, b"size=5", headers), timeout=10)
    refused.value.close()
    assert refused.value.code == 400
    assert not oss_receiver.last.is_signed


def test_waiting_for_requests(oss: OssEmulator, oss_receiver: Receiver) -> None:
    uploading = threading.Timer(0.01, upload, (oss, oss_receiver))
    uploading.start()
    assert oss_receiver.wait(timeout=20).form == {"size": "5"}
    uploading.join()
    with pytest.raises(AssertionError) as failure:
        oss_receiver.wait(count=2, timeout=0.01)
    first, second = str(failure.value).split("\n")
    assert first == "1 of 2 requests came to the receiver within 0.01 s."
    assert second == "  POST /callback b'size=5'"


async def test_waiting_leaves_the_test_s_loop_running(oss: OssEmulator, oss_receiver: Receiver) -> None:
    uploading = threading.Timer(0.01, upload, (oss, oss_receiver))
    uploading.start()
    assert (await oss_receiver.wait_async(timeout=20)).form == {"size": "5"}
    uploading.join()


def test_no_request_is_told(oss_receiver: Receiver) -> None:
    with pytest.raises(AssertionError, match="has had no request"):
        assert oss_receiver.last
