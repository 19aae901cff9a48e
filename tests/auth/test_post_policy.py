"""Policies of forms: their shape, and what each condition asks for.

The cases of vectors/post-policy.json are posted as forms in tests/operations/test_post_object.py.
"""

import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from emulator.auth.post_policy import SizeRange, check_policy, parse_policy
from emulator.errors import AccessDenied, InvalidPolicyDocument
from tests.forms import encoded_policy, policy

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
TIME = '"expiration": "2024-06-01T13:00:00Z"'


def refused(encoded: str) -> InvalidPolicyDocument:
    with pytest.raises(InvalidPolicyDocument) as caught:
        parse_policy(encoded)
    assert caught.value.hint, "a refusal explains itself"
    caught.value.hint.encode()
    return caught.value


def check(condition: object, *, now: datetime = NOW, file_type: str | None = None, **fields: str) -> None:
    """Hold a form to a policy with one condition; `_` in a field's name is `-`."""
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    check_policy(parse_policy(policy(condition)), bucket="examplebucket", fields=named, file_type=file_type, now=now)


def denied(condition: object, **given: Any) -> AccessDenied:
    with pytest.raises(AccessDenied) as caught:
        check(condition, **given)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("encoded", "message", "number", "words"),
    [
        pytest.param("e", "Invalid JSON: not base64", 201, "not base64", id="no base64"),
        pytest.param("{}", "Invalid JSON: not base64", 201, "plain JSON", id="plain JSON"),
        pytest.param("a-b_", "Invalid JSON: not base64", 201, "URL-safe", id="URL-safe alphabet"),
        pytest.param("e30%3D", "Invalid JSON: not base64", 201, "percent", id="percent-encoded"),
        pytest.param("e30", "Invalid JSON: not base64", 201, "adding", id="padding missing"),
        pytest.param("测试", "Invalid JSON: not base64", 201, "not base64", id="not ASCII"),
        pytest.param("/w==", "Invalid JSON: not UTF-8", 201, "UTF-8", id="not UTF-8"),
        pytest.param(encoded_policy("expiration"), "Invalid JSON: unknown char e", 201, "character 0", id="no JSON"),
        pytest.param(
            encoded_policy('{"conditions": [{"key": "]["} {"a": "b"}]}'),
            "Invalid JSON: , or ] expected",
            201,
            "near",
            id="comma missing in a list",
        ),
        pytest.param(
            encoded_policy('{"conditions": [] "a": 1}'), "Invalid JSON: , or } expected", 201, "near", id="in an object"
        ),
        pytest.param(encoded_policy("[" * 100_000), "Invalid JSON: too long", 201, "read", id="nested without end"),
        pytest.param(encoded_policy("1" * 5000), "Invalid JSON: too long", 201, "read", id="endless number"),
        pytest.param(encoded_policy("[]"), "Policy must be an object.", 206, "[]", id="no object"),
        pytest.param(encoded_policy(f'{{{TIME}, "Conditions": 1}}'), None, 206, "lower case", id="capital"),
        pytest.param(encoded_policy('{"\\ud800": 1}'), None, 206, "\\ud800", id="half of a pair"),
        pytest.param(encoded_policy("{}"), "Policy missing conditions and expiration.", 209, "no", id="empty"),
        pytest.param(policy({"a": "b"}, expiration=None), None, 210, "null", id="expiration null"),
        pytest.param(policy({"a": "b"}, expiration="2024-06-01T13:00:00"), None, 212, "with the Z", id="no Z"),
        pytest.param(policy({"a": "b"}, expiration="2024-06-01T13:00:00+08:00"), None, 212, "UTC", id="offset"),
        pytest.param(policy({"a": "b"}, expiration="2024-06-31T13:00:00Z"), None, 212, "UTC", id="no such day"),
        pytest.param(policy({"a": "b"}, expiration="2024-06-01"), None, 212, "UTC", id="day alone"),
        pytest.param(encoded_policy(f'{{{TIME}, "conditions": {{"a": "b"}}}}'), None, 201, "list", id="no list"),
    ],
)
def test_document_of_another_shape_is_refused(encoded: str, message: str | None, number: int, words: str) -> None:
    error = refused(encoded)
    assert error.ec == f"0006-{number:08d}"
    assert message is None or error.message == f"Invalid Policy: {message}"
    assert words in error.hint


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        pytest.param("eq", "condition is", id="text"),
        pytest.param([], "condition is", id="empty list"),
        pytest.param(["eq", "$key"], "condition is", id="two items"),
        pytest.param(["eq", "$key", "a", "b"], "condition is", id="four items"),
        pytest.param(["EQ", "$key", "a"], "operators are eq", id="operator in capitals"),
        pytest.param([["eq"], "$key", "a"], "operators are eq", id="operator of another type"),
        pytest.param(["eq", "key", "a"], "begins with $", id="no dollar"),
        pytest.param(["eq", "$", "a"], "begins with $", id="dollar alone"),
        pytest.param(["eq", 1, "a"], "begins with $", id="name of another type"),
        pytest.param(["eq", "$key", 1], "must be a string", id="number"),
        pytest.param({"key": 1}, "must be a string", id="number in an object"),
        pytest.param(["in", "$key", "a"], "list of strings", id="text for a list"),
        pytest.param(["not-in", "$key", ["a", 1]], "list of strings", id="number in a list"),
        pytest.param(["content-length-range", 1], "minimum, maximum", id="range with one end"),
    ],
)
def test_condition_of_another_shape_is_refused(condition: object, words: str) -> None:
    error = refused(policy(condition))
    assert error.message == "Invalid Policy: Invalid Condition"
    assert words in error.hint


