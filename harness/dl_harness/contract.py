"""What a contract is: data about a rule, and a pure function that reads evidence and yields what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

from dl_harness.evidence import Evidence, Place

CATALOGUE_VERSION = "1.1"
"""Of the contracts in this package: the minor number grows when contracts are added, the major one when any is dropped
or begins to mean something else."""

Family = str
"""Any name; contracts of one family stand together in listings and reports."""

Severity = Literal["error", "warning"]
"""`error` where the platform would lose data, crash or refuse; `warning` where something is fragile."""

ID = re.compile(r"[A-Z][A-Z0-9]*-[0-9]+")


@dataclass(frozen=True)
class Seen:
    """One way in which the rule is broken: what was expected, what was seen, and where."""

    expected: str
    saw: str
    where: str
    place: Place = Place()


@dataclass(frozen=True)
class Judged:
    """So many things of a kind were looked at; a contract that never says so has proved nothing."""

    what: str
    count: int = 1


Judgement = Seen | Judged
Judge = Callable[[Evidence], Iterable[Judgement]]
Applies = Callable[[Evidence], "str | None"]


@dataclass(frozen=True)
class Contract:
    """A rule that an adapter keeps or breaks.

    `needs` names the flows whose record it reads; `applies` gives the reason for which it does not concern an
    adapter, or None. `sdk` is the range of SDK versions that it is about (PEP 440: `>=1.120`). A contract that is
    `pending` in a version of the catalogue is run and reported, and fails nothing until the next minor version.
    """

    id: str
    family: Family
    statement: str
    why: str
    fix: str
    judge: Judge
    needs: tuple[str, ...] = ()
    severity: Severity = "error"
    severity_reason: str = ""
    applies: Applies = lambda evidence: None
    sdk: str | None = None
    pending: str | None = None
    origin: str | None = None

    def broken_by(self, evidence: Evidence) -> Iterator[Seen]:
        """What in this evidence breaks the rule."""
        return (judgement for judgement in self.judge(evidence) if isinstance(judgement, Seen))

    @property
    def is_pending(self) -> bool:
        """Whether findings are reported without failing anything."""
        return self.pending == CATALOGUE_VERSION

    def outside(self, sdk_version: str | None) -> str | None:
        """Why the contract is not about this version of the SDK, or None; None also for a version nobody knows."""
        if self.sdk is None or sdk_version is None:
            return None
        from packaging.specifiers import SpecifierSet

        if SpecifierSet(self.sdk).contains(sdk_version, prereleases=True):
            return None
        return f"it is about dtlpy {self.sdk}, and the adapter runs on dtlpy {sdk_version}"


CONTRACTS: dict[str, Contract] = {}
"""The contracts of this package by id, in the order of their declaration."""


@dataclass
class Declared:
    """What one module of a repository declares for itself, and what of it cannot be used."""

    origin: str
    contracts: dict[str, Contract] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


_declaring: ContextVar[Declared | None] = ContextVar("declaring", default=None)


@contextmanager
def declaring(origin: str) -> Iterator[Declared]:
    """Collect the contracts that are declared inside, instead of adding them to the catalogue."""
    declared = Declared(origin)
    token = _declaring.set(declared)
    try:
        yield declared
    finally:
        _declaring.reset(token)


def contract(
    id: str,
    family: Family,
    statement: str,
    *,
    why: str,
    fix: str,
    needs: tuple[str, ...] = (),
    severity: Severity = "error",
    severity_reason: str = "",
    applies: Applies = lambda evidence: None,
    sdk: str | None = None,
    pending: str | None = None,
) -> Callable[[Judge], Contract]:
    """Declare a contract over a generator of `Seen` and `Judged`.

    Raises ValueError when the id is taken, when it is no id (`OUT-001`), or when `sdk` is no range of versions. In a
    module of a repository's own contracts a second use of an id is left out and reported instead.
    """
    problem = _malformed(id, severity, sdk)
    if problem:
        raise ValueError(problem)

    def declare(judge: Judge) -> Contract:
        own = _declaring.get()
        declared = Contract(
            id=id,
            family=family,
            statement=statement,
            why=why,
            fix=fix,
            judge=judge,
            needs=needs,
            severity=severity,
            severity_reason=severity_reason,
            applies=applies,
            sdk=sdk,
            pending=pending,
            origin=own.origin if own else None,
        )
        if own is None:
            _refuse_taken(id)
            CONTRACTS[id] = declared
        elif id in own.contracts:
            own.refused.append(f"declares {id} twice; the second declaration is left out")
        else:
            own.contracts[id] = declared
        return declared

    return declare


def _refuse_taken(id: str) -> None:
    if id in CONTRACTS:
        taken_by = getattr(CONTRACTS[id].judge, "__name__", "another contract")
        raise ValueError(f"{id} is taken by {taken_by}; pick the next free number")


def _malformed(id: str, severity: str, sdk: str | None) -> str | None:
    if not ID.fullmatch(id):
        return f"{id!r} is no id of a contract; expected capital letters, a hyphen and a number, such as ACME-001"
    if severity not in {"error", "warning"}:
        return f"the severity of {id} must be 'error' or 'warning', not {severity!r}"
    if sdk is not None:
        from packaging.specifiers import InvalidSpecifier, SpecifierSet

        try:
            SpecifierSet(sdk)
        except InvalidSpecifier:
            return f"sdk={sdk!r} of {id} is no range of versions; expected one such as '>=1.120,<2'"
    return None
