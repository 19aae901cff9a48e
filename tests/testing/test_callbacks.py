"""Callbacks: waiting for records, judging them, and what is said when they are not as they should be."""

import threading
import time

import pytest

from emulator.testing import CallbackRecord, OssEmulator, Receiver


def upload(oss: OssEmulator, receiver: Receiver, *keys: str, body: str = "object=${object}&size=${size}") -> None:
    for key in keys:
        oss.client("oss2").put_object(key, b"hello", headers={"x-oss-callback": receiver.callback(body)})


def message(failure: pytest.ExceptionInfo[AssertionError]) -> list[str]:
    return [line.strip() for line in str(failure.value).split("\n")]


def test_wait_returns_as_soon_as_the_callback_is_there(oss: OssEmulator, oss_receiver: Receiver) -> None:
    uploading = threading.Timer(0.05, upload, (oss, oss_receiver, "other.txt", "a.txt"))
    started = time.monotonic()
    uploading.start()
    record = oss.callbacks.wait(object="a.txt", timeout=20)
    assert time.monotonic() - started < 10
    uploading.join()
    assert isinstance(record, CallbackRecord)
    assert record.form == {"object": "a.txt", "size": "5"}


def test_wait_for_several_gives_the_one_that_completes_them(oss: OssEmulator, oss_receiver: Receiver) -> None:
    upload(oss, oss_receiver, "1", "2", "3")
    assert oss.callbacks.wait(count=2).object == "2"
    with pytest.raises(AssertionError) as failure:
        oss.callbacks.wait(count=4, timeout=0)
    assert message(failure)[0] == "3 of 4 callbacks came within 0 s."


def test_filters_must_all_fit(oss: OssEmulator, oss_receiver: Receiver) -> None:
    upload(oss, oss_receiver, "good.txt")
    oss_receiver.answer(status=500)
    upload(oss, oss_receiver, "bad.txt")
    assert oss.callbacks.assert_once(outcome="failed").object == "bad.txt"
    assert oss.callbacks.assert_once(bucket=oss.bucket, outcome="success").object == "good.txt"
    oss.callbacks.assert_none(object="good.txt", outcome="failed")
    oss.callbacks.assert_none(bucket="other")


def test_what_does_not_come_is_told_with_the_nearest_first(oss: OssEmulator, oss_receiver: Receiver) -> None:
    upload(oss, oss_receiver, "zebra", "x/photo-1.jpg", *"abcdef")
    oss_receiver.answer(status=502)
    upload(oss, oss_receiver, "x/photo-2.jpg")
    with pytest.raises(AssertionError) as failure:
        oss.callbacks.wait(object="x/photo-2.jpg", outcome="success", timeout=0.01)
    lines = message(failure)
    assert lines[0] == "No callback with object='x/photo-2.jpg', outcome='success' came within 0.01 s."
    assert lines[1] == "The nearest 5 of 9:"
    assert lines[2].startswith("PutObject examplebucket/x/photo-1.jpg -> 200 success, sent to http://127.0.0.1:")
    assert lines[3].startswith("PutObject examplebucket/x/photo-2.jpg -> 203 failed")
    assert lines[4].startswith("'Error status : 502.'")


def test_an_object_without_a_callback_is_told(oss: OssEmulator) -> None:
    oss.client("oss2").put_object("a.txt", b"hello")
    with pytest.raises(AssertionError) as failure:
        oss.callbacks.assert_once(object="a.txt")
    assert message(failure) == [
        "A callback with object='a.txt' came not at all, not once.",
        "No callback is recorded at all.",
        "'a.txt' is in examplebucket: it came without a callback (header x-oss-callback, parameter callback).",
    ]


def test_twice_is_not_once_and_not_none(oss: OssEmulator, oss_receiver: Receiver) -> None:
    upload(oss, oss_receiver, "a", "a")
    with pytest.raises(AssertionError, match=r"A callback with object='a' came 2 times, not once\.\nRecorded:\n"):
        oss.callbacks.assert_once(object="a")
    with pytest.raises(AssertionError, match="There should be no callback: 2 callbacks"):
        oss.callbacks.assert_none()


def test_last_iteration_length_and_clear(oss: OssEmulator, oss_receiver: Receiver) -> None:
    with pytest.raises(AssertionError, match="There was no callback"):
        assert oss.callbacks.last
    upload(oss, oss_receiver, "a", "b")
    assert [record.object for record in oss.callbacks] == ["a", "b"]
    assert oss.callbacks.last.object == "b"
    assert len(oss.callbacks) == 2
    oss.callbacks.clear()
    oss.callbacks.assert_none()


def test_a_record_knows_its_body(oss: OssEmulator, oss_receiver: Receiver) -> None:
    upload(oss, oss_receiver, "测试 a", body="name=${object}&empty=&name=2")
    assert oss.callbacks.last.form == {"name": "2", "empty": ""}
    with pytest.raises(ValueError, match="Expecting value"):
        assert oss.callbacks.last.json
    callback = oss_receiver.callback('{"size":${size}}', callbackBodyType="application/json")
    oss.client("oss2").put_object("b", b"hello", headers={"x-oss-callback": callback})
    assert oss.callbacks.last.json == {"size": 5}


def test_a_body_that_was_cut_is_not_taken_for_the_whole() -> None:
    with OssEmulator(limits={"record_body_bytes": 4}) as oss:
        upload(oss, oss.receiver, "a")
        with pytest.raises(ValueError, match=r"limits\.record_body_bytes"):
            assert oss.callbacks.last.form


def test_evicted_records_are_not_taken_for_none() -> None:
    with OssEmulator(limits={"records": 2}) as oss:
        upload(oss, oss.receiver, "a", "b", "c")
        with pytest.raises(AssertionError, match=r"1 older callback record had to go.*limits\.records"):
            oss.callbacks.assert_none(object="a")
        with pytest.raises(AssertionError) as failure:
            oss.callbacks.wait(object="a", timeout=0)
        assert "1 older callback record had to go: it may have been one of them." in str(failure.value)
        assert "without a callback" not in str(failure.value)
        assert oss.callbacks.last.object == "c"
        oss.callbacks.clear()
        oss.callbacks.assert_none(object="a")


def test_waiting_for_more_than_are_kept_fails_at_once() -> None:
    with OssEmulator(limits={"records": 2}) as oss, pytest.raises(ValueError, match=r"count is 3.*limits\.records"):
        oss.callbacks.wait(count=3)


async def test_waiting_leaves_the_test_s_loop_running(oss: OssEmulator, oss_receiver: Receiver) -> None:
    with pytest.raises(AssertionError, match=r"No callback came within 0 s"):
        await oss.callbacks.wait_async(timeout=0)
    uploading = threading.Timer(0.01, upload, (oss, oss_receiver, "a"))
    uploading.start()
    assert (await oss.callbacks.wait_async(object="a")).object == "a"
    uploading.join()
