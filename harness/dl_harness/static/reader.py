"""One static pass: everything that can be read of a target, as evidence."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from dl_harness.evidence import USER_FUNCTIONS, Failure, SourceRead, Subject, UserFunction
from dl_harness.spec import Target
from dl_harness.static import (
    attributes,
    configuration,
    control_flow,
    effects,
    imports,
    initialisation,
    manifests,
    names,
    outputs,
    sdk,
    shapes,
)
from dl_harness.static.files import SourceFile
from dl_harness.static.hierarchy import Hierarchy, hierarchy, user_function
from dl_harness.static.notes import Notes
from dl_harness.static.repository import Repository, Sources
from dl_harness.static.sdk_table import sdk_table

READ = ("__init__", *USER_FUNCTIONS, "prepare_data", "predict_items", "embed_items", "train_model")

MOST_FILES = 120
MOST_BYTES = 1_500_000
"""How much of a repository is read: what the adapter imports, nearest first."""

MOST_ANALYSED = 200_000
"""Bytes of it of which every name is followed."""


class Reader:
    """Reads targets; what several of them share is read once."""

    def __init__(self) -> None:
        self._sources = Sources()
        self._neighbours: dict[Path, tuple[manifests.Neighbour, ...]] = {}
        self._installed: dict[Path, imports.Installed] = {}

    def read(self, target: Target, stubs: str | None = None) -> tuple[Subject, SourceRead]:
        """The subject as far as its source tells, and what was noticed."""
        notes = Notes()
        root = Path(target.root)
        declared = (
            manifests.read_declared(Path(target.subject.manifest), target.subject.module)
            if target.subject.manifest
            else None
        )
        if declared is not None:
            _guarded(notes, "manifest", lambda: manifests.read_manifest(declared, notes))
            _guarded(notes, "copies", lambda: manifests.read_copies(declared, self._near(root), notes))
        if target.source is None:
            return target.subject, notes.read(())
        extra = (Path(stubs),) if stubs else ()
        repository = Repository(root, Path(target.source), self._sources, extra)
        entry = self._sources.file(Path(target.source))
        found = _class(repository, entry, target.subject.class_name)
        subject = _subject(target.subject, entry, found, repository)
        files = reachable(repository, entry)
        if entry.tree is None:
            return subject, notes.read((entry.path,))
        self._files(repository, entry, files, found, declared, notes)
        return subject, notes.read(tuple(file.path for file in files))

    def _near(self, root: Path) -> tuple[manifests.Neighbour, ...]:
        top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)
        if top not in self._neighbours:
            self._neighbours[top] = manifests.neighbours(top)
        return self._neighbours[top]

    def _files(
        self,
        repository: Repository,
        entry: SourceFile,
        files: list[SourceFile],
        found: Hierarchy | None,
        declared: manifests.Declared | None,
        notes: Notes,
    ) -> None:
        table = sdk_table()
        if repository.root not in self._installed:
            self._installed[repository.root] = imports.installed(repository.root)
        installed = self._installed[repository.root]
        budget = MOST_ANALYSED
        for file in files:
            budget -= len(file.text)
            if file.tree is None or (budget < 0 and file is not entry):
                continue
            _guarded(notes, "names", partial(names.read_names, file, notes))
            _guarded(notes, "imports", partial(imports.read_imports, repository, file, installed, declared, notes))
            ours = found is not None and any(one.file is file for one in found.classes)
            if "dtlpy" in file.text or ours:
                _guarded(notes, "SDK names", partial(sdk.read_sdk_names, repository, file, table, notes))
                _guarded(notes, "SDK calls", partial(sdk.read_sdk_calls, repository, file, found, table, notes))
            _guarded(notes, "effects", partial(effects.read_effects, repository, file, notes))
        _guarded(notes, "outputs", lambda: outputs.read_outputs(repository, files, found, declared, notes))
        if found is None:
            return
        of_class: tuple[tuple[str, Callable[[], Any]], ...] = (
            ("attributes", lambda: attributes.read_attributes(found, table, notes)),
            ("own calls", lambda: attributes.read_own_calls(found, notes)),
            ("callbacks", lambda: sdk.read_callbacks(found, notes)),
            ("initialisation", lambda: initialisation.read_initialisation(found, table, notes)),
            ("control flow", lambda: control_flow.read_control_flow(found, entry, notes)),
            ("shapes", lambda: shapes.read_shapes(found, notes)),
            ("user functions' effects", lambda: effects.read_user_functions(found, notes)),
            ("configuration", lambda: configuration.read_configuration(found, files, declared, notes)),
            ("declared functions", lambda: configuration.read_functions(found, declared, table, notes)),
        )
        for analysis, work in of_class:
            _guarded(notes, analysis, work)


def _guarded(notes: Notes, analysis: str, work: Callable[[], Any]) -> None:
    """One analysis; what it raises costs no other, and is told as our failure by the contracts that need it."""
    try:
        work()
    except RecursionError:
        notes.cannot(analysis, "the source is nested too deeply to be followed")
    except Exception as error:
        notes.broke(analysis, error)


def reachable(repository: Repository, entry: SourceFile) -> list[SourceFile]:
    """The entry file and the files of the repository that it imports, nearest first, within limits."""
    found: dict[Path, SourceFile] = {entry.path: entry}
    waiting, size = [entry], len(entry.text)
    while waiting and len(found) < MOST_FILES:
        file = waiting.pop(0)
        for path in _imported(repository, file):
            if path in found or path.suffix != ".py":
                continue
            new = repository.sources.file(path)
            size += len(new.text)
            if size > MOST_BYTES or len(found) >= MOST_FILES:
                break
            found[path] = new
            waiting.append(new)
    return list(found.values())


def _imported(repository: Repository, file: SourceFile) -> list[Path]:
    paths = []
    for node in file.nodes:
        if isinstance(node, ast.Import):
            wanted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            dot = "" if module.endswith(".") else "."
            wanted = [module, *(f"{module}{dot}{alias.name}" for alias in node.names)]
        else:
            continue
        paths += [path for name in wanted if (path := repository.module(name, file.path)) is not None]
    return paths


def _class(repository: Repository, entry: SourceFile, name: str | None) -> Hierarchy | None:
    """The class that the target names, where it is certain which one that is."""
    if name is None or entry.tree is None:
        return None
    found = repository.lookup(entry, name)
    if found is None or not isinstance(found[1].node, ast.ClassDef) or not found[1].alone:
        return None
    return hierarchy(repository, found[0], found[1].node)


def _subject(subject: Subject, entry: SourceFile, found: Hierarchy | None, repository: Repository) -> Subject:
    """The subject with what the source tells; `imported` stays False."""
    if entry.tree is None:
        if entry.newer or entry.line is None:
            return subject
        failure = Failure("SyntaxError", entry.problem or "", entry.place())
        return msgspec.structs.replace(subject, import_failure=failure)
    classes = tuple(node.name for node in entry.tree.body if isinstance(node, ast.ClassDef))
    if found is None:
        defined = subject.class_name in repository.sources.bindings(entry) or bool(repository.starred(entry))
        return msgspec.structs.replace(
            subject,
            read=True,
            class_found=defined,
            classes_in_file=classes,
            hidden_bases=("a class that is made elsewhere",) if defined else (),
            place=entry.place(),
        )
    functions: dict[str, UserFunction] = {}
    for name in READ:
        function = user_function(found, name)
        if function is not None:
            functions[name] = function
    wrappers = {"predict": "predict_items", "embed": "embed_items", "train": "train_model"}
    implemented = tuple(use for use, wrapper in wrappers.items() if {use, wrapper} & set(functions))
    return msgspec.structs.replace(
        subject,
        read=True,
        class_found=True,
        classes_in_file=classes,
        is_adapter=found.is_adapter,
        hidden_bases=(*found.hidden, *(("a base made at run time",) if found.dynamic else ())),
        bases=tuple(ast.unparse(base) for base in found.own.node.bases),
        place=found.own.place,
        functions=functions,
        uses=tuple(dict.fromkeys((*subject.declared_uses, *implemented))),
    )
