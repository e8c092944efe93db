"""The mock's own surface: what is done to it from outside, and pages to look at it."""

from __future__ import annotations

import io
import json
import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from mock_helpers import BOX, Api, image

from dl_mock import Fault, Platform, Request, Response, Timing, connect, serve
from dl_mock.admin.drawing import draw
from dl_mock.admin.surface import OPERATIONS
from dl_mock.console import line
from dl_mock.platform import JournalEntry

NASTY = "\"><script>alert('x')</script><img src=x onerror=alert(1)>{{7*7}}"
DATASET = "65aa00000000000000000002"
MODEL = "65aa00000000000000000003"


def scene(word: str = "cat") -> dict[str, Any]:
    """One of each, with `word` wherever a text can stand."""
    mask = "data:image/png;base64,iVBORw0KGgo="
    shapes: list[dict[str, Any]] = [
        BOX,
        {"type": "segment", "coordinates": [[{"x": 1, "y": 1}, {"x": 5, "y": 1}, {"x": 5, "y": 5}]]},
        {"type": "point", "coordinates": {"x": 3, "y": 3, "z": 0}},
        {"type": "ellipse", "coordinates": {"angle": 9, "center": {"x": 9, "y": 9, "z": 0}, "rx": 4, "ry": 2}},
        {"type": "polyline", "coordinates": [[{"x": 1, "y": 1}, {"x": 5, "y": 5}]]},
        {"type": "binary", "coordinates": mask},
        {"type": "class"},
        {"type": "text", "coordinates": word},
        {"type": "box", "coordinates": {"x": word}},
        {"type": "binary", "coordinates": f"data:image/svg+xml,{word}"},
    ]
    annotations = [{**one, "label": word, "metadata": {"user": {"model": {"name": word}}}} for one in shapes]
    return {
        "projects": [{"id": "65aa00000000000000000001", "name": f"project {word}"}],
        "datasets": [{"id": DATASET, "name": f"data {word}"}],
        "items": [
            {"id": "65aa00000000000000000010", "filename": "/a.png", "annotations": annotations},
            {"id": "65aa00000000000000000011", "filename": f"/{word.replace('/', '')}.html"},
            {"id": "65aa00000000000000000012", "filename": "/t.txt", "metadata": {"user": {"said": word}}},
        ],
        "models": [{"id": MODEL, "name": word, "labels": [word], "configuration": {"a": word}, "moduleName": word}],
        "metrics": [{"modelId": MODEL, "figure": word, "legend": word, "data": {"x": n, "y": n * n}} for n in range(3)],
        "executions": [
            {
                "id": "65aa00000000000000000020",
                "functionName": word,
                "model": {"modelId": MODEL},
                "latestStatus": {"status": "failed", "message": word},
            }
        ],
        "logs": [{"executionId": "65aa00000000000000000020", "message": word}],
    }


PAGES = [
    *("/", f"/datasets/{DATASET}", "/items/65aa00000000000000000010", "/items/65aa00000000000000000011"),
    *("/items/65aa00000000000000000012", f"/models/{MODEL}", "/executions/65aa00000000000000000020", "/journal"),
]


@pytest.fixture
def stocked(platform: Platform) -> Platform:
    platform.load_scene(scene())
    return platform


def visit(platform: Platform, method: str, path: str, body: Any = None, **headers: str) -> Response:
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    return platform.handle(Request.of(method, f"/_mock{path}", headers, data))


# Operations


def test_it_tells_what_it_can_do(stocked: Platform) -> None:
    told = visit(stocked, "GET", "/api").json()

    assert {(one["method"], one["path"]) for one in told} == {
        (one.method, f"/_mock{one.template}") for one in OPERATIONS
    }
    assert all(one["does"] for one in told)


def test_it_needs_no_token_and_leaves_no_trace_in_the_journal(stocked: Platform) -> None:
    assert visit(stocked, "GET", "/state").json()["documents"]["items"] == 3
    assert stocked.journal == []


