"""What the platform reads out of the bytes of an uploaded file."""

from __future__ import annotations

import io
import mimetypes
import posixpath
from typing import TYPE_CHECKING, Any

from dl_mock.reading import read_json
from dl_mock.recordings import READ_FROM_RECORDINGS, sound_facts, video_metadata

if TYPE_CHECKING:
    from PIL.Image import Image

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

READ_FROM_IMAGES = ("width", "height", "channels", "exif")
READ_FROM_BYTES = (
    *("originalname", "size", "encoding", "mimetype", "isBinary", "shebang"),
    *READ_FROM_IMAGES,
    *READ_FROM_RECORDINGS,
)
# Tags of EXIF and TIFF
_TIFF_WIDTH, _TIFF_HEIGHT, _ORIENTATION = 0x0100, 0x0101, 0x0112


def mimetype(name: str) -> str:
    """The type the name of a file suggests."""
    return _TYPES.guess_type(name, strict=False)[0] or "application/octet-stream"


def file_metadata(name: str, content: bytes) -> dict[str, Any]:
    """`metadata` of a new item: its `system`, and of a video what stands beside that."""
    system = system_metadata(name, content)
    found = video_metadata(name, content) if system["mimetype"].startswith("video/") else {}
    return {**found, "system": {**system, **found.get("system", {})}}


def system_metadata(name: str, content: bytes) -> dict[str, Any]:
    """`metadata.system` of a new item.

    The platform finds what it says of an image in a job after the upload; here they are there at once, because
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
        system.update(image_facts(content))
    elif kind.startswith("audio/"):
        system.update(sound_facts(content))
    elif kind == "application/json":
        system.update(_shebang(content))
    return system


def image_facts(content: bytes) -> dict[str, Any]:
    """Width, height and number of channels as stored, and the orientation; read from the header only."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content)) as image:
            width, height = _stored_size(image)
            return {"width": width, "height": height, "channels": len(image.getbands()), "exif": _exif(image)}
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return {}


def _stored_size(image: Image) -> tuple[int, int]:
    """Width and height before any turn: newer Pillows open a TIFF as if it had been turned."""
    tags = getattr(image, "tag_v2", {}) if image.format == "TIFF" else {}
    return int(tags.get(_TIFF_WIDTH, image.width)), int(tags.get(_TIFF_HEIGHT, image.height))


def _exif(image: Image) -> dict[str, Any]:
    """The texts and numbers of EXIF by their names; `Orientation` is where the SDK looks for it (downloader.py)."""
    from PIL.ExifTags import TAGS

    # Pillow would decode a PNG whole, to see whether EXIF stands at its end.
    if image.format == "PNG" and "exif" not in image.info:
        return {}
    try:
        tags = dict(image.getexif())
    except Exception:  # a broken block, for which Pillow has many errors, is none; the size is still right
        return {}
    if not 1 <= _whole(tags.get(_ORIENTATION)) <= 8:
        tags.pop(_ORIENTATION, None)
    return {TAGS[tag]: value for tag, value in tags.items() if tag in TAGS and isinstance(value, (str, int))}


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _shebang(content: bytes) -> dict[str, Any]:
    """Dataloop's own JSON items, such as links and prompts, carry what they are in `metadata`."""
    try:
        document = read_json(content)
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
