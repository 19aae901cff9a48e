"""The verdict on a callback: every mistake is made for real, by a key of our own, and recognised."""

import base64
import hashlib
import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from emulator import verify_callback
from emulator.callback.signature import Signer, string_to_sign
from tests.callback.test_signature import CAPTURES, OSS_PUBLIC_KEY

KEY_URL = base64.b64encode(b"http://127.0.0.1:8280/_emulator/callback_pub_key.pem").decode()
FORM = "bucket=b&object=dir%2Fa%20b.txt&size=5&note=it%27s%20%28ok%29"
JSON = '{"bucket":"b","object":"dir/中.txt","size":5,"h":null}'


class Sender:
    """Signs as OSS does."""

    def __init__(self, signer: Signer, public_key: bytes) -> None:
        self.signer = signer
        self.public_key = public_key

    async def headers(self, target: str, body: bytes | str) -> dict[str, str]:
        data = body.encode() if isinstance(body, str) else body
        return {
            "Authorization": await self.signer.sign(string_to_sign(target, data)),
            "Content-MD5": base64.b64encode(hashlib.md5(data).digest()).decode(),
            "x-oss-pub-key-url": KEY_URL,
            "x-oss-tag": "CALLBACK",
        }


@pytest.fixture
async def sender(key_file):
    signer = Signer(key_file)
    return Sender(signer, await signer.public_pem())


@pytest.mark.parametrize(("target", "body", "signature", "digest"), CAPTURES)
def test_captured_callback_of_oss_is_right(target, body, signature, digest):
    headers = [("authorization", signature), ("X-Oss-Pub-Key-Url", KEY_URL)]
    verdict = verify_callback(target, headers, body.encode(), OSS_PUBLIC_KEY)
    assert verdict
    assert (verdict.mistake, verdict.explanation) == (None, "")


@pytest.mark.parametrize(
    ("sent", "arrived", "mistake", "words"),
    [
        pytest.param("/a%2520b", "/a%20b", "path", "decodes it twice", id="decoded on the way"),
        pytest.param("/%E4%B8%AD", "/%25E4%25B8%25AD", "path", "encoded twice", id="encoded on the way"),
        pytest.param("/a%20b", "/a+b", "path", "urldecode", id="a plus for a blank"),
        pytest.param("/a+b", "/a%20b", "path", "decoded as a form", id="a blank for a plus"),
        pytest.param("/cb", "/cb?id=1", "query", "left out", id="query not signed"),
        pytest.param("/cb?a=1&b=2", "/cb?b=2&a=1", "query", "another order", id="query in another order"),
        pytest.param("/cb?a=%2F", "/cb?a=/", "query", "quoted anew", id="query quoted anew"),
        pytest.param("/cb?a=/", "/cb?a=%2F", "query", "percent-decoded", id="query signed decoded"),
        pytest.param("/cb", "/cb/", "path", "slash", id="slash added"),
        pytest.param("/cb/", "/cb", "path", "slash", id="slash removed"),
        pytest.param("/cb", "/api/v1/cb", "path", "'/api/v1' before it", id="prefix added"),
        pytest.param("/cb?a=1", "http://host/cb?a=1", "path", "whole URL", id="absolute form"),
    ],
)
async def test_changed_target_is_recognised(sender, sent, arrived, mistake, words):
    verdict = verify_callback(arrived, await sender.headers(sent, FORM), FORM.encode(), sender.public_key)
    assert verdict.mistake == mistake
    assert words in verdict.explanation


async def test_path_signed_undecoded_is_recognised(sender):
    headers = await sender.headers("/x", FORM)
    headers["Authorization"] = await sender.signer.sign(b"/%E4%B8%AD\n" + FORM.encode())
    verdict = verify_callback("/%E4%B8%AD", headers, FORM.encode(), sender.public_key)
    assert verdict.mistake == "path"
    assert "did not decode it" in verdict.explanation


