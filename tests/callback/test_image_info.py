"""Images of every format that OSS probes, made by hand: 3 wide, 2 high."""

import io
import struct

import pytest

from emulator.callback.image_info import ImageInfo, read_image_info


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + struct.pack(">II", 3, 2) + b"\x08\x02\0\0\0"
GIF = b"GIF89a" + struct.pack("<HH", 3, 2) + b"\0\0\0" + b"\0" * 16
BMP = b"BM" + b"\0" * 12 + struct.pack("<IiiHH", 40, 3, 2, 1, 24) + b"\0" * 24
FRAME = b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, 2, 3, 3) + b"\1\x22\0\2\x11\1\3\x11\1"
JPEG = b"\xff\xd8" + b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF\0\1\1\0\0\1\0\1\0\0" + FRAME + b"\xff\xd9"
TIFF = (
    b"II*\0"
    + struct.pack("<IH", 8, 2)
    + struct.pack("<HHIHH", 256, 3, 1, 3, 0)
    + struct.pack("<HHIHH", 257, 3, 1, 2, 0)
    + b"\0" * 8
)
WEBP = b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + b"\2\0\0" + b"\1\0\0"
EXIF = b"Exif\0\0" + b"MM\0*" + struct.pack(">IH", 8, 1) + struct.pack(">HHIHH", 0x112, 3, 1, 6, 0) + b"\0\0\0\0"
ROTATED = b"\xff\xd8" + b"\xff\xe1" + struct.pack(">H", 2 + len(EXIF)) + EXIF + FRAME + b"\xff\xd9"
HEIC = box(b"ftyp", b"heic\0\0\0\0mif1heic") + box(
    b"meta",
    b"\0\0\0\0"
    + box(b"hdlr", b"\0" * 8 + b"pict" + b"\0" * 13)
    + box(b"pitm", b"\0\0\0\0\0\1")
    + box(b"iinf", b"\0\0\0\0\0\1" + box(b"infe", b"\2\0\0\0\0\1\0\0hvc1\0"))
    + box(
        b"iprp",
        box(b"ipco", box(b"ispe", b"\0\0\0\0" + struct.pack(">II", 3, 2))) + box(b"ipma", b"\0\0\0\0\0\0\0\1\0\1\1\1"),
    ),
)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        pytest.param(JPEG, "jpg", id="JPG"),
        pytest.param(PNG, "png", id="PNG"),
        pytest.param(BMP, "bmp", id="BMP"),
        pytest.param(GIF, "gif", id="GIF"),
        pytest.param(WEBP, "webp", id="WebP"),
        pytest.param(TIFF, "tiff", id="TIFF"),
        pytest.param(HEIC, "heic", id="HEIC"),
        pytest.param(ROTATED, "jpg", id="JPG whose EXIF turns it: not swapped"),
    ],
)
def test_image_is_measured(data, name):
    assert read_image_info(io.BytesIO(data)) == ImageInfo(3, 2, name)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"hello, world", id="text"),
        pytest.param(b"\xff\xd8\xff" + b"x" * 28, id="31 bytes that begin like a JPG, as in a capture"),
        pytest.param(PNG[:12], id="PNG cut off"),
        pytest.param(TIFF[:8], id="TIFF cut off"),
        pytest.param(HEIC[:40], id="HEIC cut off"),
        pytest.param(b"BM" + b"\0" * 40, id="BMP of no size"),
        pytest.param(
            b'<svg xmlns="http://www.w3.org/2000/svg" width="3" height="2"/>', id="SVG, which OSS does not probe"
        ),
        pytest.param(b"RIFF\0\0\0\0WAVEfmt ", id="another RIFF"),
    ],
)
def test_what_is_no_image_gives_nothing(data):
    assert read_image_info(io.BytesIO(data)) is None
