"""Budgets of an adapter's own: `[tool.dl-harness.budgets]` of its pyproject.toml.

A budget is missed only when even the optimistic bound of what was measured misses it; a percentile is judged only with
enough samples.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dl_harness.bench.intervals import PERCENTILE_SAMPLES, percentile
from dl_harness.bench.record import Bounds, BudgetJudged, SizeMeasured, Sweep
from dl_harness.bench.reporting import duration
from dl_harness.bench.verdicts import Verdict
from dl_harness.spec import UsageError

_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6}
_BYTES = {
    **{"B": 1.0, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9},
    **{"KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30},
}
_RATES = {"": 1.0, "items/s": 1.0, "/s": 1.0, "items/min": 1 / 60}
LATENCIES = {f"batch-latency-p{percent}": percent for percent in PERCENTILE_SAMPLES}
KEYS: Mapping[str, tuple[str, Mapping[str, float]]] = {
    "items-per-second": ("a number such as 20, or a text such as '20 items/s'", _RATES),
    **dict.fromkeys(LATENCIES, ("a time with its unit, such as '200 ms'", _SECONDS)),
    "peak-memory": ("a size with its unit, such as '2 GiB'", _BYTES),
}


@dataclass(frozen=True)
class Budget:
    """One budget, in items per second, seconds or bytes."""

    name: str
    value: float


def read(table: Mapping[str, Any], where: str) -> tuple[Budget, ...]:
    """The budgets of a table. Raises UsageError for unknown keys, with the closest known one, and for wrong units."""
    found = []
    for name, value in table.items():
        if name not in KEYS:
            near = difflib.get_close_matches(name, KEYS, 1, cutoff=0.0)
            raise UsageError(f"budgets.{name} of {where}: there is no such budget; did you mean {near[0]}?")
        found.append(Budget(name, _value(name, value, where)))
    return tuple(found)


def _value(name: str, given: Any, where: str) -> float:
    expected, units = KEYS[name]
    number, unit = given, ""
    if isinstance(given, str):
        match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([^\s\d.]*)\s*", given)
        number, unit = (float(match[1]), match[2]) if match else (None, "")
    known = isinstance(number, (int, float)) and not isinstance(number, bool) and number > 0 and unit in units
    if not known:
        near = difflib.get_close_matches(unit, units, 1, cutoff=0.4) if unit else []
        hint = f" (did you mean {near[0]}?)" if near and near[0] != unit else ""
        raise UsageError(f"budgets.{name} of {where}: expected {expected}, saw {given!r}{hint}.")
    return float(number) * units[unit]


def samples(budgets: tuple[Budget, ...]) -> int:
    """How many rounds the budgets need at the adapter's own batch size."""
    return max((PERCENTILE_SAMPLES[LATENCIES[b.name]] for b in budgets if b.name in LATENCIES), default=0)


def judge(budgets: tuple[Budget, ...], sweep: Sweep, size: int) -> tuple[BudgetJudged, ...]:
    """What became of each budget, in batches of `size`."""
    measured = next((one for one in sweep.sizes if one.size == size and one.times), None)
    return tuple(_judged(budget, sweep, measured, size) for budget in budgets)


def _judged(budget: Budget, sweep: Sweep, measured: SizeMeasured | None, size: int) -> BudgetJudged:
    if measured is None or measured.rate is None:
        return BudgetJudged(budget.name, budget.value, None, "inconclusive", f"batches of {size} could not be measured")
    if budget.name == "items-per-second":
        return _at_least(budget, measured.rate, "items/s", size)
    if budget.name == "peak-memory":
        peak = float(max(one.memory for one in sweep.sizes if one.size <= size))
        shown = f"{peak / 2**20:.0f} MiB in batches of up to {size}, {budget.value / 2**20:.0f} MiB allowed"
        verdict: Verdict = "pass" if peak <= budget.value else "fail"
        return BudgetJudged(budget.name, budget.value, Bounds(peak, peak, peak), verdict, shown)
    found, missing = percentile(measured.times, LATENCIES[budget.name])
    if found is None:
        return BudgetJudged(budget.name, budget.value, None, "inconclusive", f"need {missing} more samples")
    bounds = f"{duration(found.low)} to {duration(found.high)}"
    shown = f"{duration(found.estimate)} ({bounds}), {duration(budget.value)} allowed"
    verdict = "fail" if found.low > budget.value else "pass" if found.estimate <= budget.value else "inconclusive"
    return BudgetJudged(budget.name, budget.value, Bounds(*found), verdict, shown)


def _at_least(budget: Budget, rate: Bounds, unit: str, size: int) -> BudgetJudged:
    shown = (
        f"{rate.estimate:.4g} {unit} ({rate.low:.4g} to {rate.high:.4g}) in batches of {size}, {budget.value:g} wanted"
    )
    verdict: Verdict = (
        "fail" if rate.high < budget.value else "pass" if rate.estimate >= budget.value else "inconclusive"
    )
    return BudgetJudged(budget.name, budget.value, rate, verdict, shown)
