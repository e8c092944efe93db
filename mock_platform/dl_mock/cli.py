"""Command line: serve a platform, or list what it can do."""

from __future__ import annotations

import json
import os
import secrets
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from dl_mock.platform import Platform

CANNOT_START = 4


class CannotStart(click.ClickException):
    """Something given by the caller prevents a start; one line says what."""

    exit_code = CANNOT_START


@click.group()
def main() -> None:
    """A local mock of the Dataloop platform."""


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=0, type=click.IntRange(0, 65_535), help="Port to listen on; 0 (default) is any free.")
@click.option("--scene", type=click.Path(path_type=Path), help="Starting state: a JSON file or a directory.")
@click.option("--ready-file", type=click.Path(path_type=Path), help="Written when requests are accepted.")
@click.option("--strict-auth", is_flag=True, help="Accept only the token issued at the start.")
def serve(host: str, port: int, scene: Path | None, ready_file: Path | None, strict_auth: bool) -> None:
    """Serve until interrupted; prints address, token and ids as one line of JSON when ready."""
    from dl_mock.platform import Platform
    from dl_mock.server import serve as serving

    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    platform = Platform(strict_auth=strict_auth)
    with ExitStack() as stack:
        with _told("cannot load the scene"):
            if scene is not None:
                platform.load_scene(scene)
        with _told(f"cannot serve on {host}:{port}"):
            server = stack.enter_context(serving(platform, host, port))
        ready = json.dumps(_ready(platform, server.url))
        with _told("cannot write the ready file"):
            if ready_file is not None:
                _write(ready_file, ready)
        click.echo(ready)
        # A wait without a limit is not interrupted by signals on every system.
        while not stopped.wait(0.5):
            pass


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Turn a fault in what the caller gave into one line."""
    from dl_mock.scene_check import SceneError

    try:
        yield
    except (SceneError, OSError) as error:
        raise CannotStart(f"{what}: {' '.join(str(error).split())}") from None


@main.command()
def routes() -> None:
    """List every route with the evidence for it."""
    from dl_mock.routes import ROUTES

    width = max(len(route.template) for route in ROUTES)
    for route in sorted(ROUTES, key=lambda route: (route.template, route.method)):
        click.echo(f"{route.method:6} {route.template:{width}}  {route.evidence}")


def _ready(platform: Platform, url: str) -> dict[str, Any]:
    """What a caller needs to begin; of several documents with one name, the first. Hidden datasets come last."""
    from dl_mock.documents import BINARIES

    names: dict[str, dict[str, str]] = {"projects": {}, "datasets": {}, "models": {}}
    for collection, ids in names.items():
        for document in sorted(platform.state.all(collection), key=lambda one: bool(one["name"] == BINARIES)):
            ids.setdefault(document["name"], document["id"])
    return {"url": url, "token": platform.token, **names}


def _write(path: Path, text: str) -> None:
    """Write at once: a reader sees the whole file or none."""
    # Not `tempfile`, whose files only their owner may read: here the umask says who may.
    temporary = path.resolve().parent / f".{path.name}.{secrets.token_hex(8)}"
    try:
        with temporary.open("x") as file:
            file.write(text + "\n")
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
