"""A state file keeps what was acknowledged, whenever the process ends, and is never mistaken for another file."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mock_helpers import BOX, Api

from dl_mock import Platform
from dl_mock.state import COLLECTIONS
from dl_mock.state_file import APPLICATION, FORMAT, StateFileError


def everything(platform: Platform) -> dict[str, Any]:
    """All that a platform holds, in order."""
    state = platform.state
    held: dict[str, Any] = {name: state.all(name) for name in COLLECTIONS}
    held["contents"] = {row["id"]: state.read(row["id"]) for row in held["items"]}
    held["totals"] = {row["id"]: state.totals(row["id"]) for row in held["datasets"]}
    return held


def opened(path: Path, **options: Any) -> Platform:
    platform = Platform(**options)
    platform.keep_state(path)
    return platform


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def test_everything_is_there_again(path: Path, tmp_path: Path) -> None:
    first = opened(path)
    first.load_scene({"datasets": [{"name": "d"}], "models": [{"name": "m"}]})
    api = Api(first)
    ids = [api.upload(api.dataset_id, f"/a/{n}.txt", bytes([n]) * n).json()["id"] for n in range(5)]
    api.post(f"/items/{ids[0]}/annotations", [BOX, BOX])
    api.patch(f"/items/{ids[1]}", {"metadata": {"user": {"ä": None, "x": [1, 2.5, "y"]}}})
    api.delete(f"/items/{ids[2]}")
    api.upload(api.dataset_id, "/a/3.txt", b"other", mode="overwrite")
    before = everything(first)
    first.state.close()

    again = opened(path)

    assert everything(again) == before
    assert again.token == first.token
    assert {one.name.partition("-")[0] for one in tmp_path.iterdir()} == {"state.db"}
    again.state.close()
    assert [one.name for one in tmp_path.iterdir()] == ["state.db"]


def test_ids_go_on_after_those_that_are_gone(path: Path) -> None:
    first = opened(path)
    first.load_scene({"items": [{"id": "fe" * 12, "filename": "/x.txt"}]})
    Api(first).delete(f"/items/{'fe' * 12}")
    first.state.close()

    assert opened(path).new_id() > "fe" * 12


def test_a_strict_platform_accepts_the_token_of_before(path: Path) -> None:
    first = opened(path, strict_auth=True)
    first.state.close()

    again = Platform(strict_auth=True)
    assert again.keep_state(path)
    assert Api(first).headers == Api(again).headers
    assert Api(again).get("/projects").status == 200


def test_forgetting_everything_is_kept_too(path: Path) -> None:
    first = opened(path)
    first.load_scene({"items": [{"filename": "/x.txt"}]})
    first.clear()
    first.state.close()

    assert [name for name, rows in everything(opened(path)).items() if rows] == []


def test_a_platform_with_documents_takes_no_state(path: Path) -> None:
    platform = Platform()
    platform.load_scene({"items": [{"filename": "/x.txt"}]})

    with pytest.raises(RuntimeError, match="expected a platform without documents"):
        platform.keep_state(path)
    assert not path.exists()


def test_what_cannot_be_written_is_said_and_written_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    platform = opened(path)
    api = Api(platform)

    def fail(*_: Any) -> None:
        raise StateFileError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("dl_mock.state_file.StateFile.write", fail)
        answer = api.post("/projects", {"name": "a"})
    assert (answer.status, "the disk is full" in answer.json()["message"]) == (500, True)
    api.post("/projects", {"name": "b"})
    platform.state.close()

    assert [row["name"] for row in opened(path).state.all("projects")] == ["a", "b"]


def data_base(path: Path, *statements: str) -> None:
    base = sqlite3.connect(path)
    for statement in statements:
        base.execute(statement)
    base.commit()
    base.close()


def make_foreign(path: Path) -> None:
    data_base(path, "CREATE TABLE theirs (a)")


def make_newer(path: Path) -> None:
    opened(path).state.close()
    data_base(path, f"PRAGMA user_version = {FORMAT + 1}")


def make_text(path: Path) -> None:
    path.write_text("these are notes, and they must stay")


def make_short(path: Path) -> None:
    platform = opened(path)
    platform.load_scene({"items": [{"filename": f"/{n}.txt"} for n in range(50)]})
    platform.state.close()
    path.write_bytes(path.read_bytes()[:9000])


def make_scrambled(path: Path) -> None:
    make_short(path)
    content = bytearray(path.read_bytes())
    content[4096:9000] = os.urandom(9000 - 4096)
    path.write_bytes(content)


def make_odd(path: Path) -> None:
    opened(path).state.close()
    data_base(path, "INSERT INTO documents VALUES ('items', 'x', '{broken')")


def make_unknown(path: Path) -> None:
    opened(path).state.close()
    data_base(path, "INSERT INTO documents VALUES ('ghosts', 'x', '{\"id\": \"x\"}')")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (make_foreign, "another program"),
        (make_newer, f"expected a state file of format {FORMAT} or older, saw {FORMAT + 1}"),
        (make_text, "another kind of file"),
        (make_short, "damaged"),
        (make_scrambled, "damaged"),
        (make_odd, "damaged"),
        (make_unknown, "no known kind"),
        (Path.mkdir, "saw a directory"),
    ],
    ids=lambda one: getattr(one, "__name__", None),
)
def test_a_file_that_cannot_be_used_is_named_and_left_alone(make: Any, said: str, path: Path) -> None:
    make(path)
    before = path.read_bytes() if path.is_file() else b""

    with pytest.raises(StateFileError, match=said) as caught:
        opened(path)

    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_a_directory_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(StateFileError, match="expected a directory"):
        opened(tmp_path / "nowhere" / "state.db")


def test_a_file_in_use_is_refused(path: Path) -> None:
    first = opened(path)

    with pytest.raises(StateFileError, match="in use"):
        opened(path)
    assert Api(first).post("/projects", {"name": "a"}).status == 200


def test_a_state_file_is_marked(path: Path) -> None:
    opened(path).state.close()
    base = sqlite3.connect(path)

    assert base.execute("PRAGMA application_id").fetchone() == (APPLICATION,)
    base.close()


SERVE = "from dl_mock.cli import main; main()"


def serve(*options: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    process = subprocess.Popen([sys.executable, "-c", SERVE, "serve", *options], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())


def test_what_was_acknowledged_survives_a_kill(path: Path, tmp_path: Path) -> None:
    """Several clients write without pause; the server is killed between two of their bytes."""
    scene = tmp_path / "scene.json"
    scene.write_text(json.dumps({"datasets": [{"name": "d"}], "items": [{"filename": "/base.txt"}]}))
    process, ready = serve("--state", str(path), "--scene", str(scene))
    address = urlsplit(ready["url"])
    headers = {"authorization": f"Bearer {ready['token']}", "content-type": "application/json"}
    acknowledged: list[dict[str, Any]] = []
    enough = threading.Event()

    def write(client: int) -> None:
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=20)
        try:
            for number in range(10_000):
                connection.request(
                    "POST", f"{address.path}/projects", json.dumps({"name": f"p {client} {number}"}), headers
                )
                answer = connection.getresponse()
                body = json.loads(answer.read())
                assert answer.status == 200, body
                acknowledged.append(body)
                if len(acknowledged) >= 60:
                    enough.set()
        except (OSError, http.client.HTTPException, ValueError):
            pass  # the server is gone
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(client,)) for client in range(4)]
    for thread in threads:
        thread.start()
    assert enough.wait(60)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for thread in threads:
        thread.join()

    again = opened(path)
    kept = {row["id"]: row["name"] for row in again.state.all("projects")}
    assert {row["id"]: row["name"] for row in acknowledged}.items() <= kept.items()
    assert [row["filename"] for row in again.state.all("items")] == ["/base.txt"]
    assert again.token == ready["token"]


def test_a_file_that_cannot_be_used_is_one_line_on_the_command_line(path: Path) -> None:
    make_text(path)

    done = subprocess.run(
        [sys.executable, "-c", SERVE, "serve", "--state", str(path)], capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 4
    assert done.stderr.count("\n") == 1
    assert f"cannot keep the state: expected a state file at {path}" in done.stderr


steps = st.lists(
    st.tuples(st.sampled_from(["upload", "annotate", "change", "delete", "wipe"]), st.integers(0, 4)), max_size=12
)


@settings(max_examples=25)
@given(steps, steps)
def test_any_history_is_there_after_a_restart(
    tmp_path_factory: pytest.TempPathFactory, before: list[tuple[str, int]], after: list[tuple[str, int]]
) -> None:
    path = tmp_path_factory.mktemp("state") / "state.db"
    platform = opened(path)
    platform.load_scene({"datasets": [{"name": "d"}]})
    for history in (before, after):
        for step in history:
            _do(Api(platform), *step)
        held = everything(platform)
        # Not closed: what a process leaves behind that ends without warning.
        platform.state._file.close()  # type: ignore[union-attr]
        platform = opened(path)
        assert everything(platform) == held
    platform.state.close()


def _do(api: Api, what: str, which: int) -> None:
    name = f"/dir/{which}.txt"
    found = api.platform.state.item_at(api.dataset_id, name)
    if what == "upload":
        api.upload(api.dataset_id, name, os.urandom(which), mode="overwrite")
    elif what == "wipe":
        api.post(f"/datasets/{api.dataset_id}/query", {"filter": {"dir": "/dir"}, "delete": True})
    elif found is None:
        return
    elif what == "annotate":
        api.post(f"/items/{found['id']}/annotations", [BOX] * which or [BOX])
    elif what == "change":
        api.patch(f"/items/{found['id']}", {"metadata": {"user": {"which": which}}})
    else:
        api.delete(f"/items/{found['id']}")
