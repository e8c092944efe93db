"""Point the SDK at a platform, and put everything back.

The SDK keeps its settings in one process-wide client and in files below its home. Both are swapped for the time of a
connection, so that the user's own settings are neither used nor changed, and no real server is known.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dl_mock.platform import Platform
from dl_mock.server import serve

Transport = Literal["responses", "http"]

# Pools and the event loop hold no settings; making a loop costs the SDK a second (services/api_client.py).
SHARED = ("_thread_pools", "_event_loop", "lock", "_pid", "_stopped_pools")
# Settings from outside that would reach past the connection (SDK: services/api_client.py, caches/).
FOREIGN = ("INTERNAL_REQUESTS_URL", "DTLPY_CUSTOM_ENV", "LINK_ITEM_URL_OVERRIDE", "CACHE_CONFIG")


@dataclass(frozen=True)
class Connection:
    """What the SDK is connected to."""

    platform: Platform
    url: str
    token: str
    home: Path


@contextmanager
def connect(
    platform: Platform, transport: Transport = "responses", home: str | Path | None = None
) -> Iterator[Connection]:
    """Let `dtlpy` talk to `platform`.

    With "responses" JSON calls are answered in-process and only uploads go over loopback; with "http" everything
    does. `home` takes the SDK's files; by default a directory that is removed at the end.
    """
    if transport not in ("responses", "http"):
        raise ValueError(f"transport must be 'responses' or 'http', not {transport!r}")
    with ExitStack() as stack:
        path = Path(home) if home is not None else Path(stack.enter_context(_temporary_home()))
        path.mkdir(parents=True, exist_ok=True)
        server = stack.enter_context(serve(platform))
        stack.enter_context(_environment(path))
        stack.enter_context(_client(platform, server.url, path))
        if transport == "responses":
            from dl_mock.intercept import intercept

            stack.enter_context(intercept(platform, server.url))
        yield Connection(platform, server.url, platform.token, path)


@contextmanager
def _temporary_home() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="dl-mock-", ignore_cleanup_errors=True) as path:
        yield path


@contextmanager
def _environment(home: Path) -> Iterator[None]:
    """Environment variables the SDK reads at run time."""
    before = dict(os.environ)
    os.environ.update(DATALOOP_PATH=str(home), NO_PROXY="127.0.0.1,localhost", no_proxy="127.0.0.1,localhost")
    os.environ.pop("DEFAULT_CACHE_PATH", None)
    for name in FOREIGN:
        os.environ.pop(name, None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _client(platform: Platform, url: str, home: Path) -> Iterator[None]:
    """The SDK's client and module constants, as if it had been started freshly in `home`."""
    import dtlpy
    from dtlpy.services import cookie, service_defaults
    from dtlpy.services.api_client import ApiClient

    client = dtlpy.client_api
    before = dict(vars(client))
    modules = [(service_defaults, "DATALOOP_PATH"), (cookie, "DATALOOP_PATH")]
    modules += [(dtlpy, name) for name in _MIRRORED if hasattr(dtlpy, name)]
    constants = [(module, name, getattr(module, name)) for module, name in modules]
    service_defaults.DATALOOP_PATH = cookie.DATALOOP_PATH = str(home)
    fresh = vars(ApiClient(cookie_filepath=str(home / "cookie.json")))
    try:
        vars(client).update({name: value for name, value in fresh.items() if name not in SHARED})
        client.environments = {url: _settings(platform, url)}
        client.environment = url
        client.sdk_cache.cache_path_bin = str(home)
        for name in _MIRRORED:
            if hasattr(dtlpy, name):
                setattr(dtlpy, name, getattr(client, name))
        yield
    finally:
        _close(client.session)
        shared = {name: vars(client)[name] for name in SHARED if name in vars(client)}
        vars(client).clear()
        vars(client).update({**before, **shared})
        for module, name, value in constants:
            setattr(module, name, value)


# Names of `dtlpy` that stand for objects of its client.
_MIRRORED = ("verbose", "error_suppression", "cache_state", "attributes_mode", "sdk_cache")


def _settings(platform: Platform, url: str) -> dict[str, Any]:
    return {
        "alias": "dl-mock",
        "audience": None,
        "client_id": None,
        "auth0_url": None,
        "gate_url": url.removesuffix("/api/v1"),
        "token": platform.token,
        "refresh_token": None,
        "verify_ssl": True,
        "use_ssl_context": False,
        "url": None,
        "login_domain": None,
    }


def _close(session: Any) -> None:
    if session is not None:
        session.close()
