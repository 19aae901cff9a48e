"""The built-in callback receiver."""

import json
import time

import pytest

from emulator.callback.signature import Signer, string_to_sign

RECEIVER = "/_emulator/receiver"
BODY = b"bucket=examplebucket&object=a"


async def signed(oss, target: str, body: bytes) -> dict[str, str]:
    """The header that a callback of this emulator has."""
    await oss.request("GET", "/_emulator/callback_pub_key.pem")  # makes the key at the latest
    signer = Signer(oss.emulator.data_dir / "callback_key.pem")
    return {"Authorization": await signer.sign(string_to_sign(target, body))}


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(RECEIVER, id="plain"),
        pytest.param(f"{RECEIVER}/a/b", id="below"),
        pytest.param(f"{RECEIVER}/%E4%B8%AD+1?id=%41&x=a+b&flag", id="encoded path, raw query"),
    ],
)
async def test_a_rightly_signed_callback_is_answered_ok(oss, target):
    response = await oss.request("POST", target, headers=await signed(oss, target, BODY), body=BODY)
    assert response.status == 200
    assert response.body == b'{"Status":"OK"}'
    assert response.headers["content-length"] == "15"
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("target", "body"),
    [
        pytest.param(f"{RECEIVER}?id=2", BODY, id="another query"),
        pytest.param(f"{RECEIVER}/other?id=1", BODY, id="another path"),
        pytest.param(f"{RECEIVER}?id=1", BODY + b"\n", id="another body"),
    ],
)
async def test_a_wrongly_signed_callback_is_refused_with_the_string_to_sign(oss, target, body):
    headers = await signed(oss, f"{RECEIVER}?id=1", BODY)
    response = await oss.request("POST", target, headers=headers, body=body)
    answer = json.loads(response.body)
    assert response.status == 400
    assert answer["error"] == "The callback signature is wrong."
    assert repr(string_to_sign(target, body).decode()) in answer["hint"]


@pytest.mark.parametrize("authorization", ["", "nonsense", "OSS id:sig"])
async def test_a_callback_without_a_signature_is_refused(oss, authorization):
    response = await oss.request("POST", RECEIVER, headers={"Authorization": authorization}, body=BODY)
    assert response.status == 400
    assert set(json.loads(response.body)) == {"error", "hint"}


async def test_a_browser_is_told_what_this_is(oss):
    response = await oss.request("GET", RECEIVER)
    assert response.status == 400
    assert "callbackUrl" in json.loads(response.body)["hint"]


async def test_it_misbehaves_when_asked_to(oss):
    target = f"{RECEIVER}?status=503&body=oops%21&delay=0.05"
    headers = await signed(oss, target, BODY)
    started = time.monotonic()
    response = await oss.request("POST", target, headers=headers, body=BODY)
    assert (response.status, response.body) == (503, b"oops!")
    assert time.monotonic() - started >= 0.05


@pytest.mark.parametrize(
    "query", ["status=99", "status=600", "status=abc", "delay=-1", "delay=61", "delay=nan", "delay=x"]
)
async def test_misbehaviour_that_makes_no_sense_is_refused(oss, query):
    target = f"{RECEIVER}?{query}"
    response = await oss.request("POST", target, headers=await signed(oss, target, BODY), body=BODY)
    assert response.status == 400
    assert query.partition("=")[0] in json.loads(response.body)["error"]


async def test_a_callback_that_is_too_long_is_refused_in_json(oss):
    response = await oss.request("POST", RECEIVER, headers={"Content-Length": str(2 * 1024 * 1024)}, body=b"")
    assert response.status == 400
    assert set(json.loads(response.body)) == {"error", "hint"}


async def test_other_host_names_are_fine_for_application_servers(oss):
    headers = {"Host": "app.example.com", **await signed(oss, RECEIVER, BODY)}
    assert (await oss.request("POST", RECEIVER, headers=headers, body=BODY)).status == 200
