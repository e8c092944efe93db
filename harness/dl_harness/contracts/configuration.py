"""Configuration: the keys that the code reads are the keys that models declare. Dynamic contracts begin at CFG-050."""

from __future__ import annotations

from dl_harness.contract import contract
from dl_harness.contracts.noticed import looked_for, noticed

contract(
    "CFG-001",
    "configuration",
    "keys that are read without a default are declared by every model",
    why="configuration['key'] raises KeyError for a model that does not have the key.",
    fix="Declare the key in each model's configuration, or read it with .get(key, default).",
    severity_reason="The adapter crashes for a model that lacks the key.",
    applies=looked_for("undeclared key"),
)(noticed("undeclared key"))

contract(
    "CFG-002",
    "configuration",
    "keys that .get reads without a default are declared",
    why=".get gives None for a key that nobody declares, and writes that None into the model's configuration on the"
    " platform.",
    fix="Declare the key, or give .get a default that works.",
    severity="warning",
    severity_reason="Code may be written to live with None.",
    applies=looked_for("key without default"),
)(noticed("key without default"))

contract(
    "CFG-003",
    "configuration",
    "keys that models declare are read",
    why="A value that somebody sets and nothing reads has no effect: a threshold that never filters, a size that never"
    " reaches the model.",
    fix="Read the key by the name that is declared, or remove it from the manifest.",
    severity="warning",
    severity_reason="The adapter works; only a setting has no effect.",
    applies=looked_for("unread key"),
)(noticed("unread key"))

contract(
    "CFG-004",
    "configuration",
    "models that embed declare embeddings_size",
    why="embed_items drops every vector whose length is not configuration.embeddings_size, 256 by default, without an"
    " error.",
    fix="Declare embeddings_size with the length of the vectors.",
    severity_reason="Every vector is dropped.",
    applies=looked_for("vector size"),
)(noticed("vector size"))
