"""Queries over the state: scope of a query, and answering it with a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from dl_mock.documents import BINARIES
from dl_mock.known_fields import unknown_fields
from dl_mock.message import Response
from dl_mock.query import Filter
from dl_mock.routing import ApiError, Call
from dl_mock.search import answer, page, selection
from dl_mock.settings import Settings
from dl_mock.state import Document, State
from dl_mock.table import Found

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
        "packages": "packages",
        "apps": "apps",
        "dpks": "dpks",
        "recipe": "recipes",
        "ontology": "ontologies",
    }
)
# Where a document tells its project.
PROJECT_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "projects": "id",
        "datasets": "projects",
        "items": "projectId",
        "models": "context.project",
        "feature_sets": "project",
        "feature_vectors": "project",
        "recipes": "projectIds",
        "ontologies": "projectIds",
    }
)
_ANY_PROJECT_FIELD = ("projectId", "project", "context.project", "projects", "projectIds")
_IN_DATASET = frozenset({"items", "annotations"})


HINT = "x-dl-mock-hint"  # of this mock alone


class Scope:
    """The documents a query may see: those of a dataset, or of the projects in the query's context."""

    def __init__(self, state: State, dataset_id: str | None = None, body: Mapping[str, Any] = MappingProxyType({})):
        self._state = state
        self._dataset_id = dataset_id
        context = body.get("context")
        self._projects = context.get("projects") if isinstance(context, Mapping) else None
        self._system_space = bool(body.get("systemSpace"))

    def limits(self, resource: str) -> Mapping[str, Any]:
        """What the context and the kind of query leave in sight."""
        collection = _collection(resource)
        limits: list[Mapping[str, Any]] = []
        if collection == "datasets" and not self._system_space:
            limits.append({"name": {"$ne": BINARIES}})
        if self._projects and collection not in _IN_DATASET:
            allowed = {"$in": list(self._projects)}
            field = PROJECT_FIELDS.get(collection)
            fields = (field,) if field else _ANY_PROJECT_FIELD
            limits.append({"$or": [{field: allowed} for field in fields]})
        return {"$and": limits}

    def find(self, resource: str, filter_: Filter) -> Found:
        """Where the documents are that may satisfy a filter."""
        collection = _collection(resource)
        table = self._state.table(collection)
        if self._dataset_id is not None and collection in _IN_DATASET:
            return table.find(filter_, self._dataset_id)
        return table.find(filter_)

    @property
    def settings(self) -> Settings:
        """Answers to what nobody outside the platform can know."""
        return self._state.settings

    def vector(self, vector_id: str) -> Sequence[float]:
        """The value of a stored vector."""
        found = self._state.get("feature_vectors", vector_id)
        if found is None:
            raise ApiError(400, f"$euclid.input names the vector {vector_id!r}, which does not exist")
        value: Sequence[float] = found["value"]
        return value


def _collection(resource: Any) -> str:
    collection = COLLECTION_OF.get(resource) if isinstance(resource, str) else None
    if collection is None:
        raise ApiError(400, f"unknown resource {resource!r}; known: {', '.join(sorted(COLLECTION_OF))}")
    return collection


def answer_query(call: Call, resource: str, dataset_id: str | None = None) -> Response:
    """Run the query in the body and answer with its page."""
    body = call.body()
    select = selection(body)
    if call.state.settings.unknown_fields == "refused":
        for said in unknown_fields(body.get("filter"), _collection(resource)):
            raise ApiError(400, said)
    found = answer(body, resource, Scope(call.state, dataset_id, body))
    collection = COLLECTION_OF[resource]
    found["items"] = [select(call.render(collection, row)) for row in found["items"]]
    if found["totalItemsCount"] or not body.get("filter"):
        return Response.of_json(found)
    return Response.of_json(found, headers=_hint(body, collection))


def _hint(body: Mapping[str, Any], collection: str) -> Mapping[str, str]:
    """A header that names the closest known fields, if a query that found nothing asks for unknown ones."""
    said = "; ".join(unknown_fields(body["filter"], collection))
    return {HINT: said.encode("ascii", "backslashreplace").decode()[:1000]} if said.isprintable() and said else {}


def answer_page(call: Call, body: Mapping[str, Any], collection: str, rows: Sequence[Document]) -> Response:
    """One page of rows, with addresses, cut to what `select` keeps."""
    select = selection(body)
    found = page(body, rows, call.state.settings)
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
