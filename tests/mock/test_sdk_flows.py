"""The unmodified SDK at work on the platform, over both transports."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from mock_helpers import BOX, image

from dl_mock import Platform, connect

pytestmark = pytest.mark.usefixtures("inside")


def subset(directory: str) -> dict[str, Any]:
    terms = [{"hidden": False}, {"type": "file"}, {"dir": directory}]
    return {"filter": {"$and": terms}, "page": 0, "pageSize": 1000, "resource": "items"}


def scene() -> dict[str, Any]:
    """A dataset of six annotated images in two directories, and a model to train on them."""
    files = [f"/{directory}/{index}.png" for directory in ("train", "validation") for index in range(3)]
    return {
        "projects": [{"id": "65aa00000000000000000001", "name": "project"}],
        "datasets": [{"id": "65aa00000000000000000002", "name": "dataset", "projects": ["65aa00000000000000000001"]}],
        "items": [{"filename": name, "annotations": [BOX]} for name in files],
        "models": [
            {
                "id": "65aa00000000000000000003",
                "name": "model",
                "datasetId": "65aa00000000000000000002",
                "outputType": "box",
                "labels": ["cat"],
                "configuration": {"id_to_label_map": {"0": "cat"}, "embeddings_size": 4},
                "metadata": {"system": {"subsets": {"train": subset("/train"), "validation": subset("/validation")}}},
            }
        ],
    }


@pytest.fixture(params=["responses", "http"])
def connected(request: pytest.FixtureRequest, platform: Platform) -> Iterator[Any]:
    """The SDK, connected to a platform with the scene; every call it makes must have a route."""
    platform.load_scene(scene())
    with connect(platform, transport=request.param):
        import dtlpy as dl

        dl.verbose.disable_progress_bar = True
        yield dl
    assert platform.unmatched == []


@pytest.fixture
def dataset(connected: Any) -> Any:
    return connected.datasets.get(dataset_id="65aa00000000000000000002")


@pytest.fixture
def model(connected: Any) -> Any:
    return connected.models.get(model_id="65aa00000000000000000003")


def adapter_class(dl: Any) -> Any:
    class Adapter(dl.BaseModelAdapter):  # type: ignore[misc]
        def load(self, local_path: str, **kwargs: Any) -> None:
            found = Path(local_path) / "weights.bin"
            self.weights = found.read_bytes() if found.is_file() else None

        def save(self, local_path: str, **kwargs: Any) -> None:
            (Path(local_path) / "weights.bin").write_bytes(b"weights")

        def predict(self, batch: list[Any], **kwargs: Any) -> list[Any]:
            collections = []
            for _ in batch:
                collection = dl.AnnotationCollection()
                info = {"name": "model", "model_id": self.model_entity.id, "confidence": 0.5}
                collection.add(dl.Box(left=1, top=1, right=9, bottom=9, label="cat"), model_info=info)
                collections.append(collection)
            return collections

        def embed(self, batch: list[Any], **kwargs: Any) -> list[list[float]]:
            return [[1.0, 2.0, 3.0, 4.0] for _ in batch]

        def convert_from_dtlpy(self, data_path: str, **kwargs: Any) -> None:
            self.training_files = sorted(path.name for path in Path(data_path).rglob("*.png"))

        def train(self, data_path: str, output_path: str, **kwargs: Any) -> None: ...

    return Adapter


def test_items_are_listed_fetched_changed_and_deleted(dataset: Any) -> None:
    pages = dataset.items.list(page_size=2)
    count, found = pages.items_count, list(pages.all())
    item = dataset.items.get(filepath="/train/0.png")
    item.metadata["user"] = {"seen": True}
    item.update()

    assert (count, len(found)) == (6, 6)
    assert dataset.items.get(item_id=item.id).metadata["user"] == {"seen": True}
    assert (item.width, item.height) == (64, 48)
    assert item.delete() is True
    assert dataset.items.list().items_count == 5


def test_a_file_goes_up_and_comes_down(dataset: Any) -> None:
    content = image(10, 20)
    body = io.BytesIO(content)

    item = dataset.items.upload(local_path=body, remote_path="/up", remote_name="x.png", item_metadata={"a": 1})

    assert (item.filename, item.width, item.height, item.metadata["a"]) == ("/up/x.png", 10, 20, 1)
    assert dataset.items.get(item_id=item.id).download(save_locally=False).getvalue() == content
    assert dataset.directory_tree.dir_names == ["/train", "/validation", "/up", "/"]


def test_many_files_go_up_at_once(dataset: Any, inside: Path) -> None:
    (inside / "files").mkdir()
    for index in range(12):
        (inside / "files" / f"{index}.png").write_bytes(image(8 + index, 8))

    dataset.items.upload(local_path=str(inside / "files" / "*"), remote_path="/many")

    widths = {item.name: item.width for item in dataset.items.list().all() if item.dir == "/many"}
    assert widths == {f"{index}.png": 8 + index for index in range(12)}


def test_annotations_are_added_listed_changed_and_deleted(connected: Any, dataset: Any, platform: Platform) -> None:
    item = dataset.items.get(filepath="/train/0.png")
    builder = item.annotations.builder()
    builder.add(connected.Box(left=0, top=0, right=3, bottom=3, label="dog"))
    builder.add(connected.Classification(label="indoor"))
    builder.add(connected.Polygon(geo=[[1, 1], [5, 1], [5, 5]], label="roof"))
    added = item.annotations.upload(builder)
    added[0].label = "wolf"
    added[0].update()

    labels = [one.label for one in item.annotations.list()]
    assert labels == ["cat", "wolf", "indoor", "roof"]
    assert dataset.items.get(item_id=item.id).annotations_count == 4
    assert dataset.labels_flat_dict.keys() == {"cat"}
    item.annotations.delete(filters=connected.Filters(resource="annotations", field="label", values="wolf"))
    item.annotations.delete(annotation_id=added[1].id)
    assert [one["label"] for one in platform.state.annotations_of(item.id)] == ["cat", "roof"]
    assert item.annotations.delete(filters=connected.Filters(resource="annotations")) is True
    assert dataset.items.get(item_id=item.id).annotated is False


def test_more_annotations_than_a_batch_are_kept(connected: Any, dataset: Any) -> None:
    item = dataset.items.get(filepath="/train/0.png")
    builder = item.annotations.builder()
    for index in range(250):
        builder.add(connected.Point(x=index, y=1, label=f"p{index}"))

    item.annotations.upload(builder)

    assert len(item.annotations.list()) == 251


def test_artifacts_go_up_and_come_down(connected: Any, model: Any, inside: Path) -> None:
    (inside / "weights").mkdir()
    (inside / "weights" / "a.bin").write_bytes(b"first")
    (inside / "weights" / "b.bin").write_bytes(b"second")

    model.artifacts.upload(filepath=str(inside / "weights" / "*"))
    fetched = connected.models.get(model_id=model.id)
    fetched.artifacts.download(local_path=str(inside / "down"))

    down = {path.name: path.read_bytes() for path in (inside / "down").rglob("*.bin")}
    assert down == {"a.bin": b"first", "b.bin": b"second"}
    assert len(fetched.model_artifacts) == 2


def test_an_adapter_predicts_only_once_per_item(connected: Any, dataset: Any, model: Any, platform: Platform) -> None:
    adapter = adapter_class(connected)(model_entity=model)
    items = list(dataset.items.list().all())
    for _ in range(2):
        adapter.predict_items(items, batch_size=4)

    for item in items:
        by_model = [bool(one["metadata"].get("user")) for one in platform.state.annotations_of(item.id)]
        assert by_model == [False, True]


def test_an_adapter_predicts_and_embeds_a_dataset(connected: Any, dataset: Any, model: Any, platform: Platform) -> None:
    adapter = adapter_class(connected)(model_entity=model)

    adapter.predict_dataset(dataset=dataset, filters=connected.Filters(field="dir", values="/train"), batch_size=2)
    adapter.embed_dataset(dataset=dataset, batch_size=2)

    assert len(platform.state.all("annotations")) == 9
    assert len(platform.state.all("feature_vectors")) == 6
    (feature_set,) = dataset.project.feature_sets.list().items
    assert (feature_set.size, feature_set.model_id) == (4, model.id)


def test_vectors_of_the_wrong_size_are_not_uploaded(
    connected: Any, dataset: Any, model: Any, platform: Platform
) -> None:
    adapter = adapter_class(connected)(model_entity=model)
    adapter.configuration["embeddings_size"] = 10

    adapter.embed_items(list(dataset.items.list().all()), batch_size=3)

    assert platform.state.all("feature_vectors") == []


def test_an_adapter_saves_and_loads_its_weights(connected: Any, model: Any, platform: Platform) -> None:
    adapter_class(connected)(model_entity=model).save_to_model(cleanup=True)

    loaded = adapter_class(connected)(model_entity=connected.models.get(model_id=model.id))

    assert loaded.weights == b"weights"
    (artifact,) = platform.state.get("models", model.id)["artifacts"]  # type: ignore[index]
    item = platform.state.get("items", artifact["itemId"])
    assert item is not None
    assert item["filename"] == "/artifacts/models/model/weights.bin"


def test_an_adapter_is_trained_and_evaluated(connected: Any, dataset: Any, model: Any, platform: Platform) -> None:
    pytest.importorskip("dtlpymetrics")
    adapter = adapter_class(connected)(model_entity=model)

    adapter.train_model(model=model)
    adapter.evaluate_model(model=connected.models.get(model_id=model.id), dataset=dataset)

    trained = platform.state.get("models", model.id)
    assert trained is not None
    assert [entry["status"] for entry in trained["statusLogs"]] == ["created", "training", "trained"]
    assert adapter.training_files == ["0.png", "0.png", "1.png", "1.png", "2.png", "2.png"]
    names = [item["filename"] for item in platform.state.all("items")]
    assert f"/.modelscores/{model.id}.csv" in names


def test_segmentation_uses_the_colours_of_the_ontology(connected: Any, dataset: Any, platform: Platform) -> None:
    import numpy as np

    item = dataset.items.get(filepath="/train/0.png")
    builder = item.annotations.builder()
    mask = np.zeros((48, 64))
    mask[5:9, 5:9] = 1
    builder.add(connected.Segmentation(geo=mask, label="cat"))
    item.annotations.upload(builder)

    (found,) = (one for one in item.annotations.list() if one.type == "binary")
    assert np.array_equal(found.geo, mask)


def test_a_prompt_item_talks(connected: Any, dataset: Any) -> None:
    prompt_item = connected.PromptItem(name="prompt")
    prompt_item.add(message={"role": "user", "content": [{"mimetype": "application/text", "value": "Who?"}]})
    item = dataset.items.upload(local_path=prompt_item, remote_name="prompt.json", overwrite=True)
    info = {"name": "model", "model_id": "65aa00000000000000000003", "confidence": 0.5}

    talk = connected.PromptItem.from_item(dataset.items.get(item_id=item.id))
    talk.add(
        message={"role": "assistant", "content": [{"mimetype": "application/text", "value": "Me"}]}, model_info=info
    )
    talk.add(
        message={"role": "assistant", "content": [{"mimetype": "application/text", "value": "I"}]}, model_info=info
    )
    talk.add(message={"role": "user", "content": [{"mimetype": "application/text", "value": "Why?"}]})

    again = connected.PromptItem.from_item(dataset.items.get(item_id=item.id))
    said = [(one["role"], one["content"][0]["text"]) for one in again.to_messages()]
    assert said == [("user", "Who?"), ("assistant", "I"), ("user", "Why?")]


def test_a_model_is_cloned_with_its_artifacts(connected: Any, dataset: Any, model: Any, platform: Platform) -> None:
    adapter_class(connected)(model_entity=model).save_to_model()
    source = connected.models.get(model_id=model.id)

    copy = connected.projects.get(project_id=source.project_id).models.clone(
        from_model=source, model_name="copy", dataset=dataset
    )
    source.delete()

    assert (copy.status, copy.name, copy.labels) == ("pre-trained", "copy", ["cat"])
    assert adapter_class(connected)(model_entity=copy).weights == b"weights"
    assert len(platform.state.all("models")) == 1


def test_remote_operations_are_accepted_and_done(connected: Any, model: Any) -> None:
    model.metadata["system"]["deploy"] = {"services": ["65aa0000000000000000000f"]}
    model.update(system_metadata=True)

    execution = model.predict(item_ids=["65aa00000000000000000009"])

    assert connected.executions.get(execution_id=execution.id).latest_status["status"] == "success"
    filters = connected.Filters(
        resource=connected.FiltersResource.EXECUTION, field="latestStatus.status", values="failed"
    )
    assert connected.executions.list(filters=filters).items_count == 0


def test_metrics_are_kept(connected: Any, model: Any) -> None:
    samples = [connected.PlotSample(figure="loss", legend="train", x=x, y=1.0 / (x + 1)) for x in range(3)]

    model.metrics.create(samples=samples, dataset_id=model.dataset_id)

    assert [sample.y for sample in model.metrics.list().all()] == [1.0, 0.5, 1 / 3]


def test_an_export_holds_annotations(dataset: Any, inside: Path) -> None:
    dataset.download_annotations(local_path=str(inside / "notes"))

    notes = [json.loads(path.read_text()) for path in sorted((inside / "notes").rglob("*.json"))]
    assert [len(note["annotations"]) for note in notes] == [1] * 6


def test_items_and_masks_come_down_together(connected: Any, dataset: Any, inside: Path) -> None:
    pytest.importorskip("cv2")
    dataset.items.download(local_path=str(inside / "data"), annotation_options=connected.ViewAnnotationOptions.MASK)

    assert len(list((inside / "data").rglob("*.png"))) == 12


def test_many_threads_may_call(dataset: Any, platform: Platform) -> None:
    ids = [item.id for item in dataset.items.list().all()]

    def annotate(number: int) -> None:
        item = dataset.items.get(item_id=ids[number % len(ids)])
        item.annotations.upload([{**BOX, "label": f"n{number}"}])

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(annotate, range(64)))

    counts = [platform.state.get("items", id_)["annotationsCount"] for id_ in ids]  # type: ignore[index]
    assert sum(counts) == 64 + 6 == len(platform.state.all("annotations"))


def test_one_platform_after_another(platform: Platform) -> None:
    import dtlpy as dl

    before = (dl.environment(), dict(vars(dl.client_api)), dl.sdk_cache, dl.verbose)
    platform.load_scene({"projects": [{"name": "outer"}]})
    inner = Platform()
    inner.load_scene({"projects": [{"name": "inner"}]})
    with connect(platform):
        with connect(inner, transport="http"):
            assert [one.name for one in dl.projects.list()] == ["inner"]
        assert [one.name for one in dl.projects.list()] == ["outer"]

    after = dict(vars(dl.client_api))
    assert (dl.environment(), dl.sdk_cache, dl.verbose) == (before[0], before[2], before[3])
    changed = {name for name in after if after[name] is not before[1].get(name)}
    assert changed <= {"_thread_pools", "_event_loop"}


def test_the_home_given_takes_the_files_of_the_sdk(platform: Platform, tmp_path: Path) -> None:
    platform.load_scene(scene())
    with connect(platform, home=tmp_path / "home") as connection:
        import dtlpy as dl

        dl.datasets.get(dataset_id="65aa00000000000000000002").items.get(filepath="/train/0.png").download()

    assert connection.home == tmp_path / "home"
    assert (tmp_path / "home" / "cookie.json").is_file()
    assert len(list((tmp_path / "home").rglob("0.png"))) == 1


def test_the_home_of_the_user_is_left_alone(tmp_path: Path) -> None:
    script = """
import os, threading
from dl_mock import Platform, connect
platform = Platform()
platform.load_scene({"items": [{"filename": "/a.txt"}]})
before = dict(os.environ)
with connect(platform):
    import dtlpy as dl
    dl.projects.list()[0].datasets.list()[0].items.list()[0][0].download()
assert dict(os.environ) == before
print(dl.environment())
"""
    user = tmp_path / "user"
    user.mkdir()
    package = Path(__file__).parents[2] / "mock_platform"
    environment = {"HOME": str(user), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(package)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=user, capture_output=True, text=True, check=True
    )

    assert list(user.iterdir()) == []
    assert "127.0.0.1" not in done.stdout


def test_the_transport_is_one_of_two(platform: Platform) -> None:
    telegram = connect(platform, transport="telegram")  # type: ignore[arg-type]

    with pytest.raises(ValueError, match="transport must be 'responses' or 'http', not 'telegram'"), telegram:
        pass


def test_no_thread_is_left(platform: Platform) -> None:
    with connect(platform):
        pass

    assert [thread.name for thread in threading.enumerate() if thread.name == "dl-mock-server"] == []
