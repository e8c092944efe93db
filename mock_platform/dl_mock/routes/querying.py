"""Queries over the state: scope of a query, and answering it with a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from dl_mock.documents import BINARIES
from dl_mock.message import Response
from dl_mock.routing import ApiError, Call
from dl_mock.search import Pins, page, search, selection
from dl_mock.state import INDEXED, Document, State

# Names of resources in queries, and the collections that hold them. OpenAPI: QueryResource.
COLLECTION_OF: Mapping[str, str] = MappingProxyType(
    {
        "items": "items",
        "annotations": "annotations",
        "datasets": "datasets",
        "models": "models",
        "metrics": "metrics",
        "feature_sets": "feature_sets",
        "feature_vectors": "feature_vectors",
        "executions": "executions",
        "services": "services",
        "packages": "dpks",
        "apps": "apps",
        "dpks": "dpks",
        "recipe": "recipes",
        "ontology": "ontologies",
    }
)
FEW = 200  # an index look-up per value pays up to about this many values


class Scope:
    """The documents a query may see: those of a dataset, or of the projects in the query's context."""

    def __init__(self, state: State, dataset_id: str | None = None, body: Mapping[str, Any] = MappingProxyType({})):
        self._state = state
        self._dataset_id = dataset_id
        context = body.get("context")
        self._projects = context.get("projects") if isinstance(context, Mapping) else None
        self._system_space = bool(body.get("systemSpace"))

    def rows(self, resource: str, pins: Pins) -> Iterable[Document]:
        """Documents of a resource, through an index if one fits the pins."""
        collection = COLLECTION_OF.get(resource)
        if collection is None:
            raise ApiError(400, f"unknown resource {resource!r}; known: {', '.join(sorted(COLLECTION_OF))}")
        rows = self._candidates(collection, pins)
        if collection == "datasets" and not self._system_space:
            rows = [row for row in rows if row["name"] != BINARIES]
        if self._projects and collection != "annotations":
            allowed = set(self._projects)
            rows = [row for row in rows if allowed & projects_of(row)]
        return rows

    def vector(self, vector_id: str) -> Sequence[float]:
        """The value of a stored vector."""
        found = self._state.get("feature_vectors", vector_id)
        if found is None:
            raise ApiError(400, f"$euclid.input names the vector {vector_id!r}, which does not exist")
        value: Sequence[float] = found["value"]
        return value

    def _candidates(self, collection: str, pins: Pins) -> list[Document]:
        limits = {"datasetId": self._dataset_id} if self._dataset_id and collection in _IN_DATASET else {}
        few = {name: values for name, values in pins.items() if len(values) <= FEW}
        if "id" in few:
            found = [row for id_ in few["id"] if (row := self._state.get(collection, id_)) is not None]
            return [row for row in found if all(row.get(name) == value for name, value in limits.items())]
        fields = {name for index in INDEXED.get(collection, ()) for name in index}
        pinned = next((name for name in few if name in fields and name not in limits), None)
        if pinned is None:
            return self._state.find(collection, **limits) if limits else self._state.all(collection)
        values = dict.fromkeys(few[pinned])
        return [row for value in values for row in self._state.find(collection, **limits, **{pinned: value})]


_IN_DATASET = frozenset({"items", "annotations"})


def answer_query(call: Call, resource: str, dataset_id: str | None = None) -> Response:
    """Run the query in the body and answer with its page."""
    body = call.body()
    rows = search(body, resource, Scope(call.state, dataset_id, body))
    return answer_page(call, body, COLLECTION_OF[resource], rows)


def answer_page(call: Call, body: Mapping[str, Any], collection: str, rows: Sequence[Document]) -> Response:
    """One page of rows, with addresses, cut to what `select` keeps."""
    select = selection(body)
    found = page(body, rows)
    found["items"] = [select(call.render(collection, row)) for row in found["items"]]
    return Response.of_json(found)


def projects_of(row: Document) -> set[Any]:
    """Where a document tells the projects it belongs to: one of several places, the others are None."""
    context = row.get("context")
    inner = context.get("project") if isinstance(context, Mapping) else None
    return {
        row.get("projectId"),
        row.get("project"),
        inner,
        *row.get("projects", ()),
        *row.get("projectIds", ()),
    }
