"""The sentences and groupings that every form of the report shares, so that they cannot disagree."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from dl_harness.results import AdapterReport, Finding, Plan, Report, Result

MOST_FINDINGS = 5
"""How many findings of one contract a person is shown at once."""

CARDED = ("fail", "error", "warning")
"""Verdicts that somebody has to act on, in the order in which they are shown."""

_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_COUNTED = {
    "pass": ("held", "held"),
    "fail": ("failed", "failed"),
    "warning": ("warning", "warnings"),
    "error": ("not judged", "not judged"),
    "vacuous": ("vacuous", "vacuous"),
    "inapplicable": ("inapplicable", "inapplicable"),
}


def number(count: int, noun: str) -> str:
    """`1 contract`, `2 contracts`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def visible(text: str) -> str:
    """The text with its control characters spelled out, so that nothing an adapter says can move a cursor."""
    return _INVISIBLE.sub(lambda found: ascii(found.group())[1:-1], text.replace("\r\n", "\n").expandtabs(4))


def place(finding: Finding) -> str:
    """Where a contract is broken, with the line in the source if one is known."""
    line = "" if finding.line is None else f":{finding.line}"
    source = f"{finding.file}{line}" if finding.file else ""
    return ", ".join(part for part in (finding.where, source) if part)


def more(findings: tuple[Finding, ...]) -> str | None:
    """What to say of the findings that are not shown."""
    hidden = len(findings) - MOST_FINDINGS
    return f"… and {hidden} more, all in the JSON report" if hidden > 0 else None


def to_act_on(results: Iterable[Result]) -> list[Result]:
    """Failures, then contracts that could not be judged, then warnings."""
    found = [result for result in results if result.verdict in CARDED]
    return sorted(found, key=lambda result: CARDED.index(result.verdict))


def tally(results: Iterable[Result]) -> dict[str, int]:
    """How many contracts ended in which way; ways that did not occur are left out."""
    counts: Counter[str] = Counter(result.verdict for result in results)
    return {verdict: counts[verdict] for verdict in _COUNTED if counts[verdict]}


def counted(results: Iterable[Result]) -> str:
    """`12 held, 1 failed, 2 warnings`."""
    return ", ".join(f"{count} {_COUNTED[verdict][count != 1]}" for verdict, count in tally(results).items())


def by_family(results: Iterable[Result]) -> dict[str, list[Result]]:
    """The results family by family, in the order in which the families first appear."""
    families: dict[str, list[Result]] = {}
    for result in results:
        families.setdefault(result.family, []).append(result)
    return families


def by_reason(results: Iterable[Result], verdict: str) -> dict[str, list[Result]]:
    """The results with this verdict, those with one reason together."""
    reasons: dict[str, list[Result]] = {}
    for result in results:
        if result.verdict == verdict:
            reasons.setdefault(result.reason or "no reason was given", []).append(result)
    return reasons


def judged(result: Result) -> str:
    """`items: 3, annotations: 12`: how much evidence a contract saw."""
    return ", ".join(f"{what}: {count}" for what, count in result.evidence.items())


def addition(plan: Plan) -> str:
    """How the planned contracts add up."""
    return (
        f"planned {plan.planned} = executed {plan.executed} + inapplicable {plan.inapplicable} + vacuous {plan.vacuous}"
    )


def outcome(adapter: AdapterReport) -> str:
    """The verdict on one adapter in words."""
    counts = tally(adapter.results)
    if adapter.verdict == "pass":
        return "conforms" + _aside(counts, "contract")
    if adapter.verdict == "fail" and "fail" in counts:
        return f"fails {number(counts['fail'], 'contract')}" + _aside(counts)
    if adapter.verdict == "fail":
        return "does not conform" + _aside(counts, "contract")
    if adapter.verdict == "error" and "error" in counts:
        return f"{number(counts['error'], 'contract')} could not be judged" + _aside(counts)
    words = {"error": "could not be checked", "vacuous": "nothing was proved"}
    return words.get(adapter.verdict, adapter.verdict)


def _aside(counts: dict[str, int], noun: str = "") -> str:
    """` (38 contracts held, 2 warnings)`, without what is zero."""
    held, warnings = counts.get("pass", 0), counts.get("warning", 0)
    parts = [f"{number(held, noun) if noun else held} held"] if held else []
    parts += [number(warnings, "warning")] if warnings else []
    return f" ({', '.join(parts)})" if parts else ""


def overall(report: Report) -> str:
    """How many adapters ended in which way: `2 conform, 1 fails`."""
    words = {
        "pass": ("conforms", "conform"),
        "fail": ("fails", "fail"),
        "vacuous": ("proved nothing", "proved nothing"),
        "error": ("could not be checked", "could not be checked"),
        "interrupted": ("was interrupted", "were interrupted"),
    }
    counts: Counter[str] = Counter(adapter.verdict for adapter in report.adapters)
    ways = (f"{counts[way]} {forms[counts[way] != 1]}" for way, forms in words.items() if counts[way])
    return ", ".join(ways) or "nothing was checked"
