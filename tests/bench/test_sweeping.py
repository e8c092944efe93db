"""A sweep over a version that is figures: what is concluded, what survives a failure, how it is shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

import dl_harness.bench
from dl_harness.bench import baseline, budgets, charts, document, page, reporting
from dl_harness.bench.command import exit_code
from dl_harness.bench.comparing import Measured, Version
from dl_harness.bench.record import (
    SCHEMA_VERSION,
    BenchReport,
    FlowRound,
    Phase,
    Ready,
    Round,
    Span,
    Sweep,
)
from dl_harness.bench.subject import Ask, SubjectError
from dl_harness.bench.sweeping import sweep
from dl_harness.evidence import Subject
from dl_harness.spec import Spec, Target, UsageError

MACHINE = {"system": "Linux", "processor": "one", "python": "3.11", "dtlpy": "1", "numpy": "2"}


class Figures:
    """A batch of n takes `fixed + n * each` seconds; `fails` says for which ask an error is raised."""

    def __init__(self, fixed: float = 0.010, each: float = 0.002, fails: Callable[[Ask], str | None] | None = None):
        self.fixed, self.each = fixed, each
        self.fails = fails or (lambda ask: None)

    def start(self) -> Ready:
        return Ready(environment=MACHINE)

    def ask(self, ask: Ask) -> Round:
        if (said := self.fails(ask)) is not None:
            raise SubjectError(said)
        seconds = {"null": 0.0001, "kernel": 0.002}.get(ask.kind, (self.fixed + ask.size * self.each) * ask.batches)
        work = Phase(seconds, seconds)
        memory = 10**8 + ask.size * 10**6 if ask.kind == "memory" else 10**8
        return Round(ask.size, ask.batches, Phase(), work, memory=memory, memory_before=10**8, item_bytes=1000)

    def flow(self, ask: Ask) -> FlowRound:
        if (said := self.fails(ask)) is not None:
            raise SubjectError(said)
        spans = (Span("prepare", 0.0, 0.01), Span("prepare", 0.005, 0.012), Span("predict", 0.012, 0.030))
        return FlowRound(Phase(0.040, 0.040), (*spans, Span("upload", 0.030, 0.035)))


def version() -> Version:
    target = Target(Subject(name="Adapter", target="adapter.py:Adapter"), root="/")
    return Version("this version", target, Spec(target, "", ""))


def swept(figures: Measured, seconds: float = 0.2) -> Sweep:
    @contextmanager
    def start(version: Version) -> Iterator[Measured]:
        yield figures

    return sweep(version(), seconds, start=start)[0]


def report(found: Sweep, **more: Any) -> BenchReport:
    return BenchReport(SCHEMA_VERSION, "adapter.py:Adapter", "Adapter", MACHINE, sweep=found, **more)


def out_of_memory(ask: Ask) -> str | None:
    return "MemoryError: out of memory" if ask.size >= 16 else None


def test_the_line_and_the_knee_are_found() -> None:
    found = swept(Figures())

    assert found.fixed == pytest.approx(0.010, abs=0.0005)
    assert found.per_item == pytest.approx(0.002, rel=0.05)
    assert found.recommended == 32
    assert [one.verdict for one in found.pays] == ["pass"] * 6
    assert found.sizes[0].own_cost == pytest.approx(0.0001)


def test_without_a_fixed_cost_the_smallest_batch_is_enough() -> None:
    assert swept(Figures(fixed=0.0)).recommended == 1


def test_batches_that_cost_more_than_single_items_are_said() -> None:
    class Worse(Figures):
        def ask(self, ask: Ask) -> Round:
            made = super().ask(ask)
            return msgspec.structs.replace(made, work=Phase(0.01 * ask.size**1.5, 0.01 * ask.size**1.5))

    found = swept(Worse())

    assert {one.verdict for one in found.pays} == {"fail"}
    assert found.recommended == 1


def test_a_size_that_fails_ends_neither_the_sweep_nor_the_report() -> None:
    found = swept(Figures(fails=out_of_memory))

    said = {one.size: one.failure for one in found.sizes}
    assert said[16] == "MemoryError: out of memory"
    assert said[32] == "not tried, since 16 failed"
    assert found.recommended == 8
    assert "16 failed" in found.reason
    assert all(one.rounds for one in found.sizes if one.size < 16)
    lines = "\n".join(reporting.sweep_lines("Adapter", found))
    assert "MemoryError: out of memory" in lines
    assert exit_code(report(found)) == 0


def test_an_adapter_that_always_fails_proves_nothing() -> None:
    found = swept(Figures(fails=lambda ask: "ValueError: never"))

    assert (found.recommended, exit_code(report(found))) == (None, 5)


def test_a_wrapper_or_threads_that_fail_cost_only_themselves() -> None:
    found = swept(Figures(fails=lambda ask: "RuntimeError: not safe" if ask.kind in {"sdk", "concurrent"} else None))

    assert [flow.failure for flow in found.flows] == ["RuntimeError: not safe", None]
    assert [point.failure for point in found.concurrency] == ["RuntimeError: not safe"]
    assert found.recommended == 32


def test_an_interruption_keeps_what_was_measured() -> None:
    def interrupted(ask: Ask) -> str | None:
        if ask.kind == "memory":
            raise KeyboardInterrupt
        return None

    found = swept(Figures(fails=interrupted))

    assert found.interrupted
    assert all(one.rounds for one in found.sizes)
    assert exit_code(report(found)) == 2


def test_steps_that_overlap_are_counted_once() -> None:
    flow = swept(Figures()).flows[0]

    assert flow.per_batch["prepare"] * flow.batches == pytest.approx(0.012)
    assert flow.per_batch["rest"] * flow.batches == pytest.approx(0.005)


def test_the_document_is_as_its_shipped_schema_says() -> None:
    shipped = Path(str(dl_harness.bench.__file__)).parent / "bench.schema.json"
    written = json.loads(document.to_json(report(swept(Figures(fails=out_of_memory)))))

    assert json.loads(shipped.read_text("utf-8")) == document.schema()
    jsonschema.validate(written, document.schema())


def test_the_page_stands_alone_and_shows_every_curve() -> None:
    shown = page.to_html(report(swept(Figures())))

    assert "://" not in shown
    assert "<script" not in shown
    for title in ("Items per second", "Time of a batch", "Memory at the peak", "Drift over the run", "One batch in"):
        assert title in shown


def test_the_page_escapes_what_adapters_say() -> None:
    found = swept(Figures(fails=lambda ask: "<script>alert(1)</script>" if ask.size > 8 else None))

    assert "<script" not in page.to_html(report(found))


def test_a_curve_needs_two_points() -> None:
    one = charts.Datum(1, 1, 1, 1, "")

    assert charts.curve("", "", "", [one]) is None
    two = charts.curve("", "", "", [one, charts.Datum(2, 5, 4, 6, "")])
    assert two is not None
    assert two.y_ticks[0].text == "0"


# budgets


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"items-per-secnd": 3}, "budgets.items-per-secnd of pyproject.toml: there is no such budget; did you mean"),
        ({"batch-latency-p90": 200}, "expected a time with its unit, such as '200 ms', saw 200"),
        ({"batch-latency-p90": "200 mS"}, "saw '200 mS' (did you mean ms?)"),
        ({"peak-memory": "2 GiBs"}, "expected a size with its unit, such as '2 GiB', saw '2 GiBs' (did you mean GiB?)"),
        ({"items-per-second": True}, "saw True"),
        ({"items-per-second": -1}, "saw -1"),
        ({"items-per-second": "fast"}, "saw 'fast'"),
    ],
)  # fmt: skip
def test_budgets_that_make_no_sense_are_refused(table: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        budgets.read(table, "pyproject.toml")

    assert said in str(refused.value)


def test_budgets_are_read_with_their_units() -> None:
    found = budgets.read({"items-per-second": 20, "batch-latency-p95": "1.5 ms", "peak-memory": "2 GiB"}, "")

    assert [one.value for one in found] == [20, 0.0015, 2**31]
    assert budgets.samples(found) == 130


def test_a_budget_is_missed_only_beyond_the_optimistic_bound() -> None:
    found = swept(Figures())  # batches of 4 take 18 ms
    read = budgets.read(
        {"items-per-second": 1000, "batch-latency-p50": "1 s", "batch-latency-p99": "1 s", "peak-memory": "1 MB"}, ""
    )

    rate, half, most, memory = budgets.judge(read, found, 4)

    assert (rate.verdict, half.verdict, most.verdict, memory.verdict) == ("fail", "pass", "inconclusive", "fail")
    assert most.reason.startswith("need ")
    assert exit_code(report(found, budgets=(rate,))) == 1


# baselines


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """The baseline of an unchanged run."""
    found = baseline.of("Adapter", swept(Figures()), MACHINE)
    assert found is not None
    (tmp_path / "baseline.json").write_bytes(baseline.to_json(found))
    return tmp_path / "baseline.json"


def now(figures: Measured, environment: dict[str, str] = MACHINE, adapter: str = "Adapter") -> baseline.Baseline | None:
    return baseline.of(adapter, swept(figures), environment)


def test_a_baseline_fails_a_run_only_beyond_its_margin(stored: Path) -> None:
    unchanged = baseline.judge(str(stored), now(Figures()), 4)
    little = baseline.judge(str(stored), now(Figures(fixed=0.013)), 4)
    much = baseline.judge(str(stored), now(Figures(fixed=0.040)), 4)

    assert [one.verdict for one in (unchanged, little, much)] == ["pass", "inconclusive", "fail"]
    assert unchanged.ratio == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("environment", "adapter", "said"),
    [
        ({**MACHINE, "processor": "another"}, "Adapter", "is from processor one, this is another"),
        ({**MACHINE, "numpy": "3"}, "Adapter", "is from numpy 2, this is 3"),
        (MACHINE, "Other", "is of Adapter, not of Other"),
    ],
)
def test_a_baseline_from_elsewhere_is_said_and_not_used(
    stored: Path, environment: dict[str, str], adapter: str, said: str
) -> None:
    found = baseline.judge(str(stored), now(Figures(), environment, adapter), 4)

    assert (found.used, found.ratio) == (False, None)
    assert found.reason.startswith("no baseline: ")
    assert said in found.reason


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda b: b[: len(b) // 2], "is broken"),
        (lambda b: b"[]", "is broken"),
        (lambda b: b.replace(b'"version": 1', b'"version": 7'), "newer dl-harness (version 7; this one knows 1)"),
        (lambda b: b.replace(b'"kernel": "', b'"kernel": "0'), "another calibration kernel"),
        (lambda b: b.replace(b'"clock": "cpu"', b'"clock": "wall"'), "the wall clock, not of the cpu clock"),
        (lambda b: b.replace(b'"cost": {', b'"cost": 3, "x": {'), "is broken"),
    ],
)  # fmt: skip
def test_a_broken_or_newer_baseline_is_said_and_not_used(
    stored: Path, change: Callable[[bytes], bytes], said: str
) -> None:
    stored.write_bytes(change(stored.read_bytes()))

    found = baseline.judge(str(stored), now(Figures()), 4)

    assert (found.used, found.verdict) == (False, "inconclusive")
    assert said in found.reason


def test_a_baseline_that_is_not_there_is_said(tmp_path: Path) -> None:
    found = baseline.judge(str(tmp_path / "none.json"), now(Figures()), 4)

    assert "No such file" in found.reason
