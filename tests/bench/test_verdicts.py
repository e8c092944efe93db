"""The gate, on ratios whose truth is known: it does not cry wolf, and it sees what is there."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_harness.bench.verdicts import ERROR, LOOKS, Judgement, judge, tails, together


def test_all_looks_together_spend_the_error() -> None:
    assert sum(tails()) == pytest.approx(ERROR)
    assert min(tails()) > 0


def sequential(ratios: list[float]) -> Judgement:
    """What a whole run comes to."""
    found = judge(ratios[: LOOKS[0]], 0)
    for look, pairs in enumerate(LOOKS):
        found = judge(ratios[:pairs], look)
        if found.final:
            return found
    return found


def ratios(slowdown: float, spread: float, seed: int) -> list[float]:
    """Ratios as a loaded machine gives them: most close to the truth, some far off, in either direction."""
    draw = random.Random(seed)
    return [math.log1p(slowdown) + draw.gauss(0, spread) * (4 if draw.random() < 0.15 else 1) for _ in range(LOOKS[-1])]


@pytest.mark.parametrize("spread", [0.02, 0.08, 0.15])
def test_an_unchanged_version_is_not_called_slower(spread: float) -> None:
    verdicts = [sequential(ratios(0.0, spread, seed)).verdict for seed in range(300)]

    assert verdicts.count("fail") == 0


@pytest.mark.parametrize(("slowdown", "least"), [(1.0, 0.99), (0.5, 0.95), (0.15, 0.80)])
def test_a_slower_version_is_called_slower(slowdown: float, least: float) -> None:
    verdicts = [sequential(ratios(slowdown, 0.08, seed)).verdict for seed in range(300)]

    assert verdicts.count("fail") / 300 >= least
    assert "pass" not in verdicts


@pytest.mark.parametrize("spread", [0.08, 0.3])
def test_a_quarter_slower_never_passes(spread: float) -> None:
    assert "pass" not in [sequential(ratios(0.25, spread, seed)).verdict for seed in range(300)]


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=101), st.integers(0, len(LOOKS) - 1))
def test_a_judgement_is_sound(values: list[float], look: int) -> None:
    found = judge(values, look)

    assert found.low <= found.ratio <= found.high
    assert found.seeable >= 0
    assert found.verdict != "fail" or found.low > 1.05
    assert found.verdict != "pass" or found.high < 1.10 + 1e-9


def test_slower_in_one_quantity_is_slower() -> None:
    assert together(["pass", "fail", "inconclusive"]) == "fail"
    assert together(["pass", "inconclusive"]) == "inconclusive"
    assert together(["pass", "pass"]) == "pass"
