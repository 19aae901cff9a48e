import pytest

from emulator.errors import InvalidArgument, InvalidTag, OssError
from emulator.wire.tagging import parse_tagging


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        pytest.param("", {}, id="nothing"),
        pytest.param("b=2&a=1", {"b": "2", "a": "1"}, id="order kept"),
        pytest.param("a", {"a": ""}, id="key alone"),
        pytest.param("a=b=c", {"a": "b=c"}, id="equals sign in the value"),
        pytest.param("%E5%9F%8E+x=%2B%20-._:/", {"城 x": "+ -._:/"}, id="encoded, of any script"),
    ],
)
def test_tags_are_read(text: str, tags: dict[str, str]):
    assert list(parse_tagging(text).items()) == list(tags.items())


@pytest.mark.parametrize(
    ("text", "error", "ec"),
    [
        pytest.param("a=1&a=2", InvalidArgument, None, id="key twice"),
        pytest.param("a=1&&b=2", InvalidArgument, None, id="empty pair"),
        pytest.param("a=%FF", InvalidArgument, None, id="not UTF-8"),
        pytest.param("=1", InvalidTag, "0010-00000209", id="empty key"),
        pytest.param("a" * 129, InvalidTag, "0010-00000209", id="key too long"),
        pytest.param("a%21=1", InvalidTag, "0010-00000209", id="exclamation mark in the key"),
        pytest.param("a%0A=1", InvalidTag, "0010-00000209", id="line end in the key"),
        pytest.param("a=" + "b" * 257, InvalidTag, "0010-00000217", id="value too long"),
        pytest.param("a=%3C", InvalidTag, "0010-00000217", id="angle bracket in the value"),
        pytest.param("&".join(f"k{n}" for n in range(11)), InvalidTag, "0010-00000218", id="eleven tags"),
    ],
)
def test_bad_tags_are_refused(text: str, error: type[OssError], ec: str | None):
    with pytest.raises(error) as caught:
        parse_tagging(text)
    assert caught.value.ec == ec


def test_the_longest_and_most_tags_are_taken():
    text = "&".join([*(f"k{n}" for n in range(9)), "a" * 128 + "=" + "b" * 256])
    assert len(parse_tagging(text)) == 10
