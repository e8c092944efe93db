"""`dataloop.json` in full: every name in it that must name something, every type, every path."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dl_harness.evidence import Place
from dl_harness.static.documents import Document, read_document
from dl_harness.static.notes import Notes
from dl_harness.static.vocabulary import FUNCTION_TYPES, INPUT_TYPES, MODEL_STATUSES, OUTPUT_TYPES
from dl_harness.workspace import LEFT_OUT

Entry = dict[str, Any]


@dataclass(frozen=True)
class Declared:
    """A manifest, and the module of it that is being checked."""

    path: Path
    document: Document
    module: int | None = None

    @property
    def components(self) -> Entry:
        """The components, or nothing where they are no object."""
        value = self.document.value
        found = value.get("components") if isinstance(value, dict) else None
        return found if isinstance(found, dict) else {}

    def entries(self, name: str) -> list[tuple[int, Entry]]:
        """The objects of a list of components, with their positions."""
        found = self.components.get(name)
        return [(i, e) for i, e in enumerate(found if isinstance(found, list) else []) if isinstance(e, dict)]

    @property
    def module_entry(self) -> Entry:
        """The entry of the module that is being checked."""
        return dict(self.entries("modules")).get(-1 if self.module is None else self.module, {})

    def models(self) -> list[tuple[int, Entry]]:
        """The models that run on this module."""
        name = self.module_entry.get("name")
        return [(i, model) for i, model in self.entries("models") if model.get("moduleName") == name]

    def place(self, *path: str | int) -> Place:
        """The line of a value below `components`."""
        return Place(str(self.path), self.document.line("components", *path))


def read_declared(path: Path, module: str | None) -> Declared | None:
    """The manifest at a path; None when it is no JSON object (the signature family says so)."""
    try:
        document = read_document(path.read_bytes().decode("utf-8-sig", errors="replace"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(document.value, dict):
        return None
    declared = Declared(path, document)
    at = next((i for i, entry in declared.entries("modules") if str(entry.get("name", "")) == module), None)
    return Declared(path, document, at)


def read_manifest(declared: Declared, notes: Notes) -> None:
    """Everything that the manifest alone can tell."""
    _computing(declared, notes)
    _function_types(declared, notes)
    _model_types(declared, notes)
    _duplicates(declared, notes)
    _statuses(declared, notes)
    _subsets(declared, notes)
    _labels(declared, notes)
    _paths(declared, notes)


def _named(entry: Entry) -> str:
    return repr(entry.get("name"))


def _computing(declared: Declared, notes: Notes) -> None:
    """OpenAPI: IDpkComputeConfigs; precedence: the model's, the function's, the module's."""
    names = [str(entry.get("name")) for _, entry in declared.entries("computeConfigs")]
    expected = "one of " + ", ".join(repr(n) for n in names) if names else "a name in components.computeConfigs"
    for where, name, place in _compute_names(declared):
        notes.looked("compute configuration")
        if name not in names:
            saw = f"{where} names {name!r}" + ("" if names else ", and the manifest declares none")
            notes.saw("compute configuration", expected, saw, where, place)


def _compute_names(declared: Declared) -> Iterator[tuple[str, str, Place]]:
    i, module = declared.module, declared.module_entry
    if i is not None and isinstance(module.get("computeConfig"), str) and module["computeConfig"]:
        yield f"module {_named(module)}", module["computeConfig"], declared.place("modules", i, "computeConfig")
    for j, function in enumerate(_list(module.get("functions"))):
        if isinstance(function, dict) and isinstance(function.get("computeConfig"), str) and function["computeConfig"]:
            place = declared.place("modules", i or 0, "functions", j, "computeConfig")
            yield f"function {_named(function)}", function["computeConfig"], place
    for k, model in declared.models():
        configs = model.get("computeConfigs")
        for operation, name in configs.items() if isinstance(configs, dict) else ():
            if isinstance(name, str) and name:
                place = declared.place("models", k, "computeConfigs", operation)
                yield f"model {_named(model)}, computeConfigs.{operation}", name, place


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _function_types(declared: Declared, notes: Notes) -> None:
    """SDK: entities/package_function.py, PackageInputType."""
    i = declared.module or 0
    places: list[tuple[str, Entry, tuple[str | int, ...]]] = [
        ("initInputs", entry, ("modules", i, "initInputs", k))
        for k, entry in _typed(declared.module_entry, "initInputs")
    ]
    for j, function in enumerate(_list(declared.module_entry.get("functions"))):
        for side in ("input", "output"):
            for k, entry in _typed(function, side):
                places.append(
                    (
                        f"function {_named(function)}, {side} {_named(entry)}",
                        entry,
                        ("modules", i, "functions", j, side, k),
                    )
                )
    for where, entry, path in places:
        kind = entry.get("type")
        notes.looked("function type")
        if kind not in FUNCTION_TYPES:
            near = difflib.get_close_matches(str(kind), sorted(FUNCTION_TYPES), 1, 0.6)
            expected = (
                f"a type of the platform, such as {near[0]!r}" if near else "a type of the platform (Item, Json, ...)"
            )
            notes.saw("function type", expected, f"{kind!r}", where, declared.place(*path, "type"))


