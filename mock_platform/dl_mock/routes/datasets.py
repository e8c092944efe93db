"""Datasets, and the query endpoint of their items and annotations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dl_mock import documents
from dl_mock.documents import Author, Document, chosen, merge, without_system
from dl_mock.message import Response
from dl_mock.routes.annotations import change_annotation, remove_annotations
from dl_mock.routes.items import clone_item, remove_item, update_item
from dl_mock.routes.ontologies import add_recipe
from dl_mock.routes.projects import allowed_project
from dl_mock.routes.querying import COLLECTION_OF, Scope, answer_page, answer_query
from dl_mock.routing import ApiError, Call, Route
from dl_mock.search import search
from dl_mock.state import State

UPDATABLE = ("name", "metadata", "readableType", "accessLevel", "readonly", "expirationOptions")


def add_dataset(
    state: State,
    given: Document,
    author: Author,
    project_id: str,
    with_recipe: bool = True,
    labels: Iterable[str] = (),
) -> Document:
    """A dataset, by default with a recipe and an ontology of its own."""
    dataset = documents.dataset(given, author, project_id)
    if with_recipe and not dataset["metadata"].get("system", {}).get("recipes"):
        title = f"{dataset['name']} Default Recipe"
        recipe = add_recipe(state, {"title": title}, author, project_id, labels)
        dataset["metadata"] = merge(dataset["metadata"], {"system": {"recipes": [recipe["id"]]}})
    return state.put("datasets", dataset)


def create_dataset(call: Call) -> Response:
    """A new dataset; a name can be given once in a project (former end-to-end tests: 400)."""
    given = call.body()
    projects = given.get("projects") or []
    if not given.get("name") or not projects:
        raise ApiError(400, "a dataset needs a name and projects")
    project_id = allowed_project(call, projects[0])
    if any(project_id in found["projects"] for found in call.state.find("datasets", name=given["name"])):
        raise ApiError(400, f"a dataset named {given['name']!r} exists in this project")
    with_recipe = given.pop("createDefaultRecipe", True)
    return call.reply("datasets", add_dataset(call.state, given, call.author, project_id, with_recipe))


def get_dataset(call: Call) -> Response:
    """One dataset."""
    return call.reply("datasets", call.found("datasets"))


def query_datasets(call: Call) -> Response:
    """Datasets of the projects in the context; hidden ones only in the system space."""
    return answer_query(call, "datasets")


def update_dataset(call: Call) -> Response:
    """Change a dataset; `metadata.system` only with `?system=true`, as for items (assumed)."""
    dataset = call.found("datasets")
    change = chosen(call.body(), UPDATABLE)
    change = change if call.flag("system") else without_system(change)
    return call.reply("datasets", call.state.put("datasets", {**merge(dataset, change), **call.author.touch()}))


def delete_dataset(call: Call) -> Response:
    """Remove a dataset with its items."""
    dataset = call.found("datasets")
    for item in call.state.find("items", datasetId=dataset["id"]):
        remove_item(call.state, item)
    call.state.remove("datasets", dataset["id"])
    return Response.of_json({"success": True})


def unlock_dataset(call: Call) -> Response:
    """Datasets are never locked here (former end-to-end tests: 400 with this message)."""
    call.found("datasets")
    raise ApiError(400, "dataset is not locked")


def directory_tree(call: Call) -> Response:
    """Directories as nested objects. SDK: entities/directory_tree.py."""
    dataset = call.found("datasets")
    dirs = [item for item in call.state.find("items", datasetId=dataset["id"]) if item["type"] == "dir"]
    root: Document = {"id": None, "name": "", "dir": None, "filename": "/", "metadata": {}}
    return Response.of_json(_branch(root, dirs))


def query_dataset(call: Call) -> Response:
    """List, update or delete items or annotations of a dataset."""
    dataset = call.found("datasets")
    body = call.body()
    resource = body.get("resource", "items")
    rows = search(body, resource, Scope(call.state, dataset["id"], body))
    if body.get("references"):
        raise ApiError(400, "references to tasks are not supported by this mock platform")
    if body.get("delete"):
        return _delete(call, resource, rows)
    if body.get("update") is not None:
        return _update(call, resource, rows, body["update"], bool(body.get("systemSpace")))
    return answer_page(call, body, COLLECTION_OF[resource], rows)


def clone_dataset(call: Call) -> Response:
    """Copy the items a query selects into a new dataset, or into one that is there."""
    source, body = call.found("datasets"), call.body()
    options = body.get("cloneDatasetParams") or {}
    if options.get("targetDatasetId"):
        target = call.get("datasets", options["targetDatasetId"])
    else:
        given = {"name": body.get("name") or f"{source['name']}-clone", "srcDataset": source["id"]}
        given["metadata"] = {"system": {"recipes": source["metadata"].get("system", {}).get("recipes", [])}}
        target = add_dataset(call.state, given, call.author, source["projects"][0])
    annotated = bool(options.get("withItemsAnnotations", True))
    for item in search(body.get("filter") or {}, "items", Scope(call.state, source["id"])):
        path = f"{options.get('targetDirectory') or ''}{item['filename']}"
        if item["type"] == "file" and call.state.item_at(target["id"], path) is None:
            clone_item(call.state, item, target, path, call.author, annotated)
    return _command(call, "CloneDataset", {"returnedModelId": target["id"]})


def bulk_update_metadata(call: Call) -> Response:
    """Update items by query, as a command. SDK: repositories/datasets.py bulk_update_ml_subset."""
    dataset = call.found("datasets")
    body = call.body()
    query, change = body.get("query") or {}, body.get("updateQuery") or {}
    rows = search(query, "items", Scope(call.state, dataset["id"]))
    _update(call, "items", rows, change.get("update") or {}, bool(change.get("systemSpace")))
    return _command(call, "BulkUpdateMetadata", {})


def split_dataset(call: Call) -> Response:
    """Tag items as train, validation or test by given shares, in order of their ids (assumed: at random)."""
    dataset = call.found("datasets")
    body = call.body()
    rows = search(body.get("itemsQuery") or {}, "items", Scope(call.state, dataset["id"]))
    shares = body.get("MLSplitList")
    numbers = list(shares.values()) if isinstance(shares, dict) else []
    if not shares or not all(isinstance(share, int) and share >= 0 for share in numbers) or not sum(numbers):
        raise ApiError(400, f"MLSplitList must name subsets and their shares, not {shares!r}")
    start = 0.0
    for name, share in shares.items():
        end = start + share * len(rows) / sum(numbers)
        tags = {other: True if other == name else None for other in shares}
        for row in rows[round(start) : round(end)]:
            update_item(call.state, row, {"metadata": {"system": {"tags": tags}}}, call.author, system=True)
        start = end
    return _command(call, "SplitDataset", {})


def _delete(call: Call, resource: str, rows: list[Any]) -> Response:
    """All matches go, whatever the page; the body is not read by the SDK (assumed)."""
    if resource == "items":
        for row in rows:
            remove_item(call.state, row)
    elif resource == "annotations":
        remove_annotations(call.state, rows, call.author)
    else:
        raise ApiError(400, f"{resource} cannot be deleted by this query")
    return Response.of_json({"deleted": len(rows)})


def _update(call: Call, resource: str, rows: list[Any], change: Any, system: bool) -> Response:
    if not isinstance(change, dict):
        raise ApiError(400, f"update must be an object, not {change!r}")
    for row in rows if change else ():  # the SDK sends an empty change, which must do nothing
        if resource == "items":
            update_item(call.state, row, change, call.author, system)
        elif resource == "annotations":
            change_annotation(call.state, row, change, call.author, system)
        else:
            raise ApiError(400, f"{resource} cannot be updated by this query")
    return Response.of_json({"updated": len(rows)})


def _command(call: Call, kind: str, spec: Document) -> Response:
    return call.reply("commands", call.state.put("commands", documents.command(kind, spec, call.author)))


def _branch(value: Document, dirs: list[Document]) -> Document:
    children = [_branch(item, dirs) for item in dirs if item["dir"] == value["filename"]]
    return {"value": value, "children": children}


ROUTES = [
    Route("POST", "/datasets", create_dataset, "SDK datasets.create; OpenAPI"),
    Route("POST", "/datasets/query", query_datasets, "SDK datasets.list; recorded"),
    Route("GET", "/datasets/{dataset_id}", get_dataset, "SDK datasets.get; recorded"),
    Route("PATCH", "/datasets/{dataset_id}", update_dataset, "SDK datasets.update; OpenAPI"),
    Route("DELETE", "/datasets/{dataset_id}", delete_dataset, "SDK datasets.delete; OpenAPI"),
    Route("PATCH", "/datasets/{dataset_id}/unlock", unlock_dataset, "SDK datasets; OpenAPI"),
    Route("GET", "/datasets/{dataset_id}/directoryTree", directory_tree, "SDK datasets; OpenAPI"),
    Route("POST", "/datasets/{dataset_id}/clone", clone_dataset, "SDK datasets.clone; OpenAPI"),
    Route("POST", "/datasets/{dataset_id}/query", query_dataset, "SDK: items, annotations list; recorded"),
    Route("POST", "/datasets/{dataset_id}/split", split_dataset, "SDK datasets.split_ml_subsets"),
    Route(
        "POST",
        "/datasets/{dataset_id}/items/bulk-update-metadata",
        bulk_update_metadata,
        "SDK datasets.bulk_update_ml_subset",
    ),
]
