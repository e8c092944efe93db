"""What the platform reads out of the bytes of an uploaded file."""

from __future__ import annotations

import io
import json
import mimetypes
import posixpath
from typing import Any

# Built-in table only: the files of the machine must not change what an upload looks like.
_TYPES = mimetypes.MimeTypes(filenames=())
for _extension, _type in (
    (".webp", "image/webp"),
    (".md", "text/markdown"),
    (".jsonl", "application/jsonl"),
    (".yaml", "application/x-yaml"),
    (".yml", "application/x-yaml"),
    (".mkv", "video/x-matroska"),
    (".pcd", "application/octet-stream"),
):
    _TYPES.add_type(_type, _extension)


IMAGE_FIELDS = ("width", "height", "channels")


def mimetype(name: str) -> str:
    """The type the name of a file suggests."""
    return _TYPES.guess_type(name, strict=False)[0] or "application/octet-stream"


def system_metadata(name: str, content: bytes) -> dict[str, Any]:
    """`metadata.system` of a new item.

    The platform finds width, height and channels in a job after the upload; here they are there at once, because
    masks need them (SDK: repositories/annotations.py). An image that cannot be read has none.
    """
    kind = mimetype(name)
    system: dict[str, Any] = {
        "originalname": posixpath.basename(name),
        "size": len(content),
        "encoding": "7bit",
        "mimetype": kind,
        "isBinary": not kind.startswith("text/") and kind != "application/json",
        "refs": [],
    }
    if kind.startswith("image/"):
        system.update(image_size(content))
    elif kind == "application/json":
        system.update(_shebang(content))
    return system


def image_size(content: bytes) -> dict[str, int]:
    """Width, height and number of channels, read from the header only."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content)) as image:
            return {"width": image.width, "height": image.height, "channels": len(image.getbands())}
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return {}


def _shebang(content: bytes) -> dict[str, Any]:
    """Dataloop's own JSON items, such as links and prompts, carry what they are in `metadata`."""
    try:
        document = json.loads(content)
    except ValueError:
        return {}
    if not isinstance(document, dict) or document.get("shebang") != "dataloop":
        return {}
    shebang = document.get("metadata")
    if not isinstance(shebang, dict):
        return {}
    link = shebang.get("linkInfo")
    linked_type = link.get("mimetype") if isinstance(link, dict) else None
    # A link has the type of what it points to (assumed).
    return {"shebang": shebang, **({"mimetype": linked_type} if linked_type else {})}
