"""Images read, changed and written by Pillow, which is an extra: `pip install 'oss-emulator[image]'`.

Blocks, and takes as much memory as the image has pixels: to be called in a thread, for one image at a time.

Source: "Image processing" and the pages of its actions.
"""

import io
import json
import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from emulator.errors import BadRequest, ImageDamage, ImageTooLarge, OperationNotImplemented
from emulator.image.process import Action

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_SOURCE_BYTES = 20 * 1024 * 1024
MAX_SOURCE_PIXELS = 64 * 1024 * 1024  # of all frames. OSS takes 250 million, for which this process has no memory
MAX_SIDE = 16_384
MAX_PIXELS = 4096 * 4096

# By Pillow's names: the name that OSS has, and the content type.
_FORMATS = {
    "JPEG": ("jpg", "image/jpeg"),
    "PNG": ("png", "image/png"),
    "GIF": ("gif", "image/gif"),
    "BMP": ("bmp", "image/bmp"),
    "WEBP": ("webp", "image/webp"),
    "TIFF": ("tiff", "image/tiff"),
}
_NAMES = {**{name: kind for kind, (name, _) in _FORMATS.items()}, "jpeg": "JPEG"}
_ANIMATED = ("GIF", "WEBP")
_GRAVITIES = ("nw", "north", "ne", "west", "center", "east", "sw", "south", "se")
_WHITE = (255, 255, 255, 255)
_DAMAGE = (OSError, EOFError, SyntaxError, ValueError, OverflowError, MemoryError, struct.error)


class Result(NamedTuple):
    """What has become of an image, and its content type."""

    data: bytes
    content_type: str


def process_image(data: bytes, actions: Sequence[Action]) -> Result:
    """The image in `data` after `actions`; `info` alone describes it as JSON.

    Differs: other actions than these are not implemented; a relative quality (`q`) is taken as an absolute one (`Q`).

    Raises:
        OperationNotImplemented: Pillow is not installed, or an action is none of ours.
        InvalidArgument, BadRequest: a parameter is wrong.
        ImageDamage: it is no image that we can read.
        ImageTooLarge: it is too large, or would become so.
    """
    for action in actions:
        if action.name not in _ACTIONS and action.name not in _OUTPUT:
            raise OperationNotImplemented(
                f"The image action {action.name} is not implemented by the emulator.",
                hint=f"There are: {', '.join(sorted([*_ACTIONS, *_OUTPUT]))}.",
            )
    image = _open(data)
    try:
        with image:
            if any(action.name == "info" for action in actions):
                return Result(_describe(image, len(data)), "application/json")
            return _change(image, actions)
    except _DAMAGE as error:
        raise _damaged(error) from error


def _open(data: bytes) -> "Image":
    try:
        from PIL import Image
    except ImportError:
        raise OperationNotImplemented(
            "Image processing is not implemented by the emulator without Pillow.",
            hint="Images are processed by Pillow, an extra: pip install 'oss-emulator[image]'.",
        ) from None
    if len(data) > MAX_SOURCE_BYTES:
        raise ImageTooLarge(hint=f"The object has {len(data)} bytes; of images OSS takes {MAX_SOURCE_BYTES}.")
    try:
        image = Image.open(io.BytesIO(data), formats=tuple(_FORMATS))
        pixels = image.width * image.height * getattr(image, "n_frames", 1)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLarge(hint=str(error)) from error
    except _DAMAGE as error:
        raise _damaged(error) from error
    if pixels > MAX_SOURCE_PIXELS:
        image.close()
        raise ImageTooLarge(hint=f"The image has {pixels} pixels; the emulator takes {MAX_SOURCE_PIXELS}.")
    return image


def _damaged(error: BaseException) -> ImageDamage:
    return ImageDamage(hint=f"No image of a format that is processed here ({', '.join(_NAMES)}): {error}")


def _describe(image: "Image", size: int) -> bytes:
    """The members of `image/info`: what is the same for all images, and EXIF tags by their names."""
    from PIL.ExifTags import TAGS

    known = {TAGS.get(number): _spell(value) for number, value in image.getexif().items()}
    told: dict[str, str] = {name: text for name, text in known.items() if name and text is not None}
    told |= {
        "FileSize": str(size),
        "Format": _FORMATS[str(image.format)][0],
        "FrameCount": str(getattr(image, "n_frames", 1)),
        "ImageHeight": str(image.height),
        "ImageWidth": str(image.width),
    }
    return json.dumps({name: {"value": told[name]} for name in sorted(told)}, indent=2, ensure_ascii=False).encode()