def _typed(entry: object, key: str) -> list[tuple[int, Entry]]:
    values = _list(entry.get(key)) if isinstance(entry, dict) else []
    return [(k, v) for k, v in enumerate(values) if isinstance(v, dict) and isinstance(v.get("type"), str)]


def _model_types(declared: Declared, notes: Notes) -> None:
    """SDK: entities/annotation.py, AnnotationType; OpenAPI: APIModel. An outputType is checked at install (424)."""
    for k, model in declared.models():
        output = model.get("outputType")
        if isinstance(output, str):
            notes.looked("output type")
            if output not in OUTPUT_TYPES:
                near = difflib.get_close_matches(output.lower(), sorted(OUTPUT_TYPES), 1, 0.5)
                known = {"polygon": "segment", "segmentation": "binary", "classification": "class", "mask": "binary"}
                better = known.get(output.lower()) or (near[0] if near else None)
                expected = (
                    f"an annotation type of the platform, such as {better!r}"
                    if better
                    else ("an annotation type of the platform (box, class, segment, binary, text, ...) or 'embedding'")
                )
                notes.saw(
                    "output type",
                    expected,
                    f"outputType {output!r}",
                    f"model {_named(model)}",
                    declared.place("models", k, "outputType"),
                )
        for value in _texts(model.get("inputType")):
            notes.looked("input type")
            if value not in INPUT_TYPES:
                expected = "one of 'image', 'video', 'text', 'audio'"
                notes.saw(
                    "input type",
                    expected,
                    f"inputType {value!r}",
                    f"model {_named(model)}",
                    declared.place("models", k, "inputType"),
                )


def _texts(value: object) -> list[str]:
    return [v for v in (value if isinstance(value, list) else [value]) if isinstance(v, str)]


def _statuses(declared: Declared, notes: Notes) -> None:
    """SDK: entities/model.py, ModelStatus."""
    for k, model in declared.models():
        if isinstance(model.get("status"), str):
            notes.looked("model status")
            if model["status"] not in MODEL_STATUSES:
                expected = "one of " + ", ".join(repr(s) for s in sorted(MODEL_STATUSES))
                notes.saw(
                    "model status",
                    expected,
                    f"status {model['status']!r}",
                    f"model {_named(model)}",
                    declared.place("models", k, "status"),
                )


def _duplicates(declared: Declared, notes: Notes) -> None:
    lists = {"modules": "module", "models": "model", "computeConfigs": "compute configuration"}
    for key, noun in lists.items():
        _unique(
            declared, notes, [(str(e.get("name")), (key, i)) for i, e in declared.entries(key) if e.get("name")], noun
        )
    functions = _list(declared.module_entry.get("functions"))
    named: list[tuple[str, tuple[str | int, ...]]] = [
        (str(f["name"]), ("modules", declared.module or 0, "functions", j))
        for j, f in enumerate(functions)
        if isinstance(f, dict) and f.get("name")
    ]
    _unique(declared, notes, named, "function")
    for path, line in declared.document.twice:
        again = path[-1]
        notes.saw(
            "duplicate name",
            f"{again!r} once in an object",
            f"a second {again!r}, which replaces the first",
            ".".join(map(str, path)),
            Place(str(declared.path), line),
        )


def _unique(declared: Declared, notes: Notes, named: list[tuple[str, tuple[str | int, ...]]], noun: str) -> None:
    seen: set[str] = set()
    for name, path in named:
        notes.looked("duplicate name")
        if name in seen:
            notes.saw(
                "duplicate name",
                f"one {noun} of the name {name!r}",
                "another one of the same name",
                f"{noun} {name!r}",
                declared.place(*path, "name"),
            )
        seen.add(name)


def _subsets(declared: Declared, notes: Notes) -> None:
    """SDK: prepare_data appends to annotationsSubsets[subset].filter.$and, a KeyError where there is none."""
    for k, model in declared.models():
        metadata = model.get("metadata")
        system = metadata.get("system") if isinstance(metadata, dict) else None
        found = system.get("annotationsSubsets") if isinstance(system, dict) else None
        for subset, query in found.items() if isinstance(found, dict) else ():
            notes.looked("annotation subset")
            inner = query.get("filter") if isinstance(query, dict) else None
            if query and not isinstance(inner.get("$and") if isinstance(inner, dict) else None, list):
                notes.saw(
                    "annotation subset",
                    "a query with a list filter.$and",
                    json.dumps(query)[:80],
                    f"model {_named(model)}, annotationsSubsets.{subset}",
                    declared.place("models", k, "metadata", "system", "annotationsSubsets", subset),
                )


