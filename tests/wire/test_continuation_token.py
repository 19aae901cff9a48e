import pytest

from emulator.errors import InvalidArgument
from emulator.wire.continuation_token import format_token, parse_token


def test_the_token_of_the_documentation():
    assert format_token("bc") == "CgJiYw--"
    assert parse_token("CgJiYw--") == "bc"


@pytest.mark.parametrize("last", ["a", "dir/", "城" * 341, "x" * 127, "x" * 128, "x" * 1023, "a\0b", "\U0010ffff"])
def test_a_token_gives_back_the_entry_it_was_made_of(last: str):
    assert parse_token(format_token(last)) == last


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("none-exist-continue-token", id="made up"),
        pytest.param("", id="empty"),
        pytest.param("Cg--", id="no length"),
        pytest.param("CgNiYw--", id="wrong length"),
        pytest.param("EgJiYw--", id="wrong field"),
        pytest.param("CgJiYw==", id="plain base64"),
        pytest.param("CgJiYw", id="no padding"),
        pytest.param("CgH_", id="not UTF-8"),
        pytest.param("城", id="not ASCII"),
        pytest.param("\udcff", id="not even UTF-8"),
    ],
)
def test_a_token_that_was_never_given_out_is_refused(text: str):
    with pytest.raises(InvalidArgument) as caught:
        parse_token(text)
    assert caught.value.ec == "0015-00000404"
    assert caught.value.elements == {"ArgumentName": "continuation-token", "ArgumentValue": text}
