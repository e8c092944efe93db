"""Verdicts: what the contracts say of the evidence, as plain data that every report and front end reads."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from dl_harness.contract import Contract, Judged, Seen
from dl_harness.evidence import AnnotationSeen, Evidence, ItemSeen

SCHEMA_VERSION = "1.1"

Verdict = Literal["pass", "fail", "warning", "inapplicable", "vacuous", "error"]
AdapterVerdict = Literal["pass", "fail", "vacuous", "error", "interrupted"]


class Finding(msgspec.Struct, frozen=True):
    """One place where a contract is broken."""

    expected: str
    saw: str
    where: str
    file: str | None = None
    line: int | None = None


class Result(msgspec.Struct, frozen=True):
    """How one contract ended for one adapter; `evidence` counts what was judged."""

    contract: str
    family: str
    severity: str
    verdict: Verdict
    statement: str
    why: str
    fix: str
    findings: tuple[Finding, ...] = ()
    evidence: dict[str, int] = {}
    reason: str | None = None
    duration_s: float = 0.0
    severity_reason: str = ""
    pending: bool = False  # findings are reported, and fail nothing until the catalogue's next minor version
    origin: str | None = None  # the repository's module or the plugin that adds the contract; None for our own


class CatalogueSeen(msgspec.Struct, frozen=True):
    """Which contracts judged: the version of this package's catalogue and a hash of its content."""

    version: str
    hash: str


class Plan(msgspec.Struct, frozen=True):
    """What was planned and what came of it: planned = executed + inapplicable + vacuous."""

    planned: int
    executed: int
    inapplicable: int
    vacuous: int
    flows: tuple[str, ...] = ()
    not_run: dict[str, str] = {}
    inferred: tuple[str, ...] = ()
    own_contracts: dict[str, str] = {}  # the repository's modules of contracts, with a hash of their content


class Drawn(msgspec.Struct, frozen=True):
    """An item and what the adapter predicted on it, for reports that show it.

    `content` is the item's bytes; annotations are as the platform stored them.
    """

    item: ItemSeen
    content: bytes = b""
    annotations: tuple[AnnotationSeen, ...] = ()
    vector_size: int | None = None


class AdapterReport(msgspec.Struct, frozen=True):
    """Everything one check says of one adapter."""

    adapter: str
    target: str
    plan: Plan
    verdict: AdapterVerdict
    results: tuple[Result, ...]
    summary: str = ""
    duration_s: float = 0.0
    output_tail: str = ""


class Report(msgspec.Struct, frozen=True):
    """The document that `--json` writes."""

    schema_version: str
    environment: dict[str, str]
    verdict: AdapterVerdict
    adapters: tuple[AdapterReport, ...]
    catalogue: CatalogueSeen = CatalogueSeen("", "")


def judge(evidence: Evidence, contracts: Iterable[Contract]) -> tuple[Result, ...]:
    """Let each contract read the evidence."""
    return tuple(_result(contract, evidence) for contract in contracts)


def _result(contract: Contract, evidence: Evidence) -> Result:
    started = time.perf_counter()
    counts: dict[str, int] = {}
    findings: list[Finding] = []
    verdict: Verdict = "inapplicable"
    try:
        reason = contract.outside(evidence.environment.get("dtlpy")) or contract.applies(evidence)
        if reason is None:
            for judgement in contract.judge(evidence):
                if isinstance(judgement, Judged):
                    counts[judgement.what] = counts.get(judgement.what, 0) + judgement.count
                else:
                    findings.append(_finding(judgement))
            verdict = _verdict(contract, counts, findings)
    except Exception as broken:  # a contract that fails must not cost the other results
        verdict, reason = "error", _failed(contract, broken)
    if verdict == "vacuous":
        reason = _why_nothing(contract, evidence)
    return Result(
        contract=contract.id,
        family=contract.family,
        severity=contract.severity,
        verdict=verdict,
        statement=contract.statement,
        why=contract.why,
        fix=contract.fix,
        findings=tuple(_together(findings)),
        evidence=counts,
        reason=reason,
        duration_s=time.perf_counter() - started,
        severity_reason=contract.severity_reason,
        pending=contract.is_pending,
        origin=contract.origin,
    )


def _failed(contract: Contract, broken: Exception) -> str:
    """Why a contract could not judge, and who can mend it."""
    last = traceback.extract_tb(broken.__traceback__)[-1]
    said = f"the contract itself failed with {type(broken).__name__}: {broken}"
    if contract.origin is None:
        return f"{said}; please report this"
    return f"{said} ({Path(last.filename).name}, line {last.lineno}); it comes from {contract.origin}, mend it there"


def _together(findings: list[Finding]) -> Iterator[Finding]:
    """One finding for those that say the same of the same line: an exception in every batch is one thing to mend."""
    places: dict[tuple[str, str, str | None, int | None], list[Finding]] = {}
    for finding in findings:
        places.setdefault((finding.expected, finding.saw, finding.file, finding.line), []).append(finding)
    for same in places.values():
        again = len(same) - 1
        more = "" if not again else " (and once more)" if again == 1 else f" (and {again} times more)"
        yield msgspec.structs.replace(same[0], where=same[0].where + more)


def _finding(seen: Seen) -> Finding:
    return Finding(seen.expected, seen.saw, seen.where, seen.place.file, seen.place.line)


def _verdict(contract: Contract, counts: dict[str, int], findings: list[Finding]) -> Verdict:
    if findings:
        return "fail" if contract.severity == "error" and not contract.is_pending else "warning"
    return "pass" if sum(counts.values()) else "vacuous"


def _why_nothing(contract: Contract, evidence: Evidence) -> str:
    """The first reason for which the flows that a contract reads left nothing to judge."""
    for need in contract.needs:
        for flow in evidence.named(need):
            if flow.ended != "returned":
                failure = f" ({flow.failure})" if flow.failure else ""
                return f"{flow.label} {flow.ended}{failure}, so there was nothing to judge"
    if not evidence.named(*contract.needs):
        for need in contract.needs:
            if need in evidence.not_run:
                return f"{need} was not run: {evidence.not_run[need]}"
    return "the flows left nothing of this kind to judge"