@pytest.mark.parametrize(
    ("arrived", "mistake", "words"),
    [
        pytest.param("/inner?id=1", "path", "rewritten", id="path"),
        pytest.param("/cb", "query", "`?id=1`", id="query"),
        pytest.param("/inner", "path", "'/cb?id=1'", id="both"),
    ],
)
async def test_callback_url_tells_what_a_proxy_has_rewritten(sender, arrived, mistake, words):
    headers = await sender.headers("/cb?id=1", FORM)
    url = "http://app.test:9000/cb?id=1"
    verdict = verify_callback(arrived, headers, FORM.encode(), sender.public_key, callback_url=url)
    assert verdict.mistake == mistake
    assert words in verdict.explanation
    said = verify_callback(arrived, headers | {"X-Original-URI": "/cb?id=1"}, FORM.encode(), sender.public_key)
    assert said.mistake == mistake
    assert "x-original-uri" in said.explanation


@pytest.mark.parametrize(
    ("sent", "arrived", "words"),
    [
        pytest.param(FORM, FORM + "\n", "line break at its end", id="trailing newline"),
        pytest.param(FORM + "\n", FORM, "with a line feed at its end", id="newline stripped"),
        pytest.param("a=1\nb", "a=1\r\nb", "became CRLF", id="CRLF"),
        pytest.param("a=1\r\nb", "a=1\nb", "became LF", id="LF"),
        pytest.param(FORM, FORM.replace("%20", "+"), "quoted anew", id="quote_plus"),
        pytest.param(FORM, FORM.replace("%2F", "/"), "Verify the raw body", id="slash unquoted"),
        pytest.param("b=1&a=2", "a=2&b=1", "another order", id="order"),
        pytest.param("b=1&a=x%20y", "a=x+y&b=1", "another order and quoted anew", id="order and quoting"),
        pytest.param(JSON, json.dumps(json.loads(JSON)), "written again", id="Python's json.dumps"),
        pytest.param(JSON, JSON.replace("/", "\\/"), "written again", id="PHP's json_encode"),
        pytest.param(JSON, json.dumps(json.loads(JSON), indent=2), "written again", id="indented"),
        pytest.param(
            JSON,
            json.dumps(json.loads(JSON), sort_keys=True, ensure_ascii=False, separators=(",", ":")),
            "members in another order",
            id="sorted",
        ),
        pytest.param("name=中", "name=中".encode().decode("latin-1"), "Latin-1", id="mojibake"),
        pytest.param(FORM, "\ufeff" + FORM, "byte order mark", id="byte order mark"),
        pytest.param("", FORM, "left out", id="body not signed"),
    ],
)
async def test_changed_body_is_recognised(sender, sent, arrived, words):
    verdict = verify_callback("/cb?x", await sender.headers("/cb?x", sent), arrived.encode(), sender.public_key)
    assert verdict.mistake == "body"
    assert words in verdict.explanation


async def test_two_mistakes_are_recognised(sender):
    verdict = verify_callback("/cb/", await sender.headers("/cb", FORM), f"{FORM}\n".encode(), sender.public_key)
    assert verdict.mistake == "path-and-body"
    assert "slash" in verdict.explanation
    assert "line break" in verdict.explanation


async def test_stripped_headers_are_recognised(sender):
    headers = await sender.headers("/cb", FORM)
    without = {name: value for name, value in headers.items() if name != "Authorization"}
    verdict = verify_callback("/cb", without, FORM.encode(), sender.public_key)
    assert verdict.mistake == "header-stripped"
    assert "taken out" in verdict.explanation


@pytest.mark.parametrize(
    ("key_url", "words"),
    [
        pytest.param({}, "x-oss-pub-key-url was taken out", id="stripped"),
        pytest.param({"x-oss-pub-key-url": "http://a/"}, "not the base64 of a URL any more", id="decoded"),
    ],
)
async def test_a_right_signature_is_right_where_nobody_says_whose_key_it_is(sender, key_url, words):
    headers = await sender.headers("/cb", FORM)
    del headers["x-oss-pub-key-url"]
    verdict = verify_callback("/cb", headers | key_url, FORM.encode(), sender.public_key)
    assert verdict
    assert verdict.mistake is None
    assert words in verdict.explanation


