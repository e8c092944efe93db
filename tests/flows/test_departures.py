"""Where the installed SDK departs from the published description: what its wrappers do, and what the reference does.

Each test is the proof of one row in docs/departures.md.
"""

from __future__ import annotations

import copy
import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dtlpy as dl
import pytest
from flow_helpers import DATASET, MODEL, Adapter, Played, files, scene, subset, version

from dl_harness.flows.reference import data
from dl_mock import Request

Both = Callable[..., tuple[Played, Played]]

TRAIN = [f"/train/{index}.png" for index in range(6)]
VALIDATION = [f"/validation/{index}.png" for index in range(4)]
ITEMS = [*TRAIN, *VALIDATION]

ALLOWED_SINCE = (1, 118)  # training of a model whose status is failed
EMBEDDING_SINCE = (1, 118)  # training of a model of embeddings


def predict(played: Played) -> Any:
    return played.adapter.predict_items(played.items, batch_size=4)


def embed(played: Played) -> Any:
    return played.adapter.embed_items(played.items, batch_size=4)


def train(played: Played) -> Any:
    return played.adapter.train_model(played.adapter.model_entity)


def train_twice(played: Played) -> None:
    train(played)
    train(played)


def said(played: Played) -> str:
    """The error that the flow ended with, in one line."""
    return f"{type(played.error).__name__}: {played.error}"


# training: the published folder is DATALOOP_PATH/model_data/<model.id>_<model.name>/<timestamp>


def test_training_root(both: Both) -> None:
    sdk, reference = both(Adapter, train)

    assert sdk.adapter.calls("train") == [(f"tmp/{MODEL}/datasets/{DATASET}", f"tmp/{MODEL}/output")]
    [(data_path, output_path)] = reference.adapter.calls("train")
    root = re.escape(f"{reference.home}/model_data/{MODEL}_model/") + r"\d{4}-\d\d-\d\d-\d{6}"
    assert re.fullmatch(rf"{root}/datasets/{DATASET}", data_path)
    assert re.fullmatch(rf"{root}/output", output_path)
    assert files(reference.directory) == []


def test_training_layout(both: Both) -> None:
    published = [
        f"{name}/{kind}/{name}/{index}.{ending}"
        for name, count in (("train", 6), ("validation", 4))
        for kind, ending in (("items", "png"), ("json", "json"))
        for index in range(count)
    ]

    for played in both(Adapter, train):
        assert played.adapter.calls("convert") == [sorted(published)]


def test_training_root_in_the_configuration(both: Both) -> None:
    sdk, reference = both(Adapter, train)

    assert sdk.model["configuration"]["root_path"] == f"tmp/{MODEL}"
    assert reference.model["configuration"]["root_path"] is None


def test_training_data_of_an_earlier_training(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "TIMESTAMP", f"{data.TIMESTAMP}-%f")  # both trainings may begin in one second

    def train_remove_train(played: Played) -> None:
        train(played)
        played.items[0].delete()
        train(played)

    sdk, reference = both(Adapter, train_remove_train)

    assert [len(seen) for seen in sdk.adapter.calls("convert")] == [20, 20]
    assert [len(seen) for seen in reference.adapter.calls("convert")] == [20, 18]


def test_status_after_a_failed_training(both: Both) -> None:
    class Failing(Adapter):
        def train(self, data_path: str, output_path: str, **kwargs: Any) -> None:
            raise RuntimeError("diverged")

    for played, status in zip(both(Failing, train), ("training", "failed"), strict=True):
        assert said(played) == "RuntimeError: diverged"
        assert played.model["status"] == status


def test_saving_after_a_failed_training(both: Both) -> None:
    class Failing(Adapter):
        def train(self, data_path: str, output_path: str, **kwargs: Any) -> None:
            raise RuntimeError("diverged")

    sdk, reference = both(Failing, train)

    assert sdk.artifacts() == ["/artifacts/models/model/weights.bin"]
    assert (reference.adapter.calls("save"), reference.artifacts()) == ([], [])


def test_saving_that_fails_after_a_failed_training(both: Both) -> None:
    class Failing(Adapter):
        def train(self, data_path: str, output_path: str, **kwargs: Any) -> None:
            raise RuntimeError("diverged")

        def save(self, local_path: str, **kwargs: Any) -> None:
            raise AttributeError("nothing to save")

    sdk, reference = both(Failing, train)

    assert said(sdk) == "AttributeError: nothing to save"
    assert said(reference) == "RuntimeError: diverged"


def test_training_a_failed_model(both: Both) -> None:
    sdk, reference = both(Adapter, train, scene(status="failed"))

    if version() < ALLOWED_SINCE:
        assert said(sdk) == "ValueError: Model is in failed state, cannot train."
    else:
        assert (sdk.error, sdk.model["status"]) == (None, "trained")
    assert (reference.error, reference.model["status"]) == (None, "trained")


