"""Side effects that can be read in the source. Dynamic contracts begin at SID-050."""

from __future__ import annotations

from dl_harness.contract import contract
from dl_harness.contracts.noticed import looked_for, noticed

contract(
    "SID-001",
    "side effects",
    "the adapter leaves the platform session alone",
    why="The runner has logged in when it imports the module: dl.login opens a browser that nobody sees, dl.setenv"
    " sends the service to another environment, and a request at import fails where the project is another one.",
    fix="Remove the call, or put it under if __name__ == '__main__'; look up entities in load().",
    severity_reason="The service talks to another environment, or crashes at its start.",
    applies=looked_for("import effect"),
)(noticed("import effect"))

contract(
    "SID-002",
    "side effects",
    "importing the module downloads nothing and starts no process",
    why="The import happens before the service can report anything; a slow or missing server looks like an image that"
    " does not start.",
    fix="Move it into load().",
    severity="warning",
    severity_reason="It works as long as the server answers in time.",
    applies=looked_for("download at import"),
)(noticed("download at import"))

contract(
    "SID-003",
    "side effects",
    "files of the codebase are opened by a path that leads to them",
    why="A service's working directory is the codebase's root; a path that is relative to the source's own folder is"
    " not found there.",
    fix="Build the path from os.path.dirname(__file__).",
    severity_reason="The adapter crashes: the file is not found.",
    applies=looked_for("relative file"),
)(noticed("relative file"))

contract(
    "SID-004",
    "side effects",
    "nothing is written into the working directory",
    why="All threads and models of a service share the working directory, and nothing in it is saved with the model.",
    fix="Write below local_path, data_path or output_path, or into a temporary folder.",
    severity="warning",
    severity_reason="It works as long as nothing else writes the same file.",
    applies=looked_for("file in the working directory"),
)(noticed("file in the working directory"))

contract(
    "SID-005",
    "side effects",
    "no id of a platform entity stands in the source",
    why="An id names an entity of one project; everywhere else the call fails with a 404 or reaches somebody else's"
    " data.",
    fix="Take the id from the model entity, the item or the configuration.",
    severity="warning",
    severity_reason="It works in the project of its author.",
    applies=looked_for("hard-coded id"),
)(noticed("hard-coded id"))

contract(
    "SID-006",
    "side effects",
    "predict and embed return their results and change nothing else on the platform",
    why="The wrapper uploads what predict returns: an upload of its own stores every annotation twice, and an update of"
    " the model per batch is a request that restarts other replicas.",
    fix="Return the annotations; write to the model in train or save only.",
    severity="warning",
    severity_reason="The predictions are stored; there are only too many requests or duplicates.",
    applies=looked_for("platform change in predict"),
)(noticed("platform change in predict"))
