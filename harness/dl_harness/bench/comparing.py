"""This version against another: pairs of rounds in two processes, until the ratios say enough."""

from __future__ import annotations

import math
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from dl_harness.bench.record import Comparison, FlowRound, Mark, Phase, Quantity, Ready, Round, Side
from dl_harness.bench.subject import Ask, SubjectError, started
from dl_harness.bench.verdicts import LOOKS, MARGIN, TOLERANCE, Judgement, Verdict, judge, together
from dl_harness.contracts.reading import same_entry
from dl_harness.spec import Service, Spec, Target

SHORTEST_ROUND_S = 0.005
MOST_BATCHES = 50
WARM_UP_S = 2.0
STEADY = 0.05
MOST_MARKED = 0.2
"""The share of rounds that may be left out before the rest proves nothing."""
SHIFT = 1.5
"""A block of pairs in which both versions take this many times as long as in the others ran on another machine."""
BLOCK = 10
WAITING = 0.5
"""From this share of idle wall time a version waits for something else, and the wall clock judges it."""
COUNTED = 0.5
"""From this share of a version's own time its processor time is judged too."""
PAIRS_LIMIT_S = 60.0
CHECKED_AGAIN = 3

Progress = Callable[[str, float], None]
"""Told what is being done and which share of it is done."""


@dataclass(frozen=True)
class Version:
    """An adapter to compare, and what to call it."""

    name: str
    target: Target
    spec: Spec
    service: Service | None = None


@dataclass
class Pairs:
    """Rounds of both versions, pair by pair, in the order in which they were made."""

    this: list[Round] = field(default_factory=list)
    other: list[Round] = field(default_factory=list)
    order: str = ""

    def clean(self) -> list[int]:
        """The pairs in which nothing happened to the machine."""
        shifted = self._shifted()
        rounds = enumerate(zip(self.this, self.other, strict=True))
        return [i for i, (a, b) in rounds if not a.marks and not b.marks and i not in shifted]

    def marked(self) -> dict[str, int]:
        """How many pairs were left out, by the reason."""
        counts: Counter[str] = Counter()
        for a, b in zip(self.this, self.other, strict=True):
            counts.update(set(a.marks) | set(b.marks))
        shifted: Mark = "load"
        if self._shifted():
            counts[shifted] = len(self._shifted())
        return dict(counts)

    def _shifted(self) -> set[int]:
        """Pairs in blocks that ran on a machine of another speed: both versions changed together."""
        levels = [
            math.log(a.whole.cpu + 1e-9) + math.log(b.whole.cpu + 1e-9)
            for a, b in zip(self.this, self.other, strict=True)
        ]
        if len(levels) < 2 * BLOCK:
            return set()
        middle = statistics.median(levels)
        found: set[int] = set()
        starts = range(0, len(levels) - BLOCK + 1, BLOCK)
        for start in starts:
            block = levels[start:] if start == starts[-1] else levels[start : start + BLOCK]
            if abs(statistics.median(block) - middle) / 2 > math.log(SHIFT):
                found.update(range(start, start + len(block)))
        return found


Start = Callable[[Version], AbstractContextManager["Measured"]]


class Measured(Protocol):
    """What answers with rounds: a worker, or something that stands in for one."""

    def start(self) -> Ready:
        """Wait until the adapter is loaded."""

    def ask(self, ask: Ask) -> Round:
        """One round."""

    def flow(self, ask: Ask) -> FlowRound:
        """One run of a wrapper function."""


def worker(version: Version) -> AbstractContextManager[Measured]:
    """A process for a version."""
    return started(version.target, version.spec, version.service)


def compare(
    this: Version, other: Version, progress: Progress = lambda what, share: None, start: Start = worker
) -> Comparison:
    """Judge this version against another one; a slowdown counts when processes started anew show it again."""
    began = time.monotonic()
    session = _Session(this, other, progress, start)
    try:
        found = session.run("comparing")
        if found.verdict == "fail":
            again = _Session(this, other, progress, start, seed=2).run("confirming")
            found = _confirmed(found, again)
    except KeyboardInterrupt:
        found = session.so_far("interrupted; what had been measured by then is below", interrupted=True)
    except SubjectError as error:
        found = session.so_far(f"{session.running}: {error}", failed=session.running)
    return msgspec.structs.replace(found, duration_s=time.monotonic() - began)


def _confirmed(first: Comparison, again: Comparison) -> Comparison:
    if again.verdict == "fail":
        return msgspec.structs.replace(first, confirmed=True)
    reason = (
        f"slower in the first pair of processes ({first.reason}), but not in a second one ({again.reason}): what"
        " processes happen to differ in is as large as what was seen"
    )
    return msgspec.structs.replace(first, verdict="inconclusive", reason=reason, confirmed=False)