def test_training_on_items_that_do_not_arrive(both: Both) -> None:
    def refuses(request: Request) -> bool:
        return request.path.endswith("/stream") and request.path.split("/")[-2] in lost

    lost: set[str] = set()

    def train_without_one(played: Played) -> None:
        lost.update(item.id for item in played.items if item.filename == "/train/0.png")
        train(played)

    sdk, reference = both(Adapter, train_without_one, refuses=refuses)

    assert (sdk.error, sdk.model["status"]) == (None, "trained")
    assert len(sdk.adapter.calls("convert")[0]) == 18
    assert said(reference).startswith("BadRequest: ")
    assert "Errors in 1 files" in said(reference)
    assert (reference.adapter.calls("train"), reference.model["status"]) == ([], "failed")


def test_training_on_names_that_differ_in_their_extension(both: Both) -> None:
    documents = scene()
    documents["items"].append({**documents["items"][0], "filename": "/train/0.jpg"})

    sdk, reference = both(Adapter, train, documents)

    [seen] = sdk.adapter.calls("convert")
    assert [path for path in seen if "train/0." in path] == [
        "train/items/train/0.jpg",
        "train/items/train/0.png",
        "train/json/train/0.json",
    ]
    assert said(reference) == (
        "LostResultsError: the subset train has 7 items but 6 JSON files: items whose names differ only in their"
        " extension share one"
    )


def test_training_changes_the_annotation_subsets(both: Both) -> None:
    system = scene()["models"][0]["metadata"]["system"]
    own = {"train": {"filter": {"$and": [{"label": "cat"}]}}}
    documents = scene(metadata={"system": {**system, "annotationsSubsets": own}})

    sdk, reference = both(Adapter, train, documents)

    unmade = {"metadata.system.model.name": {"$exists": False}}
    assert system_of(sdk)["annotationsSubsets"]["train"]["filter"] == {"$and": [{"label": "cat"}, unmade]}
    assert system_of(reference)["annotationsSubsets"] == own
    assert [len(played.adapter.calls("convert")[0]) for played in (sdk, reference)] == [20, 20]


def test_training_with_background_changes_the_subsets(both: Both) -> None:
    documents = scene(configuration={"include_background": True})
    documents["items"].append({"filename": "/train/empty.png"})

    sdk, reference = both(Adapter, train, documents)

    terms = subset("/train")["filter"]["$and"]
    assert system_of(sdk)["subsets"]["train"]["filter"] == {"$and": [*terms, {"annotated": False}]}
    assert system_of(reference)["subsets"]["train"]["filter"] == {"$and": terms}
    [seen] = reference.adapter.calls("convert")
    assert len(seen) == 22
    assert {"train/items/train/empty.png", "train/json/train/empty.json"} <= set(seen)


@pytest.mark.parametrize("overwrite", [False, True])
def test_preparing_data_again(both: Both, overwrite: bool) -> None:
    def prepare_twice(played: Played) -> tuple[bool, bool]:
        folders = {name: str(played.directory / name) for name in ("root_path", "data_path", "output_path")}
        for folder in folders.values():
            Path(folder).mkdir()
        played.adapter.prepare_data(dataset=played.dataset, **folders)
        changed, removed = (
            Path(folders["data_path"]) / "train" / "items" / "train" / name for name in ("0.png", "1.png")
        )
        changed.write_bytes(b"own")
        removed.unlink()
        played.adapter.prepare_data(dataset=played.dataset, overwrite=overwrite, **folders)
        return changed.read_bytes() != b"own", removed.exists()

    sdk, reference = both(Adapter, prepare_twice)

    assert sdk.value == (False, overwrite)
    assert reference.value == (overwrite, overwrite)


def system_of(played: Played) -> Any:
    """The system metadata of the adapter's own model entity."""
    return played.adapter.model_entity.metadata["system"]


def test_training_of_an_embedding_model(both: Both) -> None:
    subsets = {"train": {"filter": {"dir": "/train"}}, "validation": {"filter": {"dir": "/validation"}}}
    sdk, reference = both(Adapter, train, scene(outputType="embedding", metadata={"system": {"subsets": subsets}}))

    if version() < EMBEDDING_SINCE:
        assert said(sdk) == "AttributeError: 'NoneType' object has no attribute 'custom_filter'"
    else:
        assert sdk.error is None
    assert (reference.error, len(reference.adapter.calls("convert")[0])) == (None, 20)
    assert system_of(reference)["subsets"] == subsets


def test_training_on_masks_of_a_single_item(both: Both) -> None:
    documents = scene(outputType="binary")
    documents["items"] = [one for one in documents["items"] if one["filename"] != "/train/0.png"][4:6]

    sdk, reference = both(Adapter, train, documents)

    single = ["train/instance/train/5.png", "train/items/train/5.png"]
    assert [path for path in sdk.adapter.calls("convert")[0] if path.startswith("train/")] == single
    assert [path for path in reference.adapter.calls("convert")[0] if path.startswith("train/")] == [
        *single,
        "train/json/train/5.json",
    ]


