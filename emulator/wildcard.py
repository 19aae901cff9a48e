"""Wildcards as OSS's policies have them: `*` stands for any text, slashes too, and `?` for one character."""

import re
from functools import lru_cache


def fits(pattern: str, text: str) -> bool:
    """Whether the whole of `text` is as `pattern` says. The time it takes grows with the length of both, no faster."""
    first, *rest = pattern.split("*")
    if not rest:
        return len(first) == len(text) and _at(first, text, 0)
    *middle, last = rest
    end = len(text) - len(last)
    if end < len(first) or not _at(first, text, 0) or not _at(last, text, end):
        return False
    position = len(first)
    for piece in middle:  # the leftmost place of each piece leaves the most room for the next
        found = _find(piece, text, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return position <= end


def _at(piece: str, text: str, position: int) -> bool:
    """Whether `piece` stands at `position` of `text`."""
    if "?" not in piece:
        return text.startswith(piece, position)
    return _one_of_each(piece).match(text, position) is not None


def _find(piece: str, text: str, start: int, end: int) -> int:
    """Where `piece` stands first between `start` and `end`; -1 if it does not."""
    if "?" not in piece:
        return text.find(piece, start, end)
    found = _one_of_each(piece).search(text, start, end)
    return found.start() if found else -1


@lru_cache(maxsize=256)
def _one_of_each(piece: str) -> re.Pattern[str]:
    return re.compile("".join("." if character == "?" else re.escape(character) for character in piece), re.DOTALL)
