"""The callback records over HTTP."""

import base64
import json
from urllib.parse import quote

import pytest


async def upload(oss, key: str, query: str = "") -> str:
    """Upload with a callback to the built-in receiver; the request id."""
    fields = {"callbackUrl": f"{oss.endpoint}/_emulator/receiver{query}", "callbackBody": "object=${object}"}
    callback = base64.b64encode(json.dumps(fields).encode()).decode()
    response = await oss.put(quote(key), key, x_oss_callback=callback)
    return response.headers["x-oss-request-id"]


async def listed(oss, query: str = "") -> list[str]:
    response = await oss.request("GET", f"/_emulator/callbacks{query}")
    assert response.status == 200
    return [record["object"] for record in json.loads(response.body)["callbacks"]]


async def test_list_gives_records_oldest_first_and_filters_them(oss):
    await upload(oss, "a")
    second = await upload(oss, "b c", "?status=500")
    await upload(oss, "d")
    assert await listed(oss) == ["a", "b c", "d"]
    assert await listed(oss, "?object=b+c") == ["b c"]
    assert await listed(oss, "?outcome=success") == ["a", "d"]
    assert await listed(oss, "?outcome=failed") == ["b c"]
    assert await listed(oss, "?bucket=examplebucket&limit=2") == ["a", "b c"]
    assert await listed(oss, "?bucket=photos") == []
    assert await listed(oss, f"?after={second}") == ["d"]


async def test_list_says_how_many_records_had_to_go(make_oss, config):
    oss = await make_oss(limits=type(config.limits)(records=2))
    for key in "abc":
        await upload(oss, key)
    answer = json.loads((await oss.request("GET", "/_emulator/callbacks")).body)
    assert [record["object"] for record in answer["callbacks"]] == ["b", "c"]
    assert answer["evicted"] == 1


async def test_show_gives_the_record_of_an_upload(oss):
    request_id = await upload(oss, "a")
    response = await oss.request("GET", f"/_emulator/callbacks/{request_id}")
    record = json.loads(response.body)
    assert response.status == 200
    assert record["id"] == request_id
    assert record["body"] == "object=a"
    assert record["outcome"] == "success"
    assert record["attempts"][0]["request"]["line"] == "POST /_emulator/receiver HTTP/1.1"
    assert record["attempts"][0]["response"]["body"] == '{"Status":"OK"}'


async def test_show_of_an_unknown_id_answers_404(oss):
    response = await oss.request("GET", "/_emulator/callbacks/000000000000000000000000")
    assert response.status == 404
    assert "x-oss-request-id" in json.loads(response.body)["hint"]


async def test_delete_forgets_the_records_and_leaves_the_objects(oss):
    await upload(oss, "a")
    assert (await oss.request("DELETE", "/_emulator/callbacks")).status == 204
    assert await listed(oss) == []
    assert (await oss.get("a")).status == 200


@pytest.mark.parametrize(
    "query",
    ["?limit=0", "?limit=1001", "?limit=ten", "?limit=-1", "?limit=", "?limit=99999999999", "?outcome=ok", "?key=a"],
)
async def test_a_filter_that_makes_no_sense_answers_400(oss, query):
    response = await oss.request("GET", f"/_emulator/callbacks{query}")
    assert response.status == 400
    assert set(json.loads(response.body)) == {"error", "hint"}
