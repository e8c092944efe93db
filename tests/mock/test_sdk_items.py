"""Items: uploads, downloads, queries, moves, copies and links, as the SDK sees them."""

from __future__ import annotations

import http.server
import io
import json
import threading
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mock_helpers import image
from sdk_session import file, fresh, names, upload

pytestmark = pytest.mark.usefixtures("inside")


def below(directory: Path) -> list[str]:
    """Paths of the files below a directory, sorted."""
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())


# Uploads


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        pytest.param({}, "/a.png", id="root"),
        pytest.param({"remote_path": "x/y"}, "/x/y/a.png", id="path"),
        pytest.param({"remote_path": "/x.1/", "remote_name": "/n.png"}, "/x.1/n.png", id="path-and-name"),
        pytest.param({"remote_path": "/ä ö", "remote_name": "üñ (1)[x]#%&字.png"}, "/ä ö/üñ (1)[x]#%&字.png", id="odd"),
    ],
)
def test_a_file_is_uploaded_to_its_place(remote: dict[str, str], expected: str, project: Any, folder: Path) -> None:
    dataset = fresh(project)
    item = dataset.items.upload(local_path=str(folder / "a.png"), **remote)

    assert item.filename == expected
    assert dataset.items.get(filepath=expected).id == item.id
    assert (item.width, item.height, item.mimetype, item.system["channels"]) == (32, 24, "image/png", 3)
    assert item.download(save_locally=False).read() == image()


def test_a_folder_is_uploaded_with_or_without_its_name(project: Any, folder: Path) -> None:
    with_name, without, some = (
        list(fresh(project).items.upload(local_path=path, **options))
        for path, options in (
            (str(folder), {}),
            (f"{folder}/*", {}),
            (f"{folder}/*", {"file_types": [".png"]}),
        )
    )

    assert names(without) == ["/a.png", "/b.jpg", "/sub/c.png", "/sub/deep/d.png", "/t.txt"]
    assert names(with_name) == [f"/files{name}" for name in names(without)]
    assert names(some) == ["/a.png", "/sub/c.png", "/sub/deep/d.png"]


def test_arrays_buffers_and_tables_are_uploaded(project: Any, folder: Path) -> None:
    import numpy as np
    import pandas

    dataset = fresh(project)
    array = dataset.items.upload(local_path=np.zeros((10, 20, 3), dtype=np.uint8), remote_name="array.png")
    text = dataset.items.upload(local_path=io.BytesIO(b"abc"), remote_name="text.txt")
    empty = dataset.items.upload(local_path=file("empty.txt", b""))
    row = {"local_path": str(folder / "a.png"), "remote_path": "/t", "item_metadata": {"user": {"key": 1}}}
    table = dataset.items.upload(local_path=pandas.DataFrame([row]))

    assert (array.width, array.height) == (20, 10)
    assert text.download(save_locally=False).read() == b"abc"
    assert empty.size == 0
    assert (table.filename, dataset.items.get(filepath="/t/a.png").metadata["user"]) == ("/t/a.png", {"key": 1})


def test_an_upload_over_an_item_keeps_it_or_gives_it_new_bytes(project: Any) -> None:
    dataset = fresh(project)
    first = upload(dataset, "a.png", image(10, 10))

    assert upload(dataset, "a.png", image(10, 10)).id == first.id
    assert upload(dataset, "a.png", image(20, 20), overwrite=True).width == 20
    assert dataset.items.list().items_count == 1


def test_metadata_and_description_come_with_an_upload(project: Any) -> None:
    metadata = {"user": {"key": "value"}, "own": [1], "system": {"mine": 2}}
    item = upload(fresh(project), "a.png", item_metadata=metadata, item_description="described")

    assert (item.metadata["user"], item.metadata["own"], item.description) == ({"key": "value"}, [1], "described")
    assert item.metadata["system"]["mine"] == 2


