"""The platform as one function: what it answers, what it notes, and what it says when it cannot."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

import jwt
import pytest
from mock_helpers import BOX, Api, image
from requests_toolbelt import MultipartEncoder

from dl_mock import Platform, Request
from dl_mock.platform import JournalEntry
from dl_mock.query import compiled
from dl_mock.routes import ROUTES


@pytest.fixture
def item(platform: Platform) -> dict[str, Any]:
    """An annotated item in a dataset of its own."""
    platform.load_scene({"items": [{"filename": "/a.png", "annotations": [BOX]}]})
    return platform.state.find("items", type="file")[0]


def test_a_path_may_begin_with_the_version_of_the_api(api: Api, item: dict[str, Any]) -> None:
    assert api.get(f"/api/v1/items/{item['id']}") == api.get(f"/items/{item['id']}")


# Unknown calls


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        pytest.param(
            "POST",
            "/dataset/x/items",
            "no route for POST /dataset/x/items; closest: POST /datasets/{dataset_id}/items, "
            "GET /datasets/{dataset_id}/items, POST /datasets/{dataset_id}/imports; `dl-mock routes` lists all",
            id="near-miss",
        ),
        pytest.param(
            "POST",
            "/items/x",
            "no route for POST /items/x; this path has DELETE, GET, PATCH",
            id="other-method",
        ),
    ],
)
def test_a_call_without_a_route_is_told_the_nearest(
    method: str, path: str, said: str, platform: Platform, api: Api
) -> None:
    answer = api.call(method, path)

    assert (answer.status, answer.json()) == (501, {"message": said})
    assert [(entry.method, entry.path, entry.route) for entry in platform.unmatched] == [(method, path, None)]


def test_every_route_tells_its_evidence() -> None:
    assert [route.template for route in ROUTES if not route.evidence] == []


# Tokens


def token(**claims: Any) -> dict[str, str]:
    encoded = jwt.encode(claims, "another key that is long enough to be one", algorithm="HS256")
    return {"authorization": f"Bearer {encoded}"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 401, id="none"),
        pytest.param({"authorization": "Basic abc"}, 401, id="basic"),
        pytest.param({"authorization": "Bearer not-a-token"}, 401, id="undecodable"),
        pytest.param(token(exp=1, email="a@b"), 401, id="expired"),
        pytest.param(token(email="a@b"), 401, id="without-expiry"),
        pytest.param(token(exp=4e9, email="a@b"), 200, id="of-someone-else"),
    ],
)
def test_a_token_must_be_decodable_and_unexpired(headers: dict[str, str], status: int, platform: Platform) -> None:
    assert platform.handle(Request.of("GET", "/users/me", headers)).status == status


def test_strict_auth_accepts_only_the_token_issued() -> None:
    platform = Platform(strict_auth=True)

    assert Api(platform).get("/users/me").status == 200
    assert platform.handle(Request.of("GET", "/users/me", token(exp=4e9, email="a@b"))).status == 401


def test_the_token_is_a_jwt_with_an_address_and_a_late_expiry(platform: Platform) -> None:
    claims = jwt.decode(platform.token, options={"verify_signature": False})

    assert claims["email"] == "user@dl-mock.local"
    assert claims["exp"] > 4e9


# Errors


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/items/some_id", 400),
        ("DELETE", "/items/some_id", 400),
        ("GET", "/items/65aa000000000000000000ff", 404),
        ("GET", "/annotations/some_id", 400),
        ("GET", "/annotations/65aa000000000000000000ff", 404),
        ("GET", "/ontologies/some_id", 400),
        ("GET", "/projects/some_id", 404),
        ("GET", "/datasets/some_id", 404),
        ("GET", "/ml/models/some_id", 404),
        ("GET", "/commands/some_id", 404),
        ("GET", "/packages/some_id", 404),
        ("POST", "/datasets/some_id/query", 404),
    ],
)
def test_an_id_that_names_nothing_has_its_status(method: str, path: str, status: int, api: Api) -> None:
    answer = api.call(method, path)

    assert answer.status == status
    assert "some_id" in answer.json()["message"] or "65aa000000000000000000ff" in answer.json()["message"]


@pytest.mark.parametrize("body", [b"{", b"[1]", b'"text"', b"\xff"], ids=["broken", "list", "text", "bytes"])
def test_a_body_that_is_no_object_is_a_bad_request(body: bytes, api: Api, item: dict[str, Any]) -> None:
    answer = api.platform.handle(Request.of("POST", f"/datasets/{item['datasetId']}/query", api.headers, body))

    assert answer.status == 400
    assert re.search("not JSON|must be a JSON object", answer.json()["message"])


@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"a":' * 500 + b"1" + b"}" * 500, b"\xff\xfe"])
@pytest.mark.parametrize(
    "kind",
    [
        *("application/json", "application/x-www-form-urlencoded", "multipart/form-data"),
        "multipart/form-data; boundary=x",
    ],
)
def test_no_bytes_make_a_route_fail(body: bytes, kind: str) -> None:
    platform = Platform()
    platform.load_scene(STOCK)
    api = Api(platform)
    before = {name: platform.state.all(name) for name in STOCK}
    without_body = (
        *("/token", "/sdk/check", f"/ml/models/{KNOWN['model_id']}/embed/datasets"),
        f"/datasets/{KNOWN['dataset_id']}/sync",
    )
    for route in ROUTES:
        path = re.sub(r"\{(\w+)\}", lambda found: KNOWN.get(found[1], "other"), route.template)

        answer = platform.handle(Request.of(route.method, path, {**api.headers, "content-type": kind}, body))

        assert answer.status != 500, (route.method, path, answer.json())
        if kind == "application/json" and route.method not in ("GET", "DELETE") and path not in without_body:
            assert answer.status in (400, 404), (route.method, path, answer.json())
        for name, rows in before.items():
            for row in rows:
                platform.state.put(name, row)


@pytest.mark.parametrize("part", [b"\xff\xfe", b"[" * 200_000])
def test_a_field_of_a_form_that_cannot_be_read_is_a_bad_request(part: bytes, api: Api, item: dict[str, Any]) -> None:
    form = MultipartEncoder({"path": "/x.bin", "metadata": part, "file": ("x.bin", b"x")})
    headers = {**api.headers, "content-type": form.content_type}

    answer = api.platform.handle(Request.of("POST", f"/datasets/{item['datasetId']}/items", headers, form.read()))

    assert answer.status == 400


def test_a_json_item_may_be_anything(api: Api, item: dict[str, Any]) -> None:
    assert api.upload(item["datasetId"], "/deep.json", b"[" * 200_000).status == 200


@pytest.mark.parametrize("size", ["1e999", "NaN", "-1e999"])
def test_a_page_size_that_is_no_number_is_a_bad_request(size: str, api: Api, item: dict[str, Any]) -> None:
    body = f'{{"pageSize": {size}}}'.encode()

    answer = api.platform.handle(Request.of("POST", f"/datasets/{item['datasetId']}/query", api.headers, body))

    assert answer.status == 400


def test_a_fault_of_the_platform_is_an_answer(api: Api, item: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("lost")

    monkeypatch.setattr(api.platform.state, "read", fail)

    answer = api.get(f"/items/{item['id']}/stream")

    assert (answer.status, answer.json()["message"]) == (500, "the mock platform failed: RuntimeError: lost")


WORDS = (
    *("filter", "page", "pageSize", "sort", "select", "join", "on", "resource", "local", "forigen", "context"),
    *("update", "delete", "intersect", "except", "query", "updateQuery", "systemSpace", "MLSplitList"),
    *("$and", "$or", "$in", "$gt", "$match", "$euclid", "input"),
    *("type", "label", "metadata", "system", "user", "id", "name", "filename", "status", "value", "artifacts"),
    *("featureSetId", "entityId", "modelId", "projectId", "project", "figure", "collections", "configuration"),
    *("cloneDatasetParams", "targetDatasetId", "itemsQuery", "annotationsQuery", "annotations", "projects"),
)
STOCK = {
    "projects": [{"id": "65aa00000000000000000001"}],
    "datasets": [{"id": "65aa00000000000000000002"}],
    "items": [
        {
            "id": "65aa00000000000000000003",
            "filename": "/a.txt",
            "annotations": [{**BOX, "id": "65aa00000000000000000004"}],
        }
    ],
    "models": [{"id": "65aa00000000000000000005", "labels": ["cat"], "datasetId": "65aa00000000000000000002"}],
    "feature_sets": [{"id": "65aa00000000000000000006"}],
    "executions": [{"id": "65aa00000000000000000007", "latestStatus": {}, "status": []}],
}
KNOWN = {
    "project_id": "65aa00000000000000000001",
    "dataset_id": "65aa00000000000000000002",
    "item_id": "65aa00000000000000000003",
    "dir_id": "65aa00000000000000000003",
    "annotation_id": "65aa00000000000000000004",
    "model_id": "65aa00000000000000000005",
    "set_id": "65aa00000000000000000006",
    "execution_id": "65aa00000000000000000007",
}


def anything(random: Random, depth: int = 0) -> Any:
    """Some JSON made of words the API knows."""
    if depth > 4 or random.random() < 0.45:
        return random.choice([None, True, 0, -1, 2.5, "", "x", "a.b", "box", [], random.choice(WORDS), *KNOWN.values()])
    if random.random() < 0.3:
        return [anything(random, depth + 1) for _ in range(random.randint(0, 2))]
    return {random.choice(WORDS): anything(random, depth + 1) for _ in range(random.randint(0, 4))}


@pytest.mark.parametrize("seed", range(8))
def test_no_json_makes_the_platform_fail(seed: int) -> None:
    random = Random(seed)
    for route in [route for route in ROUTES if route.method != "GET"] * 5:
        platform = Platform()
        platform.load_scene(STOCK)
        path = re.sub(r"\{(\w+)\}", lambda found: KNOWN.get(found[1], "other"), route.template)
        for _ in range(3):
            body = {word: anything(random, 1) for word in random.sample(WORDS, random.randint(1, 8))}

            answer = Api(platform).call(route.method, path, body)

            assert answer.status != 500, (route.method, path, body, answer.json())


# Notes


def test_the_journal_tells_what_was_asked_and_answered(api: Api, item: dict[str, Any]) -> None:
    heard: list[JournalEntry] = []
    api.platform.on_request(heard.append)

    api.patch(f"/items/{item['id']}?system=true", {"metadata": {}})

    (entry,) = heard
    assert (entry.sequence, entry.method, entry.path) == (0, "PATCH", f"/items/{item['id']}")
    assert (entry.route, entry.query, entry.status) == ("/items/{item_id}", {"system": "true"}, 200)
    assert entry.bytes_in == len('{"metadata": {}}')
    assert entry.bytes_out > 100
    assert api.platform.journal == heard


def test_listeners_are_called_without_the_lock(api: Api, item: dict[str, Any]) -> None:
    import threading

    answered: list[int] = []

    def ask_from_elsewhere(entry: JournalEntry) -> None:
        if entry.path.startswith("/items"):
            thread = threading.Thread(target=lambda: answered.append(api.get("/users/me").status))
            thread.start()
            thread.join(5)

    api.platform.on_request(ask_from_elsewhere)
    api.get(f"/items/{item['id']}")

    assert answered == [200]


# Items


def test_an_uploaded_image_tells_its_size(api: Api, item: dict[str, Any]) -> None:
    answer = api.upload(item["datasetId"], "/new/dir.1/b.png", image(10, 20), metadata='{"user": {"a": 1}}')

    made = answer.json()
    system = made["metadata"]["system"]
    assert answer.headers["x-item-op"] == "created"
    assert (made["dir"], made["name"], made["hidden"], made["annotated"]) == ("/new/dir.1", "b.png", False, False)
    assert (system["width"], system["height"], system["channels"]) == (10, 20, 3)
    assert (system["mimetype"], system["encoding"], system["originalname"]) == ("image/png", "7bit", "b.png")
    assert made["metadata"]["user"] == {"a": 1}
    assert made["stream"].endswith(f"/items/{made['id']}/stream")
    dirs = api.query({"filter": {"type": "dir"}, "sort": {"filename": "ascending"}})["items"]
    assert [found["filename"] for found in dirs] == ["/new", "/new/dir.1"]


def test_a_corrupt_image_has_no_size(api: Api, item: dict[str, Any]) -> None:
    system = api.upload(item["datasetId"], "/b.png", b"no image").json()["metadata"]["system"]

    assert system["size"] == 8
    assert "width" not in system


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_an_image_tells_how_it_lies(form: str, api: Api, item: dict[str, Any]) -> None:
    path = f"/lying.{form.lower()}"
    made = api.upload(item["datasetId"], path, image(10, 20, form=form, orientation=6)).json()
    other = api.upload(item["datasetId"], path, image(10, 20, form=form), mode="overwrite").json()

    system = made["metadata"]["system"]
    assert (system["width"], system["height"], system["exif"]["Orientation"]) == (10, 20, 6)
    assert other["metadata"]["system"]["exif"].get("Orientation", 1) == 1


def test_an_image_with_broken_exif_has_a_size(api: Api, item: dict[str, Any]) -> None:
    broken = image(10, 20, form="JPEG", orientation=6).replace(b"MM\x00*", b"\xff\xff\xff\xff")

    system = api.upload(item["datasetId"], "/b.jpg", broken).json()["metadata"]["system"]

    assert system["width"] == 10
    assert system["exif"] == {}


def test_an_item_below_a_dot_is_hidden(api: Api, item: dict[str, Any]) -> None:
    assert api.upload(item["datasetId"], "/.modelscores/a.csv", b"x").json()["hidden"] is True
    assert api.query({"filter": {"$and": [{"hidden": False}, {"type": "file"}]}})["totalItemsCount"] == 1


def test_skip_gives_the_item_that_is_there(api: Api, item: dict[str, Any]) -> None:
    answer = api.upload(item["datasetId"], "/a.png", b"other")

    assert answer.json()["id"] == item["id"]
    assert answer.headers["x-item-op"] == "skip"
    assert api.platform.state.read(item["id"]) != b"other"


def test_overwrite_keeps_the_id_and_the_annotations(api: Api, item: dict[str, Any]) -> None:
    answer = api.upload(item["datasetId"], "/a.png", image(5, 6), mode="overwrite")

    made = answer.json()
    assert (made["id"], made["annotationsCount"], made["metadata"]["system"]["width"]) == (item["id"], 1, 5)
    assert answer.headers["x-item-op"] == "overwrite"


def test_overwrite_can_make_a_new_item() -> None:
    platform = Platform(overwrite_keeps_item=False)
    platform.load_scene({"items": [{"filename": "/a.png", "annotations": [BOX]}]})
    (item,) = platform.state.find("items", type="file")

    made = Api(platform).upload(item["datasetId"], "/a.png", image(5, 6), mode="overwrite").json()

    assert made["id"] != item["id"]
    assert platform.state.count("annotations") == 0


@pytest.mark.parametrize(
    ("asked", "status", "body", "told"),
    [
        pytest.param(None, 200, b"0123456789", None, id="all"),
        pytest.param("bytes=0-", 206, b"0123456789", "bytes 0-9/10", id="from-start"),
        pytest.param("bytes=7-", 206, b"789", "bytes 7-9/10", id="rest"),
        pytest.param("bytes=2-4", 206, b"234", "bytes 2-4/10", id="part"),
        pytest.param("bytes=8-99", 206, b"89", "bytes 8-9/10", id="beyond"),
        pytest.param("bytes=10-", 416, b"", "bytes */10", id="nothing-left"),
        pytest.param("lines=1-", 200, b"0123456789", None, id="other-unit"),
    ],
)
def test_a_stream_can_begin_anywhere(
    asked: str | None, status: int, body: bytes, told: str | None, api: Api, item: dict[str, Any]
) -> None:
    made = api.upload(item["datasetId"], "/digits.bin", b"0123456789").json()
    headers = {**api.headers, **({"range": asked} if asked else {})}

    answer = api.platform.handle(Request.of("GET", f"/items/{made['id']}/stream", headers))

    assert (answer.status, answer.body, answer.headers.get("content-range")) == (status, body, told)


def test_a_change_merges_and_null_removes(api: Api, item: dict[str, Any]) -> None:
    path = f"/items/{item['id']}"
    api.patch(path, {"metadata": {"user": {"a": {"b": 1, "c": [1, 2]}, "d": 1}}})

    changed = api.patch(path, {"metadata": {"user": {"a": {"c": [3]}, "d": None}}}).json()

    assert changed["metadata"]["user"] == {"a": {"b": 1, "c": [3]}}
    assert changed["updatedAt"] > item["updatedAt"]


def test_deleting_an_item_takes_what_belongs_to_it(api: Api, item: dict[str, Any]) -> None:
    platform = api.platform
    platform.load_scene(
        {
            "feature_sets": [{"id": "65aa00000000000000000006"}],
            "feature_vectors": [{"featureSetId": "65aa00000000000000000006", "entityId": item["id"], "value": [1.0]}],
        }
    )

    assert api.delete(f"/items/{item['id']}").status == 204
    assert [platform.state.count(name) for name in ("items", "annotations", "feature_vectors")] == [0, 0, 0]
    assert platform.state.read(item["id"]) == b""


def test_moving_a_directory_takes_along_what_is_in_it(api: Api, item: dict[str, Any]) -> None:
    made = api.upload(item["datasetId"], "/old/deep/b.txt", b"b").json()
    (old,) = api.query({"filter": {"filename": "/old"}})["items"]

    api.patch(f"/items/{old['id']}", {"filename": "/new"})

    assert api.get(f"/items/{made['id']}").json()["filename"] == "/new/deep/b.txt"
    assert api.query({"filter": {"filename": "/old*"}})["totalItemsCount"] == 0


def test_a_path_that_is_taken_cannot_be_moved_to(api: Api, item: dict[str, Any]) -> None:
    api.upload(item["datasetId"], "/b.png", b"b")

    answer = api.patch(f"/items/{item['id']}", {"filename": "/b.png"})

    assert answer.status == 400
    assert answer.json()["message"].endswith("has an item at /b.png")


# Annotations


def test_annotations_come_back_in_order_and_complete(api: Api, item: dict[str, Any]) -> None:
    given = [{**BOX, "label": label, "id": None, "creator": None, "hash": None} for label in "abc"]

    added = api.post(f"/items/{item['id']}/annotations", given).json()

    assert [one["label"] for one in added] == ["a", "b", "c"]
    wanted = {"id", "url", "type", "label", "attributes", "coordinates", "metadata", "creator", "createdAt"}
    wanted |= {"updatedAt", "updatedBy", "itemId", "item", "datasetId", "dataset", "hash", "source"}
    assert wanted <= {key for key, value in added[0].items() if value is not None}
    assert re.fullmatch("[0-9a-f]{40}", added[0]["hash"])


def test_one_annotation_is_answered_with_one(api: Api, item: dict[str, Any]) -> None:
    added = api.post(f"/items/{item['id']}/annotations", {**BOX, "metadata": {"system": {"automated": True}}}).json()

    assert added["metadata"]["system"] == {"automated": True}
    assert api.get(f"/items/{item['id']}").json()["annotationsCount"] == 2


def test_attributes_are_changed_one_by_one_or_cleared(api: Api, item: dict[str, Any]) -> None:
    (annotation,) = api.platform.state.all("annotations")

    def change(**attributes: Any) -> Any:
        body = {"metadata": {"system": {"attributes": attributes}}}
        return api.put(f"/annotations/{annotation['id']}?system=true", body).json()["metadata"]["system"]["attributes"]

    assert change(a="1", b="2") == {"a": "1", "b": "2"}
    assert change(a=None, c="3") == {"b": "2", "c": "3"}
    assert change() == {}


def test_a_change_of_system_metadata_needs_the_flag(api: Api, item: dict[str, Any]) -> None:
    (annotation,) = api.platform.state.all("annotations")
    body = {"label": "dog", "metadata": {"system": {"status": "issue", "snapshots_": []}, "user": {"a": 1}}}

    changed = api.put(f"/annotations/{annotation['id']}", body).json()

    assert (changed["label"], changed["metadata"]) == ("dog", {"system": {"snapshots_": []}, "user": {"a": 1}})


@pytest.mark.parametrize("given", [{"type": "blob", "label": "x"}, {"label": "x"}, "text", [[]]], ids=str)
def test_what_is_no_annotation_is_refused(given: Any, api: Api, item: dict[str, Any]) -> None:
    assert api.post(f"/items/{item['id']}/annotations", given).status == 400
    assert api.platform.state.count("annotations") == 1


def test_annotations_move_their_own_date_only(api: Api, item: dict[str, Any]) -> None:
    api.post(f"/items/{item['id']}/annotations", BOX)

    after = api.get(f"/items/{item['id']}").json()
    assert after["updatedAt"] == item["updatedAt"]
    assert after["annotatedAt"] > item["updatedAt"]


def test_deleting_by_query_takes_all_pages(api: Api, item: dict[str, Any]) -> None:
    api.post(f"/items/{item['id']}/annotations", [BOX] * 20)

    api.query({"filter": {"itemId": item["id"]}, "resource": "annotations", "delete": True, "pageSize": 5})

    assert api.platform.state.count("annotations") == 0
    assert api.get(f"/items/{item['id']}").json()["annotated"] is False


def test_annotations_are_deleted_by_a_list_of_ids(api: Api, item: dict[str, Any]) -> None:
    added = api.post(f"/items/{item['id']}/annotations", [BOX, BOX]).json()

    listed = {"annotationId": {"$in": [one["id"] for one in added]}}
    api.query({"filter": listed, "resource": "annotations", "delete": True})

    assert api.platform.state.count("annotations") == 1


def test_deleting_by_query_looks_at_one_item_only(api: Api, item: dict[str, Any]) -> None:
    api.platform.load_scene({"items": [{"filename": f"/{n}.txt", "annotations": [BOX] * 5} for n in range(20)]})

    found = api.platform.state.table("annotations").find(compiled({"$and": [{"itemId": item["id"]}]}))

    assert found.ids is not None
    assert [api.platform.state.get("annotations", id_)["itemId"] for id_ in found.ids] == [item["id"]]


# Models, exports, collections


def test_an_update_of_a_model_keeps_system_metadata_without_the_flag(api: Api, item: dict[str, Any]) -> None:
    api.platform.load_scene({"models": [{"name": "m", "metadata": {"system": {"subsets": {"train": 1}}}}]})
    path = f"/ml/models/{api.platform.state.all('models')[0]['id']}"
    change = {"configuration": {"a": 1}, "metadata": {"system": {}, "user": {"b": 2}}}

    without = api.patch(f"{path}?reloadServices=false", change).json()
    with_flag = api.patch(f"{path}?system=true", change).json()

    assert without["metadata"] == {"system": {"subsets": {"train": 1}}, "user": {"b": 2}}
    assert with_flag["metadata"] == {"system": {}, "user": {"b": 2}}
    assert with_flag["configuration"] == {"a": 1}


def test_an_export_filters_items_and_not_their_annotations(api: Api, item: dict[str, Any]) -> None:
    api.post(f"/items/{item['id']}/annotations", {"type": "class", "label": "dog"})
    api.upload(item["datasetId"], "/bare.png", image())
    body = {
        "exportType": "json",
        "itemsQuery": {"filter": {"type": "file"}, "join": {}},
        "annotations": {"include": True},
        "annotationsQuery": {"filter": {"$and": [{"type": "class"}]}},
    }

    answer = api.post(f"/datasets/{item['datasetId']}/export", body).json()

    entries = json.loads(api.platform.state.read(answer["spec"]["outputItemId"]))
    assert [[one["type"] for one in entry["annotations"]] for entry in entries] == [["box", "class"]]
    assert api.get(f"/commands/{answer['id']}").json() == answer


@pytest.mark.parametrize(("version", "name"), [("V1", "a.json"), ("V2", "a.png.json")])
def test_a_zip_holds_one_file_per_item(version: str, name: str, api: Api, item: dict[str, Any]) -> None:
    import io
    import zipfile

    body = {"itemsQuery": {"filter": {"type": "file"}}, "annotations": {"include": True}, "exportVersion": version}

    answer = api.post(f"/datasets/{item['datasetId']}/export", body).json()

    archive = zipfile.ZipFile(io.BytesIO(api.platform.state.read(answer["spec"]["outputItemId"])))
    assert archive.namelist() == [name]
    assert json.loads(archive.read(name))["_id"] == item["id"]


def test_models_of_a_dpk_are_checked_when_it_is_installed(api: Api, item: dict[str, Any]) -> None:
    models = [{"name": "m", "moduleName": "x", "outputType": "Image"}]
    dpk = {"name": "d", "components": {"models": models}, "context": {"project": api.project_id}}

    assert api.post("/app-registry", {**dpk, "scope": "public"}).status == 403
    assert api.post("/app-registry", dpk).status == 200
    answer = api.post("/apps", {"name": "app", "dpkName": "d", "projectId": api.project_id})

    assert answer.status == 424
    assert '"model.outputType": {"value": "Image"}' in answer.json()["message"]


def test_an_empty_update_by_query_changes_nothing(api: Api, item: dict[str, Any]) -> None:
    api.query({"filter": {"type": "file"}, "update": {}})

    assert api.platform.state.get("items", item["id"]) == item


def test_collections_mark_items(api: Api, item: dict[str, Any]) -> None:
    path = f"/datasets/{item['datasetId']}/items/collections"
    api.post(path, {"name": "first"})
    api.post(f"{path}/bulk-add", {"collections": ["first", "second"], "query": {"filter": {"type": "file"}}})
    api.patch(f"{path}/first", {"name": "renamed"})
    api.delete(f"{path}/second")

    assert api.get(path).json() == {"metadata.system.collections.c0": {"name": "renamed"}}
    assert api.get(f"/items/{item['id']}").json()["metadata"]["system"]["collections"] == {"c0": True}
    assert api.post(path, {"name": "renamed"}).status == 400
    api.post(f"{path}/bulk-remove", {"collections": ["renamed"], "query": {"filter": {}}})
    assert api.query({"filter": {"type": "file", "collections0": {"$exists": False}}})["totalItemsCount"] == 1


def test_a_dataset_is_cloned_with_its_annotations(api: Api, item: dict[str, Any]) -> None:
    answer = api.post(f"/datasets/{item['datasetId']}/clone", {"name": "copy", "filter": {"filter": {}}}).json()

    copy = api.get(f"/datasets/{answer['spec']['returnedModelId']}").json()
    assert (copy["name"], copy["itemsCount"], copy["annotationsCount"]) == ("copy", 1, 1)
    (cloned,) = api.platform.state.find("items", datasetId=copy["id"])
    assert api.platform.state.read(cloned["id"]) == api.platform.state.read(item["id"])


def test_vectors_are_counted_by_set(api: Api, item: dict[str, Any]) -> None:
    given = {"name": "f", "size": 1, "type": "emb", "project": api.project_id, "entityType": "item"}
    (made,) = api.post("/features/sets", given).json()
    vector = {"entityId": item["id"], "value": [1.0], "featureSetId": made["id"], "datasetId": item["datasetId"]}

    assert isinstance(api.post("/features/vectors", vector).json(), list)
    api.post("/features/vectors", [vector, vector])
    counts = api.post(
        "/features/vectors/project-count-aggregation", {"projectId": api.project_id, "datasetIds": []}
    ).json()

    assert counts == [{"featureSetId": made["id"], "count": 3}]
    assert api.post("/features/sets", {"name": "f"}).json()["message"] == "Missing argument 'size'"


def test_binaries_are_hidden_outside_the_system_space(api: Api, item: dict[str, Any]) -> None:
    query = {"filter": {}, "context": {"projects": [api.project_id]}, "resource": "datasets"}

    plain = [found["name"] for found in api.post("/datasets/query", query).json()["items"]]
    system = [found["name"] for found in api.post("/datasets/query", {**query, "systemSpace": True}).json()["items"]]

    assert (plain, sorted(system)) == (["Dataset"], ["Binaries", "Dataset"])
