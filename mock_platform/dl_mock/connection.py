"""Point the SDK at a platform, and put everything back.

The SDK keeps its settings in one process-wide client and in files below its home. Both are swapped for the time of a
connection, so that the user's own settings are neither used nor changed, and no real server is known.
"""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dl_mock.platform import PREFIX, Platform
from dl_mock.server import serve

Transport = Literal["responses", "http"]

# What stays with the client: pools and the event loop hold no settings, and making a loop costs the SDK a second
# (services/api_client.py `create_event_loop_thread`); the rest belongs to the object itself.
KEPT = ("_thread_pools", "_stopped_pools", "_event_loop", "_pid", "lock", "renew_token_method")
# Names of `dtlpy` that stand for objects of its client.
MIRRORED = ("verbose", "error_suppression", "cache_state", "attributes_mode", "sdk_cache")
# Settings that would lead past the connection (SDK: services/api_client.py, repositories/downloader.py, caches/).
FOREIGN = ("INTERNAL_REQUESTS_URL", "DTLPY_CUSTOM_ENV", "LINK_ITEM_URL_OVERRIDE", "CACHE_CONFIG", "DEFAULT_CACHE_PATH")


_in_process: list[Platform] = []


def in_process() -> Platform | None:
    """The platform that the SDK reaches in this process, without a socket; None for any other transport."""
    return _in_process[-1] if _in_process else None


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
    if not isinstance(platform, Platform):
        raise TypeError(f"expected a dl_mock.Platform to connect to, saw {platform!r}")
    if transport not in ("responses", "http"):
        raise ValueError(f"transport must be 'responses' or 'http', not {transport!r}")
    _import_sdk()
    with ExitStack() as stack:
        path = Path(home or stack.enter_context(_temporary_home())).absolute()
        path.mkdir(parents=True, exist_ok=True)
        server = stack.enter_context(serve(platform))
        stack.enter_context(_environment(path))
        stack.enter_context(_client(platform.token, server.url, path))
        if transport == "responses":
            from dl_mock.intercept import intercept

            stack.enter_context(intercept(platform, server.url))
            stack.enter_context(_known(platform))
        yield Connection(platform, server.url, platform.token, path)


@contextmanager
def _known(platform: Platform) -> Iterator[None]:
    _in_process.append(platform)
    try:
        yield
    finally:
        _in_process.remove(platform)


def _import_sdk() -> None:
    """Import the SDK away from the user's home: on import it writes files there, and keeps the paths for good."""
    if "dtlpy" in sys.modules:
        return
    home = tempfile.mkdtemp(prefix="dl-mock-sdk-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    before = dict(os.environ)
    os.environ.update(HOME=home, DATALOOP_PATH=home)
    try:
        import dtlpy  # noqa: F401  for its effects
    finally:
        _restore_environment(before)


@contextmanager
def _temporary_home() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="dl-mock-", ignore_cleanup_errors=True) as path:
        yield path


@contextmanager
def _environment(home: Path) -> Iterator[None]:
    """Environment variables the SDK reads while it runs."""
    before = dict(os.environ)
    os.environ.update(DATALOOP_PATH=str(home), NO_PROXY="127.0.0.1,localhost", no_proxy="127.0.0.1,localhost")
    for name in FOREIGN:
        os.environ.pop(name, None)
    try:
        yield
    finally:
        _restore_environment(before)


def _restore_environment(before: Mapping[str, str]) -> None:
    for name in set(os.environ) - set(before):
        del os.environ[name]
    os.environ.update(before)


@contextmanager
def _client(token: str, url: str, home: Path) -> Iterator[None]:
    """The SDK's client and module constants, as if it had been started freshly in `home`."""
    import dtlpy
    from dtlpy.services import cookie, service_defaults

    client, handler = dtlpy.client_api, logging.getLogger("dtlpy").handlers[0]
    before, level = dict(vars(client)), handler.level
    constants = [(module, "DATALOOP_PATH", module.DATALOOP_PATH) for module in (service_defaults, cookie)]
    constants += [(dtlpy, name, getattr(dtlpy, name)) for name in MIRRORED if hasattr(dtlpy, name)]
    try:
        service_defaults.DATALOOP_PATH = cookie.DATALOOP_PATH = str(home)
        # Begun anew in place: a second client would, when it is collected, start a thread only to stop it
        # (SDK 1.117: services/api_client.py `__del__`), which hangs while the interpreter ends.
        client.__init__(cookie_filepath=str(home / "cookie.json"))
        vars(client).update({name: before[name] for name in KEPT if name in before})
        client.environments = {url: _settings(token, url)}
        client.environment = url
        client.sdk_cache.cache_path_bin = str(home)
        for module, name, _ in constants:
            if module is dtlpy:
                setattr(dtlpy, name, getattr(client, name))
        yield
    finally:
        if client.session is not None:
            client.session.close()
        kept = {name: vars(client)[name] for name in KEPT if name in vars(client)}
        vars(client).clear()
        vars(client).update({**before, **kept})
        for module, name, value in constants:
            setattr(module, name, value)
        handler.setLevel(level)


def _settings(token: str, url: str) -> dict[str, Any]:
    """An environment as `dtlpy.add_environment` would note it."""
    unused = ("audience", "client_id", "auth0_url", "refresh_token", "url", "login_domain")
    return {
        **dict.fromkeys(unused),
        "alias": "dl-mock",
        "gate_url": url.removesuffix(PREFIX),
        "token": token,
        "verify_ssl": True,
        "use_ssl_context": False,
    }