def _spell(value: Any) -> str | None:
    """An EXIF value, if it is a text or a number."""
    if isinstance(value, str):
        return value.rstrip("\0")
    if isinstance(value, int):
        return str(value)
    if hasattr(value, "numerator") and hasattr(value, "denominator"):
        return f"{value.numerator}/{value.denominator}"
    return None


def _change(image: "Image", actions: Sequence[Action]) -> Result:
    from PIL import ImageSequence

    settings = {name: read(action) for action in actions for name, read in _OUTPUT.items() if action.name == name}
    kind = str(settings.get("format") or image.format)
    frames: list[Image] = []
    for frame in ImageSequence.Iterator(image):
        changed = _plain(frame)
        for action in actions:
            if action.name in _ACTIONS:
                changed = _ACTIONS[action.name](changed, action)
        frames.append(changed if kind != "JPEG" else _flat(changed))
        if changed.width * changed.height * len(frames) > MAX_SOURCE_PIXELS:
            raise ImageTooLarge(hint=f"All frames together would have more than {MAX_SOURCE_PIXELS} pixels.")
        if kind not in _ANIMATED:
            break
    options: dict[str, Any] = {}
    if "quality" in settings and kind in ("JPEG", "WEBP"):
        options["quality"] = settings["quality"]
    if settings.get("interlace") and kind == "JPEG":
        options["progressive"] = True
    if len(frames) > 1:
        options |= {
            "save_all": True,
            "append_images": frames[1:],
            "duration": image.info.get("duration", 100),
            "loop": image.info.get("loop", 0),
        }
    target = io.BytesIO()
    frames[0].save(target, kind, **options)
    return Result(target.getvalue(), _FORMATS[kind][1])


def _plain(image: "Image") -> "Image":
    """A copy with a colour in every pixel, transparent or not."""
    plain = image.convert("RGBA" if image.has_transparency_data else "RGB")
    plain.info.pop("transparency", None)
    return plain


def _flat(image: "Image") -> "Image":
    """It on white, where it is transparent."""
    from PIL import Image

    if image.mode != "RGBA":
        return image
    ground = Image.new("RGBA", image.size, _WHITE)
    ground.alpha_composite(image)
    return ground.convert("RGB")


# --- Actions --------------------------------------------------------------------------------------------------------


def _resize(image: "Image", action: Action) -> "Image":
    """Guess: what `fill` and `pad` make of one side alone, and when the result is larger than the source."""
    from PIL import Image, ImageColor, ImageOps

    mode = action.choice("m", "lfit", "lfit", "mfit", "fill", "pad", "fixed")
    is_limited = action.integer("limit", 1, 0, 1) == 1
    sides = {name: action.integer(name, 0, 1, MAX_SIDE) for name in ("w", "h", "l", "s")}
    percent = action.integer("p", 0, 1, 1000)
    width, height = sides["w"], sides["h"]
    if not width and not height:
        is_wide = image.width >= image.height
        width, height = (sides["l"], sides["s"]) if is_wide else (sides["s"], sides["l"])
    if percent and not width and not height:
        width, height, mode = image.width * percent // 100 or 1, image.height * percent // 100 or 1, "fixed"
    if not width and not height:
        return image
    if mode in ("fill", "pad"):
        width, height = width or height, height or width
    else:
        ratios = [ask / has for ask, has in ((width, image.width), (height, image.height)) if ask]
        ratio = max(ratios) if mode == "mfit" else min(ratios)
        if mode != "fixed" or len(ratios) == 1:
            width, height = max(1, round(image.width * ratio)), max(1, round(image.height * ratio))
    if is_limited and (width > image.width or height > image.height):
        return image
    _check_size(width, height)
    if mode == "fill":
        return ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
    if mode == "pad":
        text = action.parameters.get("color", "FFFFFF")
        try:
            color = ImageColor.getcolor(f"#{text}", image.mode)
        except ValueError:
            raise action.invalid("color", "It is a colour of six hexadecimal digits.") from None
        return ImageOps.pad(image, (width, height), Image.Resampling.LANCZOS, color=color)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def _crop(image: "Image", action: Action) -> "Image":
    width = min(action.integer("w", image.width, 0, MAX_SIDE) or image.width, image.width)
    height = min(action.integer("h", image.height, 0, MAX_SIDE) or image.height, image.height)
    row, column = divmod(_GRAVITIES.index(action.choice("g", "nw", *_GRAVITIES)), 3)
    left = column * (image.width - width) // 2 + action.integer("x", 0, 0, MAX_SIDE)
    top = row * (image.height - height) // 2 + action.integer("y", 0, 0, MAX_SIDE)
    if left >= image.width or top >= image.height:
        raise BadRequest(
            "Advance cut's position is out of image.",
            hint=f"The cut begins at {left},{top}; the image has {image.width} x {image.height} pixels.",
        )
    return image.crop((left, top, min(left + width, image.width), min(top + height, image.height)))


