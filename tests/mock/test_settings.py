"""Switches for what nobody outside can know: each gives two ways of answering the same request."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from mock_helpers import BOX, EVIDENCE, Api, image, needs_evidence

import dl_mock
from dl_mock import Platform, Settings, connect
from dl_mock.known_fields import FIELDS
from dl_mock.settings import SWITCHES, written

DOCS = Path(__file__).resolve().parents[2] / "docs" / "mock-platform.md"
MODEL = "65aa00000000000000000003"
SET = "65aa00000000000000000006"


def platform(**settings: Any) -> Api:
    """A platform with three items and a model, under these settings."""
    made = Platform(settings=Settings(**settings))
    made.load_scene(
        {
            "datasets": [{}],
            "items": [{"filename": f"/{name}.png", "annotations": [BOX]} for name in ("Cat", "cat", "c*t")],
            "models": [{"id": MODEL, "name": "m", "artifacts": []}],
            "feature_sets": [{"id": SET, "size": 2}],
        }
    )
    return Api(made)


def names(api: Api, **filter_: Any) -> list[str]:
    found = api.query({"filter": {"type": "file", **filter_}, "sort": {"name": "ascending"}})
    return [item["name"].removesuffix(".png") for item in found["items"]]


def first_item(api: Api) -> dict[str, Any]:
    return api.platform.state.find("items", type="file")[0]


def vectors(api: Api, *values: list[float]) -> list[int]:
    body = {"entityId": first_item(api)["id"], "featureSetId": SET}
    return [api.post("/features/vectors", {**body, "value": value}).status for value in values]


def overwrite(api: Api) -> bool:
    item = first_item(api)
    return bool(
        api.upload(item["datasetId"], item["filename"], image(5, 6), mode="overwrite").json()["id"] == item["id"]
    )


def metrics(api: Api) -> int:
    sample = {"modelId": MODEL, "figure": "f", "legend": "l", "data": {"x": 1, "y": 1}}
    api.post("/ml/metrics/publish", [sample, sample])
    return api.platform.state.count("metrics")


def metrics_left(api: Api) -> int:
    metrics(api)
    api.delete(f"/ml/models/{MODEL}")
    return api.platform.state.count("metrics")


def artifact_left(api: Api) -> bool:
    item = first_item(api)
    api.patch(f"/ml/models/{MODEL}", {"artifacts": [{"type": "item", "itemId": item["id"]}]})
    api.delete(f"/ml/models/{MODEL}")
    return api.platform.state.get("items", item["id"]) is not None


def vectors_left_of_item(api: Api) -> int:
    vectors(api, [1.0, 2.0])
    api.delete(f"/items/{first_item(api)['id']}")
    return api.platform.state.count("feature_vectors")


def vectors_left_of_set(api: Api) -> int:
    vectors(api, [1.0, 2.0])
    api.delete(f"/features/sets/{SET}")
    return api.platform.state.count("feature_vectors")


def kept_vectors(api: Api) -> int:
    vectors(api, [1.0, 2.0], [3.0, 4.0])
    return api.platform.state.count("feature_vectors")


def status_of(body: dict[str, Any]) -> Callable[[Api], int]:
    return lambda api: api.post(f"/datasets/{api.dataset_id}/query", body).status


def annotate(annotations: list[dict[str, Any]]) -> Callable[[Api], int]:
    return lambda api: api.post(f"/items/{first_item(api)['id']}/annotations", annotations).status


def requests(api: Api) -> list[int]:
    return [api.get("/users/me").status for _ in range(3)]


# Each setting, what is asked, and the answers under its default and under another choice.
CASES: list[tuple[str, Callable[[Api], Any], Any, dict[Any, Any]]] = [
    ("overwrite_keeps_item", overwrite, True, {False: False}),
    ("text_case", lambda api: names(api, name="CAT.png"), [], {"insensitive": ["Cat", "cat"]}),
    ("wildcards", lambda api: names(api, name={"$in": ["c*t.png"]}), ["c*t", "cat"], {"equality": ["c*t"]}),
    ("wildcards", lambda api: names(api, name={"$ne": "c*t.png"}), ["Cat"], {"equality": ["Cat", "cat"]}),
    ("wildcards", lambda api: names(api, name="c*t.png"), ["c*t", "cat"], {"equality": ["c*t", "cat"]}),
    ("wildcard_escape", lambda api: names(api, name=r"c\*t*"), [], {"backslash": ["c*t"]}),
    ("unknown_operators", status_of({"filter": {"name": {"$regex": "c"}}}), 400, {"matching_nothing": 200}),
    ("unknown_operators", status_of({"filter": {"$nor": []}}), 400, {"matching_nothing": 200}),
    ("unknown_fields", status_of({"filter": {"filname": "/a"}}), 200, {"refused": 400}),
    ("oversized_pages", status_of({"filter": {}, "pageSize": 1001}), 200, {"refused": 400}),
    ("empty_page_has_next", lambda api: api.query({"filter": {}, "pageSize": 0})["hasNextPage"], False, {True: True}),
    (
        "uncounted_total",
        lambda api: api.query({"filter": {"type": "file"}, "countTotal": False})["totalItemsCount"],
        3,
        {"zero": 0},
    ),
    (
        "query_write_answer",
        lambda api: sorted(api.query({"filter": {"type": "file"}, "update": {"metadata": {"user": {"a": 1}}}})),
        ["updated"],
        {"empty": [], "page": ["hasNextPage", "items", "totalItemsCount", "totalPagesCount"]},
    ),
    ("unknown_annotation_types", annotate([{"type": "blob", "label": "x"}]), 400, {"accepted": 200}),
    ("deleted_item_takes", vectors_left_of_item, 0, {"annotations": 1}),
    ("deleted_feature_set_takes_vectors", vectors_left_of_set, 0, {False: 1}),
    ("most_annotations", annotate([BOX] * 3), 200, {2: 413, 3: 200}),
    ("most_bytes", annotate([BOX] * 3), 200, {50: 413, 5000: 200}),
    ("most_requests", requests, [200, 200, 200], {2: [200, 200, 429]}),
    ("vector_size_checked", lambda api: vectors(api, [1.0, 2.0], [1.0]), [200, 200], {True: [200, 400]}),
    ("one_vector_per_entity", kept_vectors, 2, {True: 1}),
    ("duplicate_metrics", metrics, 2, {"replaced": 1}),
    ("deleted_model_takes_metrics", metrics_left, 0, {False: 2}),
    ("deleted_model_takes_artifacts", artifact_left, True, {True: False}),
    (
        "status_moves_checked",
        lambda api: api.patch(f"/ml/models/{MODEL}", {"status": "cloning"}).status,
        200,
        {True: 400},
    ),
    (
        "model_names_unique",
        lambda api: api.post("/ml/models", {"name": "m", "projectId": api.project_id}).status,
        200,
        {True: 400},
    ),
]


@pytest.mark.parametrize(
    ("setting", "value", "ask", "answer"),
    [
        pytest.param(setting, value, ask, answer, id=f"{setting}-{value}-{index}")
        for index, (setting, ask, default, others) in enumerate(CASES)
        for value, answer in [(None, default), *others.items()]
    ],
)
def test_a_setting_decides(setting: str, value: Any, ask: Callable[[Api], Any], answer: Any) -> None:
    assert ask(platform() if value is None else platform(**{setting: value})) == answer


def test_every_choice_is_tried() -> None:
    tried = {(setting, value) for setting, _, _, others in CASES for value in others}
    for switch in SWITCHES:
        for choice in switch.choices:
            known = choice == switch.default or (switch.name, choice) in tried
            assert known or (choice is int and any(name == switch.name for name, _ in tried)), (switch.name, choice)


def test_an_empty_answer_tells_the_closest_field() -> None:
    api = platform()

    answer = api.post(f"/datasets/{api.dataset_id}/query", {"filter": {"$and": [{"filname": "/cat.png"}]}})

    assert answer.json()["items"] == []
    assert answer.headers["x-dl-mock-hint"] == "items have no field 'filname'; closest: filename, name"
    known = api.post(f"/datasets/{api.dataset_id}/query", {"filter": {"metadata.user.none": 1, "name": "x"}})
    assert "x-dl-mock-hint" not in known.headers


def test_an_operator_that_is_misspelt_is_told_the_closest() -> None:
    api = platform()

    answer = api.post(f"/datasets/{api.dataset_id}/query", {"filter": {"name": {"$lge": 1}}})

    assert "unknown operator '$lge' at filter.name; did you mean $lt" in answer.json()["message"]


def test_requests_are_counted_by_the_minute() -> None:
    now = [datetime(2024, 1, 1, tzinfo=timezone.utc)]
    limited = Platform(clock=lambda: now[0], settings=Settings(most_requests=1))
    api = Api(limited)

    assert api.get("/users/me").status == 200
    now[0] += timedelta(seconds=20)
    refused = api.get("/users/me")
    now[0] += timedelta(seconds=40)

    assert (refused.status, refused.headers["retry-after"]) == (429, "40")
    assert api.get("/users/me").status == 200


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"text_case": "upper"}, "setting 'text_case': expected sensitive or insensitive, saw 'upper'"),
        ({"overwrite_keeps_item": 1}, "setting 'overwrite_keeps_item': expected yes or no, saw 1"),
        ({"most_bytes": 0}, "setting 'most_bytes': expected none or a whole number from 1 on, saw 0"),
        ({"most_bytes": True}, "setting 'most_bytes'"),
    ],
    ids=str,
)
def test_an_answer_there_is_not_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        Settings(**given)


def test_settings_are_read_from_texts() -> None:
    read = Settings.of({"text_case": "insensitive", "most_bytes": "10", "empty_page_has_next": "Yes"})

    assert (read.text_case, read.most_bytes, read.empty_page_has_next) == ("insensitive", 10, True)
    assert Settings.of({"most_bytes": "none"}).most_bytes is None
    with pytest.raises(ValueError, match="unknown setting 'text_cas'; did you mean 'text_case'"):
        Settings.of({"text_cas": "x"})


def test_settings_of_another_kind_are_refused() -> None:
    with pytest.raises(TypeError, match="expected dl_mock"):
        Platform(settings={"text_case": "sensitive"})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("misuse", "said"),
    [
        (lambda: Platform(clock="now"), "clock: expected a function"),
        (lambda: Platform(new_id=str), "new_id: expected a source of ids"),
        (lambda: Platform(timing=3), "timing: expected dl_mock.Timing"),
        (lambda: Platform().load_scene(3), "expected a scene as a dict, or the path"),
        (lambda: connect(Platform).__enter__(), "expected a dl_mock.Platform to connect to"),
        (lambda: connect(Platform(), transport="ftp").__enter__(), "transport must be 'responses' or 'http'"),
        (lambda: dl_mock.Plattform, "module 'dl_mock' has no attribute 'Plattform'; it has"),
    ],
)
def test_a_misuse_in_python_is_told_what_was_expected(misuse: Callable[[], Any], said: str) -> None:
    with pytest.raises((TypeError, ValueError, AttributeError), match=re.escape(said)):
        misuse()


def table() -> list[str]:
    """The table of the documentation, as it follows from the code."""
    return [
        f"| `{one.name}` | {one.question} | {', '.join(f'`{word}`' for word in one.told().split(' or '))} "
        f"| `{written(one.default)}`: {one.reason} |"
        for one in SWITCHES
    ]


def test_the_documentation_lists_every_setting() -> None:
    rows = [line for line in DOCS.read_text().splitlines() if line.startswith("| `") and line.count("|") == 5]

    assert rows == table()


@needs_evidence
@pytest.mark.parametrize(
    ("collection", "schema"),
    [
        *[("items", "APIDatasetFileItem"), ("annotations", "APIAnnotation"), ("datasets", "APIDataset")],
        *[("models", "APIModel"), ("metrics", "MetricRequest"), ("feature_sets", "APIFeatureSet")],
        *[("feature_vectors", "APIFeatureVector"), ("executions", "APIExecution"), ("services", "APIService")],
    ],
)
def test_fields_of_the_published_description_are_known(collection: str, schema: str) -> None:
    import json

    schemas = json.loads((EVIDENCE / "platform-openapi.json").read_text())["components"]["schemas"]
    from dl_mock.known_fields import unknown_fields

    assert list(unknown_fields(dict.fromkeys(schemas[schema]["properties"]), collection)) == []
    assert collection in FIELDS
