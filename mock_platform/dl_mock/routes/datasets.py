"""Datasets, and the query endpoint of their items and annotations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from dl_mock import documents
from dl_mock.documents import Author, Document, chosen, merge, without_system
from dl_mock.fields import kind
from dl_mock.message import Response
from dl_mock.routes.annotations import change_annotation, remove_annotations
from dl_mock.routes.commands import carried_out
from dl_mock.routes.items import remove_item, update_item
from dl_mock.routes.ontologies import add_recipe
from dl_mock.routes.projects import allowed_project
from dl_mock.routes.querying import Scope, answer_page, answer_query
from dl_mock.routing import ApiError, Call, Route
from dl_mock.search import search
from dl_mock.state import State

UPDATABLE = ("name", "metadata", "readableType", "accessLevel", "readonly", "expirationOptions", "enableSyncWithCloned")


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
    check_name(call, given["name"], project_id)
    with_recipe = given.pop("createDefaultRecipe", True)
    return call.reply("datasets", add_dataset(call.state, given, call.author, project_id, with_recipe))


def check_name(call: Call, name: str, project_id: str) -> None:
    """400 if a project has a dataset of this name."""
    if any(project_id in found["projects"] for found in call.state.find("datasets", name=name)):
        raise ApiError(400, f"a dataset named {name!r} exists in this project")


def get_dataset(call: Call) -> Response:
    """One dataset."""
    return call.reply("datasets", call.found("datasets"))


def list_datasets(call: Call) -> Response:
    """All datasets, or those of a name, a creator or projects, as a list."""
    query = call.request.query
    projects = set(filter(None, query.get("projects", "").split(",")))
    rows = [
        row
        for row in call.state.all("datasets")
        if all(query.get(name) in (None, row[name]) for name in ("name", "creator"))
        and (not projects or projects & set(row["projects"]))
        and (row["name"] != documents.BINARIES or call.flag("system"))
    ]
    return Response.of_json([call.render("datasets", row) for row in rows])


def query_datasets(call: Call) -> Response:
    """Datasets of the projects in the context; hidden ones only in the system space."""
    return answer_query(call, "datasets")


def update_dataset(call: Call) -> Response:
    """Change a dataset; `metadata.system` only with `?system=true`, as for items (assumed)."""
    dataset = call.found("datasets")
    change = chosen(call.body(), UPDATABLE)
    change = change if call.flag("system") else without_system(change)
    if change.get("name", dataset["name"]) != dataset["name"]:
        check_name(call, change["name"], dataset["projects"][0])
    return call.reply("datasets", call.state.put("datasets", {**merge(dataset, change), **call.author.touch()}))


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


def get_schema(call: Call) -> Response:
    """Which fields the items and annotations of a dataset have, with their types.

    OpenAPI has the two maps (APIDatasetSchema) and not what is in them; that it is paths and names of types is assumed.
    """
    dataset = call.found("datasets")
    hidden = tuple(dataset.get("unsearchablePaths") or ())
    maps = {}
    for collection in ("items", "annotations"):
        rows = call.state.find(collection, datasetId=dataset["id"])
        found = {path: type_ for row in rows for path, type_ in _paths(row, ())}
        maps[collection] = {path: {"type": type_} for path, type_ in sorted(found.items()) if path not in hidden}
    return Response.of_json({**maps, "unsearchablePaths": list(hidden)})


def update_schema(call: Call) -> Response:
    """Say which paths of items need not be searched (SDK: repositories/schema.py); queries here find them still."""
    dataset = call.found("datasets")
    change = call.body().get("unsearchablePaths") or {}
    if not isinstance(change, dict) or not all(isinstance(change.get(key) or [], list) for key in ("add", "remove")):
        raise ApiError(400, "unsearchablePaths must be an object with the lists 'add' and 'remove'")

    def work() -> Document:
        current = call.get("datasets", dataset["id"])
        paths = dict.fromkeys([*(current.get("unsearchablePaths") or ()), *(change.get("add") or ())])
        kept = [path for path in paths if path not in (change.get("remove") or ())]
        call.state.put("datasets", {**current, "unsearchablePaths": kept})
        return {"datasetId": dataset["id"]}

    return carried_out(call, "UpdateItemsSchema", work)


def query_dataset(call: Call) -> Response:
    """List, update or delete items or annotations of a dataset."""
    dataset = call.found("datasets")
    body = call.body()
    resource = body.get("resource", "items")
    if body.get("references"):
        raise ApiError(400, "references to tasks are not supported by this mock platform")
    if not body.get("delete") and body.get("update") is None:
        return answer_query(call, resource, dataset["id"])
    rows = search(body, resource, Scope(call.state, dataset["id"], body))
    if body.get("delete"):
        return _delete(call, resource, rows)
    return _update(call, resource, rows, body["update"], bool(body.get("systemSpace")))


def _delete(call: Call, resource: str, rows: list[Any]) -> Response:
    """All matches go, whatever the page."""
    if resource == "items":
        for row in rows:
            remove_item(call.state, row)
    elif resource == "annotations":
        remove_annotations(call.state, rows, call.author)
    else:
        raise ApiError(400, f"{resource} cannot be deleted by this query")
    return written_answer(call, resource, rows, "deleted")


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
    return written_answer(call, resource, rows, "updated")


def written_answer(call: Call, resource: str, rows: list[Any], done: str) -> Response:
    """The answer to an update or delete by query, for the setting `query_write_answer`."""
    form = call.state.settings.query_write_answer
    if form == "count":
        return Response.of_json({done: len(rows)})
    return answer_page(call, {}, resource, rows) if form == "page" else Response.of_json({})


def _paths(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Dotted paths to the values of a document, with the names of their types."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _paths(inner, (*path, key))
    else:
        yield ".".join(path), kind(value)


def _branch(value: Document, dirs: list[Document]) -> Document:
    children = [_branch(item, dirs) for item in dirs if item["dir"] == value["filename"]]
    return {"value": value, "children": children}


ROUTES = [
    Route("POST", "/datasets", create_dataset, "SDK datasets.create; OpenAPI"),
    Route("GET", "/datasets", list_datasets, "OpenAPI: List Datasets"),
    Route("POST", "/datasets/query", query_datasets, "SDK datasets.list; recorded"),
    Route("GET", "/datasets/{dataset_id}", get_dataset, "SDK datasets.get; recorded"),
    Route("PATCH", "/datasets/{dataset_id}", update_dataset, "SDK datasets.update; OpenAPI"),
    Route("PATCH", "/datasets/{dataset_id}/unlock", unlock_dataset, "SDK datasets; OpenAPI"),
    Route("GET", "/datasets/{dataset_id}/directoryTree", directory_tree, "SDK datasets; OpenAPI"),
    Route("POST", "/datasets/{dataset_id}/query", query_dataset, "SDK: items, annotations list; recorded"),
    Route("GET", "/datasets/{dataset_id}/schema", get_schema, "SDK schema.get; OpenAPI"),
    Route("POST", "/datasets/{dataset_id}/schema/items", update_schema, "SDK schema.unsearchable_paths; OpenAPI"),
]
