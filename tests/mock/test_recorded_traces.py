"""Requests the SDK was recorded to make: each must be understood here."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from mock_helpers import BOX, EVIDENCE, Api, needs_evidence

from dl_mock import Platform, Request

pytestmark = needs_evidence

TRACES = sorted(path for kind in ("adapter", "basic", "entities") for path in EVIDENCE.glob(f"traces/{kind}__*.json"))
IDS = {
    "projects": "65aa00000000000000000001",
    "datasets": "65aa00000000000000000002",
    "models": "65aa00000000000000000003",
    "feature_sets": "65aa00000000000000000004",
    "items": "65aa00000000000000000005",
    "annotations": "65aa00000000000000000006",
    "feature_vectors": "65aa00000000000000000007",
    "recipes": "65aa00000000000000000008",
    "ontologies": "65aa00000000000000000009",
    "commands": "65aa0000000000000000000a",
    "executions": "65aa0000000000000000000b",
    "apps": "65aa0000000000000000000c",
}
# Where a path of the API leads to a collection, an id recorded there is one of that collection.
PLACES = {
    r"/features/sets/(ID\d+)": "feature_sets",
    r"/features/vectors/(ID\d+)": "feature_vectors",
    r"/ml/models/(ID\d+)": "models",
    r"/app-registry/(ID\d+)": "apps",
    **{rf"^/{name}/(ID\d+)": name for name in IDS},
}


@pytest.fixture
def stocked(platform: Platform) -> Platform:
    """A platform with one document of each kind."""
    return stock(platform)


def stock(platform: Platform) -> Platform:
    """Give a platform one document of each kind."""
    platform.load_scene(
        {
            "projects": [{"id": IDS["projects"], "name": "proj"}],
            "ontologies": [{"id": IDS["ontologies"]}],
            "recipes": [{"id": IDS["recipes"], "ontologyIds": [IDS["ontologies"]]}],
            "datasets": [{"id": IDS["datasets"], "name": "ds"}],
            "items": [{"id": IDS["items"], "filename": "/a.png", "annotations": [{**BOX, "id": IDS["annotations"]}]}],
            "models": [
                {
                    "id": IDS["models"],
                    "name": "det",
                    "datasetId": IDS["datasets"],
                    "labels": ["cat"],
                    "metadata": {"system": {"subsets": {"train": {"filter": {}}}}},
                }
            ],
            "feature_sets": [{"id": IDS["feature_sets"], "name": "emb", "size": 4, "modelId": IDS["models"]}],
            "feature_vectors": [
                {"id": IDS["feature_vectors"], "featureSetId": IDS["feature_sets"], "entityId": IDS["items"]}
            ],
            "dpks": [{"id": IDS["apps"], "name": "dpk", "version": "1.0.0"}],
            "apps": [{"id": IDS["apps"], "name": "app", "dpkId": IDS["apps"]}],
            "commands": [{"id": IDS["commands"], "status": "success", "spec": {}}],
            "executions": [{"id": IDS["executions"], "latestStatus": {"status": "success"}}],
        }
    )
    return platform


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
def test_every_recorded_request_is_answered(path: Path, stocked: Platform) -> None:
    requests = [one for one in json.loads(path.read_text())["requests"] if one.get("path")]
    names = _names(requests)
    api = Api(stocked)

    for recorded in requests:
        answer = stocked.handle(_request(api, recorded, names))
        told = f"{recorded['method']} {recorded['path']}: {answer.body[:200]!r}"
        assert answer.status not in (500, 501), told
        assert answer.status < 400 or recorded["status"] >= 400 or _is_gone(recorded, path), told


def _is_gone(recorded: dict[str, Any], path: Path) -> bool:
    """Documents made or deleted earlier in a trace have one id there and another one here."""
    return recorded["method"] == "GET" and "delete" in path.stem


def _names(requests: list[dict[str, Any]]) -> dict[str, str]:
    """Ids of our documents for the ids of a trace."""
    names: dict[str, str] = {}
    for recorded in requests:
        for pattern, collection in PLACES.items():
            for name in re.findall(pattern, recorded["path"]):
                names[name] = IDS[collection]
        body = recorded.get("body")
        for one in body if isinstance(body, list) else [body]:
            if isinstance(one, dict):
                names.update(_named(one))
    return names


def _named(body: dict[str, Any]) -> dict[str, str]:
    fields = {
        "projectId": "projects",
        "project": "projects",
        "datasetId": "datasets",
        "targetDatasetId": "datasets",
        "featureSetId": "feature_sets",
        "entityId": "items",
        "modelId": "models",
    }
    inner = body.get("input") if isinstance(body.get("input"), dict) else {}
    return {
        part[field]: IDS[kind]
        for part in (body, inner)
        for field, kind in fields.items()
        if str(part.get(field)).startswith("ID")
    }


def _request(api: Api, recorded: dict[str, Any], names: dict[str, str]) -> Request:
    def ours(text: str) -> str:
        return re.sub(r"ID\d+", lambda found: names.get(found[0], "65aa000000000000000000ff"), text)

    target = ours(f"{recorded['path']}?{recorded['query']}")
    if "form" in recorded:
        from requests_toolbelt import MultipartEncoder

        fields = {key: value for key, value in recorded["form"].items() if key != "file"}
        form = MultipartEncoder({**fields, "file": ("file", b"content")})
        headers = {**api.headers, "content-type": form.content_type}
        return Request.of(recorded["method"], target, headers, form.read())
    given = recorded.get("body")
    given = [BOX] if isinstance(given, str) else given  # the recording cuts off long bodies
    body = ours(json.dumps(given)).encode() if given is not None else b""
    return Request.of(recorded["method"], target, api.headers, body)
