"""Turn the SDK's live objects into evidence, once, at the edge."""

from __future__ import annotations

import hashlib
import io
import math
import numbers
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from dl_harness.evidence import AnnotationSeen, Entry, Returned

PIXEL_TYPES = frozenset({"box", "point", "segment", "polyline", "ellipse"})
"""Annotation types whose points lie in the item's pixel frame (SDK: entities/annotation_definitions)."""

MOST_VALUES = 4096
MOST_ENTRIES = 4096


def returned(function: str, value: object) -> Returned:
    """Describe what a user function gave back; a generator is described without being walked."""
    length = _length(value)
    entries: tuple[Entry, ...] = ()
    if length is not None and not isinstance(value, (str, bytes, Mapping)):
        if function == "predict":
            entries = _predictions(list(_elements(value)))
        elif function == "embed":
            entries = tuple(embedded(entry) for entry in _elements(value))
    return Returned(kind=kind_of(value), sized=length is not None, length=length, entries=entries)


def _predictions(values: list[object]) -> tuple[Entry, ...]:
    """The elements that `predict` returned, and which of them are one and the same object."""
    first: dict[int, int] = {}
    entries = []
    for index, value in enumerate(values):
        earlier = first.setdefault(id(value), index)
        entries.append(msgspec.structs.replace(predicted(value), twin=None if earlier == index else earlier))
    return tuple(entries)


def kind_of(value: object) -> str:
    """The type as its author would name it."""
    kind = type(value)
    return (
        kind.__qualname__ if kind.__module__ in {"builtins", "__main__"} else f"{kind.__module__}.{kind.__qualname__}"
    )


def _length(value: object) -> int | None:
    try:
        return len(value)  # type: ignore[arg-type]
    except Exception:  # whatever an object of the adapter's own raises, it has no length to speak of
        return None


def _elements(value: Any) -> Iterator[object]:
    for index in range(min(len(value), MOST_ENTRIES)):
        try:
            yield value[index]
        except Exception:  # as above
            return


def predicted(entry: object) -> Entry:
    """One element of what `predict` returned: a collection, a list of annotations, or something else."""
    try:
        annotations = getattr(entry, "annotations", entry if isinstance(entry, (list, tuple)) else None)
    except Exception:  # as above
        annotations = None
    if not isinstance(annotations, (list, tuple)):
        return Entry(kind=kind_of(entry), size=_length(entry))
    seen = tuple(_described(one) for one in annotations)
    return Entry(kind=kind_of(entry), annotations=seen, size=len(seen))


def embedded(entry: object) -> Entry:
    """One element of what `embed` returned: a vector, or something else."""
    size = _length(entry)
    if size is None or isinstance(entry, (str, bytes, Mapping)):
        return Entry(kind=kind_of(entry), size=size, not_numbers=None if entry is None else kind_of(entry))
    values: list[float] = []
    nested, unfinite = False, 0
    strange = None if isinstance(entry, (list, tuple)) else kind_of(entry)
    for element in _elements(entry):
        if _length(element) is not None:
            nested = True
        elif not isinstance(element, numbers.Real):
            strange = strange or kind_of(element)
        elif not math.isfinite(element):
            unfinite += 1
        else:
            values.append(float(element))
            if not isinstance(element, (int, float)):
                strange = strange or kind_of(element)
    return Entry(
        kind=kind_of(entry),
        size=size,
        nested=nested,
        unfinite=unfinite,
        not_numbers=strange,
        values=tuple(values[:MOST_VALUES]),
    )


def _described(one: Any) -> AnnotationSeen:
    """An annotation, also one that cannot be looked at: then it cannot be sent either."""
    try:
        return annotation(one)
    except Exception as error:  # a structure that contains itself, a property that raises
        return AnnotationSeen(unserialisable=(f"{kind_of(one)}, which raises {type(error).__name__} when it is read",))


def annotation(one: Any) -> AnnotationSeen:
    """An annotation: the SDK's entity, or a document as the platform holds it."""
    if isinstance(one, dict):
        return _from_document(one)
    if not hasattr(one, "annotation_definition"):
        return AnnotationSeen(unserialisable=(kind_of(one),))
    problems: list[str] = []
    coordinates: Any = None
    digest = ""
    mask_size = mask_extent = None
    kind = getattr(one, "type", None)
    if kind == "binary":
        digest = _digest_of_mask(one.annotation_definition.geo)
        mask_size = _size_of_mask(one.annotation_definition.geo)
        mask_extent = _extent_of_mask(one.annotation_definition.geo) if mask_size else None
    elif kind != "class":
        try:
            coordinates = one.coordinates
        except Exception as error:  # what to_coordinates could not convert, upload cannot send
            problems.append(f"coordinates: {type(error).__name__}: {error}")
    document = {
        "type": kind,
        "label": one.label,
        "coordinates": coordinates,
        "metadata": one.metadata,
        "attributes": one.attributes,
    }
    return msgspec.structs.replace(_from_document(document, problems, digest, mask_size), mask_extent=mask_extent)