def test_a_reset_leads_back_to_the_starting_state(stocked: Platform) -> None:
    api = Api(stocked)
    api.delete("/items/65aa00000000000000000010")
    api.upload(DATASET, "/new.txt", b"new")
    stocked.faults.add(Fault(status=500))
    before = stocked.new_id()

    visit(stocked, "POST", "/reset")

    assert {item["id"] for item in stocked.state.find("items", type="file")} == {
        f"65aa000000000000000000{n}" for n in (10, 11, 12)
    }
    assert (stocked.journal, stocked.faults.told()) == ([], [])
    assert stocked.new_id() > before


def test_a_snapshot_can_be_loaded_elsewhere(stocked: Platform) -> None:
    Api(stocked).upload(DATASET, "/up/b.png", image())
    answer = visit(stocked, "GET", "/snapshot")
    other = Platform()
    other.load_scene({"projects": [{"name": "old"}]})

    told = visit(other, "POST", "/load?replace=true", answer.body).json()

    assert told["documents"] == visit(stocked, "GET", "/state").json()["documents"]
    (made,) = other.state.find("items", filename="/up/b.png")
    assert other.state.read(made["id"]) == image()
    assert other.state.all("annotations") == stocked.state.all("annotations")


def test_a_scene_can_be_added_as_json(stocked: Platform) -> None:
    assert visit(stocked, "POST", "/load", {"datasets": [{"name": "more"}]}).status == 200
    assert [one["name"] for one in stocked.state.find("datasets", name="more")] == ["more"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param(b"{", "not JSON", id="broken"),
        pytest.param(b"[1]", "must be a JSON object", id="list"),
        pytest.param({"itmes": []}, "unknown list 'itmes'", id="unknown-list"),
        pytest.param({"items": [{"file": "/etc/hostname"}]}, "cannot have a 'file'", id="file-of-the-machine"),
        pytest.param(b"PK\x03\x04 broken", "zip", id="broken-zip"),
    ],
)
@pytest.mark.parametrize("query", ["", "?replace=true"])
def test_a_scene_with_a_fault_changes_nothing(body: Any, said: str, query: str, stocked: Platform) -> None:
    before = visit(stocked, "GET", "/state").json()

    answer = visit(stocked, "POST", f"/load{query}", body)

    assert answer.status == 400
    assert said in answer.json()["message"]
    assert visit(stocked, "GET", "/state").json() == before


def test_a_zip_cannot_name_files_of_the_machine(stocked: Platform, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        archive.writestr("scene.json", json.dumps({"items": [{"filename": "/x.txt", "file": str(secret)}]}))

    answer = visit(stocked, "POST", "/load", output.getvalue())

    assert answer.status == 400
    assert "is not in the zip" in answer.json()["message"]


def test_the_journal_can_be_read_in_parts_and_emptied(stocked: Platform) -> None:
    api = Api(stocked)
    for _ in range(3):
        api.get("/users/me")
    api.get(f"/datasets/{DATASET}")

    told = visit(stocked, "GET", "/requests?after=2&limit=5").json()
    of_route = visit(stocked, "GET", "/requests?route=/users/me").json()["entries"]

    assert (told["total"], [one["path"] for one in told["entries"]]) == (4, ["/users/me", f"/datasets/{DATASET}"])
    assert len(of_route) == 3
    assert visit(stocked, "GET", "/requests?after=x").status == 400
    visit(stocked, "DELETE", "/requests")
    assert stocked.journal == []


def test_settings_and_timing_change_while_it_runs(stocked: Platform) -> None:
    assert visit(stocked, "PATCH", "/settings", {"duplicate_metrics": "replaced"}).status == 200
    assert visit(stocked, "PATCH", "/timing", {"commands": "manual"}).json()["timing"]["commands"] == "manual"

    assert stocked.settings.duplicate_metrics == "replaced"
    wrong = visit(stocked, "PATCH", "/settings", {"duplicate_metric": "kept"})
    assert (wrong.status, "did you mean 'duplicate_metrics'" in wrong.json()["message"]) == (400, True)
    assert visit(stocked, "PATCH", "/settings", {"duplicate_metrics": "x"}).status == 400
    assert visit(stocked, "PATCH", "/timing", {"commands": -1}).status == 400


def test_routes_are_listed_with_counts(stocked: Platform) -> None:
    told = visit(stocked, "GET", "/routes").json()

    assert told["counts"]["routes"] == len(told["routes"]) > 100
    assert all(one["evidence"] for one in told["routes"])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("POST", "/state", 404), ("GET", "/items/none", 404), ("GET", "/journal?only=x", 400)],
)
def test_what_is_not_there_is_told(method: str, path: str, status: int, stocked: Platform) -> None:
    answer = visit(stocked, method, path)

    assert answer.status == status
    assert answer.json()["message"]


