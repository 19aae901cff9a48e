"""Width, height and format of an image, from its first bytes. What cannot be read is no image.

Source: "Get image info" among the EC pages names the formats. Guess: OSS looks at the bytes, not at the Content-Type.
"""

from typing import BinaryIO

import imagesize
import msgspec

_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})


class ImageInfo(msgspec.Struct, frozen=True):
    """Pixels, and the format as `${imageInfo.format}` spells it."""

    width: int
    height: int
    format: str


def read_image_info(file: BinaryIO) -> ImageInfo | None:
    """What the image at the start of `file` is; `None` if it is none of OSS's formats or cannot be read."""
    name = _format(file.read(12))
    if name is None:
        return None
    file.seek(0)
    try:
        width, height = imagesize.get(file, exif_rotation=False)
    except Exception:  # a broken header fails in as many ways as there are formats; each means "no image"
        return None
    if width <= 0 or height <= 0:
        return None
    return ImageInfo(width, height, name)


def _format(head: bytes) -> str | None:
    """The format whose magic bytes `head`, the first twelve, begins with."""
    if head.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head.startswith(b"BM"):
        return "bmp"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    if head.startswith((b"II*\x00", b"MM\x00*")):
        return "tiff"
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS:
        return "heic"
    return None