class _Session:
    """One pair of processes and the rounds they made."""

    def __init__(self, this: Version, other: Version, progress: Progress, start: Start, seed: int = 1) -> None:
        self._versions = (this, other)
        self._progress = progress
        self._start = start
        self._random = random.Random(seed)
        self.pairs = Pairs()
        self.running = this.name
        self._size = this.spec.batch_size
        self._batches = 1
        self._next = 0
        self._ready: list[Ready] = []
        self._notes: list[str] = []
        self._different = 0
        self._unlike_itself = 0

    def run(self, what: str) -> Comparison:
        """Start both, warm up, and make pairs until they say enough."""
        with ExitStack() as stack:
            self._progress(f"{what}: starting two processes", 0.0)
            subjects = [stack.enter_context(self._start(v)) for v in self._versions]  # both import at once
            for version, subject in zip(self._versions, subjects, strict=True):
                self.running = version.name
                self._ready.append(subject.start())
            self._warm_up(subjects)
            quantities: tuple[Quantity, ...] = ()
            began = time.monotonic()
            for look, pairs in enumerate(LOOKS):
                while len(self.pairs.clean()) < pairs and len(self.pairs.this) < 2 * pairs:
                    self._pair(subjects)
                    self._progress(what, len(self.pairs.this) / LOOKS[-1])
                    if time.monotonic() - began > PAIRS_LIMIT_S:
                        break
                quantities = judged(self.pairs, look)
                late = time.monotonic() - began > PAIRS_LIMIT_S
                if all(q.judgement.final for q in quantities) or late or _fails(quantities):
                    break
            self._check_again(subjects)
            return self._conclusion(quantities)

    def _warm_up(self, subjects: Sequence[Measured]) -> None:
        """Batches until three in a row take the same time, two seconds have passed, or it is clear that they never do;
        then as many batches per round as a round needs to be long enough for the clock."""
        shortest = math.inf
        for version, subject in zip(self._versions, subjects, strict=True):
            self.running = version.name
            times: list[float] = []
            began = time.monotonic()
            while True:
                times.append(self._round(subject).whole.own)
                spread = max(times[-3:]) / min(times[-3:]) - 1 if len(times) >= 3 else math.inf
                if len(times) >= 2 and (spread < STEADY or time.monotonic() - began > WARM_UP_S):
                    break
            shortest = min(shortest, times[-1])
        self._batches = min(MOST_BATCHES, max(1, math.ceil(SHORTEST_ROUND_S / shortest)))

    def _round(self, subject: Measured) -> Round:
        first, self._next = self._next, self._next + self._size * self._batches
        return subject.ask(Ask(self._size, self._batches, first))

    def _pair(self, subjects: Sequence[Measured]) -> None:
        """One round of each, over the same items, in random order."""
        this_first = self._random.random() < 0.5
        ask = Ask(self._size, self._batches, self._next, outputs=True)
        self._next += self._size * self._batches
        rounds: dict[int, Round] = {}
        for index in (0, 1) if this_first else (1, 0):
            self.running = self._versions[index].name
            rounds[index] = subjects[index].ask(ask)
        self.pairs.this.append(rounds[0])
        self.pairs.other.append(rounds[1])
        self.pairs.order += "t" if this_first else "o"
        self._different += not same_outputs(rounds[0], rounds[1])

    def _check_again(self, subjects: Sequence[Measured]) -> None:
        """Ask again for some rounds: an answer that depends on when it was asked for cannot be compared."""
        step = self._size * self._batches
        made = len(self.pairs.this)
        for back in range(1, min(CHECKED_AGAIN, made) + 1):
            ask = Ask(self._size, self._batches, self._next - back * step, outputs=True)
            for index, before in ((0, self.pairs.this[-back]), (1, self.pairs.other[-back])):
                self.running = self._versions[index].name
                self._unlike_itself += not same_outputs(subjects[index].ask(ask), before)

    def _conclusion(self, quantities: tuple[Quantity, ...]) -> Comparison:
        verdict = together([q.judgement.verdict for q in quantities]) if quantities else "inconclusive"
        reason = _reason(verdict, quantities)
        made, clean = len(self.pairs.this), len(self.pairs.clean())
        if made and made - clean > MOST_MARKED * made:
            reason = f"{made - clean} of {made} rounds were disturbed ({_shown(self.pairs.marked())})"
            verdict = "inconclusive"
        elif self._different and verdict == "pass" and not self._unlike_itself:
            verdict = "inconclusive"
            reason = (
                f"the two versions answer differently in {self._different} of {made} rounds, so a fast wrong answer"
                " cannot be told from a fast right one"
            )
        return self._comparison(verdict, reason, quantities)

    def so_far(self, reason: str, failed: str | None = None, interrupted: bool = False) -> Comparison:
        """What is known when the comparison cannot go on."""
        quantities = judged(self.pairs, 0) if len(self.pairs.clean()) >= 3 else ()
        return self._comparison("inconclusive", reason, quantities, failed, interrupted)

    def _comparison(
        self,
        verdict: Verdict,
        reason: str,
        quantities: tuple[Quantity, ...],
        failed: str | None = None,
        interrupted: bool = False,
    ) -> Comparison:
        pairs = self.pairs
        sides = [
            Side(
                name=version.name,
                adapter=version.target.subject.name,
                batch_wall=_median([r.whole.own / r.batches for r in rounds]),
                batch_cpu=_median([r.whole.cpu / r.batches for r in rounds]),
                failure=reason if version.name == failed else None,
            )
            for version, rounds in zip(self._versions, (pairs.this, pairs.other), strict=True)
        ]
        return Comparison(
            this=sides[0],
            other=sides[1],
            verdict=verdict,
            reason=reason,
            quantities=quantities,
            seeable=max((q.judgement.seeable for q in quantities), default=math.inf),
            pairs=len(pairs.this),
            marked=pairs.marked(),
            notes=(*self._notes, *self._said()),
            batch_size=self._size,
            batches_per_round=self._batches,
            order=pairs.order,
            log_ratios=tuple(log_ratios(pairs, "whole", "cpu")),
            environment=self._ready[0].environment if self._ready else {},
            interrupted=interrupted,
        )

    def _said(self) -> list[str]:
        """What a reader must know to believe the figures."""
        said = []
        made = len(self.pairs.this)
        if self._unlike_itself:
            said.append("the adapter does not give the same answer twice, so answers were not compared")
        elif self._different:
            said.append(f"the two versions answer differently in {self._different} of {made} rounds")
        if self._ready and not all(r.varied for r in self._ready):
            said.append(f"inputs of kind {self._ready[0].kind} differ in id and name alone, not in content")
        rounds = [*self.pairs.this, *self.pairs.other]
        children = sum(r.children_cpu for r in rounds)
        if rounds and children > 0.05 * sum(r.whole.cpu for r in rounds):
            said.append("work in child processes is counted")
        said += [f"computes on {r.accelerator}, which was waited for" for r in self._ready[:1] if r.accelerator]
        if made and any(waits(rounds) for rounds in (self.pairs.this, self.pairs.other)):
            said.append("waits for something else most of the time, so the wall clock judges it")
        return said


