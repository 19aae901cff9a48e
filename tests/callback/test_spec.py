"""Every refusal of callback parameters, by table; and what is taken."""

import base64
import json

import pytest

from emulator.callback.spec import FORM, JSON, CallbackSpec, parse_callback, pick, sendable_headers
from emulator.errors import BucketCallbackPolicyNotExist, InvalidArgument
from emulator.model import CallbackPolicy

from .application import encode

GOOD = {"callbackUrl": "http://127.0.0.1:9000/cb", "callbackBody": "bucket=${bucket}"}
WHOLE = "the decoded JSON"


def parse(callback: str, callback_var: str | None = None, *, is_strict: bool = False) -> CallbackSpec:
    spec = parse_callback(callback, callback_var, empty_url="error", is_strict=is_strict)
    assert spec is not None
    return spec


def refusal(callback: str, callback_var: str | None = None, *, is_strict: bool = False) -> InvalidArgument:
    with pytest.raises(InvalidArgument) as caught:
        parse(callback, callback_var, is_strict=is_strict)
    return caught.value


def test_golden_base64_is_read():
    spec = parse(
        "eyJjYWxsYmFja1VybCI6Imh0dHA6Ly8xMjcuMC4wLjE6OTAwMC9jYiIsImNhbGxiYWNrQm9keSI6ImJ1Y2tldD0ke2J1Y2tldH0mb2JqZWN0PSR"
        "7b2JqZWN0fSZ1aWQ9JHt4OnVpZH0ifQ==",
        "eyJ4OnVpZCI6IjEyMzQ1In0=",
    )
    assert [url.absolute for url in spec.urls] == ["http://127.0.0.1:9000/cb"]
    assert spec.body.text == "bucket=${bucket}&object=${object}&uid=${x:uid}"
    assert spec.variables == {"x:uid": "12345"}
    assert (spec.host, spec.body_type, spec.sni, spec.warnings) == (None, FORM, False, ())


@pytest.mark.parametrize(
    ("callback", "message", "number", "value", "hint"),
    [
        pytest.param("A" * 5124, "The length of callback exceed max value.", 1, "A" * 5124, "5120", id="too long"),
        pytest.param(
            "x123-*&", "The callback configuration is not base64 encoded.", 2, "x123-*&", "base64", id="not base64"
        ),
        pytest.param(
            '{"a":1}', "The callback configuration is not base64 encoded.", 2, '{"a":1}', "plain JSON", id="JSON"
        ),
        pytest.param("e30", "The callback configuration is not base64 encoded.", 2, "e30", "padding", id="no padding"),
        pytest.param(
            "eyI-PyI_", "The callback configuration is not base64 encoded.", 2, "eyI-PyI_", "URL-safe", id="URL-safe"
        ),
        pytest.param(
            "e30%3D", "The callback configuration is not base64 encoded.", 2, "e30%3D", "percent", id="encoded twice"
        ),
        pytest.param("", "The callback configuration is not json format.", 3, "", "character 0", id="empty"),
        pytest.param("W10=", "The callback configuration is not json format.", 3, "[]", "object", id="array"),
        pytest.param(
            "77u/e30=", "The callback configuration is not json format.", 3, "\ufeff{}", "byte order mark", id="BOM"
        ),
        pytest.param(
            "e30geA==", "The callback configuration is not json format.", 3, "{} x", "Extra data", id="trailing garbage"
        ),
        pytest.param("/w==", "The callback configuration is not json format.", 3, "\ufffd", "utf-8", id="not UTF-8"),
        pytest.param(
            base64.b64encode(b"[" * 3000).decode(),
            "The callback configuration is not json format.",
            3,
            "[" * 3000,
            "recursion",
            id="nested deeply",
        ),
        pytest.param(
            base64.b64encode(b'{"a":NaN}').decode(),
            "The callback configuration is not json format.",
            3,
            '{"a":NaN}',
            "NaN",
            id="NaN",
        ),
    ],
)
def test_unreadable_callback_is_refused(callback, message, number, value, hint):
    error = refusal(callback)
    assert (error.status, error.code, error.message) == (400, "InvalidArgument", message)
    assert error.ec == f"0007-{number:08d}"
    assert error.elements == {"ArgumentName": "callback", "ArgumentValue": value}
    assert hint in error.hint


