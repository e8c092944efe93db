"""Which batch size to use, and whether batching pays."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence

from dl_harness.bench.intervals import median_interval
from dl_harness.bench.record import Paying, SizeMeasured
from dl_harness.bench.verdicts import MARGIN, TOLERANCE, Verdict

ENOUGH = 0.9
"""The knee: the smallest size that reaches this share of the best rate."""
MOST_MEMORY = 0.5
"""The share of the machine's free memory that one batch may take."""
ERROR = 0.005


def recommended(sizes: Sequence[SizeMeasured]) -> tuple[int | None, str]:
    """A batch size and why, or None and why not."""
    measured = [one for one in sizes if one.rate is not None and one.failure is None]
    # An odd size is measured for the last batch of a run; nobody sets it.
    known = [one for one in measured if one.size & (one.size - 1) == 0] or measured
    if not known:
        return None, "no batch size could be measured"
    limit = MOST_MEMORY * _free_memory()
    fitting = [one for one in known if one.memory_added <= limit]
    if not fitting:
        return known[0].size, f"even a batch of {known[0].size} takes more than half of the free memory"
    best = max(fitting, key=_rate)
    knee = next(one for one in fitting if _rate(one) >= ENOUGH * _rate(best))
    share = f"{_rate(knee) / _rate(best):.0%} of the best rate ({_rate(best):.3g} at {best.size})"
    reason = f"{_rate(knee):.3g} items/s, {share}"
    if knee.memory_added:
        reason += f", for {knee.memory_added / 2**20:.0f} MiB a batch"
    if len(fitting) < len(known):
        reason += f"; {known[len(fitting)].size} takes more than half of the free memory"
    broken = next((one for one in sizes if one.failure is not None and "not tried" not in one.failure), None)
    if broken is not None:
        reason += f"; {broken.size} failed"
    elif best is known[-1] and knee is best and len(known) > 1:
        reason += "; larger ones may be faster still"
    return knee.size, reason


def _rate(one: SizeMeasured) -> float:
    return one.rate.estimate if one.rate is not None else 0.0


def _free_memory() -> float:
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (ValueError, OSError, AttributeError):
        return math.inf


def pays(times: Mapping[int, Sequence[float]]) -> tuple[Paying, ...]:
    """For each size, the cost of an item in such a batch over its cost alone, in rounds that were made in turns.

    Fails when an item costs more in the batch than alone, beyond the margin and the noise; passes when it does not,
    within the tolerance; says nothing otherwise.
    """
    alone = times.get(1, ())
    found = []
    for size, seconds in times.items():
        if size == 1 or not alone or not seconds:
            continue
        pairs = zip(seconds, alone, strict=False)
        ratios = [math.log(batch / size / single) for batch, single in pairs]
        interval = median_interval(ratios, ERROR)
        verdict: Verdict = "inconclusive"
        if interval.low > math.log1p(MARGIN):
            verdict = "fail"
        elif interval.high < math.log1p(TOLERANCE):
            verdict = "pass"
        low = math.exp(interval.low) if interval.low > -math.inf else 0.0
        high = math.exp(interval.high) if interval.high < math.inf else math.inf
        found.append(Paying(size, math.exp(interval.estimate), low, high, verdict))
    return tuple(found)
