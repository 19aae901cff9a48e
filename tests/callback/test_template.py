"""Expansion by table; the golden bodies are those of captured callbacks, or computed by the rules."""

import base64
import hashlib

import pytest

from emulator.callback.template import parse_template
from emulator.errors import InvalidArgument

GOLDEN_VALUES = {
    "bucket": "examplebucket",
    "object": "dir/测试 a+b&c.jpg",
    "size": 5,
    "mimeType": "image/jpeg",
    "contentMd5": "2Oj8otwPiW/Xy0ywAxuiSQ==",
    "crc64": 16936498316219487203,
    "imageInfo.height": None,
    "vpcId": None,
    "x:uid": "12345",
    "x:note": 'he said "hi" & 100%',
}


def md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body).digest()).decode()


def test_form_template_expands_to_the_golden_body():
    template = parse_template(
        "bucket=${bucket}&object=${object}&size=${size}&mime=${mimeType}&md5=${contentMd5}&h=${imageInfo.height}"
        "&uid=${x:uid}&note=${x:note}&none=${x:none}&lit=a b"
    )
    body = template.expand(GOLDEN_VALUES, "form")
    assert body == (
        b"bucket=examplebucket&object=dir%2F%E6%B5%8B%E8%AF%95%20a%2Bb%26c.jpg&size=5&mime=image%2Fjpeg"
        b"&md5=2Oj8otwPiW%2FXy0ywAxuiSQ%3D%3D&h=&uid=12345&note=he%20said%20%22hi%22%20%26%20100%25&none=&lit=a b"
    )
    assert len(body) == 196
    assert md5(body) == "WsbRqJp1LOoVYbY7j6R3Xg=="


def test_json_template_expands_to_the_golden_body():
    template = parse_template(
        '{"bucket":${bucket},"object":${object},"size":${size},"crc":${crc64},"h":${imageInfo.height},'
        '"vpc":${vpcId},"uid":${x:uid},"note":${x:note},"none":${x:none},"wh":"${size}x${size}","bad":"${bucket}"}'
    )
    body = template.expand(GOLDEN_VALUES, "json")
    assert body.decode() == (
        '{"bucket":"examplebucket","object":"dir/测试 a+b&c.jpg","size":5,"crc":16936498316219487203,"h":null,'
        '"vpc":null,"uid":"12345","note":"he said \\"hi\\" & 100%","none":null,"wh":"5x5","bad":""examplebucket""}'
    )
    assert len(body) == 206
    assert md5(body) == "JmBw2090Su+z++YOTCOLEA=="


@pytest.mark.parametrize(
    ("text", "values", "body", "digest"),
    [
        pytest.param(
            "filename=${object}&size=${size}&mimeType=${mimeType}&height=${imageInfo.height}&width=${imageInfo.width}",
            {
                "object": "headSculpture/jikang2.jpg",
                "size": 108904,
                "mimeType": "image/jpeg",
                "imageInfo.height": 278,
                "imageInfo.width": 200,
            },
            "filename=headSculpture%2Fjikang2.jpg&size=108904&mimeType=image%2Fjpeg&height=278&width=200",
            "G5H/anNzgdvMS2AsvXpi6A==",
            id="capture of 2019",
        ),
        pytest.param(
            "filename=${object}&size=${size}",
            {"object": "zmaplex/20210407_14:31:41_286180/20200130021612_pnfqp.jpg", "size": 112595},
            "filename=zmaplex%2F20210407_14%3A31%3A41_286180%2F20200130021612_pnfqp.jpg&size=112595",
            "kMu34kLrn0MSVFvF8R4eWg==",
            id="capture of 2021",
        ),
    ],
)
def test_form_template_reproduces_a_captured_body(text, values, body, digest):
    assert parse_template(text).expand(values, "form") == body.encode()
    assert md5(body.encode()) == digest


