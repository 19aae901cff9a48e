"""The parameter `versionId`: which version of an object is meant.

Source: "Versioning" in the API reference; the SDK suites send ids that look right and are not, and want a refusal.
"""

from emulator.errors import InvalidArgument
from emulator.model import NULL_VERSION
from emulator.version_id import version_time
from emulator.wire.request import OssRequest


def read_version_id(request: OssRequest) -> str | None:
    """The version that `request` asks for; `None` is the current one.

    Raises:
        InvalidArgument: it is empty, or an id that no version can have.
    """
    version_id = request.parameters.get("versionId")
    return None if version_id is None else parse_version_id(version_id)


def parse_version_id(text: str) -> str:
    """`text`, which can be the id of a version, or `null`.

    Raises:
        InvalidArgument: it is empty, or an id that no version can have.
    """
    if text == NULL_VERSION or version_time(text):
        return text
    if not text:
        raise InvalidArgument("Version id can not be the empty string.", ArgumentName="versionId", ArgumentValue=text)
    raise InvalidArgument(
        "Invalid version id specified.",
        hint=f"No version was ever called {text!r}: ids have 64 characters and come from the emulator.",
        ArgumentName="versionId",
        ArgumentValue=text,
    )
