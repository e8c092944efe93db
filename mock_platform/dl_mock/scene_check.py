"""Whether a scene has the right form: every fault is found, and named, before anything is loaded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dl_mock.documents import place
from dl_mock.fields import faults, is_text, kind
from dl_mock.ids import is_object_id
from dl_mock.routes.annotations import TYPES
from dl_mock.state import COLLECTIONS, State

_ID = re.compile(r"(?!\.+$)[^/\0]{1,200}")  # a segment of a path, also of the files of a snapshot


class SceneError(ValueError):
    """A scene that cannot be loaded; says what was expected, what was seen, and where."""


def check_scene(scene: Mapping[str, Any], root: Path, name: str, state: State) -> None:
    """Raise SceneError for the first fault; `state` is what the scene will be added to."""
    for fault in _faults(scene, root, state):
        raise SceneError(f"{name}: {fault}")


def nested_annotations(item: Mapping[str, Any]) -> list[Any]:
    """Annotations inside an item; as the API returns it, the field holds an address instead."""
    nested = item.get("annotations")
    return nested if isinstance(nested, list) else []


def filename_of(item: Mapping[str, Any]) -> str:
    """The path of an item, which may be told by its name or its file alone."""
    return str(place(item.get("filename") or item.get("name") or item.get("file") or "")["filename"])


def _faults(scene: Mapping[str, Any], root: Path, state: State) -> Iterator[str]:
    for key, rows in scene.items():
        if key not in COLLECTIONS:
            yield f"unknown list {key!r}; expected any of {', '.join(COLLECTIONS)}"
        elif not isinstance(rows, list):
            yield f"expected a list at {key!r}, saw {kind(rows)}"
        else:
            for index, row in enumerate(rows):
                yield from _document_faults(row, f"{key}[{index}]")
    for index, row in enumerate(scene.get("datasets", ())):
        yield from _label_faults(row, f"datasets[{index}]")
    for index, row in enumerate(scene.get("executions", ())):
        if not isinstance(row.get("status") or [], list):
            yield f"expected a list at executions[{index}].status, saw {kind(row['status'])}"
    for index, row in enumerate(scene.get("items", ())):
        yield from _item_faults(row, f"items[{index}]", root)
    for index, row in enumerate(scene.get("annotations", ())):
        yield from _annotation_faults(row, f"annotations[{index}]")
    yield from _reference_faults(scene, state)


def _document_faults(row: Any, where: str) -> Iterator[str]:
    if not isinstance(row, Mapping):
        yield f"expected an object at {where}, saw {kind(row)}"
        return
    for fault in faults(row):
        yield f"{where}: {fault}"
    if isinstance(row.get("id"), str) and not _ID.fullmatch(row["id"]):
        seen = repr(row["id"][:40]) if row["id"] else "an empty text"
        yield f"expected an id at {where}.id, without a slash and of at most 200 characters, saw {seen}"


def _label_faults(row: Mapping[str, Any], where: str) -> Iterator[str]:
    for index, label in enumerate(row.get("labels") or ()):
        if not is_text(label.get("tag") if isinstance(label, Mapping) else label):
            fields = f" with {', '.join(map(repr, label)) or 'nothing'}" if isinstance(label, Mapping) else ""
            saw = f"{kind(label)}{fields}"
            yield f"expected a text or an object with the text 'tag' at {where}.labels[{index}], saw {saw}"


def _item_faults(row: Mapping[str, Any], where: str, root: Path) -> Iterator[str]:
    if filename_of(row) == "/":
        yield f"expected a filename at {where}, saw none"
    if row.get("file") is not None and not _is_file(root / row["file"]):
        yield f"expected a file at {where}.file, but there is no {row['file']!r} in {root.absolute()}"
    for index, one in enumerate(nested_annotations(row)):
        here = f"{where}.annotations[{index}]"
        yield from _document_faults(one, here)
        yield from _annotation_faults(one, here)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # such as a name too long for any file
        return False


def _annotation_faults(row: Mapping[str, Any], where: str) -> Iterator[str]:
    if not isinstance(row.get("type"), str) or row["type"] not in TYPES:
        known = ", ".join(sorted(TYPES))
        yield f"expected a type of annotation at {where}.type, saw {row.get('type')!r}; known: {known}"


def _reference_faults(scene: Mapping[str, Any], state: State) -> Iterator[str]:
    """Ids given twice, two items at one path, and annotations or items that belong to nothing."""
    for key, rows in scene.items():
        seen: set[str] = set()
        for index, row in enumerate(rows):
            if row.get("id") in seen or (row.get("id") and state.get(key, row["id"]) is not None):
                yield f"expected another id at {key}[{index}], because {row['id']!r} is taken"
            if row.get("id"):
                seen.add(row["id"])
    items = {row.get("id") for row in scene.get("items", ())}
    for index, row in enumerate(scene.get("annotations", ())):
        item_id = row.get("itemId")
        if not item_id or (item_id not in items and state.get("items", item_id) is None):
            yield f"expected annotations[{index}].itemId to name an item, saw {item_id!r}"
    datasets = {row.get("id") for row in scene.get("datasets", ())}
    places: set[tuple[Any, str]] = set()
    for index, row in enumerate(scene.get("items", ())):
        dataset_id = row.get("datasetId")
        known = not dataset_id or dataset_id in datasets or state.get("datasets", dataset_id) is not None
        if not known and not is_object_id(dataset_id):
            yield f"expected items[{index}].datasetId to name a dataset, saw {dataset_id!r}"
        if (dataset_id, filename_of(row)) in places:
            yield f"expected one item per path, saw a second one at {filename_of(row)!r} (items[{index}])"
        places.add((dataset_id, filename_of(row)))
