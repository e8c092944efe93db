"""The statistics hold what they promise, on numbers whose truth is known."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_harness.bench.intervals import PERCENTILE_SAMPLES, fit_line, median_interval, percentile, rate_interval

times = st.lists(st.floats(0.001, 1000), min_size=1, max_size=120)


@given(times)
def test_the_bounds_are_around_the_median(values: list[float]) -> None:
    found = median_interval(values, 0.025)

    assert found.low <= found.estimate <= found.high


@given(times, st.randoms())
def test_the_order_of_the_values_does_not_matter(values: list[float], order: random.Random) -> None:
    shuffled = list(values)
    order.shuffle(shuffled)

    assert median_interval(shuffled, 0.01) == median_interval(values, 0.01)


@given(times)
def test_a_smaller_error_gives_wider_bounds(values: list[float]) -> None:
    wide, narrow = median_interval(values, 0.001), median_interval(values, 0.1)

    assert wide.low <= narrow.low
    assert wide.high >= narrow.high


def test_too_few_values_exclude_nothing() -> None:
    assert median_interval([1.0, 2.0, 3.0], 0.01) == (-math.inf, 2.0, math.inf)


def test_nothing_has_no_median() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        median_interval([], 0.01)


@pytest.mark.parametrize("n", [11, 21, 51, 101])
def test_the_bounds_miss_the_truth_as_rarely_as_they_say(n: int) -> None:
    draw = random.Random(n)
    missed = 0
    for _ in range(2000):
        found = median_interval([draw.expovariate(1) for _ in range(n)], 0.025)
        missed += not found.low <= math.log(2) <= found.high

    assert missed / 2000 < 0.05 + 0.02


def test_a_line_is_found_although_every_fifth_point_lies() -> None:
    sizes = [1, 2, 4, 8, 16, 32] * 5
    times = [0.010 + 0.002 * n if i % 5 else 9.0 for i, n in enumerate(sizes)]

    line = fit_line(sizes, times)

    assert line is not None
    assert line.per_item == pytest.approx(0.002, rel=0.2)
    assert line.fixed == pytest.approx(0.010, rel=0.5)


def test_one_size_has_no_line() -> None:
    assert fit_line([4, 4, 4], [1, 2, 3]) is None


@pytest.mark.parametrize("percent", sorted(PERCENTILE_SAMPLES))
def test_a_percentile_says_how_many_samples_it_lacks(percent: int) -> None:
    needed = PERCENTILE_SAMPLES[percent]

    assert percentile([1.0] * (needed - 3), percent) == (None, 3)
    found, missing = percentile([float(i) for i in range(needed)], percent)
    assert missing == 0
    assert found is not None
    assert found.low <= found.estimate <= found.high


def test_other_percentiles_are_refused_with_the_ones_there_are() -> None:
    with pytest.raises(ValueError, match=r"p97 is not judged; p50, p90, p95, p99 are"):
        percentile([1.0] * 1000, 97)


def test_a_rate_is_items_over_time() -> None:
    found = rate_interval([0.5] * 20, items=4)

    assert found == (8.0, 8.0, 8.0)
