"""Read `dataloop.json`: what it declares, and what in it cannot be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from dl_harness.evidence import ManifestProblem, Place

USES_OF_FUNCTIONS = {
    "predict_items": "predict",
    "predict_dataset": "predict",
    "predict": "predict",
    "evaluate_model": "predict",
    "embed_items": "embed",
    "embed_dataset": "embed",
    "embed": "embed",
    "train_model": "train",
    "train": "train",
}
"""The wrapper functions by the use that needs them (docs: model adapter flows)."""


class Module(msgspec.Struct, frozen=True):
    """One entry of components.modules."""

    name: str
    entry_point: str | None = None
    class_name: str | None = None
    init_inputs: tuple[tuple[str, str], ...] = ()
    functions: tuple[str, ...] = ()

    @property
    def uses(self) -> tuple[str, ...]:
        """What the declared functions ask of the adapter: predict, embed, train."""
        return tuple(dict.fromkeys(USES_OF_FUNCTIONS[f] for f in self.functions if f in USES_OF_FUNCTIONS))


class Manifest(msgspec.Struct, frozen=True):
    """A manifest as far as it can be read; `models` are its raw entries."""

    path: str
    name: str
    modules: tuple[Module, ...] = ()
    models: tuple[dict[str, Any], ...] = ()
    media: str | None = None
    problems: tuple[ManifestProblem, ...] = ()

    def model_of(self, module: Module) -> dict[str, Any]:
        """The first model that runs on this module, or an empty entry."""
        return self.models_of(module)[0] if self.models_of(module) else {}

    def models_of(self, module: Module) -> list[dict[str, Any]]:
        """The models that run on this module, without the fields that no model can have."""
        own = (model for model in self.models if model.get("moduleName") == module.name)
        return [
            {k: v for k, v in model.items() if k not in {key.split(".")[0] for key, _, _ in wrong_fields(model)}}
            for model in own
        ]


def read(path: Path) -> Manifest:
    """Read a manifest; what is wrong in it becomes a problem with its line, never an exception.

    Raises OSError when the file cannot be read at all.
    """
    text = path.read_bytes().decode("utf-8-sig", errors="replace")
    try:
        document = json.loads(text)
    except RecursionError:
        problem = ManifestProblem(
            "unreadable", "a JSON object", "JSON nested thousands of levels deep", Place(str(path), 1)
        )
        return Manifest(str(path), path.parent.name, problems=(problem,))
    except json.JSONDecodeError as error:
        problem = ManifestProblem(
            "unreadable", "a JSON object", f"{error.msg} at column {error.colno}", Place(str(path), error.lineno)
        )
        return Manifest(str(path), path.parent.name, problems=(problem,))
    components = document.get("components") if isinstance(document, dict) else None
    if not isinstance(components, dict):
        saw = "no components" if isinstance(document, dict) else f"a {type(document).__name__}"
        problem = ManifestProblem("unreadable", "an object with components", saw, Place(str(path), 1))
        return Manifest(str(path), path.parent.name, problems=(problem,))
    name = str(document.get("name") or path.parent.name)
    modules = tuple(_module(entry) for entry in _entries(components.get("modules")))
    models = tuple(_entries(components.get("models")))
    problems = tuple(_problems(path, text, components, modules, models))
    attributes = document.get("attributes")
    media = attributes.get("Media Type") if isinstance(attributes, dict) else None
    return Manifest(str(path), name, modules, models, media if isinstance(media, str) else None, problems)


def _entries(value: object) -> Iterator[dict[str, Any]]:
    for entry in value if isinstance(value, list) else ():
        if isinstance(entry, dict):
            yield entry


def _module(entry: dict[str, Any]) -> Module:
    return Module(
        name=str(entry.get("name", "")),
        entry_point=entry["entryPoint"] if isinstance(entry.get("entryPoint"), str) else None,
        class_name=entry["className"] if isinstance(entry.get("className"), str) else None,
        init_inputs=tuple((str(i.get("name")), str(i.get("type"))) for i in _entries(entry.get("initInputs"))),
        functions=tuple(str(f.get("name")) for f in _entries(entry.get("functions"))),
    )


def _problems(
    path: Path, text: str, components: dict[str, Any], modules: tuple[Module, ...], models: tuple[dict[str, Any], ...]
) -> Iterator[ManifestProblem]:
    if not modules:
        saw = type(components["modules"]).__name__ if components.get("modules") else "none"
        yield ManifestProblem(
            "unreadable", "components.modules with at least one module", saw, line(path, text, "components")
        )
    names = [module.name for module in modules]
    for model in models:
        wanted = model.get("moduleName")
        if wanted not in names:
            expected = "moduleName is one of " + ", ".join(repr(n) for n in names) if names else "a module to name"
            saw = (
                f"model {model.get('name')!r} names {wanted!r}"
                if wanted
                else f"model {model.get('name')!r} has no moduleName"
            )
            yield ManifestProblem(
                "module",
                expected,
                saw,
                line(path, text, str(wanted or model.get("name")), "moduleName" if wanted else "name"),
            )
    for model in models:
        for key, expected, saw in wrong_fields(model):
            place = line(path, text, key)
            yield ManifestProblem("module", f"{expected} for {key} of model {model.get('name')!r}", saw, place)
    for module in modules:
        for key, value in (("entryPoint", module.entry_point), ("className", module.class_name), ("name", module.name)):
            if not value:
                saw = f"module {module.name!r} has none"
                yield ManifestProblem("module", f"a string for {key}", saw, line(path, text, module.name or "modules"))


MODEL_FIELDS: dict[str, type] = {
    "name": str,
    "labels": list,
    "configuration": dict,
    "metadata": dict,
    "outputType": str,
    "status": str,
}
"""Types of the fields that the flows read (OpenAPI: APIModel); inputType may be one or a list."""


def wrong_fields(model: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Fields of a model document that have another type than the API gives them: name, expected, seen."""
    words: dict[type, str] = {str: "a string", list: "an array", dict: "an object"}
    for key, kind in MODEL_FIELDS.items():
        value = model.get(key)
        if value is not None and not isinstance(value, kind):
            yield key, words[kind], json.dumps(value)[:60]
    system = model["metadata"].get("system") if isinstance(model.get("metadata"), dict) else None
    if system is not None and not isinstance(system, dict):
        yield "metadata.system", "an object", json.dumps(system)[:60]


