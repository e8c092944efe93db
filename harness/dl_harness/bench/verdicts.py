"""Is this version slower than that one? Three answers, reached by looking at pairs of rounds a few times.

A pair is one round of each version, made one right after the other in random order. The logarithm of their ratio is
free of what the machine does to both. The median of many such ratios is judged at fixed numbers of pairs, and the error
that all looks may make together is spread over them, so that stopping early costs no false alarm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal

import msgspec

from dl_harness.bench.intervals import Interval, median_interval

Verdict = Literal["pass", "fail", "inconclusive"]

MARGIN = 0.05
"""A slowdown up to this is never called slower."""
TOLERANCE = 0.10
"""Not slower means: by less than this, with the error below."""
ERROR = 0.005
"""How often, at most, all looks together may be wrong on one side."""
LOOKS = (21, 41, 61, 81, 101)
"""The numbers of pairs at which the ratios are judged."""
POWER = 0.8
"""How often the smallest slowdown that is named would have been found."""


class Judgement(msgspec.Struct, frozen=True):
    """What the pairs say: ratios of this version's time to the other's; `seeable` is the smallest slowdown that would
    have been found four times out of five."""

    verdict: Verdict
    ratio: float
    low: float
    high: float
    pairs: int
    seeable: float
    final: bool


def spent(done: float) -> float:
    """How much of the error may be spent once this share of the pairs is there (Lan and DeMets, Pocock's kind)."""
    return ERROR * math.log(1 + (math.e - 1) * min(1.0, done))


def tails(looks: Sequence[int] = LOOKS) -> tuple[float, ...]:
    """The error of each look; together they are ERROR."""
    shares = [spent(look / looks[-1]) for look in looks]
    return tuple(now - before for now, before in zip(shares, [0.0, *shares], strict=False))


def judge(
    log_ratios: Sequence[float],
    look: int,
    looks: Sequence[int] = LOOKS,
    margin: float = MARGIN,
    tolerance: float = TOLERANCE,
) -> Judgement:
    """Judge the pairs at one look (by its place in `looks`).

    Fails when even the lower bound is beyond the margin, passes when even the upper one is within the tolerance.
    """
    tail = tails(looks)[look]
    interval = median_interval(log_ratios, tail)
    if interval.low > math.log1p(margin):
        verdict: Verdict = "fail"
    elif interval.high < math.log1p(tolerance):
        verdict = "pass"
    else:
        verdict = "inconclusive"
    return Judgement(
        verdict=verdict,
        ratio=math.exp(interval.estimate),
        low=math.exp(interval.low) if interval.low > -math.inf else 0.0,
        high=math.exp(interval.high) if interval.high < 700 else math.inf,
        pairs=len(log_ratios),
        seeable=_seeable(interval, tail, margin),
        final=verdict != "inconclusive" or look == len(looks) - 1,
    )


def _seeable(interval: Interval, tail: float, margin: float) -> float:
    """The smallest slowdown, as a share, that pairs which spread like these would have shown with this POWER."""
    half = (interval.high - interval.low) / 2
    if math.isinf(half):
        return math.inf
    normal = NormalDist()
    more = 1 + normal.inv_cdf(POWER) / -normal.inv_cdf(tail)
    return math.exp(math.log1p(margin) + half * more) - 1


WORST_FIRST: tuple[Verdict, ...] = ("fail", "inconclusive", "pass")


def together(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict over several quantities: slower in one is slower."""
    return next(verdict for verdict in WORST_FIRST if verdict in verdicts)
