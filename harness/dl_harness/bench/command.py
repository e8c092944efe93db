"""`dl-harness bench`: what to measure, in which order, and how to end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

import click

from dl_harness.bench import baseline, budgets, document, page, reporting
from dl_harness.bench.against import other_version, version
from dl_harness.bench.comparing import compare
from dl_harness.bench.record import SCHEMA_VERSION, BenchReport
from dl_harness.bench.subject import SubjectError
from dl_harness.bench.sweeping import SECONDS, sweep
from dl_harness.checking import settings_of
from dl_harness.reports.writing import ReportError, write_atomically

OUR_FAILURE = 3

Progress = Callable[[str, float], None]


def run(target: str, against: str | None, given: dict[str, Any], options: Options, progress: Progress) -> BenchReport:
    """Measure. Raises UsageError for what cannot be measured as it was asked for."""
    this = version(target, given)
    adapter = this.target.subject.name
    settings, folder = settings_of(Path(this.target.root))
    wanted = budgets.read(settings.budgets, str(folder / "pyproject.toml"))
    if against is not None:
        with other_version(target, this, against, given) as other:
            found = compare(this, other, progress)
        return BenchReport(SCHEMA_VERSION, target, adapter, found.environment, comparison=found)
    seconds = options.seconds or SECONDS
    try:
        measured, environment = sweep(this, seconds, budgets.samples(wanted), progress)
    except SubjectError as error:
        raise NotMeasuredError(f"{adapter} could not be measured: {error}") from error
    size = this.spec.batch_size
    now = baseline.of(adapter, measured, environment)
    if options.save_baseline is not None and now is not None:
        write_atomically(Path(options.save_baseline), baseline.to_json(now))
    return BenchReport(
        SCHEMA_VERSION,
        target,
        adapter,
        environment,
        sweep=measured,
        budgets=budgets.judge(wanted, measured, size),
        baseline=baseline.judge(options.baseline, now, size) if options.baseline else None,
    )


@dataclass(frozen=True)
class Options:
    """What the command line says beside the adapter: files, and how long to measure."""

    json_file: str | None = None
    html_file: str | None = None
    seconds: float | None = None
    baseline: str | None = None
    save_baseline: str | None = None


class NotMeasuredError(Exception):
    """The adapter cannot be loaded, so there is nothing to measure; the message says why."""


def bench(target: str, against: str | None, given: dict[str, Any], options: Options, progress: Progress) -> int:
    """Measure, print, write the files that were asked for; returns the exit code."""
    try:
        report = run(target, against, given, options, progress)
    except NotMeasuredError as error:
        click.echo(f"dl-harness: {error}", err=True)
        return reporting.EXIT_CODES["inconclusive"]
    except ReportError as error:
        click.echo(f"dl-harness: {error}", err=True)
        return OUR_FAILURE
    for line in _lines(report):
        click.echo(line)
    written = [
        _written("json", options.json_file, lambda: document.to_json(report)),
        _written("html", options.html_file, lambda: page.to_html(report).encode()),
    ]
    return exit_code(report) if all(written) else OUR_FAILURE


def _lines(report: BenchReport) -> Iterator[str]:
    width = min(get_terminal_size((100, 24)).columns, 120)
    if report.comparison is not None:
        yield from reporting.comparison_lines(report.comparison)
    if report.sweep is not None:
        yield from reporting.sweep_lines(report.adapter, report.sweep, width)
        yield from reporting.budget_lines(report.budgets)
    if report.baseline is not None:
        yield reporting.baseline_line(report.baseline)


def exit_code(report: BenchReport) -> int:
    """0 when all is well, 1 for slower or a missed budget, 2 interrupted, 5 when nothing was proved."""
    if report.comparison is not None:
        return reporting.exit_code(report.comparison)
    assert report.sweep is not None
    if report.sweep.interrupted:
        return reporting.INTERRUPTED
    if not any(one.times for one in report.sweep.sizes):
        return reporting.EXIT_CODES["inconclusive"]
    verdicts = [one.verdict for one in report.budgets]
    verdicts += [report.baseline.verdict] if report.baseline is not None and report.baseline.used else []
    return reporting.EXIT_CODES["fail"] if "fail" in verdicts else 0


def _written(kind: str, file: str | None, content: Callable[[], bytes]) -> bool:
    """Write a report, if it was asked for; one that cannot be written does not cost the others."""
    if file is None:
        return True
    try:
        write_atomically(Path(file), content())
        click.echo(f"{kind} report: {file}")
    except ReportError as error:
        click.echo(f"dl-harness: {error}", err=True)
        return False
    return True
