"""Version ids as OSS forms them: 64 characters that decode to a small message with a time and a random part.

Source: version ids in the documentation's samples, decoded; the SDK suites send ids that look right and are not, and
want a refusal.
"""

import base64
import binascii
import re

from emulator.errors import InvalidArgument, NoSuchVersion

NULL = "null"
_SHAPE = re.compile(rb"\x08\x01\x10[\x00-\x7f]\x18[\x80-\xff]{8}[\x00-\x7f]\x22\x20[0-9a-f]{32}\Z", re.DOTALL)


def is_version_id(text: str) -> bool:
    """Whether `text` can be a version's id: base64 with `.` `_` `-` for `+` `/` `=`, holding the message OSS packs."""
    if len(text) != 64 or not text.isascii():
        return False
    try:
        message = base64.b64decode(text.translate({46: 43, 95: 47, 45: 61}), validate=True)
    except binascii.Error:
        return False
    return _SHAPE.match(message) is not None


def check_version_id(version_id: str, *, key: str) -> None:
    """Refuse any version but `null`, the only one that objects have in a bucket without versioning.

    Raises:
        InvalidArgument: the id is empty or could not have been given out.
        NoSuchVersion: it could, but no such version exists.
    """
    if version_id == NULL:
        return
    if not version_id:
        raise InvalidArgument(
            "Version id can not be the empty string.", ArgumentName="versionId", ArgumentValue=version_id
        )
    if not is_version_id(version_id):
        raise InvalidArgument(
            "Invalid version id specified.",
            hint=f"No version was ever called {version_id!r}: ids have 64 characters and come from the emulator.",
            ArgumentName="versionId",
            ArgumentValue=version_id,
        )
    raise NoSuchVersion(Key=key, VersionId=version_id)
