"""One version of an adapter in a process of its own, which answers with rounds."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec

from dl_harness import spec as specs
from dl_harness.bench.record import FlowRound, Ready, Round, Told
from dl_harness.evidence import Failure
from dl_harness.run import Tail, end_group, environment, serving
from dl_harness.spec import Service, Spec, Target
from dl_harness.workspace import prepare

START_LIMIT_S = 180.0
ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "BLIS_NUM_THREADS",
        "RAYON_NUM_THREADS",
    )
)


class Ask(msgspec.Struct, frozen=True):
    """What a worker is asked for: `batches` batches of `size` distinct items, numbered from `first`."""

    size: int
    batches: int = 1
    first: int = 0
    kind: Literal["round", "memory", "null", "kernel", "concurrent", "sdk", "reference"] = "round"
    outputs: bool = False
    threads: int = 1
    scale: float = 1.0


class SubjectError(Exception):
    """An adapter could not be measured; the message says what happened."""

    def __init__(self, message: str, failure: Failure | None = None, ours: bool = False) -> None:
        super().__init__(message)
        self.failure = failure
        self.ours = ours


def pinned(threads: int) -> dict[str, str]:
    """Environment variables that hold the thread pools of numerical libraries at one size."""
    return dict.fromkeys(ONE_THREAD, str(threads))


class Subject:
    """A worker that has loaded an adapter."""

    def __init__(self, process: subprocess.Popen[bytes], asks: int, answers: int, tail: Tail, limit_s: float) -> None:
        self._process = process
        self._asks = asks
        self._answers = answers
        self._tail = tail
        self._limit_s = limit_s
        self._unread = b""

    def start(self) -> Ready:
        """Wait until the adapter is loaded. Raises SubjectError when it cannot be."""
        ready = msgspec.json.decode(self._line(START_LIMIT_S + self._limit_s, "load"), type=Ready)
        if ready.failure is not None:
            raise SubjectError(str(ready.failure), ready.failure, ready.ours)
        return ready

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def ask(self, ask: Ask) -> Round:
        """One round. Raises SubjectError when the adapter raised, or the process is gone."""
        told = self._asked(ask)
        assert told.round is not None
        return told.round

    def flow(self, ask: Ask) -> FlowRound:
        """One run of a wrapper function. Raises SubjectError as `ask` does."""
        told = self._asked(ask)
        assert told.flow is not None
        return told.flow

    def _asked(self, ask: Ask) -> Told:
        try:
            os.write(self._asks, msgspec.json.encode(ask) + b"\n")
        except BrokenPipeError:
            raise SubjectError(self._death("a round")) from None
        told = msgspec.json.decode(self._line(self._limit_s * max(1, ask.batches), "a round"), type=Told)
        if told.round is None and told.flow is None:
            failure = told.failure or Failure("Unknown", "no reason was given")
            raise SubjectError(str(failure), failure, told.ours)
        return told

    def _line(self, limit_s: float, what: str) -> bytes:
        end = time.monotonic() + limit_s
        while b"\n" not in self._unread:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise SubjectError(f"{what} did not come back within {limit_s:g} s")
            chunk = os.read(self._answers, 1 << 20)
            if not chunk:
                raise SubjectError(self._death(what))
            self._unread += chunk
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _death(self, during: str) -> str:
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return f"the process fell silent during {during}"
        words = self._tail.text().strip().splitlines()
        said = f"; its last words: {words[-1][:300]}" if words else ""
        killed = " (killed, as by the system when memory runs out)" if code == -9 else ""
        return f"the process ended during {during} with status {code}{killed}{said}"


@contextmanager
def started(
    target: Target, spec: Spec, service: Service | None = None, *, threads: int = 1, **more: Any
) -> Iterator[Subject]:
    """A worker over a copy of the adapter's repository; it and its folders are gone afterwards.

    The hash seed is fixed and numerical libraries get `threads` threads, the same for everything that is compared.
    """
    directory = Path(tempfile.mkdtemp(prefix="dl-harness-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        workspace = prepare(directory, Path(target.root), target.part)
        variables = stack.enter_context(serving(service, workspace))
        spec = msgspec.structs.replace(spec, target=target, workspace=str(directory), evidence="")
        path = directory / "spec.json"
        path.write_bytes(specs.write(spec))
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        stack.callback(os.close, ours_out)
        stack.callback(os.close, ours_in)
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", "dl_harness.bench.worker", str(path), str(theirs_in), str(theirs_out)],
                cwd=workspace.app,
                env={**environment(workspace, variables), "PYTHONHASHSEED": "0", **pinned(threads), **more},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(theirs_in, theirs_out),
                start_new_session=True,
            )
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        assert process.stdout is not None
        tail = Tail(process.stdout)
        stack.callback(end_group, process)
        yield Subject(process, ours_out, ours_in, tail, spec.call_limit_s)
