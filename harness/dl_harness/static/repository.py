"""A repository as Python would import from it: modules by name, names by what they are bound to."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from dl_harness.static.files import SourceFile, python_files, read_source


@dataclass(frozen=True)
class Binding:
    """What a name at the top level of a module stands for."""

    kind: str  # class, function, import, value
    node: ast.AST
    module: str = ""  # of an import: the module, with its leading dots
    attribute: str | None = None  # of `from module import attribute`
    alone: bool = True  # the only binding of this name


class Sources:
    """Files that were read already, for as long as one check lasts."""

    def __init__(self) -> None:
        self._files: dict[Path, SourceFile] = {}
        self._bindings: dict[Path, dict[str, Binding]] = {}
        self._inner: dict[Path, dict[str, Binding]] = {}
        self._folders: dict[Path, frozenset[str]] = {}
        self._listed: dict[Path, tuple[Path, ...]] = {}

    def file(self, path: Path) -> SourceFile:
        """The file at a path, read once."""
        if path not in self._files:
            self._files[path] = read_source(path)
        return self._files[path]

    def bindings(self, file: SourceFile) -> dict[str, Binding]:
        """The names at the top level of a file."""
        if file.path not in self._bindings:
            self._bindings[file.path] = dict(_bindings(file))
        return self._bindings[file.path]

    def inner_imports(self, file: SourceFile) -> dict[str, Binding]:
        """The names that imports inside functions bind anywhere in a file."""
        if file.path not in self._inner:
            statements = (node for node in file.nodes if isinstance(node, (ast.Import, ast.ImportFrom)))
            self._inner[file.path] = dict(bound for node in statements for bound in _bound_by(node))
        return self._inner[file.path]

    def entries(self, folder: Path) -> frozenset[str]:
        """The names in a folder, as they are written."""
        if folder not in self._folders:
            try:
                self._folders[folder] = frozenset(os.listdir(folder))
            except OSError:
                self._folders[folder] = frozenset()
        return self._folders[folder]

    def below(self, root: Path) -> tuple[Path, ...]:
        """The Python files below a folder."""
        if root not in self._listed:
            self._listed[root] = tuple(python_files(root))
        return self._listed[root]


def _bindings(file: SourceFile) -> Iterator[tuple[str, Binding]]:
    """Later bindings of a name replace earlier ones; `alone` tells that there was no other."""
    seen: dict[str, Binding] = {}
    for node in top_level(file.tree.body if file.tree else []):
        for name, binding in _bound_by(node):
            again = name in seen
            seen[name] = (
                binding
                if not again
                else Binding(binding.kind, binding.node, binding.module, binding.attribute, alone=False)
            )
    yield from seen.items()


def top_level(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run at import or when a class is built, inside `if`, `try`, `with` and loops as well."""
    for node in body:
        yield node
        for name in ("body", "orelse", "finalbody"):
            if not isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                yield from top_level(getattr(node, name, []))
        for handler in getattr(node, "handlers", []):
            yield from top_level(handler.body)
        for case in getattr(node, "cases", []):
            yield from top_level(case.body)


def _bound_by(node: ast.stmt) -> Iterator[tuple[str, Binding]]:
    if isinstance(node, ast.ClassDef):
        yield node.name, Binding("class", node)
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        yield node.name, Binding("function", node)
    elif isinstance(node, ast.Import):
        for alias in node.names:
            name = alias.asname or alias.name.split(".")[0]
            yield name, Binding("import", node, alias.name if alias.asname else alias.name.split(".")[0])
    elif isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            yield alias.asname or alias.name, Binding("import", node, module, alias.name)
    else:
        yield from _stored_by(node)


def _stored_by(node: ast.stmt) -> Iterator[tuple[str, Binding]]:
    targets: list[ast.AST] = []
    if isinstance(node, ast.Assign):
        targets = [*node.targets]
    elif isinstance(node, (ast.AnnAssign, ast.AugAssign, ast.For, ast.AsyncFor)):
        targets = [node.target]
    elif isinstance(node, (ast.With, ast.AsyncWith)):
        targets = [item.optional_vars for item in node.items if item.optional_vars is not None]
    for target in targets:
        for inner in ast.walk(target):
            if isinstance(inner, ast.Name):
                yield inner.id, Binding("value", node)


