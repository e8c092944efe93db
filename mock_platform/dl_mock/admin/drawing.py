"""Annotations as shapes of an SVG, in the coordinates of their image.

Whatever a document holds, the result is numbers and plain texts: a template puts them into attributes, escaped.
"""

from __future__ import annotations

import colorsys
import hashlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

Document = Mapping[str, Any]
Point = tuple[float, float]

_MASK = re.compile(r"data:image/png;base64,[A-Za-z0-9+/=\s]+")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
MOST_POINTS = 5_000  # of one outline
FURTHEST = 1e6  # a coordinate beyond it is no place on an image


@dataclass(frozen=True)
class Shape:
    """One element to draw."""

    element: str  # polygon, polyline, ellipse, circle, image
    attributes: Mapping[str, str]
    filled: bool = True


@dataclass(frozen=True)
class Drawn:
    """An annotation as it is shown: its shapes, where its label goes, and what the list says of it."""

    id: str
    type: str
    label: str
    colour: str
    shapes: Sequence[Shape] = ()
    anchor: Point | None = None
    detail: str = ""
    by_model: str = ""
    confidence: str = ""
    attributes: str = field(default="")


def draw(annotation: Document, colours: Mapping[str, str]) -> Drawn:
    """How one annotation is shown; what cannot be drawn is only listed."""
    kind, label = _text(annotation.get("type")), _text(annotation.get("label"))
    colour = colours.get(label, colour_of(label))
    try:
        shapes, anchor = _DRAWERS.get(kind, _nothing)(annotation.get("coordinates"))
    except (TypeError, ValueError, KeyError, IndexError, AttributeError):
        shapes, anchor = [], None  # coordinates of another form than the type has
    metadata = annotation.get("metadata") if isinstance(annotation.get("metadata"), Mapping) else {}
    assert isinstance(metadata, Mapping)
    model = _model(metadata)
    return Drawn(
        id=_text(annotation.get("id")),
        type=kind,
        label=label,
        colour=colour,
        shapes=shapes,
        anchor=anchor,
        detail=_detail(kind, annotation.get("coordinates")),
        by_model=_text(model.get("name")),
        confidence=_text(model.get("confidence")),
        attributes=_attributes(metadata),
    )


def colour_of(label: str) -> str:
    """A colour for a label that has none: the same each time, and bright enough on any image."""
    hue = int(hashlib.sha256(label.encode(errors="replace")).hexdigest()[:4], 16) / 0xFFFF
    red, green, blue = colorsys.hls_to_rgb(hue, 0.55, 0.85)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


def colour_given(value: Any) -> str | None:
    """A colour of an ontology, if it is one."""
    return value if isinstance(value, str) and _COLOUR.fullmatch(value) else None


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _model(metadata: Document) -> Document:
    for space in ("user", "system"):
        inner = metadata.get(space)
        model = inner.get("model") if isinstance(inner, Mapping) else None
        if isinstance(model, Mapping):
            return model
    return {}


def _attributes(metadata: Document) -> str:
    system = metadata.get("system")
    found = system.get("attributes") if isinstance(system, Mapping) else None
    return ", ".join(f"{key}: {value}" for key, value in found.items()) if isinstance(found, Mapping) else ""


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"no number: {value!r}")
    return max(-FURTHEST, min(FURTHEST, float(value)))


def _point(value: Document) -> Point:
    return _number(value["x"]), _number(value["y"])


def _said(points: Sequence[Point]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points[:MOST_POINTS])


def _outline(points: Sequence[Point], closed: bool = True) -> Shape:
    return Shape("polygon" if closed else "polyline", {"points": _said(points)}, filled=closed)


def _top(points: Sequence[Point]) -> Point:
    return min(x for x, _ in points), min(y for _, y in points)


Shapes = tuple[list[Shape], Point | None]


def _nothing(_coordinates: Any) -> Shapes:
    return [], None


