"""Run a check: a child process per adapter, its evidence, and the results."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec

from dl_harness import spec as specs
from dl_harness.contract import Contract
from dl_harness.evidence import (
    Event,
    Evidence,
    Failure,
    FlowEnded,
    FlowStarted,
    OurFailure,
    Place,
    Planned,
    assemble,
    decode,
)
from dl_harness.remains import end_all, forms, printed, running_with, secrets
from dl_harness.spec import Service, Spec, Target, UsageError
from dl_harness.workspace import Workspace, prepare

MOST_RESTARTS = 40
SERVICE_LIMIT_S = 30.0
TAIL = 16_384
SILENT = -1_000
"""Instead of an exit status, for a child that had to be ended."""

KEPT_OUT = re.compile(
    r"(?i:_proxy$)|(^|_)(PYTHONPATH|PYTHONHOME|PYTEST_CURRENT_TEST|COVERAGE_PROCESS_START)$|^DTLPY_|^DATALOOP"
)

Progress = Callable[[str], None]


class Observed(msgspec.Struct, frozen=True):
    """What one run left behind: evidence, the last words of the adapter, and the bytes of its items."""

    evidence: Evidence
    output_tail: str = ""
    contents: dict[str, bytes] = {}
    interrupted: bool = False


class HarnessError(Exception):
    """Something on our side failed; the adapter was not judged."""


def start(command: list[str], cwd: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a child process in a session of its own, with one stream for everything that it prints."""
    return subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def observe(target: Target, spec: Spec, service: Service | None, progress: Progress) -> Observed:
    """Run every flow of one adapter in child processes, starting a new one where the last one died.

    Raises HarnessError when not even the description of the adapter came back, and OSError for a full disk.
    """
    directory = Path(tempfile.mkdtemp(prefix="dl-harness-"))
    try:
        workspace = prepare(directory, Path(target.root), target.part)
        evidence = directory / "evidence.jsonl"
        spec = msgspec.structs.replace(spec, target=target, workspace=str(directory), evidence=str(evidence))
        with serving(service, workspace) as variables:
            return _Observation(spec, workspace, variables, progress).run()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


