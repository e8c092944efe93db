"""Initialisation: super().__init__(model_entity) already runs load()."""

from __future__ import annotations

from dl_harness.contract import contract
from dl_harness.contracts.noticed import looked_for, noticed

contract(
    "INI-001",
    "initialisation",
    "the constructor leaves what load() built",
    why="super().__init__(model_entity) already runs load(); an assignment after it replaces the loaded model by an"
    " empty value, and every prediction fails.",
    fix="Move the assignment before super().__init__(), or into load().",
    severity_reason="Every prediction fails on the empty value.",
    applies=looked_for("wiped attribute"),
)(noticed("wiped attribute"))

contract(
    "INI-002",
    "initialisation",
    "what load() reads is set before super().__init__()",
    why="super().__init__(model_entity) already runs load(), which fails with an AttributeError for what the"
    " constructor sets only afterwards.",
    fix="Move the assignment before super().__init__(), or into load().",
    severity_reason="The service crashes at its start: nothing runs.",
    applies=looked_for("late attribute"),
)(noticed("late attribute"))

contract(
    "INI-003",
    "initialisation",
    "what the base class makes is used after super().__init__() and as it is meant",
    why="configuration, model_entity and the logger exist only after super().__init__(), and feature_set cannot be"
    " assigned: the constructor or the method fails with an AttributeError.",
    fix="Call super().__init__(model_entity=model_entity) first, or read these in load(); give own attributes other"
    " names than the base class's properties.",
    severity_reason="The constructor or the method crashes.",
    applies=looked_for("before the base constructor"),
)(noticed("before the base constructor"))

contract(
    "INI-004",
    "initialisation",
    "the constructor hands the model entity to the base class",
    why="The base class loads the model in its constructor; without the call, or without the model entity, nothing is"
    " loaded and every wrapper function fails.",
    fix="Call super().__init__(model_entity=model_entity), or leave __init__ out.",
    severity_reason="Every wrapper function crashes: no model is loaded.",
    applies=looked_for("base constructor"),
)(noticed("base constructor"))