def test_annotations_come_with_an_upload(dl: Any, project: Any, folder: Path) -> None:
    exported = {"annotations": [{"type": "class", "label": "cat"}], "metadata": {"user": {"key": 1}}}
    (folder / "a.json").write_text(json.dumps(exported))
    dataset = fresh(project)

    item = dataset.items.upload(
        local_path=str(folder / "a.png"),
        local_annotations_path=str(folder / "a.json"),
        item_metadata=dl.ExportMetadata.FROM_JSON,
    )

    found = dataset.items.get(item_id=item.id)
    assert (found.annotations_count, found.metadata["user"]) == (1, {"key": 1})


def test_a_bad_upload_is_named(dl: Any, project: Any) -> None:
    dataset = fresh(project)

    with pytest.raises(dl.exceptions.NotFound):
        dataset.items.upload(local_path="/no/such/file")
    for name in ("../a.png", "x/../../a.png", "a\x01.png", "n" * 300 + ".png"):
        with pytest.raises(dl.exceptions.BadRequest):
            dataset.items.upload(local_path=file("a.png"), remote_name=name, raise_on_error=True)
    assert dataset.items.list().items_count == 0


# What is read out of the bytes


def test_a_video_tells_its_rate_and_length(project: Any, inside: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    np = pytest.importorskip("numpy")
    path = inside / "video.avi"
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for shade in range(20):
        video.write(np.full((48, 64, 3), shade, dtype=np.uint8))
    video.release()

    item = upload(fresh(project), "video.avi", path.read_bytes())

    assert (item.width, item.height, item.fps, item.system["duration"]) == (64, 48, 10, 2.0)
    assert "fps" not in upload(fresh(project), "no.mp4", b"no video").metadata


def test_a_sound_tells_its_length(project: Any) -> None:
    content = io.BytesIO()
    with wave.open(content, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\0\0" * 4000)

    system = upload(fresh(project), "sound.wav", content.getvalue()).system

    assert (system["duration"], system["channels"], system["sampleRate"]) == (0.5, 1, 8000)


# Reading and listing


def test_an_item_is_found_by_id_and_by_path(dl: Any, project: Any) -> None:
    dataset = fresh(project)
    item = upload(dataset)

    assert dataset.items.get(filepath="/a.png").id == dl.items.get(item_id=item.id).id == item.id
    for missing in ({"filepath": "/b.png"}, {"filepath": "a.png"}, {"item_id": "65aa000000000000000000ff"}):
        with pytest.raises(dl.exceptions.NotFound):
            dataset.items.get(**missing)
    for wrong in ({}, {"item_id": "some_id"}):
        with pytest.raises(dl.exceptions.BadRequest):
            dataset.items.get(**wrong)


def test_items_are_listed_in_pages(dl: Any, project: Any) -> None:
    dataset = fresh(project)
    for index in range(7):
        dataset.items.upload(local_path=file(f"{index}.png"), remote_path=f"/{index % 2}")

    pages = dataset.items.list(page_size=3)
    assert (pages.items_count, pages.total_pages_count) == (7, 3)
    assert [len(page) for page in pages] == [3, 3, 1]
    assert len(dataset.items.list(page_offset=1, page_size=5).items) == 2
    assert len(dataset.items.get_all_items()) == 7
    order = dl.Filters()
    order.sort_by(field="name", value=dl.FiltersOrderByDirection.DESCENDING)
    assert dataset.items.list(filters=order).items[0].name == "6.png"


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ("dir", "/x", ["/x/b.png"]),
        ("filename", "/x/**", ["/x/b.png", "/x/y/c.txt"]),
        ("filename", "/x", ["/x/b.png", "/x/y/c.txt"]),
        ("name", "?.png", ["/a.png", "/x/b.png"]),
        ("metadata.system.mimetype", "image/*", ["/a.png", "/x/b.png"]),
        ("metadata.user.key", 2, ["/x/b.png"]),
        ("metadata.system.size", 3, ["/x/y/c.txt"]),
        ("annotated", True, []),
        ("type", "dir", ["/x", "/x/y"]),
    ],
)
def test_a_filter_finds_its_items(field: str, value: object, found: list[str], dl: Any, project: Any) -> None:
    dataset = filterable(project)

    assert names(dataset.items.list(filters=dl.Filters(field=field, values=value)).items) == found


