"""Scenes: starting states, from a dict, a JSON file, or a directory of files.

A scene is one JSON object with any of the arrays named in `state.COLLECTIONS`, holding documents as the API returns
them. Given ids are kept; what is missing is filled in as the platform would. The bytes of an item come from `file`,
a path relative to the scene, and its annotations may be nested under `annotations`.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dl_mock import documents
from dl_mock.directory_scene import directory_scene
from dl_mock.documents import BINARIES, Document, merge
from dl_mock.fields import kind
from dl_mock.media import READ_FROM_IMAGES, file_metadata
from dl_mock.reading import check_depth, read_json
from dl_mock.routes.items import make_dirs, recount
from dl_mock.routes.ontologies import add_recipe
from dl_mock.routes.projects import binaries_of
from dl_mock.scene_check import SceneError, check_scene, filename_of, nested_annotations
from dl_mock.synthetic import made_up

if TYPE_CHECKING:
    from dl_mock.platform import Platform

__all__ = ["SceneError", "load_scene"]

ADDRESSES = frozenset({"url", "dataset", "stream", "thumbnail", "item"})  # added when answering
COUNTERS = frozenset({"items", "directoryTree", "itemsCount", "annotated", "annotationsCount"})  # of datasets
PLAIN = MappingProxyType(
    {
        "executions": documents.execution,
        "commands": documents.fill,
        "services": documents.fill,
        "apps": documents.fill,
        "dpks": documents.dpk,
        "logs": documents.log_line,
    }
)


def load_scene(platform: Platform, source: Mapping[str, Any] | str | Path) -> None:
    """Add a scene to a platform; SceneError, and nothing added, if it has a fault."""
    if not isinstance(source, (Mapping, str, Path)):
        raise SceneError(f"expected a scene as a dict, or the path of a JSON file or a directory, saw {source!r}")
    if isinstance(source, Mapping):
        _check_depth(source)
        # The state keeps what it is given, and must not change when the caller's dict does.
        scene, root, name = deepcopy(dict(source)), Path(), "the scene"
    else:
        scene, root, name = read_scene(Path(source))
    with platform.state.lock:
        check_scene(scene, root, name, platform.state)
        _reserve(platform, scene, name)
        _Loader(platform, scene, root).load()


def _check_depth(source: Mapping[str, Any]) -> None:
    try:
        check_depth(source)
    except ValueError as error:
        raise SceneError(f"the scene: {error}") from None


def read_scene(path: Path) -> tuple[dict[str, Any], Path, str]:
    """The scene at a path, the directory its files are relative to, and what to call it in messages."""
    if not path.exists():
        raise SceneError(f"expected a scene at {path}, but there is nothing")
    if path.is_dir():
        if not (path / "scene.json").is_file():
            return directory_scene(path), path, str(path)
        path = path / "scene.json"
    try:
        scene = read_json(path.read_bytes())
    except ValueError as error:
        raise SceneError(f"{path}: expected JSON, but: {error}") from None
    if not isinstance(scene, dict):
        raise SceneError(f"{path}: expected a JSON object, saw {kind(scene)}")
    return scene, path.parent, str(path)


def _reserve(platform: Platform, scene: Mapping[str, list[Any]], name: str) -> None:
    """Make sure that ids made from now on come after those of the scene."""
    nested = [one for row in scene.get("items", ()) for one in nested_annotations(row)]
    for row in [row for rows in scene.values() for row in rows] + nested:
        if row.get("id"):
            try:
                platform.new_id.reserve(row["id"])
            except ValueError as error:
                raise SceneError(f"{name}: {error}") from None


class _Loader:
    """Puts one checked scene into a platform, from the projects down."""

    def __init__(self, platform: Platform, scene: Mapping[str, list[Any]], root: Path) -> None:
        self.state = platform.state
        self.author = platform.author
        self.scene = scene
        self.root = root
        self.artifacts = {
            artifact["itemId"]
            for model in scene.get("models", ())
            for artifact in model.get("artifacts") or ()
            if artifact.get("itemId")
        }
        self.without_recipe: dict[str, list[Any] | None] = {}  # dataset id to the labels given with it

    def load(self) -> None:
        """Add everything."""
        for row in self._rows("projects"):
            self.state.put("projects", documents.project(row, self.author))
        for row in self._rows("ontologies"):
            self.state.put("ontologies", documents.ontology(row, self.author, self._project_id(row)))
        for row in self._rows("recipes"):
            self.state.put("recipes", documents.recipe(row, self.author, self._project_id(row)))
        for row in self._rows("datasets"):
            self._dataset(row)
        items = [self._item(row) for row in self._rows("items")]
        for row in self._rows("annotations"):
            self._annotation(row, self.state.find("items", id=row["itemId"])[0])
        # A dataset that lists directories lists all it has.
        listed = {item["datasetId"] for item in items if item["type"] == "dir"}
        for item in items:
            if item["datasetId"] not in listed:
                make_dirs(self.state, item, self.author)
            recount(self.state, item["id"])
        for row in self._rows("models"):
            self.state.put("models", documents.model(row, self.author, self._project_id(row)))
        self._features()
        for key, completed in PLAIN.items():
            for row in self._rows(key):
                self.state.put(key, completed(row, self.author))
        self._complete()

    def _rows(self, key: str) -> list[Document]:
        return [{name: row[name] for name in row if name not in ADDRESSES} for row in self.scene.get(key, ())]

    def _dataset(self, row: Document) -> None:
        """Without a recipe a dataset gets one, once the labels of its annotations are known."""
        labels = row.pop("labels", None)
        given = {key: value for key, value in row.items() if key not in COUNTERS}
        dataset = documents.dataset(given, self.author, self._project_id(row))
        if "recipes" not in ((given.get("metadata") or {}).get("system") or {}) and dataset["name"] != BINARIES:
            self.without_recipe[dataset["id"]] = labels
        self.state.put("datasets", dataset)

    def _item(self, row: Document) -> Document:
        dataset = self._dataset_of(row)
        nested, file, hidden = nested_annotations(row), row.pop("file", None), row.pop("hidden", None)
        row = {**row, "filename": filename_of({**row, "file": file})}
        for counted in ("annotations", "annotationsCount"):
            row.pop(counted, None)
        item = documents.item(row, self.author, dataset["id"], dataset["projects"][0])
        if isinstance(hidden, bool):
            item["hidden"] = hidden
        if item["type"] != "dir":
            self._bytes(item, file)
        self.state.put("items", item)
        for one in nested:
            self._annotation({name: one[name] for name in one if name not in ADDRESSES}, item)
        return item

    def _bytes(self, item: Document, file: str | None) -> None:
        """Bytes from a file, or made up; what they say fills in `metadata.system`, and the size is always theirs.

        A document without a file that tells its size is taken as it came from a platform: made-up bytes then add
        nothing to what it says of width and height.
        """
        given = item["metadata"].get("system") or {}
        if file is not None:
            path = (self.root / file).absolute()
            content = path.read_bytes()
            self.state.write(item["id"], path)
        else:
            content = made_up(item["name"], given)
            self.state.write(item["id"], content)
        read = file_metadata(item["name"], content)
        system = read["system"]
        if file is None and "size" in given:
            system = {key: value for key, value in system.items() if key not in READ_FROM_IMAGES}
        item["metadata"] = {**read, **item["metadata"], "system": {**system, **given, "size": len(content)}}

    def _annotation(self, row: Document, owner: Document) -> None:
        self.state.put("annotations", documents.annotation(row, self.author, owner))

    def _features(self) -> None:
        for row in self._rows("feature_sets"):
            self.state.put("feature_sets", documents.feature_set(row, self.author, self._project_id(row)))
        for row in self._rows("feature_vectors"):
            self.state.put("feature_vectors", documents.feature_vector(row, self.author, self._project_id(row)))
        for row in self._rows("metrics"):
            self.state.put("metrics", documents.metric(row, self.author))

    def _complete(self) -> None:
        """What follows from the rest: recipes, and the Binaries of each project."""
        for dataset_id, labels in self.without_recipe.items():
            dataset = self.state.find("datasets", id=dataset_id)[0]
            if labels is None:
                labels = documents.labels_of(self.state.find("annotations", datasetId=dataset_id))
            title = f"{dataset['name']} Default Recipe"
            recipe = add_recipe(self.state, {"title": title}, self.author, dataset["projects"][0], _tags(labels))
            change = {"metadata": {"system": {"recipes": [recipe["id"]]}}}
            self.state.put("datasets", merge(dataset, change))
        for project in self.state.all("projects"):
            binaries_of(self.state, project["id"], self.author)

    def _project_id(self, row: Mapping[str, Any]) -> str:
        """The project a document names, or the first one; either is made if it is not there."""
        named = row.get("project") or row.get("projectId") or (row.get("context") or {}).get("project")
        several = row.get("projects") or row.get("projectIds") or ()
        wanted = several[0] if several else named
        if wanted:
            if self.state.get("projects", wanted) is None:
                self.state.put("projects", documents.project({"id": wanted}, self.author))
            return str(wanted)
        known = self.state.all("projects")
        project = known[0] if known else self.state.put("projects", documents.project({}, self.author))
        return str(project["id"])

    def _dataset_of(self, row: Mapping[str, Any]) -> Document:
        """The dataset an item names, or the first one; an artifact of a model goes to the Binaries."""
        wanted = row.get("datasetId")
        if wanted:
            return self.state.get("datasets", wanted) or self._new_dataset({"id": wanted})
        if row.get("id") in self.artifacts:
            return binaries_of(self.state, self._project_id({}), self.author)
        ours = [dataset for dataset in self.state.all("datasets") if dataset["name"] != BINARIES]
        return ours[0] if ours else self._new_dataset({})

    def _new_dataset(self, given: Document) -> Document:
        dataset = documents.dataset(given, self.author, self._project_id({}))
        self.without_recipe[dataset["id"]] = None
        return self.state.put("datasets", dataset)


def _tags(labels: list[Any]) -> list[str]:
    return [str(label["tag"]) if isinstance(label, Mapping) else str(label) for label in labels]
