"""The reference wrappers and the SDK's own, over the same adapter and scene: the same trace and the same state.

What differs is listed in docs/departures.md: the root of a training, and settings that the SDK writes when it reads
them.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dtlpy as dl
import msgspec
import pytest
from flow_helpers import DATASET, MODEL, Adapter, Played, play, scene
from normalised import difference, state_of, trace

from dl_harness import checking
from dl_harness import scene as scenes
from dl_harness.run import Observed, observe
from dl_harness.target import resolve

EXAMPLES = ("digits_classifier", "face_detector", "text_embedder", "chat_adapter")
WRITTEN_BY_READING = {"batch_size", "predict_embed_subset_limit", "predict_embed_timeout"}
DEPARTURES = WRITTEN_BY_READING | {"root_path", "upload_features"}

WRAPPER_FUNCTIONS = (
    *("load_from_model", "predict_items", "predict_dataset", "embed_items", "embed_dataset"),
    *("train_model", "save_to_model", "evaluate_model"),
)
"""Flows beyond these, of odd items and other datasets, may end otherwise under the reference wrappers."""

Observations = Callable[[str], tuple[Observed, Observed]]


@pytest.fixture(scope="session")
def observed(examples: Path) -> Observations:
    """Both runs of an example, side by side in processes of their own; once a session."""
    known: dict[str, tuple[Observed, Observed]] = {}

    def run(example: str, wrappers: str) -> Observed:
        [target] = resolve(str(examples / example))
        spec, settings = checking.spec_of(target, {"wrappers": wrappers})
        spec = msgspec.structs.replace(spec, needs=WRAPPER_FUNCTIONS)
        seen = observe(target, spec, settings.service, lambda label: None)
        assert seen.evidence.flows, f"{wrappers}: {seen.evidence.subject.import_failure} {seen.output_tail}"
        return seen

    def both(example: str) -> tuple[Observed, Observed]:
        if example not in known:
            with ThreadPoolExecutor(2) as pool:
                sdk, reference = pool.map(lambda wrappers: run(example, wrappers), ("sdk", "reference"))
            known[example] = sdk, reference
        return known[example]

    return both


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_traces_are_the_same(observed: Observations, example: str) -> None:
    sdk, reference = (one.evidence for one in observed(example))

    assert {flow.label for flow in sdk.flows} == {flow.label for flow in reference.flows}
    first = difference(trace(sdk), trace(reference))
    assert first is None


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_flow_came_to_its_end(observed: Observations, example: str) -> None:
    for run, wrapper in zip(observed(example), ("sdk", "reference"), strict=True):
        assert {flow.ended for flow in run.evidence.flows} == {"returned"}
        wrappers = {flow.wrapper for flow in run.evidence.flows if flow.label != "train_model/elsewhere"}
        assert wrappers == {wrapper}
        assert all(flow.calls for flow in run.evidence.flows)


@pytest.fixture(params=EXAMPLES)
def example(
    request: pytest.FixtureRequest, examples: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[type, dict[str, Any]]]:
    """The class of an example adapter and the scene it is checked on, with the service it needs at work."""
    folder = examples / request.param
    [target] = resolve(str(folder))
    items, annotations = scenes.items_of(folder / "items")
    kind = "prompt" if request.param == "chat_adapter" else str(target.subject.model.input_type)
    documents, _ = scenes.build(target.subject, target.model, kind, items, annotations)
    documents["datasets"][0]["id"] = DATASET
    documents["models"][0] |= {"id": MODEL, "datasetId": DATASET}
    stub = folder / "stub_service.py"
    process = subprocess.Popen([sys.executable, stub], stdout=subprocess.PIPE) if stub.exists() else None
    try:
        if process is not None and process.stdout is not None:
            for name, value in json.loads(process.stdout.readline()).items():
                monkeypatch.setenv(name, value)
        yield adapter_of(Path(str(target.source)), str(target.subject.class_name)), documents
    finally:
        if process is not None:
            process.kill()
            process.communicate()


def adapter_of(file: Path, name: str) -> type:
    """A class from a file that is in no package."""
    spec = importlib.util.spec_from_file_location(f"example_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: type = getattr(module, name)
    return found


class Everything(Adapter):
    """An adapter that does all there is to do."""


class Masks(Adapter):
    """Finds the lower half of an image, as a mask."""

    def found(self, count: int = 1, label: str = "cat") -> Any:
        import numpy as np

        collection = dl.AnnotationCollection()
        geo = np.zeros((48, 64), dtype=np.uint8)
        geo[24:] = 1
        info = {"name": "another name", "model_id": "another id", "confidence": 0.5}
        collection.add(dl.Segmentation(geo=geo, label=label), model_info=info)
        return collection


def all_flows(played: Played) -> None:
    """Everything that an adapter can be asked for, one after the other."""
    adapter, dataset = played.adapter, played.dataset
    written = {name for name in ("train", "save", "predict", "embed") if overrides(adapter, name)}
    items = played.items[:10]
    some = dl.Filters(field="id", values=[item.id for item in items], operator=dl.FiltersOperations.IN)
    if "train" in written:
        adapter.train_model(adapter.model_entity, cleanup=True)
    if "save" in written:
        adapter.save_to_model(cleanup=True)
    if "predict" in written:
        adapter.predict_items(items)
        adapter.predict_items(items[:5], batch_size=2)
        adapter.predict_dataset(dataset, filters=some.prepare(), batch_size=3)
    if "embed" in written:
        adapter.embed_items(items, batch_size=4)
        adapter.embed_items(items[:5], upload_features=True, batch_size=2)
        adapter.embed_dataset(dataset, filters=some, batch_size=3)
    if "predict" in written and adapter.model_entity.output_type in {"box", "class", "binary"}:
        adapter.evaluate_model(model=adapter.model_entity, dataset=dataset, filters=some)


def overrides(adapter: Any, name: str) -> bool:
    return getattr(type(adapter), name) is not getattr(dl.BaseModelAdapter, name)


def assert_same_state(adapter_class: type, documents: dict[str, Any], folder: Path) -> None:
    """Run everything with both wrappers and compare all that is on the two platforms."""
    sdk, reference = (play(wrappers, adapter_class, all_flows, folder, documents) for wrappers in ("sdk", "reference"))

    assert (sdk.error, reference.error) == (None, None)
    states = state_of(sdk.platform), state_of(reference.platform)
    [configuration], [expected] = ([model.pop("configuration") for model in state["models"]] for state in states)
    differing = {name for name in configuration | expected if configuration.get(name) != expected.get(name)}
    assert differing <= DEPARTURES
    assert expected.get("root_path") is None
    first = difference(*states)
    assert first is None


def test_the_states_are_the_same(example: tuple[type, dict[str, Any]], tmp_path: Path) -> None:
    pytest.importorskip("dtlpymetrics")

    assert_same_state(*example, tmp_path)


@pytest.mark.parametrize(("adapter_class", "output_type"), [(Everything, "box"), (Masks, "binary")])
def test_the_states_of_an_adapter_of_all_trades_are_the_same(
    adapter_class: type, output_type: str, tmp_path: Path
) -> None:
    pytest.importorskip("dtlpymetrics")

    assert_same_state(adapter_class, scene(outputType=output_type), tmp_path)
