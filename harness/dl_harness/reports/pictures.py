"""Images as data URIs that a page can hold: small, upright, and nothing but pixels."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

LONGEST = 640
"""The longest side of an image in the page, in pixels."""

_SMALL = 128
_MASK = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)")


class Undecodable(Exception):
    """An image could not be decoded; the message says why."""


@dataclass(frozen=True)
class Picture:
    """An image for the page; `width` and `height` are those of the upright picture, before it was made smaller."""

    uri: str
    width: int
    height: int


def picture(content: bytes) -> Picture:
    """The picture turned upright as EXIF asks: annotations are in that frame (SDK: repositories/downloader.py).

    Raises Undecodable.
    """
    from PIL import ImageOps

    image = ImageOps.exif_transpose(_decoded(content))
    size = image.size
    transparent = image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info
    image = _eight_bit(image).convert("RGBA" if transparent else "RGB")
    image.thumbnail((LONGEST, LONGEST))
    lossless = transparent or max(size) <= _SMALL
    return Picture(_uri(image, "PNG" if lossless else "JPEG"), *size)


def mask(uri: str, colour: str) -> str | None:
    """A binary annotation's mask in one colour, or None when it is not a PNG that can be decoded."""
    from PIL import Image, ImageColor

    found = _MASK.fullmatch(uri)
    if found is None:
        return None
    try:
        image = _decoded(base64.b64decode(found.group(1)))
    except (Undecodable, ValueError):
        return None
    covered = _covered(image)
    covered.thumbnail((LONGEST, LONGEST), Image.Resampling.NEAREST)
    painted = Image.new("RGBA", covered.size, ImageColor.getrgb(colour))
    painted.putalpha(covered)
    return _uri(painted, "PNG")


def _decoded(content: bytes) -> Image:
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(io.BytesIO(content))
        image.load()
    except UnidentifiedImageError:
        raise Undecodable("this is no image of a known format") from None
    except Exception as error:  # decoders raise whatever they like at broken files
        raise Undecodable(str(error) or type(error).__name__) from error
    return image


def _eight_bit(image: Image) -> Image:
    """Deep grey scaled to eight bits: a plain conversion cuts everything above 255 off."""
    if image.mode not in {"I", "F"} and not image.mode.startswith("I;16"):
        return image
    deep = image.convert("F")
    least, most = deep.getextrema()
    if not isinstance(least, float) or not isinstance(most, float):
        return image
    span = (most - least) or 1.0
    return deep.point(lambda value: value * (255 / span) - least * (255 / span)).convert("L")


def _covered(image: Image) -> Image:
    """Where a mask is set: where it is opaque, or, when it has no transparency, where it is not black."""
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        opacity = image.convert("RGBA").getchannel("A")
    else:
        opacity = image.convert("L")
    return opacity.point(lambda value: 255 if value else 0)


def _uri(image: Image, form: str) -> str:
    image.info = {}  # neither EXIF nor comments belong in the page
    out = io.BytesIO()
    options = {"quality": 82} if form == "JPEG" else {"optimize": True}
    image.save(out, form, **options)
    return f"data:image/{form.lower()};base64,{base64.b64encode(out.getvalue()).decode()}"
