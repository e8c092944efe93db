"""Starting states: what is filled in, what is refused, and that a snapshot restores everything."""

from __future__ import annotations

import io
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from mock_helpers import BOX, Api, image

from dl_mock import Platform, SceneError
from dl_mock.fields import FIELD_TYPES
from dl_mock.state import COLLECTIONS


def only(platform: Platform, collection: str, **values: Any) -> dict[str, Any]:
    """The one document of a kind."""
    (found,) = platform.state.find(collection, **values)
    return found


def nested(levels: int) -> dict[str, Any]:
    """An object in an object, and so on."""
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


def test_an_item_alone_gets_all_it_needs(platform: Platform) -> None:
    platform.load_scene({"items": [{"filename": "/deep/er/a.png", "annotations": [BOX]}]})

    item = only(platform, "items", type="file")
    dataset = only(platform, "datasets", name="Dataset")
    recipe = only(platform, "recipes")
    ontology = only(platform, "ontologies")
    assert (item["dir"], item["name"], item["annotated"], item["annotationsCount"]) == ("/deep/er", "a.png", True, 1)
    assert (item["datasetId"], dataset["projects"]) == (dataset["id"], [only(platform, "projects")["id"]])
    assert dataset["metadata"]["system"]["recipes"] == [recipe["id"]]
    assert recipe["ontologyIds"] == [ontology["id"]]
    assert [root["value"]["tag"] for root in ontology["roots"]] == ["cat"]
    assert {found["filename"] for found in platform.state.find("items", type="dir")} == {"/deep", "/deep/er"}
    assert only(platform, "datasets", name="Binaries")["projects"] == dataset["projects"]


def test_ids_given_are_kept_and_later_ones_are_greater(platform: Platform) -> None:
    platform.load_scene({"items": [{"id": "7fffffff0000000000000001", "filename": "/a.txt", "annotations": [BOX]}]})

    assert platform.state.get("items", "7fffffff0000000000000001") is not None
    assert only(platform, "annotations")["id"] > "7fffffff0000000000000001"
    assert platform.new_id() > only(platform, "annotations")["id"]


