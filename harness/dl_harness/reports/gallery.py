"""Items and what was predicted on them, made ready to be drawn in the page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dl_harness.evidence import AnnotationSeen
from dl_harness.reports.pictures import Picture, Undecodable, mask, picture
from dl_harness.reports.wording import number
from dl_harness.results import Drawn

MOST_ITEMS = 60
MOST_ANNOTATIONS = 200
MOST_TAGS = 40
MOST_TEXT = 4000
MOST_POINTS = 4

_SHOWN_WIDTH, _SHOWN_HEIGHT = 360, 300
"""About how many CSS pixels a picture gets in the page; the size of text in a picture follows from it."""

_COLOURS = (
    "#ffd166", "#4cc9f0", "#80ed99", "#ff8fab", "#c8b6ff",
    "#ffa94d", "#63e6be", "#f783ac", "#a5d8ff", "#d8f568",
)  # fmt: skip
"""Light enough for black text on them."""

_PIXELATED_BELOW = 128
_TEXT_TYPES = ("text/", "application/json", "application/jsonl", "application/xml", "application/x-yaml")


@dataclass(frozen=True)
class Shape:
    """One SVG element in the item's pixel frame."""

    element: str
    attributes: dict[str, str]
    colour: str
    title: str


@dataclass(frozen=True)
class Tag:
    """A label beside its shape: a plate of `width` by `height` with text on it."""

    x: str
    y: str
    width: str
    height: str
    baseline: str
    size: str
    text: str
    colour: str


@dataclass(frozen=True)
class Canvas:
    """A picture and what is drawn on it, in the item's pixel frame."""

    width: int
    height: int
    uri: str | None
    missing: str | None
    pixelated: bool
    masks: tuple[str, ...] = ()
    shapes: tuple[Shape, ...] = ()
    tags: tuple[Tag, ...] = ()


@dataclass(frozen=True)
class Turn:
    """One prompt with the answers that name it."""

    key: str
    parts: tuple[tuple[str, str], ...]  # (mimetype, value)
    answers: tuple[AnnotationSeen, ...]


@dataclass(frozen=True)
class Tile:
    """One item of the gallery."""

    name: str
    mimetype: str
    annotations: tuple[AnnotationSeen, ...]
    canvas: Canvas | None = None
    text: str | None = None
    missing: str | None = None
    turns: tuple[Turn, ...] = ()
    chips: tuple[str, ...] = ()
    legend: tuple[tuple[str, str, int], ...] = ()  # (colour, label, how many)
    vector_size: int | None = None
    notes: tuple[str, ...] = ()


def tiles(drawn: Sequence[Drawn]) -> list[Tile]:
    """The items in their order; a label has the same colour in all of them."""
    palette = _Palette()
    return [_tile(one, palette) for one in drawn[:MOST_ITEMS]]


def named(annotation: AnnotationSeen) -> str:
    """Label and confidence, as they stand beside a shape."""
    label = _label(annotation)
    sure = annotation.confidence
    if isinstance(sure, float):
        return f"{label} {sure:.2f}"
    return label if sure is None else f"{label} {sure}"


def located(annotation: AnnotationSeen) -> str:
    """Where an annotation lies, in the item's pixels."""
    if len(annotation.points) > MOST_POINTS:
        return number(len(annotation.points), "point")
    return " ".join(f"{_svg(x)},{_svg(y)}" for x, y in annotation.points) or ", ".join(annotation.unfinite)


def _label(annotation: AnnotationSeen) -> str:
    return "no label" if annotation.label is None else str(annotation.label)


@dataclass
class _Palette:
    """Colours handed out to labels as they appear."""

    given: dict[str, str] = field(default_factory=dict)

    def of(self, label: str) -> str:
        return self.given.setdefault(label, _COLOURS[len(self.given) % len(_COLOURS)])


