"""Requests the SDK was recorded to make, and the answers of the mock, against the published OpenAPI description."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mock_helpers import EVIDENCE, Api, needs_evidence
from published import faults, operation_of, operations, request_schema, response_schema, shape
from test_recorded_traces import TRACES, _names, _request, stock

from dl_mock import Platform
from dl_mock.routes import ROUTES
from dl_mock.routing import evidence_kinds

pytestmark = needs_evidence

# What differs from the description on purpose: a pattern for "METHOD template: place: what", and the reason.
BY_THE_SDK = {
    r"POST /features/.*'(_id|authz|createdAt|creator|version|updatedBy)' is a required": (
        "the description asks of a new document what only the platform can give it"
    ),
    r"PUT /annotations/.*is a required": "the SDK sends what has changed",
    r"PATCH /items/.*metadata.*is a required": "the SDK sends what has changed",
    r"POST /query/faas: 'sort' is a required": "the SDK sends no order",
    r"POST /features/vectors/query: 'context' is a required": "the SDK sends none for a vector of an item",
    r"POST /features/\w+/query: resource:": "the description copied the resource from items",
    r"POST /datasets/.*/export: items.*Query.*is a required": "the SDK sends an empty object",
    r"POST /items/.*/annotations: \*\.(attributes|creator|id)": "the SDK sends null for what is not set",
    r"PATCH /ml/models/.*inputType": "adapters take `json` and other types (public manifests)",
}
OF_THE_MOCK = {
    r"'(authz|_id|hook|feedbackQueue|syncReplyTo)' is a required": "internals of the platform, which no client reads",
    r"(GET|POST) .*(executions|ml/models).*\('url' was": "the SDK reads `url` of an execution",
    r"'(account|groups|guests|org|orgs|orgId)' is a required": "organisations and accounts are no part of the mock",
    r"/projects/.*contributors.*is not of type 'string'": "people are told whole, as the SDK reads them",
    r"(/projects/|/users/me).*(createdAt|updatedAt)": "dates are texts everywhere, as the SDK shows them",
    r"GET /users/me: '(firstName|projects|type)' is a required": "the SDK reads nothing of the answer",
    r"'(spec|srcDataset|srcItem)' is a required": "samples of real items have these on copies only",
    r"metadata\.system: 'originalPath' is a required": "samples of real items do not have it",
    r"'(codebase|compositionId|description|displayName|icon|latest|routes|tags)' is a required": (
        "a dpk has what was published, an app what was installed"
    ),
    r"/apps/.*'(dpkName|dpkVersion|projectId)' is a required": "an app of a scene has what the scene says",
    r"/apps/.*'dpkId' was unexpected": "by which the mock finds the dpk of an app",
    r"/app-registry/.*'updatedBy' was unexpected": "every document tells who changed it last",
    r"'(moduleName|packageId|packageName|serviceId|projectId)' is a required": (
        "a model or an execution of a scene may be of no package and no service"
    ),
    r"(latestStatus|status\.\*|statusLog\.\*): '\w+' is a required": "an execution of a scene has what the scene says",
    r"(packageRevision|serviceVersion): *is not of type 'number'": "the description has a number here and a text there",
    r"/query: '(hasNextPage|items|totalItemsCount|totalPagesCount)' is a required": (
        "deletes and updates by query are answered with a count (setting `query_write_answer`)"
    ),
    r"PATCH /ml/models/.*inputType": "adapters take `json` and other types (public manifests)",
}


@pytest.fixture(scope="module")
def replayed() -> tuple[set[str], set[str]]:
    """Faults of the recorded requests, and of the answers to them."""
    requests: set[str] = set()
    answers: set[str] = set()
    for path in TRACES:
        for method, template, kind, value, schema in _replay(path):
            found = {f"{method} {template}: {fault}" for fault in faults(value, schema)}
            (requests if kind == "request" else answers).update(found)
    return requests, answers


def _replay(path: Path) -> Iterator[tuple[str, str, str, Any, dict[str, Any]]]:
    recorded = [one for one in json.loads(path.read_text())["requests"] if one.get("path")]
    names, platform = _names(recorded), stock(Platform())
    api = Api(platform)
    for one in recorded:
        request = _request(api, one, names)
        answer = platform.handle(request)
        template = platform.journal[-1].route or ""
        operation = operations().get((request.method, shape(template)))
        if operation is None:
            continue
        wanted = request_schema(operation)
        if wanted and "form" not in one and isinstance(one.get("body"), (dict, list)):
            yield request.method, template, "request", json.loads(request.body), wanted
        wanted = response_schema(operation)
        if wanted and answer.status == 200 and answer.body and "json" in answer.headers.get("content-type", ""):
            yield request.method, template, "answer", answer.json(), wanted


@pytest.mark.parametrize(("which", "departures"), [(0, BY_THE_SDK), (1, OF_THE_MOCK)], ids=["requests", "answers"])
def test_nothing_departs_from_the_description_without_a_reason(
    which: int, departures: dict[str, str], replayed: tuple[set[str], set[str]]
) -> None:
    used: dict[str, int] = defaultdict(int)
    unexplained = []
    for fault in sorted(replayed[which]):
        pattern = next((one for one in departures if re.search(one, fault)), None)
        if pattern is None:
            unexplained.append(fault)
        else:
            used[pattern] += 1

    assert unexplained == []
    assert [one for one in departures if one not in used] == []


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.template}")
def test_a_route_names_evidence_that_there_is(route: Any) -> None:
    kinds = evidence_kinds(route.evidence)

    assert kinds, f"{route.evidence!r} names no kind of evidence"
    assert "OpenAPI" not in kinds or operation_of(route) is not None, "the description has no such operation"


def test_the_description_is_beside_the_checkout() -> None:
    assert (EVIDENCE / "platform-openapi.json").is_file()
    assert sum(operation_of(route) is not None for route in ROUTES) > 100
