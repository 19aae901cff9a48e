import json
import struct
import sys
import zlib

import pytest
from PIL import Image

from emulator.errors import (
    BadRequest,
    ImageDamage,
    ImageTooLarge,
    InvalidArgument,
    OperationNotImplemented,
    OssError,
)
from emulator.image import pillow
from emulator.image.pillow import process_image
from emulator.image.process import parse_process
from tests.image.pictures import BLUE, GREEN, RED, look, picture, pixel, save

WHITE = (255, 255, 255)


def process(data: bytes, actions: str) -> bytes:
    return process_image(data, parse_process(f"image/{actions}").actions).data


@pytest.mark.parametrize(
    ("actions", "size"),
    [
        pytest.param("resize,w_20", (20, 15), id="one side"),
        pytest.param("resize,h_10", (13, 10), id="the other side"),
        pytest.param("resize,w_20,h_10", (13, 10), id="both: inside"),
        pytest.param("resize,m_lfit,w_20,h_10", (13, 10), id="lfit"),
        pytest.param("resize,m_mfit,w_20,h_10", (20, 15), id="mfit"),
        pytest.param("resize,m_fill,w_20,h_10", (20, 10), id="fill"),
        pytest.param("resize,m_pad,w_20,h_10", (20, 10), id="pad"),
        pytest.param("resize,m_fixed,w_20,h_10", (20, 10), id="fixed"),
        pytest.param("resize,m_fixed,w_20", (20, 15), id="fixed, one side"),
        pytest.param("resize,m_fill,w_20", (20, 20), id="fill, one side", marks=pytest.mark.guess),
        pytest.param("resize,l_20", (20, 15), id="the longer side"),
        pytest.param("resize,s_15", (20, 15), id="the shorter side"),
        pytest.param("resize,p_50", (20, 15), id="percent"),
        pytest.param("resize,w_80", (40, 30), id="not made larger"),
        pytest.param("resize,w_80,limit_0", (80, 60), id="made larger"),
        pytest.param("resize,p_200,limit_0", (80, 60), id="twice"),
        pytest.param("resize", (40, 30), id="no size"),
        pytest.param("resize,m_fixed,w_1,h_1", (1, 1), id="smallest"),
        pytest.param("crop,w_20,h_10", (20, 10), id="crop"),
        pytest.param("crop,x_30,w_20", (10, 30), id="crop at the edge"),
        pytest.param("indexcrop,x_15,i_2", (10, 30), id="last slice"),
        pytest.param("indexcrop,y_20,i_0", (40, 20), id="first slice downwards"),
        pytest.param("indexcrop,x_15,i_3", (40, 30), id="no such slice"),
        pytest.param("rotate,90", (30, 40), id="quarter"),
        pytest.param("rotate,180", (40, 30), id="half"),
        pytest.param("rotate,0", (40, 30), id="not at all"),
        pytest.param("circle,r_10", (20, 20), id="circle"),
        pytest.param("circle,r_100", (30, 30), id="circle as large as can be"),
        pytest.param("rounded-corners,r_5", (40, 30), id="rounded corners"),
        pytest.param("resize,w_20/rotate,90/crop,w_5", (5, 20), id="one after the other"),
        pytest.param("quality,q_50", (40, 30), id="quality"),
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_the_size_of_what_comes_out(kind: str, actions: str, size: tuple[int, int]) -> None:
    image = look(process(picture(kind=kind), actions))
    assert (image.format, image.size) == (kind, size)


@pytest.mark.parametrize(
    ("gravity", "color"),
    [("nw", RED), ("west", RED), ("sw", RED), ("ne", BLUE), ("east", BLUE), ("se", BLUE)],
)
def test_a_cut_begins_where_its_gravity_says(gravity: str, color: tuple[int, ...]) -> None:
    assert pixel(process(picture(), f"crop,w_10,h_10,g_{gravity}"), 5, 5) == color


def test_the_middle_is_cut_out_of_the_middle() -> None:
    data = process(picture(), "crop,w_10,h_10,g_center")
    assert [pixel(data, x, 5) for x in (0, 9)] == [RED, BLUE]


def test_a_turn_is_clockwise() -> None:
    data = process(picture(), "rotate,90")
    assert [pixel(data, 15, y) for y in (0, 39)] == [RED, BLUE]
    half = process(picture(), "rotate,180")
    assert [pixel(half, x, 15) for x in (0, 39)] == [BLUE, RED]


def test_a_turn_askew_fills_its_corners() -> None:
    opaque = process(picture(), "rotate,45")
    assert pixel(opaque, 0, 0) == WHITE
    assert look(opaque).width > 40
    assert pixel(process(picture(mode="RGBA"), "rotate,45"), 0, 0)[3] == 0


def test_padding_has_the_color_that_is_asked_for() -> None:
    assert pixel(process(picture(), "resize,m_pad,w_20,h_20"), 5, 0) == WHITE
    assert pixel(process(picture(), "resize,m_pad,w_20,h_20,color_00FF00"), 5, 0) == GREEN


@pytest.mark.parametrize("action", ["circle,r_15", "rounded-corners,r_10"])
def test_what_is_cut_off_is_transparent_or_white(action: str) -> None:
    png = process(picture(), action)
    assert (pixel(png, 0, 0)[3], pixel(png, 14, 14)[3]) == (0, 255)
    jpeg = process(picture(kind="JPEG"), action)
    assert min(pixel(jpeg, 0, 0)) > 240


@pytest.mark.parametrize(
    ("name", "kind", "content_type"),
    [
        ("jpg", "JPEG", "image/jpeg"),
        ("jpeg", "JPEG", "image/jpeg"),
        ("png", "PNG", "image/png"),
        ("webp", "WEBP", "image/webp"),
        ("gif", "GIF", "image/gif"),
        ("bmp", "BMP", "image/bmp"),
        ("tiff", "TIFF", "image/tiff"),
    ],
)
def test_an_image_is_given_another_format(name: str, kind: str, content_type: str) -> None:
    result = process_image(picture(mode="RGBA"), parse_process(f"image/format,{name}").actions)
    assert (look(result.data).format, result.content_type) == (kind, content_type)


def test_quality_makes_a_photograph_smaller() -> None:
    photograph = save(Image.effect_noise((64, 64), 80).convert("RGB"), "JPEG", quality=95)
    sizes = [len(process(photograph, f"quality,{quality}")) for quality in ("q_90", "Q_50", "q_10")]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 3


def test_interlaced_is_progressive() -> None:
    assert look(process(picture(kind="JPEG"), "interlace,1")).info.get("progressive")
    assert not look(process(picture(kind="JPEG"), "interlace,0")).info.get("progressive")


def test_an_image_is_turned_as_its_camera_was_held() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: to be turned clockwise
    held = picture(kind="JPEG", exif=exif)
    assert look(process(held, "auto-orient,1")).size == (30, 40)
    assert look(process(held, "auto-orient,0")).size == (40, 30)


def test_info_tells_format_and_size_and_what_the_camera_has_noted() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x0132], exif[0x011A] = 6, "2015:02:11 15:38:27", 72.0
    held = picture(kind="JPEG", exif=exif)
    result = process_image(held, parse_process("image/info").actions)
    assert result.content_type == "application/json"
    told = {name: member["value"] for name, member in json.loads(result.data).items()}
    assert told == {
        "FileSize": str(len(held)),
        "Format": "jpg",
        "FrameCount": "1",
        "ImageHeight": "30",
        "ImageWidth": "40",
        "Orientation": "6",
        "DateTime": "2015:02:11 15:38:27",
        "XResolution": "72/1",
    }
    assert list(told) == list(json.loads(result.data))


def animation(count: int = 3, side: int = 40) -> bytes:
    frames = [Image.new("RGB", (side, side), (80 * number, 0, 0)) for number in range(count)]
    return save(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)


def test_an_animation_stays_one_where_the_format_can() -> None:
    shrunk = look(process(animation(), "resize,w_20"))
    assert (shrunk.size, getattr(shrunk, "n_frames", 1)) == ((20, 20), 3)
    assert look(process(animation(), "format,png")).format == "PNG"
    info = json.loads(process(animation(), "info"))
    assert (info["FrameCount"], info["Format"]) == ({"value": "3"}, {"value": "gif"})


@pytest.mark.parametrize(
    ("actions", "error"),
    [
        pytest.param("resize,w_0", InvalidArgument, id="no width"),
        pytest.param("resize,w_16385", InvalidArgument, id="too wide"),
        pytest.param("resize,m_any,w_10", InvalidArgument, id="mode"),
        pytest.param("resize,m_pad,w_20,h_20,color_red!", InvalidArgument, id="color"),
        pytest.param("crop,w_10,g_up", InvalidArgument, id="gravity"),
        pytest.param("crop,x_40", BadRequest, id="cut outside"),
        pytest.param("rotate,361", InvalidArgument, id="angle"),
        pytest.param("format,psd", InvalidArgument, id="format"),
        pytest.param("quality,q_0", InvalidArgument, id="quality"),
        pytest.param("resize,m_fixed,w_16384,h_16384,limit_0", ImageTooLarge, id="too many pixels"),
        pytest.param("watermark,text_SGVsbG8", OperationNotImplemented, id="watermark"),
        pytest.param("resize,w_20/blur,r_3,s_2", OperationNotImplemented, id="an action that there is not"),
    ],
)
def test_what_cannot_be_done_is_refused(actions: str, error: type[OssError]) -> None:
    with pytest.raises(error):
        process(picture(), actions)


def test_what_is_not_implemented_is_named() -> None:
    with pytest.raises(OperationNotImplemented, match="The image action watermark is not implemented"):
        process(picture(), "watermark,text_SGVsbG8")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"hello", id="text"),
        pytest.param(picture()[:-40], id="cut off"),
        pytest.param(picture(kind="JPEG")[:100], id="head alone"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'/>", id="SVG"),
    ],
)
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(ImageDamage, match="The image file may be damaged"):
        process(data, "resize,w_20")


