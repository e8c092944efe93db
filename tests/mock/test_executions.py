"""Executions that really run: adapters registered for the module of a model, called through the unmodified SDK."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mock_helpers import BOX, Api
from test_sdk_flows import adapter_class, scene

from dl_mock import Platform, connect
from dl_mock.adapters import AdapterProcess, AdapterRunner
from dl_mock.executing import END_LINE, Job
from dl_mock.timing import Timing

pytestmark = pytest.mark.usefixtures("inside")

MODEL = "65aa00000000000000000003"
DATASET = "65aa00000000000000000002"


def deployable() -> dict[str, Any]:
    given = scene()
    given["models"][0]["moduleName"] = "module"
    return given


@pytest.fixture
def transport() -> str:
    return "responses"


@pytest.fixture
def connected(transport: Any, platform: Platform) -> Iterator[Any]:
    platform.load_scene(deployable())
    with connect(platform, transport=transport):
        import dtlpy as dl

        dl.verbose.disable_progress_bar = True
        yield dl
    assert platform.unmatched == []


@pytest.fixture
def model(connected: Any, platform: Platform) -> Any:
    platform.register("module", AdapterRunner(adapter_class(connected)))
    model = connected.models.get(model_id=MODEL)
    model.deploy()
    return connected.models.get(model_id=MODEL)


def labels_of(platform: Platform) -> dict[str, int]:
    """How many annotations each file has."""
    return {
        item["filename"]: item["annotationsCount"]
        for item in platform.state.find("items", datasetId=DATASET, type="file")
    }


both = pytest.mark.parametrize("transport", ["responses", "http"])


@both
def test_items_are_predicted(connected: Any, model: Any, platform: Platform) -> None:
    item = connected.datasets.get(dataset_id=DATASET).items.get(filepath="/train/0.png")

    execution = model.predict(item_ids=[item.id])

    assert (execution.latest_status["status"], execution.latest_status["percentComplete"]) == ("success", 100)
    assert (execution.function_name, execution.wait().in_progress()) == ("predict_items", False)
    assert execution.output[0] == [item.id]
    assert [count for count in labels_of(platform).values() if count == 2] == [2]


def test_a_dataset_is_predicted_by_filter(connected: Any, model: Any, platform: Platform) -> None:
    execution = model.models.predict(
        model=model, dataset_id=DATASET, filters=connected.Filters(field="dir", values="/train")
    )

    assert execution.latest_status["status"] == "success"
    assert [name for name, count in labels_of(platform).items() if count == 2] == [f"/train/{n}.png" for n in range(3)]


@both
def test_a_large_dataset_is_split_over_executions(connected: Any, model: Any, platform: Platform) -> None:
    model.configuration["predict_embed_subset_limit"] = 2
    model.update()

    model.predict(dataset_id=DATASET)

    ran = platform.state.all("executions")
    assert len(ran) > 3
    assert {one["latestStatus"]["status"] for one in ran} == {"success"}
    assert set(labels_of(platform).values()) == {2}


@pytest.mark.slow
def test_a_model_is_trained(connected: Any, model: Any, platform: Platform) -> None:
    execution = model.train()

    trained = connected.models.get(model_id=MODEL)
    assert execution.latest_status["status"] == "success"
    assert trained.status == "trained"
    assert [entry["status"] for entry in trained.status_logs][-3:] == ["pending", "training", "trained"]
    assert [one.filename for one in trained.artifacts.list()] == ["/artifacts/models/model/weights.bin"]


def test_a_training_that_raises_fails_its_model(connected: Any, platform: Platform) -> None:
    class Broken(adapter_class(connected)):  # type: ignore[misc]
        def train(self, data_path: str, output_path: str, **kwargs: Any) -> None:
            raise RuntimeError("no gradient")

    platform.register("module", AdapterRunner(Broken))
    model = connected.models.get(model_id=MODEL)

    execution = model.train()

    failed = connected.models.get(model_id=MODEL)
    assert (execution.latest_status["status"], failed.status) == ("failed", "failed")
    assert execution.latest_status["message"] == "RuntimeError: no gradient"
    assert failed.status_logs[-1]["message"] == "RuntimeError: no gradient"


@pytest.mark.slow
def test_a_model_is_evaluated(connected: Any, model: Any, platform: Platform) -> None:
    execution = model.evaluate(dataset_id=DATASET, filters=connected.Filters(field="dir", values="/validation"))

    scores = platform.state.item_at(DATASET, f"/.modelscores/{MODEL}.csv")
    assert execution.latest_status["status"] == "success", execution.latest_status
    assert scores is not None


def test_a_dataset_is_embedded(connected: Any, model: Any, platform: Platform) -> None:
    command = model.embed_datasets(dataset_ids=[DATASET])

    platform.executor.wait(60)
    assert command.status == "success"
    assert platform.state.count("feature_vectors") == 6


def test_the_log_tells_what_ran(connected: Any, model: Any, capsys: pytest.CaptureFixture[str]) -> None:
    item = connected.datasets.get(dataset_id=DATASET).items.get(filepath="/train/0.png")

    execution = model.predict(item_ids=[item.id])
    connected.services.get(service_id=execution.service_id).log(execution_id=execution.id, start="2020-01-01")
    said = capsys.readouterr().out

    assert "[Start] Executing function: predict_items" in said
    assert END_LINE in said


def test_a_service_that_is_gone_leaves_the_model_trained(connected: Any, model: Any) -> None:
    service = connected.services.get(service_id=model.metadata["system"]["deploy"]["services"][0])

    assert model.status == "deployed"
    assert service.status()["runtimeStatus"][0]["status"] == "running"
    service.delete()

    after = connected.models.get(model_id=MODEL)
    assert (after.status, after.metadata["system"]["deploy"]["services"]) == ("trained", [])


# Without an adapter: any function of a job


def run(api: Api, operation: str = "predict", **inputs: Any) -> dict[str, Any]:
    answer = api.post(f"/ml/models/{MODEL}/{operation}", {"input": inputs})
    assert answer.status == 200, answer.json()
    api.platform.executor.wait(30)
    return dict(api.get(f"/executions/{answer.json()['id']}").json())


@pytest.fixture
def stocked(platform: Platform) -> Platform:
    platform.load_scene(deployable())
    return platform


def test_a_runner_is_told_what_to_do(stocked: Platform, api: Api) -> None:
    seen: list[Job] = []

    def runner(job: Job) -> Any:
        seen.append(job)
        job.progress(40, "half way")
        return {"made": 1}

    stocked.register("module", runner)
    execution = run(api, datasetId=DATASET, datasetQuery={"type": "file"})

    (job,) = seen
    assert (job.execution["functionName"], job.execution["input"]["datasetQuery"]) == (
        "predict_dataset",
        {"type": "file"},
    )
    assert job.model is not None
    assert job.model["id"] == MODEL
    assert execution["output"] == {"made": 1}
    lines = [(line["status"], line["percentComplete"]) for line in execution["status"]]
    assert lines == [("created", 0), ("in-progress", 0), ("in-progress", 40), ("success", 100)]


def test_a_module_without_a_runner_only_ends(stocked: Platform, api: Api) -> None:
    stocked.register("other", lambda job: pytest.fail("of another module"))

    assert run(api)["latestStatus"]["status"] == "success"
    stocked.register("*", lambda job: "ran")
    assert run(api)["output"] == "ran"


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)], ids=["error", "exit"])
def test_what_a_runner_raises_is_told(error: BaseException, stocked: Platform, api: Api) -> None:
    def runner(job: Job) -> None:
        raise error

    stocked.register("module", runner)
    execution = run(api)

    assert execution["latestStatus"]["status"] == "failed"
    assert execution["latestStatus"]["message"] == f"{type(error).__name__}: {error}"
    logs = api.post("/services/logs", {"executionId": execution["id"]}).json()
    assert any("Traceback" in line["message"] for line in logs["logs"])


def test_an_execution_is_run_again(stocked: Platform, api: Api) -> None:
    answers = iter([ValueError("first"), None])

    def runner(job: Job) -> None:
        if (error := next(answers)) is not None:
            raise error

    stocked.register("module", runner)
    first = run(api)
    api.post(f"/executions/{first['id']}/rerun", {})
    stocked.executor.wait(30)

    again = api.get(f"/executions/{first['id']}").json()
    statuses = [line["status"] for line in again["status"]]
    assert statuses == ["created", "in-progress", "failed", "rerun", "in-progress", "success"]
    assert again["attempts"] == 2


def test_a_terminated_execution_is_told_and_not_answered_by_its_runner(stocked: Platform, api: Api) -> None:
    started, ended = threading.Event(), threading.Event()

    def runner(job: Job) -> str:
        started.set()
        assert job.terminated.wait(30)
        try:
            job.progress(50)
        finally:
            ended.set()
        return "too late"

    stocked.register("module", runner)
    execution = api.post(f"/ml/models/{MODEL}/predict", {"input": {}}).json()
    assert started.wait(30)

    answer = api.post(f"/executions/{execution['id']}/terminate", {}).json()
    assert ended.wait(30)

    assert (answer["latestStatus"]["status"], answer["toTerminate"]) == ("aborted", True)
    assert "output" not in api.get(f"/executions/{execution['id']}").json()


def test_executions_can_be_stepped_by_hand() -> None:
    platform = Platform(timing=Timing(executions="manual"))
    platform.load_scene(deployable())
    api = Api(platform)
    id_ = api.post(f"/ml/models/{MODEL}/predict", {"input": {}}).json()["id"]

    statuses = []
    for _ in range(3):
        statuses.append(api.get(f"/executions/{id_}").json()["latestStatus"]["status"])
        platform.step()

    assert statuses == ["created", "in-progress", "success"]


def test_what_was_under_way_when_the_process_ended_has_failed_after_it(tmp_path: Path) -> None:
    before = Platform(timing=Timing(executions="manual", cloning="manual", commands="manual"))
    before.keep_state(tmp_path / "state.db")
    before.load_scene(deployable())
    api = Api(before)
    execution = api.post(f"/ml/models/{MODEL}/predict", {"input": {}}).json()["id"]
    copy = api.post(f"/ml/models/{MODEL}/clone", {"name": "copy"}).json()["id"]
    command = api.post(f"/ml/models/{MODEL}/embed/datasets", {"datasetIds": [DATASET]}).json()["id"]
    before.state.close()

    after = Platform()
    after.keep_state(tmp_path / "state.db")
    api = Api(after)

    assert api.get(f"/executions/{execution}").json()["latestStatus"]["status"] == "system-failure"
    assert api.get(f"/ml/models/{copy}").json()["status"] == "failed"
    assert api.get(f"/commands/{command}").json()["status"] == "failed"
    after.state.close()


@pytest.mark.parametrize(("module", "runner"), [("", print), ("module", "adapter.py"), (None, print)])
def test_what_is_no_runner_is_refused(module: Any, runner: Any, platform: Platform) -> None:
    with pytest.raises(TypeError, match="expected"):
        platform.register(module, runner)


# In a process of its own

ADAPTER = """
import dtlpy as dl
from pathlib import Path

