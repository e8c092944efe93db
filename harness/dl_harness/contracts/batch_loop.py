"""Batch loop: predict and embed walk over the whole batch and give one entry per item."""

from __future__ import annotations

from dl_harness.contract import contract
from dl_harness.contracts.noticed import looked_for, noticed

contract(
    "LOP-001",
    "batch loop",
    "predict and embed return after the loop over the batch",
    why="A return inside the loop ends it after the first item: the other items of every batch get nothing, and the"
    " wrapper, which pairs by position, raises no error.",
    fix="Indent the return like the loop.",
    severity_reason="The predictions of all items but the first of each batch are lost.",
    applies=looked_for("return in the loop"),
)(noticed("return in the loop"))

contract(
    "LOP-002",
    "batch loop",
    "what is returned is collected over the whole batch",
    why="A list that is made inside the loop holds only the last item's entry, which the wrapper gives to the first"
    " item of the batch.",
    fix="Make the list before the loop.",
    severity_reason="The predictions of all items but one of each batch are lost.",
    applies=looked_for("list in the loop"),
)(noticed("list in the loop"))

contract(
    "LOP-003",
    "batch loop",
    "every way through the loop over the batch gives one entry",
    why="The wrapper pairs items with entries by position: an item that is skipped, because nothing was found or it"
    " could not be read, shifts everything after it to its neighbour.",
    fix="Append an empty dl.AnnotationCollection() (or None for a vector) instead of skipping.",
    severity_reason="Predictions are stored on the wrong items, and some are lost.",
    applies=looked_for("skipped item"),
)(noticed("skipped item"))