def test_json_template_reproduces_a_captured_body():
    template = parse_template(
        '{"bucket":${bucket},"object":${object},"etag":${etag},"size":${size},"mimeType":${mimeType},'
        '"imageInfo":${imageInfo}}'
    )
    body = template.expand(
        {
            "bucket": "post-test",
            "object": "42cf77bf-2d25-485a-947c-b9216ee079ee",
            "etag": "97E1A27874032FC4B29F007C90DFA372",
            "size": 31,
            "mimeType": "image/jpeg",
        },
        "json",
    )
    assert len(body) == 163
    assert md5(body) == "Q9PoQzJC4T1JMh0BM9cCWQ=="


@pytest.mark.parametrize(
    ("value", "form", "json"),
    [
        pytest.param("", "", '""', id="empty text"),
        pytest.param(None, "", "null", id="absent"),
        pytest.param(0, "0", "0", id="zero"),
        pytest.param(2**64 - 1, "18446744073709551615", "18446744073709551615", id="largest crc64"),
        pytest.param("0042", "0042", '"0042"', id="text that looks like a number"),
        pytest.param("aZ09-_.~", "aZ09-_.~", '"aZ09-_.~"', id="unreserved"),
        pytest.param("*!'()", "%2A%21%27%28%29", '"*!\'()"', id="other marks", marks=pytest.mark.guess),
        pytest.param(" +/:", "%20%2B%2F%3A", '" +/:"', id="space, plus, slash, colon"),
        pytest.param("\\\n\t\x01", "%5C%0A%09%01", '"\\\\\\n\\t\\u0001"', id="backslash and controls"),
        pytest.param("${size}", "%24%7Bsize%7D", '"${size}"', id="a value is not expanded again"),
        pytest.param("é😀", "%C3%A9%F0%9F%98%80", '"é😀"', id="beyond ASCII"),
        pytest.param("a\udcff", "a%FF", '"a\ufffd"', id="bytes that are not UTF-8"),
    ],
)
def test_value_is_encoded_for_form_and_for_json(value, form, json):
    template = parse_template("<${x:v}>")
    assert template.expand({"x:v": value, "size": 5}, "form").decode() == f"<{form}>"
    assert template.expand({"x:v": value, "size": 5}, "json").decode() == f"<{json}>"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("put-object-callback", (), id="constants only"),
        pytest.param("${a}${b}", ("a", "b"), id="side by side"),
        pytest.param("{}}{${a}}", ("a",), id="braces are text"),
        pytest.param("${x:键值1}", ("x:键值1",), id="name in Chinese"),
        pytest.param("${}", ("",), id="no name"),
        pytest.param("%24%7Bbucket%7D", (), id="a percent-encoded variable is text"),
    ],
)
def test_template_names_its_variables(text, names):
    template = parse_template(text)
    assert template.names == names
    assert template.expand(dict.fromkeys(names, "§"), "form").count(b"%C2%A7") == len(names)


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        pytest.param("b=${bucket}&o=$(object)", "Left brace must be adjacent to dollar sign.", 14, id="parentheses"),
        pytest.param("my_var=$x:my_var}", "Left brace must be adjacent to dollar sign.", 7, id="no left brace"),
        pytest.param("price=5$", "Left brace must be adjacent to dollar sign.", 7, id="dollar at the end"),
        pytest.param("$${bucket}", "Left brace must be adjacent to dollar sign.", 0, id="two dollars"),
        pytest.param("a=${bucket", "Right brace is missing.", 2, id="no right brace", marks=pytest.mark.guess),
    ],
)
def test_malformed_template_is_refused(text, message, position):
    with pytest.raises(InvalidArgument) as caught:
        parse_template(text)
    assert caught.value.message == message
    assert caught.value.ec == "0007-00000105"
    assert caught.value.elements == {"ReplaceKeyPrefix": text}
    assert "${name}" in caught.value.hint
    assert f"at character {position}" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param('{"a":"${bucket}"}', ["bucket"], id="quoted"),
        pytest.param('{"a":${bucket}}', [], id="bare"),
        pytest.param('{"a":"${size}, ${bucket}"}', ["size", "bucket"], id="two in one string"),
        pytest.param('{"a\\"":${bucket}}', [], id="an escaped quote is no end"),
    ],
)
def test_names_in_quotes_are_found(text, names):
    assert list(parse_template(text).names_in_quotes()) == names