@pytest.mark.parametrize(
    ("minimum", "maximum", "number"),
    [
        pytest.param(True, 10, 220, id="switch"),
        pytest.param(1.0, 10, 220, id="fraction"),
        pytest.param(None, None, 220, id="null"),
        pytest.param(1, "10", 221, id="number in quotes"),
        pytest.param("1", {}, 223, id="object"),
        pytest.param(2, 1, 219, id="reversed"),
    ],
)
def test_ends_of_a_range_are_whole_numbers(minimum: object, maximum: object, number: int) -> None:
    assert refused(policy(["content-length-range", minimum, maximum])).ec == f"0006-{number:08d}"


def test_ranges_narrow_each_other() -> None:
    parsed = parse_policy(policy(["content-length-range", 1, 100], ["content-length-range", 0, 50]))
    assert (parsed.size, parsed.conditions) == (SizeRange(1, 50), ())
    assert parse_policy(policy({"key": "a"})).size == SizeRange(0, None)


def test_blanks_and_line_breaks_in_the_base64_are_dropped() -> None:
    encoded = policy({"key": "a"})
    assert parse_policy(f" {encoded[:20]}\r\n{encoded[20:]}\n") == parse_policy(encoded)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(r"user/\${filename}", id="escaped dollar, which is no JSON"),
        pytest.param(r"user/\\${filename}", id="escaped backslash before it, as the Java SDK writes"),
        pytest.param(r"user/\u0024{filename}", id="as JSON would escape it"),
    ],
)
def test_dollar_may_be_escaped(text: str) -> None:
    encoded = encoded_policy(f'{{{TIME}, "conditions": [["eq", "$key", "{text}"]]}}')
    (condition,) = parse_policy(encoded).conditions
    assert condition.value == "user/${filename}"


def test_policy_of_the_java_sdk_s_own_test_can_be_read() -> None:
    text = (
        r'{"expiration":"2020-03-19T03:44:06.476Z","conditions":[{"bucket":"gen-post-policy"},'
        r'["eq","$key","user\/eric\/\\${filename}"],["content-length-range",1,1024]]}'
    )
    parsed = parse_policy(encoded_policy(text))
    assert parsed.conditions[1].value == "user/eric/${filename}"
    assert parsed.expiration == datetime(2020, 3, 19, 3, 44, 6, 476_000, tzinfo=UTC)