def test_bytes_come_from_files_beside_the_scene(platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a.png").write_bytes(image(11, 12))
    scene = {"items": [{"file": "media/a.png"}, {"filename": "/b/c.png", "file": "media/a.png"}]}
    (tmp_path / "start.json").write_text(json.dumps(scene))

    platform.load_scene(tmp_path / "start.json")

    first, second = platform.state.find("items", type="file")
    assert [first["filename"], second["filename"]] == ["/media/a.png", "/b/c.png"]
    assert first["metadata"]["system"]["width"] == 11
    assert platform.state.read(second["id"]) == image(11, 12)


@pytest.mark.parametrize(
    ("name", "system", "size"),
    [
        pytest.param("a.png", {}, None, id="image"),
        pytest.param("a.jpg", {"width": 7, "height": 5, "size": 5000}, 5000, id="image-with-size"),
        pytest.param("a.txt", {"size": 10}, 10, id="text-cut"),
        pytest.param("a.bin", {"size": 0}, 0, id="empty"),
        pytest.param("a.mp4", {"size": 10**9}, 1 << 20, id="film"),
        pytest.param("a.json", {"size": 12}, 12, id="json"),
    ],
)
def test_an_item_without_bytes_gets_some(
    name: str, system: dict[str, Any], size: int | None, platform: Platform
) -> None:
    platform.load_scene({"items": [{"filename": f"/{name}", "metadata": {"system": system}}]})

    item = only(platform, "items")
    body = platform.state.read(item["id"])
    assert item["metadata"]["system"]["size"] == len(body)
    assert size is None or len(body) == size
    if name.endswith(("png", "jpg")):
        from PIL import Image

        with Image.open(io.BytesIO(body)) as opened:
            assert opened.size == (system.get("width", 64), system.get("height", 48))


def test_labels_given_with_a_dataset_are_its_ontology(platform: Platform) -> None:
    platform.load_scene({"datasets": [{"name": "d", "labels": ["cat", {"tag": "dog"}]}]})

    assert [root["value"]["tag"] for root in only(platform, "ontologies")["roots"]] == ["cat", "dog"]


def test_an_artifact_goes_to_the_binaries(platform: Platform) -> None:
    artifact = {"id": "65aa00000000000000000009", "filename": "/artifacts/models/m/weights.bin"}
    platform.load_scene(
        {
            "items": [{"filename": "/a.png"}, artifact],
            "models": [{"name": "m", "artifacts": [{"type": "item", "itemId": artifact["id"]}]}],
        }
    )

    binaries = only(platform, "datasets", name="Binaries")
    assert [item["id"] for item in platform.state.find("items", datasetId=binaries["id"], type="file")] == [
        artifact["id"]
    ]


def test_models_belong_to_a_project_and_have_a_log(platform: Platform) -> None:
    platform.load_scene({"projects": [{"id": "P", "name": "p"}], "models": [{"name": "m", "status": "trained"}]})

    model = only(platform, "models")
    assert model["context"]["project"] == "P"
    assert [entry["status"] for entry in model["statusLogs"]] == ["trained"]
    assert (model["configuration"], model["inputType"], model["artifacts"]) == ({}, "image", [])


# Directories


def test_the_layout_of_a_download_is_a_scene(platform: Platform, tmp_path: Path) -> None:
    for path in ("items/dogs", "json/dogs"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "items" / "dogs" / "a.png").write_bytes(image())
    (tmp_path / "items" / "b.png").write_bytes(image())
    (tmp_path / "items" / ".DS_Store").write_bytes(b"x")
    note = {"annotations": [BOX], "metadata": {"user": {"seen": True}}}
    (tmp_path / "json" / "dogs" / "a.json").write_text(json.dumps(note))

    platform.load_scene(tmp_path)

    item = only(platform, "items", filename="/dogs/a.png")
    assert (item["annotationsCount"], item["metadata"]["user"]) == (1, {"seen": True})
    assert only(platform, "items", filename="/b.png")["annotated"] is False
    assert only(platform, "datasets", id=item["datasetId"])["name"] == tmp_path.name
    assert len(platform.state.find("items", type="file")) == 2


def test_a_directory_of_files_is_a_scene(platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "sub" / "b.txt").write_text("b")

    platform.load_scene(str(tmp_path))

    assert [item["filename"] for item in platform.state.find("items", type="file")] == ["/a.txt", "/sub/b.txt"]


# Faults


@pytest.mark.parametrize(
    ("scene", "said"),
    [
        pytest.param({"itmes": []}, "unknown list 'itmes'; expected any of projects, datasets", id="list"),
        pytest.param({"items": {}}, "expected a list at 'items', saw an object", id="object"),
        pytest.param({"items": [3]}, "expected an object at items[0], saw a number", id="number"),
        pytest.param({"items": [{}]}, "expected a filename at items[0], saw none", id="no-filename"),
        pytest.param(
            {"items": [{"filename": "/a", "metadata": []}]},
            "items[0]: expected an object at metadata, saw a list",
            id="metadata",
        ),
        pytest.param(
            {"items": [{"filename": "/a", "file": "lost.png"}]},
            "expected a file at items[0].file, but there is no 'lost.png' in",
            id="file",
        ),
        pytest.param(
            {"items": [{"filename": "/a"}, {"filename": "a"}]},
            "expected one item per path, saw a second one at '/a' (items[1])",
            id="twice",
        ),
        pytest.param(
            {"items": [{"id": "x", "filename": "/a"}, {"id": "x", "filename": "/b"}]},
            "expected another id at items[1], because 'x' is taken",
            id="id-twice",
        ),
        pytest.param(
            {"items": [{"filename": "/a", "datasetId": "x"}]},
            "expected items[0].datasetId to name a dataset, saw 'x'",
            id="dataset",
        ),
        pytest.param(
            {"items": [{"filename": "/a", "annotations": [{"type": "blob"}]}]},
            "expected a type of annotation at items[0].annotations[0].type, saw 'blob'; known: binary, box",
            id="annotation-type",
        ),
        pytest.param(
            {"annotations": [BOX]}, "expected annotations[0].itemId to name an item, saw None", id="annotation-item"
        ),
        pytest.param(
            {"models": [{"name": "m", "artifacts": ["x"]}]},
            "models[0]: expected an object at artifacts[0], saw a text",
            id="artifact",
        ),
        pytest.param(
            {"datasets": [{"labels": ["cat", {"x": 1}]}]},
            "expected a text or an object with the text 'tag' at datasets[0].labels[1], saw an object with 'x'",
            id="label",
        ),
        pytest.param(
            {"items": [{"filename": "/a.png", "annotations": [{**BOX, "label": "\ud800"}]}]},
            "items[0].annotations[0]: expected a text at label, saw half of a surrogate pair",
            id="surrogate",
        ),
        pytest.param(
            {"models": [{"artifacts": [{"itemId": []}]}]},
            "models[0]: artifacts[0]: expected a text at itemId, saw a list",
            id="artifact-id",
        ),
        pytest.param(
            {"feature_sets": [{"projectIds": [2.5]}]},
            "feature_sets[0]: expected a text at projectIds[0], saw a number",
            id="project-id",
        ),
        pytest.param({"items": [{"filename": "/a", "file": ""}]}, "expected a file at items[0].file", id="no-file"),
        pytest.param(
            {"items": [{"filename": "/a", "file": "a" * 5000}]}, "expected a file at items[0].file", id="long-file"
        ),
        pytest.param(
            {"items": [{"id": "../x", "filename": "/a"}]},
            "expected an id at items[0].id, without a slash and of at most 200 characters, saw '../x'",
            id="id-path",
        ),
        pytest.param({"executions": [{"status": 1}]}, "expected a list at executions[0].status, saw a", id="status"),
        pytest.param(
            {"items": [{"filename": "/a", "metadata": nested(200)}]}, "expected at most 100 levels", id="deep"
        ),
        pytest.param(
            {"projects": [{"id": "f" * 24}]}, "expected an id that leaves room for later ones, saw 'ffff", id="last-id"
        ),
    ],
)
def test_a_fault_in_a_scene_is_named(scene: dict[str, Any], said: str, platform: Platform) -> None:
    with pytest.raises(SceneError) as caught:
        platform.load_scene(scene)

    assert str(caught.value).startswith("the scene: ")
    assert said in str(caught.value)
    assert [platform.state.count(name) for name in COLLECTIONS] == [0] * len(COLLECTIONS)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"{", "scene.json: expected JSON, but: Expecting property name", id="broken"),
        pytest.param(b"[]", "scene.json: expected a JSON object, saw a list", id="list"),
        pytest.param(b"\xff\xfe", "scene.json: expected JSON, but: ", id="bytes"),
        pytest.param(b"[" * 200_000, "scene.json: expected JSON, but: expected at most 100 levels", id="deep"),
    ],
)
def test_a_file_that_is_no_scene_is_named(content: bytes, said: str, platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "scene.json").write_bytes(content)

    with pytest.raises(SceneError) as caught:
        platform.load_scene(tmp_path)

    assert said in str(caught.value)


