"""A local mock of the Dataloop platform, on which the unmodified SDK runs offline."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dl_mock.adapters import AdapterProcess as AdapterProcess
    from dl_mock.adapters import AdapterRunner as AdapterRunner
    from dl_mock.connection import connect as connect
    from dl_mock.executing import Job as Job
    from dl_mock.faults import Fault as Fault
    from dl_mock.message import Request as Request
    from dl_mock.message import Response as Response
    from dl_mock.platform import Platform as Platform
    from dl_mock.scene import SceneError as SceneError
    from dl_mock.server import serve as serve
    from dl_mock.settings import Settings as Settings
    from dl_mock.timing import Timing as Timing

# Loaded on first use: a transport pulls in its library.
_HOMES = {
    "AdapterProcess": "dl_mock.adapters",
    "AdapterRunner": "dl_mock.adapters",
    "Fault": "dl_mock.faults",
    "Job": "dl_mock.executing",
    "Platform": "dl_mock.platform",
    "Request": "dl_mock.message",
    "Response": "dl_mock.message",
    "SceneError": "dl_mock.scene",
    "Settings": "dl_mock.settings",
    "Timing": "dl_mock.timing",
    "connect": "dl_mock.connection",
    "serve": "dl_mock.server",
}

__all__ = [
    *("AdapterProcess", "AdapterRunner", "Fault", "Job", "Platform", "Request", "Response", "SceneError", "Settings"),
    *("Timing", "connect", "serve"),
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'dl_mock' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)
