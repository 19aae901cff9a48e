"""The tags of an object: the header `x-oss-tagging`, and the rules that every set of tags keeps.

Source: "Object tagging"; "PutObjectTagging".
"""

import re
from collections.abc import Mapping

from emulator.errors import InvalidArgument, InvalidTag
from emulator.wire.percent import decode

MAX_TAGS = 10
MAX_TAG_KEY_CHARACTERS = 128
MAX_TAG_VALUE_CHARACTERS = 256

_TAG_TEXT = re.compile(r"[\w +\-=.:/]*\Z")  # letters of any script, digits, and these


def parse_tagging(text: str) -> dict[str, str]:
    """The tags of an `x-oss-tagging` value, `k1=v1&k2=v2` with both sides URL-encoded; `k` alone has an empty value.

    Raises:
        InvalidArgument: a key comes twice, a pair is empty, or the text is not UTF-8.
        InvalidTag: a tag breaks the rules of `check_tags`.
    """
    tags: dict[str, str] = {}
    for pair in text.split("&") if text else ():
        raw_key, _, raw_value = pair.partition("=")
        key, value = decode(raw_key), decode(raw_value)
        if not pair or key in tags or not _is_utf8(key + value):
            raise InvalidArgument(
                "The header 'x-oss-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without "
                "tag name duplicates.",
                hint=f"At {pair!r}: each tag is key=value, both URL-encoded, joined by &, and no key comes twice.",
                ArgumentName="x-oss-tagging",
                ArgumentValue=text,
            )
        tags[key] = value
    check_tags(tags)
    return tags


def check_tags(tags: Mapping[str, str]) -> None:
    """Raise `InvalidTag` unless an object can have all of `tags`.

    Guess: the wording for too many tags; the documentation has only its EC.
    """
    if len(tags) > MAX_TAGS:
        raise InvalidTag(
            f"Object tags cannot be greater than {MAX_TAGS}",
            ec="0010-00000218",
            hint=f"An object can have {MAX_TAGS} tags; the request has {len(tags)}.",
        )
    for key, value in tags.items():
        if not 1 <= len(key) <= MAX_TAG_KEY_CHARACTERS or not _TAG_TEXT.match(key):
            raise InvalidTag(hint=f"The tag key {key!r} is not 1 to {MAX_TAG_KEY_CHARACTERS} {_TAG_RULE}")
        if len(value) > MAX_TAG_VALUE_CHARACTERS or not _TAG_TEXT.match(value):
            raise InvalidTag(
                "The TagValue you have provided is invalid.",
                ec="0010-00000217",
                hint=f"The value {value!r} of tag {key!r} is not at most {MAX_TAG_VALUE_CHARACTERS} {_TAG_RULE}",
            )


_TAG_RULE = "letters, digits, spaces and + - = . _ : / characters."


def is_tag_text(text: str) -> bool:
    """Whether a tag may have `text`, whatever its length."""
    return _TAG_TEXT.match(text) is not None


def _is_utf8(text: str) -> bool:
    """Whether the bytes that `text` was decoded from were UTF-8."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
