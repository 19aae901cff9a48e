"""Query parameters that several operations share, as typed values: page sizes, markers, `encoding-type`, speed limits.

Source: "ListObjects", "ListBuckets", "Single-connection bandwidth throttling"; the EC pages for the limits.
"""

from collections.abc import Callable, Mapping

from emulator.errors import InvalidArgument
from emulator.wire.address import MAX_KEY_BYTES
from emulator.wire.percent import encode

DEFAULT_MAX_KEYS = 100
MAX_PAGE_SIZE = 1000
MIN_TRAFFIC_LIMIT = 245_760  # bit/s
MAX_TRAFFIC_LIMIT = 838_860_800
TRAFFIC_LIMIT = "x-oss-traffic-limit"


def parse_max_keys(parameters: Mapping[str, str], *, ec: str) -> int:
    """How many entries a page may have: `max-keys`, 100 if it was not sent.

    Raises:
        InvalidArgument: it is no integer between 1 and 1000.
    """
    return parse_page_size(parameters, "max-keys", default=DEFAULT_MAX_KEYS, ec=ec)


def parse_page_size(parameters: Mapping[str, str], name: str, *, default: int, ec: str | None = None) -> int:
    """How many entries a page may have: the parameter `name`, `default` if it was not sent.

    Raises:
        InvalidArgument: it is no integer between 1 and 1000.
    """
    text = parameters.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= MAX_PAGE_SIZE:
        return int(text)
    raise _invalid_argument(name, text, f"must be an integer between 1 and {MAX_PAGE_SIZE}.", ec)


def parse_key_part(parameters: Mapping[str, str], name: str, *, ec: str | None = None) -> str:
    """The prefix or marker called `name`, `""` if it was not sent.

    Guess: the message, on the model of the one for `max-keys`.

    Raises:
        InvalidArgument: it is longer than a key can be, or not UTF-8.
    """
    text = parameters.get(name, "")
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        raise _invalid_argument(name, text, "must be encoded as UTF-8.", ec) from None
    if length > MAX_KEY_BYTES:
        raise _invalid_argument(name, text, f"must be less than {MAX_KEY_BYTES + 1} bytes.", ec)
    return text


def parse_delimiter(parameters: Mapping[str, str], *, ec: str | None = None) -> str:
    """The delimiter, `""` if there is none.

    Guess: the message, on the model of the one for `max-keys`.

    Raises:
        InvalidArgument: it is longer than one character, or not UTF-8.
    """
    text = parse_key_part(parameters, "delimiter", ec=ec)
    if len(text) > 1:
        raise _invalid_argument("delimiter", text, "must be one character.", ec)
    return text


def parse_encoding_type(parameters: Mapping[str, str]) -> Callable[[str], str] | None:
    """How `encoding-type` wants the names in the answer written; `None` if as they are.

    Guess: an empty value is none.

    Raises:
        InvalidArgument: it is anything but `url`, in whatever case.
    """
    text = parameters.get("encoding-type")
    if not text:
        return None
    if text.lower() == "url":
        return encode
    raise _invalid_argument("encoding-type", text, "must be url.", None)


def parse_traffic_limit(headers: Mapping[str, str], parameters: Mapping[str, str]) -> int | None:
    """The bytes a second that `x-oss-traffic-limit`, a header or a parameter, allows a transfer; `None` without it.

    Source: "Single-connection bandwidth throttling". Guess: the text where it is out of bounds; as it has been seen, it
    names 819200(100KB/s), which once was the least.

    Raises:
        InvalidArgument: it is no integer within OSS's bounds, or is given both ways.
    """
    in_header, in_query = headers.get(TRAFFIC_LIMIT), parameters.get(TRAFFIC_LIMIT)
    if in_header is not None and in_query is not None:
        raise InvalidArgument("x-oss-traffic-limit should be specified either in query string or header, not both.")
    text = in_query if in_header is None else in_header
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) <= 9 and MIN_TRAFFIC_LIMIT <= int(text) <= MAX_TRAFFIC_LIMIT:
        return int(text) // 8
    raise InvalidArgument(
        "x-oss-traffic-limit is invalid, should be specified between 245760(30KB/s) and 838860800(100MB/s).",
        hint=f"{TRAFFIC_LIMIT} is {text!r}; it counts bits, not bytes, a second.",
        ArgumentName=TRAFFIC_LIMIT,
        ArgumentValue=text,
    )


def _invalid_argument(name: str, value: str, rule: str, ec: str | None) -> InvalidArgument:
    return InvalidArgument(f"Argument {name} {rule}", ec=ec, ArgumentName=name, ArgumentValue=value)
