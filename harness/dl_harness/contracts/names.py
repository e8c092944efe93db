"""Names: what the source reads is defined somewhere, and methods stand where they are looked for."""

from __future__ import annotations

from dl_harness.contract import contract
from dl_harness.contracts.noticed import looked_for, noticed

contract(
    "NAM-001",
    "names",
    "every name is defined where it is read",
    why="The line fails with a NameError when it is reached, which is often in the branch that the author never ran: an"
    " exception handler, a second model type, the end of a training.",
    fix="Import or assign the name, or correct its spelling.",
    severity_reason="The adapter crashes when the line is reached.",
    applies=looked_for("undefined name"),
)(noticed("undefined name"))

contract(
    "NAM-002",
    "names",
    "every attribute that is read from self is set somewhere",
    why="The line fails with an AttributeError when it is reached: the attribute was renamed, or its assignment was"
    " lost in a merge.",
    fix="Set the attribute in load(), or correct its name.",
    severity_reason="The adapter crashes when the line is reached.",
    applies=looked_for("missing attribute"),
)(noticed("missing attribute"))

contract(
    "NAM-003",
    "names",
    "calls of the class's own methods fit their parameters",
    why="The call fails with a TypeError when it is reached: the method was changed and its caller was not.",
    fix="Pass what the method takes, or change the method.",
    severity_reason="The adapter crashes when the line is reached.",
    applies=looked_for("own call"),
)(noticed("own call"))

contract(
    "NAM-004",
    "names",
    "user functions are methods of the class",
    why="A function that slipped into another one, or out of the class, is not there for the wrapper, which calls the"
    " base class's and gets a NotImplementedError.",
    fix="Correct the indentation.",
    severity_reason="The wrapper function crashes: what it calls is not implemented.",
    applies=looked_for("misplaced function"),
)(noticed("misplaced function"))

contract(
    "NAM-005",
    "names",
    "user functions have the names that the wrappers call",
    why="A method whose name is nearly a user function's is never called; the base class's is.",
    fix="Correct the name.",
    severity="warning",
    severity_reason="The method may be a helper that happens to have this name.",
    applies=looked_for("misspelt function"),
)(noticed("misspelt function"))

contract(
    "NAM-006",
    "names",
    "a class defines every method once",
    why="The last definition silently replaces the earlier ones, whose changes have no effect.",
    fix="Remove or rename the one that was left over.",
    severity="warning",
    severity_reason="The class works, with the last definition.",
    applies=looked_for("method defined twice"),
)(noticed("method defined twice"))
