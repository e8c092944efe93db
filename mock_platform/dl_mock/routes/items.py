"""Items: reading, changing, moving, cloning and deleting them; their bytes are in `item_files`."""

from __future__ import annotations

import posixpath
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dl_mock import documents
from dl_mock.documents import Author, Document, chosen, merge, place, without_system
from dl_mock.fields import is_text
from dl_mock.media import READ_FROM_BYTES
from dl_mock.message import Response
from dl_mock.routes.commands import carried_out
from dl_mock.routing import ApiError, Call, Route, of_item
from dl_mock.search import page
from dl_mock.state import State

LONGEST_PATH, LONGEST_NAME = 1024, 255  # characters; what object storages and file systems take (assumed)
# Root fields a PATCH may change; former end-to-end tests saw unknown ones ignored without an error.
UPDATABLE = ("filename", "name", "description", "metadata", "spec")


def checked_path(path: Any) -> str:
    """The path of an item; 400 for what names no place in a dataset (what the platform says to these is assumed).

    The SDK makes files of paths below a folder of its own, so `..` would lead out of it.
    """
    if not isinstance(path, str) or not is_text(path):
        raise ApiError(400, f"the path of an item must be a text, not {path!r}")
    parts = path.replace("\\", "/").strip("/").split("/")
    if not any(parts):
        raise ApiError(400, f"the path of an item must have a name in it, not {path!r}")
    if ".." in parts or "." in parts:
        raise ApiError(400, f"the path of an item must not have the parts '.' or '..', as {path!r} has")
    if any(unicodedata.category(character) == "Cc" for character in path):
        raise ApiError(400, f"the path of an item must not have control characters, as {path!r} has")
    if len(path) > LONGEST_PATH or any(len(part) > LONGEST_NAME for part in parts):
        raise ApiError(400, f"a path has at most {LONGEST_PATH} characters and a name in it {LONGEST_NAME}")
    return path


def check_dirs_above(state: State, dataset_id: str, filename: str) -> None:
    """400 if what stands above a path is a file (assumed)."""
    above = posixpath.dirname(filename)
    while above not in ("/", ""):
        found = state.item_at(dataset_id, above)
        if found is not None and found["type"] != "dir":
            raise ApiError(400, f"{above} is a file, so nothing can be below it")
        above = posixpath.dirname(above)


def make_dirs(state: State, item: Document, author: Author) -> None:
    """Make the items of the directories above an item, as uploading or moving into a path does."""
    path = item["dir"]
    while path not in ("/", "") and state.item_at(item["datasetId"], path) is None:
        add_dir(state, item["datasetId"], item["projectId"], path, author)
        path = posixpath.dirname(path)


def add_dir(state: State, dataset_id: str, project_id: str, path: str, author: Author) -> Document:
    """The item of a directory."""
    given = {"filename": path, "type": "dir", "metadata": {"system": {}}}
    return state.put("items", documents.item(given, author, dataset_id, project_id))


def update_item(state: State, item: Document, change: Document, author: Author, system: bool) -> Document:
    """Merge a change into an item; edits of `metadata.system` need `system`, else they are dropped."""
    change = change if system else without_system(change)
    change = chosen(change, UPDATABLE, nullable=["description"])
    filename = change.pop("filename", None) or _renamed(item, change.pop("name", None))
    change.pop("name", None)
    # The SDK clears a description with an empty text and reads back none (former end-to-end tests).
    description = {"description": change.pop("description") or None} if "description" in change else {}
    # The row may stem from a query that ran before other changes.
    item = state.get("items", item["id"]) or item
    if filename != item["filename"]:
        checked_path(filename)
        item = _moved(state, item, filename, author)
    return state.put("items", {**merge(item, change), **description, **author.touch()})


def remove_item(state: State, item: Document) -> None:
    """Delete an item with its annotations and vectors, and a directory with what is in it.

    That vectors go too is the setting `deleted_item_takes`; that annotations do is implied by totals of former
    end-to-end tests.
    """
    for annotation in state.annotations_of(item["id"]):
        state.remove("annotations", annotation["id"])
    with_vectors = state.settings.deleted_item_takes == "annotations_and_vectors"
    for vector in state.find("feature_vectors", entityId=item["id"]) if with_vectors else ():
        state.remove("feature_vectors", vector["id"])
    state.remove("items", item["id"])
    if item["type"] == "dir":
        for child in state.find("items", datasetId=item["datasetId"], dir=item["filename"]):
            remove_item(state, child)


