"""Time and chance over HTTP, and what they rule."""

import asyncio
import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

import pytest

from emulator.config import Auth
from tests.callback.application import ApplicationServer, encode
from tests.client import OssClient


async def put(oss: OssClient, endpoint: str, **fields: Any) -> dict[str, Any]:
    response = await oss.request("PUT", f"/_emulator/{endpoint}", body=json.dumps(fields))
    assert response.status == 200, response.body
    return json.loads(response.body)


async def test_the_clock_can_be_set_moved_stopped_and_let_go(oss: OssClient) -> None:
    assert (await put(oss, "clock", now="2030-01-01T08:00:00+08:00", frozen=True))["now"] == "2030-01-01T00:00:00.000Z"
    assert (await put(oss, "clock", step_seconds=1.5))["now"] == "2030-01-01T00:00:01.500Z"
    state = json.loads((await oss.request("GET", "/_emulator/clock")).body)
    assert (state["now"], state["frozen"]) == ("2030-01-01T00:00:01.500Z", True)
    assert (await put(oss, "clock", frozen=False))["now"].startswith("2030-01-01T00:00:0")
    state = await put(oss, "clock")
    assert (state["frozen"], state["offset_seconds"]) == (False, 0)
    assert abs((datetime.now(UTC) - datetime.fromisoformat(state["now"])).total_seconds()) < 5


async def test_the_clock_rules_what_answers_say(oss: OssClient) -> None:
    await put(oss, "clock", now="2030-01-01T00:00:00Z", frozen=True)
    await oss.put("a", "1")
    await put(oss, "clock", step_seconds=60)
    response = await oss.get("a")
    assert response.headers["last-modified"] == "Tue, 01 Jan 2030 00:00:00 GMT"
    assert response.headers["date"] == "Tue, 01 Jan 2030 00:01:00 GMT"
    assert response.headers["x-oss-request-id"][:8] == f"{int(datetime(2030, 1, 1, 0, 1, tzinfo=UTC).timestamp()):08X}"


def signed(key: str, expires: int) -> str:
    """A V1 URL of a GET."""
    string = f"GET\n\n\n{expires}\n/examplebucket/{key}"
    signature = base64.b64encode(hmac.new(b"emulator-secret", string.encode(), hashlib.sha1).digest()).decode()
    return f"/examplebucket/{key}?OSSAccessKeyId=emulator&Expires={expires}&Signature={quote(signature, '')}"


async def test_the_clock_rules_when_a_signed_url_ends(make_oss: Any) -> None:
    oss = await make_oss(auth=Auth())
    await put(oss, "clock", now="2030-01-01T00:00:00Z", frozen=True)
    url = signed("a", int(datetime(2030, 1, 1, 0, 1, tzinfo=UTC).timestamp()))
    assert (await oss.request("GET", url)).code == "NoSuchKey"
    await put(oss, "clock", step_seconds=61)
    assert (await oss.request("GET", url)).code == "AccessDenied"


async def test_the_clock_rules_how_far_a_signature_s_date_may_be_off(make_oss: Any) -> None:
    oss = await make_oss(auth=Auth())
    date = format_datetime(datetime(2030, 1, 1, tzinfo=UTC), usegmt=True)
    signature = base64.b64encode(hmac.new(b"emulator-secret", f"GET\n\n\n{date}\n/".encode(), hashlib.sha1).digest())
    headers = {"Date": date, "Authorization": f"OSS emulator:{signature.decode()}"}
    assert (await oss.request("GET", "/", headers=headers)).code == "RequestTimeTooSkewed"
    await put(oss, "clock", now="2030-01-01T00:10:00Z")
    assert (await oss.request("GET", "/", headers=headers)).status == 200


async def test_stepping_over_the_time_limit_ends_a_callback_in_flight(oss: OssClient) -> None:
    async with ApplicationServer() as server:
        server.is_silent = True
        callback = encode({"callbackUrl": server.url(), "callbackBody": "a"})
        uploading = asyncio.create_task(oss.put("a", "1", x_oss_callback=callback))
        await asyncio.wait_for(server.received.wait(), 5)
        started = asyncio.get_running_loop().time()
        await put(oss, "clock", step_seconds=6)
        response = await asyncio.wait_for(uploading, 5)
        assert (response.status, response.message) == (203, "Cost too long time.")
        assert asyncio.get_running_loop().time() - started < 3


@pytest.mark.parametrize(
    "body",
    [
        '{"now": "2030-01-01"}',
        '{"now": "2030-01-01T00:00:00"}',
        '{"now": "1900-01-01T00:00:00Z"}',
        '{"step_seconds": "1"}',
        '{"step_seconds": 1e300}',
        '{"now": "2030-01-01T00:00:00Z", "step_seconds": 1}',
        '{"frozen": 1}',
        '{"freeze": true}',
        "",
        "[]",
    ],
)
async def test_a_time_that_makes_no_sense_answers_400_and_changes_nothing(oss: OssClient, body: str) -> None:
    response = await oss.request("PUT", "/_emulator/clock", body=body)
    assert response.status == 400
    assert set(json.loads(response.body)) == {"error", "hint"}
    assert json.loads((await oss.request("GET", "/_emulator/clock")).body)["offset_seconds"] == 0


async def test_seeded_ids_repeat_while_the_clock_stands(oss: OssClient) -> None:

    async def ids() -> list[str]:
        await oss.request("POST", "/_emulator/reset")
        await put(oss, "clock", now="2030-01-01T00:00:00Z", frozen=True)
        await put(oss, "ids", seed=7)
        upload = await oss.request("POST", "/examplebucket/a?uploads")
        return [upload.headers["x-oss-request-id"], *upload.texts("UploadId")]

    first = await ids()
    assert len(first) == 2
    assert await ids() == first
    await put(oss, "ids")
    assert (await oss.get("a")).headers["x-oss-request-id"] not in first


async def test_the_same_seed_twice_gives_no_upload_the_id_of_another(oss: OssClient) -> None:
    await put(oss, "clock", now="2030-01-01T00:00:00Z", frozen=True)
    ids = []
    for key in ("a", "a", "b"):
        await put(oss, "ids", seed=7)
        ids += (await oss.request("POST", f"/examplebucket/{key}?uploads")).texts("UploadId")
    assert len(set(ids)) == 3


async def test_reset_lets_clock_and_ids_go(oss: OssClient) -> None:
    await put(oss, "clock", now="2030-01-01T00:00:00Z", frozen=True)
    await oss.request("POST", "/_emulator/reset")
    state = json.loads((await oss.request("GET", "/_emulator/clock")).body)
    assert (state["frozen"], state["offset_seconds"]) == (False, 0)