def _index_crop(image: "Image", action: Action) -> "Image":
    """One of the slices of a width (`x`) or a height (`y`) that the image falls into; the image if there is none."""
    across, down = action.integer("x", 0, 1, MAX_SIDE), action.integer("y", 0, 1, MAX_SIDE)
    index = action.integer("i", 0, 0, MAX_SIDE)
    width, height = image.size
    if across and index * across < width:
        return image.crop((index * across, 0, min((index + 1) * across, width), height))
    if down and not across and index * down < height:
        return image.crop((0, index * down, width, min((index + 1) * down, height)))
    return image


def _rotate(image: "Image", action: Action) -> "Image":
    """Clockwise; the corners that come about are white, or transparent where the image can be."""
    from PIL import Image

    angle = action.integer("", 0, 0, 360) % 360
    turns = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}
    if angle in turns:
        return image.transpose(turns[angle])
    fill = (255, 255, 255, 0) if image.mode == "RGBA" else _WHITE[:3]
    turned = image.rotate(-angle, Image.Resampling.BICUBIC, expand=True, fillcolor=fill) if angle else image
    _check_size(*turned.size)
    return turned


def _auto_orient(image: "Image", action: Action) -> "Image":
    from PIL import ImageOps

    return ImageOps.exif_transpose(image) if action.integer("", 0, 0, 1) else image


def _circle(image: "Image", action: Action) -> "Image":
    """The circle in the middle, cut out; what is around it is transparent, or white in a JPEG."""
    radius = min(action.integer("r", 1, 1, 4096), min(image.size) // 2) or 1
    left, top = (image.width - 2 * radius) // 2, (image.height - 2 * radius) // 2
    return _masked(image.crop((left, top, left + 2 * radius, top + 2 * radius)), radius)


def _round_corners(image: "Image", action: Action) -> "Image":
    return _masked(image, min(action.integer("r", 1, 1, 4096), min(image.size) // 2))


def _masked(image: "Image", radius: int) -> "Image":
    """It with round corners: drawn four times as large and made smaller, so that they are smooth."""
    from PIL import Image, ImageChops, ImageDraw

    mask = Image.new("L", (2 * radius * 4, 2 * radius * 4), 0)
    ImageDraw.Draw(mask).ellipse((0, 0, *(side - 1 for side in mask.size)), fill=255)
    disc = mask.resize((2 * radius, 2 * radius), Image.Resampling.LANCZOS)
    corners = Image.new("L", image.size, 255)
    right, bottom = image.width - radius, image.height - radius
    for left, top in ((0, 0), (right, 0), (0, bottom), (right, bottom)):
        quarter = (radius if left else 0, radius if top else 0)
        corners.paste(disc.crop((*quarter, quarter[0] + radius, quarter[1] + radius)), (left, top))
    rounded = image.convert("RGBA")
    rounded.putalpha(ImageChops.multiply(rounded.getchannel("A"), corners))
    return rounded


def _check_size(width: int, height: int) -> None:
    if width > MAX_SIDE or height > MAX_SIDE or width * height > MAX_PIXELS:
        raise ImageTooLarge(
            hint=f"The result would have {width} x {height} pixels; OSS makes images of {MAX_PIXELS} pixels at most."
        )


_ACTIONS: dict[str, Callable[["Image", Action], "Image"]] = {
    "resize": _resize,
    "crop": _crop,
    "indexcrop": _index_crop,
    "rotate": _rotate,
    "auto-orient": _auto_orient,
    "circle": _circle,
    "rounded-corners": _round_corners,
}


def _read_format(action: Action) -> str:
    return _NAMES[action.choice("", "", *_NAMES)]


def _read_quality(action: Action) -> int:
    return action.integer("Q", action.integer("q", 75, 1, 100), 1, 100)


_OUTPUT: dict[str, Callable[[Action], object]] = {
    "info": lambda _: None,
    "format": _read_format,
    "quality": _read_quality,
    "interlace": lambda action: action.integer("", 0, 0, 1),
}