def bomb(side: int) -> bytes:
    """A little file that says it is a square of so many pixels a side."""
    head = b"IHDR" + struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return picture()[:12] + head + struct.pack(">I", zlib.crc32(head)) + picture()[33:]


def test_bombs_are_refused_before_they_go_off(monkeypatch: pytest.MonkeyPatch) -> None:
    for side in (9_000, 14_000, 30_000):  # beyond our bound, beyond Pillow's first and beyond its second
        with pytest.raises(ImageTooLarge):
            process(bomb(side), "info")
    monkeypatch.setattr(pillow, "MAX_SOURCE_PIXELS", 3 * 40 * 40 - 1)
    with pytest.raises(ImageTooLarge):
        process(animation(), "info")
    monkeypatch.setattr(pillow, "MAX_SOURCE_PIXELS", 3 * 40 * 40)
    with pytest.raises(ImageTooLarge):
        process(animation(), "resize,w_80,limit_0")
    monkeypatch.setattr(pillow, "MAX_SOURCE_BYTES", 10)
    with pytest.raises(ImageTooLarge):
        process(picture(), "info")


def test_without_pillow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(OperationNotImplemented) as refused:
        process_image(b"", parse_process("image/info").actions)
    assert "oss-emulator[image]" in refused.value.hint
