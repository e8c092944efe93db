"""A local mock of the Dataloop platform, on which the unmodified SDK runs offline."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dl_mock.connection import connect as connect
    from dl_mock.message import Request as Request
    from dl_mock.message import Response as Response
    from dl_mock.platform import Platform as Platform
    from dl_mock.scene import SceneError as SceneError
    from dl_mock.server import serve as serve

# Loaded on first use: a transport pulls in its library.
_HOMES = {
    "Platform": "dl_mock.platform",
    "Request": "dl_mock.message",
    "Response": "dl_mock.message",
    "SceneError": "dl_mock.scene",
    "connect": "dl_mock.connection",
    "serve": "dl_mock.server",
}

__all__ = ["Platform", "Request", "Response", "SceneError", "connect", "serve"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'dl_mock' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
