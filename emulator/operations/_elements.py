"""Reading the elements of a document that a client sent: texts, switches, numbers, and which elements there may be."""

from collections.abc import Iterable
from xml.etree.ElementTree import Element

from emulator.errors import InvalidArgument, MalformedXML

_MAX_DIGITS = 18  # as many as a signed 64-bit number surely holds


def check_children(element: Element, names: Iterable[str], *, repeatable: Iterable[str] = ()) -> None:
    """Raise `MalformedXML` if `element` has children of other names, or two of one that is not `repeatable`."""
    seen: set[str] = set()
    for child in element:
        if child.tag not in names:
            raise MalformedXML(hint=f"<{element.tag}> has a <{child.tag}>; it may have {', '.join(sorted(names))}.")
        if child.tag in seen and child.tag not in repeatable:
            raise MalformedXML(hint=f"<{element.tag}> has more than one <{child.tag}>.")
        seen.add(child.tag)


def text_of(element: Element, name: str) -> str | None:
    """The text of the child called `name`, without blanks around it; `None` if there is no such child."""
    child = element.find(name)
    return None if child is None else (child.text or "").strip()


def switch_of(element: Element, name: str) -> bool | None:
    """Whether the child called `name` says true, in whatever case; `None` if there is no such child.

    Raises:
        MalformedXML: it says neither true nor false.
    """
    child = element.find(name)
    return None if child is None else read_switch(child)


def read_switch(element: Element) -> bool:
    """Whether `element` says true, in whatever case.

    Raises:
        MalformedXML: it says neither true nor false.
    """
    text = (element.text or "").strip()
    if text.lower() not in ("true", "false"):
        raise MalformedXML(hint=f"{element.tag} is {text!r}; it is true or false.")
    return text.lower() == "true"


def number_of(element: Element, name: str, *, least: int = 1) -> int | None:
    """The whole number in the child called `name`; `None` if there is no such child.

    Raises:
        MalformedXML: it is no whole number.
        InvalidArgument: it is below `least`.
    """
    text = text_of(element, name)
    if text is None:
        return None
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > _MAX_DIGITS:
        raise MalformedXML(hint=f"{name} is {text!r}; it is a whole number.")
    if int(text) < least:
        raise invalid(name, text, f"{name} is at least {least}.")
    return int(text)


def invalid(name: str, value: object, hint: str, *, ec: str | None = None) -> InvalidArgument:
    """The refusal of a value in the element called `name`."""
    return InvalidArgument(ec=ec, hint=hint, ArgumentName=name, ArgumentValue=value)
