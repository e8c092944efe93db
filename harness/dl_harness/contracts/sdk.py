"""SDK: names and calls that the supported versions of dtlpy have."""

from __future__ import annotations

from dl_harness.contract import contract
from dl_harness.contracts.noticed import looked_for, noticed

contract(
    "SDK-001",
    "sdk",
    "names of the SDK exist in it",
    why="A name that releases removed, or that never was, fails with an AttributeError or an ImportError when it is"
    " reached.",
    fix="Use the name that replaced it.",
    severity_reason="The adapter crashes when the line is reached.",
    applies=looked_for("missing SDK name"),
)(noticed("missing SDK name"))

contract(
    "SDK-002",
    "sdk",
    "names of the SDK exist in every supported version",
    why="Services run with the SDK of their image: one that is older or newer than the author's lacks the name.",
    fix="Use a name that both have, or require the version in the requirements.",
    severity="warning",
    severity_reason="It works with one of the supported versions.",
    applies=looked_for("SDK name of some versions"),
)(noticed("SDK name of some versions"))

contract(
    "SDK-003",
    "sdk",
    "calls of the SDK fit its parameters",
    why="The call fails with a TypeError when it is reached.",
    fix="Pass what the SDK's function takes.",
    severity_reason="The adapter crashes when the line is reached.",
    applies=looked_for("refused SDK call"),
)(noticed("refused SDK call"))

contract(
    "SDK-004",
    "sdk",
    "calls of the SDK fit its parameters in every supported version",
    why="Services run with the SDK of their image: in one that is older or newer than the author's, the call fails with"
    " a TypeError.",
    fix="Pass what both take, or require the version in the requirements.",
    severity="warning",
    severity_reason="It works with one of the supported versions.",
    applies=looked_for("SDK call of some versions"),
)(noticed("SDK call of some versions"))

contract(
    "SDK-005",
    "sdk",
    "the epoch callback is called with i_epoch and n_epoch",
    why="train_model passes a function of exactly these two parameters; another call ends the training with a TypeError"
    " after its first epoch.",
    fix="Call on_epoch_end_callback(i_epoch=epoch, n_epoch=epochs).",
    severity_reason="Training crashes after its first epoch.",
    applies=looked_for("epoch callback"),
)(noticed("epoch callback"))
