"""What `x-oss-process` asks for, read: stages between `|`, each of them a kind and its actions.

    image/resize,m_fill,w_100,h_100/rotate,90|sys/saveas,o_<base64 of the key>,b_<base64 of the bucket>

Source: "Image processing"; "ProcessObject" for `sys/saveas`.
"""

import base64
import binascii
from typing import NamedTuple

from emulator.errors import InvalidArgument

MAX_PROCESS_CHARACTERS = 8192  # Guess: OSS has a limit, which is not known


class Action(NamedTuple):
    """An action of a stage: `resize,w_100` has the name `resize` and the parameters `{"w": "100"}`.

    What stands there without a name, as in `rotate,90`, is the parameter `""`.
    """

    name: str
    parameters: dict[str, str]

    def integer(self, name: str, default: int, lowest: int, highest: int) -> int:
        """The whole number that the parameter says.

        Raises:
            InvalidArgument: it is none, or out of bounds.
        """
        text = self.parameters.get(name)
        if text is None:
            return default
        if text.isascii() and text.isdigit() and len(text) <= 9 and lowest <= int(text) <= highest:
            return int(text)
        raise self.invalid(name, f"It is a whole number from {lowest} to {highest}.")

    def choice(self, name: str, default: str, *choices: str) -> str:
        """Which of `choices` the parameter says.

        Raises:
            InvalidArgument: none of them.
        """
        text = self.parameters.get(name, default)
        if text in choices:
            return text
        raise self.invalid(name, f"It is one of {', '.join(choices)}.")

    def invalid(self, name: str, hint: str) -> InvalidArgument:
        """The refusal of a parameter. Guess: the message."""
        text = self.parameters.get(name, "")
        return InvalidArgument(
            f"The value: {text} of parameter: {name or self.name} is invalid.",
            hint=f"In {self.name} of x-oss-process: {hint}",
            ArgumentName=name or self.name,
            ArgumentValue=text,
        )


class SaveAs(NamedTuple):
    """Where the result goes: a key, and a bucket, which is `""` for that of the source."""

    key: str
    bucket: str


class Process(NamedTuple):
    """What is to be done: `actions` of the kind `kind` (`image`, `style`, `video`, ...), and `save_as`, if anywhere."""

    kind: str
    actions: tuple[Action, ...]
    save_as: SaveAs | None


def parse_process(text: str) -> Process:
    """What the text of `x-oss-process` asks for.

    Raises:
        InvalidArgument: it is too long, or asks for nothing that can be understood.
    """
    if len(text) > MAX_PROCESS_CHARACTERS:
        raise InvalidArgument(
            "The process string is too long.",
            ec="0017-00000288",
            hint=f"x-oss-process has {len(text)} characters; {MAX_PROCESS_CHARACTERS} are taken.",
            ArgumentName="x-oss-process",
        )
    stage, *later = text.split("|")
    kind, slash, actions = stage.partition("/")
    if not kind or not slash or not actions:
        raise _invalid(text, "It begins with a kind and an action, such as image/resize,w_100.")
    save_as = None
    for other in later:
        if save_as or not other.startswith("sys/saveas,"):
            raise _invalid(text, "After the | can stand one sys/saveas,o_<base64 of the key>,b_<base64 of the bucket>.")
        save_as = _parse_save_as(other, text)
    return Process(kind, tuple(map(_parse_action, actions.split("/"))), save_as)


def _parse_action(text: str) -> Action:
    name, *pieces = text.split(",")
    parameters: dict[str, str] = {}
    for piece in pieces:
        key, mark, value = piece.partition("_")
        parameters[key if mark else ""] = value if mark else piece
    return Action(name, parameters)


def _parse_save_as(stage: str, text: str) -> SaveAs:
    parameters = _parse_action(stage).parameters
    try:
        key, bucket = (_decode(parameters.get(name, "")) for name in ("o", "b"))
    except (binascii.Error, ValueError) as error:
        raise _invalid(text, "Key and bucket of sys/saveas are URL-safe base64.") from error
    if not key:
        raise _invalid(text, "sys/saveas names its key as o_<base64 of the key>.")
    return SaveAs(key, bucket)


def _decode(text: str) -> str:
    """What `text`, base64 of either alphabet, with or without its padding, says."""
    plain = text.translate(str.maketrans("-_", "+/")).rstrip("=")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True).decode()


def _invalid(text: str, hint: str) -> InvalidArgument:
    return InvalidArgument(
        "The process string is invalid.", hint=hint, ArgumentName="x-oss-process", ArgumentValue=text
    )
