"""Models, metrics, apps and commands as the SDK's repositories see them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mock_helpers import Api

from dl_mock import Fault, Platform, Settings, Timing, connect

pytestmark = pytest.mark.usefixtures("inside")

DPK: dict[str, Any] = {
    "name": "dpk",
    "displayName": "dpk",
    "version": "1.0.0",
    "scope": "project",
    "attributes": {},
    "components": {
        "modules": [{"name": "module", "entryPoint": "a.py", "className": "A", "functions": [], "initInputs": []}],
        "models": [{"name": "base", "moduleName": "module", "status": "pre-trained", "configuration": {"k": 1}}],
    },
}


@pytest.fixture
def dl(platform: Platform) -> Iterator[Any]:
    platform.load_scene({"projects": [{"name": "project"}], "datasets": [{"name": "data", "labels": ["cat", "dog"]}]})
    with connect(platform):
        import dtlpy

        dtlpy.verbose.disable_progress_bar = True
        yield dtlpy
    assert platform.unmatched == []


@pytest.fixture
def project(dl: Any) -> Any:
    return dl.projects.get(project_name="project")


@pytest.fixture
def app(dl: Any, project: Any) -> Any:
    dpk = project.dpks.publish(dpk=dl.Dpk.from_json(dict(DPK), client_api=dl.client_api, project=project))
    return project.apps.install(dpk=dpk, app_name="app", custom_installation=dpk.to_json())


@pytest.fixture
def model(dl: Any, project: Any, app: Any) -> Any:
    dataset = project.datasets.get(dataset_name="data")
    subset = dl.Filters(field="dir", values="/train")
    return project.models.create(
        model_name="first",
        dpk_model_name="base",
        app=app,
        dataset_id=dataset.id,
        labels=["cat", "dog"],
        train_filter=subset,
        output_type="box",
    )


def test_a_model_is_made_found_changed_and_deleted(dl: Any, project: Any, app: Any, model: Any) -> None:
    assert (model.status, model.configuration, model.module_name, model.output_type) == (
        *("pre-trained", {"k": 1}, "module", "box"),
    )
    assert project.models.get(model_name="first").id == model.id
    assert [one.name for one in app.models.list().all()] == ["first"]
    assert model.package.name == "dpk"
    model.configuration["k"] = 2
    model.tags = ["seen"]
    changed = model.update()
    assert (changed.configuration, changed.tags, changed.dataset_id) == ({"k": 2}, ["seen"], model.dataset_id)
    assert (model.id_to_label_map, model.label_to_id_map) == ({0: "cat", 1: "dog"}, {"cat": 0, "dog": 1})
    assert model.delete() is True
    assert project.models.list().items_count == 0
    with pytest.raises(dl.exceptions.NotFound):
        dl.models.get(model_id=model.id)


def test_subsets_come_and_go(dl: Any, model: Any) -> None:
    labels = dl.Filters(resource="annotations", field="label", values="cat")
    model.add_subset("test", dl.Filters(field="dir", values="/test"), labels)
    system = dl.models.get(model_id=model.id).metadata["system"]
    assert (sorted(system["subsets"]), sorted(system["annotationsSubsets"])) == (["test", "train"], ["test"])

    model.delete_subset("test")

    system = dl.models.get(model_id=model.id).metadata["system"]
    assert (sorted(system["subsets"]), system["annotationsSubsets"]) == (["train"], {})


def test_artifacts_of_models_are_found_by_name(dl: Any, project: Any, model: Any, inside: Path) -> None:
    for name in ("a.bin", "deep/b.bin"):
        (inside / "w" / name).parent.mkdir(parents=True, exist_ok=True)
        (inside / "w" / name).write_text(name)

    model.artifacts.upload(filepath=str(inside / "w" / "*"))
    fresh = dl.models.get(model_id=model.id)
    fresh.artifacts.download(local_path=str(inside / "down"))

    assert {path.name: path.read_text() for path in (inside / "down").rglob("*.bin")} == {
        "a.bin": "a.bin",
        "b.bin": "deep/b.bin",
    }
    assert model.artifacts.get(artifact_name="a.bin").filename == "/artifacts/models/first/a.bin"
    model.artifacts.delete(artifact_name="a.bin")
    assert [one.filename for one in model.artifacts.list()] == ["/artifacts/models/first/deep/b.bin"]


def test_a_name_that_begins_alike_shares_its_artifacts(dl: Any, model: Any, inside: Path) -> None:
    longer = model.clone(model_name="first-2")
    (inside / "x.bin").write_text("x")
    longer.artifacts.upload(filepath=str(inside / "x.bin"))
    (inside / "y.bin").write_text("y")

    model.artifacts.upload(filepath=str(inside / "y.bin"))

    found = [dl.items.get(item_id=one.id).filename for one in dl.models.get(model_id=model.id).model_artifacts]
    assert sorted(found) == ["/artifacts/models/first-2/x.bin", "/artifacts/models/first/y.bin"]


def test_links_and_local_paths_are_artifacts(dl: Any, model: Any) -> None:
    model.model_artifacts = [
        dl.LinkArtifact(url="http://127.0.0.1:1/x", filename="x"),
        dl.LocalArtifact(local_path="/x"),
    ]
    model.update()

    link, local = dl.models.get(model_id=model.id).model_artifacts
    assert (link.url, local.local_path) == ("http://127.0.0.1:1/x", "/x")


def test_a_clone_has_what_it_is_given_and_artifacts_of_its_own(dl: Any, project: Any, model: Any, inside: Path) -> None:
    (inside / "x.bin").write_text("x")
    model.artifacts.upload(filepath=str(inside / "x.bin"))
    model = dl.models.get(model_id=model.id)

    copy = model.clone(model_name="copy", dataset=project.datasets.get(dataset_name="data"), configuration={"q": 1})

    assert [entry["status"] for entry in copy.status_logs] == ["cloning", "pre-trained"]
    assert (copy.labels, copy.configuration) == (["cat", "dog"], {"k": 1, "q": 1})
    assert sorted(copy.metadata["system"]["subsets"]) == ["train"]
    assert [one.filename for one in copy.artifacts.list()] == ["/artifacts/models/copy/x.bin"]
    copy.delete()
    assert [one.filename for one in model.artifacts.list()] == ["/artifacts/models/first/x.bin"]


@pytest.mark.parametrize(("kept", "count"), [("kept", 4), ("replaced", 3)])
def test_metrics_are_published_listed_and_go_with_their_model(kept: str, count: int, platform: Platform) -> None:
    platform.settings = Settings(duplicate_metrics=kept)
    platform.load_scene({"datasets": [{}], "models": [{"name": "m"}]})
    with connect(platform):
        import dtlpy as dl

        model = dl.models.get(model_id=platform.state.all("models")[0]["id"])
        dataset_id = platform.state.all("datasets")[0]["id"]
        points = [("loss", 1, 2.0), ("loss", 2, 1.5), ("loss", 1, 1.0), ("accuracy", 1, 0.5)]
        samples = [dl.PlotSample(figure=figure, legend="train", x=x, y=y) for figure, x, y in points]
        model.metrics.create(samples=samples, dataset_id=dataset_id)
        accuracy = dl.Filters(resource=dl.FiltersResource.METRICS, field="figure", values="accuracy")

        assert model.metrics.list().items_count == count
        assert [(one.figure, one.x, one.y) for one in model.metrics.list(filters=accuracy).items] == [
            ("accuracy", 1, 0.5)
        ]
        model.delete()
    assert platform.state.count("metrics") == 0


def test_services_are_found_paused_and_deleted(dl: Any, project: Any, model: Any) -> None:
    service = model.deploy(service_config={"runtime": {"podType": "regular-m"}})

    assert (service.name, service.runtime.pod_type) == ("first", "regular-m")
    assert [one.id for one in project.services.list().all()] == [service.id]
    service.pause()
    assert dl.services.get(service_id=service.id).active is False
    service.resume()
    execution = service.execute(function_name="run", execution_input={"a": 1}, project_id=project.id)
    assert (execution.service.id, execution.input) == (service.id, {"a": 1})
    execution.rerun()
    execution.increment()
    assert execution.attempts == 4
    assert [one.id for one in project.executions.list().all()] == [execution.id]
    assert service.delete() is True
    assert dl.models.get(model_id=model.id).status == "trained"


def test_a_batch_is_an_execution_for_each_item(dl: Any, project: Any, model: Any, platform: Platform) -> None:
    dataset_id = project.datasets.get(dataset_name="data").id
    platform.load_scene({"items": [{"filename": f"/{n}.txt", "datasetId": dataset_id} for n in range(3)]})
    service = model.deploy()

    command = service.executions.create_batch(
        service_id=service.id, filters=dl.Filters(context={"datasets": [dataset_id]}), function_name="run"
    )

    assert (command.status, len(command.spec["executionIds"])) == ("success", 3)
    again = dl.Filters(resource="executions", field="functionName", values="run")
    assert service.executions.rerun_batch(filters=again).status == "success"


def test_apps_are_updated_and_uninstalled(dl: Any, project: Any, app: Any) -> None:
    second = dict(DPK, version="1.1.0")
    project.dpks.publish(dpk=dl.Dpk.from_json(second, client_api=dl.client_api, project=project))
    app.dpk_version = "1.1.0"

    assert app.update() is True
    assert dl.apps.get(app_id=app.id).dpk_version == "1.1.0"
    assert project.models.list().items_count == 0
    assert app.uninstall() is True
    assert project.apps.list().items_count == 0


# Status, and commands that take time


def test_a_status_that_cannot_follow_is_refused_where_that_is_asked_for() -> None:
    platform = Platform(settings=Settings(status_moves_checked=True, model_names_unique=True))
    platform.load_scene({"datasets": [{}], "models": [{"name": "m", "status": "created"}]})
    api, id_ = Api(platform), platform.state.all("models")[0]["id"]

    answers = [api.patch(f"/ml/models/{id_}", {"status": status}) for status in ("training", "deployed", "trained")]

    assert [one.status for one in answers] == [200, 400, 200]
    assert "a model cannot go from 'training' to 'deployed'" in answers[1].json()["message"]
    assert api.post(f"/ml/models/{id_}/clone", {"name": "m"}).status == 400


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"status": "ready"}, "unknown status 'ready' of a model"),
        ({"scope": 1}, "unknown scope 1 of a model"),
        ({"artifacts": [{"type": "file"}]}, "must have one of the types item (with itemId)"),
        ({"labels": "cat"}, "expected a list at labels"),
        ({"tags": "cat"}, "tags of a model must be a list"),
        ({"datasetId": "65aa000000000000000000ff"}, "dataset '65aa000000000000000000ff' does not exist"),
    ],
    ids=str,
)
def test_what_is_no_model_is_refused(given: dict[str, Any], said: str, platform: Platform) -> None:
    platform.load_scene({"projects": [{}]})
    api = Api(platform)

    answer = api.post("/ml/models", {"name": "m", "projectId": api.project_id, **given})

    assert (answer.status in (400, 404), platform.state.count("models")) == (True, 0)
    assert said in answer.json()["message"]


def clone_of_a_dataset(platform: Platform) -> tuple[Api, str]:
    platform.load_scene({"datasets": [{"name": "data"}], "items": [{"filename": "/a.txt"}]})
    api = Api(platform)
    made = api.post(f"/datasets/{api.dataset_id}/clone", {"name": "copy", "filter": {"filter": {}}})
    assert made.status == 200, made.json()
    return api, made.json()["id"]


def test_a_command_makes_progress_step_by_step() -> None:
    api, id_ = clone_of_a_dataset(Platform(timing=Timing(commands="manual")))
    told = []
    for _ in range(3):
        command = api.get(f"/commands/{id_}").json()
        told.append((command["status"], command["progress"]))
        api.platform.step(id_)

    assert told == [("created", 0), ("in-progress", 50), ("success", 100)]


def test_a_command_that_is_aborted_does_nothing() -> None:
    api, id_ = clone_of_a_dataset(Platform(timing=Timing(commands="manual")))
    before = api.platform.state.count("items")

    assert api.post(f"/commands/{id_}/abort", {}).json()["status"] == "aborted"
    assert api.platform.step() == 0
    assert (api.platform.state.count("items"), api.get(f"/commands/{id_}").json()["status"]) == (before, "aborted")


def test_a_command_can_be_made_to_fail() -> None:
    platform = Platform()
    platform.faults.add(Fault(command="*", message="no room"))
    api, id_ = clone_of_a_dataset(platform)
    command = api.get(f"/commands/{id_}").json()

    assert (command["status"], command["error"]) == ("failed", "no room")
    assert len(platform.state.find("items", filename="/a.txt")) == 1