# saving


def test_artifacts_that_do_not_arrive(both: Both) -> None:
    def refuses(request: Request) -> bool:
        return request.method == "POST" and request.path.endswith("/items")

    sdk, reference = both(Adapter, train, refuses=refuses)

    assert (sdk.error, sdk.artifacts(), sdk.model["status"]) == (None, [], "trained")
    assert said(reference) == "LostResultsError: the platform did not take weights.bin as artifacts of model"
    assert reference.model["status"] == "failed"
    assert len(sdk.refused) == len(reference.refused) == 5  # the SDK tries five times


# predicting


def test_fewer_collections_than_items(both: Both) -> None:
    class Short(Adapter):
        def predict(self, batch: Any, **kwargs: Any) -> Any:
            return super().predict(batch)[:-1]

    sdk, reference = both(Short, predict)

    assert sdk.error is None
    assert list(sdk.annotated()) == [name for name in ITEMS if name not in {ITEMS[3], ITEMS[7], ITEMS[9]}]
    assert said(reference) == (
        "ItemsFailedError: predict failed for"
        f" {', '.join(ITEMS[:4])} (LostResultsError: predict returned 3 results for 4 items);"
        f" {', '.join(ITEMS[4:8])} (LostResultsError: predict returned 3 results for 4 items);"
        f" {', '.join(ITEMS[8:])} (LostResultsError: predict returned 1 results for 2 items)"
    )
    assert reference.annotated() == {}


def test_a_batch_with_fewer_collections_costs_no_other(both: Both) -> None:
    class ShortOnce(Adapter):
        def predict(self, batch: Any, **kwargs: Any) -> Any:
            collections = super().predict(batch)
            return collections if len(self.calls("predict")) != 2 else collections[:1]

    sdk, reference = both(ShortOnce, predict)

    assert list(sdk.annotated()) == [*ITEMS[:5], *ITEMS[8:]]
    assert list(reference.annotated()) == [*ITEMS[:4], *ITEMS[8:]]
    assert "predict returned 1 results for 4 items" in said(reference)


def test_a_generator_of_collections(both: Both) -> None:
    class Yielding(Adapter):
        def predict(self, batch: Any, **kwargs: Any) -> Any:
            yield from super().predict(batch)

    sdk, reference = both(Yielding, predict)

    assert (sdk.error, sdk.annotated()) == (None, {})
    assert (reference.error, list(reference.annotated())) == (None, ITEMS)


def test_more_collections_than_items(both: Both) -> None:
    class Long(Adapter):
        def prepare_item_func(self, item: dl.Item) -> str:
            return str(item.filename)

        def predict(self, batch: Any, **kwargs: Any) -> Any:
            return [self.found(label=label) for label in ("extra", *batch)]

    sdk, reference = both(Long, predict)

    assert (sdk.error, list(sdk.annotated())) == (None, ITEMS)
    assert sdk.labels()["/train/0.png"] == ["cat", "extra"]
    assert sdk.labels()["/train/1.png"] == ["/train/0.png", "cat"]
    assert "predict returned 5 results for 4 items" in said(reference)
    assert reference.annotated() == {}


def test_annotations_that_are_refused(both: Both) -> None:
    class Finding(Adapter):
        def predict(self, batch: Any, **kwargs: Any) -> Any:
            return [self.found(150) for _ in batch]

    posted: list[str] = []

    def refuses(request: Request) -> bool:
        """The second hundred of the first item."""
        if request.method != "POST" or not request.path.endswith("/annotations"):
            return False
        short = len(json.loads(request.body)) == 50
        posted.append(request.path)
        return short and request.path == posted[0]

    def predict_one(played: Played) -> Any:
        posted.clear()
        return played.adapter.predict_items(played.items[:1])

    sdk, reference = both(Finding, predict_one, refuses=refuses)

    assert (sdk.error, sdk.annotated()) == (None, {"/train/0.png": 100})
    assert said(reference) == (
        "ItemsFailedError: predict failed for /train/0.png (LostResultsError: the platform took 100 of 150 annotations)"
    )


def test_more_items_than_the_subset_limit(both: Both) -> None:
    def predict_dataset(played: Played) -> Any:
        return played.adapter.predict_dataset(played.dataset)

    documents = scene(configuration={"predict_embed_subset_limit": 4})
    sdk, reference = both(Adapter, predict_dataset, documents)

    assert "ValueError" in said(sdk)
    assert (sdk.adapter.calls("predict"), sdk.annotated()) == ([], {})
    assert (reference.error, list(reference.annotated())) == (None, ITEMS)


