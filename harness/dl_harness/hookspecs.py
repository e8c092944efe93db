"""Hooks for plugins: installed ones (entry point group `dl_harness`), and modules that `[tool.dl-harness]` names.

from dl_harness.hookspecs import hookimpl

@hookimpl
def dl_harness_modify_contracts(contracts):
    contracts[:] = [contract for contract in contracts if contract.id != "THR-007"]
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from dl_harness.contract import Contract
    from dl_harness.evidence import Subject
    from dl_harness.plan import Stage

PROJECT = "dl_harness"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def dl_harness_contracts() -> Iterable[Contract]:  # type: ignore[empty-body]
    """Contracts to add to the catalogue, declared with `dl_harness.contract.contract` or built as `Contract`."""


@hookspec
def dl_harness_modify_contracts(contracts: list[Contract]) -> None:
    """Change the list of contracts in place: drop, reorder, or replace some by `dataclasses.replace(...)`."""


@hookspec
def dl_harness_modify_plan(subject: Subject, stages: list[Stage], not_run: dict[str, str]) -> None:
    """Change what is run, in place: `stages`, and for each flow that is not to be run the reason, by its label.

    Called in the process in which the adapter runs. A stage may hold the flows of `dl_harness.plan.STAGES`, and
    variants of them: the part of a label after its slash is free.
    """
