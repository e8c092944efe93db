"""Imports: everything that is imported is there when the service starts."""

from __future__ import annotations

from dl_harness.contract import contract
from dl_harness.contracts.noticed import looked_for, noticed

contract(
    "IMP-001",
    "imports",
    "imports of the repository's own modules find them",
    why="The runner imports the entry point with the codebase's root on the import path; a module that moved, or a name"
    " that its module does not define, keeps the service from starting.",
    fix="Import by the path from the codebase's root, and correct the name.",
    severity_reason="The service crashes at its start: nothing runs.",
    applies=looked_for("missing module of the repository"),
)(noticed("missing module of the repository"))

contract(
    "IMP-002",
    "imports",
    "every distribution that is imported is among the requirements",
    why="The service's image holds what the requirements, the Dockerfile or the base image bring; anything else is a"
    " ModuleNotFoundError at the start.",
    fix="Add the distribution to the requirements.",
    severity="warning",
    severity_reason="An image may bring the distribution in a way that cannot be read.",
    applies=looked_for("undeclared requirement"),
)(noticed("undeclared requirement"))

contract(
    "IMP-003",
    "imports",
    "no import was left behind by an editor",
    why="Editors complete names from modules such as turtle or tkinter, which need libraries that a service's image"
    " does not have; the import fails although nothing uses it.",
    fix="Remove the import.",
    severity_reason="The service crashes at its start: nothing runs.",
    applies=looked_for("stray import"),
)(noticed("stray import"))

contract(
    "IMP-004",
    "imports",
    "standard modules that are imported exist in every supported Python",
    why="Modules that newer versions of Python removed keep the service from starting as soon as its image is renewed.",
    fix="Use the module's successor.",
    severity="warning",
    severity_reason="Images with an older Python still have the module.",
    applies=looked_for("removed standard module"),
)(noticed("removed standard module"))
