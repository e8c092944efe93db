"""What a contract is: data about a rule, and a pure function that reads evidence and yields what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from dl_harness.evidence import Evidence, Place

Family = Literal["signature", "output format", "directory layout", "throughput", "lifecycle"]
Severity = Literal["error", "warning"]


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
    adapter, or None.
    """

    id: str
    family: Family
    statement: str
    why: str
    fix: str
    judge: Judge
    needs: tuple[str, ...] = ()
    severity: Severity = "error"
    applies: Applies = lambda evidence: None

    def broken_by(self, evidence: Evidence) -> Iterator[Seen]:
        """What in this evidence breaks the rule."""
        return (judgement for judgement in self.judge(evidence) if isinstance(judgement, Seen))


CONTRACTS: dict[str, Contract] = {}
"""All contracts by id, in the order of their declaration."""


def contract(
    id: str,
    family: Family,
    statement: str,
    *,
    why: str,
    fix: str,
    needs: tuple[str, ...] = (),
    severity: Severity = "error",
    applies: Applies = lambda evidence: None,
) -> Callable[[Judge], Contract]:
    """Declare a contract over a generator of `Seen` and `Judged`.

    Raises ValueError when the id is taken.
    """

    def declare(judge: Judge) -> Contract:
        if id in CONTRACTS:
            raise ValueError(f"{id} is taken by {CONTRACTS[id].judge.__name__}; pick the next free number")
        declared = Contract(id, family, statement, why, fix, judge, needs, severity, applies)
        CONTRACTS[id] = declared
        return declared

    return declare