# Who may ask


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"host": "127.0.0.1:80"}, 200, id="loopback"),
        pytest.param({"host": "[::1]:80"}, 200, id="loopback-6"),
        pytest.param({"host": "localhost:80", "origin": "http://localhost:80"}, 200, id="own-page"),
        pytest.param({"host": "evil.example:80"}, 403, id="a-name-that-leads-here"),
        pytest.param({"host": "127.0.0.1:80", "origin": "http://evil.example"}, 403, id="page-of-another-site"),
        pytest.param({"host": "127.0.0.1:80", "origin": "null"}, 403, id="page-without-a-site"),
    ],
)
def test_other_sites_cannot_use_it(headers: dict[str, str], status: int, stocked: Platform) -> None:
    assert visit(stocked, "POST", "/reset", **headers).status == status


def test_it_can_be_turned_off(stocked: Platform) -> None:
    stocked.admin = False

    assert visit(stocked, "GET", "/").status == 403


# Faults


def test_a_fault_happens_as_often_as_asked(stocked: Platform) -> None:
    api = Api(stocked)
    visit(stocked, "POST", "/faults", {"route": "/users/me", "status": 503, "message": "gone", "times": 2})

    answers = [api.get("/users/me") for _ in range(3)]

    assert [one.status for one in answers] == [503, 503, 200]
    assert answers[0].json()["message"] == "gone"
    assert stocked.faults.told() == []


@pytest.mark.parametrize(
    ("fault", "statuses"),
    [
        pytest.param({"route": "/items/{item_id}"}, [500, 200, 200], id="template"),
        pytest.param({"route": "/items/*"}, [500, 500, 200], id="path"),
        pytest.param({"route": "/items/*", "method": "get"}, [500, 500, 200], id="method"),
        pytest.param({"method": "POST"}, [200, 200, 200], id="other-method"),
    ],
)
def test_a_fault_can_be_of_some_routes(fault: dict[str, Any], statuses: list[int], stocked: Platform) -> None:
    stocked.faults.add(Fault(**fault, status=500, times=None))
    id_ = "65aa00000000000000000010"

    asked = [f"/items/{id_}", f"/items/{id_}/stream", f"/datasets/{DATASET}"]

    assert [Api(stocked).get(path).status for path in asked] == statuses


@pytest.mark.parametrize(
    "wrong",
    [
        *(
            {},
            {"status": 200},
            {"status": "500"},
            {"delay": -1},
            {"delay": True},
            {"drop": 1},
            {"times": 0, "drop": True},
        ),
        *(
            {"rout": "/x", "status": 500},
            {"status": 500, "route": ""},
            {"command": 1},
            {"status": 500, "message": None},
        ),
    ],
    ids=str,
)
def test_what_is_no_fault_is_refused(wrong: dict[str, Any], stocked: Platform) -> None:
    answer = visit(stocked, "POST", "/faults", wrong)

    assert (answer.status, stocked.faults.told()) == (400, [])
    assert answer.json()["message"]


