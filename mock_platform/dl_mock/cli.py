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


def _pairs(_context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """`name=value` of an option that can be repeated."""
    pairs = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals:
            raise click.BadParameter(f"expected name=value, saw {one!r}", param=option)
        pairs[name.strip()] = value
    return pairs


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=0, type=click.IntRange(0, 65_535), help="Port to listen on; 0 (default) is any free.")
@click.option("--scene", type=click.Path(path_type=Path), help="Starting state: a JSON file or a directory.")
@click.option(
    "--state",
    "state_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Keep everything in a file, also across restarts; a scene is loaded only into a new one.",
)
@click.option("--ready-file", type=click.Path(path_type=Path), help="Written when requests are accepted.")
@click.option("--strict-auth", is_flag=True, help="Accept only the token issued at the start.")
@click.option("--log", is_flag=True, help="One line on standard error for each request.")
@click.option("--adapter", multiple=True, metavar="[MODULE=]FILE:CLASS", help="Run executions of models with it.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", callback=_pairs, help="See `dl-mock settings`.")
@click.option(
    "--timing",
    multiple=True,
    metavar="KIND=SECONDS",
    callback=_pairs,
    help="Slow down cloning, preprocessing, commands or executions; `manual` waits for a step.",
)
@click.option("--open-admin", is_flag=True, help="Offer /_mock, which needs no token, on any address.")
def serve(
    host: str,
    port: int,
    scene: Path | None,
    state_file: Path | None,
    ready_file: Path | None,
    strict_auth: bool,
    log: bool,
    adapter: tuple[str, ...],
    settings: dict[str, str],
    timing: dict[str, str],
    open_admin: bool,
) -> None:
    """Serve until interrupted; prints address, token and ids as one line of JSON when ready.

    The pages to look at it, and what can be done to the mock itself, are below /_mock of the same address.
    """
    from dl_mock.platform import Platform
    from dl_mock.server import is_loopback
    from dl_mock.server import serve as serving
    from dl_mock.settings import Settings
    from dl_mock.timing import Timing

    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with _told("cannot start"):
        platform = Platform(strict_auth=strict_auth, settings=Settings.of(settings), timing=Timing.of(timing))
        for target in adapter:
            _register(platform, target)
    platform.admin = open_admin or is_loopback(host)
    if log:
        from dl_mock.console import log_requests

        log_requests(platform)
    with ExitStack() as stack:
        held = False
        with _told("cannot keep the state"):
            if state_file is not None:
                held = platform.keep_state(state_file)
                stack.callback(platform.state.close)
        with _told("cannot load the scene"):
            if scene is not None and not held:
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


def _register(platform: Platform, target: str) -> None:
    """An adapter for a module, or for every module that has none of its own."""
    from dl_mock.adapters import AdapterProcess
    from dl_mock.executing import ANY

    module, equals, named = target.partition("=")
    platform.register(module if equals else ANY, AdapterProcess(named if equals else target))


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Turn a fault in what the caller gave into one line."""
    try:
        yield
    except (ValueError, OSError) as error:  # SceneError is a ValueError
        raise CannotStart(f"{what}: {' '.join(str(error).split())}") from None


@main.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def routes(as_json: bool) -> None:
    """List every route with the evidence for it, and count them by the kind of evidence."""
    from dl_mock.routes import ROUTES
    from dl_mock.routing import EVIDENCE, evidence_counts

    ordered = sorted(ROUTES, key=lambda route: (route.template, route.method))
    counts = evidence_counts(ordered)
    if as_json:
        told = [{"method": one.method, "path": one.template, "evidence": one.evidence} for one in ordered]
        click.echo(json.dumps({"counts": counts, "routes": told}, indent=1))
        return
    width = max(len(route.template) for route in ROUTES)
    for route in ordered:
        click.echo(f"{route.method:6} {route.template:{width}}  {route.evidence}")
    click.echo("")
    for kind, count in counts.items():
        click.echo(f"{count:6} {kind:10} {EVIDENCE.get(kind, 'in all; one may rest on several kinds of evidence')}")


@main.command(name="settings")
def list_settings() -> None:
    """List the questions nobody outside the platform can answer, with the answers there are; the first is given."""
    from dl_mock.settings import SWITCHES, written

    for switch in SWITCHES:
        click.echo(f"{switch.name}={written(switch.default)}    ({switch.told()})")
        click.echo(f"    {switch.question}")
        click.echo(f"    Chosen because {switch.reason}.")


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