@pytest.mark.parametrize(
    ("changes", "message", "number", "hint"),
    [
        pytest.param({"callbackUrl": None}, "The callback url configuration is invalid.", 4, "missing", id="URL null"),
        pytest.param({"callbackUrl": 7}, "The callback url configuration is invalid.", 4, "number", id="URL a number"),
        pytest.param({"callbackUrl": ""}, "The callback url configuration is invalid.", 4, "empty", id="URL empty"),
        pytest.param(
            {"callbackUrl": ";"}, "The callback url configuration is invalid.", 4, "empty", id="only semicolons"
        ),
        pytest.param(
            {"callbackUrl": "my.com:test"}, "The callback url configuration is invalid.", 4, "port", id="port"
        ),
        pytest.param(
            {"callbackUrl": "http://a;ftp://b"}, "The callback url configuration is invalid.", 4, "ftp", id="second URL"
        ),
        pytest.param({"callbackBody": 1}, "The callback body is invalid.", 10, "string", id="body a number"),
        pytest.param({"callbackBody": {}}, "The callback body is invalid.", 10, "object", id="body an object"),
        pytest.param({"callbackBody": ""}, "The callback body is empty.", 11, "missing or empty", id="body empty"),
        pytest.param(
            {"callbackBodyType": 1},
            "The callback body type configuration is invalid.",
            12,
            "string",
            id="type a number",
        ),
        pytest.param(
            {"callbackBodyType": "image/jpg"}, "The body type of callback is not supported.", 13, "image/jpg", id="type"
        ),
        pytest.param(
            {"callbackBodyType": "application/json; charset=utf-8"},
            "The body type of callback is not supported.",
            13,
            "without a charset",
            id="type with charset",
        ),
        pytest.param(
            {"callbackBodyType": "Application/JSON"},
            "The body type of callback is not supported.",
            13,
            "exactly",
            id="case",
        ),
        pytest.param(
            {"callbackHost": [1, 2, 3]}, "The callback host configuration is invalid.", 9, "array", id="host an array"
        ),
        pytest.param(
            {"callbackHost": "a\r\nb: c"},
            "The callback host configuration is invalid.",
            9,
            "printable",
            id="host injects",
        ),
        pytest.param({"callbackSNI": "true"}, "The callback sni is invalid.", 17, '"true"', id="SNI a string"),
        pytest.param({"callbackSNI": 123}, "The callback sni is invalid.", 17, "number", id="SNI a number"),
        pytest.param({"callbackSNI": None}, "The callback sni is invalid.", 17, "null", id="SNI null"),
        pytest.param(
            {"signatureVersion": "3.0"}, "The callback signature version is invalid.", 15, "3.0", id="version"
        ),
        pytest.param(
            {"signatureVersion": 1.0}, "The callback signature version is invalid.", 15, "1.0", id="version a number"
        ),
        pytest.param(
            {"additionalHeaders": []}, "The callback additional headers is invalid.", 21, "object", id="headers a list"
        ),
        pytest.param(
            {"additionalHeaders": {"a": 1}},
            "The callback additional headers is invalid.",
            21,
            "strings",
            id="value a number",
        ),
        pytest.param(
            {"additionalHeaders": {f"h{number}": "" for number in range(11)}},
            "The number of callback additional headers exceed max value.",
            22,
            "11",
            id="eleven headers",
        ),
        pytest.param(
            {"additionalHeaders": {"": "a"}},
            "The key of callback additional headers is empty.",
            23,
            "empty",
            id="no key",
        ),
        pytest.param(
            {"additionalHeaders": {"A": "a"}},
            "The key of callback additional headers is invalid.",
            24,
            "'A'",
            id="bad key",
        ),
        pytest.param(
            {"additionalHeaders": {"a": "b\r\nc"}},
            "The value of callback additional headers is invalid.",
            25,
            "line break",
            id="line break in value",
        ),
        pytest.param(
            {"additionalHeaders": {"x-oss-a": "b"}},
            "The key of callback additional headers can not start with x-oss-.",
            26,
            "x-oss-",
            id="reserved key",
        ),
    ],
)
def test_unfit_field_is_refused(changes, message, number, hint):
    fields = {**GOOD, **changes}
    error = refusal(encode(fields))
    assert (error.code, error.message, error.ec) == ("InvalidArgument", message, f"0007-{number:08d}")
    assert error.elements == {"ArgumentName": "callback", "ArgumentValue": json.dumps(fields)}
    assert hint in error.hint