@dataclass(frozen=True)
class CopyOptions:
    """What goes along when an item is copied. OpenAPI: CloneDatasetParams."""

    annotations: bool = True
    metadata: bool = True
    status: bool = False

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> CopyOptions:
        """Read the options of a request; 400 if they are not true or false."""
        names = ("withItemsAnnotations", "withMetadata", "withTaskAnnotationsStatus")
        for name in names:
            if not isinstance(params.get(name, True), (bool, type(None))):
                raise ApiError(400, f"{name} must be true or false, not {params[name]!r}")
        annotations, metadata, status = (params.get(name) for name in names)
        return cls(annotations is not False, metadata is not False, status is True)


def clone_item(
    state: State, source: Document, dataset: Document, filename: str, author: Author, options: CopyOptions
) -> Document:
    """A copy of an item in a dataset, with its bytes; what tasks made of it stays behind.

    Without `metadata` only what the platform itself read from the bytes goes along (assumed).
    """
    kept = ("type", "description", "spec")
    metadata = source["metadata"]
    system = {
        key: value for key, value in metadata.get("system", {}).items() if key not in ("annotationStatus", "refs")
    }
    if not options.metadata:
        metadata, system = {}, {key: value for key, value in system.items() if key in READ_FROM_BYTES}
    given = {
        **{key: source[key] for key in kept if key in source},
        "filename": filename,
        "srcItem": source["id"],
        "metadata": {**metadata, "system": {**system, "refs": []}},
    }
    copy = state.put("items", documents.item(given, author, dataset["id"], dataset["projects"][0]))
    state.write(copy["id"], state.read(source["id"]))
    make_dirs(state, copy, author)
    return copy_annotations(state, source, copy, author, options)


def copy_annotations(
    state: State, source: Document, target: Document, author: Author, options: CopyOptions
) -> Document:
    """Add the annotations of an item to another one, if they are wanted; gives the other item as it is then."""
    found = state.annotations_of(source["id"]) if options.annotations else []
    for annotation in found:
        fresh = {key: value for key, value in annotation.items() if key not in ("id", "hash")}
        fresh["srcAnnotation"] = annotation["id"]
        if not options.status:
            system = {key: value for key, value in annotation["metadata"]["system"].items() if key != "status"}
            fresh["metadata"] = {**annotation["metadata"], "system": system}
        state.put("annotations", documents.annotation(fresh, author, target))
    return (recount(state, target["id"]) if found else None) or target


def recount(state: State, item_id: str, now: str | None = None) -> Document | None:
    """Bring `annotated` and the counter of an item up to date.

    OpenAPI (DatasetItem): counters do not move `updatedAt`; `annotatedAt` does move with the annotations.
    """
    item = state.get("items", item_id)
    if item is None:
        return None
    count = state.count_annotations(item_id)
    # An item that was discarded in a task says so here (OpenAPI).
    annotated = "discarded" if item["annotated"] == "discarded" else count > 0
    changed = {"annotated": annotated, "annotationsCount": count, **({"annotatedAt": now} if now else {})}
    return state.put("items", {**item, **changed})


def get_item(call: Call) -> Response:
    """One item."""
    return call.reply("items", call.found("items"))


def patch_item(call: Call) -> Response:
    """Change an item by a diff."""
    item = update_item(call.state, call.found("items"), call.body(), call.author, call.flag("system"))
    return call.reply("items", item)


def list_children(call: Call) -> Response:
    """What is directly in a directory."""
    directory = call.found("items")
    rows = call.state.find("items", datasetId=directory["datasetId"], dir=directory["filename"])
    return _listed(call, rows)


def list_items(call: Call) -> Response:
    """Items of a dataset, directories too, in the order they came."""
    return _listed(call, call.state.find("items", datasetId=call.found("datasets", "dataset_id")["id"]))


def delete_item(call: Call) -> Response:
    """Delete an item."""
    remove_item(call.state, call.found("items"))
    return Response(204)