def test_a_place_without_a_scene_is_named(platform: Platform, tmp_path: Path) -> None:
    with pytest.raises(SceneError, match=r"expected a scene at .*lost, but there is nothing"):
        platform.load_scene(tmp_path / "lost")
    with pytest.raises(SceneError, match=r"expected files, or a scene\.json, but there are none"):
        platform.load_scene(tmp_path)


def test_a_note_that_is_not_json_is_named(platform: Platform, tmp_path: Path) -> None:
    for path in ("items", "json"):
        (tmp_path / path).mkdir()
    (tmp_path / "items" / "a.png").write_bytes(image())
    (tmp_path / "json" / "a.json").write_text("{")

    with pytest.raises(SceneError, match=r"json/a.json: expected JSON"):
        platform.load_scene(tmp_path)


WRONG = (None, True, 0, 2.5, 10**30, float("inf"), "", "x", "/", "\0", "\ud800", [], [None], [[]], [{}], {}, {"x": []})
FIELDS = sorted({name for path in FIELD_TYPES for name in path} | {"status", "value", "annotations", "hidden", "exif"})


@pytest.mark.parametrize("seed", range(4))
def test_no_value_makes_a_scene_fail_otherwise(seed: int) -> None:
    random = Random(seed)
    for _ in range(400):
        rows = {name: [{random.choice(FIELDS): random.choice(WRONG) for _ in range(3)}] for name in COLLECTIONS}
        scene = {name: rows[name] for name in random.sample(COLLECTIONS, 3)}
        platform = Platform()
        try:
            platform.load_scene(scene)
        except SceneError:
            assert [platform.state.count(name) for name in COLLECTIONS] == [0] * len(COLLECTIONS), scene


# Snapshots


def test_a_snapshot_restores_everything(api: Api, platform: Platform, tmp_path: Path) -> None:
    platform.load_scene(
        {
            "items": [{"filename": "/a.png", "annotations": [BOX], "description": None}, {"filename": "/.h/b.txt"}],
            "models": [{"name": "m", "datasetId": None, "packageId": None}],
            "feature_sets": [{"id": "65aa00000000000000000006", "name": "f"}],
            "feature_vectors": [{"featureSetId": "65aa00000000000000000006", "entityId": "x", "value": [1.5]}],
        }
    )
    made = api.upload(api.dataset_id, "/new/c.bin", bytes(range(256))).json()
    api.patch(f"/items/{made['id']}", {"description": "", "metadata": {"user": {"a": [None]}}})
    api.post(f"/datasets/{api.dataset_id}/export", {"exportType": "json"})
    api.post(f"/ml/models/{only(platform, 'models')['id']}/predict", {"input": {}})
    api.post("/datasets", {"name": "bare", "projects": [api.project_id], "createDefaultRecipe": False})

    platform.snapshot(tmp_path / "kept")
    restored = Platform()
    restored.load_scene(tmp_path / "kept")

    for name in COLLECTIONS:
        assert restored.state.all(name) == platform.state.all(name), name
    assert dict(restored.state.contents()) == dict(platform.state.contents())
    assert restored.state.totals(api.dataset_id) == platform.state.totals(api.dataset_id)
