import pytest

from emulator.errors import InvalidArgument
from emulator.wire.version_id import parse_version_id

DOCUMENTED = "CAEQNRiBgIDyz.6C0BYiIGQ2NWEwNmVhNTA3ZTQ3MzM5ODliYjM1ZTdjYjA4MDE1"


@pytest.mark.parametrize("version_id", ["null", DOCUMENTED])
def test_what_can_be_an_id_is_one(version_id: str) -> None:
    assert parse_version_id(version_id) == version_id


@pytest.mark.parametrize(
    ("version_id", "message"),
    [
        pytest.param("", "Version id can not be the empty string.", id="empty"),
        pytest.param("234", "Invalid version id specified.", id="malformed"),
    ],
)
def test_anything_else_is_refused(version_id: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message) as caught:
        parse_version_id(version_id)
    assert caught.value.elements == {"ArgumentName": "versionId", "ArgumentValue": version_id}
