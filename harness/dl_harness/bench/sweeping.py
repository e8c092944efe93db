"""One adapter over batch sizes: what a batch costs, what an item adds, which size to use, and where the time goes.

Sizes are measured in turns and in random order, so that a machine that becomes slower meanwhile does not make the large
batches look bad. What fails at one size ends that size and the larger ones; everything else goes on.
"""

from __future__ import annotations

import math
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

import msgspec

from dl_harness.bench.comparing import Measured, Start, Version, waits, worker
from dl_harness.bench.flow_steps import busy
from dl_harness.bench.intervals import fit_line, median_interval
from dl_harness.bench.recommending import pays, recommended
from dl_harness.bench.record import (
    Bounds,
    FlowMeasured,
    FlowRound,
    Point,
    Ready,
    Round,
    SizeMeasured,
    Step,
    Sweep,
)
from dl_harness.bench.subject import Ask, SubjectError

SIZES = (1, 2, 4, 7, 8, 16, 32)
"""Powers of two, and the odd size of a last batch."""
SECONDS = 20.0
"""How long the rounds of all sizes may take together."""
FEWEST_ROUNDS, MOST_ROUNDS = 9, 101
SLOW_S = 0.2
"""A batch that takes this long is not repeated for a point of a curve."""
THREADS = (1, 2, 4, 8)
SCALES = (0.5, 1.0, 2.0)
FLOW_BATCHES = 4

Progress = Callable[[str, float], None]


@dataclass
class _Size:
    """What is known of one batch size."""

    size: int
    rounds: list[Round] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    null: list[Round] = field(default_factory=list)
    memory: Round | None = None
    failure: str | None = None
    spent: float = 0.0  # seconds


def sweep(
    version: Version,
    seconds: float = SECONDS,
    samples: int = 0,
    progress: Progress = lambda what, share: None,
    start: Start = worker,
) -> tuple[Sweep, dict[str, str]]:
    """Measure an adapter, and say where; `samples` is how many rounds its own batch size needs, if time allows.

    An interruption keeps what was measured. Raises SubjectError when the adapter cannot even be loaded.
    """
    sweeping = _Sweeping(version, seconds, samples, progress, start)
    return sweeping.run(), sweeping.ready.environment


