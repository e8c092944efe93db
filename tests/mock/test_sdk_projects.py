"""Projects, members, drivers, packages and apps, as the SDK sees them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sdk_session import file, fresh, names

pytestmark = pytest.mark.usefixtures("inside")


def test_a_project_is_found_by_id_and_by_name(dl: Any, project: Any) -> None:
    assert dl.projects.get(project_name="project").id == project.id
    assert dl.projects.get(project_id=project.id).name == "project"
    assert "project" in [found.name for found in dl.projects.list()]


@pytest.mark.parametrize("missing", [{"project_name": "no such project"}, {"project_id": "some_id"}])
def test_a_missing_project_is_not_found(missing: dict[str, str], dl: Any) -> None:
    with pytest.raises(dl.exceptions.NotFound):
        dl.projects.get(**missing)


def test_the_name_of_a_project_is_given_once(dl: Any, project: Any) -> None:
    other = dl.projects.create("another name")
    other.name = "project"

    with pytest.raises(dl.exceptions.BadRequest):
        dl.projects.create("project")
    with pytest.raises(dl.exceptions.BadRequest):
        other.update()


def test_a_project_goes_with_what_is_in_it(dl: Any) -> None:
    project = dl.projects.create("short-lived")
    dataset = fresh(project)
    dataset.items.upload(local_path=file("a.png"))

    assert project.delete(sure=True, really=True)

    for call in (
        lambda: dl.projects.get(project_name="short-lived"),
        lambda: dl.datasets.get(dataset_id=dataset.id),
        lambda: dl.recipes.get(recipe_id=dataset.metadata["system"]["recipes"][0]),
    ):
        with pytest.raises(dl.exceptions.NotFound):
            call()


def test_members_have_roles(dl: Any) -> None:
    project = dl.projects.create("with members")
    assert [(one.email, one.role) for one in project.list_members()] == [("user@dl-mock.local", "owner")]

    project.add_member(email="a@b.com", role=dl.MemberRole.ANNOTATOR)
    with pytest.raises(dl.exceptions.BadRequest):
        project.add_member(email="a@b.com")
    assert [one.email for one in project.list_members(role=dl.MemberRole.ANNOTATOR)] == ["a@b.com"]

    project.update_member(email="a@b.com", role=dl.MemberRole.DEVELOPER)
    assert {one.role for one in dl.projects.get(project_id=project.id).contributors} == {"owner", "engineer"}

    project.remove_member(email="a@b.com")
    assert len(project.list_members()) == 1
    with pytest.raises(dl.exceptions.NotFound):
        project.remove_member(email="a@b.com")


def test_a_driver_is_used_by_datasets_until_they_go(dl: Any, project: Any) -> None:
    driver = project.drivers.create(
        name="storage",
        driver_type=dl.ExternalStorage.S3,
        integration_id="integration",
        integration_type="s3",
        bucket_name="bucket",
        region="eu",
    )
    assert project.drivers.get(driver_name="storage").bucket_name == "bucket"

    dataset = project.datasets.create("in a storage", driver=driver)
    with pytest.raises(dl.exceptions.BadRequest, match="in a storage"):
        project.drivers.delete(driver_name="storage", sure=True, really=True)
    dataset.delete(sure=True, really=True)

    assert project.drivers.delete(driver_name="storage", sure=True, really=True)
    assert [one.name for one in project.drivers.list()] == ["default"]


def code(directory: Path) -> Path:
    """A folder with a module, and a manifest of a dpk with a model."""
    directory.mkdir()
    (directory / "main.py").write_text(
        "import dtlpy as dl\n\n\nclass ServiceRunner(dl.BaseServiceRunner):\n"
        "    def run(self, item):\n        return item\n"
    )
    model = {"name": "model", "moduleName": "module", "status": "pre-trained", "outputType": "box", "labels": ["a"]}
    module = {
        "name": "module",
        "entryPoint": "main.py",
        "className": "ServiceRunner",
        "initInputs": [],
        "functions": [],
    }
    manifest = {
        "name": "a-dpk",
        "version": "1.0.0",
        "scope": "project",
        "codebase": {"type": "git", "gitUrl": "https://dl-mock.local/code.git", "gitTag": "1"},
        "components": {"modules": [module], "models": [model]},
    }
    (directory / "dataloop.json").write_text(json.dumps(manifest))
    return directory


def test_a_package_keeps_its_revisions(dl: Any, project: Any, inside: Path) -> None:
    source = code(inside / "code")
    module = dl.PackageModule(
        name="default_module",
        entry_point="main.py",
        class_name="ServiceRunner",
        functions=[dl.PackageFunction(name="run", inputs=[dl.FunctionIO(type="Item", name="item")])],
    )
    pushes = [project.packages.push(package_name="a-package", src_path=str(source), modules=[module]) for _ in "ab"]

    assert pushes[0].id == pushes[1].id == project.packages.get(package_name="a-package").id
    assert [one["version"] for one in pushes[1].revisions] == ["1.0.1", "1.0.0"]
    project.packages.delete(package_name="a-package")
    with pytest.raises(dl.exceptions.NotFound):
        project.packages.get(package_name="a-package")


def test_an_app_of_a_dpk_brings_its_model(dl: Any, project: Any, inside: Path) -> None:
    dpk = project.dpks.publish(manifest_filepath=str(code(inside / "code") / "dataloop.json"))
    app = project.apps.install(dpk=dpk)
    model = project.models.get(model_name="model")
    weights = inside / "weights.bin"
    weights.write_bytes(b"1")

    model.artifacts.upload(str(weights))

    assert dl.models.get(model_id=model.id).model_artifacts[0].id == model.artifacts.list()[0].id
    assert names(model.artifacts.list()) == ["/artifacts/models/model/weights.bin"]
    with pytest.raises(dl.exceptions.BadRequest, match="a-dpk"):
        project.dpks.delete(dpk_id=dpk.id)
    app.pause()
    assert dl.apps.get(app_id=app.id).status == "uninstalled"
    app.resume()
    assert app.uninstall()
    assert project.dpks.delete(dpk_id=dpk.id)