def test_more_than_five_urls_are_refused():
    urls = "my1.com;my2.com;my3.com;my4.com;my5.com;my6.com;"
    error = refusal(encode({**GOOD, "callbackUrl": urls}))
    assert (error.message, error.ec) == ("The number of callback url exceed max value.", "0007-00000005")
    assert error.elements == {"ArgumentName": "callbackUrl", "ArgumentValue": urls}


def test_five_urls_with_empty_pieces_are_taken():
    spec = parse(encode({**GOOD, "callbackUrl": "a.com; b.com ;;c.com;d.com;e.com;"}))
    assert [url.text for url in spec.urls] == ["a.com", "b.com", "c.com", "d.com", "e.com"]


@pytest.mark.parametrize(
    ("callback_var", "message", "number", "value", "hint"),
    [
        pytest.param(
            "A" * 5124, "The length of callback var exceed max value.", 101, "A" * 5124, "5124", id="too long"
        ),
        pytest.param("x123-*&", "The callback var is not base64 encoded.", 102, "x123-*&", "base64", id="not base64"),
        pytest.param("eA==", "The callback var is not json format.", 103, "x", "character 0", id="not JSON"),
        pytest.param("W10=", "The callback var is not expecten json.", 104, "[]", "array", id="array"),
        pytest.param(
            encode({"x:a": 1}), "The callback var is not expecten json.", 104, '{"x:a": 1}', "number", id="number"
        ),
        pytest.param(
            encode({"x:a": {}}), "The callback var is not expecten json.", 104, '{"x:a": {}}', "object", id="object"
        ),
        pytest.param(
            encode({"a": "1"}), "The callback var is not expecten json.", 104, '{"a": "1"}', "'x:a'", id="no x:"
        ),
        pytest.param(
            encode({"x:Ab": "1"}),
            "The callback var is not expecten json.",
            104,
            '{"x:Ab": "1"}',
            "'x:ab'",
            id="capitals",
        ),
    ],
)
def test_unfit_callback_var_is_refused(callback_var, message, number, value, hint):
    error = refusal(encode(GOOD), callback_var)
    assert (error.code, error.message, error.ec) == ("InvalidArgument", message, f"0007-{number:08d}")
    assert error.elements == {"ArgumentName": "callback-var", "ArgumentValue": value}
    assert hint in error.hint


def test_five_kilobytes_are_taken():
    spec = parse(encode({**GOOD, "callbackBody": "a" * 3760}))
    assert 5000 < len(encode(spec.parameters)) <= 5120


@pytest.mark.parametrize(
    ("callback", "callback_var", "message"),
    [
        pytest.param("!", "!", "The callback configuration is not base64 encoded.", id="callback before callback-var"),
        pytest.param(
            {"callbackBody": "", "callbackBodyType": 1}, None, "The callback body is empty.", id="body before type"
        ),
        pytest.param(
            {"callbackBodyType": 1, "callbackHost": 1},
            None,
            "The callback body type configuration is invalid.",
            id="type before host",
        ),
        pytest.param(
            {"callbackHost": 1, "callbackSNI": 1},
            None,
            "The callback host configuration is invalid.",
            id="host before SNI",
        ),
        pytest.param(
            {"callbackSNI": 1, "signatureVersion": 1}, None, "The callback sni is invalid.", id="SNI before version"
        ),
        pytest.param(
            {"callbackBody": "$"}, "!", "The callback var is not base64 encoded.", id="callback-var before template"
        ),
        pytest.param(
            {"callbackUrl": "a;b;c;d;e;f:g"},
            None,
            "The callback url configuration is invalid.",
            id="syntax before count",
        ),
    ],
)
def test_checks_run_in_order(callback, callback_var, message):
    encoded = callback if isinstance(callback, str) else encode({**GOOD, **callback})
    assert refusal(encoded, callback_var).message == message


