"""The command line, as another process sees it."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from click.testing import CliRunner
from mock_helpers import image

COMMAND = [sys.executable, "-c", "from dl_mock.cli import main; main()"]


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A running server, and what it says when it is ready."""
    process = subprocess.Popen(
        [*COMMAND, "serve", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.stderr.read() if process.stderr else ""
        yield process, json.loads(line)
    finally:
        process.kill()
        process.communicate()


def get(ready: dict[str, Any], path: str, token: str | None = None) -> requests.Response:
    headers = {"authorization": f"Bearer {token or ready['token']}"}
    return requests.get(ready["url"] + path, headers=headers, timeout=5)


def test_it_serves_a_scene_until_told_to_stop(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(image(9, 8))
    scene = {
        "projects": [{"name": "project"}],
        "datasets": [{"name": "dataset"}],
        "items": [{"filename": "/a.png", "file": "a.png"}],
        "models": [{"name": "model"}],
    }
    (tmp_path / "scene.json").write_text(json.dumps(scene))
    ready_file = tmp_path / "ready.json"

    with serving("--scene", str(tmp_path / "scene.json"), "--ready-file", str(ready_file)) as (process, ready):
        assert json.loads(ready_file.read_text()) == ready
        assert set(ready) == {"url", "token", "projects", "datasets", "models"}
        assert ready["url"].startswith("http://127.0.0.1:")
        assert ready["url"].endswith("/api/v1")
        assert get(ready, f"/projects/{ready['projects']['project']}").json()["name"] == "project"
        assert get(ready, f"/datasets/{ready['datasets']['dataset']}").json()["itemsCount"] == 1
        assert get(ready, f"/ml/models/{ready['models']['model']}").json()["name"] == "model"
        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=10) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "ready.json", "scene.json"]


def test_an_interrupt_stops_it_cleanly() -> None:
    with serving() as (process, _):
        process.send_signal(signal.SIGINT)

        assert process.wait(timeout=10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_strict_auth_takes_its_own_token_only() -> None:
    other = jwt.encode({"exp": 4e9, "email": "a@b"}, "a key that is long enough for the algorithm", algorithm="HS256")

    with serving("--strict-auth") as (_, ready):
        assert get(ready, "/users/me").status_code == 200
        assert get(ready, "/users/me", token=other).status_code == 401


def failing(*arguments: str) -> tuple[int, str]:
    done = subprocess.run([*COMMAND, "serve", *arguments], capture_output=True, text=True, timeout=20, check=False)
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_a_scene_with_a_fault_is_told_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "scene.json"
    path.write_text('{"itmes": []}')

    code, said = failing("--scene", str(path))

    assert code == 4
    assert said.startswith(f"Error: cannot load the scene: {path}: unknown list 'itmes'; expected any of projects, ")
    assert said.count("\n") == 1


def test_a_port_in_use_is_told_in_a_line() -> None:
    with serving() as (_, ready):
        port = ready["url"].split(":")[2].split("/")[0]

        code, said = failing("--port", port)

    assert code == 4
    assert said.startswith(f"Error: cannot serve on 127.0.0.1:{port}: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("host", ["256.1.1.1", "a" * 70 + ".b"], ids=["no-address", "no-name"])
def test_a_host_that_is_none_is_told_in_a_line(host: str) -> None:
    code, said = failing("--host", host)

    assert code == 4
    assert said.startswith(f"Error: cannot serve on {host}:0: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize(("host", "called"), [("0.0.0.0", "127.0.0.1"), ("::1", "[::1]"), ("::", "[::1]")])
def test_the_url_it_prints_can_be_called(host: str, called: str) -> None:
    if ":" in host and not _has_ipv6():
        pytest.skip("this machine has no IPv6")

    with serving("--host", host) as (_, ready):
        assert ready["url"].startswith(f"http://{called}:")
        assert get(ready, "/users/me").status_code == 200


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def test_the_ready_file_has_the_mode_of_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    before = os.umask(0o027)
    try:
        with serving("--ready-file", str(path)):
            assert stat.S_IMODE(path.stat().st_mode) == 0o640
    finally:
        os.umask(before)


def test_hidden_datasets_come_last(tmp_path: Path) -> None:
    path = tmp_path / "scene.json"
    path.write_text('{"datasets": [{"name": "Binaries"}, {"name": "b"}, {"name": "a"}]}')

    with serving("--scene", str(path)) as (_, ready):
        assert list(ready["datasets"]) == ["b", "a", "Binaries"]


def test_a_ready_file_that_cannot_be_written_is_told_in_a_line(tmp_path: Path) -> None:
    code, said = failing("--ready-file", str(tmp_path / "lost" / "ready.json"))

    assert code == 4
    assert said.startswith("Error: cannot write the ready file: ")
    assert said.count("\n") == 1
    assert failing("--ready-file", str(tmp_path))[0] == 4
    assert list(tmp_path.parent.glob(f".{tmp_path.name}.*")) == []


def told(*arguments: str) -> str:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=20, check=True).stdout


def test_it_lists_its_routes_with_their_evidence() -> None:
    routes, counts = told("routes").split("\n\n")

    assert any(line.split()[:2] == ["GET", "/items/{item_id}/stream"] for line in routes.splitlines())
    assert all(len(line.split()) > 2 for line in routes.splitlines())
    counted = {line.split()[1]: int(line.split()[0]) for line in counts.splitlines()}
    assert counted["routes"] == len(routes.splitlines())
    assert json.loads(told("routes", "--json"))["counts"] == counted


def test_it_lists_its_settings() -> None:
    assert "overwrite_keeps_item=yes    (yes or no)\n    Does an upload over an existing item" in told("settings")


def test_settings_and_timing_are_given_as_options() -> None:
    with serving("--set", "duplicate_metrics=replaced", "--timing", "commands=manual") as (_, ready):
        admin = ready["url"].replace("/api/v1", "/_mock")
        answers = {one["name"]: one["value"] for one in requests.get(f"{admin}/settings", timeout=5).json()}
        timing = requests.get(f"{admin}/timing", timeout=5).json()["timing"]

    assert (answers["duplicate_metrics"], timing["commands"]) == ("replaced", "manual")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--set", "overwrite=yes"), "unknown setting 'overwrite'; did you mean 'overwrite_keeps_item'?"),
        (("--set", "overwrite_keeps_item=maybe"), "expected yes or no, saw 'maybe'"),
        (("--timing", "cloning=soon"), "expected seconds (0 or more) or 'manual', saw 'soon'"),
        (("--adapter", "nothing.py:Adapter"), "expected an adapter at nothing.py"),
    ],
    ids=["unknown", "answer", "timing", "adapter"],
)
def test_an_option_that_means_nothing_is_told_in_a_line(arguments: tuple[str, ...], said: str) -> None:
    from dl_mock.cli import main

    done = CliRunner().invoke(main, ["serve", *arguments])

    assert done.exit_code == 4
    assert said in done.output
    assert done.output.count("\n") == 1


def test_the_log_has_a_line_for_each_request() -> None:
    with serving("--log") as (process, ready):
        get(ready, "/users/me")
        get(ready, "/nothing")
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
        assert process.stderr is not None
        lines = process.stderr.read().splitlines()

    assert [line.split()[1:4] for line in lines] == [["200", "GET", "/users/me"], ["501", "GET", "/nothing"]]


def test_the_surface_of_the_mock_is_for_this_machine_only() -> None:
    with serving("--host", "0.0.0.0") as (_, ready):
        admin = ready["url"].replace("/api/v1", "/_mock/state")
        assert requests.get(admin, timeout=5).status_code == 403
        assert get(ready, "/users/me").status_code == 200


@pytest.mark.parametrize("module", ["dl_mock", "dl_mock.cli", "dl_mock.platform"])
def test_importing_it_is_cheap(module: str) -> None:
    heavy = ["aiohttp", "PIL", "dtlpy", "numpy", "requests", "responses", "jwt", "requests_toolbelt"]
    script = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"

    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20, check=True)

    assert done.stdout.strip() == "[]"
    assert time.perf_counter() - started < 2
