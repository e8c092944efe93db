"""The report as text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dl_harness.reports import wording
from dl_harness.results import AdapterReport, Finding, Report, Result

WIDTH = 100
NARROWEST = 40

_LABELS = {"fail": "FAIL", "error": "ERROR", "warning": "WARNING"}
_STYLES: dict[str, dict[str, Any]] = {
    "heading": {"bold": True},
    "quiet": {"dim": True},
    "pass": {"fg": "green", "bold": True},
    "fail": {"fg": "red", "bold": True},
    "error": {"fg": "magenta", "bold": True},
    "warning": {"fg": "yellow", "bold": True},
    "vacuous": {"fg": "yellow", "bold": True},
    "interrupted": {"fg": "yellow", "bold": True},
}
_KEYS = len("expected")


def render(report: Report, *, verbose: bool = False, width: int = WIDTH, colour: bool = False) -> str:
    """The whole report; its last line is the verdict in words."""
    sheet = _Sheet(max(width, NARROWEST), colour)
    known = {"catalogue": f"{report.catalogue.version} ({report.catalogue.hash})"} if report.catalogue.version else {}
    blocks = [sheet.listing("environment", {**report.environment, **known})] if verbose else []
    for adapter in report.adapters:
        blocks += _adapter(sheet, adapter, verbose)
    if len(report.adapters) != 1:
        adapters = wording.number(len(report.adapters), "adapter")
        blocks.append([sheet.paint(f"{adapters}: {wording.overall(report)}", report.verdict)])
    return _joined(blocks)


def card(result: Result, *, width: int = WIDTH, colour: bool = False) -> str:
    """What one contract has to say: what is wrong and where, why it matters and how to mend it."""
    sheet = _Sheet(max(width, NARROWEST), colour)
    blocks = [sheet.title(result)]
    expected = None
    for finding in result.findings[: wording.MOST_FINDINGS]:
        blocks.append(sheet.finding(finding, repeats=finding.expected == expected))
        expected = finding.expected
    hidden = wording.more(result.findings)
    blocks += [[f"  {hidden}"]] if hidden else []
    if result.verdict == "error":
        blocks.append(sheet.row("reason", result.reason or "unknown"))
    else:
        blocks.append([*sheet.row("why", result.why), *sheet.row("fix", result.fix)])
    return _joined(blocks)


@dataclass(frozen=True)
class _Sheet:
    """How wide to write, and whether in colour."""

    width: int
    colour: bool

    def paint(self, text: str, style: str) -> str:
        if not self.colour:
            return text
        import click

        return click.style(text, **_STYLES[style])

    def wrapped(self, text: str, indent: int) -> list[str]:
        """Lines that fit when indented; words stay whole, since paths and code are there to be copied."""
        room = max(self.width - indent, NARROWEST // 2)
        lines: list[str] = []
        for line in wording.visible(text).splitlines():
            lines += textwrap.wrap(line, room, break_long_words=False, break_on_hyphens=False)
        return lines

    def row(self, key: str, text: str) -> list[str]:
        """A named text, its lines under one another."""
        if not text.strip():
            return []
        indent = _KEYS + 4
        first, *rest = self.wrapped(text, indent)
        head = f"  {self.paint(key.ljust(_KEYS), 'quiet')}  {first}"
        return [head, *(" " * indent + line for line in rest)]

    def finding(self, finding: Finding, *, repeats: bool) -> list[str]:
        """One finding; what was expected goes without saying when it `repeats` the one above."""
        return [
            *([] if repeats else self.row("expected", finding.expected)),
            *self.row("saw", finding.saw),
            *self.row("where", wording.place(finding)),
        ]

    def title(self, result: Result) -> list[str]:
        """The rule, with the verdict at the right margin of its first line."""
        label = "PENDING" if result.pending else _LABELS.get(result.verdict, result.verdict.upper())
        indent = len(result.contract) + 2
        first, *rest = self.wrapped(result.statement, indent + len(label) + 2) or [""]
        gap = " " * (self.width - indent - len(first) - len(label)) or "  "
        style = result.verdict if result.verdict in _STYLES else "quiet"
        head = f"{self.paint(result.contract, 'heading')}  {first}{gap}{self.paint(label, style)}"
        return [head, *(" " * indent + line for line in rest)]

    def listing(self, heading: str, entries: Mapping[str, str]) -> list[str]:
        """A heading over names with their texts; nothing when there are none."""
        if not entries:
            return []
        names = max(map(len, entries))
        lines = [self.paint(heading, "heading")]
        for name, text in entries.items():
            first, *rest = self.wrapped(text, names + 4) or [""]
            lines += [f"  {name.ljust(names)}  {first}", *(" " * (names + 4) + line for line in rest)]
        return lines

    def paragraph(self, text: str, indent: int = 0) -> list[str]:
        return [" " * indent + line for line in self.wrapped(text, indent)]


def _adapter(sheet: _Sheet, adapter: AdapterReport, verbose: bool) -> Iterator[list[str]]:
    yield _heading(sheet, adapter)
    yield sheet.paragraph(adapter.summary)
    yield _families(adapter.results)
    for result in wording.to_act_on(adapter.results):
        yield card(result, width=sheet.width, colour=sheet.colour).splitlines()
    yield _reasons(sheet, adapter.results, "vacuous", "nothing was there to judge", verbose)
    if verbose:
        yield _reasons(sheet, adapter.results, "inapplicable", "these do not concern this adapter", verbose)
        yield sheet.listing("held", _held(adapter.results))
        yield sheet.listing("flows run", dict.fromkeys(adapter.plan.flows, ""))
    yield _inferred(sheet, adapter.plan.inferred)
    whole = {label: reason for label, reason in adapter.plan.not_run.items() if verbose or "/" not in label}
    yield sheet.listing("flows not run", whole)
    if adapter.output_tail.strip() and (verbose or adapter.verdict in {"error", "interrupted"}):
        yield [sheet.paint("the last it printed", "heading"), *_quoted(adapter.output_tail)]
    yield [
        wording.addition(adapter.plan),
        sheet.paint(f"{adapter.adapter}: {wording.outcome(adapter)}", adapter.verdict),
    ]


def _heading(sheet: _Sheet, adapter: AdapterReport) -> list[str]:
    lines = [sheet.paint(adapter.adapter, "heading"), "=" * len(adapter.adapter)]
    return lines if adapter.target == adapter.adapter else [*lines, sheet.paint(adapter.target, "quiet")]


def _families(results: Iterable[Result]) -> list[str]:
    families = wording.by_family(results)
    names = max(map(len, families), default=0)
    return [f"  {family.ljust(names)}  {wording.counted(members)}" for family, members in families.items()]


def _reasons(sheet: _Sheet, results: Sequence[Result], verdict: str, meaning: str, verbose: bool) -> list[str]:
    """The contracts that ended in this way, those with one reason together."""
    groups = wording.by_reason(results, verdict)
    if not groups:
        return []
    lines = [f"{sheet.paint(verdict, 'heading')}: {meaning}"]
    for reason, members in groups.items():
        lines += sheet.paragraph(reason, 2)
        if verbose:
            lines += [line for m in members for line in sheet.paragraph(f"{m.contract}  {m.statement}", 4)]
        else:
            lines += sheet.paragraph(", ".join(member.contract for member in members), 4)
    return lines


def _held(results: Iterable[Result]) -> dict[str, str]:
    return {r.contract: f"{r.statement} ({wording.judged(r)})" for r in results if r.verdict == "pass"}


def _inferred(sheet: _Sheet, inferred: Iterable[str]) -> list[str]:
    lines = [line for one in inferred for line in sheet.paragraph(one, 2)]
    return [sheet.paint("inferred", "heading"), *lines] if lines else []


def _quoted(text: str) -> list[str]:
    """Text as it was printed, line by line and not wrapped."""
    return [f"  {line}".rstrip() for line in wording.visible(text).splitlines()]


def _joined(blocks: Iterable[list[str]]) -> str:
    return "\n\n".join("\n".join(line.rstrip() for line in block) for block in blocks if block)
