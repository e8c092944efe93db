"""Bodies for items that come without one: small, repeatable, and readable as what their name says."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from typing import Any

from dl_mock.media import mimetype

LARGEST = 1 << 20  # a scene may describe films; their made-up bodies stay small
DEFAULT_WIDTH, DEFAULT_HEIGHT = 64, 48


def made_up(name: str, system: Mapping[str, Any]) -> bytes:
    """A body for `name` of the size `metadata.system` tells, as far as that leaves room for something readable."""
    size = system.get("size")
    wanted = min(size, LARGEST) if isinstance(size, int) and size >= 0 else None
    kind = mimetype(name)
    if kind.startswith("image/"):
        body, padding = _image(name, kind, system), b"\0"
    elif kind == "application/json":
        body, padding = b"{}", b" "
    elif kind.startswith("text/"):
        body, padding = f"synthetic content of {name}\n".encode(), b"\n"
    else:
        body, padding = b"", b"\0"
    if wanted is None:
        return body or padding
    return body.ljust(wanted, padding) if len(body) <= wanted else padding * wanted


def _image(name: str, kind: str, system: Mapping[str, Any]) -> bytes:
    """One colour, taken from the name; readers ignore what follows the end of an image, so it can be padded."""
    from PIL import Image

    size = (_side(system.get("width"), DEFAULT_WIDTH), _side(system.get("height"), DEFAULT_HEIGHT))
    form = {"image/jpeg": "JPEG", "image/gif": "GIF", "image/bmp": "BMP", "image/webp": "WEBP"}.get(kind, "PNG")
    output = io.BytesIO()
    Image.new("RGB", size, f"#{hashlib.sha256(name.encode()).hexdigest()[:6]}").save(output, form)
    return output.getvalue()


def _side(given: object, default: int) -> int:
    return given if isinstance(given, int) and 0 < given <= 10_000 else default