def test_policy_holds_up_to_its_last_moment() -> None:
    check({"key": "a"}, key="a", now=NOW.replace(hour=13))
    error = denied({"key": "a"}, key="a", now=NOW.replace(hour=13, second=1))
    assert (error.message, error.ec) == ("Invalid according to Policy: Policy expired.", "0006-00000213")
    assert "0:00:01 later" in error.hint


@pytest.mark.parametrize(
    ("condition", "fields", "words"),
    [
        pytest.param({"key": "a"}, {"key": "b"}, '\'key\' is "b"; the policy wants exactly "a"', id="eq"),
        pytest.param({"key": "a"}, {"key": "a\r\n"}, "blanks or line breaks", id="line break"),
        pytest.param(["eq", "$key", "a/up.txt"], {"key": "a/${filename}"}, "before ${filename} is", id="variable"),
        pytest.param(["starts-with", "$key", "a/"], {"key": "b/"}, "a text that begins with", id="starts-with"),
        pytest.param(["in", "$x:u", ["a", "b"]], {"x:u": "c"}, 'one of ["a", "b"]', id="in"),
        pytest.param(["not-in", "$x:u", ["a"]], {"x:u": "a"}, 'none of ["a"]', id="not-in"),
        pytest.param({"callback": "e30="}, {}, "no field 'callback' before the file", id="absent"),
        pytest.param({"bucket": "other"}, {"bucket": "other"}, "posted to the bucket 'examplebucket'", id="bucket"),
        pytest.param({"\ud800": "\udfff"}, {"\ud800": "a\udcff"}, "wants exactly", id="halves of pairs"),
    ],
)
def test_failed_condition_says_what_came_and_what_was_wanted(
    condition: object, fields: dict[str, str], words: str
) -> None:
    error = denied(condition, **fields)
    assert error.message.startswith("Invalid according to Policy: Policy Condition failed: [")
    assert error.ec is None
    assert words in error.hint


def test_message_repeats_the_condition_as_it_was_written() -> None:
    error = denied(["in", "$X-OSS-Meta-A", ["测", "b"]], x_oss_meta_a="c")
    assert error.message.endswith('failed: ["in", "$X-OSS-Meta-A", ["测", "b"]]')


@pytest.mark.guess
def test_content_type_of_field_or_file_part_may_meet_the_condition(caplog: pytest.LogCaptureFixture) -> None:
    condition = {"content-type": "image/png"}
    check(condition, content_type="image/png", file_type="text/plain")
    check(condition, file_type="image/png")
    assert caplog.text == ""
    with caplog.at_level(logging.WARNING):
        check(condition, content_type="text/plain", file_type="image/png")
    assert "accepted, but what OSS does is not known" in caplog.text
    denied(condition, content_type="text/plain", file_type="text/html")
    denied(condition)


def test_fields_without_a_condition_can_be_listed() -> None:
    parsed = parse_policy(policy({"bucket": "a"}, ["starts-with", "$X-OSS-Date", ""]))
    assert parsed.unconditioned(("bucket", "x-oss-date", "x-oss-credential")) == ["x-oss-credential"]


def test_every_garbled_policy_is_refused_or_read() -> None:
    text = json.dumps({"expiration": "2024-06-01T13:00:00Z", "conditions": [{"a": "]"}, ["in", "$b", ["{", "c"]]]})
    for position in range(len(text)):
        for character in '"{}[]\\,:x':
            try:
                parse_policy(encoded_policy(text[:position] + character + text[position + 1 :]))
            except InvalidPolicyDocument as error:
                error.hint.encode()
        with pytest.raises(InvalidPolicyDocument):
            parse_policy(encoded_policy(text[:position]))
