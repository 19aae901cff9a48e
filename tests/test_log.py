"""What the log's lines look like."""

import json
import logging
import re
import sys

import pytest

from emulator.log import JsonFormatter, TextFormatter


def record(message: str, *arguments: object, failed: bool = False) -> logging.LogRecord:
    error = None
    if failed:
        try:
            raise ValueError("cause")
        except ValueError:
            error = sys.exc_info()
    made = logging.LogRecord("emulator.app", logging.WARNING, __file__, 1, message, arguments, error)
    made.created = 1717243200.125  # 2024-06-01T12:00:00.125Z
    return made


def test_text_is_one_line_with_time_and_zone():
    line = TextFormatter().format(record("PUT %s", "a b"))
    assert re.fullmatch(r"2024-06-01 \d\d:\d0:00\.125[+-]\d\d:\d\d WARNING PUT a b", line)


@pytest.mark.parametrize("character", ["\n", "\r", "\x1b", "\x00", "\u2028", "\x85"])
def test_text_does_not_let_a_client_begin_a_line_or_move_the_cursor(character):
    line = TextFormatter().format(record("PUT %s", f"a{character}b"))
    assert character not in line
    assert character.encode("unicode_escape").decode() in line


def test_text_shows_the_traceback_below_the_line():
    first, *rest = TextFormatter().format(record("failed", failed=True)).splitlines()
    assert first.endswith("failed")
    assert rest[-1] == "ValueError: cause"


def test_json_is_an_object_with_utc_time():
    entry = json.loads(JsonFormatter().format(record("PUT %s", "测试\n")))
    assert entry == {
        "time": "2024-06-01T12:00:00.125Z",
        "level": "warning",
        "logger": "emulator.app",
        "message": "PUT 测试\n",
    }


def test_json_holds_what_is_not_utf_8_as_an_escape():
    assert json.loads(JsonFormatter().format(record("PUT \udcff")))["message"] == "PUT \\udcff"


def test_json_holds_the_traceback_in_the_same_line():
    line = JsonFormatter().format(record("failed", failed=True))
    assert "\n" not in line
    assert "ValueError: cause" in json.loads(line)["traceback"]
