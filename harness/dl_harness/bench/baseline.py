"""A stored baseline: an adapter's cost in units of the calibration kernel, never in seconds.

It is for trends. Times in such units still differ by tens of percent between unchanged runs on a shared machine, so a
baseline fails a run only beyond a margin that the runs' own spread justifies, and says nothing on another machine.
"""

from __future__ import annotations

import math
import statistics
from pathlib import Path

import msgspec

from dl_harness.bench.calibration import kernel_hash
from dl_harness.bench.record import BaselineJudged, Sweep
from dl_harness.bench.verdicts import Verdict

BASELINE_VERSION = 1
LEAST_MARGIN = 0.30
"""Calibrated times of unchanged code were seen to differ by this much between runs on a shared machine."""
SPREADS = 4.0
SAME = ("system", "processor", "python", "numpy", "dtlpy", "torch", "onnxruntime")


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept of a run; `cost` is the processor time of an item over that of the kernel, by batch size."""

    version: int
    adapter: str
    kernel: str
    clock: str
    environment: dict[str, str]
    cost: dict[str, float]
    spread: dict[str, float]


def of(adapter: str, sweep: Sweep, environment: dict[str, str]) -> Baseline | None:
    """The baseline of a run; None when nothing was measured."""
    known = [one for one in sweep.sizes if one.times]
    if not known or not sweep.kernel:
        return None
    return Baseline(
        version=BASELINE_VERSION,
        adapter=adapter,
        kernel=kernel_hash(),
        clock="wall" if sweep.waits else "cpu",
        environment={name: environment[name] for name in SAME if name in environment},
        cost={str(one.size): _seconds(one.cpu, one.times, sweep.waits) / one.size / sweep.kernel for one in known},
        spread={str(one.size): _spread(one.times) for one in known},
    )


def _seconds(cpu: float, times: tuple[float, ...], waits: bool) -> float:
    return statistics.median(times) if waits else cpu


def _spread(times: tuple[float, ...]) -> float:
    """Half the distance between the quartiles, as a share of the median."""
    if len(times) < 4:
        return LEAST_MARGIN
    first, middle, third = statistics.quantiles(times, n=4)
    return (third - first) / 2 / middle


def to_json(baseline: Baseline) -> bytes:
    """The file."""
    return msgspec.json.format(msgspec.json.encode(baseline), indent=2) + b"\n"


def judge(file: str, now: Baseline | None, size: int) -> BaselineJudged:
    """This run against a stored one; a file that cannot be used is said and not used."""

    def unused(reason: str) -> BaselineJudged:
        return BaselineJudged(file, False, f"no baseline: {reason}")

    if now is None:
        return unused("nothing was measured")
    try:
        data = Path(file).read_bytes()
        version = msgspec.json.decode(data, type=dict[str, object]).get("version")
    except OSError as error:
        return unused(f"{file}: {error.strerror}")
    except msgspec.DecodeError as error:
        return unused(f"{file} is broken: {error}")
    if isinstance(version, int) and version > BASELINE_VERSION:
        return unused(
            f"{file} was written by a newer dl-harness (version {version}; this one knows {BASELINE_VERSION})"
        )
    try:
        then = msgspec.json.decode(data, type=Baseline)
    except msgspec.DecodeError as error:
        return unused(f"{file} is broken: {error}")
    differs = _difference(then, now)
    if differs is not None:
        return unused(f"{file} {differs}")
    before, after = then.cost.get(str(size)), now.cost.get(str(size))
    if not before or not after or not math.isfinite(before):
        return unused(f"{file} has no batches of {size}")
    margin = max(LEAST_MARGIN, SPREADS * max(then.spread.get(str(size), 0.0), now.spread.get(str(size), 0.0)))
    ratio = after / before
    verdict: Verdict = "fail" if ratio > 1 + margin else "pass" if ratio <= 1.10 else "inconclusive"
    reason = (
        f"{ratio:.2f} times the calibrated cost of {file}; slower only beyond {1 + margin:.2f}, by the runs' own spread"
    )
    return BaselineJudged(file, True, reason, ratio, margin, verdict)


def _difference(then: Baseline, now: Baseline) -> str | None:
    """In what a stored run cannot be compared with this one."""
    if then.adapter != now.adapter:
        return f"is of {then.adapter}, not of {now.adapter}"
    if then.kernel != now.kernel:
        return "is in units of another calibration kernel"
    if then.clock != now.clock:
        return f"is of the {then.clock} clock, not of the {now.clock} clock"
    for name in SAME:
        if then.environment.get(name) != now.environment.get(name):
            return f"is from {name} {then.environment.get(name)}, this is {now.environment.get(name)}"
    return None