class _Observation:
    """The child processes of one adapter, and the events they have written."""

    def __init__(self, spec: Spec, workspace: Workspace, variables: dict[str, str], progress: Progress) -> None:
        self._spec = spec
        self._workspace = workspace
        self._environment = environment(workspace, variables)
        self._progress = progress
        self._tail = ""
        self._events: list[Event] = []
        self._interrupted = False
        self._left: list[str] = []

    def run(self) -> Observed:
        for fresh in (False, True):
            if fresh and not (self._workspace.handoff / "saved").is_dir():
                break
            self._until_done(fresh)
            if self._interrupted:
                break
        evidence = assemble(self._events, "interrupted" if self._interrupted else "crashed")
        if evidence is None:
            evidence = self._only_the_subject()
        evidence = msgspec.structs.replace(
            evidence,
            left_processes=tuple(dict.fromkeys(self._left)),
            told_secrets=printed(self._environment, self._tail),
        )
        redact = redaction(self._environment)
        return Observed(
            evidence=msgspec.convert(redact(msgspec.to_builtins(evidence)), Evidence),
            output_tail=redact(self._tail),
            contents=self._contents(),
            interrupted=self._interrupted,
        )

    def _until_done(self, fresh: bool) -> None:
        """Start children until every planned flow has begun; one that dies costs the flow it was in."""
        begun: tuple[str, ...] = ()
        for _ in range(MOST_RESTARTS):
            spec = msgspec.structs.replace(self._spec, done=begun, died=self._died(), fresh=fresh)
            code, events = self._child(spec)
            self._events += events
            if code != 0 and not self._interrupted:
                self._events += [FlowEnded(label, "crashed", _death(code)) for label in _unended(events)]
            now = begun + tuple(e.label for e in events if isinstance(e, FlowStarted) and e.label not in begun)
            if self._interrupted or code == 0 or now == begun or _could_not_load(now[-1]):
                break
            begun = now
        planned = [label for event in self._events if isinstance(event, Planned) for label in event.labels]
        told = {label for event in self._events if isinstance(event, Planned) for label in event.not_run}
        rest = [
            label for label in planned if label not in told and label not in now and label.endswith("/fresh") == fresh
        ]
        self._events.append(Planned((), dict.fromkeys(rest, "the process had ended before")))

    def _died(self) -> tuple[str, ...]:
        """The flows that cost a process its life."""
        survived = {e.label for e in self._events if isinstance(e, FlowEnded) and e.ended not in {"hung", "crashed"}}
        return tuple(e.label for e in self._events if isinstance(e, FlowStarted) and e.label not in survived)

    def _child(self, spec: Spec) -> tuple[int, list[Event]]:
        path = self._workspace.directory / "spec.json"
        path.write_bytes(specs.write(spec))
        evidence = Path(spec.evidence)
        evidence.unlink(missing_ok=True)
        command = [sys.executable, "-m", "dl_harness.child", str(path)]
        process = start(command, self._workspace.app, self._environment)
        assert process.stdout is not None
        tail = Tail(process.stdout)
        code = SILENT
        try:
            code = self._wait(process, evidence)
        finally:
            left = running_with("TMPDIR", str(self._workspace.tmp))
            left.pop(process.pid, None)
            end_group(process)
            named = end_all({**left, **running_with("TMPDIR", str(self._workspace.tmp))})
            self._left += named if code == 0 else ()
            self._tail = (self._tail + tail.text())[-TAIL:]
        events = list(decode(evidence.read_bytes().splitlines(keepends=True))) if evidence.exists() else []
        return code, events

    def _wait(self, process: subprocess.Popen[bytes], evidence: Path) -> int:
        """Wait for a child that still writes evidence, or is within its time limit for one call."""
        limit = self._spec.call_limit_s + 60
        size, since = -1, time.monotonic()
        try:
            while True:
                try:
                    return process.wait(timeout=0.2)
                except subprocess.TimeoutExpired:
                    pass
                now = evidence.stat().st_size if evidence.exists() else 0
                if now != size:
                    size, since = now, time.monotonic()
                    self._tell(evidence)
                elif time.monotonic() - since > limit:
                    return SILENT  # not even its own watch could end it
        except KeyboardInterrupt:
            self._interrupted = True
            return SILENT

    def _tell(self, evidence: Path) -> None:
        if not evidence.exists():
            return
        with evidence.open("rb") as file:
            file.seek(max(0, evidence.stat().st_size - 65_536))
            labels = re.findall(rb'"type":"FlowStarted","name":"[^"]*","label":"([^"]*)"', file.read())
        if labels:
            self._progress(labels[-1].decode())

    def _only_the_subject(self) -> Evidence:
        """An adapter whose import killed the process before it could say anything."""
        if self._interrupted:
            failure = Failure("Interrupted", "the check was interrupted while the adapter was imported")
        else:
            words = self._tail[-500:].strip() or "none"
            message = f"the process died during the import; its last words: {words}"
            failure = Failure("ProcessDied", message, Place(self._spec.target.source))
        ours = next((event.failure for event in self._events if isinstance(event, OurFailure)), None)
        subject = msgspec.structs.replace(self._spec.target.subject, import_failure=None if ours else failure)
        return Evidence(subject=subject, our_failure=ours)

    def _contents(self) -> dict[str, bytes]:
        folder = self._workspace.items
        return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.is_dir() else {}


def _unended(events: list[Event]) -> list[str]:
    """The flow in which a process died, if it did."""
    ended = {e.label for e in events if isinstance(e, FlowEnded)}
    return [e.label for e in events if isinstance(e, FlowStarted) and e.label not in ended]


def _death(code: int) -> Failure:
    """What became of a process that ended without a word."""
    if code == SILENT:
        return Failure("ProcessDied", "it gave no sign of life and was ended")
    names = {-number.value: number.name for number in signal.Signals}
    how = f"exit status {code}" if code >= 0 else f"killed by {names.get(code, f'signal {-code}')}"
    return Failure("ProcessDied", how)


def _could_not_load(last: str) -> bool:
    """Whether a process died while it built the adapter, as every further one would."""
    return last.startswith("load_from_model") and not last.endswith(("/elsewhere", "/fresh"))


