"""Which endpoints there are, and what they answer."""

import base64
import json
import logging

import pytest

from emulator import __version__
from emulator.callback.signature import verify
from emulator.config import Auth, Server

FOREIGN = {"Host": "evil.example.com"}


def callback_to(url: str, body: str = "object=${object}") -> dict[str, str]:
    text = json.dumps({"callbackUrl": url, "callbackBody": body})
    return {"x_oss_callback": base64.b64encode(text.encode()).decode()}


async def test_health_says_who_answers_and_where(oss):
    response = await oss.request("GET", "/_emulator/health")
    assert response.status == 200
    assert response.headers["content-type"] == "application/json"
    assert json.loads(response.body) == {"status": "ok", "version": __version__, "endpoint": oss.endpoint}


async def test_head_is_as_get_without_the_body(oss):
    response = await oss.request("HEAD", "/_emulator/health")
    assert response.status == 200
    assert int(response.headers["content-length"]) > 0


async def test_public_key_is_that_of_the_callbacks(oss):
    pem = (await oss.request("GET", "/_emulator/callback_pub_key.pem")).body
    assert pem.startswith(b"-----BEGIN PUBLIC KEY-----\n")
    await oss.put("a", "1", **callback_to(f"{oss.endpoint}/_emulator/receiver"))
    (record,) = json.loads((await oss.request("GET", "/_emulator/callbacks")).body)["callbacks"]
    headers = dict(record["attempts"][0]["request"]["headers"])
    assert verify(pem, record["string_to_sign"].encode(), headers["Authorization"])
    assert base64.b64decode(headers["x-oss-pub-key-url"]).decode() == f"{oss.endpoint}/_emulator/callback_pub_key.pem"


async def test_endpoints_need_no_signature(make_oss):
    oss = await make_oss(auth=Auth())
    for path in ("health", "callback_pub_key.pem", "callbacks"):
        assert (await oss.request("GET", f"/_emulator/{path}")).status == 200


@pytest.mark.parametrize("path", ["/_emulator", "/_emulator/", "/_emulator/nothing", "/_emulator/callbacks/a/b"])
async def test_unknown_endpoint_answers_404_and_names_those_there_are(oss, path):
    response = await oss.request("GET", path)
    answer = json.loads(response.body)
    assert response.status == 404
    assert set(answer) == {"error", "hint"}
    assert "/_emulator/health" in answer["hint"]
    assert "/_emulator/callbacks/{id}" in answer["hint"]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        pytest.param("POST", "health", "GET, HEAD", id="health"),
        pytest.param("PUT", "callbacks", "DELETE, GET, HEAD", id="callbacks"),
        pytest.param("DELETE", "callbacks/x", "GET, HEAD", id="one callback"),
        pytest.param("GET", "reset", "POST", id="reset"),
        pytest.param("GET", "adopt", "POST", id="adopt"),
    ],
)
async def test_wrong_method_answers_405_and_names_the_right_ones(oss, method, path, allow):
    response = await oss.request(method, f"/_emulator/{path}")
    assert response.status == 405
    assert response.headers["allow"] == allow
    assert set(json.loads(response.body)) == {"error", "hint"}


async def test_refusal_is_one_line_of_the_log_with_the_request_id(oss, caplog):
    caplog.set_level(logging.INFO, "emulator.control")
    response = await oss.request("GET", "/_emulator/nothing")
    line = f"{response.headers['x-oss-request-id']} GET /_emulator/nothing -> 404 There is no endpoint"
    assert [record.getMessage().startswith(line) for record in caplog.records] == [True]


async def test_adopt_makes_objects_of_dropped_files(oss):
    folder = oss.emulator.data_dir / "buckets" / "examplebucket"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dropped.txt").write_text("dropped in")
    response = await oss.request("POST", "/_emulator/adopt")
    assert json.loads(response.body) == {"adopted": 1}
    assert (await oss.get("dropped.txt")).body == b"dropped in"


async def test_reset_takes_objects_and_records_away_and_brings_the_buckets_back(make_oss):
    oss = await make_oss(buckets=("examplebucket", "photos"))
    await oss.put("a", "1", **callback_to(f"{oss.endpoint}/_emulator/receiver"))
    assert (await oss.request("DELETE", "/photos")).status == 204
    assert (await oss.request("PUT", "/temporary")).status == 200

    assert (await oss.request("POST", "/_emulator/reset")).status == 204

    assert (await oss.get("a")).code == "NoSuchKey"
    names = (await oss.request("GET", "/")).texts(".//Bucket/Name")
    assert names == ["examplebucket", "photos"]
    assert json.loads((await oss.request("GET", "/_emulator/callbacks")).body) == {"callbacks": [], "evicted": 0}
    requests = json.loads((await oss.request("GET", "/_emulator/requests")).body)["requests"]
    assert [record["operation"] for record in requests] == ["GetObject", "ListBuckets"]  # those after the reset


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "callbacks"),
        ("DELETE", "callbacks"),
        ("GET", "callbacks/wait"),
        ("GET", "callbacks/x"),
        ("POST", "callbacks/x/replay"),
        ("GET", "requests"),
        ("GET", "events"),
        ("POST", "reset"),
        ("POST", "adopt"),
    ],
)
async def test_foreign_host_and_foreign_origin_are_refused(oss, method, path):
    for headers in (FOREIGN, {"Origin": "http://evil.example.com"}, {"Sec-Fetch-Site": "cross-site"}):
        response = await oss.request(method, f"/_emulator/{path}", headers=headers)
        assert response.status == 403
        assert set(json.loads(response.body)) == {"error", "hint"}


@pytest.mark.parametrize("path", ["callbacks", "requests", "callbacks/wait?timeout=0", "nothing"])
async def test_no_page_may_embed_an_answer(oss, path):
    headers = (await oss.request("GET", f"/_emulator/{path}")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("path", ["health", "callback_pub_key.pem"])
async def test_what_application_servers_fetch_is_open_to_every_host(oss, path):
    assert (await oss.request("GET", f"/_emulator/{path}", headers=FOREIGN)).status == 200


async def test_behind_a_bucket_s_own_host_the_path_is_a_key(make_oss):
    oss = await make_oss(server=Server(host="127.0.0.1", port=0, service_names=("oss.test",)))
    response = await oss.request("GET", "/_emulator/health", headers={"Host": "examplebucket.oss.test"})
    assert response.code == "NoSuchKey"
