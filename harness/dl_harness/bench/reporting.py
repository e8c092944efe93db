"""What a benchmark found, as a person reads it in a terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from dl_harness.bench.record import BaselineJudged, BudgetJudged, Comparison, Point, Quantity, Side, Sweep

EXIT_CODES = {"pass": 0, "fail": 1, "inconclusive": 5}
"""Not slower, slower, and nothing proved; 2 is an interruption."""

INTERRUPTED = 2

WORDS = {"pass": "not slower", "fail": "slower", "inconclusive": "inconclusive"}


def exit_code(comparison: Comparison) -> int:
    """The code that the command ends with."""
    return INTERRUPTED if comparison.interrupted else EXIT_CODES[comparison.verdict]


def comparison_lines(found: Comparison) -> Iterator[str]:
    """A comparison, line by line."""
    yield f"{found.this.adapter}: {found.this.name} against {found.other.name}"
    yield ""
    yield from (f"  {line}" for line in _sides(found))
    if found.quantities:
        yield ""
        yield "                          ratio    interval           verdict"
        yield from (f"  {line}" for line in (_quantity(q) for q in found.quantities))
    yield ""
    for note in found.notes:
        yield f"  note    {note}"
    for mark, count in found.marked.items():
        yield f"  marked  {count} of {found.pairs} rounds: {_MARKS[mark]}"
    yield f"  seeable {seeable(found)}"
    confirmed = ", seen again in processes started anew" if found.confirmed else ""
    yield f"  {WORDS[found.verdict].upper()}: {found.reason}{confirmed}"
    yield f"  {found.pairs} pairs of rounds of {_rounds(found)}, {found.duration_s:.1f} s"


_MARKS = {
    "clock": "the clock jumped",
    "suspended": "the machine slept",
    "load": "the machine became faster or slower",
}


def seeable(found: Comparison) -> str:
    """The smallest slowdown that the run could have seen."""
    if math.isinf(found.seeable):
        return "too few rounds to see any slowdown"
    return f"a slowdown of {found.seeable:.0%} would have been seen, four times out of five"


def _rounds(found: Comparison) -> str:
    batches = f"{found.batches_per_round} batches" if found.batches_per_round != 1 else "1 batch"
    return f"{batches} of {found.batch_size}"


def _sides(found: Comparison) -> Iterator[str]:
    width = max(len(found.this.name), len(found.other.name))
    for side in (found.this, found.other):
        if side.failure:
            yield f"{side.name:{width}}  failed: {side.failure}"
        elif side.batch_wall:
            yield f"{side.name:{width}}  {_times(side)}"


def _times(side: Side) -> str:
    return f"{duration(side.batch_wall)} a batch, {duration(side.batch_cpu)} of processor time (medians)"


def _quantity(quantity: Quantity) -> str:
    judged = quantity.judgement
    interval = f"{judged.low:.3f} to {judged.high:.3f}" if math.isfinite(judged.high) else "too few pairs"
    name = f"{quantity.name}, {quantity.clock}"
    return f"{name:22}  {judged.ratio:6.3f}   {interval:17}  {WORDS[judged.verdict]}"


def duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    if not seconds:
        return "0 s"
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale or unit == "µs":
            return f"{seconds / scale:.3g} {unit}"
    raise AssertionError


def steps(sweep: Sweep) -> list[str]:
    """The steps of the wrapper functions, in the order of the flow."""
    order = ("prepare", "predict", "embed", "convert", "upload", "rest")
    return [step for step in order if any(step in flow.per_batch for flow in sweep.flows)]


def sweep_lines(adapter: str, found: Sweep, width: int = 100) -> Iterator[str]:
    """A sweep, line by line: a table with a plot, and what follows from it."""
    yield f"{adapter}: {found.function} over batch sizes"
    yield ""
    yield from _table(found, width)
    yield ""
    if found.fixed is not None and found.per_item is not None:
        yield f"  a batch costs {duration(found.fixed)}, and {duration(found.per_item)} for each item (robust fit)"
    own = [one.own_cost / one.size for one in found.sizes if one.times]
    if own:
        yield f"  the harness's own {duration(max(own))} per item (an adapter that finds nothing) are subtracted"
    yield from _paying(found)
    yield from _flows(found)
    yield from _points("threads at once", found.concurrency, lambda p: f"{p.at:g}")
    yield from _points("item size", found.item_sizes, lambda p: f"{p.bytes / 1024:.3g} KiB")
    if found.waits:
        yield "  it waits for something else most of the time"
    for mark, count in found.marked.items():
        yield f"  marked  {count} rounds are left out: {_MARKS[mark]}"
    yield from (f"  note    {note}" for note in found.notes)
    yield ""
    if found.interrupted:
        yield "  INTERRUPTED; what had been measured by then is above"
    chosen = f"  use batches of {found.recommended}: " if found.recommended else "  "
    yield f"{chosen}{found.reason}"
    yield f"  {sum(one.rounds for one in found.sizes)} rounds, {found.duration_s:.1f} s"


def _table(found: Sweep, width: int) -> Iterator[str]:
    best = max((one.rate.estimate for one in found.sizes if one.rate), default=1.0)
    room = max(8, width - 76)
    yield f"  size   items/s   95 % interval     a batch    {found.function:>8}    memory  rounds"
    for one in found.sizes:
        if one.rate is not None and one.latency is not None:
            interval = f"{one.rate.low:.3g} to {one.rate.high:.3g}"
            bar = "█" * max(1, round(room * one.rate.estimate / best))
            yield (
                f"  {one.size:4}  {one.rate.estimate:8.4g}   {interval:15}  {duration(one.latency.estimate):>8}"
                f"    {duration(one.work):>8}  {one.memory_added / 2**20:5.1f} MiB  {one.rounds:6}  {bar}"
            )
        if one.failure is not None:
            yield f"  {one.size:4}  {one.failure}"


def _paying(found: Sweep) -> Iterator[str]:
    words = {"pass": "costs no more than alone", "fail": "costs more than alone", "inconclusive": "too noisy to say"}
    for verdict, said in words.items():
        sizes = [f"{one.size} ({one.ratio:.2f})" for one in found.pays if one.verdict == verdict]
        if sizes:
            yield f"  an item in a batch {said}: {', '.join(sizes)}"


def _flows(found: Sweep) -> Iterator[str]:
    for flow in found.flows:
        if flow.failure is not None:
            yield f"  {flow.wrapper} wrapper failed: {flow.failure}"
            continue
        shares = ", ".join(
            f"{step} {duration(flow.per_batch[step])}" for step in steps(found) if step in flow.per_batch
        )
        yield f"  per batch of {flow.size}, {flow.wrapper} wrapper: {shares}"


def _points(what: str, points: Sequence[Point], name: Callable[[Point], str]) -> Iterator[str]:
    if points:
        shown = (f"{name(p)}: failed ({p.failure})" if p.failure else f"{name(p)}: {p.rate:.3g}/s" for p in points)
        yield f"  {what}  {', '.join(shown)}"


def budget_lines(budgets: Sequence[BudgetJudged]) -> Iterator[str]:
    """What became of the budgets."""
    words = {"pass": "kept", "fail": "MISSED", "inconclusive": "inconclusive"}
    yield from (f"  budget {one.name}: {words[one.verdict]}, {one.reason}" for one in budgets)


def baseline_line(found: BaselineJudged) -> str:
    """What the stored baseline says."""
    if not found.used:
        return f"  {found.reason}"
    words = {"pass": "not slower", "fail": "SLOWER", "inconclusive": "inconclusive"}
    return f"  baseline: {words[found.verdict]}, {found.reason}"