@dataclass(frozen=True)
class Repository:
    """An application root, the folders on the import path when the adapter runs, and the files read so far."""

    root: Path
    entry: Path
    sources: Sources = field(default_factory=Sources)
    extra_paths: tuple[Path, ...] = ()

    @cached_property
    def import_path(self) -> tuple[Path, ...]:
        """Where modules are looked up: the root, the entry file's folder, and the folder above its package."""
        above = self.entry.parent
        while (above / "__init__.py").is_file() and above != self.root:
            above = above.parent
        inside = (above,) if above.is_relative_to(self.root) else ()
        return tuple(dict.fromkeys((*self.extra_paths, self.root, self.entry.parent, *inside)))

    def module(self, name: str, importer: Path) -> Path | None:
        """The file of a module of this repository (or the folder of a package without one), or None.

        `name` has leading dots when it is relative.
        """
        level = len(name) - len(name.lstrip("."))
        parts = [part for part in name.lstrip(".").split(".") if part]
        if level:
            base = importer.parent
            for _ in range(level - 1):
                base = base.parent
            return self._in(base, parts)
        return next((found for base in self.import_path if (found := self._in(base, parts)) is not None), None)

    def _in(self, base: Path, parts: list[str]) -> Path | None:
        for index, part in enumerate(parts):
            entries = self.sources.entries(base)
            folder = base / part if part in entries and (base / part).is_dir() else None
            package = folder is not None and "__init__.py" in self.sources.entries(folder)
            if index == len(parts) - 1 and f"{part}.py" in entries and not package:
                return base / f"{part}.py"
            if folder is None:
                return None
            base = folder
        return base / "__init__.py" if "__init__.py" in self.sources.entries(base) else base

    def qualified(self, file: SourceFile, node: ast.AST) -> str | None:
        """The dotted name of an expression with its imports resolved: `dl.Box` is `dtlpy.Box`; None when unclear."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None
        binding = self.sources.bindings(file).get(node.id) or self.sources.inner_imports(file).get(node.id)
        if binding is None:
            return ".".join([node.id, *reversed(parts)])
        if binding.kind == "import":
            head = f"{binding.module}.{binding.attribute}" if binding.attribute else binding.module
            return ".".join([head, *reversed(parts)])
        if binding.kind == "value" and isinstance(binding.node, ast.Assign) and binding.alone:
            value = binding.node.value
            if isinstance(value, (ast.Attribute, ast.Name)) and not (
                isinstance(value, ast.Name) and value.id == node.id
            ):
                head_of = self.qualified(file, value) if not _names_itself(value, node.id) else None
                return None if head_of is None else ".".join([head_of, *reversed(parts)])
        return None

    def lookup(self, file: SourceFile, name: str, depth: int = 0) -> tuple[SourceFile, Binding] | None:
        """Where a name of a module is defined in this repository, through imports and `from x import *`."""
        if depth > 20:
            return None
        binding = self.sources.bindings(file).get(name)
        if binding is not None and binding.kind != "import":
            return file, binding
        if binding is not None and binding.attribute:
            path = self.module(binding.module, file.path)
            if path is not None and path.suffix == ".py":
                return self.lookup(self.sources.file(path), binding.attribute, depth + 1)
            return None
        if binding is None:
            for module in self.starred(file):
                path = self.module(module, file.path)
                if path is not None and path.suffix == ".py":
                    found = self.lookup(self.sources.file(path), name, depth + 1)
                    if found is not None:
                        return found
        return None

    def starred(self, file: SourceFile) -> list[str]:
        """The modules of `from module import *`."""
        return [
            "." * node.level + (node.module or "")
            for node in top_level(file.tree.body if file.tree else [])
            if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
        ]


def _names_itself(value: ast.AST, name: str) -> bool:
    return any(isinstance(inner, ast.Name) and inner.id == name for inner in ast.walk(value))
