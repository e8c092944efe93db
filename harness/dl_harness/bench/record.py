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
    memory: int = 0  # bytes, resident; at the peak when that was asked for
    memory_before: int = 0
    item_bytes: int = 0

    @property
    def whole(self) -> Phase:
        """Preparing and predicting."""
        return self.prepare + self.work


class Span(msgspec.Struct, frozen=True):
    """One call of a step within a flow."""

    name: str
    start: float
    end: float


class FlowRound(msgspec.Struct, frozen=True):
    """One run of a wrapper function, with every step in it."""

    whole: Phase
    spans: tuple[Span, ...]


class Told(msgspec.Struct, frozen=True):
    """What a worker answers: a round, or what went wrong."""

    round: Round | None = None
    flow: FlowRound | None = None
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


class Bounds(msgspec.Struct, frozen=True):
    """An estimate with its 95 % bounds."""

    low: float
    estimate: float
    high: float


class SizeMeasured(msgspec.Struct, frozen=True):
    """One batch size: rounds, items per second, seconds per batch, memory; or why it could not be measured."""

    size: int
    rounds: int = 0
    rate: Bounds | None = None  # items per second
    latency: Bounds | None = None  # seconds per batch, preparing included
    work: float = 0.0  # seconds per batch in predict or embed alone, median
    cpu: float = 0.0  # seconds of processor time per batch, median
    own_cost: float = 0.0  # seconds per batch that the harness itself takes; already subtracted
    memory: int = 0  # bytes at the peak of a batch
    memory_added: int = 0  # bytes above what was resident before it
    failure: str | None = None
    times: tuple[float, ...] = ()  # seconds per batch, round by round


class Step(msgspec.Struct, frozen=True):
    """A span of one step of the flow, in seconds since the flow began."""

    name: str  # prepare, predict or embed, convert, upload
    start: float
    end: float


class FlowMeasured(msgspec.Struct, frozen=True):
    """Where the time of one wrapper function goes, per batch; steps that overlap are counted once."""

    wrapper: str  # sdk, reference
    batches: int = 0
    size: int = 0
    per_batch: dict[str, float] = {}  # seconds by step; "rest" is the wrapper's own
    cpu_per_item: float = 0.0
    timeline: tuple[Step, ...] = ()  # one batch
    failure: str | None = None


class Point(msgspec.Struct, frozen=True):
    """One point of a curve: threads, or the size of an item, and what came of it."""

    at: float
    rate: float = 0.0  # items per second
    bytes: int = 0  # mean size of an item
    failure: str | None = None


class Paying(msgspec.Struct, frozen=True):
    """Does batching pay? The cost of an item in a batch of `size` over its cost alone."""

    size: int
    ratio: float
    low: float
    high: float
    verdict: Verdict


class BudgetJudged(msgspec.Struct, frozen=True):
    """One budget of the adapter's own, and what was measured."""

    name: str
    budget: float
    saw: Bounds | None
    verdict: Verdict
    reason: str


class BaselineJudged(msgspec.Struct, frozen=True):
    """What a stored baseline says; `ratio` is None when it cannot be used."""

    file: str
    used: bool
    reason: str
    ratio: float | None = None
    margin: float | None = None
    verdict: Verdict = "inconclusive"


class Sweep(msgspec.Struct, frozen=True):
    """One adapter over batch sizes, and what follows from it."""

    function: str
    sizes: tuple[SizeMeasured, ...]
    fixed: float | None = None  # seconds before the first item of a batch
    per_item: float | None = None  # seconds that each item adds
    recommended: int | None = None
    reason: str = ""
    pays: tuple[Paying, ...] = ()
    flows: tuple[FlowMeasured, ...] = ()
    concurrency: tuple[Point, ...] = ()
    item_sizes: tuple[Point, ...] = ()
    drift: tuple[tuple[float, float], ...] = ()  # seconds since the start, time over the median of its batch size
    kernel: float = 0.0  # seconds of the calibration kernel, median
    threads: int = 1
    waits: bool = False
    notes: tuple[str, ...] = ()
    duration_s: float = 0.0
    interrupted: bool = False
    marked: dict[str, int] = {}


class BenchReport(msgspec.Struct, frozen=True):
    """The document that `dl-harness bench --json` writes."""

    schema_version: str
    target: str
    adapter: str
    environment: dict[str, str] = {}
    comparison: Comparison | None = None
    sweep: Sweep | None = None
    budgets: tuple[BudgetJudged, ...] = ()
    baseline: BaselineJudged | None = None