def _labels(declared: Declared, notes: Notes) -> None:
    """SDK: entities/model.py casts the keys of id_to_label_map to int."""
    for k, model in declared.models():
        configuration = model.get("configuration")
        labels = model.get("labels")
        if isinstance(labels, list):
            notes.looked("label map")
            notes.looked("label id")
            _label_list(declared, notes, k, model, labels)
        if not isinstance(configuration, dict):
            continue
        forward, backward = configuration.get("id_to_label_map"), configuration.get("label_to_id_map")
        if isinstance(forward, dict) and forward:
            notes.looked("label map")
            notes.looked("label id")
            _label_map(declared, notes, k, model, forward, "id_to_label_map")
        if isinstance(backward, dict) and backward:
            notes.looked("label map")
            notes.looked("label id")
            _label_map(declared, notes, k, model, {str(v): n for n, v in backward.items()}, "label_to_id_map")


def _label_list(declared: Declared, notes: Notes, k: int, model: Entry, labels: list[Any]) -> None:
    odd = [label for label in labels if not isinstance(label, str)]
    place = declared.place("models", k, "labels")
    if odd:
        notes.saw(
            "label id", "labels as strings", f"{json.dumps(odd[0])[:60]}", f"model {_named(model)}, labels", place
        )
    twice = sorted({label for label in labels if isinstance(label, str) and labels.count(label) > 1})
    if twice:
        notes.saw(
            "label map",
            "every label once",
            f"{', '.join(map(repr, twice[:3]))} several times",
            f"model {_named(model)}, labels",
            place,
        )


def _label_map(declared: Declared, notes: Notes, k: int, model: Entry, mapping: Entry, key: str) -> None:
    where = f"model {_named(model)}, configuration.{key}"
    place = declared.place("models", k, "configuration", key)
    odd = next((index for index in mapping if not str(index).lstrip("-").isdigit()), None)
    if odd is not None:
        notes.saw("label id", "whole numbers as ids", f"{odd!r}", where, place)
    labels = model.get("labels")
    if not isinstance(labels, list) or not labels:
        return
    missing = [v for v in mapping.values() if isinstance(v, str) and v not in labels]
    unmapped = [label for label in labels if label not in mapping.values()]
    if missing or unmapped:
        saw = [f"labels lack {', '.join(map(repr, missing[:3]))}"] if missing else []
        saw += [f"the map lacks {', '.join(map(repr, unmapped[:3]))}"] if unmapped else []
        notes.saw(
            "label map", f"the {len(labels)} labels of the model, each with one id", " and ".join(saw), where, place
        )


def _paths(declared: Declared, notes: Notes) -> None:
    for k, model in declared.models():
        for j, artifact in enumerate(_list(model.get("artifacts"))):
            path = artifact.get("localPath") if isinstance(artifact, dict) else None
            if not isinstance(path, str):
                continue
            notes.looked("manifest path")
            if "\\" in path or Path(path).is_absolute() or path[1:3] in {":\\", ":/"}:
                notes.saw(
                    "manifest path",
                    "a path below the codebase, with /",
                    f"{path!r}",
                    f"model {_named(model)}",
                    declared.place("models", k, "artifacts", j, "localPath"),
                )


@dataclass(frozen=True)
class Neighbour:
    """Another manifest of the repository, as far as copies are concerned."""

    path: Path
    name: str | None
    models: frozenset[str]
    line: int


def neighbours(root: Path) -> tuple[Neighbour, ...]:
    """Every manifest below a folder."""
    found = []
    for parent, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in LEFT_OUT and not (Path(parent, f) / "pyvenv.cfg").exists())
        if "dataloop.json" in files:
            declared = read_declared(Path(parent, "dataloop.json"), None)
            if declared is not None:
                name = declared.document.value.get("name")
                models = frozenset(str(m.get("name")) for _, m in declared.entries("models") if m.get("name"))
                found.append(
                    Neighbour(
                        declared.path, name if isinstance(name, str) else None, models, declared.document.line("name")
                    )
                )
    return tuple(found)


def read_copies(declared: Declared, others: tuple[Neighbour, ...], notes: Notes) -> None:
    """What a manifest still has of the one it was copied from."""
    own = next((n for n in others if n.path.resolve() == declared.path.resolve()), None)
    if own is None or own.name is None or len(others) < 2:
        return
    notes.looked("copied manifest")
    for other in others:
        if other is not own and other.name == own.name and other.models != own.models:
            notes.saw(
                "copied manifest",
                "a name of its own for every manifest with models of its own",
                f"{own.name!r}, which is the name of {os.path.relpath(other.path, own.path.parent)} too",
                "name",
                Place(str(own.path), own.line),
            )
            return
