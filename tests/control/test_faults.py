"""Failures on demand over HTTP and in the configuration."""

import json
from pathlib import Path
from typing import Any

import pytest

from emulator import Emulator
from emulator.config import Config, ConfigError
from emulator.configure import load
from tests.client import OssClient, Response


async def arm(oss: OssClient, rule: Any) -> Response:
    return await oss.request("POST", "/_emulator/faults", body=rule if isinstance(rule, str) else json.dumps(rule))


async def listed(oss: OssClient) -> list[dict[str, Any]]:
    return json.loads((await oss.request("GET", "/_emulator/faults")).body)["faults"]


async def test_an_armed_fault_acts_and_is_counted(oss: OssClient) -> None:
    response = await arm(oss, {"on": {"operation": "PutObject", "times": 1}, "do": {"error": "InternalError"}})
    assert response.status == 201
    fault = json.loads(response.body)
    assert (fault["id"], fault["met"], fault["acted"]) == ("fault-1", 0, 0)
    assert [(await oss.put("a")).status for _ in range(2)] == [500, 200]
    (fault,) = await listed(oss)
    assert (fault["met"], fault["acted"]) == (2, 1)
    assert fault["on"] == {"operation": "PutObject", "times": 1}
    assert fault["do"] == {"error": "InternalError"}


async def test_a_fault_of_the_same_id_takes_the_place_of_the_other(oss: OssClient) -> None:
    for rule in ({"id": "a", "do": {"status": 500}}, {"id": "b", "do": {"status": 501}}):
        await arm(oss, rule)
    await arm(oss, {"id": "a", "do": {"status": 502}})
    assert [(fault["id"], fault["do"]["status"]) for fault in await listed(oss)] == [("a", 502), ("b", 501)]
    assert (await oss.put("a")).status == 502


async def test_faults_are_disarmed_one_by_one_or_all_at_once(oss: OssClient) -> None:
    for name in "abc":
        await arm(oss, {"id": name, "do": {"status": 500}})
    assert json.loads((await oss.request("GET", "/_emulator/faults/b")).body)["id"] == "b"
    assert (await oss.request("DELETE", "/_emulator/faults/b")).status == 204
    assert [fault["id"] for fault in await listed(oss)] == ["a", "c"]
    for method in ("GET", "DELETE"):
        response = await oss.request(method, "/_emulator/faults/b")
        assert response.status == 404
        assert "a, c" in json.loads(response.body)["hint"]
    assert (await oss.request("DELETE", "/_emulator/faults")).status == 204
    assert await listed(oss) == []
    assert (await oss.put("a")).status == 200


async def test_reset_brings_the_configured_faults_back(make_oss: Any, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("faults: [{id: busy, on: {times: 1}, do: {error: ServiceUnavailable}}]")
    oss = await make_oss(faults=load(file, {}, {}).faults)
    await arm(oss, {"do": {"delay_seconds": 0.001}})
    assert (await oss.put("a")).status == 503
    await oss.request("POST", "/_emulator/reset")
    assert [(fault["id"], fault["acted"]) for fault in await listed(oss)] == [("busy", 0)]


MISTAKES = [
    pytest.param({"do": {}}, "do: says nothing to do", id="nothing to do"),
    pytest.param({"on": {}}, "object missing required field do", id="no do"),
    pytest.param({"do": {"status": 200}}, "do.status: expected 400 to 599, got 200", id="success"),
    pytest.param({"do": {"status": 99}}, "do.status: expected whole number >= 200", id="no status"),
    pytest.param({"do": {"eror": "x"}}, "do: no such key: eror", id="unknown key"),
    pytest.param(
        {"do": {"error": "NoSuchKy"}}, "do.error: no such Code: 'NoSuchKy'; did you mean NoSuchKey?", id="Code"
    ),
    pytest.param({"do": {"error": "CallbackFailed"}}, "do.error: CallbackFailed is no error of a request", id="203"),
    pytest.param({"do": {"callback": "dns"}}, "do.callback: is for on.leg callback", id="callback on the request"),
    pytest.param(
        {"on": {"leg": "callback"}, "do": {"cut": "before"}},
        "do.cut: cannot be done to a callback",
        id="cut of callback",
    ),
    pytest.param(
        {"on": {"leg": "callback"}, "do": {"status": 200}}, "do.status: 200 is no failure", id="callback succeeds"
    ),
    pytest.param(
        {"do": {"error": "NoSuchKey", "status": 500}}, "do: error and status exclude each other", id="two answers"
    ),
    pytest.param({"do": {"cut": "mid"}}, "do.cut: expected one of before, after-store, mid-body", id="cut"),
    pytest.param({"on": {"share": 0}, "do": {"status": 500}}, "on.share: expected number > 0", id="share of nothing"),
    pytest.param({"on": {"nth": 0}, "do": {"status": 500}}, "on.nth: expected whole number >= 1", id="the nought-th"),
    pytest.param({"id": "a/b", "do": {"status": 500}}, "id: expected 1 to 64 letters", id="id"),
    pytest.param(
        {"on": {"operation": "PutObjct"}, "do": {"status": 500}},
        "on.operation: no such operation: 'PutObjct'; did you mean PutObject?",
        id="operation",
    ),
]


@pytest.mark.parametrize(("rule", "message"), MISTAKES)
async def test_a_rule_with_a_mistake_answers_400_in_one_line_with_its_path(
    oss: OssClient, rule: dict[str, Any], message: str
) -> None:
    response = await arm(oss, rule)
    answer = json.loads(response.body)
    assert response.status == 400
    assert answer["error"].startswith(message)
    assert "\n" not in answer["error"]
    assert "ServiceUnavailable" in answer["hint"]
    assert await listed(oss) == []


@pytest.mark.parametrize(("rule", "message"), MISTAKES)
def test_a_rule_with_a_mistake_stops_the_start(rule: dict[str, Any], message: str, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("faults: " + json.dumps([{"do": {"status": 500}}, rule]))
    with pytest.raises(ConfigError) as caught:
        Emulator(load(file, {}, {}))
    assert str(caught.value).startswith("faults[1]")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_configured_rules_have_two_ids(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("faults: [{id: a, do: {status: 500}}, {id: a, do: {status: 500}}]")
    with pytest.raises(ConfigError, match=r"^faults\[1\]\.id: a is in the list already"):
        load(file, {}, {})


@pytest.mark.parametrize("body", ["", "{", "[" * 5000, "[]", "1", "null", '"x"', "\xff"])
async def test_what_is_no_rule_answers_400(oss: OssClient, body: str) -> None:
    response = await arm(oss, body)
    assert response.status == 400
    assert set(json.loads(response.body)) == {"error", "hint"}


async def test_faults_are_not_for_foreign_pages(oss: OssClient) -> None:
    for method in ("GET", "POST", "DELETE"):
        response = await oss.request(method, "/_emulator/faults", headers={"Origin": "http://evil.example.com"})
        assert response.status == 403


def test_without_configuration_there_are_no_faults() -> None:
    assert Config().faults == ()