def clone(call: Call) -> Response:
    """Copy an item; the finished command names the copy. SDK: repositories/items.py clone."""
    item, body = call.found("items"), call.body()
    dataset = call.get("datasets", body.get("targetDatasetId") or item["datasetId"])
    filename = checked_path(body.get("remoteFileName") or item["filename"])
    clones = (found.get("srcItem") for found in call.state.find("items", datasetId=dataset["id"]))
    if not body.get("allowMany") and item["id"] in clones:
        raise ApiError(400, f"item {item['id']} was cloned into this dataset before, and allowMany is not set")
    filename = place(filename)["filename"]
    if call.state.item_at(dataset["id"], filename) is not None:
        raise ApiError(400, f"dataset {dataset['id']} has an item at {filename}")
    check_dirs_above(call.state, dataset["id"], filename)
    options = CopyOptions.of(body.get("cloneDatasetParams") or {})

    def work() -> Document:
        copy = clone_item(call.state, item, dataset, filename, call.author, options)
        if body.get("metadata"):
            update_item(call.state, copy, {"metadata": body["metadata"]}, call.author, system=True)
        return {"returnedModelId": [copy["id"]]}

    return carried_out(call, "CloneItem", work)


def move_items(call: Call) -> Response:
    """Move items, given by their ids, into a directory. SDK: repositories/items.py move_items."""
    call.found("datasets", "dataset_id")
    directory = call.found("items")
    ids = call.json()
    if not isinstance(ids, list):
        raise ApiError(400, "the body must be a list of item ids")
    if directory["type"] != "dir":
        raise ApiError(400, f"{directory['filename']} is no directory")
    items = [call.get("items", id_) for id_ in ids]
    for name, times in Counter(item["name"] for item in items).items():
        path = posixpath.join(directory["filename"], name)
        if times > 1 or call.state.item_at(directory["datasetId"], path) is not None:
            raise ApiError(400, f"{path} cannot be the path of another item")
    for item in items:
        _moved(call.state, item, f"{directory['filename']}/{item['name']}", call.author)
    return Response.of_json({"moved": len(ids)})


def _listed(call: Call, rows: list[Document]) -> Response:
    found = page({"page": call.whole("pageOffset", 0), "pageSize": call.whole("pageSize", 100)}, rows)
    found["items"] = [call.render("items", row) for row in found["items"]]
    return Response.of_json(found)


def _moved(state: State, item: Document, filename: str, author: Author) -> Document:
    """The item at another path; a directory takes along what is in it."""
    target = place(filename)
    if state.item_at(item["datasetId"], target["filename"]) is not None:
        raise ApiError(400, f"dataset {item['datasetId']} has an item at {target['filename']}")
    check_dirs_above(state, item["datasetId"], target["filename"])
    if item["type"] == "dir" and target["filename"].startswith(f"{item['filename']}/"):
        raise ApiError(400, f"directory {item['filename']} cannot be moved into itself")
    children: list[Document] = []
    if item["type"] == "dir":
        children = state.find("items", datasetId=item["datasetId"], dir=item["filename"])
    moved = state.put("items", {**item, **target, **author.touch()})
    make_dirs(state, moved, author)
    for child in children:
        _moved(state, child, f"{moved['filename']}/{child['name']}", author)
    return moved


def _renamed(item: Document, name: Any) -> str:
    if name and "/" in str(name):
        raise ApiError(400, f"the name of an item has no '/', unlike {name!r}; its path is 'filename'")
    return str(item["filename"]) if not name else posixpath.join(item["dir"], str(name))


ROUTES = [
    *of_item("GET", "", get_item, "SDK items.get; recorded"),
    *of_item("PATCH", "", patch_item, "SDK items.update; recorded"),
    *of_item("DELETE", "", delete_item, "SDK items.delete; recorded"),
    *of_item("POST", "/clone", clone, "SDK items.clone; recorded"),
    *of_item("GET", "/items", list_children, "OpenAPI: Get Directory Child Items"),
    Route("GET", "/datasets/{dataset_id}/items", list_items, "OpenAPI: Get Dataset Items"),
    Route("PUT", "/datasets/{dataset_id}/items/{item_id}", move_items, "SDK items.move_items; OpenAPI"),
]
