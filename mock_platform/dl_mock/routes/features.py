"""Feature sets and feature vectors."""

from __future__ import annotations

from collections import Counter

from dl_mock import documents
from dl_mock.documents import Document, chosen
from dl_mock.message import Response
from dl_mock.routes.querying import answer_query
from dl_mock.routing import ApiError, Call, Route

UPDATABLE = ("name", "size", "type", "modelId")


def create_sets(call: Call) -> Response:
    """One set or several; the answer is always a list."""
    added = []
    for given in call.bodies():
        _need(given, "name", "size", "type", "project", "entityType")
        added.append(call.state.put("feature_sets", documents.feature_set(given, call.author, given["project"])))
    return Response.of_json([call.render("feature_sets", one) for one in added])


def query_sets(call: Call) -> Response:
    """Sets by filter."""
    return answer_query(call, "feature_sets")


def get_set(call: Call) -> Response:
    """One set."""
    return call.reply("feature_sets", call.found("feature_sets"))


def update_set(call: Call) -> Response:
    """Replace the fields that are given."""
    found = call.found("feature_sets")
    change = chosen(call.body(), UPDATABLE)
    return call.reply("feature_sets", call.state.put("feature_sets", {**found, **change, **call.author.touch()}))


def delete_set(call: Call) -> Response:
    """Remove a set, by default with its vectors."""
    found = call.found("feature_sets")
    cascade = call.state.settings.deleted_feature_set_takes_vectors
    for vector in call.state.find("feature_vectors", featureSetId=found["id"]) if cascade else ():
        call.state.remove("feature_vectors", vector["id"])
    call.state.remove("feature_sets", found["id"])
    return Response.of_json({"success": True})


def create_vectors(call: Call) -> Response:
    """One vector or many; the answer is always a list.

    Whether their size is checked and an entity may have several vectors of a set are settings.
    """
    added, vectors = [], call.bodies()
    for given in vectors:
        _need(given, "entityId", "value", "featureSetId")
        _check_size(call, given)
    for given in vectors:
        owner = call.get("feature_sets", given["featureSetId"])
        if call.state.settings.one_vector_per_entity:
            same = {"entityId": given["entityId"], "featureSetId": given["featureSetId"]}
            for earlier in call.state.find("feature_vectors", **same):
                call.state.remove("feature_vectors", earlier["id"])
        added.append(call.state.put("feature_vectors", documents.feature_vector(given, call.author, owner["project"])))
    return Response.of_json([call.render("feature_vectors", one) for one in added])


def query_vectors(call: Call) -> Response:
    """Vectors by filter."""
    return answer_query(call, "feature_vectors")


def get_vector(call: Call) -> Response:
    """One vector."""
    return call.reply("feature_vectors", call.found("feature_vectors"))


def delete_vector(call: Call) -> Response:
    """Remove a vector."""
    call.state.remove("feature_vectors", call.found("feature_vectors")["id"])
    return Response(204)


def count_vectors(call: Call) -> Response:
    """How many vectors each set has in the given datasets."""
    body = call.body()
    datasets = set(body.get("datasetIds") or ())
    counts = Counter(
        vector["featureSetId"]
        for vector in call.state.all("feature_vectors")
        if vector["project"] == body.get("projectId") and (not datasets or vector.get("datasetId") in datasets)
    )
    return Response.of_json([{"featureSetId": id_, "count": count} for id_, count in counts.items()])


def _check_size(call: Call, given: Document) -> None:
    size = call.get("feature_sets", given["featureSetId"])["size"]
    value = given["value"]
    if call.state.settings.vector_size_checked and not (isinstance(value, list) and len(value) == size):
        raise ApiError(400, f"the feature set has vectors of {size} numbers, not {value!r:.80}")


def _need(given: Document, *fields: str) -> None:
    for field in fields:
        if given.get(field) is None:
            raise ApiError(400, f"Missing argument {field!r}")


ROUTES = [
    Route("POST", "/features/sets", create_sets, "SDK feature_sets.create; recorded"),
    Route("POST", "/features/sets/query", query_sets, "SDK feature_sets.list; recorded"),
    Route("GET", "/features/sets/{set_id}", get_set, "SDK feature_sets.get; recorded"),
    Route("PATCH", "/features/sets/{set_id}", update_set, "SDK feature_sets.update; OpenAPI"),
    Route("DELETE", "/features/sets/{set_id}", delete_set, "SDK feature_sets.delete; recorded"),
    Route("POST", "/features/vectors", create_vectors, "SDK features.create; recorded"),
    Route("POST", "/features/vectors/query", query_vectors, "SDK features.list; recorded"),
    Route(
        "POST",
        "/features/vectors/project-count-aggregation",
        count_vectors,
        "SDK feature_sets.list of a dataset; recorded",
    ),
    Route("GET", "/features/vectors/{vector_id}", get_vector, "SDK features.get; OpenAPI"),
    Route("DELETE", "/features/vectors/{vector_id}", delete_vector, "SDK features; recorded"),
]
