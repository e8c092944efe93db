"""Every route, fed with what its published schema allows and with what it does not.

Whatever comes in: no answer is a fault of ours, an error says why, and an error has changed nothing.
"""

from __future__ import annotations

import copy
import json
import re
from random import Random
from typing import Any

import pytest
from mock_helpers import BOX, Api, needs_evidence
from published import description, operation_of, request_schema

from dl_mock import Platform, Request
from dl_mock.routes import ROUTES
from dl_mock.routing import Route
from dl_mock.state import COLLECTIONS

pytestmark = needs_evidence

IDS = {name: f"65aa0000000000000000000{index:x}" for index, name in enumerate(COLLECTIONS[:15], 1)}
DEEPEST = 6
WORDS = ["cat", "*", "/a.png", "/", "..", "", "a" * 300, "\0", "\ud800", "é", "2024-01-01", "name", "$eq", "null"]
PATH_TRICKS = ["..", "%2e%2e", "a%2fb", "%00", "a" * 400, "'", "{}", "*", "é", "%ff", "+", " "]


def stocked() -> Platform:
    """A platform with one document of most kinds, under known ids."""
    platform = Platform()
    rows: dict[str, list[dict[str, Any]]] = {
        "projects": [{"id": IDS["projects"], "name": "p"}],
        "ontologies": [{"id": IDS["ontologies"]}],
        "recipes": [{"id": IDS["recipes"], "ontologyIds": [IDS["ontologies"]]}],
        "datasets": [{"id": IDS["datasets"], "name": "d", "metadata": {"system": {"recipes": [IDS["recipes"]]}}}],
        "items": [{"id": IDS["items"], "filename": "/a.png", "annotations": [{**BOX, "id": IDS["annotations"]}]}],
        "models": [{"id": IDS["models"], "name": "m", "datasetId": IDS["datasets"], "labels": ["cat"]}],
        "feature_sets": [{"id": IDS["feature_sets"], "name": "f", "size": 2}],
        "feature_vectors": [
            {
                "id": IDS["feature_vectors"],
                "featureSetId": IDS["feature_sets"],
                "entityId": IDS["items"],
                "value": [1, 2],
            }
        ],
        "metrics": [{"id": IDS["metrics"], "modelId": IDS["models"], "data": {"x": 1, "y": 1}}],
        "executions": [{"id": IDS["executions"], "latestStatus": {"status": "created"}}],
        "commands": [{"id": IDS["commands"], "status": "in-progress", "spec": {}, "progress": 1}],
        "services": [
            {"id": IDS["services"], "name": "s", "version": "1", "projectId": IDS["projects"], "active": True}
        ],
        "dpks": [{"id": IDS["dpks"], "name": "k", "version": "1.0.0"}],
        "apps": [{"id": IDS["apps"], "name": "a", "dpkId": IDS["dpks"], "dpkName": "k", "dpkVersion": "1.0.0"}],
    }
    platform.load_scene(rows)
    return platform


PARAMETERS = {f"{name.removesuffix('s') if name != 'ontologies' else 'ontology'}_id": id_ for name, id_ in IDS.items()}
PARAMETERS |= {"set_id": IDS["feature_sets"], "vector_id": IDS["feature_vectors"]}


def target(route: Route, random: Random) -> str:
    """A path of a route: mostly of documents that are there, at times with a trick in it."""

    def value(found: re.Match[str]) -> str:
        if random.random() < 0.1:
            return random.choice(PATH_TRICKS)
        return PARAMETERS.get(found[1], random.choice(["name", "1.0.0", IDS["items"]]))

    query = random.choice(["", "", "?system=true", "?mode=overwrite", "?page=x&pageSize=-1", "?a=%00&b", "?force=true"])
    return re.sub(r"\{(\w+)\}", value, route.template) + query