def filterable(project: Any) -> Any:
    """A dataset with files in directories; made once."""
    for dataset in project.datasets.list(name="to be filtered"):
        return dataset
    dataset = project.datasets.create("to be filtered")
    dataset.items.upload(local_path=file("a.png"), item_metadata={"user": {"key": 1}})
    dataset.items.upload(local_path=file("b.png"), remote_path="/x", item_metadata={"user": {"key": 2}})
    dataset.items.upload(local_path=file("c.txt", b"abc"), remote_path="/x/y")
    return dataset


# Changes


def test_null_removes_a_key_and_system_needs_the_flag(dl: Any, project: Any) -> None:
    item = upload(fresh(project))
    item.metadata["user"] = {"a": 1, "b": {"c": 2}}
    item = item.update()
    item.metadata["user"]["b"] = None
    item.metadata["system"]["mine"] = 1
    item = item.update()

    assert item.metadata["user"] == {"a": 1}
    assert "mine" not in item.metadata["system"]
    item.metadata["system"]["mine"] = 1
    assert item.update(system_metadata=True).metadata["system"]["mine"] == 1


def test_items_are_changed_by_a_query(dl: Any, project: Any) -> None:
    dataset = fresh(project)
    for name in "abc":
        dataset.items.upload(local_path=file(f"{name}.png"))

    dataset.items.update(filters=dl.Filters(field="name", values="a.png"), update_values={"key": 1})
    dataset.items.update(filters=dl.Filters(), system_update_values={"mine": 2}, system_metadata=True)

    found = {item.name: item for item in dataset.items.list().items}
    assert [found[f"{name}.png"].metadata.get("user") for name in "abc"] == [{"key": 1}, None, None]
    assert {item.metadata["system"]["mine"] for item in found.values()} == {2}
    with pytest.raises(dl.exceptions.BadRequest):
        dataset.items.update()


def test_an_item_is_moved_and_renamed(dl: Any, project: Any) -> None:
    dataset = fresh(project)
    item = upload(dataset)
    dataset.items.make_dir(directory="/there")

    for path, expected in (("/there", "/there/a.png"), ("/new/", "/new/a.png"), ("/else/b.png", "/else/b.png")):
        dataset.items.get(item_id=item.id).move(path)
        assert dataset.items.get(item_id=item.id).filename == expected
    moved = dataset.items.get(item_id=item.id)
    assert dataset.items.move_items(destination="/many", items=[moved])
    assert dataset.items.move_items(destination="/more", filters=dl.Filters(field="dir", values="/many"))
    assert dataset.items.get(item_id=item.id).filename == "/more/b.png"
    dirs = dataset.items.list(filters=dl.Filters(field="type", values="dir"))
    assert names(dirs.items) == ["/else", "/many", "/more", "/new", "/there"]


def test_a_place_that_is_taken_is_refused(dl: Any, project: Any) -> None:
    dataset = fresh(project)
    upload(dataset, "a.png")
    other = upload(dataset, "b.png")
    other.filename = "/a.png"

    with pytest.raises(dl.exceptions.BadRequest):
        other.update()
    assert dataset.items.get(item_id=other.id).filename == "/b.png"


def test_a_description_is_set_and_cleared(project: Any) -> None:
    dataset = fresh(project)
    item = upload(dataset)

    item.description = "described"
    assert dataset.items.get(item_id=item.id).description == "described"
    item.set_description(None)
    assert dataset.items.get(item_id=item.id).description is None
    with pytest.raises(ValueError, match="string"):
        item.set_description(5)


def test_items_are_deleted_in_every_way(dl: Any, project: Any) -> None:
    dataset = fresh(project)
    items = [upload(dataset, f"{name}.png") for name in "abcde"]
    upload(dataset, "in.png", remote_path="/dir")

    assert items[0].delete()
    assert dataset.items.delete(filename="/b.png")
    assert dataset.items.delete(item_id=items[2].id)
    assert dataset.items.delete(filters=dl.Filters(field="filename", values="/d.png"))
    (directory,) = dataset.items.list(filters=dl.Filters(field="type", values="dir")).items
    assert directory.delete()

    assert names(dataset.items.list().items) == ["/e.png"]
    with pytest.raises(dl.exceptions.BadRequest):
        dataset.items.delete(item_id="some_id")
    with pytest.raises(dl.exceptions.NotFound):
        dataset.items.delete(filename="/a.png")