class _Sweeping:
    def __init__(self, version: Version, seconds: float, samples: int, progress: Progress, start: Start) -> None:
        self._version = version
        self._own_size = version.spec.batch_size
        self._seconds = seconds
        self._samples = samples
        self._progress = progress
        self._start = start
        self._random = random.Random(1)
        self._sizes = {size: _Size(size) for size in sorted({*SIZES, self._own_size})}
        self._next = 0
        self.ready = Ready()
        self._kernel: list[Round] = []
        self._flows: list[FlowMeasured] = []
        self._concurrency: list[Point] = []
        self._item_sizes: list[Point] = []
        self._notes: list[str] = []
        self._stack = ExitStack()
        self._subject: Measured | None = None
        self.interrupted = False

    def run(self) -> Sweep:
        began = time.monotonic()
        try:
            self._begin()
            for part in (self._warm_up, self._rounds, self._memory, self._wrappers, self._threads, self._scales):
                part()
        except KeyboardInterrupt:
            self.interrupted = True
        finally:
            self._stack.close()
        return self._result(time.monotonic() - began)

    def _begin(self) -> Measured:
        """A worker; a new one where the last has died."""
        if self._subject is not None and getattr(self._subject, "alive", True):
            return self._subject
        self._stack.close()
        self._progress("starting the adapter", 0.0)
        self._subject = self._stack.enter_context(self._start(self._version))
        self.ready = self._subject.start()
        return self._subject

    def _ask(self, ask: Ask) -> Round:
        first, self._next = self._next, self._next + ask.size * ask.batches
        return self._begin().ask(msgspec.structs.replace(ask, first=first))

    def _alive(self) -> list[_Size]:
        return [size for size in self._sizes.values() if size.failure is None]

    def _try(self, size: _Size, ask: Ask) -> Round | None:
        """A round, or None when the size fails; larger sizes are then not tried."""
        try:
            return self._ask(ask)
        except SubjectError as error:
            size.failure = str(error)
            for larger in self._alive():
                if larger.size > size.size:
                    larger.failure = f"not tried, since {size.size} failed"
            return None

    def _warm_up(self) -> None:
        """Every size once, the smallest first; the smallest until its time is steady."""
        for number, size in enumerate(self._sizes.values()):
            self._progress("warming up", number / len(self._sizes))
            if size.failure is None:
                self._try(size, Ask(size.size))
        alive, times, began = self._alive(), list[float](), time.monotonic()
        while alive and time.monotonic() - began < 2.0:
            round_ = self._try(alive[0], Ask(alive[0].size))
            if round_ is None:
                return
            times.append(round_.whole.own)
            if len(times) >= 3 and max(times[-3:]) < 1.05 * min(times[-3:]):
                return

    def _rounds(self) -> None:
        """All sizes in turns, until the time is over or there are enough rounds."""
        began = time.monotonic()
        for turn in range(MOST_ROUNDS):
            sizes = [size for size in self._alive() if size.spent < self._share(size)]
            self._random.shuffle(sizes)
            for size in sizes:
                if size.failure is not None:
                    continue
                started_at = time.monotonic()
                if (round_ := self._try(size, Ask(size.size))) is not None:
                    size.rounds.append(round_)
                    size.at.append(time.monotonic() - began)
                    self._null(size, turn)
                size.spent += time.monotonic() - started_at
            taken = time.monotonic() - began
            self._progress("measuring batch sizes", min(1.0, taken / self._seconds))
            if not sizes or taken > 3 * self._seconds:
                break
        own = self._sizes[self._own_size]
        while own.failure is None and len(own.rounds) < self._samples:
            if time.monotonic() - began > 3 * self._seconds:
                missing = self._samples - len(own.rounds)
                self._notes.append(
                    f"{missing} rounds of {own.size} short of what the percentiles need; give more --seconds"
                )
                break
            self._progress(f"collecting samples of batches of {own.size}", len(own.rounds) / self._samples)
            if (round_ := self._try(own, Ask(own.size))) is not None:
                own.rounds.append(round_)
                own.at.append(time.monotonic() - began)

    def _share(self, size: _Size) -> float:
        """The seconds that a size may take: the same for all, and more for one of which little is known."""
        return math.inf if len(size.rounds) < FEWEST_ROUNDS else self._seconds / len(self._sizes)

    def _null(self, size: _Size, turn: int) -> None:
        """What the harness itself takes for such a batch, and a piece of calibration, in some turns."""
        if turn % 4 == 0:
            size.null.append(self._ask(Ask(size.size, kind="null")))
        if size.size == self._own_size:
            self._kernel.append(self._ask(Ask(1, kind="kernel")))

    def _memory(self) -> None:
        for number, size in enumerate(self._alive()):
            self._progress("measuring memory", number / len(self._sizes))
            size.memory = self._try(size, Ask(size.size, kind="memory"))

    def _wrappers(self) -> None:
        """Where the time goes, in the SDK's wrapper and in the reference flow."""
        if self._sizes[self._own_size].failure is not None:
            return
        for number, wrapper in enumerate(("sdk", "reference")):
            self._progress(f"running the {wrapper} wrapper", number / 2)
            ask = Ask(self._own_size, FLOW_BATCHES, kind="sdk" if wrapper == "sdk" else "reference")
            try:
                runs = [self._flow(ask) for _ in range(1 if self._repeats() == 1 else 2)]  # the first one warms up
            except SubjectError as error:
                self._flows.append(FlowMeasured(wrapper, failure=str(error)))
                continue
            self._flows.append(_steps(wrapper, runs[-1], ask))

    def _flow(self, ask: Ask) -> FlowRound:
        first, self._next = self._next, self._next + ask.size * ask.batches
        return self._begin().flow(msgspec.structs.replace(ask, first=first))

    def _threads(self) -> None:
        """Several threads that predict at once, as a service with several executions does."""
        if self._sizes[self._own_size].failure is not None:
            return
        for number, threads in enumerate(THREADS):
            self._progress("measuring concurrency", number / len(THREADS))
            try:
                ask = Ask(self._own_size, threads, kind="concurrent", threads=threads)
                rounds = [self._ask(ask) for _ in range(self._repeats())]
            except SubjectError as error:
                self._concurrency.append(Point(threads, failure=str(error)))
                break
            wall = statistics.median(r.work.wall for r in rounds)
            self._concurrency.append(Point(threads, rate=self._own_size * threads / max(wall, 1e-9)))

    def _repeats(self) -> int:
        rounds = self._sizes[self._own_size].rounds
        return 1 if rounds and rounds[-1].whole.own > SLOW_S else 5

    def _scales(self) -> None:
        """Smaller and larger items."""
        if self.ready.kind not in {"image", "text"} or self._sizes[self._own_size].failure is not None:
            return
        for number, scale in enumerate(SCALES):
            self._progress("measuring item sizes", number / len(SCALES))
            try:
                rounds = [self._ask(Ask(self._own_size, scale=scale)) for _ in range(self._repeats())]
            except SubjectError as error:
                self._item_sizes.append(Point(scale, failure=str(error)))
                continue
            wall = statistics.median(r.whole.own for r in rounds)
            self._item_sizes.append(Point(scale, self._own_size / max(wall, 1e-9), rounds[0].item_bytes))

    def _result(self, duration: float) -> Sweep:
        sizes = tuple(_measured(size) for size in self._sizes.values())
        known = [one for one in sizes if one.times]
        line = fit_line(
            [one.size for one in known for _ in one.times], [seconds for one in known for seconds in one.times]
        )
        size, reason = recommended(sizes)
        rounds = [r for one in self._sizes.values() for r in one.rounds]
        marked: Counter[str] = Counter(mark for r in rounds for mark in r.marks)
        if self.ready.accelerator:
            self._notes.append(f"computes on {self.ready.accelerator}, which was waited for")
        if not self.ready.varied:
            self._notes.append(f"inputs of kind {self.ready.kind} differ in id and name alone, not in content")
        if rounds and sum(r.children_cpu for r in rounds) > 0.05 * sum(r.whole.cpu for r in rounds):
            self._notes.append("work in child processes is counted")
        return Sweep(
            function=self.ready.function,
            sizes=sizes,
            fixed=max(0.0, line.fixed) if line else None,
            per_item=line.per_item if line else None,
            recommended=size,
            reason=reason,
            pays=pays({one.size: one.times for one in known}),
            flows=tuple(self._flows),
            concurrency=tuple(self._concurrency),
            item_sizes=tuple(self._item_sizes),
            drift=_drift(list(self._sizes.values())),
            kernel=statistics.median(r.work.cpu for r in self._kernel) if self._kernel else 0.0,
            waits=waits(rounds),
            notes=tuple(self._notes),
            duration_s=duration,
            interrupted=self.interrupted,
            marked=dict(marked),
        )