def _from_document(
    document: Mapping[str, Any],
    problems: list[str] | None = None,
    digest: str = "",
    mask_size: tuple[int, int] | None = None,
) -> AnnotationSeen:
    problems = list(problems or ())
    coordinates = document.get("coordinates")
    metadata = document.get("metadata") or {}
    user = metadata.get("user") if isinstance(metadata, dict) else None
    model = user.get("model") if isinstance(user, dict) else None
    system = (metadata.get("system") or {}) if isinstance(metadata, dict) else {}
    unfinite: list[str] = []
    for path, value in _leaves(coordinates, "coordinates"):
        if isinstance(value, numbers.Real) and not math.isfinite(value):
            unfinite.append(f"{path} is {float(value)}")
    for name in ("label", "coordinates", "metadata", "attributes"):
        for path, value in _leaves(document.get(name), name):
            if value is not None and not isinstance(value, (str, int, float, bool)):
                problems.append(f"{path} is {kind_of(value)}")
    kind = document.get("type")
    text = coordinates if kind == "text" and isinstance(coordinates, str) else None
    if not digest and isinstance(coordinates, str):
        digest = hashlib.sha1(coordinates.encode()).hexdigest()
    label = document.get("label")
    return AnnotationSeen(
        type=kind if isinstance(kind, str) else None,
        label=label if isinstance(label, (str, int, float, bool, type(None))) else kind_of(label),
        points=tuple(_points(coordinates)) if kind in PIXEL_TYPES else (),
        unfinite=tuple(unfinite),
        unserialisable=tuple(problems),
        confidence=plain(model.get("confidence")) if isinstance(model, dict) else None,
        model_info=isinstance(model, dict),
        mask_size=mask_size,
        digest=digest,
        text=text,
        mask=coordinates if kind == "binary" and isinstance(coordinates, str) else None,
        prompt_key=plain(system.get("promptId")) if isinstance(system, dict) else None,
    )


def plain(value: object) -> Any:
    """The value if JSON can hold it and read it back; else its type's name."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(float(value))
    if value is None or isinstance(value, (str, bool, int, float)):
        return float(value) if isinstance(value, float) else value
    return kind_of(value)


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{index}]")
    else:
        yield path, value


def _points(value: object) -> Iterator[tuple[float, float]]:
    """Every {x, y} in a type's coordinates that is finite."""
    if isinstance(value, Mapping):
        x, y = value.get("x"), value.get("y")
        if isinstance(x, numbers.Real) and isinstance(y, numbers.Real):
            if math.isfinite(x) and math.isfinite(y):
                yield float(x), float(y)
        else:
            for inner in value.values():
                yield from _points(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _points(inner)


def _digest_of_mask(mask: Any) -> str:
    import numpy as np

    array = np.asarray(mask)
    return hashlib.sha1(repr(array.shape).encode() + np.ascontiguousarray(array).astype(bool).tobytes()).hexdigest()


def _size_of_mask(mask: Any) -> tuple[int, int] | None:
    """Width and height of a mask, if it has just these."""
    import numpy as np

    shape = np.shape(mask)
    return (shape[1], shape[0]) if len(shape) == 2 else None


def _extent_of_mask(mask: Any) -> tuple[float, float, float, float] | None:
    """Left, top, right and bottom of what a mask covers, None when it covers nothing."""
    import numpy as np

    covered = np.asarray(mask).astype(bool)
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    if not len(rows):
        return None
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def turned(content: bytes) -> bool:
    """Whether EXIF lays an image on its side: annotations are in the frame of the upright picture.

    SDK: repositories/downloader.py swaps height and width for orientations 5 to 8.
    """
    from PIL import ExifTags, Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            return image.getexif().get(ExifTags.Base.Orientation) in {5, 6, 7, 8}
    except (OSError, SyntaxError):  # Pillow raises SyntaxError for some broken files
        return False
