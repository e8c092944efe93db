"""What holds for every test: the SDK sees a home of its own, and nothing leaves the machine."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from dl_harness.flows.guard import is_loopback

pytest_plugins = ["pytester"]

_HOME = tempfile.TemporaryDirectory(prefix="dl-harness-tests-", ignore_cleanup_errors=True)
os.environ["HOME"] = _HOME.name
os.environ["DATALOOP_PATH"] = str(Path(_HOME.name) / ".dataloop")
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"

# No test may fail because the machine is busy, or on one run of several.
settings.register_profile("steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

ROOT = Path(__file__).resolve().parent.parent


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """Fail whatever would connect to another machine (audit events of the interpreter)."""
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if isinstance(host, str) and not is_loopback(host):
        raise ConnectionRefusedError(f"a test tried to reach {host}")


sys.addaudithook(_refuse)


@pytest.fixture(scope="session")
def examples() -> Path:
    """The folder of example adapters."""
    return ROOT / "examples"