def _tile(drawn: Drawn, palette: _Palette) -> Tile:
    shown = drawn.annotations[:MOST_ANNOTATIONS]
    hidden = len(drawn.annotations) - len(shown)
    notes = [f"{number(hidden, 'more annotation')}, not shown"] if hidden else []
    item = drawn.item
    tile: dict[str, Any] = {}
    if item.is_prompt:
        tile["turns"] = _turns(drawn.content, shown)
        tile["text"] = None if tile["turns"] else _text(drawn.content)
    elif item.mimetype.startswith("image/"):
        tile.update(_pictured(drawn, shown, palette, notes))
    elif item.mimetype.startswith(_TEXT_TYPES):
        tile["text"] = _text(drawn.content)
    else:
        tile["missing"] = f"{item.mimetype or 'a file of unknown type'}, {_bytes(len(drawn.content))}: not shown"
    if "canvas" not in tile and not tile.get("turns"):
        tile["chips"] = _chips(shown)
    return Tile(item.name, item.mimetype, shown, vector_size=drawn.vector_size, notes=tuple(notes), **tile)


# Pictures -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Placed:
    """An annotation as it stands in a picture: as a mask, a shape, or both."""

    annotation: AnnotationSeen
    mask: str | None
    shape: Shape | None
    tag: Tag | None
    outside: bool


def _pictured(
    drawn: Drawn, annotations: Sequence[AnnotationSeen], palette: _Palette, notes: list[str]
) -> dict[str, Any]:
    """An image item's canvas, its legend, and chips for what has no place in it."""
    found, missing = _found(drawn.content)
    width = drawn.item.width or (found.width if found else 4)
    height = drawn.item.height or (found.height if found else 3)
    placed = [_placed(annotation, palette, width, height) for annotation in annotations]
    there = [one for one in placed if one.mask or one.shape]
    notes += _oddities(found, width, height, there)
    return {
        "canvas": Canvas(
            width=width,
            height=height,
            uri=found.uri if found else None,
            missing=missing,
            pixelated=found is not None and max(found.width, found.height) < _PIXELATED_BELOW,
            masks=tuple(one.mask for one in there if one.mask),
            shapes=tuple(one.shape for one in there if one.shape),
            tags=tuple(one.tag for one in there if one.tag)[:MOST_TAGS],
        ),
        "legend": _legend([one.annotation for one in there], palette),
        "chips": _chips([one.annotation for one in placed if one not in there]),
    }


def _placed(annotation: AnnotationSeen, palette: _Palette, width: int, height: int) -> _Placed:
    if not annotation.mask and not annotation.points:
        return _Placed(annotation, None, None, None, outside=False)
    colour = palette.of(_label(annotation))
    painted = mask(annotation.mask, colour) if annotation.mask else None
    if not annotation.points:
        return _Placed(annotation, painted, None, None, outside=False)
    shape = _shape(annotation, colour, width, height)
    outside = _is_outside(annotation, width, height)
    tag = None if outside else _tag(annotation, colour, width, height)
    return _Placed(annotation, painted, shape, tag, outside)


def _oddities(found: Picture | None, width: int, height: int, placed: Sequence[_Placed]) -> list[str]:
    """What a person should know who wonders at a picture."""
    notes = []
    if found and (found.width, found.height) != (width, height):
        notes.append(f"the item says {width} × {height}, its picture is {found.width} × {found.height} pixels")
    outside = sum(one.outside for one in placed)
    if outside:
        notes.append(f"{number(outside, 'annotation')} outside the picture")
    return notes


def _found(content: bytes) -> tuple[Picture | None, str | None]:
    """The picture, or why there is none."""
    if not content:
        return None, "the picture is not at hand"
    try:
        return picture(content), None
    except Undecodable as why:
        return None, f"cannot be decoded: {why}"


def _shape(annotation: AnnotationSeen, colour: str, width: int, height: int) -> Shape:
    """An annotation that has points as an SVG element."""
    points, title = annotation.points, named(annotation)
    if annotation.type == "box" and len(points) == 2:
        (left, top), (right, bottom) = _corners(points)
        size = {"width": _svg(right - left), "height": _svg(bottom - top)}
        return Shape("rect", {"x": _svg(left), "y": _svg(top), **size}, colour, title)
    if len(points) == 1:
        (x, y), radius = points[0], 5 * _unit(width, height)
        return Shape("circle", {"cx": _svg(x), "cy": _svg(y), "r": _svg(radius)}, colour, title)
    element = "polyline" if annotation.type == "polyline" else "polygon"
    return Shape(element, {"points": " ".join(f"{_svg(x)},{_svg(y)}" for x, y in points)}, colour, title)