def test_what_hangs_on_an_item_goes_with_it(dl: Any, project: Any) -> None:
    dataset = fresh(project)
    item = upload(dataset)
    item.annotations.upload(dl.Annotation.new(annotation_definition=dl.Classification("cat")))
    features = project.feature_sets.create(
        name="of items", size=1, set_type="embedding", entity_type=dl.FeatureEntityType.ITEM
    )
    features.features.create(value=[1], entity=item)

    item.delete()

    assert dataset.annotations.list().items_count == 0
    assert features.features.list().items_count == 0


def test_a_clone_goes_where_it_is_sent(dl: Any, project: Any) -> None:
    dataset, target = fresh(project), fresh(project)
    item = upload(dataset, item_metadata={"user": {"key": 1}})
    item.annotations.upload(dl.Annotation.new(annotation_definition=dl.Classification("cat")))

    full = item.clone(dst_dataset_id=target.id)
    bare = item.clone(
        remote_filepath="/b/bare.png", with_annotations=False, with_metadata=False, metadata={"user": {"key": 2}}
    )

    assert (full.filename, full.metadata["user"], full.annotations_count) == ("/a.png", {"key": 1}, 1)
    assert full.to_json()["srcItem"] == item.id
    assert (bare.filename, bare.metadata["user"], bare.annotations_count) == ("/b/bare.png", {"key": 2}, 0)
    with pytest.raises(dl.exceptions.BadRequest, match="allowMany"):
        item.clone(remote_filepath="/c.png")
    assert item.clone(remote_filepath="/c.png", allow_many=True, wait=False).wait().status == "success"


# Downloads


def test_files_are_downloaded_as_they_are_asked_for(dl: Any, project: Any, folder: Path, inside: Path) -> None:
    dataset = fresh(project)
    list(dataset.items.upload(local_path=f"{folder}/*"))
    places = {name: inside / name for name in ("all", "flat", "sub", "text")}

    dataset.items.download(local_path=str(places["all"]))
    dataset.items.download(local_path=str(places["flat"]), to_items_folder=False)
    dataset.items.download(local_path=str(places["sub"]), filters=dl.Filters(field="filename", values="/sub/**"))
    dataset.items.download(local_path=str(places["text"]), file_types=["text/plain"])

    assert below(places["all"] / "items") == below(folder) == below(places["flat"])
    assert below(places["sub"]) == ["items/sub/c.png", "items/sub/deep/d.png"]
    assert below(places["text"]) == ["items/t.txt"]
    assert dataset.items.get(filepath="/a.png").download(save_locally=False, to_array=True).shape == (24, 32, 3)


def test_a_file_that_is_there_is_kept_unless_told_otherwise(project: Any, inside: Path) -> None:
    item = upload(fresh(project), "t.txt", b"remote")
    (inside / "t.txt").write_text("local")

    item.download(local_path=str(inside / "t.txt"))
    assert (inside / "t.txt").read_text() == "local"
    item.download(local_path=str(inside / "t.txt"), overwrite=True)
    assert (inside / "t.txt").read_text() == "remote"


def test_annotations_are_downloaded_in_every_form(dl: Any, project: Any, inside: Path) -> None:
    pytest.importorskip("cv2")
    dataset = fresh(project)
    dataset.add_label("cat", color=(1, 2, 3))
    for name in ("a.png", "b.png"):
        box = dl.Box(left=1, top=1, right=5, bottom=5, label="cat")
        annotation = dl.Annotation.new(annotation_definition=box, object_id="1")
        upload(dataset, name).annotations.upload(annotation)
    dataset = project.datasets.get(dataset_id=dataset.id)
    kinds = ("json", "mask", "instance", "img_mask", "vtt")

    for kind in kinds:
        place = inside / kind
        dataset.items.download(local_path=str(place), annotation_options=[dl.ViewAnnotationOptions(kind)])
        ending = {"json": "json", "vtt": "vtt"}.get(kind, "png")
        assert {f"{kind}/a.{ending}", f"{kind}/b.{ending}", "items/a.png", "json/a.json"} <= set(below(place))

    for version, written in (
        (dl.ExportVersion.V1, ["a.json", "b.json"]),
        (dl.ExportVersion.V2, ["a.png.json", "b.png.json"]),
    ):
        place = inside / f"version {version}"
        dataset.download_annotations(local_path=str(place), export_version=version)
        assert below(place / "json") == written


