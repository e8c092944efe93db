"""Copies of datasets: clones, merges, and synchronisation with a storage."""

from __future__ import annotations

import posixpath

from dl_mock.documents import Document, place
from dl_mock.message import Response
from dl_mock.routes.commands import carried_out
from dl_mock.routes.datasets import add_dataset, check_name
from dl_mock.routes.items import CopyOptions, checked_path, clone_item, copy_annotations
from dl_mock.routes.querying import Scope
from dl_mock.routing import ApiError, Call, Route
from dl_mock.search import search
from dl_mock.state import State


def clone_dataset(call: Call) -> Response:
    """Copy the items a query selects into a new dataset, or into one that is there."""
    source, body = call.found("datasets"), call.body()
    options = body.get("cloneDatasetParams") or {}
    wanted = CopyOptions.of(options)
    home = checked_path(options["targetDirectory"]) if options.get("targetDirectory") else ""
    name = body.get("name") or f"{source['name']}-clone"
    there = call.get("datasets", options["targetDatasetId"]) if options.get("targetDatasetId") else None
    if there is None:
        check_name(call, name, source["projects"][0])

    def work() -> Document:
        rows = search(body.get("filter") or {}, "items", Scope(call.state, source["id"]))
        target = there or _new(call, name, source, {"srcDataset": source["id"]})
        for item in rows:
            path = place(f"{home}{item['filename']}")["filename"]
            if item["type"] == "file" and call.state.item_at(target["id"], path) is None:
                clone_item(call.state, item, target, path, call.author, wanted)
        return {"returnedModelId": target["id"]}

    return carried_out(call, "CloneDataset", work)


def merge_datasets(call: Call) -> Response:
    """A new dataset with the items of several.

    Documented: items that are clones of one another become one with the annotations of all; others are kept apart,
    here under a name with a number if the path is taken (assumed).
    """
    given = call.json()
    # One id of a project is a text, where all other calls take a list (SDK: repositories/datasets.py merge).
    given = {key: value for key, value in given.items() if key != "projectIds"} if isinstance(given, dict) else given
    body = call.checked(given, "the body")
    ids, name = body.get("datasetsIds"), body.get("name")
    if not isinstance(ids, list) or not ids or not name:
        raise ApiError(400, "a merge needs a name and datasetsIds, a list of ids of datasets")
    sources = [call.get("datasets", id_) for id_ in ids]
    wanted = CopyOptions.of(body.get("mergeDatasetParams") or {})
    target = _new(call, name, sources[0], {})

    def work() -> Document:
        for source in sources:
            _merge(call, source, target, copies, wanted)
        return {"mergeDatasetsConfiguration": {"name": name, "datasetsIds": ids, "targetDatasetId": target["id"]}}

    copies: dict[str, Document] = {}
    return carried_out(call, "MergeDatasets", work)


def sync_dataset(call: Call) -> Response:
    """Look for new files in the storage of a dataset, of which there are never any here."""
    spec = {"datasetId": call.found("datasets")["id"]}
    return carried_out(call, "SyncDataset", lambda: spec)


def _new(call: Call, name: str, like: Document, given: Document) -> Document:
    """A dataset with the recipes of another one."""
    project_id = like["projects"][0]
    check_name(call, name, project_id)
    recipes = like["metadata"].get("system", {}).get("recipes", [])
    document = {**given, "name": name, "metadata": {"system": {"recipes": recipes}}}
    return add_dataset(call.state, document, call.author, project_id)


def _merge(call: Call, source: Document, target: Document, copies: dict[str, Document], wanted: CopyOptions) -> None:
    """Add the files of a dataset to another one; `copies` are those that are there, by what they stem from."""
    for item in search({"sort": {"id": "ascending"}}, "items", Scope(call.state, source["id"])):
        if item["type"] != "file":
            continue
        origin = _origin(call.state, item)
        if origin in copies:
            copy_annotations(call.state, item, copies[origin], call.author, wanted)
            continue
        path = _free_path(call.state, target["id"], item["filename"])
        copies[origin] = clone_item(call.state, item, target, path, call.author, wanted)


def _origin(state: State, item: Document) -> str:
    """The id of the item that this one, over any number of clones, stems from."""
    seen: set[str] = set()
    while item.get("srcItem") and item["id"] not in seen:
        seen.add(item["id"])
        source = state.get("items", item["srcItem"])
        if source is None:
            return str(item["srcItem"])
        item = source
    return str(item["id"])


def _free_path(state: State, dataset_id: str, path: str) -> str:
    stem, extension = posixpath.splitext(path)
    number = 0
    while state.item_at(dataset_id, path) is not None:
        number += 1
        path = f"{stem}-{number}{extension}"
    return path


ROUTES = [
    Route("POST", "/datasets/{dataset_id}/clone", clone_dataset, "SDK datasets.clone; OpenAPI"),
    Route("POST", "/datasets/merge", merge_datasets, "SDK datasets.merge; OpenAPI"),
    Route("POST", "/datasets/{dataset_id}/sync", sync_dataset, "SDK datasets.sync; OpenAPI"),
]
