"""Callbacks that are sent again."""

import json
from urllib.parse import quote

import pytest

from emulator.config import Callback
from tests.control.test_callbacks import upload


async def replay(oss, record_id: str, query: str = "") -> dict:
    response = await oss.request("POST", f"/_emulator/callbacks/{record_id}/replay{query}")
    assert response.status == 200, response.body
    record = json.loads(response.body)
    assert record["id"] == response.headers["x-oss-request-id"]
    return record


async def shown(oss, record_id: str) -> dict:
    return json.loads((await oss.request("GET", f"/_emulator/callbacks/{record_id}")).body)


async def test_a_replay_is_a_record_of_its_own_and_says_of_what(oss):
    first = await upload(oss, "a")
    again = await replay(oss, first)
    original = await shown(oss, first)
    assert original["replay_of"] is None
    assert (again["replay_of"], again["outcome"], again["status"]) == (first, "success", 200)
    assert await shown(oss, again["id"]) == again
    for same in ("operation", "bucket", "object", "callback", "variables", "body", "string_to_sign"):
        assert again[same] == original[same]
    assert (await replay(oss, again["id"]))["replay_of"] == again["id"]


async def test_a_replay_goes_where_it_is_sent(oss):
    failed = await upload(oss, "a", "?status=500")
    assert (await replay(oss, failed))["outcome"] == "failed"
    to = f"{oss.endpoint}/_emulator/receiver/elsewhere?x=1"  # the receiver checks the signature
    again = await replay(oss, failed, f"?to={quote(to, safe='')}")
    assert again["outcome"] == "success"
    assert [attempt["url"] for attempt in again["attempts"]] == [to]
    assert again["callback"] == (await shown(oss, failed))["callback"]


async def test_a_replay_needs_neither_the_object_nor_the_bucket(oss):
    first = await upload(oss, "a")
    await oss.request("DELETE", "/examplebucket/a")
    await oss.request("DELETE", "/examplebucket")
    assert (await replay(oss, first))["body"] == "object=a"


async def test_a_record_survives_a_restart_and_can_be_sent_again(make_oss):
    oss = await make_oss()
    first = await upload(oss, "a")
    await oss.emulator.stop()
    oss = await make_oss()
    to = quote(f"{oss.endpoint}/_emulator/receiver", safe="")
    assert (await replay(oss, first, f"?to={to}"))["outcome"] == "success"


async def test_what_the_settings_of_today_forbid_is_not_sent(make_oss):
    oss = await make_oss()
    first = await upload(oss, "a")
    await oss.emulator.stop()
    oss = await make_oss(callback=Callback(forbid_private_addresses=True))
    response = await oss.request("POST", f"/_emulator/callbacks/{first}/replay")
    assert response.status == 400
    answer = json.loads(response.body)
    assert set(answer) == {"error", "hint"}
    assert "127.0.0.1" in answer["hint"]
    assert len(json.loads((await oss.request("GET", "/_emulator/callbacks")).body)["callbacks"]) == 1


@pytest.mark.parametrize(
    ("record_id", "query", "status"),
    [
        pytest.param("000000000000000000000000", "", 404, id="no such record"),
        pytest.param(None, "?to=ftp://127.0.0.1/", 400, id="another scheme"),
        pytest.param(None, "?to=", 400, id="an empty URL"),
        pytest.param(None, "?url=http://127.0.0.1/", 400, id="another parameter"),
    ],
)
async def test_what_cannot_be_sent_again_is_refused(oss, record_id, query, status):
    record_id = record_id or await upload(oss, "a")
    response = await oss.request("POST", f"/_emulator/callbacks/{record_id}/replay{query}")
    assert response.status == status
    assert set(json.loads(response.body)) == {"error", "hint"}


async def test_replay_is_a_post(oss):
    response = await oss.request("GET", f"/_emulator/callbacks/{await upload(oss, 'a')}/replay")
    assert (response.status, response.headers["allow"]) == (405, "POST")