def test_a_dropped_answer_closes_the_connection(stocked: Platform) -> None:
    stocked.faults.add(Fault(route="/users/me", drop=True, times=None))
    with serve(stocked) as server, pytest.raises(requests.ConnectionError):
        requests.get(f"{server.url}/users/me", headers=Api(stocked).headers, timeout=10)


@pytest.mark.parametrize("transport", ["responses", "http"])
def test_the_sdk_meets_faults(transport: Any, stocked: Platform) -> None:
    with connect(stocked, transport=transport):
        import dtlpy as dl

        stocked.faults.add(Fault(route="/datasets/{dataset_id}", status=500, message="broken"))
        with pytest.raises(dl.exceptions.InternalServerError, match="broken"):
            dl.datasets.get(dataset_id=DATASET)
        stocked.faults.add(Fault(route="/datasets/{dataset_id}", delay=0.01))
        assert dl.datasets.get(dataset_id=DATASET).id == DATASET


# Time


def test_a_clone_takes_the_time_it_is_given() -> None:
    platform = Platform(timing=Timing(cloning="manual"))
    platform.load_scene(scene())
    made = Api(platform).post(f"/ml/models/{MODEL}/clone", {"name": "copy"}).json()

    assert made["status"] == "cloning"
    assert visit(platform, "POST", "/step").json() == {"steps": 1, "underWay": []}
    assert Api(platform).get(f"/ml/models/{made['id']}").json()["status"] == "pre-trained"


def test_preprocessing_finds_the_size_of_an_image_when_its_time_has_come() -> None:
    platform = Platform(timing=Timing(preprocessing="manual"))
    platform.load_scene(scene())
    api = Api(platform)
    made = api.upload(DATASET, "/late.png", image(7, 5)).json()
    api.patch(f"/items/{made['id']}", {"metadata": {"user": {"kept": True}}})

    assert "width" not in made["metadata"]["system"]
    assert made["metadata"]["system"]["size"] == len(image(7, 5))
    assert platform.step(made["id"]) == 1
    found = api.get(f"/items/{made['id']}").json()["metadata"]
    assert (found["system"]["width"], found["system"]["height"], found["user"]) == (7, 5, {"kept": True})


def test_time_can_be_driven_by_a_clock() -> None:
    from datetime import datetime, timedelta, timezone

    now = [datetime(2024, 1, 1, tzinfo=timezone.utc)]
    platform = Platform(clock=lambda: now[0], timing=Timing(cloning=10))
    platform.load_scene(scene())
    api = Api(platform)
    made = api.post(f"/ml/models/{MODEL}/clone", {"name": "copy"}).json()

    statuses = []
    for seconds in (0, 9, 1):
        now[0] += timedelta(seconds=seconds)
        statuses.append(api.get(f"/ml/models/{made['id']}").json()["status"])

    assert statuses == ["cloning", "cloning", "pre-trained"]


@pytest.mark.parametrize("wrong", [{"cloning": -1}, {"cloning": "slow"}, {"cloning": True}, {"cloning": float("inf")}])
def test_a_timing_that_is_none_is_told(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="timing of cloning: expected seconds"):
        Timing(**wrong)


# Pages


