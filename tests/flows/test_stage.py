"""What a stage notes of the requests that reach its platform."""

from __future__ import annotations

import os
from pathlib import Path

from dl_harness.evidence import Event, Requested
from dl_harness.flows.recording import Recorder
from dl_harness.flows.stage import Stage
from dl_harness.scene import Seeded
from dl_harness.workspace import prepare
from dl_mock import Platform, Request


def test_the_version_check_of_the_sdk_is_no_request_of_a_flow(tmp_path: Path) -> None:
    """SDK before 1.125: a thread that the import starts asks, whenever it gets its turn."""
    platform, events = Platform(), list[Event]()
    platform.load_scene({"models": [{"name": "model"}]})
    (tmp_path / "source").mkdir()
    workspace = prepare(tmp_path / "run", tmp_path / "source")
    seeded = Seeded("project", "dataset", platform.state.all("models")[0]["id"], (), frozenset())
    recorder = Recorder(events.append, lambda: len(platform.journal), workspace)
    stage = Stage(platform, seeded, recorder, workspace, events.append)
    here = Path.cwd()

    def flow() -> list[int]:
        headers = {"authorization": f"Bearer {platform.token}"}
        paths = ("POST /sdk/check", "GET /users/me")
        return [platform.handle(Request.of(*path.split(), headers)).status for path in paths]

    try:
        statuses = stage.run("predict_items", flow)
    finally:
        os.chdir(here)

    assert statuses == [200, 200]
    assert [event.request.path for event in events if isinstance(event, Requested)] == ["/users/me"]
