"""Annotations of every type, on images, videos and prompts, as the SDK sees them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sdk_session import fresh, upload

pytestmark = pytest.mark.usefixtures("inside")

SQUARE = [[1, 1], [5, 1], [5, 5], [1, 5]]
KINDS = {
    "box": lambda dl: dl.Box(left=1, top=2, right=5, bottom=6, label="cat"),
    "rotated box": lambda dl: dl.Box(left=1, top=2, right=5, bottom=6, label="cat", angle=30),
    "class": lambda dl: dl.Classification("cat"),
    "point": lambda dl: dl.Point(x=3, y=4, label="cat"),
    "segment": lambda dl: dl.Polygon(geo=SQUARE, label="cat"),
    "polyline": lambda dl: dl.Polyline(geo=SQUARE, label="cat"),
    "ellipse": lambda dl: dl.Ellipse(x=10, y=10, rx=3, ry=2, angle=0, label="cat"),
    "cube": lambda dl: dl.Cube(
        label="cat",
        **{f"{side}_{corner}": [1, 2] for side in ("front", "back") for corner in ("tl", "tr", "br", "bl")},
    ),
    "cube_3d": lambda dl: dl.Cube3d(label="cat", position=[1, 1, 1], scale=[1, 2, 3], rotation=[0, 0, 0]),
    "subtitle": lambda dl: dl.Subtitle(text="said", label="cat"),
    "text_mark": lambda dl: dl.Text(text_type="block", start=0, end=3, label="cat"),
    "text": lambda dl: dl.FreeText(text="free"),
    "item_description": lambda dl: dl.Description(text="described"),
    "note": lambda dl: dl.Note(left=1, top=1, right=4, bottom=4, label="cat", creator="a@b.com", assignee="c@d.com"),
    "ref_image": lambda dl: dl.RefImage(ref="65aa00000000000000000001", ref_type="id", mimetype="image/png"),
    "pose": lambda dl: dl.Pose(label="cat", template_id="template", instance_id="instance"),
    "gis": lambda dl: dl.Gis(annotation_type=dl.GisType.BOX, geo=[[[1, 2], [3, 4], [1, 2]]], label="cat"),
}


def annotated(dl: Any, project: Any, *definitions: Any) -> Any:
    """An item of its own with annotations."""
    item = upload(fresh(project))
    for definition in definitions or (dl.Box(left=1, top=2, right=5, bottom=6, label="cat"),):
        item.annotations.upload(dl.Annotation.new(annotation_definition=definition))
    return item


def again(item: Any) -> Any:
    """The item as the platform has it."""
    return item.dataset.items.get(item_id=item.id)


def first(item: Any) -> Any:
    """The first annotation as the platform has it."""
    return item.annotations.get(annotation_id=item.annotations.list()[0].id)


@pytest.mark.parametrize("kind", KINDS)
def test_an_annotation_comes_back_as_it_was_sent(kind: str, dl: Any, project: Any) -> None:
    item = upload(fresh(project))
    sent = dl.Annotation.new(item=item, annotation_definition=KINDS[kind](dl))

    (made,) = item.annotations.upload(sent)

    found = item.annotations.get(annotation_id=made.id)
    assert found.type == {"rotated box": "box"}.get(kind, kind)
    assert found.to_json().get("coordinates") == sent.to_json().get("coordinates")
    assert (found.label, found.item_id, found.dataset_id) == (sent.label, item.id, item.dataset_id)
    assert (again(item).annotated, again(item).annotations_count) == (True, 1)


def test_a_mask_comes_back_as_it_was_sent(dl: Any, project: Any) -> None:
    np = pytest.importorskip("numpy")
    pytest.importorskip("cv2")
    mask = np.arange(24 * 32).reshape(24, 32) % 5 == 0

    item = annotated(dl, project, dl.Segmentation(geo=mask, label="cat"))

    assert (first(item).geo.astype(bool) == mask).all()


def test_masks_of_one_object_are_merged(dl: Any, project: Any) -> None:
    np = pytest.importorskip("numpy")
    pytest.importorskip("cv2")
    item = upload(fresh(project))
    for rows in (slice(0, 5), slice(10, 24)):
        mask = np.zeros((24, 32))
        mask[rows] = 1
        builder = item.annotations.builder()
        builder.add(dl.Segmentation(geo=mask, label="cat"))
        item.annotations.upload(builder, merge=True)

    (merged,) = item.annotations.list()
    assert int(merged.geo.astype(bool).sum()) == 19 * 32


def test_annotations_are_uploaded_in_every_form(dl: Any, project: Any, inside: Path) -> None:
    item = upload(fresh(project))
    plain = {"type": "box", "label": "dog", "coordinates": [{"x": 1, "y": 1}, {"x": 2, "y": 2}]}

    item.annotations.upload(plain)
    item.annotations.upload(
        [{"type": "class", "label": "cow"}, dl.Annotation.new(annotation_definition=dl.Point(1, 2, "p"))]
    )
    (inside / "annotations.json").write_text(json.dumps(item.annotations.list().to_json()))
    item.annotations.upload(str(inside / "annotations.json"))
    item.annotations.upload(dl.AnnotationCollection.from_json_file("annotations.json", item=item))

    labels = [annotation.label for annotation in item.annotations.list()]
    assert sorted(labels) == sorted(["dog", "cow", "p"] * 3)


def test_many_annotations_are_uploaded_in_batches(dl: Any, project: Any) -> None:
    item = upload(fresh(project))
    builder = item.annotations.builder()
    for index in range(251):
        builder.add(dl.Point(1, 2, f"{index}"))

    assert len(item.annotations.upload(builder)) == 251
    assert len(item.annotations.list()) == again(item).annotations_count == 251


def test_an_unknown_type_is_refused_and_nothing_is_written(dl: Any, project: Any) -> None:
    item = upload(fresh(project))

    with pytest.raises(TypeError):  # what the SDK makes of the answer
        item.annotations.upload([{"type": "class", "label": "cat"}, {"type": "no such type", "label": "cat"}])

    assert len(item.annotations.list()) == 0


# Changes


def test_an_annotation_is_changed_in_part(dl: Any, project: Any) -> None:
    item = annotated(dl, project)
    annotation = first(item)
    annotation.label, annotation.top, annotation.description = "dog", 3, "described"
    annotation.metadata["user"] = {"key": 1}
    annotation.metadata["system"]["mine"] = 2

    annotation.update()
    found = first(item)
    assert (found.label, found.top, found.left, found.metadata["user"]) == ("dog", 3, 1, {"key": 1})
    assert "mine" not in found.metadata["system"]
    annotation = first(item)
    annotation.metadata["system"]["mine"] = 2
    annotation.update(system_metadata=True)
    assert first(item).metadata["system"]["mine"] == 2
    assert (
        again(item)
        .dataset.annotations.list(
            filters=dl.Filters(resource="annotations", field="updatedBy", values="user@dl-mock.local")
        )
        .items_count
    )


def test_attributes_of_both_generations_are_kept(dl: Any, project: Any) -> None:
    given = {"1": "true", "2": ["a", "b"], "3": 5}
    box = dl.Box(left=1, top=2, right=5, bottom=6, label="cat", attributes=given)
    item = annotated(dl, project, box)
    item.annotations.upload({"type": "class", "label": "dog", "attributes": ["a", "b"]})

    assert first(item).attributes == given
    old = next(one for one in item.annotations.list() if one.label == "dog")
    assert old._platform_dict["attributes"] == ["a", "b"]
    for attributes in ({"1": "false"}, {}):
        annotation = first(item)
        annotation.attributes = attributes
        annotation.update(system_metadata=True)
        assert first(item).attributes == attributes
    filters = dl.Filters(resource="annotations", field="attributes", values="b")
    assert item.dataset.annotations.list(filters=filters).items_count == 1


def test_a_status_is_set_and_cleared(dl: Any, project: Any) -> None:
    item = annotated(dl, project)

    for status in (dl.AnnotationStatus.ISSUE, dl.AnnotationStatus.APPROVED, dl.AnnotationStatus.REVIEW):
        first(item).update_status(status)
        assert first(item).status == status.value
    item.annotations.update_status(annotation_id=first(item).id, status=dl.AnnotationStatus.CLEAR)
    assert first(item).status is None
    with pytest.raises(ValueError, match="status"):
        first(item).update_status("no such status")


def test_a_note_collects_messages(dl: Any, project: Any) -> None:
    note = dl.Note(left=1, top=1, right=4, bottom=4, label="cat", creator="a@b.com", assignee="c@d.com")
    note.add_message("first")
    item = annotated(dl, project, note)
    filters = dl.Filters(resource="annotations", field="type", values="note")
    (found,) = item.dataset.annotations.list(filters=filters).items

    found.annotation_definition.add_message("second")
    found.update(system_metadata=True)

    messages = item.annotations.get(annotation_id=found.id).annotation_definition.messages
    assert [message.body for message in messages] == ["first", "second"]


def test_a_child_names_its_parent(dl: Any, project: Any) -> None:
    item = annotated(dl, project, dl.Pose(label="cat", template_id="template", instance_id="instance"))
    parent = item.annotations.list()[0].id

    (child,) = item.annotations.upload(dl.Annotation.new(annotation_definition=dl.Point(1, 2, "p"), parent_id=parent))

    assert item.annotations.get(annotation_id=child.id).parent_id == parent


def test_a_model_signs_its_predictions(dl: Any, project: Any) -> None:
    item = upload(fresh(project))
    builder = item.annotations.builder()
    builder.add(dl.Classification("cat"), model_info={"name": "model", "confidence": 0.5}, automated=True)
    builder.upload()

    signature = first(item).metadata["user"]["model"]
    assert (signature["name"], signature["confidence"]) == ("model", 0.5)
    assert first(item).automated is True


# Deletions


def test_annotations_are_deleted_in_every_way(dl: Any, project: Any) -> None:
    item = annotated(dl, project, *(dl.Point(1, 2, f"{index}") for index in range(9)))
    by_label = {annotation.label: annotation for annotation in item.annotations.list()}

    assert by_label["0"].delete()
    assert item.annotations.delete(annotation_id=by_label["1"].id)
    assert item.annotations.delete(annotation=by_label["2"])
    assert item.annotations.delete(annotation_id=[by_label["3"].id, by_label["4"].id])
    assert item.annotations.delete(filters=dl.Filters(resource="annotations", field="label", values="5"))
    assert item.dataset.annotations.delete(filters=dl.Filters(resource="annotations", field="label", values="6"))
    assert sorted(annotation.label for annotation in item.annotations.list()) == ["7", "8"]
    assert (again(item).annotated, again(item).annotations_count) == (True, 2)
    assert item.annotations.delete("all")
    assert (again(item).annotated, again(item).annotations_count) == (False, 0)

    with pytest.raises(dl.exceptions.NotFound):
        item.annotations.get(annotation_id=by_label["0"].id)
    for call in (item.annotations.get, item.annotations.delete):
        with pytest.raises(dl.exceptions.BadRequest):
            call(annotation_id="some_id")


# Queries


def test_annotations_and_items_are_found_by_each_other(dl: Any, project: Any) -> None:
    dataset = fresh(project)
    item, other = upload(dataset, "a.png"), upload(dataset, "b.png")
    item.annotations.upload(
        [dl.Annotation.new(annotation_definition=one) for one in (KINDS["box"](dl), dl.Point(1, 2, "dog"))]
    )
    other.annotations.upload(dl.Annotation.new(annotation_definition=KINDS["box"](dl)))

    boxes = dl.Filters(resource="annotations", field="type", values="box")
    assert dataset.annotations.list(filters=boxes).items_count == 2
    boxes.add_join(field="name", values="a.png")
    assert dataset.annotations.list(filters=boxes).items_count == 1
    dogs = dl.Filters()
    dogs.add_join(field="label", values="dog")
    assert [found.id for found in dataset.items.list(filters=dogs).items] == [item.id]
    order = dl.Filters(resource="annotations")
    order.sort_by("label", dl.FiltersOrderByDirection.DESCENDING)
    assert [found.label for found in dataset.annotations.list(filters=order).items] == ["dog", "cat", "cat"]
    assert len(list(dataset.annotations.list(page_size=2).all())) == 3


# Videos


def test_frames_of_a_video_are_kept(dl: Any, project: Any) -> None:
    item = upload(fresh(project), "video.mp4", b"no real video")
    item.fps = 25
    item = item.update()
    builder = item.annotations.builder()
    for frame, left in ((0, 1), (10, 2)):
        box = dl.Box(left=left, top=1, right=9, bottom=9, label="cat")
        builder.add(box, object_id=1, frame_num=frame, end_frame_num=20)
    said = dl.Subtitle(text="said", label="speech")
    builder.add(said, object_id=2, start_time=0, end_time=1, frame_num=0, end_frame_num=25)
    item.annotations.upload(builder)

    annotation = next(one for one in item.annotations.list() if one.type == "box")
    assert (annotation.start_frame, annotation.end_frame, annotation.end_time) == (0, 20, 0.8)
    assert [annotation.frames[frame].left for frame in (0, 9, 10, 20)] == [1, 1, 2, 2]
    annotation.add_frame(dl.Box(left=7, top=1, right=9, bottom=9, label="dog"), frame_num=15)
    annotation.update(system_metadata=True)
    found = item.annotations.get(annotation_id=annotation.id)
    assert (found.frames[15].left, found.frames[15].label, found.frames[14].left) == (7, "dog", 2)
    in_frame = item.annotations.list().get_frame(frame_num=15)
    assert sorted(one.type for one in in_frame.annotations) == ["box", "subtitle"]


def test_the_same_object_may_be_annotated_several_times(dl: Any, project: Any) -> None:
    item = upload(fresh(project), "video.mp4", b"no real video")
    item.fps = 25
    item = item.update()
    for frame in range(5):
        box = dl.Box(left=1, top=1, right=9, bottom=9, label="cat")
        item.annotations.upload(dl.Annotation.new(item=item, annotation_definition=box, object_id="1", frame_num=frame))

    assert len(item.annotations.list()) == 5


# Drawings and other formats


def test_annotations_are_drawn(dl: Any, project: Any, inside: Path) -> None:
    pytest.importorskip("cv2")
    item = annotated(dl, project)

    assert item.annotations.show().shape == (24, 32, 4)
    assert item.annotations.list()[0].show().shape == (24, 32, 4)
    for kind, name in (("MASK", "mask.png"), ("JSON", "annotations.json"), ("VTT", "annotations.vtt")):
        path = inside / name
        item.annotations.download(filepath=str(path), annotation_format=dl.ViewAnnotationOptions[kind])
        assert path.stat().st_size


@pytest.mark.parametrize("form", ["yolo", "voc", "coco"])
def test_a_dataset_is_converted(form: str, dl: Any, project: Any, inside: Path) -> None:
    item = annotated(dl, project)
    item.dataset.add_label("cat", color=(1, 2, 3))
    dataset = project.datasets.get(dataset_id=item.dataset_id)

    dl.Converter().convert_dataset(dataset=dataset, to_format=form, local_path=str(inside / form))

    expected = {"yolo": "yolo/a.txt", "voc": "voc/a.xml", "coco": "coco.json"}[form]
    written = {path.relative_to(inside / form).as_posix() for path in (inside / form).rglob("*")}
    assert expected in written or expected.replace(".xml", ".txt") in written


# Prompts


def test_a_conversation_is_kept_in_a_prompt_item(dl: Any, project: Any) -> None:
    dataset = fresh(project)
    prompt = dl.PromptItem(name="talk")
    prompt.add(message={"role": "user", "content": [{"mimetype": dl.PromptType.TEXT, "value": "question"}]})
    item = dataset.items.upload(local_path=prompt, remote_path="/talks")
    assert (item.filename, item.metadata["system"]["shebang"]) == ("/talks/talk.json", {"dltype": "prompt"})

    def said() -> list[tuple[str, str]]:
        messages = dl.PromptItem.from_item(dataset.items.get(item_id=item.id)).to_messages()
        return [(message["role"], message["content"][0]["text"]) for message in messages]

    talk = dl.PromptItem.from_item(dataset.items.get(item_id=item.id))
    answer = {"role": "assistant", "content": [{"mimetype": dl.PromptType.TEXT, "value": "answer"}]}
    talk.add(message=answer, model_info={"name": "model", "confidence": 1, "model_id": "id"})
    assert said() == [("user", "question"), ("assistant", "answer")]
    talk = dl.PromptItem.from_item(dataset.items.get(item_id=item.id))
    talk.add(message={"role": "user", "content": [{"mimetype": dl.PromptType.TEXT, "value": "more"}]})
    assert said() == [("user", "question"), ("assistant", "answer"), ("user", "more")]