def waits(rounds: Sequence[Round]) -> bool:
    """Whether a version waits (for a service, a disk, a sleep) more than it computes, in its quietest rounds."""
    quiet = sorted(1 - r.whole.cpu / r.whole.own for r in rounds)[: max(1, len(rounds) // 4)]
    return bool(quiet) and statistics.median(quiet) > WAITING


def judged(pairs: Pairs, look: int) -> tuple[Quantity, ...]:
    """Every quantity that can be judged, on the clocks that see it.

    Processor time is judged unless both versions wait; the time that a machine of its own would have shown always, with
    twice the tolerance where the processor's clock is there too, since it sees other work on the machine.
    """
    busy = not (waits(pairs.this) and waits(pairs.other))
    found = []
    for name in ("work", "whole"):
        if busy:
            found.append(Quantity(_NAMES[name], "cpu", _judge(pairs, name, "cpu", look, TOLERANCE)))
        found.append(Quantity(_NAMES[name], "wall", _judge(pairs, name, "own", look, TOLERANCE * (1 + busy))))
    return tuple(found)


_NAMES = {"work": "the call", "whole": "the whole batch"}


def _judge(pairs: Pairs, name: str, clock: str, look: int, tolerance: float) -> Judgement:
    return judge(log_ratios(pairs, name, clock), look, margin=MARGIN, tolerance=tolerance)


def log_ratios(pairs: Pairs, name: str, clock: str) -> list[float]:
    """The logarithms of this version's time over the other's, for the pairs that are not left out."""

    def seconds(round_: Round) -> float:
        phase: Phase = getattr(round_, name)
        return max(float(getattr(phase, clock)), 1e-9)

    return [math.log(seconds(pairs.this[i]) / seconds(pairs.other[i])) for i in pairs.clean()]


def same_outputs(one: Round, other: Round) -> bool:
    """Whether two rounds over the same items gave the same answers, up to rounding."""
    if len(one.outputs) != len(other.outputs) or one.returned != other.returned:
        return False
    return all(same_entry(a, b) for a, b in zip(one.outputs, other.outputs, strict=True))


def _fails(quantities: Sequence[Quantity]) -> bool:
    return any(q.judgement.verdict == "fail" for q in quantities)


def _median(values: Sequence[float]) -> float:
    return statistics.median(values) if values else 0.0


def _shown(marked: dict[str, int]) -> str:
    words = {"clock": "the clock jumped", "suspended": "the machine slept", "load": "its speed changed"}
    return ", ".join(f"{words[mark]} in {count}" for mark, count in marked.items())


def _reason(verdict: Verdict, quantities: Sequence[Quantity]) -> str:
    if not quantities:
        return "nothing was measured"
    by = max((q for q in quantities if q.judgement.verdict == verdict), key=lambda q: q.judgement.ratio)
    found = by.judgement
    clock = "processor time" if by.clock == "cpu" else "wall time"
    share = f"{found.ratio:.3f} times the {clock} of the other's ({found.low:.3f} to {found.high:.3f})"
    return f"{by.name} takes {share}"
