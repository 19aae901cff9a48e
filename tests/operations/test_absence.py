from urllib.parse import quote, unquote

import pytest

from tests.client import OssClient
from tests.conftest import MakeOss


@pytest.mark.parametrize(
    ("stored", "target", "hint"),
    [
        pytest.param("a+b", "/examplebucket/a+b", "encode a real one as %2B", id="plus"),
        pytest.param("a b", "/examplebucket/a%2520b", "percent-encoded twice", id="encoded twice"),
        pytest.param("a", "/examplebucket/examplebucket/a", "names the bucket twice", id="bucket named twice"),
        pytest.param("a/", "/examplebucket/a", "slash at the end", id="slash missing"),
        pytest.param("a", "/examplebucket/a/", "slash at the end", id="slash too many"),
        pytest.param("é", "/examplebucket/e%CC%81", "composed and decomposed", id="decomposed"),
        pytest.param("e\u0301", "/examplebucket/%C3%A9", "composed and decomposed", id="composed"),
    ],
)
async def test_hint_names_the_object_that_was_probably_meant(oss: OssClient, stored: str, target: str, hint: str):
    await oss.put(quote(stored, safe="/"), b"x")
    answer = await oss.request("GET", target)
    assert (answer.status, answer.code) == (404, "NoSuchKey")
    told = unquote(answer.headers["x-emulator-hint"])
    assert f"but there is {stored!r}" in told
    assert hint in told


@pytest.mark.parametrize("target", ["/examplebucket/b", "/examplebucket/%ff", "/examplebucket/a+%25%ff"])
async def test_a_key_that_is_simply_not_there_needs_no_hint_of_another(oss: OssClient, target: str):
    await oss.put("a", b"x")
    answer = await oss.request("GET", target)
    assert answer.status in (400, 404)
    assert "but there is" not in answer.headers.get("x-emulator-hint", "")


async def test_source_of_a_copy_is_not_looked_for_where_the_copy_goes(oss: OssClient):
    await oss.request("PUT", "/another-bucket")
    await oss.put("a/", b"x")
    headers = {"x-oss-copy-source": "/another-bucket/a"}
    answer = await oss.request("PUT", "/examplebucket/a", headers=headers, body=b"")
    assert (answer.status, answer.code) == (404, "NoSuchKey")
    assert "x-emulator-hint" not in answer.headers


async def test_hint_names_the_buckets_that_there_are(oss: OssClient):
    answer = await oss.request("GET", "/examplebukket/a")
    hint = answer.headers["x-emulator-hint"]
    assert "The path names the bucket 'examplebukket'. There are: examplebucket." in hint
    assert "serve --bucket examplebukket" in hint
    answer = await oss.request("GET", "/a", headers={"Host": "examplebukket.localhost"})
    assert "The Host 'examplebukket.localhost' names the bucket" in answer.headers["x-emulator-hint"]


async def test_hint_of_a_missing_bucket_is_short_even_where_there_are_many(make_oss: MakeOss):
    oss = await make_oss(buckets=())
    assert "There are: none." in (await oss.request("GET", "/missing/a")).headers["x-emulator-hint"]
    for number in range(7):
        await oss.request("PUT", f"/bucket-{number}")
    answer = await oss.request("GET", "/missing/a")
    assert "bucket-4, ..." in answer.headers["x-emulator-hint"]


async def test_hint_tells_of_a_virtual_host_that_the_emulator_does_not_know(oss: OssClient):
    answer = await oss.request("GET", "/dir/a", headers={"Host": "examplebucket.storage.test:8280"})
    assert answer.code == "NoSuchBucket"
    assert "Add 'storage.test' to `server.service_names`" in answer.headers["x-emulator-hint"]
