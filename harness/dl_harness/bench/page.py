"""A benchmark as one HTML page that needs nothing else: no script, no network, no file beside it."""

from __future__ import annotations

import math
from importlib import resources

from dl_harness.bench import charts, reporting
from dl_harness.bench.charts import Curve, Datum
from dl_harness.bench.record import BenchReport, Comparison, Sweep


def to_html(report: BenchReport) -> str:
    """The page."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["duration"] = reporting.duration
    source = resources.files(__package__).joinpath("bench.html.jinja").read_text("utf-8")
    sweep, comparison = report.sweep, report.comparison
    page = environment.from_string(source).render(
        report=report,
        sweep=sweep,
        comparison=comparison,
        words={key: word.capitalize() for key, word in reporting.WORDS.items()},
        seeable=reporting.seeable(comparison) if comparison else "",
        pairs=_pairs(comparison) if comparison else None,
        curves=_curves(sweep) if sweep else (),
        steps=reporting.steps(sweep) if sweep else (),
        timelines=_timelines(sweep) if sweep else (),
    )
    return page.encode("utf-8", "replace").decode("utf-8")


def _pairs(found: Comparison) -> Curve | None:
    ratios = [math.exp(value) for value in found.log_ratios]
    data = [Datum(i + 1, r, r, r, f"pair {i + 1}: {r:.3f}") for i, r in enumerate(ratios)]
    return charts.curve("Ratio of processor times, pair by pair", "pair", "ratio", data, joined=False, from_zero=False)


def _curves(sweep: Sweep) -> list[Curve]:
    known = [one for one in sweep.sizes if one.rate is not None and one.latency is not None]
    rate = [
        Datum(o.size, o.rate.estimate, o.rate.low, o.rate.high, f"{o.size}: {o.rate.estimate:.4g} items/s")
        for o in known
        if o.rate
    ]
    latency = [
        Datum(o.size, 1e3 * x.estimate, 1e3 * x.low, 1e3 * x.high, f"{o.size}: {reporting.duration(x.estimate)}")
        for o in known
        if (x := o.latency)
    ]
    memory = [
        Datum(o.size, m, m, m, f"{o.size}: {m:.1f} MiB at the peak, {o.memory_added / 2**20:.1f} added")
        for o in known
        if (m := o.memory / 2**20)
    ]
    drift = [Datum(at, r, r, r, f"after {at:.1f} s: {r:.2f}") for at, r in sweep.drift]
    threads = [
        Datum(p.at, p.rate, p.rate, p.rate, f"{p.at:g} threads: {p.rate:.4g} items/s")
        for p in sweep.concurrency
        if p.failure is None
    ]
    items = [
        Datum(p.bytes / 1024, p.rate, p.rate, p.rate, f"{p.bytes / 1024:.4g} KiB: {p.rate:.4g} items/s")
        for p in sweep.item_sizes
        if p.failure is None
    ]
    found = [
        charts.curve("Items per second", "batch size", "items/s", rate, logarithmic=True),
        charts.curve("Time of a batch", "batch size", "ms", latency, logarithmic=True),
        charts.curve("Memory at the peak of a batch", "batch size", "MiB", memory, logarithmic=True, from_zero=False),
        charts.curve("Drift over the run", "seconds", "time / median", drift, joined=False),
        charts.curve("Threads that predict at once", "threads", "items/s", threads, logarithmic=True),
        charts.curve("Larger items", "KiB an item", "items/s", items),
    ]
    return [one for one in found if one is not None]


def _timelines(sweep: Sweep) -> list[charts.Timeline]:
    found = (
        charts.timeline(f"One batch in the {flow.wrapper} wrapper", [(s.name, s.start, s.end) for s in flow.timeline])
        for flow in sweep.flows
    )
    return [one for one in found if one is not None]
