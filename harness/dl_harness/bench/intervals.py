"""Intervals for medians and percentiles, and a line through noisy points: the statistics that the benchmarks need."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

PERCENTILE_SAMPLES = {50: 11, 90: 64, 95: 130, 99: 662}
"""Samples from which a percentile is judged, with 99 % confidence and one sample above it (MLPerf: early_stopping)."""


class Interval(NamedTuple):
    """An estimate and the bounds around it."""

    low: float
    estimate: float
    high: float


def median_interval(values: Sequence[float], tail: float) -> Interval:
    """The median, and bounds that leave out at most `tail` on each side.

    The bounds are the wider of two: the percentiles of the bootstrap distribution of the median, which is known in
    closed form and needs no random draws, and the order statistics of the sign test, which hold for any distribution.
    With too few values to exclude anything at this level they are infinite.
    """
    ordered = sorted(values)
    n = len(ordered)
    if not n:
        raise ValueError("a median needs at least one value")
    estimate = float(np.median(ordered))
    rank = min(_bootstrap_rank(n, tail), _sign_rank(n, tail))
    if rank < 1:
        return Interval(-math.inf, estimate, math.inf)
    return Interval(ordered[rank - 1], estimate, ordered[n - rank])


@lru_cache(maxsize=4096)
def _bootstrap_rank(n: int, tail: float) -> int:
    """The largest k for which the median of a resample lies below the k-th smallest value with at most `tail`."""
    needed = n // 2 + 1
    rank = 0
    for k in range(1, n // 2 + 1):
        if _binomial_at_least(n, (k - 1) / n, needed) > tail:
            break
        rank = k
    return rank


@lru_cache(maxsize=4096)
def _sign_rank(n: int, tail: float) -> int:
    """The largest k for which the true median lies below the k-th smallest value with at most `tail`."""
    rank, below = 0, 0.0
    for k in range(n // 2 + 1):
        below += math.exp(_log_choose(n, k) - n * math.log(2))
        if below > tail:
            break
        rank = k + 1
    return rank


def _binomial_at_least(n: int, p: float, least: int) -> float:
    if p <= 0:
        return 0.0
    log_p, log_q = math.log(p), math.log1p(-p)
    return math.fsum(math.exp(_log_choose(n, k) + k * log_p + (n - k) * log_q) for k in range(least, n + 1))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


class Line(NamedTuple):
    """A line through points: what a batch costs before its first item, and what each item adds (both in seconds)."""

    fixed: float
    per_item: float


def fit_line(sizes: Sequence[float], times: Sequence[float]) -> Line | None:
    """The line t = fixed + per_item * n by the medians of pairwise slopes (Theil and Sen); None for a single size.

    One point in four may be anywhere without moving it far.
    """
    x, y = np.asarray(sizes, float), np.asarray(times, float)
    left, right = np.triu_indices(len(x), 1)
    apart = x[left] != x[right]
    if not apart.any():
        return None
    slopes = (y[right] - y[left])[apart] / (x[right] - x[left])[apart]
    slope = float(np.median(slopes))
    return Line(float(np.median(y - slope * x)), slope)


def percentile(values: Sequence[float], percent: int) -> tuple[Interval | None, int]:
    """A percentile with its 99 % bounds, and how many more samples it needs (then there is no interval).

    Raises ValueError for a percentile that has no minimum number of samples.
    """
    if percent not in PERCENTILE_SAMPLES:
        known = ", ".join(f"p{p}" for p in PERCENTILE_SAMPLES)
        raise ValueError(f"p{percent} is not judged; {known} are")
    missing = PERCENTILE_SAMPLES[percent] - len(values)
    if missing > 0:
        return None, missing
    ordered = sorted(values)
    n, share = len(ordered), percent / 100
    spread = 2.58 * math.sqrt(n * share * (1 - share))
    low, high = math.floor(n * share - spread), math.ceil(n * share + spread)
    estimate = float(np.percentile(ordered, percent))
    return Interval(ordered[max(0, low)], estimate, ordered[min(n - 1, high)]), 0


def rate_interval(times: Sequence[float], items: int, tail: float = 0.025) -> Interval:
    """Items per second from the times of batches of so many items, by their median."""
    found = median_interval(times, tail)
    high = math.inf if found.low <= 0 else items / found.low
    return Interval(0.0 if math.isinf(found.high) else items / found.high, items / found.estimate, high)
