"""Directories of plain files as scenes.

In Dataloop's own layout (SDK: repositories/downloader.py) files lie below `items/` and, optionally, one JSON file per
item below `json/`, named by the stem of the item. In any other directory every file is an item. Files and directories
whose name begins with a dot are left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dl_mock.fields import kind
from dl_mock.reading import read_json
from dl_mock.scene_check import SceneError


def directory_scene(root: Path) -> dict[str, Any]:
    """The scene of a directory."""
    home = root / "items" if (root / "items").is_dir() else root
    items = [_item(root, home, path) for path in sorted(home.rglob("*")) if _is_item(path, home)]
    if not items:
        raise SceneError(f"{root}: expected files, or a scene.json, but there are none")
    return {"datasets": [{"name": root.absolute().name}], "items": items}


def _is_item(path: Path, home: Path) -> bool:
    return path.is_file() and not any(part.startswith(".") for part in path.relative_to(home).parts)


def _item(root: Path, home: Path, path: Path) -> dict[str, Any]:
    inner = path.relative_to(home)
    item: dict[str, Any] = {"filename": f"/{inner.as_posix()}", "file": path.relative_to(root).as_posix()}
    # Export version V1 drops the extension of the item, V2 keeps it.
    notes = (root / "json" / inner.with_suffix(".json"), root / "json" / f"{inner}.json")
    note = next((one for one in notes if one.is_file()), None)
    return item if home == root or note is None else {**item, **_described(note)}


def _described(note: Path) -> dict[str, Any]:
    """Annotations and metadata of one item, from the JSON file beside it."""
    try:
        content = read_json(note.read_bytes())
    except ValueError as error:
        raise SceneError(f"{note}: expected JSON, but: {error}") from None
    if not isinstance(content, dict):
        raise SceneError(f"{note}: expected an object with 'annotations', saw {kind(content)}")
    annotations = content.get("annotations", [])
    if not isinstance(annotations, list):
        raise SceneError(f"{note}: expected a list at 'annotations', saw {kind(annotations)}")
    metadata = content.get("metadata") or content.get("itemMetadata")
    return {"annotations": annotations, **({"metadata": metadata} if isinstance(metadata, dict) else {})}