def test_annotations_are_uploaded_from_an_export(dl: Any, project: Any, inside: Path) -> None:
    dataset, other = fresh(project), fresh(project)
    upload(dataset, remote_path="/x").annotations.upload({"type": "class", "label": "cat"})
    upload(other, remote_path="/x")
    dataset.download_annotations(local_path=str(inside / "exported"))

    for _ in range(2):
        other.upload_annotations(local_path=str(inside / "exported" / "json"), clean=True)
    assert other.items.list().items[0].annotations_count == 1


def test_exports_take_every_form(dl: Any, project: Any, inside: Path) -> None:
    from dtlpy.entities import dataset as kinds
    from dtlpy.entities.dataset import ExportType, OutputExportType

    dataset = fresh(project)
    for name in ("a.png", "b.png"):
        upload(dataset, name)
    dataset.items.get(filepath="/a.png").annotations.upload({"type": "class", "label": "cat"})

    def export(place: str, **options: Any) -> Any:
        return dataset.export(local_path=str(inside / place), **options)

    one = dl.Filters(field="filename", values="/a.png")
    (entry,) = json.loads(Path(export("json", include_annotations=True, filters=one)).read_text())
    assert (entry["filename"], [found["label"] for found in entry["annotations"]]) == ("/a.png", ["cat"])
    assert below(Path(export("folders", output_export_type=OutputExportType.FOLDERS))) == ["a.json", "b.json"]
    for place, options in (
        ("zip", {"output_export_type": OutputExportType.ZIP}),
        ("zips", {"export_type": ExportType.ZIP}),
    ):
        made = export(place, **{"output_export_type": OutputExportType.ZIP, **options})
        assert made.endswith(".zip")

    if not hasattr(kinds, "DatasetExportVersion"):
        return  # an SDK from before the third version
    full = export("full", export_version=kinds.DatasetExportVersion.V3, partition_count=2)
    assert [record["filename"] for record in full.iter_records()] == ["/a.png", "/b.png"]
    assert len(full.files) == 2
    upload(dataset, "c.png")
    rest = export(
        "rest",
        export_version=kinds.DatasetExportVersion.V3,
        export_mode=kinds.ExportMode.DIFF,
        from_version=full.to_version,
    )
    assert [record["filename"] for record in rest.iter_records()] == ["/c.png"]


# Links


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """The address of an image on a server of its own."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(image())))
            self.end_headers()
            self.wfile.write(image())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/picture.png"
    server.shutdown()
    thread.join()
    server.server_close()


def test_addresses_are_uploaded_or_linked(dl: Any, project: Any, elsewhere: str, inside: Path) -> None:
    dataset = fresh(project)
    copied = dataset.items.upload(local_path=elsewhere)
    link = dataset.items.upload(local_path=dl.UrlLink(ref=elsewhere, mimetype="image/png", name="link"))

    assert (copied.filename, copied.width) == ("/picture.png", 32)
    assert (link.filename, link.mimetype) == ("/link_link.json", "image/png")
    assert link.metadata["system"]["shebang"]["linkInfo"]["ref"] == elsewhere
    path = dataset.items.get(item_id=link.id).download(local_path=str(inside))
    assert Path(path).read_bytes() == image()


def test_an_item_is_linked(dl: Any, project: Any) -> None:
    dataset = fresh(project)
    source = upload(dataset)
    link = dataset.items.upload(local_path=dl.ItemLink(ref=source.id, dataset_id=dataset.id, name="link"))

    assert link.metadata["system"]["shebang"]["linkInfo"] == {"type": "id", "ref": source.id, "datasetId": dataset.id}
    assert dataset.items.upload(local_path=source).filename == "/a.png_link.json"