class Tail:
    """Reads everything that a process prints, and keeps the end of it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._kept = b""
        self._stream = stream
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while chunk := os.read(self._stream.fileno(), 65_536):
            self._kept = (self._kept + chunk)[-TAIL:]

    def text(self) -> str:
        """The last words; does not wait for grandchildren that keep the stream open."""
        self._thread.join(2)
        return self._kept.decode(errors="replace")


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a child and whatever it has started."""
    for kill in (signal.SIGTERM, signal.SIGKILL) if process.poll() is None else (signal.SIGKILL,):
        try:
            os.killpg(process.pid, kill)
        except (ProcessLookupError, PermissionError):
            break
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def environment(workspace: Workspace, variables: dict[str, str]) -> dict[str, str]:
    """The user's environment without what would lead the SDK to their account or out of the workspace."""
    kept = {name: value for name, value in os.environ.items() if not KEPT_OUT.search(name)}
    own = os.environ.get("PYTHONPATH")
    return {
        **kept,
        **({"PYTHONPATH": own} if own else {}),
        **_import_path(),
        "HOME": str(workspace.home),
        "USERPROFILE": str(workspace.home),
        "DATALOOP_PATH": str(workspace.dataloop),
        "TMPDIR": str(workspace.tmp),
        "TEMP": str(workspace.tmp),
        "TMP": str(workspace.tmp),
        "XDG_CACHE_HOME": str(workspace.home / ".cache"),
        "XDG_CONFIG_HOME": str(workspace.home / ".config"),
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": str(workspace.home / ".matplotlib"),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "PYTHONFAULTHANDLER": "1",
        "PYTHONWARNINGS": "ignore",
        "PYTHONUNBUFFERED": "1",
        **variables,
    }


def _import_path() -> dict[str, str]:
    """Let the child find this package when it runs from a checkout that is not installed."""
    package = str(Path(__file__).resolve().parent.parent)
    extra = (
        [entry for entry in sys.path if entry and Path(entry).resolve() != Path.cwd()] if package in sys.path else []
    )
    if not extra:
        return {}
    known = os.environ.get("PYTHONPATH", "")
    return {"PYTHONPATH": os.pathsep.join([*extra, *([known] if known else [])])}


def redaction(variables: dict[str, str]) -> Callable[[Any], Any]:
    """Replace the values of variables that look like secrets, in every text of a plain value."""
    known = {form for value in secrets(variables).values() for _, form in forms(value)}
    told = sorted(known, key=len, reverse=True)

    def redact(value: Any) -> Any:
        if isinstance(value, str):
            for secret in told:
                value = value.replace(secret, "[secret]")
            return value
        if isinstance(value, dict):
            return {key: redact(inner) for key, inner in value.items()}
        return [redact(inner) for inner in value] if isinstance(value, (list, tuple)) else value

    return redact


@contextmanager
def serving(service: Service | None, workspace: Workspace) -> Iterator[dict[str, str]]:
    """The process that stands in for a remote service, and the environment variables it prints."""
    if service is None:
        yield {}
        return
    command = [sys.executable if word == "python" else word for word in service.command]
    shown = " ".join(service.command)
    errors = (workspace.directory / "service.log").open("w+b")
    try:
        process = subprocess.Popen(
            command,
            cwd=workspace.app,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
    except OSError as error:
        raise UsageError(f"the service `{shown}` of [tool.dl-harness] cannot be started: {error.strerror}.") from error
    try:
        yield _variables(process, shown, errors)
    finally:
        end_group(process)
        errors.close()


def _drain(stream: IO[bytes]) -> None:
    """Read on, so that a service that logs is never blocked by a full pipe."""
    while os.read(stream.fileno(), 65_536):
        pass


def _variables(process: subprocess.Popen[bytes], shown: str, errors: IO[bytes]) -> dict[str, str]:
    assert process.stdout is not None
    lines: list[bytes] = []
    reader = threading.Thread(target=lambda: lines.append(process.stdout.readline()), daemon=True)  # type: ignore[union-attr]
    reader.start()
    reader.join(SERVICE_LIMIT_S)
    try:
        variables: Any = json.loads(lines[0]) if lines else None
    except ValueError:
        variables = None
    if not isinstance(variables, dict) or not all(isinstance(v, str) for v in variables.values()):
        saw = lines[0].decode(errors="replace").strip()[:200] if lines and lines[0] else "nothing"
        errors.seek(0)
        said = errors.read().decode(errors="replace").strip().splitlines()
        saw += f", and on standard error: {said[-1]}" if said else ""
        raise UsageError(
            f"the service `{shown}` of [tool.dl-harness] must print one line of JSON, an object of environment"
            f" variables as strings; it printed {saw}."
        )
    threading.Thread(target=_drain, args=(process.stdout,), daemon=True).start()
    return variables


def needs_of(contracts: Sequence[Contract]) -> tuple[str, ...]:
    """The wrapper functions whose record these contracts read."""
    return tuple(dict.fromkeys(name for contract in contracts for name in contract.needs))
