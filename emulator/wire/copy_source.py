"""The header `x-oss-copy-source`: which object is to be copied.

Source: "CopyObject", "UploadPartCopy"; the suites of the Python and Node.js SDKs for what is encoded.
"""

from typing import NamedTuple

from emulator.errors import InvalidArgument
from emulator.wire.percent import decode

COPY_SOURCE = "x-oss-copy-source"


class CopySource(NamedTuple):
    """An object to copy; `version_id` is `None` for the current version."""

    bucket: str
    key: str
    version_id: str | None


def parse_copy_source(text: str, *, ec: str = "", ec_empty: str = "") -> CopySource:
    """The object that `/bucket/key` or `/bucket/key?versionId=ID`, percent-encoded, names.

    Raises:
        InvalidArgument: it has another form, and the EC `ec`, or `ec_empty` if there is nothing at all.
    """
    path, mark, query = text.partition("?")
    slash, bucket, key = ("", "", "") if path[:1] != "/" else ("/", *_split(path[1:]))
    if not slash or not bucket or not key:
        raise _invalid(
            text,
            "Copy Source must mention the source bucket and key: /sourcebucket/sourcekey.",
            ec=ec if text else ec_empty,
            hint=f"{COPY_SOURCE} is {text!r}; it needs a slash, the bucket, a slash and the percent-encoded key.",
        )
    if not mark:
        return CopySource(bucket, key, None)
    name, _, version_id = query.partition("=")
    if name != "versionId":
        raise _invalid(
            text,
            "The query of the copy source is not valid.",
            ec="0016-00000304",
            hint=f"What follows the ? of {COPY_SOURCE} is versionId=...; a ? that is part of the key is written %3F.",
        )
    if not version_id:
        raise _invalid(text, "Version id can not be the empty string.", ec="0016-00000305")
    return CopySource(bucket, key, decode(version_id))


def _split(path: str) -> tuple[str, str]:
    """Bucket and key; an encoded first slash separates them, too."""
    bucket, _, key = path.partition("/")
    if not key and "%2f" in path.lower():
        bucket, _, key = decode(path).partition("/")
        return bucket, key
    return decode(bucket), decode(key)


def _invalid(text: str, message: str, *, ec: str = "", hint: str = "") -> InvalidArgument:
    return InvalidArgument(message, ec=ec, hint=hint, ArgumentName=COPY_SOURCE, ArgumentValue=text)
