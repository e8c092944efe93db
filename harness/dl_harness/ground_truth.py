"""Made-up ground truth: annotations that are right in form, so that training and evaluation have something to read."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Document = dict[str, Any]


def annotations_for(item: Document, output_type: str | None, labels: Sequence[str], index: int) -> list[Document]:
    """One annotation of a type for an item; none for types that need more than a label and a shape.

    Coordinates are in pixels of the item; labels go round. Shapes: SDK, entities/annotation_definitions.
    """
    if not labels or output_type is None:
        return []
    label = labels[index % len(labels)]
    width, height = _size(item)
    left, top, right, bottom = width * 0.2, height * 0.2, width * 0.8, height * 0.8
    corners = [{"x": left, "y": top}, {"x": right, "y": top}, {"x": right, "y": bottom}, {"x": left, "y": bottom}]
    coordinates: dict[str, Any] = {
        "class": None,
        "box": [{"x": left, "y": top, "z": 0}, {"x": right, "y": bottom, "z": 0}],
        "segment": [corners],
        "polyline": [corners],
        "point": {"x": width / 2, "y": height / 2, "z": 0},
        "ellipse": {"angle": 0, "center": {"x": width / 2, "y": height / 2, "z": 0}, "rx": width / 4, "ry": height / 4},
        "text": f"sample {index}",
    }
    if output_type == "binary":
        return [{"type": "binary", "label": label, "coordinates": _mask(width, height)}]
    if output_type not in coordinates:
        return []
    shape = {} if output_type == "class" else {"coordinates": coordinates[output_type]}
    return [{"type": output_type, "label": label, **shape}]


def _size(item: Document) -> tuple[int, int]:
    """Width and height of an image in pixels; 100 by 100 for what is none."""
    from PIL import Image, UnidentifiedImageError

    file = item.get("file")
    try:
        with Image.open(Path(file or "")) as image:
            width, height = image.size
            return width, height
    except (OSError, UnidentifiedImageError):
        return 100, 100


def _mask(width: int, height: int) -> str:
    """A mask in the middle of the image, as the platform holds it: an RGBA PNG in a data URI."""
    from PIL import Image, ImageDraw

    image = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    ImageDraw.Draw(image).rectangle(
        (width // 5, height // 5, width * 4 // 5, height * 4 // 5), fill=(255, 255, 255, 255)
    )
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
