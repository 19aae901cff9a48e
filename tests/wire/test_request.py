import pytest

from emulator.wire.request import parse_headers, parse_query


@pytest.mark.parametrize(
    ("raw", "pairs"),
    [
        pytest.param("", (), id="empty"),
        pytest.param("acl", (("acl", None),), id="name alone"),
        pytest.param("acl=", (("acl", ""),), id="empty value"),
        pytest.param("a=1&b=2&a=3", (("a", "1"), ("b", "2"), ("a", "3")), id="order and repeats are kept"),
        pytest.param("a=b=c", (("a", "b=c"),), id="split at the first equals sign"),
        pytest.param("a+b=c+d%2B", (("a b", "c d+"),), id="plus is a space in names and values"),
        pytest.param("a%3Db=%26", (("a=b", "&"),), id="decoded after splitting"),
        pytest.param("&&a=1&", (("a", "1"),), id="empty pieces fall away"),
        pytest.param("=1", (("", "1"),), id="no name"),
        pytest.param("a=%FF", (("a", "\udcff"),), id="no UTF-8"),
        pytest.param("a?b=c?d", (("a?b", "c?d"),), id="question marks"),
    ],
)
def test_query_is_read_in_order(raw: str, pairs: tuple[tuple[str, str | None], ...]) -> None:
    assert parse_query(raw) == pairs


@pytest.mark.parametrize(
    ("raw", "headers"),
    [
        pytest.param([], {}, id="none"),
        pytest.param([(b"X-OSS-Meta-A", b"V")], {"x-oss-meta-a": "V"}, id="name in lower case"),
        pytest.param([(b"a", b"1"), (b"A", b"2")], {"a": "1,2"}, id="repeated"),
        pytest.param([(b"a", b" \tb  c\t ")], {"a": "b  c"}, id="trimmed outside, not inside"),
        pytest.param([(b"a", b"")], {"a": ""}, id="empty"),
        pytest.param([(b"a", "目".encode())], {"a": "目"}, id="UTF-8"),
        pytest.param([(b"a", "\u3000目\u00a0".encode())], {"a": "\u3000目\u00a0"}, id="only HTTP's blanks are blanks"),
        pytest.param([(b"a", b"\xff")], {"a": "\udcff"}, id="no UTF-8"),
    ],
)
def test_headers_are_joined_under_lower_case_names(raw: list[tuple[bytes, bytes]], headers: dict[str, str]) -> None:
    assert parse_headers(raw) == headers


def test_header_bytes_come_back_as_they_were() -> None:
    value = bytes(range(0x21, 0x100))
    assert parse_headers([(b"a", value)])["a"].encode("utf-8", "surrogateescape") == value
