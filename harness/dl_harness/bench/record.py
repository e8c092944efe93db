"""What the benchmarks record and report: plain data, which crosses processes and is written as JSON."""

from __future__ import annotations

from typing import Literal

import msgspec

from dl_harness.bench.verdicts import Judgement, Verdict
from dl_harness.evidence import Entry, Failure

SCHEMA_VERSION = "1.0"

Mark = Literal["clock", "suspended", "load"]
"""Why a round is left out: the clock jumped, the machine slept, other work on it began or ended."""


class Phase(msgspec.Struct, frozen=True):
    """How long something took, in seconds.

    `cpu` is that of all threads and of all child processes; `delay` is how long the calling thread was ready to run but
    had no core; so `wall - delay` is the time that a machine of its own would have shown.
    """

    wall: float = 0.0
    cpu: float = 0.0
    delay: float = 0.0

    @property
    def own(self) -> float:
        """Wall time without waiting for a core."""
        return max(self.wall - self.delay, 1e-9)

    def __add__(self, other: Phase) -> Phase:
        return Phase(self.wall + other.wall, self.cpu + other.cpu, self.delay + other.delay)


class Round(msgspec.Struct, frozen=True):
    """One or several batches in a row, in one process; `outputs` are there when they were asked for."""

    size: int
    batches: int
    prepare: Phase
    work: Phase  # predict, or embed
    outputs: tuple[Entry, ...] = ()
    returned: int | None = None  # results per batch; None when they cannot be counted
    marks: tuple[Mark, ...] = ()
    children_cpu: float = 0.0
    threads: int = 0
    memory: int = 0  # bytes, resident

    @property
    def whole(self) -> Phase:
        """Preparing and predicting."""
        return self.prepare + self.work


class Told(msgspec.Struct, frozen=True):
    """What a worker answers: a round, or what went wrong."""

    round: Round | None = None
    failure: Failure | None = None
    ours: bool = False  # the failure is this package's, not the adapter's


class Ready(msgspec.Struct, frozen=True):
    """What a worker says when the adapter is loaded."""

    function: str = "predict"
    failure: Failure | None = None
    ours: bool = False
    environment: dict[str, str] = {}
    kind: str = "image"
    varied: bool = True  # whether no two inputs have the same content
    accelerator: str = ""


class Side(msgspec.Struct, frozen=True):
    """One of two versions."""

    name: str
    adapter: str
    batch_wall: float = 0.0  # medians, seconds
    batch_cpu: float = 0.0
    failure: str | None = None


class Quantity(msgspec.Struct, frozen=True):
    """One thing that was judged: predict or the whole batch, on the CPU clock or on the wall clock."""

    name: str
    clock: Literal["cpu", "wall"]
    judgement: Judgement


class Comparison(msgspec.Struct, frozen=True):
    """This version against another."""

    this: Side
    other: Side
    verdict: Verdict
    reason: str
    quantities: tuple[Quantity, ...] = ()
    seeable: float = 0.0
    pairs: int = 0
    marked: dict[str, int] = {}
    confirmed: bool | None = None
    notes: tuple[str, ...] = ()
    duration_s: float = 0.0
    batch_size: int = 0
    batches_per_round: int = 1
    order: str = ""  # "t" for rounds in which this version came first, "o" for the others
    log_ratios: tuple[float, ...] = ()
    environment: dict[str, str] = {}
    interrupted: bool = False


class BenchReport(msgspec.Struct, frozen=True):
    """The document that `dl-harness bench --json` writes."""

    schema_version: str
    target: str
    adapter: str
    environment: dict[str, str] = {}
    comparison: Comparison | None = None