# embedding


def test_vectors_of_another_size(both: Both) -> None:
    class Odd(Adapter):
        def embed(self, batch: Any, **kwargs: Any) -> Any:
            vectors: list[Any] = super().embed(batch)
            return [None, vectors[1][:3], *vectors[2:]] if len(self.calls("embed")) == 1 else vectors

    sdk, reference = both(Odd, embed)

    assert (sdk.error, list(sdk.vectors())) == (None, ITEMS[2:])
    assert list(reference.vectors()) == ITEMS[2:]
    assert said(reference) == (
        "ItemsFailedError: embed failed for"
        " /train/0.png (LostResultsError: embed returned no vector, the model's embeddings_size is 4);"
        " /train/1.png (LostResultsError: embed returned a vector of 3 numbers, the model's embeddings_size is 4)"
    )


def test_fewer_vectors_than_items(both: Both) -> None:
    class Short(Adapter):
        def prepare_item_func(self, item: dl.Item) -> float:
            return float(ITEMS.index(item.filename))

        def embed(self, batch: Any, **kwargs: Any) -> Any:
            vectors = [[number, 0.0, 0.0, 0.0] for number in batch]
            self.log.append(("embed", len(batch)))
            return vectors[:-1] if len(self.calls("embed")) == 1 else vectors

    sdk, reference = both(Short, embed)

    of = {name: vector[0] for name, vector in sdk.vectors().items()}
    assert sdk.error is None
    assert of == {name: float(index if index < 3 else index + 1) for index, name in enumerate(ITEMS[:-1])}
    assert {name: vector[0] for name, vector in reference.vectors().items()} == {
        name: float(index) for index, name in enumerate(ITEMS) if index > 3
    }
    assert "embed returned 3 results for 4 items" in said(reference)


def test_embedding_without_uploading_is_remembered(both: Both) -> None:
    def embed_without_uploading(played: Played) -> None:
        played.adapter.embed_items(played.items, upload_features=False)
        played.adapter.embed_dataset(played.dataset)

    sdk, reference = both(Adapter, embed_without_uploading)

    assert (sdk.model["configuration"]["upload_features"], list(sdk.vectors())) == (False, [])
    assert (reference.model["configuration"]["upload_features"], list(reference.vectors())) == (None, ITEMS)


def test_embedding_a_dataset_without_uploading(both: Both) -> None:
    def embed_dataset(played: Played) -> Any:
        return played.adapter.embed_dataset(played.dataset, upload_features=False)

    sdk, reference = both(Adapter, embed_dataset)

    assert (sdk.error, list(sdk.vectors())) == (None, ITEMS)
    assert (reference.error, list(reference.vectors())) == (None, [])
    assert sum(reference.adapter.calls("embed")) == 10


# evaluating


def test_evaluation_reads_what_earlier_ones_downloaded(both: Both) -> None:
    pytest.importorskip("dtlpymetrics")

    def evaluate_all_then_one(played: Played) -> None:
        one = dl.Filters(field="filename", values="/train/0.png")
        for filters in (dl.Filters(), one):
            played.adapter.evaluate_model(model=played.adapter.model_entity, dataset=played.dataset, filters=filters)

    sdk, reference = both(Adapter, evaluate_all_then_one)

    assert scored(sdk) == 10
    assert scored(reference) == 1


def scored(played: Played) -> int:
    """How many items the model's scores are about."""
    state = played.platform.state
    [item] = [one for one in state.all("items") if one["filename"] == f"/.modelscores/{MODEL}.csv"]
    rows = csv.DictReader(io.StringIO(state.read(item["id"]).decode()))
    return len({row["item_id"] for row in rows})


# settings


def test_reading_a_setting_writes_it(both: Both) -> None:
    def predict_and_embed(played: Played) -> None:
        before.append(copy.deepcopy(dict(played.model["configuration"])))
        played.adapter.predict_items(played.items)
        played.adapter.predict_dataset(played.dataset)

    before: list[dict[str, Any]] = []
    sdk, reference = both(Adapter, predict_and_embed)

    written = {"batch_size": 4, "predict_embed_subset_limit": 1000, "predict_embed_timeout": 86400}
    assert sdk.model["configuration"] == before[0] | written
    assert reference.model["configuration"] == before[1]
    assert patches(sdk) - patches(reference) == 3


def patches(played: Played) -> int:
    """How often the model was written."""
    return sum(entry.method == "PATCH" and entry.path.startswith("/ml/models/") for entry in played.platform.journal)


def test_the_table_lists_every_test() -> None:
    table = (Path(__file__).parents[2] / "docs" / "departures.md").read_text("utf-8")
    listed = set(re.findall(r"`(test_\w+)`", table))
    here = {name for name in globals() if name.startswith("test_")} - {"test_the_table_lists_every_test"}

    assert listed == here
