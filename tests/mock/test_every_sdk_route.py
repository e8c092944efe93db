"""Every request that the SDK can send for the resources of this mock has a route, or a reason to have none.

The list is read out of the installed SDK, so that a release of it that adds a request fails here.
"""

from __future__ import annotations

import pytest
from sdk_calls import HOLE, SdkCall, sdk_calls

from dl_mock import Platform

REPOSITORIES = (
    *("annotations", "apps", "artifacts", "codebases", "collections", "commands", "datasets", "downloader", "dpks"),
    *("drivers", "feature_sets", "features", "items", "ontologies", "packages", "projects", "recipes", "schema"),
    "uploader",
)
ENTITIES = (
    *("annotation", "annotation_collection", "app", "artifact", "codebase", "dataset", "dpk", "feature"),
    *("feature_set", "filters", "item", "label", "ontology", "project", "prompt_item", "recipe"),
)
MODULES = (*(f"repositories/{name}" for name in REPOSITORIES), *(f"entities/{name}" for name in ENTITIES))

WITHOUT_ROUTE = {
    ("GET", "/scores/tasks/{}/items/{}"): "scores of tasks; tasks are no part of this mock",
    ("GET", "/scores/tasks/{}/annotations/{}"): "scores of tasks; tasks are no part of this mock",
    ("POST", "/projects/{}/mail"): "sends mail to people",
    ("POST", "/outbox"): "sends mail to people",
}
# Paths that are put together from an answer of the platform, by the function that does it.
FROM_ANSWERS = {
    "repositories/datasets.py _download_partition_file": ("GET", "/items/{}/stream"),
    "repositories/datasets.py _export_v3": ("GET", "/items/{}/stream"),
}
# Paths that end with a word the caller of a private function gives.
FINISHED = {
    ("POST", "/datasets/{}/items/collections/{}"): ("bulk-add", "bulk-remove"),
    ("GET", "/piper-misc/naming/packages/{}"): ("name",),
}
CALLS = [call for call in sdk_calls(*MODULES) if call.path != "/query/faas"]


def requests_of(call: SdkCall) -> list[tuple[str, str]]:
    """Methods and paths a call site can send, with an `x` for what varies."""
    method, path = (call.method, call.path) if call.path else FROM_ANSWERS.get(call.place, (call.method, None))
    assert path is not None, f"the path of a request cannot be read: {call}"
    words = FINISHED.get((method, path), ("x",))
    return [(method, "x".join(path.rsplit(HOLE, 1)[0].split(HOLE)) + _end(path, word)) for word in words]


def _end(path: str, word: str) -> str:
    return word + path.rsplit(HOLE, 1)[1] if HOLE in path else ""


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.place}: {call.method} {call.path}")
def test_a_request_of_the_sdk_has_a_route_or_a_reason(call: SdkCall) -> None:
    if (call.method, call.path) in WITHOUT_ROUTE:
        return
    for method, path in requests_of(call):
        assert Platform.router.match(method, path), Platform.router.advice(method, path)


def test_what_has_a_reason_has_no_route() -> None:
    for method, path in WITHOUT_ROUTE:
        assert Platform.router.match(method, path.replace(HOLE, "x")) is None


def test_the_reader_of_the_sdk_finds_its_requests() -> None:
    sent = {(call.method, call.path) for call in sdk_calls("repositories/items", "repositories/feature_sets")}

    assert {("PATCH", "/items/{}"), ("POST", "/datasets/{}/query"), ("PUT", "/datasets/{}/items/{}")} <= sent
    assert ("GET", "/features/sets/{}") in sent  # a path that begins with a constant of the class
