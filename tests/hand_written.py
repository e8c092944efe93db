"""Evidence written by hand, for what no adapter of the tests does: mutants of the contracts are judged by it too."""

from __future__ import annotations

from dl_harness.evidence import Evidence, Failure, Subject

EVIDENCE: dict[str, Evidence] = {
    "nothing is known": Evidence(Subject("A", "a.py:A")),
    "not imported": Evidence(
        Subject("A", "a.py:A", import_failure=Failure("ModuleNotFoundError", "No module named 'torch'"))
    ),
    "no class": Evidence(Subject("A", "a.py:A", imported=True, class_name="A", classes_in_file=("B",))),
    "no adapter": Evidence(Subject("A", "a.py:A", imported=True, class_found=True, bases=("object",))),
}