@pytest.mark.parametrize(
    ("mangle", "words"),
    [
        pytest.param(lambda text: f"OSS {text}", "the scheme 'OSS'", id="scheme"),
        pytest.param(lambda text: text.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D"), "percent", id="%"),
        pytest.param(lambda text: f'"{text}"', "quotes", id="quotes"),
        pytest.param(lambda text: text.rstrip("="), "lost the `=`", id="padding"),
        pytest.param(lambda text: base64.b64decode(text).hex(), "hexadecimal", id="hexadecimal"),
        pytest.param(lambda text: base64.b64encode(text.encode()).decode(), "base64 of base64", id="twice"),
        pytest.param(lambda text: f"{text[:60]} {text[60:]}", "folded", id="folded"),
    ],
)
async def test_mangled_signature_is_recognised(sender, mangle, words):
    headers = await sender.headers("/cb", FORM)
    headers["Authorization"] = mangle(headers["Authorization"])
    verdict = verify_callback("/cb", headers, FORM.encode(), sender.public_key)
    assert verdict.mistake == "signature-mangled"
    assert words in verdict.explanation


async def test_another_hash_is_recognised(sender):
    headers = await sender.headers("/cb", FORM)
    key = await sender.signer.load()
    signature = key.sign(string_to_sign("/cb", FORM.encode()), PKCS1v15(), hashes.SHA256())
    headers["Authorization"] = base64.b64encode(signature).decode()
    verdict = verify_callback("/cb", headers, FORM.encode(), sender.public_key)
    assert verdict.mistake == "wrong-hash"
    assert "SHA-256" in verdict.explanation


async def test_another_key_is_recognised_and_named_where_it_is_known(sender):
    stranger = Signer(None)
    headers = await sender.headers("/cb", FORM)
    headers["Authorization"] = await stranger.sign(string_to_sign("/cb", FORM.encode()))
    headers["x-oss-pub-key-url"] = base64.b64encode(b"http://evil.test/key.pem").decode()
    verdict = verify_callback("/cb", headers, FORM.encode(), sender.public_key)
    assert verdict.mistake == "wrong-key"
    assert "http://evil.test/key.pem" in verdict.explanation
    other_keys = {"in the drawer": await stranger.public_pem()}
    verdict = verify_callback("/cb", headers, FORM.encode(), sender.public_key, other_keys=other_keys)
    assert verdict.mistake == "wrong-key"
    assert "in the drawer" in verdict.explanation


async def test_callback_of_oss_is_told_from_one_of_an_emulator(sender):
    target, body, signature, _ = CAPTURES[0].values
    verdict = verify_callback(target, {"Authorization": signature}, body.encode(), sender.public_key)
    assert verdict.mistake == "wrong-key"
    assert "of OSS itself" in verdict.explanation


async def test_the_unexplained_is_placed_by_length_and_content_md5(sender):
    headers = await sender.headers("/cb", FORM)
    verdict = verify_callback("/elsewhere", headers, FORM.encode(), sender.public_key)
    assert verdict.mistake == "path"
    verdict = verify_callback("/cb", headers, b"size=6", sender.public_key)
    assert verdict.mistake == "body"
    verdict = verify_callback("/cb", headers | {"Content-Length": str(len(FORM))}, b"", sender.public_key)
    assert verdict.mistake == "body"
    assert f"Content-Length says {len(FORM)} bytes" in verdict.explanation
    del headers["Content-MD5"]
    assert verify_callback("/elsewhere", headers, FORM.encode(), sender.public_key).mistake == "unknown"


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":"\\ud800"}', b"\xff\xfe", b"&=&&" * 1000, b'{"a":1e999}'])
async def test_no_body_is_too_strange_for_a_verdict(sender, body):
    verdict = verify_callback("/cb", await sender.headers("/cb", FORM), body, sender.public_key)
    assert verdict.mistake == "body"


def test_key_that_is_none_is_a_value_error():
    with pytest.raises(ValueError, match="PEM"):
        verify_callback("/cb", {"Authorization": "x"}, b"", b"no key")