def _tag(annotation: AnnotationSeen, colour: str, width: int, height: int) -> Tag:
    """A label above the shape's upper left corner, moved so that it stays in the picture."""
    text = named(annotation)
    text = text if len(text) <= 28 else f"{text[:27]}…"
    size = 12 * _unit(width, height)
    wide, high = (_breadth(text) + 0.7) * size, 1.35 * size
    (left, top), _ = _corners(annotation.points)
    x = max(0.0, min(left, width - wide))
    y = max(0.0, min(top - high if top >= high else top, height - high))
    return Tag(
        x=_svg(x),
        y=_svg(y),
        width=_svg(wide),
        height=_svg(high),
        baseline=_svg(y + 0.98 * size),
        size=_svg(size),
        text=text,
        colour=colour,
    )


def _breadth(text: str) -> float:
    """About how wide a text is in a sans-serif font, in units of the font's size."""
    narrow, wide = "fijlrtI.,:;'|! ", "mwMW%@"
    return sum(0.35 if c in narrow else 0.9 if c in wide else 1.0 if c > "\u2e80" else 0.61 for c in text)


def _unit(width: int, height: int) -> float:
    """How many of the item's pixels one CSS pixel covers in the page."""
    return max(width / _SHOWN_WIDTH, height / _SHOWN_HEIGHT)


def _corners(points: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], tuple[float, float]]:
    xs, ys = zip(*points, strict=True)
    return (min(xs), min(ys)), (max(xs), max(ys))


def _is_outside(annotation: AnnotationSeen, width: int, height: int) -> bool:
    (left, top), (right, bottom) = _corners(annotation.points)
    return right < 0 or bottom < 0 or left > width or top > height


def _svg(number: float) -> str:
    return f"{number:.6g}"


def _legend(annotations: Sequence[AnnotationSeen], palette: _Palette) -> tuple[tuple[str, str, int], ...]:
    counts = Counter(_label(annotation) for annotation in annotations)
    return tuple((palette.of(label), label, count) for label, count in counts.items())


def _chips(annotations: Sequence[AnnotationSeen]) -> tuple[str, ...]:
    """What has no place in the picture: classes as they are, other types with their type."""
    return tuple(
        named(a) if a.type in {"class", None} and a.text is None else f"{a.type}: {a.text or named(a)}"
        for a in annotations
    )


# Texts and prompts --------------------------------------------------------------------------------


def _text(content: bytes) -> str:
    text = content[: 4 * MOST_TEXT + 4].decode("utf-8", "replace")
    return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]} …"


def _bytes(count: int) -> str:
    return number(count, "byte") if count < 1024 else f"{count / 1024:.0f} KB"


def _turns(content: bytes, annotations: Sequence[AnnotationSeen]) -> tuple[Turn, ...]:
    """The prompts in their order, each with its answers; then the answers that name none of them.

    Nothing when the item does not have the shape of a prompt item.
    """
    prompts = _prompts(content)
    if not prompts:
        return ()
    answers: dict[str, list[AnnotationSeen]] = {key: [] for key in prompts}
    stray: list[AnnotationSeen] = []
    for annotation in annotations:
        answers.get(annotation.prompt_key or "", stray).append(annotation)
    turns = [Turn(key, parts, tuple(answers[key])) for key, parts in prompts.items()]
    return (*turns, Turn("", (), tuple(stray))) if stray else tuple(turns)


def _prompts(content: bytes) -> dict[str, tuple[tuple[str, str], ...]]:
    """What a prompt item asks (SDK: entities/prompt_item.py); nothing when it is not of that shape."""
    try:
        prompts = json.loads(content)["prompts"]
        return {str(key): tuple(_parts(elements)) for key, elements in prompts.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _parts(elements: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    parts = [(str(element.get("mimetype", "")), element.get("value")) for element in elements]
    return [(kind, value[:MOST_TEXT]) for kind, value in parts if isinstance(value, str)]
