"""Write a state as a scene that restores it exactly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dl_mock.state import COLLECTIONS, State


def write_snapshot(state: State, directory: Path) -> None:
    """`scene.json` with every document, and the bytes of each item under `files/`, named by its id."""
    files = directory / "files"
    files.mkdir(parents=True, exist_ok=True)
    with state.lock:
        scene: dict[str, list[dict[str, Any]]] = {
            name: [dict(document) for document in state.all(name)] for name in COLLECTIONS
        }
        for item in scene["items"]:
            if item["type"] != "dir":
                (files / item["id"]).write_bytes(state.read(item["id"]))
                item["file"] = f"files/{item['id']}"
    (directory / "scene.json").write_text(json.dumps(scene, indent=1) + "\n")