def test_template_fault_repeats_the_body():
    error = refusal(encode({**GOOD, "callbackBody": "o=$(object)"}))
    assert error.message == "Left brace must be adjacent to dollar sign."
    assert error.elements == {"ReplaceKeyPrefix": "o=$(object)"}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(" eyJ4\r\nOnVpZCI6\t", id="line breaks and spaces"),
        pytest.param("eyJ4OnVpZCI6", id="plain"),
    ],
)
def test_whitespace_in_base64_is_dropped(text):
    assert parse(encode(GOOD), text + "IjEyMzQ1In0=").variables == {"x:uid": "12345"}


@pytest.mark.parametrize(
    ("fields", "attribute", "value"),
    [
        pytest.param({"callbackBodyType": JSON}, "body_type", JSON, id="JSON body"),
        pytest.param({"callbackBodyType": ""}, "body_type", FORM, id="empty body type"),
        pytest.param({"callbackHost": "oss.example"}, "host", "oss.example", id="host"),
        pytest.param({"callbackHost": ""}, "host", None, id="empty host"),
        pytest.param({"callbackSNI": True}, "sni", True, id="SNI on"),
        pytest.param({"callbackSNI": False}, "sni", False, id="SNI off"),
        pytest.param({"additionalHeaders": {"a-1": "b"}}, "additional_headers", {"a-1": "b"}, id="additional headers"),
        pytest.param({"unknownKey": 1}, "sni", False, id="unknown key"),
    ],
)
def test_field_is_read_as_it_was_meant(fields, attribute, value):
    spec = parse(encode({**GOOD, **fields}))
    assert getattr(spec, attribute) == value
    assert spec.warnings == ()


def test_escaped_ampersand_of_go_is_read():
    callback = base64.b64encode(b'{"callbackUrl":"http://a","callbackBody":"a=1\\u0026b=2"}').decode()
    assert parse(callback).body.text == "a=1&b=2"


def test_last_of_duplicate_keys_wins():
    callback = base64.b64encode(b'{"callbackUrl":"http://a","callbackBody":"1","callbackBody":"2"}').decode()
    assert parse(callback).body.text == "2"


def test_empty_url_can_mean_no_callback():
    for fields in ({"callbackBody": "a"}, {"callbackUrl": "", "callbackBody": "a"}):
        assert parse_callback(encode(fields), None, empty_url="skip", is_strict=False) is None


POLICY = CallbackPolicy(
    "told", encode({"callbackUrl": "http://a", "callbackBody": "a"}), encode({"x:a": "1", "x:b": "2"})
)


def test_policy_stands_for_the_callback_that_names_it():
    named, variables = encode({"callbackPolicy": "told"}), encode({"x:b": "3"})
    spec = parse_callback(named, variables, policies=[POLICY], empty_url="error", is_strict=True)
    assert spec.urls[0].text == "http://a"
    assert spec.variables == {"x:a": "1", "x:b": "3"}
    assert spec.parameters == {"callbackUrl": "http://a", "callbackBody": "a", "callbackPolicy": "told"}


def test_policy_is_for_the_bucket_to_have():
    named = encode({"callbackPolicy": "other"})
    with pytest.raises(BucketCallbackPolicyNotExist):
        parse_callback(named, None, policies=[POLICY], empty_url="skip", is_strict=True)
    with pytest.raises(InvalidArgument, match="The callback url configuration is invalid") as caught:
        parse_callback(named, None, empty_url="error", is_strict=True)
    assert "only there is a bucket to look it up in" in caught.value.hint


