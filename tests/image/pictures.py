"""Small pictures to process, and looks at what has become of them."""

import io
from typing import Any

from PIL import Image

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def picture(width: int = 40, height: int = 30, kind: str = "PNG", mode: str = "RGB", **options: Any) -> bytes:
    """A picture whose left half is red and whose right half is blue."""
    image = Image.new(mode, (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return save(image, kind, **options)


def save(image: Image.Image, kind: str, **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def look(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def pixel(data: bytes, x: int, y: int) -> tuple[int, ...]:
    """The colour there, with its opacity where it has one."""
    image = look(data)
    color = image.convert("RGBA" if image.has_transparency_data else "RGB").getpixel((x, y))
    assert isinstance(color, tuple)
    return color