def _box(coordinates: Any) -> Shapes:
    """Two corners, and for a rotated box its angle in degrees (SDK: entities/annotation_definitions/box.py)."""
    (left, top), (right, bottom) = _point(coordinates[0]), _point(coordinates[1])
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    if len(coordinates) == 3 and not isinstance(coordinates[2], Mapping):
        turn = math.radians(_number(coordinates[2]))
        x0, y0 = (left + right) / 2, (top + bottom) / 2
        cosine, sine = math.cos(turn), math.sin(turn)
        corners = [
            (x0 + (x - x0) * cosine - (y - y0) * sine, y0 + (x - x0) * sine + (y - y0) * cosine) for x, y in corners
        ]
    elif len(coordinates) == 4:
        corners = [_point(one) for one in coordinates]
    return [_outline(corners)], _top(corners)


def _rings(coordinates: Any, closed: bool) -> Shapes:
    rings = coordinates if isinstance(coordinates[0], list) else [coordinates]
    outlines = [[_point(one) for one in ring] for ring in rings if ring]
    return [_outline(ring, closed) for ring in outlines], _top([point for ring in outlines for point in ring])


def _dot(coordinates: Any) -> Shapes:
    x, y = _point(coordinates)
    return [Shape("circle", {"cx": f"{x:g}", "cy": f"{y:g}"})], (x, y)


def _ellipse(coordinates: Any) -> Shapes:
    x, y = _point(coordinates["center"])
    rx, ry = abs(_number(coordinates["rx"])), abs(_number(coordinates["ry"]))
    turned = f"rotate({_number(coordinates.get('angle') or 0):g} {x:g} {y:g})"
    drawn = {"cx": f"{x:g}", "cy": f"{y:g}", "rx": f"{rx:g}", "ry": f"{ry:g}", "transform": turned}
    return [Shape("ellipse", drawn)], (x - rx, y - ry)


def _mask(coordinates: Any) -> Shapes:
    """A PNG as large as the image; anything but a PNG in the text is not shown."""
    data = coordinates if isinstance(coordinates, str) else coordinates["data"]
    if not _MASK.fullmatch(data):
        raise ValueError("no PNG")
    return [Shape("image", {"href": data}, filled=False)], None


def _cube(coordinates: Any) -> Shapes:
    """Two faces and the edges between them (SDK: entities/annotation_definitions/cube.py)."""
    corners = ("tl", "tr", "br", "bl")
    front, back = ([_point(coordinates[f"{face}_{one}"]) for one in corners] for face in ("front", "back"))
    edges = [_outline(edge, closed=False) for edge in zip(front, back, strict=True)]
    return [_outline(back, closed=False), *edges, _outline(front)], _top([*front, *back])


_DRAWERS: Mapping[str, Callable[[Any], Shapes]] = MappingProxyType(
    {
        "box": _box,
        "segment": lambda coordinates: _rings(coordinates, closed=True),
        "polygon": lambda coordinates: _rings(coordinates, closed=True),
        "polyline": lambda coordinates: _rings(coordinates, closed=False),
        "line": lambda coordinates: _rings(coordinates, closed=False),
        "point": _dot,
        "ellipse": _ellipse,
        "binary": _mask,
        "cube": _cube,
    }
)


def _detail(kind: str, coordinates: Any) -> str:
    """In a few words what an annotation says beside its label."""
    if isinstance(coordinates, str):
        return "" if kind == "binary" else coordinates[:200]
    if isinstance(coordinates, Mapping) and isinstance(coordinates.get("text"), str):
        return str(coordinates["text"])[:200]
    if kind == "box" and isinstance(coordinates, list) and len(coordinates) > 1:
        try:
            (left, top), (right, bottom) = _point(coordinates[0]), _point(coordinates[1])
        except (TypeError, KeyError, ValueError):
            return ""
        return f"{left:.4g}, {top:.4g} to {right:.4g}, {bottom:.4g}"
    return ""
