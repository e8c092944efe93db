"""What bad input about items, annotations and datasets gets: a status, a message, and nothing written."""

from __future__ import annotations

from typing import Any

import pytest
from mock_helpers import BOX, Api, image
from requests_toolbelt import MultipartEncoder

from dl_mock import Platform, Request

UNKNOWN = "65aa000000000000000000ff"


@pytest.fixture
def stocked(platform: Platform) -> Platform:
    """A platform with an annotated image and a text in a directory."""
    dataset = {"id": "65aa00000000000000000002", "name": "dataset"}
    items = [
        {"id": "65aa00000000000000000003", "filename": "/a.png", "annotations": [BOX]},
        {"id": "65aa00000000000000000004", "filename": "/dir/t.txt"},
    ]
    platform.load_scene({"datasets": [dataset], "items": items})
    return platform


DATASET, ITEM = "/datasets/65aa00000000000000000002", "/items/65aa00000000000000000003"


def everything(platform: Platform) -> dict[str, Any]:
    """All that a platform holds but the bytes."""
    names = ("projects", "datasets", "items", "annotations", "recipes", "ontologies", "commands", "feature_vectors")
    return {name: list(platform.state.all(name)) for name in names}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("POST", f"{ITEM}/annotations", "text", 400, "must be a JSON object"),
        ("POST", f"{ITEM}/annotations", [1], 400, "element 0"),
        ("POST", f"{ITEM}/annotations", [BOX, {}], 400, "annotation 1"),
        ("POST", f"{ITEM}/annotations", {**BOX, "label": 5}, 400, "label"),
        ("POST", f"{ITEM}/annotations", {**BOX, "metadata": {"system": 5}}, 400, "metadata.system"),
        ("POST", f"/items/{UNKNOWN}/annotations", BOX, 404, UNKNOWN),
        ("PUT", f"/annotations/{UNKNOWN}", {}, 404, UNKNOWN),
        ("DELETE", f"/annotations/{UNKNOWN}", {}, 404, UNKNOWN),
        ("PATCH", ITEM, [], 400, "must be a JSON object"),
        ("PATCH", ITEM, {"metadata": 5}, 400, "metadata"),
        ("PATCH", ITEM, {"filename": "/../../a"}, 400, "'..'"),
        ("PATCH", ITEM, {"filename": "/"}, 400, "must have a name"),
        ("PATCH", ITEM, {"filename": "/dir/t.txt"}, 400, "has an item at"),
        ("PATCH", ITEM, {"filename": "/dir/t.txt/below.png"}, 400, "/dir/t.txt is a file"),
        ("PATCH", ITEM, {"name": "a/b.png"}, 400, "no '/'"),
        ("POST", f"{ITEM}/clone", {"targetDatasetId": UNKNOWN}, 404, UNKNOWN),
        ("POST", f"{ITEM}/clone", {"remoteFileName": "/x/../../y"}, 400, "'..'"),
        ("PUT", f"{DATASET}{ITEM}", ["65aa00000000000000000004"], 400, "no directory"),
        ("POST", f"{DATASET}/clone", {"cloneDatasetParams": {"withMetadata": "yes"}}, 400, "withMetadata"),
        ("POST", f"{DATASET}/clone", {"cloneDatasetParams": {"targetDirectory": "/../x"}}, 400, "'..'"),
        ("POST", f"{DATASET}/clone", {"name": "x", "filter": {"filter": {"$or": 5}}}, 400, "$or"),
        ("POST", f"{DATASET}/split", {"MLSplitList": {"train": 50, "holdout": 50}}, 400, "holdout"),
        ("POST", f"{DATASET}/split", {"MLSplitList": {"train": "all"}}, 400, "MLSplitList"),
        ("POST", f"{DATASET}/export/v3", {"mode": "diff"}, 400, "fromVersion"),
        ("POST", f"{DATASET}/imports", [{"filename": "/a.png"}], 400, "storageId"),
        ("POST", f"{DATASET}/items/collections", {"name": ""}, 400, "name"),
        ("POST", "/datasets", {"name": "x", "projects": [UNKNOWN]}, 403, UNKNOWN),
        ("POST", "/datasets", {"name": 5, "projects": []}, 400, "name"),
        ("POST", "/datasets/merge", {"name": "x", "datasetsIds": [UNKNOWN]}, 404, UNKNOWN),
        ("POST", "/ontologies", {"projectIds": [UNKNOWN]}, 403, UNKNOWN),
        ("GET", f"/datasets/{UNKNOWN}{ITEM}", None, 404, UNKNOWN),
        ("GET", "/recipes?pageSize=many", None, 400, "pageSize"),
    ],
)
def test_bad_input_is_named_and_writes_nothing(
    method: str, path: str, body: Any, status: int, said: str, stocked: Platform, api: Api
) -> None:
    before = everything(stocked)

    answer = api.call(method, path, body)

    assert answer.status == status, answer.json()
    assert said in answer.json()["message"]
    assert everything(stocked) == before


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({"file": ("a", b"1")}, "'path'", id="no-path"),
        pytest.param({"path": "/b.png"}, "'file'", id="no-file"),
        pytest.param({"path": "/b.png", "type": "link", "file": ("a", b"1")}, "type must be", id="type"),
        pytest.param({"path": "/a/../../b.png", "file": ("a", b"1")}, "'..'", id="dots"),
        pytest.param({"path": "\\..\\b.png", "file": ("a", b"1")}, "'..'", id="backslashes"),
        pytest.param({"path": "/a\0.png", "file": ("a", b"1")}, "control characters", id="nul"),
        pytest.param({"path": "/" + "n" * 300, "file": ("a", b"1")}, "at most", id="long-name"),
        pytest.param({"path": "/n" * 600, "file": ("a", b"1")}, "at most", id="long-path"),
        pytest.param({"path": "/", "file": ("a", b"1")}, "must have a name", id="root"),
        pytest.param({"path": "/dir", "file": ("a", b"1")}, "of the type 'dir'", id="directory"),
        pytest.param({"path": "/a.png", "type": "dir"}, "of the type 'file'", id="file"),
        pytest.param({"path": "/a.png/b.png", "file": ("a", b"1")}, "/a.png is a file", id="below-a-file"),
        pytest.param({"path": "/b.png", "metadata": "[1]", "file": ("a", b"1")}, "JSON object", id="metadata-list"),
        pytest.param({"path": "/b.png", "metadata": "{", "file": ("a", b"1")}, "not JSON", id="metadata-broken"),
    ],
)
def test_a_bad_upload_is_named_and_writes_nothing(
    fields: dict[str, Any], said: str, stocked: Platform, api: Api
) -> None:
    before = everything(stocked)
    form = MultipartEncoder(fields)
    headers = {**api.headers, "content-type": form.content_type}

    answer = stocked.handle(Request.of("POST", f"{DATASET}/items", headers, form.read()))

    assert answer.status == 400, answer.json()
    assert said in answer.json()["message"]
    assert everything(stocked) == before


