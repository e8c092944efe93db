"""Scenes that come and go over the wire: a zip of what `Platform.snapshot` writes, or a JSON object."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dl_mock.message import Request
from dl_mock.reading import read_json
from dl_mock.routing import ApiError
from dl_mock.scene import SceneError

if TYPE_CHECKING:
    from dl_mock.platform import Platform

LARGEST = 2 << 30  # bytes that a zip may unpack to


def packed(platform: Platform) -> bytes:
    """Everything the platform holds, as a zip."""
    output = io.BytesIO()
    with tempfile.TemporaryDirectory(prefix="dl-mock-snapshot-") as name:
        platform.snapshot(name)
        with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(Path(name).rglob("*")):
                if path.is_file():
                    archive.write(path, path.relative_to(name).as_posix())
    return output.getvalue()


def check(platform: Platform, request: Request) -> None:
    """400 unless the scene in a request could be loaded into an empty platform."""
    from dl_mock.platform import Platform as Another

    load(Another(settings=platform.settings), request)


def load(platform: Platform, request: Request) -> None:
    """Add the scene in a request; 400 if it is none."""
    try:
        if request.body[:2] == b"PK":
            _load_zip(platform, request.body)
        else:
            platform.load_scene(_plain(request.body))
    except (SceneError, zipfile.BadZipFile) as error:
        raise ApiError(400, str(error)) from None


def _plain(body: bytes) -> dict[str, Any]:
    try:
        scene = read_json(body)
    except ValueError as error:
        raise ApiError(400, f"the scene is not JSON: {error}") from None
    if not isinstance(scene, dict):
        raise ApiError(400, "the scene must be a JSON object")
    for row in scene.get("items") or []:
        if isinstance(row, dict) and row.get("file") is not None:
            raise ApiError(400, "items of a JSON scene cannot have a 'file' here: send a zip that holds it")
    return scene


def _load_zip(platform: Platform, body: bytes) -> None:
    with tempfile.TemporaryDirectory(prefix="dl-mock-load-") as name, zipfile.ZipFile(io.BytesIO(body)) as archive:
        if sum(one.file_size for one in archive.infolist()) > LARGEST:
            raise ApiError(400, f"the zip unpacks to more than {LARGEST} bytes")
        root = Path(name).resolve()
        archive.extractall(root)
        _check_files(root)
        before = {item["id"] for item in platform.state.all("items")}
        platform.load_scene(root)
        # The state reads files when they are asked for, and these are about to go.
        for item in platform.state.all("items"):
            if item["id"] not in before and item["type"] != "dir":
                platform.state.write(item["id"], platform.state.read(item["id"]))


def _check_files(root: Path) -> None:
    """400 if the scene names a file that did not come with it."""
    path = root / "scene.json"
    if not path.is_file():
        return
    scene = _object(path.read_bytes())
    for row in scene.get("items") or []:
        file = row.get("file") if isinstance(row, dict) else None
        if isinstance(file, str) and not (root / file).resolve().is_relative_to(root):
            raise ApiError(400, f"the file {file!r} of an item is not in the zip")


def _object(text: bytes) -> dict[str, Any]:
    try:
        value = read_json(text)
    except ValueError as error:
        raise ApiError(400, f"scene.json is not JSON: {error}") from None
    return value if isinstance(value, dict) else {}
