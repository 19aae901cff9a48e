"""The continuation token of ListObjectsV2: the last entry of a page, packed so that a made-up token is recognised.

Source: the tokens in the documentation's samples, decoded: a protobuf message whose field 1 is the entry, in base64
with `.` `_` `-` for `+` `/` `=`.
"""

import base64
import binascii

from emulator.errors import InvalidArgument

_FIELD_1_TEXT = 0x0A
_TO_OSS = str.maketrans("+/=", "._-")
_TO_BASE64 = str.maketrans("._-", "+/=")


def format_token(last: str) -> str:
    """The token that continues after the entry `last`."""
    data = last.encode()
    message = bytes([_FIELD_1_TEXT]) + _varint(len(data)) + data
    return base64.b64encode(message).decode().translate(_TO_OSS)


def parse_token(text: str) -> str:
    """The entry after which the token `text` continues.

    Raises:
        InvalidArgument: no page ended with this token.
    """
    try:
        message = base64.b64decode(text.translate(_TO_BASE64), validate=True)
        header = 3 if message[1] & 0x80 else 2  # one byte of length, or two
        last = message[header:].decode()
        if format_token(last) == text:
            return last
    except (binascii.Error, ValueError, IndexError):
        pass
    raise InvalidArgument(
        "Argument continuation-token is invalid.",
        ec="0015-00000404",
        hint="Send the NextContinuationToken of the page before, unchanged; to start after a key, send start-after.",
        ArgumentName="continuation-token",
        ArgumentValue=text,
    )


def _varint(number: int) -> bytes:
    """A protobuf integer, seven bits a byte; no key is longer than two of them can say."""
    return bytes([number]) if number < 0x80 else bytes([number & 0x7F | 0x80, number >> 7])