def test_a_truncated_upload_writes_nothing(stocked: Platform, api: Api) -> None:
    before = everything(stocked)
    form = MultipartEncoder({"type": "file", "path": "/b.png", "file": ("b.png", image())})
    headers, body = {**api.headers, "content-type": form.content_type}, form.read()

    for length in range(0, len(body) - 4, 7):
        answer = stocked.handle(Request.of("POST", f"{DATASET}/items", headers, body[:length]))
        assert answer.status == 400, (length, answer.json())
    assert everything(stocked) == before


@pytest.mark.parametrize(
    ("asked", "status", "content"),
    [
        ("bytes=2-4", 206, b"234"),
        ("bytes=7-", 206, b"789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=0-99", 206, b"0123456789"),
        ("bytes=20-", 416, b""),
        ("bytes=-0", 416, b""),
        ("bytes=4-2", 200, b"0123456789"),
        ("bytes=-", 200, b"0123456789"),
        ("lines=1-2", 200, b"0123456789"),
    ],
)
def test_a_range_out_of_bounds_is_told(asked: str, status: int, content: bytes, stocked: Platform, api: Api) -> None:
    item = api.upload("65aa00000000000000000002", "/n.txt", b"0123456789").json()

    answer = stocked.handle(Request.of("GET", f"/items/{item['id']}/stream", {**api.headers, "range": asked}))

    assert (answer.status, answer.body) == (status, content)
    assert ("content-range" in answer.headers) is (status != 200)
