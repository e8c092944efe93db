"""Inputs that are never seen twice: variants of a few items, alike in size and different in content.

An adapter that remembers its answers, by item or by content, must not look fast.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from dl_mock.message import Request

if TYPE_CHECKING:
    from dl_mock.platform import Platform

VARIED = {"image", "text", "prompt"}
"""Kinds whose content is varied; items of other kinds differ in id and name alone."""

_FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/bmp": "BMP", "image/webp": "WEBP"}


class Inputs:
    """Makes item after item on a platform, round the items that the scene holds.

    The n-th item is the same in every process, so that two versions of an adapter get the same ones.
    """

    def __init__(self, platform: Platform, item_ids: Sequence[str], entity: Callable[[dict[str, Any]], Any]) -> None:
        if not item_ids:
            raise ValueError("there are no items to measure with")
        self._platform = platform
        self._ids = tuple(item_ids)
        self._entity = entity
        self._authorised = {"authorization": f"Bearer {platform.token}"}
        self._pixels: dict[str, Any] = {}
        self._made: list[str] = []
        self.varied = all(self._content(one, 1) is not None for one in self._ids)

    def batch(self, first: int, size: int, scale: float = 1.0) -> list[Any]:
        """The items with the numbers from `first`, as the SDK's entities; `scale` times as wide, high or long."""
        return [self._item(number, scale) for number in range(first, first + size)]

    def mean_bytes(self) -> int:
        """The mean size of the items made so far."""
        sizes = [len(self._platform.state.read(one)) for one in self._made]
        return sum(sizes) // max(1, len(sizes))

    def clear(self) -> None:
        """Forget the items made so far."""
        for item_id in self._made:
            for annotation in self._platform.state.annotations_of(item_id):
                self._platform.state.remove("annotations", annotation["id"])
            self._platform.state.remove("items", item_id)
        self._made.clear()

    def _item(self, number: int, scale: float) -> Any:
        """Item `number`; it is put on the platform."""
        state = self._platform.state
        origin = self._ids[number % len(self._ids)]
        document = dict(state.get("items", origin) or {})
        content = self._content(origin, number, scale)
        item_id = f"{number + 1:024x}"
        folder, _, name = str(document["filename"]).rpartition("/")
        system = {**(document["metadata"].get("system") or {})}
        if content is not None:
            system["size"] = len(content)
            if scale != 1 and isinstance(system.get("width"), int) and isinstance(system.get("height"), int):
                system |= {side: max(8, round(system[side] * scale)) for side in ("width", "height")}
        document |= {
            "id": item_id,
            "name": f"{number}-{name}",
            "filename": f"{folder}/{number}-{name}",
            "metadata": {**document["metadata"], "system": system},
            "annotated": False,
            "annotationsCount": 0,
        }
        state.write(item_id, state.read(origin) if content is None else content)
        state.put("items", document)
        self._made.append(item_id)
        answer = self._platform.handle(Request.of("GET", f"/items/{item_id}", self._authorised))
        return self._entity(answer.json())

    def _content(self, origin: str, number: int, scale: float = 1.0) -> bytes | None:
        """The bytes of a variant; None for an item whose content cannot be varied."""
        item = self._platform.state.get("items", origin) or {}
        system = (item.get("metadata") or {}).get("system") or {}
        mimetype = str(system.get("mimetype") or "")
        if (system.get("shebang") or {}).get("dltype") == "prompt" or mimetype == "application/json":
            return _varied_prompt(self._platform.state.read(origin), number)
        if mimetype.startswith("text/"):
            text = self._platform.state.read(origin)
            longer = (text + b"\n") * max(1, round(scale)) if scale >= 1 else text[: max(1, int(len(text) * scale))]
            return longer + f" ({number})".encode()
        if mimetype in _FORMATS:
            return self._varied_image(origin, _FORMATS[mimetype], number, scale)
        return None

    def _varied_image(self, origin: str, format_: str, number: int, scale: float) -> bytes | None:
        """The picture with a few pixels changed, which no digest of its content misses."""
        from PIL import Image, UnidentifiedImageError

        if origin not in self._pixels:
            try:
                with Image.open(io.BytesIO(self._platform.state.read(origin))) as opened:
                    exif = opened.info.get("exif")
                    opened.load()
                    self._pixels[origin] = (opened.copy(), exif)
            except (OSError, UnidentifiedImageError, ValueError):
                self._pixels[origin] = None
        if self._pixels[origin] is None:
            return None
        picture, exif = self._pixels[origin]
        wide, high = (max(8, round(side * scale)) for side in picture.size)
        varied = picture.copy() if scale == 1 else picture.resize((wide, high))
        # One block of eight by eight pixels, as large as a JPEG's own, tells variants apart after compression too.
        shade = number * 37 % 256
        place = (number * 8 % max(1, varied.width - 8), number // 7 * 8 % max(1, varied.height - 8))
        with io.BytesIO() as written:
            try:
                varied.paste(_colour(varied.mode, shade), (*place, place[0] + 8, place[1] + 8))
                options = {"exif": exif} if exif else {}
                varied.save(written, format_, **options, **_FAST.get(format_, {}))
            except (OSError, ValueError):
                return None
            return written.getvalue()


_FAST: dict[str, dict[str, Any]] = {"PNG": {"compress_level": 1}, "JPEG": {"quality": 92}}


def _colour(mode: str, shade: int) -> Any:
    """A shade in an image's own mode."""
    bands = {"RGB": 3, "RGBA": 4, "CMYK": 4, "LA": 2, "YCbCr": 3, "HSV": 3, "LAB": 3}.get(mode, 1)
    return shade if bands == 1 else (shade,) * bands


def _varied_prompt(content: bytes, number: int) -> bytes | None:
    """A prompt item whose texts are other ones; JSON of another shape gets no variants."""
    try:
        document = json.loads(content)
    except ValueError:
        return None
    prompts = document.get("prompts") if isinstance(document, dict) else None
    if not isinstance(prompts, dict):
        return None
    for parts in prompts.values():
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict) and "text" in str(part.get("mimetype")) and isinstance(part.get("value"), str):
                part["value"] += f" ({number})"
    return json.dumps(document).encode()
