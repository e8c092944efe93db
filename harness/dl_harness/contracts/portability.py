"""Portability: what works on the author's machine and with the author's items only."""

from __future__ import annotations

from dl_harness.contract import contract
from dl_harness.contracts.noticed import looked_for, noticed

contract(
    "POR-001",
    "portability",
    "paths in the source exist on every machine",
    why="A home folder, a notebook's folder or a Windows path is not there in the service's image.",
    fix="Build paths with os.path.join from local_path, data_path, __file__ or tempfile.",
    severity="warning",
    severity_reason="An image may be built to have the path.",
    applies=looked_for("path of one machine"),
)(noticed("path of one machine"))

contract(
    "POR-002",
    "portability",
    "the device is asked for, not assumed",
    why="On a machine without a GPU, 'cuda' and weights that were saved on one raise when the model is loaded.",
    fix="Use torch.device('cuda' if torch.cuda.is_available() else 'cpu'), and pass it as map_location.",
    severity="warning",
    severity_reason="It works on machines with a GPU.",
    applies=looked_for("assumed device"),
)(noticed("assumed device"))

contract(
    "POR-003",
    "portability",
    "mimetypes are compared by their beginning",
    why="Items and prompt elements carry image/png or image/jpeg as often as image/*; a comparison with the pattern"
    " itself leaves those images out.",
    fix="Write mimetype.startswith('image/').",
    severity="warning",
    severity_reason="It works for elements that carry the pattern itself.",
    applies=looked_for("literal mimetype"),
)(noticed("literal mimetype"))

contract(
    "POR-004",
    "portability",
    "subsets are found by their folders, not by taking their filters apart",
    why="A subset may be chosen by a tag, by a folder, or by several conditions in any order; code that digs the folder"
    " out of the filter ends in a KeyError for the others.",
    fix="Read what was downloaded below data_path/<subset>.",
    severity="warning",
    severity_reason="It works for subsets that are chosen by a folder.",
    applies=looked_for("filter taken apart"),
)(noticed("filter taken apart"))

contract(
    "POR-005",
    "portability",
    "chunks of a stream may have no choices",
    why="OpenAI-compatible services end a stream with a chunk that has usage and no choices: an IndexError after the"
    " whole answer had arrived.",
    fix="Skip the chunk: if not chunk.choices: continue.",
    severity="warning",
    severity_reason="It works with services whose streams end otherwise.",
    applies=looked_for("empty chunk"),
)(noticed("empty chunk"))

contract(
    "POR-006",
    "portability",
    "an exception stays an exception",
    why="An error that is stored as the answer looks like a prediction: the execution succeeds, and nobody tries"
    " again.",
    fix="Log it and raise.",
    severity="warning",
    severity_reason="The other items are unharmed, and a person reads the message.",
    applies=looked_for("error as answer"),
)(noticed("error as answer"))
