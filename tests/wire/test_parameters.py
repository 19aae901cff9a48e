import pytest

from emulator.errors import InvalidArgument
from emulator.wire.parameters import (
    parse_delimiter,
    parse_encoding_type,
    parse_key_part,
    parse_max_keys,
    parse_traffic_limit,
)


@pytest.mark.parametrize(("parameters", "expected"), [({}, 100), ({"max-keys": "1"}, 1), ({"max-keys": "1000"}, 1000)])
def test_max_keys_is_read(parameters: dict[str, str], expected: int):
    assert parse_max_keys(parameters, ec="e") == expected


@pytest.mark.parametrize("text", ["", "0", "1001", "-1", "+5", "1.0", "ten", "٣", "9" * 5000])
def test_max_keys_out_of_bounds_is_refused(text: str):
    with pytest.raises(InvalidArgument, match=r"^Argument max-keys must be an integer between 1 and 1000\.$") as caught:
        parse_max_keys({"max-keys": text}, ec="0015-00000402")
    assert caught.value.ec == "0015-00000402"
    assert caught.value.elements == {"ArgumentName": "max-keys", "ArgumentValue": text}


def test_prefix_and_marker_may_be_as_long_as_a_key():
    assert parse_key_part({}, "prefix") == ""
    assert parse_key_part({"prefix": "城" * 341}, "prefix") == "城" * 341


@pytest.mark.parametrize(
    "text", [pytest.param("城" * 341 + "a", id="too long"), pytest.param("\udcff", id="not UTF-8")]
)
def test_prefix_that_no_key_can_have_is_refused(text: str):
    with pytest.raises(InvalidArgument, match="Argument prefix must be"):
        parse_key_part({"prefix": text}, "prefix")


def test_delimiter_is_one_character():
    assert parse_delimiter({}, ec="e") == ""
    assert parse_delimiter({"delimiter": "城"}, ec="e") == "城"
    with pytest.raises(InvalidArgument, match="Argument delimiter must be one character"):
        parse_delimiter({"delimiter": "//"}, ec="e")


def test_encoding_type_url_escapes_all_but_the_unreserved():
    encode = parse_encoding_type({"encoding-type": "URL"})
    assert encode is not None
    assert encode("a/b +城~-_.\x01") == "a%2Fb%20%2B%E5%9F%8E~-_.%01"


def test_encoding_type_that_is_absent_or_unknown():
    assert parse_encoding_type({}) is None
    assert parse_encoding_type({"encoding-type": ""}) is None
    with pytest.raises(InvalidArgument, match="encoding-type"):
        parse_encoding_type({"encoding-type": "base64"})


@pytest.mark.parametrize(("text", "rate"), [("245760", 30_720), ("838860800", 104_857_600)])
def test_traffic_limit_is_a_header_or_a_parameter(text: str, rate: int):
    assert parse_traffic_limit({"x-oss-traffic-limit": text}, {}) == rate
    assert parse_traffic_limit({}, {"x-oss-traffic-limit": text}) == rate
    assert parse_traffic_limit({}, {}) is None


@pytest.mark.parametrize("text", ["", "245759", "838860801", "-1", "1e6", "٣", "9" * 5000])
def test_traffic_limit_out_of_bounds_is_refused(text: str):
    with pytest.raises(InvalidArgument, match=r"should be specified between 245760\(30KB/s\)") as caught:
        parse_traffic_limit({}, {"x-oss-traffic-limit": text})
    assert caught.value.elements == {"ArgumentName": "x-oss-traffic-limit", "ArgumentValue": text}