class Adapter(dl.BaseModelAdapter):
    def load(self, local_path, **kwargs):
        self.label = Path("label.txt").read_text()
        Path("scratch.txt").write_text("x")

    def predict(self, batch, **kwargs):
        print("predicting", len(batch))
        if self.label == "die":
            import os
            os._exit(7)
        collections = [dl.AnnotationCollection() for _ in batch]
        for collection in collections:
            collection.add(dl.Classification(self.label), model_info={"name": "model", "confidence": 1.0})
        return collections
"""


def in_a_process(platform: Platform, folder: Path, label: str) -> dict[str, Any]:
    from dl_mock import serve

    (folder / "adapter.py").write_text(ADAPTER)
    (folder / "label.txt").write_text(label)
    platform.load_scene(deployable())
    platform.register("module", AdapterProcess(f"{folder / 'adapter.py'}:Adapter"))
    with serve(platform):
        return run(Api(platform), datasetId=DATASET)


def test_an_adapter_runs_in_a_process_of_its_own(platform: Platform, inside: Path) -> None:
    execution = in_a_process(platform, inside, "dog")

    assert execution["latestStatus"]["status"] == "success", execution["latestStatus"]
    assert sum(one["label"] == "dog" for one in platform.state.all("annotations")) == 6
    assert any("predicting 4" in line["message"] for line in platform.state.all("logs"))
    assert sorted(path.name for path in inside.iterdir()) == ["adapter.py", "label.txt"]


def test_a_process_that_dies_fails_its_execution(platform: Platform, inside: Path) -> None:
    execution = in_a_process(platform, inside, "die")

    assert execution["latestStatus"]["status"] == "failed"
    assert "ended with 7" in execution["latestStatus"]["message"]


@pytest.mark.parametrize("target", ["adapter.py", "missing.py:Adapter", ":Adapter", "adapter.py:not a name"])
def test_a_target_that_is_none_is_told(target: str) -> None:
    with pytest.raises(ValueError, match="expected an adapter"):
        AdapterProcess(target)


def test_annotations_of_the_scene_are_kept(stocked: Platform) -> None:
    assert all(one["label"] == BOX["label"] for one in stocked.state.all("annotations"))
