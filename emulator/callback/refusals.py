"""OSS's words for a callback that it refuses (400) or gives up on (203): every message and EC in one table.

Alibaba Cloud says that ECs may change, so nothing branches on them. The messages keep OSS's own spelling.

Source: "HTTP status code 400", "HTTP status code 203" and the EC pages of the family 07-CALLBACK. Guess: where a line
says so, the message or the number is ours, because no page and no capture shows it.
"""

from typing import Any

import msgspec

from emulator.errors import InvalidArgument


class Refusal(msgspec.Struct, frozen=True):
    """A Message and its EC, as they stand in the error document."""

    message: str
    ec: str

    def error(self, hint: str, **elements: Any) -> InvalidArgument:
        """This refusal as the 400 that stops an upload; `elements` are the extra XML elements, in order."""
        return InvalidArgument(self.message, ec=self.ec, hint=hint, **elements)


def _refusal(message: str, number: int) -> Refusal:
    return Refusal(message, f"0007-{number:08d}")


# --- 400, before anything is stored ---------------------------------------------------------------------------------

CALLBACK_TOO_LONG = _refusal("The length of callback exceed max value.", 1)
CALLBACK_NOT_BASE64 = _refusal("The callback configuration is not base64 encoded.", 2)
CALLBACK_NOT_JSON = _refusal("The callback configuration is not json format.", 3)
URL_INVALID = _refusal("The callback url configuration is invalid.", 4)
TOO_MANY_URLS = _refusal("The number of callback url exceed max value.", 5)
HOST_UNRESOLVED = _refusal("Can not get ip by this host.", 7)
ADDRESS_PRIVATE = _refusal("Private address is forbidden to callback.", 8)
HOST_INVALID = _refusal("The callback host configuration is invalid.", 9)
BODY_INVALID = _refusal("The callback body is invalid.", 10)  # Guess: the number, by elimination
BODY_EMPTY = _refusal("The callback body is empty.", 11)
BODY_TYPE_INVALID = _refusal("The callback body type configuration is invalid.", 12)
BODY_TYPE_UNSUPPORTED = _refusal("The body type of callback is not supported.", 13)  # Guess: the number, as above
SIGNATURE_VERSION_INVALID = _refusal("The callback signature version is invalid.", 15)  # Guess: the number
SNI_INVALID = _refusal("The callback sni is invalid.", 17)  # Guess: the number
HEADERS_INVALID = _refusal("The callback additional headers is invalid.", 21)  # Guess: the message
TOO_MANY_HEADERS = _refusal("The number of callback additional headers exceed max value.", 22)  # Guess: both
HEADER_KEY_EMPTY = _refusal("The key of callback additional headers is empty.", 23)  # Guess: the message
HEADER_KEY_INVALID = _refusal("The key of callback additional headers is invalid.", 24)  # Guess: both
HEADER_VALUE_INVALID = _refusal("The value of callback additional headers is invalid.", 25)  # Guess: the message
HEADER_KEY_RESERVED = _refusal(
    "The key of callback additional headers can not start with x-oss-.", 26
)  # Guess: the message
CALLBACK_TWICE = _refusal(
    "Either the callback query string parameter or the x-oss-callback header should be specified, not both.", 27
)
VAR_TOO_LONG = _refusal("The length of callback var exceed max value.", 101)
VAR_NOT_BASE64 = _refusal("The callback var is not base64 encoded.", 102)  # Guess: the message
VAR_NOT_JSON = _refusal("The callback var is not json format.", 103)  # Guess: the message
VAR_NOT_STRINGS = _refusal("The callback var is not expecten json.", 104)  # Guess: the number; the typo is OSS's
LEFT_BRACE_MISSING = _refusal("Left brace must be adjacent to dollar sign.", 105)
RIGHT_BRACE_MISSING = _refusal("Right brace is missing.", 105)  # Guess: both
VARIABLE_UNKNOWN = _refusal("The variable of callback body is not supported.", 105)  # Guess: all of it
VAR_TWICE = _refusal(
    "Either the callback-var query string parameter or the x-oss-callback-var header should be specified, not both.",
    106,  # Guess: the number
)

# --- 203, the object is stored --------------------------------------------------------------------------------------

TOO_MANY_CALLBACKS = _refusal("Too many callback requests.", 201)
TIMED_OUT = _refusal("Cost too long time.", 202)
NOT_CONNECTED = _refusal("Error status : -1.OSS can not connect to your callbackUrl, please check it.", 203)
LENGTH_MISSING = _refusal("Error Status : 400.User server missing content-length.", 204)  # Guess: the number, thrice
LENGTH_INVALID = _refusal("Error Status : 400.User server return invalid conent-length value.", 204)
LENGTH_TOO_LONG = _refusal("Error Status : 400.User server return too long content-length value.", 204)
ANSWER_NOT_JSON = _refusal("Response body is not valid json format.", 205)
IMAGE_UNREADABLE = _refusal("Get image info failed.", 301)


def error_status(status: int) -> Refusal:
    """The application server answered `status`, or 502 stands for a TLS handshake that failed."""
    return _refusal(f"Error status : {status}.", 203)
