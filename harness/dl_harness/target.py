"""Find the adapters that a TARGET names, without importing any of them."""

from __future__ import annotations

import ast
import importlib.machinery
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from dl_harness import manifest as manifests
from dl_harness.evidence import ManifestProblem, ModelFacts, Subject
from dl_harness.spec import Target, UsageError
from dl_harness.syntax import parse
from dl_harness.workspace import LEFT_OUT

REPOSITORY_SIGNS = (".git", "pyproject.toml", "setup.py", "requirements.txt")
FORMS = "path/to/file.py:Class, module:Class, a dataloop.json, or a folder that holds one"


def resolve(target: str) -> list[Target]:
    """Every adapter that a target names.

    Raises UsageError for what cannot be a target: a path that does not exist, a file without a class name, a folder
    without a manifest.
    """
    path = Path(target)
    if not target:
        raise UsageError(f"the target is empty. Expected {FORMS}.")
    if path.is_dir():
        found = _told_apart([t for m in _manifests(path) for t in _of_manifest(m)])
        if not found:
            raise UsageError(f"{target} holds no dataloop.json. Expected {FORMS}.")
        return found
    if path.is_file() and path.suffix == ".json":
        return _told_apart(_of_manifest(path))
    if path.is_file():
        classes = _classes(path)
        hint = f"{target}:{classes[0]}" if classes else f"{target}:ClassName"
        raise UsageError(f"{target} names a file but no class. Expected {FORMS}; did you mean {hint}?")
    head, colon, name = target.rpartition(":")
    if not colon or not head or not name.isidentifier():
        raise UsageError(f"{target} does not exist. Expected {FORMS}.")
    if head.endswith(".py") or os.sep in head or "/" in head:
        return [_of_file(target, Path(head), name)]
    return [_of_module(target, head, name)]


def _told_apart(targets: list[Target]) -> list[Target]:
    """Targets whose names are not shared: classes of one name get that of their module, and then of their manifest."""
    for field in ("module", "manifest"):
        names = [target.subject.name for target in targets]
        targets = [
            target
            if names.count(name) == 1
            else msgspec.structs.replace(
                target,
                subject=msgspec.structs.replace(target.subject, name=f"{name} ({getattr(target.subject, field)})"),
            )
            for target, name in zip(targets, names, strict=True)
        ]
    return targets


def _manifests(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if f not in LEFT_OUT and not (Path(parent, f) / "pyvenv.cfg").exists())
        if "dataloop.json" in files:
            yield Path(parent, "dataloop.json")