def entry_file(manifest: Manifest, module: Module) -> tuple[Path | None, ManifestProblem | None]:
    """The file that a module's entryPoint names below the codebase's root, or what is wrong with it."""
    if not module.entry_point:
        return None, None
    path = Path(manifest.path)
    text = path.read_text("utf-8-sig", errors="replace")
    if Path(module.entry_point).is_absolute() or ".." in Path(module.entry_point).parts:
        saw = "a path that leaves the codebase"
        expected = "a path below the codebase's root"
        return None, ManifestProblem("entry_point", expected, saw, line(path, text, module.entry_point))
    for root in (path.parent, *list(path.parent.parents)[:4]):
        candidate = root / module.entry_point
        if candidate.is_file():
            return candidate, None
        if (root / ".git").exists():
            break
    saw = "no such file"
    if "\\" in module.entry_point and (path.parent / module.entry_point.replace("\\", "/")).is_file():
        saw = "a path with Windows separators, which is one file name elsewhere"
    else:
        found = sorted(str(p.relative_to(path.parent)) for p in path.parent.rglob(Path(module.entry_point).name))[:3]
        saw += f"; there is {', '.join(found)}" if found else ""
    expected = f"the file {module.entry_point} below the codebase's root"
    return None, ManifestProblem("entry_point", expected, saw, line(path, text, module.entry_point, "entryPoint"))


def line(path: Path, text: str, value: str, key: str | None = None) -> Place:
    """The line of a manifest that holds a value, under its key if that stands on the same line."""
    wanted = re.escape(json.dumps(value))
    for pattern in (rf'"{key}"\s*:\s*{wanted}', wanted):
        for number, content in enumerate(text.splitlines(), 1):
            if re.search(pattern, content):
                return Place(str(path), number)
    return Place(str(path), 1)
