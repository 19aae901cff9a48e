from datetime import UTC, datetime

import pytest

from emulator.version_id import form_version_id, version_time

DOCUMENTED = "CAEQNRiBgIDyz.6C0BYiIGQ2NWEwNmVhNTA3ZTQ3MzM5ODliYjM1ZTdjYjA4MDE1"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("234", id="what a suite sends"),
        pytest.param("IllegalVersion", id="what another suite sends"),
        pytest.param("null", id="the version that needs no id"),
        pytest.param("A" * 64, id="right length, no message"),
        pytest.param("é" * 64, id="not ASCII"),
        pytest.param(DOCUMENTED[:-1] + "=", id="padding where none can be"),
        pytest.param(
            "CAEQNRj_____________fyIgZDY1YTA2ZWE1MDdlNDczMzk4OWJiMzVlN2NiMDgwMTU-"[:64], id="a time that never comes"
        ),
    ],
)
def test_text_that_looks_like_an_id_is_told_from_one(text: str) -> None:
    assert version_time(text) is None


def test_time_is_read_from_a_documented_id() -> None:
    assert version_time(DOCUMENTED) == datetime(2019, 4, 9, 6, 9, 34, 692000, UTC)


@pytest.mark.parametrize("year", [1970, 2024, 2105])
def test_id_is_64_characters_that_tell_when_it_was_made(year: int) -> None:
    now = datetime(year, 2, 3, 4, 5, 6, 789000, UTC)
    version_id = form_version_id(now, bytes(16))
    assert (len(version_id), version_time(version_id)) == (64, now)


def test_ids_of_one_moment_differ_by_chance() -> None:
    now = datetime(2024, 2, 29, tzinfo=UTC)
    assert form_version_id(now, bytes(16)) != form_version_id(now, b"1" * 16)
