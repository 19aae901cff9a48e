"""The last requests over HTTP."""

import json

import pytest

from emulator.config import Auth, Limits
from tests.client import Connection


async def listed(oss, query: str = "") -> list[dict]:
    response = await oss.request("GET", f"/_emulator/requests{query}")
    assert response.status == 200, response.body
    return json.loads(response.body)["requests"]


async def test_a_request_is_recorded_with_what_it_was_and_what_was_answered(make_oss, clock):
    oss = await make_oss(clock)
    response = await oss.request("PUT", "/examplebucket/dir/a%20b?x=1", body="1")
    (record,) = await listed(oss)
    assert record.pop("milliseconds") > 0
    assert record == {
        "id": response.headers["x-oss-request-id"],
        "time": "2024-06-01T12:00:00.000Z",
        "method": "PUT",
        "target": "/examplebucket/dir/a%20b?x=1",
        "operation": "PutObject",
        "bucket": "examplebucket",
        "object": "dir/a b",
        "status": 200,
        "code": "",
        "ec": "",
        "hint": "",
        "client": "127.0.0.1",
        "principal": "",
    }


async def test_a_refusal_is_recorded_with_code_ec_and_the_hint_in_plain_text(oss):
    await oss.put("%E6%B5%8B%E8%AF%95", "1")
    await oss.get("%25E6%25B5%258B%25E8%25AF%2595")
    put, get = await listed(oss)
    assert (put["status"], put["code"]) == (200, "")
    assert (get["operation"], get["status"], get["code"]) == ("GetObject", 404, "NoSuchKey")
    assert get["ec"] == "0026-00000001"
    assert "测试" in get["hint"]


async def test_who_asked_is_recorded(make_oss, clock):
    oss = await make_oss(clock)
    await oss.get("a", Authorization="OSS emulator:c2lnbmF0dXJl", Date="Sat, 01 Jun 2024 12:00:00 GMT")
    (record,) = await listed(oss)
    assert record["principal"] == "emulator"


async def test_who_could_not_prove_who_they_are_is_nobody(make_oss):
    oss = await make_oss(auth=Auth())
    await oss.get("a", Authorization="OSS emulator:c2lnbmF0dXJl", Date="Sat, 01 Jun 2024 12:00:00 GMT")
    (record,) = await listed(oss)
    assert (record["operation"], record["status"], record["principal"]) == ("GetObject", 403, "")


async def test_a_missing_bucket_does_not_hide_the_operation(oss):
    await oss.request("GET", "/photos/a")
    (record,) = await listed(oss)
    assert (record["operation"], record["bucket"], record["code"]) == ("GetObject", "photos", "NoSuchBucket")


async def test_what_is_not_emulated_is_recorded_under_its_name(oss):
    await oss.request("GET", "/examplebucket?replication")
    (record,) = await listed(oss)
    assert (record["status"], record["code"], record["operation"]) == (501, "NotImplemented", "GetBucketReplication")


async def test_signatures_and_tokens_are_not_told(oss):
    await oss.request(
        "GET",
        "/examplebucket/a?OSSAccessKeyId=emulator&Expires=1&%53ignature=abc%3D&security-token=t&x-oss-signature=d&y=z",
    )
    (record,) = await listed(oss)
    assert record["target"] == (
        "/examplebucket/a?OSSAccessKeyId=emulator&Expires=1&%53ignature=***&security-token=***&x-oss-signature=***&y=z"
    )


async def test_what_is_no_http_is_recorded_too(oss):
    async with await Connection.open(oss.endpoint) as connection:
        await connection.send(b"NONSENSE\r\n\r\n")
        await connection.receive()
    (record,) = await listed(oss)
    assert (record["method"], record["operation"], record["status"], record["code"]) == ("", "", 400, "BadRequest")
    assert record["hint"]


async def test_bytes_that_are_not_utf_8_do_not_break_the_list(oss):
    await oss.request("GET", "/examplebucket/%FF")
    (record,) = await listed(oss)
    assert record["object"] == "\\udcff"
    assert record["code"] == "InvalidObjectName"


async def test_a_long_target_is_cut_and_says_so(oss):
    await oss.request("GET", "/examplebucket/" + "a" * 60_000)
    (record,) = await listed(oss)
    assert len(record["target"]) < 5000
    assert record["target"].endswith("aaa ...")


async def test_the_emulator_s_own_endpoints_are_not_recorded(oss):
    await oss.request("GET", "/_emulator/health")
    await oss.request("GET", "/_emulator/requests")
    await oss.request("GET", "/_emulator/nothing")
    assert await listed(oss) == []


async def test_list_gives_the_last_ones_oldest_first_and_filters_them(oss):
    ids = {}
    for key in "abc":
        ids[key] = (await oss.put(key, "1")).headers["x-oss-request-id"]
    await oss.get("b")
    await oss.get("nothing")
    await oss.request("GET", "/photos/a")

    async def keys(query: str) -> list[str]:
        return [record["object"] for record in await listed(oss, query)]

    assert await keys("") == ["a", "b", "c", "b", "nothing", "a"]
    assert await keys("?limit=2") == ["nothing", "a"]
    assert await keys("?operation=PutObject") == ["a", "b", "c"]
    assert await keys("?operation=PutObject&limit=2") == ["b", "c"]
    assert await keys("?object=b") == ["b", "b"]
    assert await keys("?bucket=photos") == ["a"]
    assert await keys("?status=404") == ["nothing", "a"]
    assert await keys("?code=NoSuchKey") == ["nothing"]
    assert await keys(f"?after={ids['b']}") == ["c", "b", "nothing", "a"]
    assert await keys(f"?after={ids['a']}&limit=2") == ["b", "c"]
    assert await keys("?after=unknown&limit=2") == ["a", "b"]


async def test_list_says_how_many_requests_had_to_go(make_oss):
    oss = await make_oss(limits=Limits(records=2))
    for key in "abc":
        await oss.get(key)
    answer = json.loads((await oss.request("GET", "/_emulator/requests")).body)
    assert [record["object"] for record in answer["requests"]] == ["b", "c"]
    assert answer["evicted"] == 1


async def test_reset_forgets_requests(make_oss):
    oss = await make_oss(limits=Limits(records=1))
    await oss.get("a")
    await oss.get("b")
    await oss.request("POST", "/_emulator/reset")
    assert json.loads((await oss.request("GET", "/_emulator/requests")).body) == {"requests": [], "evicted": 0}


@pytest.mark.parametrize(
    "query", ["?limit=0", "?limit=1001", "?status=ok", "?status=600", "?status=", "?outcome=failed"]
)
async def test_a_filter_that_makes_no_sense_answers_400(oss, query):
    response = await oss.request("GET", f"/_emulator/requests{query}")
    assert response.status == 400
    assert set(json.loads(response.body)) == {"error", "hint"}
