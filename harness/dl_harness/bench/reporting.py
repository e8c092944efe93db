"""What a benchmark found, as a person reads it in a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator

from dl_harness.bench.record import Comparison, Quantity, Side

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
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale or unit == "µs":
            return f"{seconds / scale:.3g} {unit}"
    raise AssertionError