def _clean(size: _Size) -> list[Round]:
    return [r for r in size.rounds if not r.marks]


def _measured(size: _Size) -> SizeMeasured:
    """One size in figures, without what the harness itself took."""
    rounds = _clean(size)
    own_cost = statistics.median(r.whole.own for r in size.null) if size.null else 0.0
    times = [max(r.whole.own - own_cost, r.whole.own / 100) for r in rounds]
    if not times:
        return SizeMeasured(size.size, failure=size.failure or "no time was left for it")
    found = median_interval(times, 0.025)
    high = found.high if math.isfinite(found.high) else max(times)
    low = found.low if math.isfinite(found.low) else min(times)
    memory = size.memory
    return SizeMeasured(
        size=size.size,
        rounds=len(times),
        rate=Bounds(size.size / high, size.size / found.estimate, size.size / low),
        latency=Bounds(low, found.estimate, high),
        work=statistics.median(r.work.own for r in rounds),
        cpu=statistics.median(r.whole.cpu for r in rounds),
        own_cost=own_cost,
        memory=memory.memory if memory else 0,
        memory_added=max(0, memory.memory - memory.memory_before) if memory else 0,
        failure=size.failure,
        times=tuple(times),
    )


def _drift(sizes: list[_Size]) -> tuple[tuple[float, float], ...]:
    """How each round compares with the median of its size, over the time of the run."""
    points = []
    for size in sizes:
        if size.rounds:
            middle = statistics.median(r.whole.own for r in size.rounds)
            points += [(at, r.whole.own / middle) for at, r in zip(size.at, size.rounds, strict=True)]
    return tuple(sorted(points))


def _steps(wrapper: str, run: FlowRound, ask: Ask) -> FlowMeasured:
    names = dict.fromkeys(span.name for span in run.spans)
    per_batch = {name: busy([s for s in run.spans if s.name == name]) / ask.batches for name in names}
    per_batch["rest"] = max(0.0, run.whole.wall - busy(list(run.spans))) / ask.batches
    starts = [s.start for s in run.spans if s.name in {"predict", "embed"}]
    until = starts[1] if len(starts) > 1 else math.inf
    # One batch: from its first prepared item to the first one of the next batch.
    later = [s.start for s in run.spans if s.name == "prepare" and starts and s.start > starts[0]]
    end = min([*later, until]) if later or starts else math.inf
    timeline = tuple(Step(s.name, s.start, s.end) for s in run.spans if s.start < end)
    cpu = run.whole.cpu / (ask.size * ask.batches)
    return FlowMeasured(wrapper, ask.batches, ask.size, per_batch, cpu, timeline)
