"""YAML as configuration means it."""

import pytest

from emulator.yaml_text import YamlError, parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param(b"", None, id="nothing"),
        pytest.param(b"mode: off", {"mode": "off"}, id="off is a word"),
        pytest.param(b"yes", "yes", id="yes is a word"),
        pytest.param(b"[true, False]", [True, False], id="booleans"),
        pytest.param(b"[~, null, '']", [None, None, ""], id="nothing and empty text"),
        pytest.param(b"[1, -3, 0, 5368709120]", [1, -3, 0, 5368709120], id="whole numbers"),
        pytest.param(b"[0123, 12:30, 1_000]", ["0123", "12:30", "1_000"], id="numbers of YAML 1.1 are text"),
        pytest.param(b"[5.5, .5, 1.5e3]", [5.5, 0.5, 1500.0], id="numbers"),
        pytest.param(b"2030-01-01T00:00:00Z", "2030-01-01T00:00:00Z", id="a time is text"),
        pytest.param("\ufeffname: 名字".encode(), {"name": "名字"}, id="byte order mark, Chinese"),
    ],
)
def test_parse_gives_plain_values(text, value):
    assert parse(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(b"a: [1", "1:6: ", id="unclosed list"),
        pytest.param(b"a: 1\nb: 2\na: 3", "3:1: a stands here twice", id="a key twice"),
        pytest.param(b"a: 1\nb: \xff", "2:4: not UTF-8", id="not UTF-8"),
        pytest.param(b"a: 1\n\nb: \x07", "3:4: special characters", id="control character"),
        pytest.param(b"a:\n\tb: 1", "2:1: ", id="tab"),
        pytest.param(b"a: !!python/name:os.system ", "1:4: ", id="python tag"),
        pytest.param(b"a: 1\n---\nb: 2", "2:1: ", id="two documents"),
        pytest.param(b"[" * 1000, "1:1: nested too deeply", id="nested too deeply"),
        pytest.param(b"9" * 5000, "1:1: ", id="a number too long"),
        pytest.param(b"? [1]\n: 2", "1:3: ", id="a list as a key"),
    ],
)
def test_parse_names_line_and_column_of_a_mistake_in_one_line(text, message):
    with pytest.raises(YamlError) as caught:
        parse(text)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
