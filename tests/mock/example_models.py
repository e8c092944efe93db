"""Examples about models and the data they are trained on, by the id of the example."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from mock_helpers import BOX, Api

from dl_mock import Platform, connect

Example = dict[str, Any]
Operation = Callable[[Platform, Api, Example], None]

ALL_FILES = {"filter": {"$and": [{"hidden": False}, {"type": "file"}]}, "resource": "items"}


def model(platform: Platform, **fields: Any) -> str:
    """A model on a small annotated dataset; gives its id."""
    platform.load_scene({"datasets": [{"name": "d"}], "items": fields.pop("items", [])})
    dataset = platform.state.find("datasets", name="d")[0]
    given = {
        "name": "m",
        "datasetId": dataset["id"],
        "labels": ["cat"],
        "metadata": {"system": {"subsets": {"train": ALL_FILES}}},
        **fields,
    }
    platform.load_scene({"models": [given]})
    return str(platform.state.all("models")[0]["id"])


def log_of(api: Api, model_id: str) -> list[str]:
    return [entry["status"] for entry in api.get(f"/ml/models/{model_id}").json()["statusLogs"]]


def trained(platform: Platform, api: Api, example: Example) -> None:
    model_id = model(platform)
    api.post(f"/ml/models/{model_id}/train", {})
    for status in ("training", "trained"):
        api.patch(f"/ml/models/{model_id}", {"status": status})

    assert log_of(api, model_id) == example["then"]["statusLogs"]
    assert api.get(f"/ml/models/{model_id}").json()["status"] == example["then"]["status"]


def deployed(platform: Platform, api: Api, example: Example) -> None:
    model_id = model(platform, status="trained")
    api.post(f"/ml/models/{model_id}/deploy", {})
    api.post(f"/ml/models/{model_id}/evaluate", {"input": {}})

    assert api.get(f"/ml/models/{model_id}").json()["status"] == example["then"]["status"]
    assert log_of(api, model_id)[-2:] == example["then"]["statusLogs_tail"]


def clone_status(platform: Platform, api: Api, example: Example) -> None:
    model_id = model(platform, status="failed")

    copy = api.post(f"/ml/models/{model_id}/clone", {"name": "copy"}).json()

    assert copy["status"] == example["then"]["status"]
    assert log_of(api, copy["id"]) == example["then"]["statusLogs"]


def clone_types(platform: Platform, api: Api, example: Example) -> None:
    system = {"evaluate": {"executions": ["x"]}}
    model_id = model(platform, inputType="image", outputType="box", metadata={"system": system})

    copy = api.post(f"/ml/models/{model_id}/clone", {"name": "copy"}).json()

    assert {key: copy[key] for key in ("inputType", "outputType")} == {"inputType": "image", "outputType": "box"}
    assert "evaluate" not in copy["metadata"]["system"]
    assert example["then"]["metadata.system.evaluate"] == "absent"


def train_without_dataset(platform: Platform, api: Api, example: Example) -> None:
    answer = api.post(f"/ml/models/{model(platform, datasetId=None)}/train", {})

    assert answer.status == 400
    assert example["then"]["message_contains"] in answer.json()["message"]


def train_without_filter(platform: Platform, api: Api, _example: Example) -> None:
    model_id = model(platform, metadata={"system": {}})

    assert api.post(f"/ml/models/{model_id}/train", {}).status == 400


def rename(platform: Platform, api: Api, example: Example) -> None:
    model_id = model(platform)

    changed = api.patch(f"/ml/models/{model_id}", {"name": "some_other_name"}).json()

    assert changed["name"] == example["then"]["name"]
    assert changed["updatedBy"]


def publish_metrics(platform: Platform, api: Api, example: Example) -> None:
    model_id = model(platform)
    samples = [{"modelId": model_id, "figure": "loss", "data": {"x": x, "y": 1.0}} for x in range(3)]

    answer = api.post("/ml/metrics/publish", samples).json()

    assert answer == {**example["then"]["response"], "succeeded": 3}


def subsets_from_dpk(platform: Platform, api: Api, _example: Example) -> None:
    platform.load_scene({"projects": [{"name": "p"}]})
    system = {"subsets": {"train": ALL_FILES, "validation": ALL_FILES}}
    components = {"models": [{"name": "m", "moduleName": "x", "metadata": {"system": system}}]}
    dpk = {"name": "dpk", "components": components, "context": {"project": api.project_id}}
    api.post("/app-registry", dpk)

    api.post("/apps", {"name": "app", "dpkName": "dpk", "projectId": api.project_id})

    (made,) = api.post("/ml/models/query", {"filter": {"projectId": api.project_id}}).json()["items"]
    assert made["metadata"]["system"]["subsets"] == system["subsets"]


def prepare_data(platform: Platform, model_id: str) -> str:
    """Let the adapter wrapper download the training data; gives where it is."""
    with connect(platform):
        import dtlpy as dl

        class Adapter(dl.BaseModelAdapter):  # type: ignore[misc]
            def load(self, local_path: str, **kwargs: Any) -> None: ...

            def convert_from_dtlpy(self, data_path: str, **kwargs: Any) -> None: ...

        adapter = Adapter(model_entity=dl.models.get(model_id=model_id))
        _, data_path, _ = adapter.prepare_data(
            dataset=adapter.model_entity.dataset, root_path=os.path.abspath("root"), overwrite=True
        )
    return str(data_path)


def files_below(path: str) -> set[str]:
    return {os.path.relpath(os.path.join(root, name), path) for root, _, names in os.walk(path) for name in names}


def export_names(platform: Platform, _api: Api, example: Example) -> None:
    pair = [{"filename": f"/a.{kind}", "annotations": [BOX]} for kind in ("jpg", "png")]
    model_id = model(platform, items=pair, outputType="box")

    found = files_below(os.path.join(prepare_data(platform, model_id), "train"))

    assert found == set(example["then"]["files"])


def export_masks(platform: Platform, _api: Api, example: Example) -> None:
    pytest.importorskip("cv2")  # the SDK draws the masks with it
    shape = [[{"x": 1, "y": 1}, {"x": 9, "y": 1}, {"x": 9, "y": 9}]]
    item = {"filename": "/a.png", "annotations": [{"type": "segment", "label": "cat", "coordinates": shape}]}
    model_id = model(platform, items=[item], outputType="binary", configuration={"id_to_label_map": {"0": "cat"}})

    found = files_below(os.path.join(prepare_data(platform, model_id), "train"))

    assert {name.split(os.sep)[0] for name in found} == set(example["then"]["dirs"])


def export_nothing(platform: Platform, _api: Api, example: Example) -> None:
    model_id = model(platform, outputType="box")

    with pytest.raises(ValueError, match=example["then"]["message_contains"]):
        prepare_data(platform, model_id)


MODEL_OPERATIONS: dict[str, Operation] = {
    "model-train-log": trained,
    "model-deploy-log": deployed,
    "model-clone-status": clone_status,
    "model-clone-io": clone_types,
    "model-train-no-dataset": train_without_dataset,
    "model-train-no-filter": train_without_filter,
    "model-rename": rename,
    "metrics-publish-resp": publish_metrics,
    "model-subsets-from-dpk": subsets_from_dpk,
    "export-v1-names": export_names,
    "export-seg-instance": export_masks,
    "export-empty-subset": export_nothing,
}