def made(schema: Any, random: Random, depth: int = 0) -> Any:
    """A value that a schema allows, or now and then one that it does not."""
    if not isinstance(schema, dict) or depth > DEEPEST or random.random() < 0.06:
        return odd(random, depth)
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return made(description()["components"]["schemas"].get(name), random, depth + 1)
    for word in ("anyOf", "oneOf"):
        if schema.get(word):
            return made(random.choice(schema[word]), random, depth + 1)
    if schema.get("allOf"):
        return made(schema["allOf"][0], random, depth + 1)
    if schema.get("enum"):
        return random.choice(schema["enum"])
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        names = schema.get("properties", {})
        kept = [one for one in names if one in schema.get("required", ()) or random.random() < 0.3]
        return {one: named(one, names[one], random, depth) for one in kept} or {"a": odd(random, depth)}
    if kind == "array":
        return [made(schema.get("items"), random, depth + 1) for _ in range(random.randint(0, 2))]
    if kind == "boolean":
        return random.random() < 0.5
    if kind in ("number", "integer"):
        return random.choice([0, 1, 2, 5, -1, 1.5, 10**20])
    return random.choice([*WORDS, *IDS.values()]) if kind == "string" else odd(random, depth)


def named(name: str, schema: Any, random: Random, depth: int) -> Any:
    """A field: ids mostly of documents that are there, so that requests get far."""
    guess = {"projectId": "projects", "datasetId": "datasets", "itemId": "items", "modelId": "models"}.get(name)
    guess = guess or {"entityId": "items", "featureSetId": "feature_sets", "project": "projects"}.get(name)
    return IDS[guess] if guess and random.random() < 0.8 else made(schema, random, depth + 1)


def odd(random: Random, depth: int = 0) -> Any:
    """Anything JSON can say."""
    choice = random.randint(0, 9)
    if choice == 0 and depth < DEEPEST:
        return {random.choice(["$and", "$or", "filter", "metadata", "x", ""]): odd(random, depth + 1)}
    if choice == 1 and depth < DEEPEST:
        return [odd(random, depth + 1)]
    return random.choice([None, True, 0, -1, 1e308, float(10**9), *WORDS, *IDS.values(), [], {}])


def broken(body: bytes, random: Random) -> bytes:
    """A body as it may arrive: cut short, with a byte changed, or twice."""
    how = random.randint(0, 12)
    if how == 0:
        return body[: random.randint(0, len(body))]
    if how == 1 and body:
        at = random.randrange(len(body))
        return body[:at] + bytes([random.randrange(256)]) + body[at + 1 :]
    return body * 2 if how == 2 else body


KINDS = [
    "application/json",
    "application/json",
    "application/json",
    "text/plain",
    "",
    "multipart/form-data; boundary=x",
]


def documents_of(platform: Platform) -> dict[str, list[dict[str, Any]]]:
    return {name: platform.state.all(name) for name in COLLECTIONS}


def feed(route: Route, seeds: range) -> None:
    operation = operation_of(route)
    schema = request_schema(operation) if operation else None
    platform: Platform | None = None
    for seed in seeds:
        random = Random(f"{route.method} {route.template} {seed}")
        if platform is None or seed % 5 == 0:
            platform = stocked()
        body = b""
        if route.method not in ("GET", "DELETE"):
            body = broken(json.dumps(made(schema, random), allow_nan=False).encode(), random)
        headers = {**Api(platform).headers, "content-type": random.choice(KINDS)}
        request = Request.of(route.method, target(route, random), headers, body)
        before = documents_of(platform)
        kept = copy.deepcopy(before)

        answer = platform.handle(request)

        told = (seed, request.method, request.path, request.query, body[:400], answer.status, answer.body[:300])
        assert answer.status < 500 or (answer.status == 501 and platform.journal[-1].route is None), told
        assert before == kept, ("a document was edited in place", *told)
        if answer.status >= 400:
            assert documents_of(platform) == kept, ("an error has changed something", *told)
            if request.method != "HEAD" and answer.status != 416:
                assert answer.json()["message"], told


ALL = [pytest.param(route, id=f"{route.method} {route.template}") for route in ROUTES]


@pytest.mark.parametrize("route", ALL)
def test_no_request_makes_a_route_fail(route: Route) -> None:
    feed(route, range(10))


@pytest.mark.slow
@pytest.mark.parametrize("route", ALL)
def test_no_request_makes_a_route_fail_at_length(route: Route) -> None:
    feed(route, range(10, 400))