class Seen(HTMLParser):
    """What stands in a page, as a browser would see it."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def seen(answer: Response) -> Seen:
    assert answer.status == 200, answer.body
    parser = Seen()
    parser.feed(answer.body.decode())
    return parser


@pytest.mark.parametrize("path", PAGES)
def test_names_and_labels_cannot_become_markup(path: str, platform: Platform) -> None:
    platform.load_scene(scene(NASTY))
    Api(platform).get(f"/{NASTY}")

    answer = visit(platform, "GET", path)

    page = seen(answer)
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "iframe", "object", "embed", "img"})
    assert all(not name.startswith("on") and name != "style" for _, attributes in page.tags for name in attributes)
    assert "alert" in answer.body.decode()
    assert "onerror=alert(1)&gt;49" not in answer.body.decode()
    sources = [value for _, found in page.tags for name, value in found.items() if name in ("href", "src", "action")]
    assert all(str(one).startswith(("/_mock/", "data:image/png;base64,", "data:,")) for one in sources)
    assert "script-src" not in answer.headers["content-security-policy"]
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("path", PAGES)
def test_each_tag_of_a_page_is_closed(path: str, stocked: Platform) -> None:
    assert seen(visit(stocked, "GET", path)).open == []


def test_annotations_are_drawn_on_their_item(stocked: Platform) -> None:
    page = seen(visit(stocked, "GET", "/items/65aa00000000000000000010"))

    classes = [
        (tag, found.get("class")) for tag, found in page.tags if found.get("class") in ("filled", "line", "mask")
    ]
    assert classes == [
        *[("polygon", "filled"), ("polygon", "filled"), ("ellipse", "filled"), ("polyline", "line"), ("image", "mask")]
    ]
    filled = [found["points"] for tag, found in page.tags if tag == "polygon" and found["class"] == "filled"]
    assert filled == ["1,2 9,2 9,8 1,8", "1,1 5,1 5,5"]
    assert sum(tag == "circle" and "stroke-width" in found for tag, found in page.tags) == 1


def test_an_item_that_could_run_something_is_only_saved(stocked: Platform) -> None:
    picture = visit(stocked, "GET", "/items/65aa00000000000000000010/content")
    page = visit(stocked, "GET", "/items/65aa00000000000000000011/content")

    assert picture.headers["content-type"] == "image/png"
    assert (page.headers["content-type"], page.headers["content-disposition"]) == (
        "application/octet-stream",
        "attachment",
    )
    assert "sandbox" in page.headers["content-security-policy"]


def test_a_thumbnail_is_small(stocked: Platform) -> None:
    made = Api(stocked).upload(DATASET, "/big.png", image(2000, 1000)).json()

    answer = visit(stocked, "GET", f"/items/{made['id']}/thumbnail")

    from PIL import Image

    assert Image.open(io.BytesIO(answer.body)).size == (320, 160)
    broken = Api(stocked).upload(DATASET, "/broken.png", b"no image").json()
    assert visit(stocked, "GET", f"/items/{broken['id']}/thumbnail").body == b"no image"


def test_a_dataset_is_shown_in_pages(platform: Platform) -> None:
    platform.load_scene({"datasets": [{"id": DATASET}], "items": [{"filename": f"/{n:03}.txt"} for n in range(100)]})

    def names(query: str) -> list[str]:
        body = visit(platform, "GET", f"/datasets/{DATASET}{query}").body.decode()
        return re.findall(r'title="(/\d+\.txt)"', body)

    assert [len(names(f"?page={n}")) for n in range(4)] == [48, 48, 4, 0]
    assert names("?q=05") == [f"/{n:03}.txt" for n in (5, *range(50, 60))]


def test_the_address_itself_leads_to_the_pages(stocked: Platform) -> None:
    answer = stocked.handle(Request.of("GET", "/"))

    assert (answer.status, answer.headers["location"]) == (302, "/_mock/")


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["x", "y", "center", "rx", "ry", "angle", "data", "text", "front_tl"]), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["box", "segment", "point", "ellipse", "polyline", "binary", "cube", "class"]),
    coordinates=anything,
)
def test_no_coordinates_make_a_drawing_fail(kind: str, coordinates: Any) -> None:
    drawn = draw({"id": "x", "type": kind, "label": None, "coordinates": coordinates}, {})

    said = [value for shape in drawn.shapes for value in shape.attributes.values()]
    assert all("nan" not in one and "inf" not in one for one in said)


# The log


def test_a_request_is_one_line_of_the_log() -> None:
    entry = JournalEntry(0, "GET", "/items/a\nb", {"x": "1"}, None, 404, 3, 5, "t", 1.5, 1.0, "not\nthere")

    said = line(entry)

    assert "\n" not in said
    assert said.split(" ", 1)[1] == "404 GET    /items/a\\nb?x=1 500.0 ms, 3 in, 5 out: not\\nthere"
