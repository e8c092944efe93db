"""Which annotations the code makes, against the types that the models declare."""

from __future__ import annotations

import ast

from dl_harness.static.files import SourceFile
from dl_harness.static.hierarchy import Hierarchy
from dl_harness.static.manifests import Declared
from dl_harness.static.notes import Notes
from dl_harness.static.repository import Repository
from dl_harness.static.vocabulary import ANNOTATION_TYPES, OUTPUT_TYPES


def read_outputs(
    repository: Repository, files: list[SourceFile], found: Hierarchy | None, declared: Declared | None, notes: Notes
) -> None:
    """Note models whose outputType is none of the types that the adapter makes."""
    if declared is None or found is None or not found.whole or any(file.tree is None for file in files):
        return
    made: dict[str, ast.Call] = {}
    written: set[str] = set()
    for file in files:
        written |= _written_types(file)
        for node in file.nodes:
            if isinstance(node, ast.Call):
                parts = (repository.qualified(file, node.func) or "").split(".")
                if parts[0] == "dtlpy" and len(parts) > 1 and parts[-1] in ANNOTATION_TYPES:
                    made.setdefault(ANNOTATION_TYPES[parts[-1]], node)
                elif parts[0] == "dtlpy" and len(parts) > 2 and parts[-2] in ANNOTATION_TYPES:
                    made.setdefault(ANNOTATION_TYPES[parts[-2]], node)
                elif parts[-1] in {
                    "from_json",
                    "from_json_file",
                    "from_vtt_file",
                    "import_module",
                    "from_coco",
                    "from_instance_mask",
                }:
                    return  # annotations that reading cannot follow
    for k, model in declared.models():
        output = model.get("outputType")
        if not isinstance(output, str) or output not in OUTPUT_TYPES or not made:
            continue
        notes.looked("other output")
        if output == "embedding" or output in made or output in written:
            continue
        place = declared.place("models", k, "outputType")
        saw = f"outputType {output!r}; the code makes {', '.join(map(repr, sorted(made)))}"
        notes.saw(
            "other output",
            "the type of the annotations that the adapter makes",
            saw,
            f"model {model.get('name')!r}",
            place,
        )


def _written_types(file: SourceFile) -> set[str]:
    """Types of annotations that the code writes as plain data: `{"type": "box"}`."""
    return {
        value.value
        for node in file.nodes
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and key.value == "type"
        if isinstance(value, ast.Constant) and isinstance(value.value, str)
    }
