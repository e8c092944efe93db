"""Every example of platform behaviour that was collected from public sources, one test each.

Queries and SDK filters are run as given. Operations and errors are told in words there, so each has a function here,
found by the id of the example. What does not concern a mock of the API is listed with the reason.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from example_filters import FILTERS
from example_operations import OPERATIONS
from mock_helpers import EVIDENCE, Api, needs_evidence

from dl_mock import Platform

pytestmark = [needs_evidence, pytest.mark.usefixtures("inside")]

FILE = EVIDENCE / "platform-examples.json"
COLLECTED: dict[str, Any] = json.loads(FILE.read_text()) if FILE.is_file() else {"examples": [], "fixtures": {}}

NOT_OF_THE_API = {
    "ui-and": "text the console compiles to a filter, before any request",
    "ui-notin": "text the console compiles to a filter, before any request",
    "fvec-role": "there are no roles here: whoever has a token may do everything",
    "fvec-wrong-size-skipped": "done by the adapter wrapper before any request; see test_sdk_flows.py",
    "dpk-compute-precedence": "services are never run here, so they have no compute",
    "err-output-4mb": "functions are never run here, so they have no output",
    "dpk-auto-update-models": "apps are not updated here",
}


def examples(*kinds: str) -> list[Any]:
    chosen = [one for one in COLLECTED["examples"] if one["kind"] in kinds and one["id"] not in NOT_OF_THE_API]
    return [pytest.param(one, id=one["id"]) for one in chosen]


@pytest.mark.parametrize("example", examples("query"))
def test_a_query_selects_what_the_platform_selects(example: dict[str, Any], platform: Platform, api: Api) -> None:
    platform.load_scene({"projects": [{"id": "P"}], **COLLECTED["fixtures"][example["fixture"]]})

    answer = api.post(_path_of(example["query"], api), example["query"]).json()

    for key, wanted in example["expected"].items():
        assert _seen(key, wanted, answer) == wanted


@pytest.mark.parametrize("example", examples("sdk_prepare"))
def test_the_sdk_sends_the_query_that_was_recorded(example: dict[str, Any], platform: Platform, api: Api) -> None:
    prepared = FILTERS[example["id"]]()
    platform.load_scene({"items": [{"filename": "/a.jpg"}]})

    assert prepared == example["expected"]
    assert api.post(_path_of(prepared, api), prepared).status == 200


@pytest.mark.parametrize("example", examples("operation", "error", "wire"))
@pytest.mark.usefixtures("inside")
def test_an_operation_does_what_the_platform_does(example: dict[str, Any], platform: Platform, api: Api) -> None:
    OPERATIONS[example["id"]](platform, api, example)


def test_every_example_is_run_or_has_a_reason_not_to_be() -> None:
    told = {one["id"] for one in COLLECTED["examples"] if one["kind"] != "query"}

    assert told == {*FILTERS, *OPERATIONS, *NOT_OF_THE_API}


def _path_of(query: dict[str, Any], api: Api) -> str:
    paths = {
        "models": "/ml/models/query",
        "feature_vectors": "/features/vectors/query",
        "executions": "/query/faas",
        "services": "/query/faas",
    }
    return paths.get(query.get("resource", "items"), f"/datasets/{api.dataset_id}/query")


def _seen(key: str, wanted: Any, answer: dict[str, Any]) -> Any:
    if key == "page_len":
        return len(answer["items"])
    if key == "names":
        return sorted(item["name"] for item in answer["items"])
    if key == "field_values":
        return [wanted[0], [item[wanted[0]] for item in answer["items"]]]
    return answer[key]
