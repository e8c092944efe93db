"""Fixtures for tests of the flows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flow_helpers import Flow, Played, Refuses, play

Both = Callable[..., tuple[Played, Played]]


@pytest.fixture
def both(tmp_path: Path) -> Both:
    """Run a flow twice, each time on a fresh platform: with the SDK's wrappers, and with the reference ones."""

    def run(
        adapter_class: type,
        flow: Flow,
        documents: dict[str, Any] | None = None,
        refuses: Refuses | None = None,
        name: str = "",
    ) -> tuple[Played, Played]:
        sdk = play("sdk", adapter_class, flow, tmp_path / name, documents, refuses)
        return sdk, play("reference", adapter_class, flow, tmp_path / name, documents, refuses)

    return run
