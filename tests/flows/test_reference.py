"""The reference wrappers by themselves: what they say when something is wrong, and the options of each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dtlpy as dl
import pytest
from flow_helpers import DATASET, Adapter, Played, play, scene, subset

from dl_harness.flows import reference

Both = Callable[..., tuple[Played, Played]]


def run(flow: Callable[[Played], Any], folder: Path, adapter_class: type = Adapter, **model: Any) -> Played:
    """One flow of the reference wrappers on the small scene."""
    return play("reference", adapter_class, flow, folder, scene(**model))


def train(played: Played) -> Any:
    return played.adapter.train_model(played.adapter.model_entity)


def test_a_wrapper_of_the_author_stays() -> None:
    class Own(Adapter):
        def predict_items(self, items: Any, batch_size: Any = None, **kwargs: Any) -> str:
            return "own"

    own = Own.predict_items
    reference.install(Own)

    assert Own.predict_items is own
    assert Own.embed_items is reference.embed_items
    assert Adapter.embed_items is dl.BaseModelAdapter.embed_items


def test_every_flow_of_the_sdk_has_its_reference() -> None:
    ours = {wrapper.__name__ for wrapper in reference.WRAPPERS}

    assert ours == {
        *("load_from_model", "save_to_model", "predict_items", "predict_dataset", "embed_items", "embed_dataset"),
        *("prepare_data", "train_model", "evaluate_model"),
    }
    assert all(hasattr(dl.BaseModelAdapter, name) for name in ours)


def test_a_model_is_loaded_from_a_folder_of_choice(both: Both) -> None:
    def load(played: Played) -> None:
        played.adapter.save_to_model()
        played.adapter.load_from_model(local_path=str(played.directory / "elsewhere"))

    for played in both(Adapter, load):
        assert played.error is None
        assert played.adapter.calls("load") == [
            str(played.home / "models" / "model"),
            str(played.directory / "elsewhere"),
        ]
        assert (played.directory / "elsewhere" / "weights.bin").read_bytes() == b"weights"


def test_loading_again_takes_the_settings_that_the_model_has_now(both: Both) -> None:
    def load(played: Played) -> Any:
        played.adapter.model_entity.configuration = {"threshold": 0.5}
        played.adapter.load_from_model()
        return played.adapter.configuration["threshold"]

    for played in both(Adapter, load):
        assert (played.error, played.value) == (None, 0.5)


@pytest.mark.parametrize(("overwrite", "found"), [(True, b"weights"), (False, b"own")])
def test_files_that_are_there_are_overwritten_or_kept(both: Both, overwrite: bool, found: bytes) -> None:
    def load(played: Played) -> None:
        folder = played.directory / "elsewhere"
        played.adapter.save_to_model()
        folder.mkdir()
        (folder / "weights.bin").write_bytes(b"own")
        played.adapter.load_from_model(local_path=str(folder), overwrite=overwrite)

    for played in both(Adapter, load):
        assert played.error is None
        assert (played.directory / "elsewhere" / "weights.bin").read_bytes() == found


def test_what_was_saved_is_cleaned_up(both: Both) -> None:
    def save(played: Played) -> None:
        for cleanup in (False, True):
            played.adapter.save_to_model(local_path=str(played.directory / str(cleanup)), cleanup=cleanup)

    for played in both(Adapter, save):
        assert played.error is None
        assert [path.name for path in played.directory.iterdir() if path.name != ".dataloop"] == ["False"]
        assert played.artifacts() == ["/artifacts/models/model/weights.bin"]


def test_replacing_artifacts_keeps_the_others(both: Both) -> None:
    class Renaming(Adapter):
        def save(self, local_path: str, **kwargs: Any) -> None:
            super().save(local_path)
            if len(self.calls("save")) == 2:
                (Path(local_path) / "weights.bin").rename(Path(local_path) / "best.bin")

    def save_twice(played: Played) -> None:
        for _ in range(2):
            played.adapter.save_to_model(replace=True)

    for played in both(Renaming, save_twice):
        assert [name.split("/")[-1] for name in played.artifacts()] == ["best.bin", "weights.bin"]


def test_a_batch_that_raises_costs_no_other(both: Both) -> None:
    class Failing(Adapter):
        def predict(self, batch: Any, **kwargs: Any) -> Any:
            collections = super().predict(batch)
            if len(self.calls("predict")) == 1:
                raise RuntimeError("out of memory")
            return collections

    sdk, ours = both(Failing, lambda played: played.adapter.predict_items(played.items, batch_size=4))

    assert sdk.annotated() == ours.annotated()
    assert len(ours.annotated()) == 6
    assert str(ours.error) == (
        "predict failed for /train/0.png, /train/1.png, /train/2.png, /train/3.png (RuntimeError: out of memory)"
    )
    assert isinstance(ours.error.__cause__ if ours.error else None, RuntimeError)
    assert str(sdk.error).startswith("Failed to predict all items.")


def test_a_batch_that_cannot_be_embedded_costs_no_other(both: Both) -> None:
    class Failing(Adapter):
        def embed(self, batch: Any, **kwargs: Any) -> Any:
            vectors = super().embed(batch)
            if len(self.calls("embed")) == 1:
                raise RuntimeError("out of memory")
            return vectors

    sdk, ours = both(Failing, lambda played: played.adapter.embed_items(played.items, batch_size=4))

    assert sdk.vectors() == ours.vectors()
    assert len(ours.vectors()) == 6
    assert "embed failed for /train/0.png" in str(ours.error)


def test_an_item_that_cannot_be_prepared_ends_the_flow(both: Both) -> None:
    class Refusing(Adapter):
        def prepare_item_func(self, item: Any) -> Any:
            if item.filename == "/train/5.png":
                raise ValueError("not an image")
            return item.filename  # without a request that could outlive the flow

    for played in both(Refusing, lambda played: played.adapter.predict_items(played.items, batch_size=4)):
        assert str(played.error) == "not an image"
        assert len(played.annotated()) == 4


def test_something_else_than_a_collection_is_named(tmp_path: Path) -> None:
    class Nothing(Adapter):
        def predict(self, batch: Any, **kwargs: Any) -> Any:
            return [None, *super().predict(batch)[1:]]

    played = run(lambda one: one.adapter.predict_items(one.items[:2]), tmp_path, Nothing)

    assert str(played.error) == (
        "predict failed for /train/0.png (TypeError: predict returned NoneType, not dl.AnnotationCollection)"
    )
    assert list(played.annotated()) == ["/train/1.png"]


@pytest.mark.parametrize("as_json", [False, True])
def test_a_dataset_is_predicted_by_filters(both: Both, as_json: bool) -> None:
    def predict_dataset(played: Played) -> None:
        filters = dl.Filters(field="dir", values="/validation")
        played.adapter.predict_dataset(played.dataset, filters=filters.prepare() if as_json else filters)

    for played in both(Adapter, predict_dataset):
        assert played.error is None
        assert list(played.annotated()) == [f"/validation/{index}.png" for index in range(4)]


def test_directories_are_not_predicted(both: Both) -> None:
    for played in both(Adapter, lambda one: one.adapter.predict_dataset(one.dataset, filters={"filter": {}})):
        assert (played.error, len(played.annotated())) == (None, 10)
        assert sum(played.adapter.calls("predict")) == 10
        assert {item["type"] for item in played.platform.state.all("items")} == {"dir", "file"}


@pytest.mark.parametrize(("returns", "stored"), [(True, 2), (False, 0)])
def test_prompt_items_are_annotated_when_collections_come_back(both: Both, returns: bool, stored: int) -> None:
    class Prompted(Adapter):
        def prepare_item_func(self, item: Any) -> Any:
            return item

        def predict(self, batch: Any, **kwargs: Any) -> Any:
            return super().predict(batch) if returns else []

    documents = scene()
    prompt = {"metadata": {"system": {"shebang": {"dltype": "prompt"}}}}
    documents["items"] = [{**item, **prompt} for item in documents["items"][:2]]

    for played in both(Prompted, lambda one: one.adapter.predict_items(one.items), documents):
        assert (played.error, len(played.annotated())) == (None, stored)


@pytest.mark.parametrize(("upload_features", "stored"), [(None, 8), (True, 10), (False, 0)])
def test_vectors_of_prompt_items_are_stored_when_asked_for(both: Both, upload_features: Any, stored: int) -> None:
    documents = scene()
    prompt = {"metadata": {"system": {"shebang": {"dltype": "prompt"}}}}
    documents["items"][:2] = [{**item, **prompt} for item in documents["items"][:2]]

    def embed(played: Played) -> Any:
        return played.adapter.embed_items(played.items, upload_features=upload_features)

    for played in both(Adapter, embed, documents):
        assert (played.error, len(played.vectors())) == (None, stored)
        assert [len(one) for one in played.value] == [10, 10]


def test_filters_that_select_nothing(both: Both) -> None:
    def predict_and_embed(played: Played) -> None:
        nothing = dl.Filters(field="dir", values="/nowhere")
        played.adapter.predict_dataset(played.dataset, filters=nothing)
        played.adapter.embed_dataset(played.dataset, filters=nothing)

    for played in both(Adapter, predict_and_embed):
        assert (played.error, played.annotated(), played.vectors()) == (None, {}, {})
        assert len(played.platform.state.all("feature_sets")) == 1
        assert played.adapter.calls("predict") == played.adapter.calls("embed") == []


def test_more_items_than_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference.batches, "PAGE_SIZE", 3)

    played = run(lambda one: one.adapter.predict_dataset(one.dataset), tmp_path)

    assert len(played.annotated()) == 10


def test_an_evaluation_without_predicting(both: Both) -> None:
    class Scoring(Adapter):
        def evaluate(self, model: Any, dataset: Any, filters: Any) -> Any:
            self.log.append(("evaluate", (model.name, dataset.name, type(filters).__name__)))
            return model

    def evaluate(played: Played) -> Any:
        return played.adapter.evaluate_model(model=played.adapter.model_entity, dataset=played.dataset)

    for predicting, expected in ((False, 0), (True, 10)):
        for wrappers, played in zip(
            ("sdk", "reference"),
            both(Scoring, evaluate, scene(configuration={"overwrite_annotations": predicting}), name=str(predicting)),
            strict=True,
        ):
            assert played.error is None, wrappers
            assert played.adapter.calls("evaluate") == [("model", "dataset", "Filters")]
            assert len(played.annotated()) == expected
            assert [one.name for one in played.value] == ["model", "dataset"]


def test_training_tells_how_far_it_is_and_cleans_up(both: Both) -> None:
    class Epochs(Adapter):
        def train(self, data_path: str, output_path: str, **kwargs: Any) -> None:
            super().train(data_path, output_path)
            for epoch in range(2):
                kwargs["on_epoch_end_callback"](epoch, 2)

    class Told:
        def __init__(self) -> None:
            self.epochs: list[Any] = []

        def update(self, progress: Any = None, message: Any = None) -> None:
            if message and message.startswith("finished epoch"):
                self.epochs.append((progress, message))

    def train_and_listen(played: Played) -> list[Any]:
        told = Told()
        played.adapter.train_model(played.adapter.model_entity, cleanup=True, progress=told)
        return told.epochs

    for played in both(Epochs, train_and_listen):
        assert played.error is None
        assert played.value == [(50, "finished epoch: 0/2"), (100, "finished epoch: 1/2")]
        [(_, output_path)] = played.adapter.calls("train")
        assert not (played.directory / output_path).exists()
        patches = [entry.query for entry in played.platform.journal if entry.method == "PATCH"]
        assert [query.get("reloadServices") for query in patches].count("true") == 1  # the upload of artifacts
        assert played.artifacts() == ["/artifacts/models/model/weights.bin"]


def test_an_empty_subset_is_named(tmp_path: Path) -> None:
    subsets = {"train": subset("/train"), "validation": subset("/nowhere")}

    played = run(train, tmp_path, metadata={"system": {"subsets": subsets}})

    assert str(played.error).startswith("the subset validation is empty: no item of dataset matches ")
    assert "'dir': '/nowhere'" in str(played.error)
    assert played.model["status"] == "failed"


def test_a_model_without_subsets_is_named(tmp_path: Path) -> None:
    played = run(train, tmp_path, metadata={"system": {}})

    assert str(played.error) == "the model model has no subsets: metadata.system.subsets is missing"


def test_subsets_have_the_names_that_the_model_gives_them(both: Both) -> None:
    subsets = {"a": subset("/train"), "b": {"filter": {"dir": "/validation"}}}

    for played in both(Adapter, train, scene(metadata={"system": {"subsets": subsets}})):
        assert played.error is None
        assert {path.split("/")[0] for path in played.adapter.calls("convert")[0]} == {"a", "b"}


def test_annotations_that_models_made_are_not_learned_from(both: Both) -> None:
    def predict_then_train(played: Played) -> None:
        for annotation in played.items[0].annotations.list():
            annotation.delete()
        played.adapter.predict_items(played.items[:1])
        train(played)

    for played in both(Adapter, predict_then_train):
        assert played.error is None
        assert "train/items/train/0.png" not in played.adapter.calls("convert")[0]
        assert len(played.adapter.calls("convert")[0]) == 18


def test_annotations_that_models_made_can_be_included(both: Both) -> None:
    def predict_then_train(played: Played) -> None:
        for annotation in played.items[0].annotations.list():
            annotation.delete()
        played.adapter.predict_items(played.items[:1])
        train(played)

    documents = scene(configuration={"include_model_annotations": True})
    for played in both(Adapter, predict_then_train, documents):
        assert played.error is None
        assert len(played.adapter.calls("convert")[0]) == 20


def test_data_is_prepared_in_folders_of_choice(both: Both) -> None:
    def prepare(played: Played) -> Any:
        folders = {name: str(played.directory / name) for name in ("root_path", "data_path", "output_path")}
        for folder in folders.values():
            Path(folder).mkdir()
        return played.adapter.prepare_data(dataset=played.dataset, **folders)

    for played in both(Adapter, prepare):
        assert played.error is None
        assert played.value == tuple(str(played.directory / name) for name in ("root_path", "data_path", "output_path"))
        assert len(played.adapter.calls("convert")[0]) == 20


def test_the_folders_of_the_configuration_are_used(both: Both, tmp_path: Path) -> None:
    folders = {name: str(tmp_path / name) for name in ("root_path", "data_path", "output_path")}
    for folder in folders.values():
        Path(folder).mkdir()

    for one in ({"root_path": folders["root_path"]}, folders):
        documents = scene(configuration=one)
        for played in both(
            Adapter, lambda one: one.adapter.prepare_data(dataset=one.dataset), documents, name=str(len(one))
        ):
            data_path = one.get("data_path", f"{folders['root_path']}/datasets/{DATASET}")
            output_path = one.get("output_path", f"{folders['root_path']}/output")
            assert played.value == (folders["root_path"], data_path, output_path)


def test_polygons_teach_a_model_of_masks(both: Both) -> None:
    documents = scene(outputType="binary")
    rings = [[{"x": 1.0, "y": 1.0}, {"x": 9.0, "y": 1.0}, {"x": 9.0, "y": 9.0}]]
    documents["items"][0]["annotations"] = [{"type": "segment", "label": "cat", "coordinates": rings}]

    for played in both(Adapter, train, documents):
        assert played.error is None
        assert "train/items/train/0.png" in played.adapter.calls("convert")[0]


def test_masks_are_drawn_for_a_model_of_masks(both: Both) -> None:
    for played in both(Adapter, train, scene(outputType="binary")):
        assert played.error is None
        [seen] = played.adapter.calls("convert")
        assert [path for path in seen if "/0." in path and path.startswith("train")] == [
            "train/instance/train/0.png",
            "train/items/train/0.png",
            "train/json/train/0.json",
        ]
