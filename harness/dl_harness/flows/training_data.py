"""What lies in a training's data_path, counted so that two conversions of the same items can be compared."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from dl_harness.evidence import FileHeld

MOST_FILES = 5_000
LARGEST = 1 << 22  # bytes; larger files are named and not read
LINES = frozenset({".txt", ".csv", ".tsv", ".jsonl", ".names", ".yaml", ".yml", ".lst"})


def held(folder: str | None) -> tuple[FileHeld, ...]:
    """Every file below a folder with the number of its records, in the order of paths."""
    if folder is None or not os.path.isdir(folder):
        return ()
    files = sorted(Path(parent, name) for parent, _, names in os.walk(folder) for name in names)
    return tuple(_file(file, Path(folder)) for file in files[:MOST_FILES])


def _file(file: Path, folder: Path) -> FileHeld:
    path = file.relative_to(folder).as_posix()
    try:
        if file.stat().st_size > LARGEST:
            return FileHeld(path)
        content = file.read_bytes()
    except OSError:  # a broken link, a file without permissions
        return FileHeld(path)
    return FileHeld(path, _records(file.suffix.lower(), content), hashlib.sha1(content).hexdigest())


def _records(suffix: str, content: bytes) -> int | None:
    if suffix in LINES:
        return sum(1 for line in content.splitlines() if line.strip())
    if suffix == ".xml":
        return content.count(b"</")
    if suffix == ".json":
        try:
            return _leaves(json.loads(content))
        except (ValueError, RecursionError):
            return None
    return None


def _leaves(value: object) -> int:
    if isinstance(value, dict):
        return sum(_leaves(inner) for inner in value.values())
    if isinstance(value, list):
        return sum(_leaves(inner) for inner in value)
    return 1
