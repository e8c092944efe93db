"""The contracts of a check: those of this package, those of the adapter's repository, and what plugins make of them."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dl_harness.contract import CONTRACTS, Contract
from dl_harness.plugins import Problem, load
from dl_harness.spec import UsageError


@dataclass(frozen=True)
class Catalogue:
    """Contracts in the order in which they are reported; `own` maps each module of a repository to its content hash."""

    contracts: tuple[Contract, ...]
    own: dict[str, str]
    problems: tuple[Problem, ...] = ()

    def select(self, ids: Iterable[str]) -> tuple[Contract, ...]:
        """The contracts that ids, prefixes of ids (`OUT`) or families name; all of them when nothing is named.

        Raises UsageError for a name that matches nothing.
        """
        wanted = [name.strip() for entry in ids for name in entry.split(",") if name.strip()]
        if not wanted:
            return self.contracts
        chosen: set[str] = set()
        for name in wanted:
            found = [c.id for c in self.contracts if _names(name, c)]
            if not found:
                raise UsageError(f"{name}: no contract or family of that name. {self._hint(name)}")
            chosen.update(found)
        return tuple(c for c in self.contracts if c.id in chosen)

    def _hint(self, name: str) -> str:
        if self.problems:
            return " ".join(f"{problem.origin} {problem.message}." for problem in self.problems)
        import difflib

        near = difflib.get_close_matches(name.upper(), sorted(c.id for c in self.contracts), 3)
        return f"Did you mean {', '.join(near)}?" if near else "`dl-harness contracts` lists them."


def _names(name: str, contract: Contract) -> bool:
    return name.upper() in {contract.id, contract.id.split("-")[0]} or name.lower() == contract.family.lower()


@functools.cache
def content_hash() -> str:
    """A hash over all that this package's contracts say and do; the same on every machine and every Python."""
    import dl_harness.contracts as package

    digest = hashlib.sha256()
    for contract in CONTRACTS.values():
        digest.update(json.dumps(_data(contract), sort_keys=True).encode())
    for file in sorted(Path(str(package.__file__)).parent.glob("*.py")):
        digest.update(file.name.encode() + b"\0" + b"\n".join(file.read_bytes().splitlines()))
    return f"sha256:{digest.hexdigest()}"


def _data(contract: Contract) -> dict[str, object]:
    fields = ("id", "family", "statement", "why", "fix", "needs", "severity", "severity_reason", "sdk", "pending")
    return {name: getattr(contract, name) for name in fields}


def catalogue(modules: Sequence[str] = (), folder: Path | None = None) -> Catalogue:
    """This package's contracts with those of a repository's modules (files below `folder`, or importable names).

    What cannot be used is among the catalogue's `problems`; nothing is raised for it.
    """
    import dl_harness.contracts  # noqa: F401 - declares the catalogue

    plugins = load(modules, folder)
    found = dict(CONTRACTS)
    for declared in plugins.declared:
        _add(found, declared.origin, declared.contracts.values(), plugins.problems)
    for name, added in plugins.call("dl_harness_contracts"):
        _add(found, name, added or (), plugins.problems)
    contracts: list[Contract] = list(found.values())
    for name, _ in plugins.call("dl_harness_modify_contracts", contracts=contracts):
        contracts[:] = _usable(contracts, name, plugins.problems)
    return Catalogue(tuple(contracts), plugins.hashes, tuple(plugins.problems))


def _add(found: dict[str, Contract], origin: str, contracts: Iterable[Contract], problems: list[Problem]) -> None:
    for contract in _usable(contracts, origin, problems):
        taken = found.get(contract.id)
        if taken is None:
            found[contract.id] = replace(contract, origin=origin)
        else:
            by = taken.origin or "dl-harness itself"
            letters = "choose letters of your own, such as ACME-001"
            problems.append(Problem(origin, f"declares {contract.id}, which is taken by {by}; {letters}"))


def _usable(contracts: Iterable[object], origin: str, problems: list[Problem]) -> list[Contract]:
    """Contracts without what is none, and without second ones of an id."""
    kept: dict[str, Contract] = {}
    for contract in contracts:
        if not isinstance(contract, Contract):
            problems.append(Problem(origin, f"gives {contract!r} as a contract, which is no Contract"))
        elif contract.id in kept:
            problems.append(Problem(origin, f"gives {contract.id} twice; the second one is left out"))
        else:
            kept[contract.id] = contract
    return list(kept.values())
