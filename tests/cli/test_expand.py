"""`oss-emulator expand`: what would be sent, without a server."""

import asyncio
import base64
import hashlib
import json

import pytest

from emulator.callback.signature import Signer, string_to_sign, verify
from emulator.callback.template import SYSTEM_VARIABLES
from emulator.cli import main
from emulator.cli.expand import SAMPLE

URL = "http://127.0.0.1:9000/cb?id=1"
VALUES = (
    "object=dir/测试 a+b&c.jpg",
    "mimeType=image/jpeg",
    "contentMd5=2Oj8otwPiW/Xy0ywAxuiSQ==",
    "crc64=16936498316219487203",
    "x:uid=12345",
    'x:note=he said "hi" & 100%',
)
FORM = (
    "bucket=${bucket}&object=${object}&size=${size}&mime=${mimeType}&md5=${contentMd5}&h=${imageInfo.height}"
    "&uid=${x:uid}&note=${x:note}&none=${x:none}&lit=a b"
)
EXPANDED_FORM = (
    "bucket=examplebucket&object=dir%2F%E6%B5%8B%E8%AF%95%20a%2Bb%26c.jpg&size=5&mime=image%2Fjpeg"
    "&md5=2Oj8otwPiW%2FXy0ywAxuiSQ%3D%3D&h=&uid=12345&note=he%20said%20%22hi%22%20%26%20100%25&none=&lit=a b"
)
JSON = '{"bucket":${bucket},"object":${object},"size":${size},"crc":${crc64},"h":${imageInfo.height},"uid":${x:uid}}'
EXPANDED_JSON = (
    '{"bucket":"examplebucket","object":"dir/测试 a+b&c.jpg","size":5,"crc":16936498316219487203,"h":null,'
    '"uid":"12345"}'
)


def callback(**fields: object) -> str:
    return json.dumps({"callbackUrl": URL, **fields})


def expand(callback: str, *arguments: str) -> int:
    return main(["expand", "--callback", callback, *arguments])


def assignments(values: tuple[str, ...]) -> list[str]:
    return [argument for value in values for argument in ("--set", value)]


def printed(text: str) -> tuple[str, dict[str, str], str]:
    """Request line, headers and body of what was printed."""
    head, _, body = text.removesuffix("\n").partition("\n\n")
    line, *headers = head.split("\n")
    return line, dict(header.split(": ", 1) for header in headers), body


@pytest.mark.parametrize(
    ("body_type", "template", "body", "md5"),
    [
        pytest.param("application/x-www-form-urlencoded", FORM, EXPANDED_FORM, "WsbRqJp1LOoVYbY7j6R3Xg==", id="form"),
        pytest.param("application/json", JSON, EXPANDED_JSON, None, id="JSON"),
    ],
)
def test_expand_prints_the_request(body_type, template, body, md5, capsys):
    status = expand(callback(callbackBody=template, callbackBodyType=body_type), *assignments(VALUES))
    line, headers, printed_body = printed(capsys.readouterr().out)
    assert status == 0
    assert line == "POST /cb?id=1 HTTP/1.1"
    assert printed_body == body
    digest = base64.b64encode(hashlib.md5(body.encode()).digest()).decode()
    assert md5 in (None, digest)
    assert headers["Content-MD5"] == digest
    assert headers["Content-Length"] == str(len(body.encode()))
    assert headers["Content-Type"] == body_type
    assert headers["Host"] == "127.0.0.1:9000"
    assert headers["x-oss-tag"] == "CALLBACK"


@pytest.mark.parametrize("variables", ['{"x:uid": "7"}', base64.b64encode(b'{"x:uid": "7"}').decode()])
def test_expand_takes_json_and_base64_alike(variables, capsys):
    encoded = base64.b64encode(callback(callbackBody="uid=${x:uid}").encode()).decode()
    assert expand(encoded, "--callback-var", variables) == 0
    output = capsys.readouterr()
    assert printed(output.out)[2] == "uid=7"
    assert output.err == ""


def test_set_beats_callback_var(capsys):
    template = callback(callbackBody="uid=${x:uid}&n=${x:n}")
    assert expand(template, "--callback-var", '{"x:uid": "7", "x:n": "1"}', "--set", "x:uid=8") == 0
    output = capsys.readouterr()
    assert printed(output.out)[2] == "uid=8&n=1"
    assert output.err == ""


def test_expand_warns_of_what_is_hardly_meant_and_names_the_other_urls(capsys):
    fields = {"callbackUrl": "http://a.test/;https://b.test/", "callbackBody": "a=${x:undefined}"}
    assert expand(json.dumps(fields)) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("warning: ${x:undefined}")
    assert lines[1].endswith("https://b.test/")


async def test_expand_signs_with_the_key_given(tmp_path, capsys):
    key = tmp_path / "key.pem"
    public = await Signer(key).public_pem()
    assert await asyncio.to_thread(expand, callback(callbackBody="a=${size}"), "--key", str(key)) == 0
    _, headers, body = printed(capsys.readouterr().out)
    assert verify(public, string_to_sign("/cb?id=1", body.encode()), headers["Authorization"])


@pytest.mark.parametrize(
    ("text", "error"),
    [
        pytest.param(callback(callbackBody="$(object)"), "Left brace must be adjacent to dollar sign.", id="template"),
        pytest.param("x123-*&", "The callback configuration is not base64 encoded.", id="neither JSON nor base64"),
        pytest.param('{"callbackUrl": }', "The callback configuration is not json format.", id="broken JSON"),
        pytest.param("[1]", "The callback configuration is not json format.", id="no object"),
        pytest.param(callback(callbackBody=""), "The callback body is empty.", id="empty body"),
        pytest.param(callback(callbackBody="a", callbackSNI="true"), "The callback sni is invalid.", id="SNI as text"),
    ],
)
def test_invalid_callback_ends_with_1_and_oss_s_error_and_a_hint(text, error, capsys):
    assert expand(text) == 1
    output = capsys.readouterr()
    assert output.out == ""
    first, second = output.err.splitlines()
    assert first == f"400 InvalidArgument: {error}"
    assert second.startswith("hint: ")


def test_profile_real_refuses_an_unknown_variable(capsys):
    assert expand(callback(callbackBody="a=${foo}"), "--profile", "real") == 1
    assert "${foo}" in capsys.readouterr().err


def test_unreadable_key_ends_with_2(tmp_path, capsys):
    key = tmp_path / "key.pem"
    key.write_text("no key")
    assert expand(callback(callbackBody="a"), "--key", str(key)) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_sample_has_every_system_variable():
    assert set(SAMPLE) == SYSTEM_VARIABLES - {"imageInfo"}
