"""Collections of items: up to ten named marks per dataset, kept in the metadata of its items."""

from __future__ import annotations

from dl_mock.documents import Document
from dl_mock.message import Response
from dl_mock.routes.commands import carried_out
from dl_mock.routes.items import update_item
from dl_mock.routes.querying import Scope
from dl_mock.routing import ApiError, Call, Route
from dl_mock.search import search

KEYS = tuple(f"c{number}" for number in range(10))  # documented: at most ten, keys c0 to c9
FIELD = "metadata.system.collections"  # SDK: repositories/collections.py `_list_collections`


def list_collections(call: Call) -> Response:
    """Names by the field that marks an item, as the SDK takes them apart."""
    return _answer(_named(call.found("datasets", "dataset_id")))


def create_collection(call: Call) -> Response:
    """A new collection under the first free key."""
    dataset = call.found("datasets", "dataset_id")
    named, name = _named(dataset), _name_of(call)
    if name in named.values():
        raise ApiError(400, f"a collection named {name!r} exists")
    free = next((key for key in KEYS if key not in named), None)
    if free is None:
        raise ApiError(400, f"the dataset has {len(KEYS)} collections, which is the most it can have")
    return _answer(_save(call, dataset, {**named, free: name}))


def rename_collection(call: Call) -> Response:
    """Another name for a collection."""
    dataset = call.found("datasets", "dataset_id")
    named, name = _named(dataset), _name_of(call)
    if name in named.values():
        raise ApiError(400, f"a collection named {name!r} exists")
    return _answer(_save(call, dataset, {**named, _key(named, call.params["name"]): name}))


def delete_collection(call: Call) -> Response:
    """Remove a collection and its marks."""
    dataset = call.found("datasets", "dataset_id")
    named = _named(dataset)
    key = _key(named, call.params["name"])
    _save(call, dataset, {other: name for other, name in named.items() if other != key})
    return _marked(call, dataset, [key], {}, None)


def add_items(call: Call) -> Response:
    """Put items into collections; one that is not there is made."""
    dataset, body = call.found("datasets", "dataset_id"), call.body()
    named = _named(dataset)
    for name in _names_of(body):
        free = next((key for key in KEYS if key not in named), None)
        if name not in named.values() and free is not None:
            named[free] = name
    keys = [_key(named, name) for name in _names_of(body)]
    _checked_query(call, dataset, body)  # before anything is saved
    _save(call, dataset, named)
    return _marked(call, dataset, keys, body.get("query") or {}, True)


def remove_items(call: Call) -> Response:
    """Take items out of collections."""
    dataset, body = call.found("datasets", "dataset_id"), call.body()
    keys = [_key(_named(dataset), name) for name in _names_of(body)]
    return _marked(call, dataset, keys, body.get("query") or {}, None)


def _checked_query(call: Call, dataset: Document, body: Document) -> None:
    """400 if the items to mark cannot be found."""
    search(body.get("query") or {}, "items", Scope(call.state, dataset["id"]))


def _named(dataset: Document) -> dict[str, str]:
    return dict(dataset["metadata"].get("system", {}).get("collections", {}))


def _key(named: dict[str, str], name: str) -> str:
    key = next((key for key, known in named.items() if known == name), None)
    if key is None:
        raise ApiError(404, f"there is no collection {name!r}; there are: {', '.join(named.values()) or 'none'}")
    return key


def _name_of(call: Call) -> str:
    name = call.body().get("name")
    if not isinstance(name, str) or not name:
        raise ApiError(400, "a collection needs a name")
    return name


def _names_of(body: Document) -> list[str]:
    names = body.get("collections") or []
    if not all(isinstance(name, str) for name in names):
        raise ApiError(400, f"collections must be a list of names, not {names!r}")
    return list(names)


def _save(call: Call, dataset: Document, named: dict[str, str]) -> dict[str, str]:
    system = {**dataset["metadata"].get("system", {}), "collections": named}
    call.state.put("datasets", {**dataset, "metadata": {**dataset["metadata"], "system": system}})
    return named


def _mark(call: Call, dataset: Document, keys: list[str], query: Document, value: bool | None) -> None:
    change = {"metadata": {"system": {"collections": dict.fromkeys(keys, value)}}}
    for row in search(query, "items", Scope(call.state, dataset["id"])):
        if value or row["metadata"].get("system", {}).get("collections"):
            update_item(call.state, row, change, call.author, system=True)


def _answer(named: dict[str, str]) -> Response:
    return Response.of_json({f"{FIELD}.{key}": {"name": name} for key, name in named.items()})


def _marked(call: Call, dataset: Document, keys: list[str], query: Document, value: bool | None) -> Response:
    def work() -> Document:
        _mark(call, dataset, keys, query, value)
        return {"datasetId": dataset["id"]}

    return carried_out(call, "ItemCollections", work)


ROUTES = [
    Route("GET", "/datasets/{dataset_id}/items/collections", list_collections, "SDK collections"),
    Route("POST", "/datasets/{dataset_id}/items/collections", create_collection, "SDK collections"),
    Route("PATCH", "/datasets/{dataset_id}/items/collections/{name}", rename_collection, "SDK, OpenAPI"),
    Route("DELETE", "/datasets/{dataset_id}/items/collections/{name}", delete_collection, "SDK, OpenAPI"),
    Route("POST", "/datasets/{dataset_id}/items/collections/bulk-add", add_items, "SDK, OpenAPI"),
    Route("POST", "/datasets/{dataset_id}/items/collections/bulk-remove", remove_items, "SDK, OpenAPI"),
]
