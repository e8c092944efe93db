"""Items made from other items, of which it is known what an adapter should find in them."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from PIL import Image

from dl_harness.flows.describing import turned

if TYPE_CHECKING:
    from dl_mock.platform import Platform

MOST_VARIED = 3
LARGEST_SIDE = 1024
"""Images that are larger than this are halved instead of doubled."""

PLAIN_MODES = frozenset({"L", "RGB", "RGBA"})


@dataclass(frozen=True)
class Variant:
    """An item, the one made from it, and how many times as large that is."""

    item: str
    variant: str
    scale: float = 1.0


def re_encoded(platform: Platform, items: tuple[str, ...], folder: Path) -> list[Variant]:
    """The same pixels in another file: PNG, with another compression and without anything beside the pixels."""
    return _made(platform, items, folder, "re-encoded", lambda image: (image, 1.0))


def resized(platform: Platform, items: tuple[str, ...], folder: Path) -> list[Variant]:
    """The same picture twice as large, or half as large where it is large already."""
    return _made(platform, items, folder, "resized", _other_size)


def _other_size(image: Image.Image) -> tuple[Image.Image, float]:
    scale = 2.0 if max(image.size) <= LARGEST_SIDE else 0.5
    size = (int(image.width * scale), int(image.height * scale))
    return image.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX), scale


def _made(
    platform: Platform,
    items: tuple[str, ...],
    folder: Path,
    kind: str,
    change: Callable[[Image.Image], tuple[Image.Image, float]],
) -> list[Variant]:
    """Put the variants of a few images on the platform, beside the items that they are made from."""
    made: list[Variant] = []
    folder.mkdir(parents=True, exist_ok=True)
    for item_id in items:
        image = _plain_image(platform, item_id)
        if image is None or len(made) == MOST_VARIED:
            continue
        changed, scale = change(image)
        item = platform.state.get("items", item_id) or {}
        name = f"{PurePosixPath(str(item['filename'])).stem}.png"
        file = folder / f"{kind} {name}"
        changed.save(file, "PNG", compress_level=1)
        filename = f"/{kind}/{name}"
        row = {"filename": filename, "file": str(file), "datasetId": item["datasetId"]}
        if platform.state.item_at(item["datasetId"], filename) is None:
            platform.load_scene({"items": [row]})
            variant = platform.state.item_at(item["datasetId"], filename)
            assert variant is not None
            made.append(Variant(item_id, variant["id"], scale))
    return made


def _plain_image(platform: Platform, item_id: str) -> Image.Image | None:
    """The pixels of an item, if it is one upright picture of a common mode."""
    try:
        content = platform.state.read(item_id)
        with Image.open(io.BytesIO(content)) as image:
            if image.mode not in PLAIN_MODES or getattr(image, "n_frames", 1) > 1 or turned(content):
                return None
            image.load()
            return Image.frombytes(image.mode, image.size, image.tobytes())
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
