"""What each example told in words means in calls, by the id of the example.

Each function takes a fresh platform, calls to it, and the example. Steps of a client are made with the SDK.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from example_models import MODEL_OPERATIONS
from mock_helpers import BOX, EVIDENCE, Api, image

from dl_mock import Platform, Request, Response, connect

Example = dict[str, Any]
Operation = Callable[[Platform, Api, Example], None]

LABELS_NE_DOG = {
    "filter": {"$and": [{"hidden": False}, {"type": "file"}, {"name": "*label*"}]},
    "resource": "items",
    "join": {
        "on": {"resource": "annotations", "local": "itemId", "forigen": "id"},
        "filter": {"$and": [{"label": {"$ne": "dog"}}, {"type": "point"}]},
    },
}
FILES = {"filter": {"$and": [{"hidden": False}, {"type": "file"}]}, "resource": "items"}


@contextmanager
def sdk(platform: Platform) -> Iterator[Any]:
    """The SDK, connected, and the first dataset."""
    with connect(platform):
        import dtlpy as dl

        yield dl.datasets.get(dataset_id=platform.state.all("datasets")[0]["id"])


def items(platform: Platform, *filenames: str, **fields: Any) -> list[str]:
    """Load items and give their ids."""
    platform.load_scene({"items": [{"filename": filename, **fields} for filename in filenames]})
    return [found["id"] for found in platform.state.all("items") if found["type"] == "file"]


def moved(existing: str | None, target: str) -> Operation:
    def operation(platform: Platform, api: Api, example: Example) -> None:
        start = "/0000000162.jpg" if target.startswith("/new_dir") else "/start.jpg"
        (item_id,) = items(platform, start)
        with sdk(platform) as dataset:
            if existing:
                dataset.items.make_dir(directory=existing)
            dataset.items.get(item_id=item_id).move(new_path=target)

        assert api.get(f"/items/{item_id}").json()["filename"] == example["then"]["filename"]

    return operation


def rename_creates_dir(platform: Platform, api: Api, example: Example) -> None:
    (item_id,) = items(platform, "/test_item.jpg")

    changed = api.patch(f"/items/{item_id}", {"filename": "/folder/test_item.jpg"}).json()

    assert changed["filename"] == example["then"]["filename"]
    dirs = api.query({"filter": {"type": "dir"}})["items"]
    assert [found["filename"] for found in dirs] == example["then"]["query_type_dir"]


def system_without_flag(platform: Platform, api: Api, _example: Example) -> None:
    (item_id,) = items(platform, "/a.jpg")

    answer = api.patch(f"/items/{item_id}", {"metadata": {"system": {"modified": True}}})

    assert answer.status == 200
    assert "modified" not in api.get(f"/items/{item_id}").json()["metadata"]["system"]


def unknown_root(platform: Platform, api: Api, example: Example) -> None:
    (item_id,) = items(platform, "/a.jpg")

    answer = api.patch(f"/items/{item_id}", {"newField": "newField"})

    assert answer.status == 200
    assert example["then"]["response_lacks"] not in answer.json()


def description_null(platform: Platform, api: Api, example: Example) -> None:
    (item_id,) = items(platform, "/a.jpg", description="before")
    with sdk(platform) as dataset:
        item = dataset.items.get(item_id=item_id)
        item.description = None
        assert item.update().description is example["then"]["description"]

    assert api.get(f"/items/{item_id}").json()["description"] is None


def overwrite(platform: Platform, api: Api, example: Example) -> None:
    items(platform, "/other.jpg")
    api.upload(api.dataset_id, "/a.jpg", image(), description="description3")

    api.upload(api.dataset_id, "/a.jpg", image(), mode="overwrite", description="description5")

    (found,) = api.query({"filter": {"filename": "/a.jpg"}})["items"]
    assert found["description"] == example["then"]["description"]


def upload_to(remote_path: str, remote_name: str | None = None) -> Operation:
    def operation(platform: Platform, _api: Api, example: Example) -> None:
        items(platform, "/there.jpg")
        body = io.BytesIO(image())
        body.name = "0000000162.jpg"
        with sdk(platform) as dataset:
            item = dataset.items.upload(local_path=body, remote_path=remote_path, remote_name=remote_name)

        assert {key: getattr(item, key) for key in example["then"]} == example["then"]

    return operation


def upload_nothing(platform: Platform, _api: Api, _example: Example) -> None:
    items(platform, "/there.jpg")
    with sdk(platform) as dataset:
        from dtlpy.exceptions import NotFound

        with pytest.raises(NotFound):
            dataset.items.upload(local_path="non-existing-path/file.jpg")


def upload_size(platform: Platform, api: Api, _example: Example) -> None:
    items(platform, "/there.jpg")

    answer = api.upload(api.dataset_id, "/a.bin", b"seven b").json()

    assert answer["metadata"]["system"]["size"] == 7


def delete_malformed(platform: Platform, api: Api, example: Example) -> None:
    items(platform, "/a.jpg")

    assert api.delete("/items/Some_id").status == 400
    assert api.query(FILES)["totalItemsCount"] == example["then"]["items"]


def delete_by_query(platform: Platform, api: Api, example: Example) -> None:
    platform.load_scene(fixture(example["given"]))

    api.query({**LABELS_NE_DOG, "delete": True})

    assert api.query(FILES)["totalItemsCount"] == example["then"]["then_default_list"]


def update_by_query(platform: Platform, api: Api, example: Example) -> None:
    items(platform, "/a.jpg", "/b.jpg")
    change = {"metadata": {"user": {"a": "b"}, "system": {"c": "d"}}}

    api.query({**FILES, "update": change, "systemSpace": True})

    for path, value in example["then"].items():
        assert api.query({"filter": {path: value, "type": "file"}})["totalItemsCount"] == 2


def update_nothing(platform: Platform, _api: Api, example: Example) -> None:
    items(platform, "/a.jpg")
    with sdk(platform) as dataset:
        from dtlpy.exceptions import BadRequest

        with pytest.raises(BadRequest, match=example["then"]["message_contains"]):
            dataset.items.update(item=None)


def clone_item(platform: Platform, api: Api, _example: Example) -> None:
    (item_id,) = items(platform, "/a.jpg")
    with sdk(platform) as dataset:
        copy = dataset.items.get(item_id=item_id).clone(remote_filepath="/copy.jpg")

    assert api.get(f"/items/{copy.id}").json()["srcItem"] == item_id
    assert api.query({"filter": {"id": copy.id}})["items"][0]["srcItem"] == item_id


def assign_subset(platform: Platform, _api: Api, example: Example) -> None:
    items(platform, "/0.jpg", "/1.jpg", "/2.jpg")
    with sdk(platform) as dataset:
        assert dataset.assign_subset_to_items(subset="train", items_query=None) is not False
        subsets = {item.get_current_subset() for item in dataset.items.list().all()}

    assert subsets == {example["then"]["current_subset"]}


def split_subsets(platform: Platform, api: Api, _example: Example) -> None:
    items(platform, *(f"/{index}.jpg" for index in range(12)))
    query = {"itemsQuery": FILES, "MLSplitList": {"train": 80, "validation": 10, "test": 10}}

    assert api.post(f"/datasets/{api.dataset_id}/split", query).json()["status"] == "success"

    counts = {
        name: api.query({"filter": {f"metadata.system.tags.{name}": True}})["totalItemsCount"]
        for name in query["MLSplitList"]
    }
    assert sum(counts.values()) == 12
    assert counts["train"] >= 8
    assert min(counts.values()) > 0


def annotation_malformed(platform: Platform, api: Api, _example: Example) -> None:
    items(platform, "/a.jpg", annotations=[BOX])

    assert api.get("/annotations/some_id").status == 400


def annotations_empty(platform: Platform, _api: Api, example: Example) -> None:
    (item_id,) = items(platform, "/a.jpg")
    with sdk(platform) as dataset:
        assert len(dataset.items.get(item_id=item_id).annotations.list()) == example["then"]["len"]


def delete_boxes_of_one(platform: Platform, _api: Api, _example: Example) -> None:
    mixed = [BOX, {"type": "class", "label": "cat"}]
    first, second = items(platform, "/a.jpg", "/b.jpg", annotations=mixed)
    with sdk(platform) as dataset:
        import dtlpy as dl

        filters = dl.Filters(resource=dl.FiltersResource.ANNOTATION, field="type", values="box")
        dataset.items.get(item_id=first).annotations.delete(filters=filters)

    assert [one["type"] for one in platform.state.annotations_of(first)] == ["class"]
    assert len(platform.state.annotations_of(second)) == 2


def update_label(platform: Platform, api: Api, example: Example) -> None:
    items(platform, "/a.jpg", annotations=[BOX])
    (before,) = platform.state.all("annotations")

    after = api.put(f"/annotations/{before['id']}", {"label": "new_label"}).json()

    assert after["label"] == example["then"]["label"]
    assert after["coordinates"] == before["coordinates"]


def attributes_as_sent(platform: Platform, api: Api, example: Example) -> None:
    (item_id,) = items(platform, "/a.jpg")
    sent = {**BOX, "metadata": {"system": {"attributes": {"4": "true"}}}}

    added = api.post(f"/items/{item_id}/annotations", sent).json()

    assert added["metadata"]["system"]["attributes"] == example["then"]["metadata.system.attributes"]


def annotation_description(platform: Platform, _api: Api, example: Example) -> None:
    (item_id,) = items(platform, "/a.jpg")
    with sdk(platform) as dataset:
        import dtlpy as dl

        item = dataset.items.get(item_id=item_id)
        builder = item.annotations.builder()
        builder.add(dl.Box(left=1, top=1, right=5, bottom=5, label="cat", description="description"))
        item.annotations.upload(builder)
        (found,) = item.annotations.list()

    assert found.description == example["then"]["description"]


def merge_masks(platform: Platform, _api: Api, _example: Example) -> None:
    (item_id,) = items(platform, "/a.png")
    with sdk(platform) as dataset:
        import dtlpy as dl
        import numpy as np

        item = dataset.items.get(item_id=item_id)
        for half in (np.s_[:10], np.s_[20:]):
            mask = np.zeros((item.height, item.width))
            mask[half] = 1
            builder = item.annotations.builder()
            builder.add(dl.Segmentation(geo=mask, label="cat"), object_id="1")
            item.annotations.upload(builder, merge=True)
            seen = [(one["id"], one["coordinates"]) for one in platform.state.annotations_of(item_id)]
            before, after = locals().get("after"), seen

    assert before is not None
    assert [id_ for id_, _ in before] == [id_ for id_, _ in after]
    assert before[0][1] != after[0][1]


def same_object(platform: Platform, api: Api, example: Example) -> None:
    (item_id,) = items(platform, "/a.mp4")
    frames = [
        {**BOX, "metadata": {"system": {"objectId": "1", "frame": frame, "endFrame": frame}}} for frame in range(5)
    ]

    api.post(f"/items/{item_id}/annotations", frames)

    assert len(platform.state.annotations_of(item_id)) == example["then"]["keyframes"]


def gis_set(platform: Platform, api: Api, example: Example) -> None:
    (item_id,) = items(platform, "/a.json")
    shapes = [
        {"type": "gis", "label": "x", "coordinates": {"geo_type": kind, "wgs84_geo_coordinates": []}}
        for kind in ("point", "polyline", "polygon", "box")
    ]
    api.post(f"/items/{item_id}/annotations", shapes)

    command = api.post(f"/datasets/{api.dataset_id}/export", {"exportType": "json"}).json()

    entries = json.loads(platform.state.read(command["spec"]["outputItemId"]))
    assert [len(entry["annotations"]) for entry in entries] == [example["then"]["annotations_in_json"]]


def coordinates(platform: Platform, api: Api, example: Example) -> None:
    (item_id,) = items(platform, "/a.jpg")
    sent = {"type": example["type"], "label": "x", "coordinates": example["coordinates"]}

    added = api.post(f"/items/{item_id}/annotations", [sent]).json()[0]

    assert added["coordinates"] == example["coordinates"]
    assert api.get(f"/annotations/{added['id']}").json()["coordinates"] == example["coordinates"]


def artifact_malformed(platform: Platform, _api: Api, _example: Example) -> None:
    platform.load_scene({"projects": [{"name": "p"}]})
    with connect(platform):
        import dtlpy as dl
        from dtlpy.exceptions import BadRequest

        with pytest.raises(BadRequest):
            dl.projects.get(project_name="p").artifacts.get(artifact_id="some_id")


def export_to(directory: str) -> Operation:
    def operation(platform: Platform, _api: Api, _example: Example) -> None:
        items(platform, "/a.jpg", "/b.jpg")
        with sdk(platform) as dataset:
            dataset.items.download(local_path=directory)

        assert sorted(os.listdir(os.path.join(directory, "items"))) == ["a.jpg", "b.jpg"]

    return operation


def feature_set_list(platform: Platform, api: Api, _example: Example) -> None:
    platform.load_scene({"projects": [{"name": "p"}]})
    given = {"name": "f", "size": 4, "type": "emb", "project": api.project_id, "entityType": "item"}

    assert isinstance(api.post("/features/sets", given).json(), list)


def vectors_sort_by_id(platform: Platform, api: Api, _example: Example) -> None:
    platform.load_scene(fixture("FV"))
    query = {"filter": {}, "sort": {"id": "descending"}, "resource": "feature_vectors"}

    ids = [found["id"] for found in api.post("/features/vectors/query", query).json()["items"]]

    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 3


class Refusing(Platform):
    """Answers everything with one error."""

    status = 400

    def handle(self, request: Request) -> Response:
        return Response.of_json({"message": "m"}, self.status)


def raises(status: int) -> Operation:
    def operation(_platform: Platform, _api: Api, example: Example) -> None:
        refusing = Refusing()
        refusing.status = status
        with connect(refusing):
            import dtlpy as dl
            from dtlpy import exceptions

            with pytest.raises(getattr(exceptions, example["then"]["raises"])) as caught:
                dl.items.get(item_id="65a000000000000000000001")

        assert caught.value.message == example["then"]["message"]

    return operation


def duplicate_dataset(platform: Platform, _api: Api, _example: Example) -> None:
    platform.load_scene({"projects": [{"name": "p"}], "datasets": [{"name": "taken"}]})
    with connect(platform):
        import dtlpy as dl
        from dtlpy.exceptions import BadRequest

        with pytest.raises(BadRequest):
            dl.projects.get(project_name="p").datasets.create(dataset_name="taken")


def foreign_ontology(_platform: Platform, api: Api, _example: Example) -> None:
    given = {"roots": [], "projectIds": ["some_project_id"], "attributes": [], "title": "o"}

    assert api.post("/ontologies", given).status == 403


def project_malformed(_platform: Platform, api: Api, _example: Example) -> None:
    assert api.get("/projects/some_id").status == 404
    assert api.get("/datasets/some_id").status == 404


def unlock(platform: Platform, api: Api, example: Example) -> None:
    platform.load_scene({"datasets": [{"name": "d"}]})

    answer = api.call("PATCH", f"/datasets/{api.dataset_id}/unlock")

    assert answer.status == example["then"]["status"]
    assert example["then"]["message_contains"] in answer.json()["message"]


def dpk_without_context(_platform: Platform, api: Api, _example: Example) -> None:
    assert api.post("/app-registry", {"name": "dpk"}).status == 400


def fixture(name: str) -> dict[str, Any]:
    """A starting state of the collected examples."""
    found: dict[str, Any] = json.loads((EVIDENCE / "platform-examples.json").read_text())["fixtures"][name]
    return found


OPERATIONS: dict[str, Operation] = {
    "move-0": moved(None, "/new_dir/"),
    "move-2": moved("/new_dir", "/new_dir/"),
    "move-4": moved("/new_dir", "/new_dir"),
    "move-6": moved(None, "/pic.jpg"),
    "rename-path-creates-dir": rename_creates_dir,
    "patch-system-flag-false": system_without_flag,
    "patch-unknown-root-ignored": unknown_root,
    "desc-null": description_null,
    "upload-overwrite-replaces": overwrite,
    "upload-remote-folder": upload_to("/folder"),
    "upload-remote-name-slash": upload_to("/", remote_name="/file.jpg"),
    "upload-nonexisting-local": upload_nothing,
    "upload-size-check": upload_size,
    "delete-bad-id": delete_malformed,
    "delete-by-query-33": delete_by_query,
    "update-query-both": update_by_query,
    "update-no-args": update_nothing,
    "clone-src-item": clone_item,
    "ml-assign": assign_subset,
    "ml-split-80-10-10": split_subsets,
    "ann-get-bad-id": annotation_malformed,
    "ann-list-empty": annotations_empty,
    "ann-delete-type-item": delete_boxes_of_one,
    "ann-update-label": update_label,
    "ann-attrs-add": attributes_as_sent,
    "ann-desc": annotation_description,
    "ann-merge-binary": merge_masks,
    "ann-same-objectid": same_object,
    "ann-gis-4": gis_set,
    "coords-box": coordinates,
    "coords-segment": coordinates,
    "coords-subtitle": coordinates,
    "coords-pose": coordinates,
    "artifact-get-bad-id": artifact_malformed,
    "export-dot-path": export_to("downloaded.dataset"),
    "fset-create-list-resp": feature_set_list,
    "fvec-sort-only-eu-dist": vectors_sort_by_id,
    "exc-400": raises(400),
    "exc-403": raises(403),
    "exc-408": raises(408),
    "exc-424": raises(424),
    "exc-423": raises(423),
    "err-dup-dataset": duplicate_dataset,
    "err-onto-bad-project": foreign_ontology,
    "err-project-bad-id": project_malformed,
    "err-unlock": unlock,
    "dpk-no-context": dpk_without_context,
    **MODEL_OPERATIONS,
}
