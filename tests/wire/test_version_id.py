import pytest

from emulator.errors import InvalidArgument, NoSuchVersion
from emulator.wire.version_id import check_version_id, is_version_id

DOCUMENTED = "CAEQNRiBgIDyz.6C0BYiIGQ2NWEwNmVhNTA3ZTQ3MzM5ODliYjM1ZTdjYjA4MDE1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(DOCUMENTED, True, id="documented sample"),
        pytest.param("CAEQMxiBgMDNoP2D0BYiIDE3MWUxNzgxZDQxNTRiODI5OGYwZGMwNGY3MzZjNDQy", True, id="another sample"),
        pytest.param("234", False, id="what a suite sends"),
        pytest.param("IllegalVersion", False, id="what another suite sends"),
        pytest.param("A" * 64, False, id="right length, no message"),
        pytest.param("é" * 64, False, id="not ASCII"),
        pytest.param(DOCUMENTED[:-1] + "=", False, id="padding where none can be"),
    ],
)
def test_version_id_is_told_from_text_that_looks_like_one(text: str, expected: bool) -> None:
    assert is_version_id(text) is expected


def test_null_is_the_version_every_object_has() -> None:
    check_version_id("null", key="a")


@pytest.mark.parametrize(
    ("version_id", "error", "message"),
    [
        pytest.param("", InvalidArgument, "Version id can not be the empty string.", id="empty"),
        pytest.param("234", InvalidArgument, "Invalid version id specified.", id="malformed"),
        pytest.param(DOCUMENTED, NoSuchVersion, "The specified version does not exist.", id="unknown"),
    ],
)
def test_any_other_version_is_refused(version_id: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        check_version_id(version_id, key="a")