def _of_manifest(path: Path) -> list[Target]:
    try:
        manifest = manifests.read(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    if not manifest.modules and path.name != "dataloop.json":
        raise UsageError(f"{path} is no manifest: it declares no components.modules. Expected {FORMS}.")
    if not manifest.modules:
        subject = Subject(
            name=manifest.name,
            target=str(path),
            manifest=str(path),
            manifest_problems=manifest.problems,
            file_exists=False,
        )
        return [Target(subject, str(path.parent.resolve()))]
    return [_of_module_entry(path, manifest, module) for module in manifest.modules]


def _of_module_entry(path: Path, manifest: manifests.Manifest, module: manifests.Module) -> Target:
    file, problem = manifests.entry_file(manifest, module)
    problems = manifest.problems + ((problem,) if problem else ())
    if file is not None and module.class_name and module.class_name not in _names(file):
        expected = f"a class {module.class_name} in {module.entry_point}"
        text = path.read_text("utf-8-sig", errors="replace")
        place = manifests.line(path, text, module.class_name, "className")
        problems += (ManifestProblem("class_name", expected, "no such name", place),)
    model = manifest.model_of(module)
    root = _root_of(file, module.entry_point) if file and module.entry_point else path.parent.resolve()
    subject = Subject(
        name=f"{manifest.name} {module.class_name or module.name}",
        target=str(path),
        manifest=str(path),
        module=module.name,
        entry_point=module.entry_point,
        class_name=module.class_name,
        init_inputs=tuple(name for name, _ in module.init_inputs),
        declared_uses=module.uses,
        model=model_facts(model),
        media=manifest.media,
        inferred=_not_run(manifest.models_of(module)),
        manifest_problems=problems,
        file_exists=file is not None,
    )
    return Target(subject, str(root), model, module.init_inputs, str(file.resolve()) if file else None)


def _not_run(models: list[dict[str, Any]]) -> tuple[str, ...]:
    """A sentence on the models of a module beyond the first, with which the check runs."""
    if len(models) < 2:
        return ()
    others = ", ".join(repr(model.get("name")) for model in models[1:])
    return (f"the model {models[0].get('name')!r}, the first of its module; check {others} with --model",)


def _root_of(file: Path, entry_point: str) -> Path:
    """The folder to which an entry point is relative."""
    root = file.resolve().parent
    for _ in Path(entry_point).parts[:-1]:
        root = root.parent
    return root


def _of_file(target: str, file: Path, name: str) -> Target:
    if not file.is_file():
        raise UsageError(f"{file} does not exist. Expected {FORMS}.")
    names = _names(file)
    if names and name not in names:
        classes = ", ".join(_classes(file)) or "none"
        raise UsageError(f"{file} defines no {name}; its classes are: {classes}.")
    source = file.resolve()
    for declared in _declared_near(source):
        if declared.source == str(source) and declared.subject.class_name == name:
            return declared
    subject = Subject(name=name, target=target, entry_point=str(file), class_name=name)
    return Target(subject, str(_application_root(file, source)), source=str(source))


def _application_root(file: Path, source: Path) -> Path:
    """The folder that a file without a manifest is run from: its own, or that of the repository it was typed from."""
    here = Path.cwd().resolve()
    if not file.is_absolute() and source.is_relative_to(here):
        for folder in above_package(source), *above_package(source).parents:
            if any((folder / sign).exists() for sign in REPOSITORY_SIGNS):
                return folder
            if folder == here:
                break
    return above_package(source)


def _declared_near(source: Path) -> Iterator[Target]:
    """The adapters of the nearest manifest at or above a file, up to the root of its repository."""
    for folder in source.parents:
        if (folder / "dataloop.json").is_file():
            yield from _of_manifest(folder / "dataloop.json")
            return
        if (folder / ".git").exists():
            return


def _of_module(target: str, module: str, name: str) -> Target:
    source = _source_of(module)
    if source is None:
        raise UsageError(f"there is no module {module} on the import path or below {Path.cwd()}. Expected {FORMS}.")
    names = _names(source)
    if names and name not in names:
        classes = ", ".join(_classes(source)) or "none"
        raise UsageError(f"{module} defines no {name}; its classes are: {classes}.")
    root = source.resolve().parent
    for _ in module.split(".")[:-1] if source.name != "__init__.py" else module.split("."):
        root = root.parent
    subject = Subject(name=name, target=target, entry_point=module, class_name=name)
    installed = "site-packages" in root.parts or "dist-packages" in root.parts
    top = module.split(".")[0]
    part = (top if (root / top).is_dir() else f"{top}.py") if installed else None
    return Target(subject, str(root), source=str(source.resolve()), module=module, part=part)


def _source_of(module: str) -> Path | None:
    """The file of a module, found without importing it or its parents."""
    locations: list[str] | None = [os.getcwd(), *_import_path()]
    spec = None
    parts = module.split(".")
    for index in range(len(parts)):
        spec = importlib.machinery.PathFinder.find_spec(".".join(parts[: index + 1]), locations)
        if spec is None:
            return None
        locations = list(spec.submodule_search_locations or ())
    origin = spec.origin if spec else None
    return Path(origin) if origin and origin.endswith(".py") else None


def _import_path() -> list[str]:
    import sys

    return [entry for entry in sys.path if entry]


def _names(file: Path) -> set[str]:
    """The names that a file may define at its top level; empty when that cannot be told."""
    try:
        tree = parse(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return set() if "*" in names else names


def _classes(file: Path) -> list[str]:
    """The classes of a file, those that name an adapter as a base first."""
    try:
        tree = parse(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return [node.name for node in sorted(classes, key=lambda n: not any("Adapter" in ast.unparse(b) for b in n.bases))]


def above_package(source: Path) -> Path:
    """The folder that must be on the import path for a module's package to be found."""
    root = source.parent
    while (root / "__init__.py").is_file():
        root = root.parent
    return root


def model_facts(model: dict[str, Any]) -> ModelFacts:
    """What a model document declares; absent types and labels are normal."""
    configuration = model.get("configuration")
    configuration = configuration if isinstance(configuration, dict) else {}
    labels = model.get("labels")
    size = configuration.get("embeddings_size")
    input_type = model.get("inputType")
    if isinstance(input_type, list):
        input_type = next((kind for kind in input_type if isinstance(kind, str)), None)
    return ModelFacts(
        name=str(model.get("name") or "model"),
        input_type=input_type if isinstance(input_type, str) else None,
        output_type=model["outputType"] if isinstance(model.get("outputType"), str) else None,
        labels=tuple(str(label) for label in labels) if isinstance(labels, list) and labels else None,
        embeddings_size=size if isinstance(size, int) else None,
        configuration=configuration,
    )
