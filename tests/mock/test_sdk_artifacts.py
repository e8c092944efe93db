"""Artifacts, codebases and feature vectors, as the SDK sees them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from sdk_session import fresh, names, upload

pytestmark = pytest.mark.usefixtures("inside")


def test_artifacts_have_places_by_what_they_belong_to(dl: Any, project: Any, folder: Path, inside: Path) -> None:
    artifact = project.artifacts.upload(filepath=str(folder / "a.png"), package_name="package")
    list(project.artifacts.upload(filepath=f"{folder}/*", execution_id="execution"))

    assert artifact.filename == "/artifacts/packages/package/a.png"
    assert project.artifacts.get(artifact_name="a.png", package_name="package").id == artifact.id
    assert len(project.artifacts.list(execution_id="execution")) == 5
    project.artifacts.download(execution_id="execution", local_path=str(inside / "got"))
    assert "a.png" in os.listdir(inside / "got")
    assert project.artifacts.delete(artifact_id=artifact.id)
    with pytest.raises(dl.exceptions.NotFound):
        project.artifacts.get(artifact_name="a.png", package_name="package")
    with pytest.raises(dl.exceptions.BadRequest):
        project.artifacts.get(artifact_id="some_id")


def test_a_codebase_has_a_version_for_each_content(dl: Any, project: Any, folder: Path, inside: Path) -> None:
    first, same = (project.codebases.pack(directory=str(folder), name="code") for _ in "ab")
    (folder / "new.txt").write_text("new")
    second = project.codebases.pack(directory=str(folder), name="code")

    assert (first.item.filename, same.item.id, second.item.name) == ("/codebases/code/0.zip", first.item.id, "1.zip")
    assert project.codebases.get(codebase_name="code").item.id == second.item.id
    assert project.codebases.list_versions("code").items_count == 2
    assert names(project.codebases.list().items) == ["/codebases/code"]
    project.codebases.unpack(codebase_name="code", local_path=str(inside / "unpacked"))
    assert "new.txt" in os.listdir(inside / "unpacked")
    for missing in ({"codebase_name": "none"}, {"codebase_name": "code", "version": "9"}):
        with pytest.raises(dl.exceptions.NotFound):
            project.codebases.get(**missing)


def test_vectors_belong_to_items_and_sets(dl: Any, project: Any) -> None:
    dataset = fresh(project)
    item, other = upload(dataset, "a.png"), upload(dataset, "b.png")
    made = project.feature_sets.create(
        name="vectors", size=2, set_type="embedding", entity_type=dl.FeatureEntityType.ITEM
    )

    vectors = made.features.create(value=[[1, 2], [3, 4]], entity=[item, other])

    assert project.feature_sets.get(feature_set_name="vectors").id == made.id
    assert [one.value for one in item.features.list().items] == [[1, 2]]
    assert (made.features.list().items_count, dataset.features.list().items_count) == (2, 2)
    if hasattr(dataset, "feature_sets"):  # SDKs of late
        assert [one.id for one in dataset.feature_sets.list().items] == [made.id]
    vectors[0].delete()
    assert made.features.list().items_count == 1
    made.name = "renamed"
    made.update()
    assert project.feature_sets.get(feature_set_name="renamed").size == 2
    assert made.delete()
    assert other.features.list().items_count == 0
    with pytest.raises(dl.exceptions.NotFound):
        project.feature_sets.get(feature_set_name="renamed")
