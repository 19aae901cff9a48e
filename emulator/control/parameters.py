"""The query parameters of the emulator's own endpoints: read, or refused with a word about what is taken."""

from collections.abc import Mapping, Sequence

from emulator.control.answers import Refusal

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000


def check_names(parameters: Mapping[str, str], names: Sequence[str]) -> None:
    """Refuse what is none of `names`: a filter that is overlooked would give an answer that looks right.

    Raises:
        Refusal: 400, for the first of them.
    """
    for name in parameters:
        if name not in names:
            known = f"The parameters are {', '.join(names)}." if names else "It takes none."
            raise Refusal(400, f"There is no parameter {name!r} here.", known)


def parse_limit(parameters: Mapping[str, str]) -> int:
    """How many records are asked for."""
    return whole_number(parameters, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)


def whole_number(parameters: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """A parameter that is a whole number.

    Raises:
        Refusal: 400, it is none, or out of bounds.
    """
    text = parameters.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not least <= int(text[:9]) <= most:
        raise Refusal(400, f"{name} is {text!r}.", f"{name} is a whole number from {least} to {most}.")
    return int(text)


def seconds(parameters: Mapping[str, str], name: str, default: float, most: float) -> float:
    """A parameter that is a time in seconds.

    Raises:
        Refusal: 400, it is none, or out of bounds.
    """
    text = parameters.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= most:
        raise Refusal(400, f"{name} is {text!r}.", f"{name} is a number of seconds from 0 to {most:g}.")
    return value