@pytest.mark.parametrize(
    ("fields", "variables", "warning"),
    [
        pytest.param({"callbackBody": "a=${bukcet}"}, {}, "did you mean ${bucket}?", id="typo"),
        pytest.param({"callbackBody": "a=${mimetype}"}, {}, "did you mean ${mimeType}?", id="letter case"),
        pytest.param({"callbackBody": "a=${zzzz}"}, {}, "${zzzz}, which OSS does not have", id="unknown"),
        pytest.param({"callbackBody": "a=${x:a}"}, {}, "${x:a} in callbackBody is undefined", id="undefined"),
        pytest.param({}, {"x:a": "1"}, "custom variable x:a is never used", id="unused"),
        pytest.param({"callbackBody": "a=%24%7Bbucket%7D"}, {}, "percent-encoded ${", id="percent-encoded"),
        pytest.param(
            {"callbackBody": '{"a":"${bucket}"}', "callbackBodyType": JSON},
            {},
            "${bucket} stands inside quotes",
            id="quoted",
        ),
        pytest.param({"callbackBody": '{"a":${bucket}}'}, {}, "looks like JSON", id="JSON sent as a form"),
        pytest.param({"signatureVersion": "2.0"}, {}, "signed as 1.0", id="version 2.0"),
        pytest.param({"additionalHeaders": {"host": "a"}}, {}, "'host' is not sent", id="own header"),
    ],
)
def test_what_is_hardly_meant_is_warned_about(fields, variables, warning):
    (text,) = parse(encode({**GOOD, **fields}), encode(variables)).warnings
    assert warning in text


def test_quoted_number_is_fine():
    fields = {**GOOD, "callbackBody": '{"a":"${imageInfo.width},${size}"}', "callbackBodyType": JSON}
    assert parse(encode(fields)).warnings == ()


@pytest.mark.guess
def test_strict_reading_refuses_an_unknown_variable():
    error = refusal(encode({**GOOD, "callbackBody": "a=${bukcet}"}), is_strict=True)
    assert error.ec == "0007-00000105"
    assert "did you mean ${bucket}?" in error.hint
    assert parse(encode({**GOOD, "callbackBody": "a=${imageInfo}&b=${x:b}"}), is_strict=True)


def test_own_headers_are_not_sendable():
    spec = parse(encode({**GOOD, "additionalHeaders": {"date": "x", "expect": "100-continue", "a": "b"}}))
    assert sendable_headers(spec) == {"a": "b"}


@pytest.mark.parametrize(
    ("given", "picked"),
    [
        pytest.param(("h", None, "v", None), ("h", "v"), id="headers"),
        pytest.param((None, "q", None, "v"), ("q", "v"), id="query"),
        pytest.param((None, "a b=", None, "c d"), ("a+b=", "c+d"), id="a space in the query was a plus"),
        pytest.param(("h", None, None, "v"), ("h", "v"), id="one each"),
        pytest.param(("h", None, None, None), ("h", None), id="no variables"),
        pytest.param((None, None, "v", "v"), None, id="variables alone"),
        pytest.param((None, None, None, None), None, id="nothing"),
    ],
)
def test_pick_finds_the_parameters(given, picked):
    assert pick(*given) == picked


@pytest.mark.parametrize(
    ("given", "name", "number"),
    [
        pytest.param(("h", "q", None, None), "callback", 27, id="callback"),
        pytest.param(("h", None, "v", "v"), "callback-var", 106, id="callback-var"),
    ],
)
def test_pick_refuses_both_ways_at_once(given, name, number):
    with pytest.raises(InvalidArgument) as caught:
        pick(*given)
    assert caught.value.message == (
        f"Either the {name} query string parameter or the x-oss-{name} header should be specified, not both."
    )
    assert caught.value.ec == f"0007-{number:08d}"
    assert name in caught.value.hint
