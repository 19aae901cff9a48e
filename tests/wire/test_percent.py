import pytest

from emulator.wire.percent import decode, encode


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        pytest.param("dir/a.txt", "dir/a.txt", id="nothing to do"),
        pytest.param("%E7%9B%AE", "目", id="UTF-8"),
        pytest.param("a%2fb%2Fc", "a/b/c", id="either case"),
        pytest.param("a+b%2Bc", "a b+c", id="plus is a space, %2B a plus"),
        pytest.param("%252F", "%2F", id="once only"),
        pytest.param("100%", "100%", id="lone percent sign"),
        pytest.param("%zz", "%zz", id="no hex"),
        pytest.param("目%9B", "目\udc9b", id="raw letters beside escapes"),
        pytest.param("%FF", "\udcff", id="no UTF-8"),
        pytest.param("%00", "\0", id="NUL"),
    ],
)
def test_decode_reads_escapes_and_plus(text: str, decoded: str) -> None:
    assert decode(text) == decoded


@pytest.mark.parametrize(
    ("text", "safe", "encoded"),
    [
        pytest.param("A-Za-z0-9-._~", "", "A-Za-z0-9-._~", id="unreserved"),
        pytest.param("a/b", "", "a%2Fb", id="slash"),
        pytest.param("a/b", "/", "a/b", id="slash kept"),
        pytest.param("()!*'", "", "%28%29%21%2A%27", id="what some SDKs leave raw"),
        pytest.param("a b+c", "", "a%20b%2Bc", id="blank and plus"),
        pytest.param("目", "", "%E7%9B%AE", id="upper-case hex"),
        pytest.param("\udcff", "", "%FF", id="no UTF-8"),
    ],
)
def test_encode_escapes_all_but_what_is_safe(text: str, safe: str, encoded: str) -> None:
    assert encode(text, safe) == encoded
