"""Benchmarks of the mock's server against others: a small `GET` of each, asked in turns over connections of one client.

The others are installed from their registries into a folder that is thrown away. One that cannot be installed or
started is said on the output and has no row. Each answers with the same document, or with bytes of it:

- moto's server: an object of S3;
- pytest-httpserver: a handler of one path, in a process of its own;
- Prism: the example of the one operation of an OpenAPI description.
"""

from __future__ import annotations

import http.client
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from mock_platform import DATASET, ITEM, Row, _served, item

DOCUMENT = json.dumps(item(7))
CALLS = 40
ROUNDS = 25
PATIENCE = 60.0  # seconds until a server answers
INSTALLING = 240.0  # seconds

HTTPSERVER = """
import json, sys, time
from pytest_httpserver import HTTPServer

server = HTTPServer(port=int(sys.argv[1]))
server.expect_request("/items/1").respond_with_json(json.loads(sys.argv[2]))
server.start()
while True:
    time.sleep(60)
"""
S3_HEADERS = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=x/20240101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
}


class Missing(Exception):
    """A peer that is not to be had here."""


class Unexpected(Exception):
    """An answer that is not the document."""


@dataclass
class Subject:
    """A server that runs, what it is asked, and what that cost in each round, per call in seconds."""

    process: subprocess.Popen[str]
    port: int
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def ask(self, method: str = "GET", path: str = "", body: str | None = None) -> int:
        """The status of one call; the connection is kept if the server keeps it."""
        self.connection.request(method, path or self.path, body, self.headers)
        answer = self.connection.getresponse()
        answer.read()
        return answer.status

    def spent(self) -> float:
        """CPU seconds of the server's process with all its threads, ended ones too: clock_getcpuclockid(3)."""
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def measure(self) -> None:
        """One round."""
        begun, cpu = time.perf_counter(), self.spent()
        for _ in range(CALLS):
            status = self.ask()
            if status != 200:
                raise Unexpected(f"GET {self.path} was answered with {status}")
        self.wall.append((time.perf_counter() - begun) / CALLS)
        self.cpu.append((self.spent() - cpu) / CALLS)

    def warm_up(self) -> None:
        """A round that does not count."""
        self.measure()
        self.cpu.clear()
        self.wall.clear()

    def wait(self) -> None:
        """Until it answers at all; raises Missing if it does not."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                self.ask()
            except OSError:
                self.connection.close()
                time.sleep(0.1)
            else:
                return
        raise Missing("it does not answer")


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALLING)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{type(error).__name__}: {error}") from error
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise Missing(f"{command[0]} ended with {done.returncode}: {last}")


def _pip(folder: Path, package: str) -> Path:
    """The Python of a new environment with a package."""
    environment = folder / "python"
    _run(sys.executable, "-m", "venv", str(environment))
    python = environment / "bin" / "python"
    _run(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package)
    return python


def _started(stack: ExitStack, *command: str) -> subprocess.Popen[str]:
    try:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
    except OSError as error:
        raise Missing(str(error)) from error
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def _free_port() -> int:
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return int(any_port.getsockname()[1])


def ours(folder: Path, stack: ExitStack) -> Subject:
    """`dl-mock serve` with one item."""
    scene = folder / "scene.json"
    scene.write_text(json.dumps({"datasets": [{"id": DATASET}], "items": [{"id": ITEM, "filename": "/a/b.jpg"}]}))
    process = _served(scene)
    stack.callback(process.wait)
    stack.callback(process.kill)
    ready = json.loads(process.stdout.readline())  # type: ignore[union-attr]
    port = int(ready["url"].split(":")[2].partition("/")[0])
    return Subject(process, port, f"/api/v1/items/{ITEM}", {"Authorization": f"Bearer {ready['token']}"})


def moto(folder: Path, stack: ExitStack) -> Subject:
    """An object in a bucket of moto's server."""
    python, port = _pip(folder, "moto[server]"), _free_port()
    process = _started(stack, str(python.with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port))
    subject = Subject(process, port, "/bucket/item", S3_HEADERS)
    subject.wait()
    if subject.ask("PUT", "/bucket") != 200 or subject.ask("PUT", "/bucket/item", DOCUMENT) != 200:
        raise Missing("it does not take an object")
    return subject


def httpserver(folder: Path, stack: ExitStack) -> Subject:
    """A handler of pytest-httpserver."""
    python, port = _pip(folder, "pytest-httpserver"), _free_port()
    subject = Subject(_started(stack, str(python), "-c", HTTPSERVER, str(port), DOCUMENT), port, "/items/1")
    subject.wait()
    return subject


def prism(folder: Path, stack: ExitStack) -> Subject:
    """Prism with an OpenAPI description of one operation."""
    content = {"application/json": {"schema": {"type": "object"}, "example": json.loads(DOCUMENT)}}
    answers = {"200": {"description": "the item", "content": content}}
    description = folder / "openapi.json"
    description.write_text(
        json.dumps(
            {
                "openapi": "3.0.0",
                "info": {"title": "items", "version": "1"},
                "paths": {"/items/1": {"get": {"responses": answers}}},
            }
        )
    )
    _run("npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), "@stoplight/prism-cli")
    port, command = _free_port(), str(folder / "node_modules" / ".bin" / "prism")
    process = _started(stack, command, "mock", "-h", "127.0.0.1", "-p", str(port), str(description))
    subject = Subject(process, port, "/items/1")
    subject.wait()
    return subject


PEERS: dict[str, tuple[Callable[[Path, ExitStack], Subject], float]] = {
    "moto's server": (moto, 5.0),
    "pytest-httpserver": (httpserver, 3.0),
    "Prism": (prism, 5.0),
}


def small_get() -> Iterator[Row]:
    """CPU of the server's process and time per call, of each peer to ours; at least the limit is wanted."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as root, ExitStack() as stack:
        mine = ours(Path(root), stack)
        found: dict[str, Subject] = {}
        for name, (peer, _) in PEERS.items():
            folder = Path(root) / peer.__name__
            folder.mkdir()
            try:
                subject = peer(folder, stack)
                subject.warm_up()
            except (Missing, OSError, http.client.HTTPException, Unexpected) as error:
                print(f"  {name} is not measured: {error}", flush=True)
            else:
                found[name] = subject
        mine.warm_up()
        subjects = [mine, *found.values()]
        for _ in range(ROUNDS):
            for subject in subjects:
                subject.measure()
        for name, subject in found.items():
            limit = PEERS[name][1]
            for what, theirs, own in (
                ("CPU of the server", subject.cpu, mine.cpu),
                ("time per call", subject.wall, mine.wall),
            ):
                one, other = statistics.median(theirs), statistics.median(own)
                note = f"at least wanted; {1000 * one:.3g} ms, ours {1000 * other:.3g} ms"
                yield Row(f"a small GET of {name} / of ours, {what}", one / other, limit, one / other >= limit, note)


PARTS: dict[str, Callable[[], Iterator[Row]]] = {"small_get": small_get}
