"""Fixtures for tests of the mock platform; the SDK must never see the user's own home."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dl_mock import Platform, connect
from dl_mock.clock import ticking_clock
from dl_mock.ids import ObjectIds

pytest.register_assert_rewrite(
    "example_operations", "example_models", "items_machine", "mock_helpers", "naive_query", "sdk_calls", "sdk_session"
)

# The SDK reads these when it is imported, which no test module does at its top.
_HOME = tempfile.TemporaryDirectory(prefix="dl-mock-tests-", ignore_cleanup_errors=True)
os.environ["HOME"] = _HOME.name
os.environ["DATALOOP_PATH"] = str(Path(_HOME.name) / "dataloop")


@pytest.fixture
def platform() -> Platform:
    """A platform whose ids and dates are the same on each run."""
    clock = ticking_clock()
    return Platform(clock=clock, new_id=ObjectIds(clock))


@pytest.fixture
def api(platform: Platform) -> Any:
    """Authorised calls to `platform`, without a transport."""
    from mock_helpers import Api  # its asserts are rewritten by pytest once this module is loaded

    return Api(platform)


@pytest.fixture(scope="module")
def dl() -> Iterator[Any]:
    """The SDK, connected over HTTP to an empty platform of the module; every call it makes must have a route."""
    platform = Platform()
    with connect(platform, transport="http"):
        import dtlpy

        dtlpy.verbose.disable_progress_bar = True
        yield dtlpy
    assert platform.unmatched == []


@pytest.fixture(scope="module")
def project(dl: Any) -> Any:
    """A project of the module."""
    return dl.projects.create("project")


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory deep enough for dtlpymetrics, which writes beside the parent of it."""
    deep = tmp_path / "work" / "here"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    return deep


@pytest.fixture
def folder(inside: Path) -> Path:
    """Files in folders."""
    from mock_helpers import image

    root = inside / "files"
    (root / "sub" / "deep").mkdir(parents=True)
    for name, form in (("a.png", "PNG"), ("b.jpg", "JPEG"), ("sub/c.png", "PNG"), ("sub/deep/d.png", "PNG")):
        (root / name).write_bytes(image(form=form))
    (root / "t.txt").write_text("hello")
    return root
