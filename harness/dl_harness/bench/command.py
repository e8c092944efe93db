"""`dl-harness bench`: what to measure, in which order, and how to end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from dl_harness.bench import document, reporting
from dl_harness.bench.against import other_version, version
from dl_harness.bench.comparing import compare
from dl_harness.bench.record import SCHEMA_VERSION, BenchReport
from dl_harness.reports.writing import ReportError, write_atomically
from dl_harness.spec import UsageError

OUR_FAILURE = 3

Progress = Callable[[str, float], None]


def run(target: str, against: str | None, given: dict[str, Any], progress: Progress) -> BenchReport:
    """Measure. Raises UsageError for what cannot be measured as it was asked for."""
    this = version(target, given)
    if against is None:
        raise UsageError("--against is missing: a git revision or another target to compare with.")
    with other_version(target, this, against, given) as other:
        found = compare(this, other, progress)
    return BenchReport(SCHEMA_VERSION, target, this.target.subject.name, found.environment, found)


def show(report: BenchReport, json_file: str | None) -> int:
    """Print a report and write the files that were asked for; returns the exit code."""
    code = 0
    if report.comparison is not None:
        for line in reporting.comparison_lines(report.comparison):
            click.echo(line)
        code = reporting.exit_code(report.comparison)
    if json_file is not None:
        try:
            write_atomically(Path(json_file), document.to_json(report))
            click.echo(f"json report: {json_file}")
        except ReportError as error:
            click.echo(f"dl-harness: {error}", err=True)
            return OUR_FAILURE
    return code
