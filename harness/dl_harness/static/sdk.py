"""Calls and names of the SDK that some supported version does not have."""

from __future__ import annotations

import ast
import difflib
from collections import Counter
from collections.abc import Iterator

from dl_harness.evidence import Parameter
from dl_harness.static.calls import binding_refusal
from dl_harness.static.files import SourceFile
from dl_harness.static.hierarchy import Function, Hierarchy, own_nodes, self_name
from dl_harness.static.names import is_script_guard
from dl_harness.static.notes import Notes
from dl_harness.static.repository import Repository
from dl_harness.static.sdk_table import SdkTable, Version, signature

ADAPTER_TYPES = {"model_entity": "Model", "configuration": "ModelConfigurations", "feature_set": "FeatureSet"}
"""Attributes of an adapter whose class is certain (SDK: ml/base_model_adapter.py)."""

PARAMETER_TYPES = {"prepare_item_func": {1: "Item"}}
"""Parameters of user functions whose class is certain, by position."""

CALLBACK = "on_epoch_end_callback"


def read_sdk_names(repository: Repository, file: SourceFile, table: SdkTable, notes: Notes) -> None:
    """Note every `dl.X` and `from dtlpy import X` that a supported version lacks."""
    for node in file.nodes:
        if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] == "dtlpy":
            for alias in node.names:
                _imported(file, node, node.module or "", alias.name, table, notes)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            name = repository.qualified(file, node) or ""
            parts = name.split(".")
            if len(parts) == 2 and parts[0] == "dtlpy" and not _local(file, node):
                _of_module(file, node, parts[1], table, notes)
            elif len(parts) == 3 and parts[0] == "dtlpy" and not _local(file, node):
                _enum_member(file, node, parts[1], parts[2], table, notes)


def _local(file: SourceFile, node: ast.AST) -> bool:
    """Whether the name at the root of an attribute may be a parameter or a local variable instead of the module."""
    while isinstance(node, ast.Attribute):
        node = node.value
    name = node.id if isinstance(node, ast.Name) else ""
    for parent in file.above(node):
        if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef)):
            arguments = parent.args
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
            if any(a is not None and a.arg == name for a in every):
                return True
            if any(
                isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store) for n in own_nodes(parent)
            ):
                return True
    return False


def _imported(file: SourceFile, node: ast.AST, module: str, name: str, table: SdkTable, notes: Notes) -> None:
    having = []
    for version in table.versions:
        if module not in version.modules:
            having.append(False)
        elif module == "dtlpy":
            having.append(
                name in version.names or f"dtlpy.{name}" in version.modules or name == "*" or name.startswith("_")
            )
        else:
            space = version.spaces.get(module)
            having.append(
                space is None
                or name in space
                or f"{module}.{name}" in version.modules
                or name == "*"
                or name.startswith("_")
            )
    known = table.newest.names if module == "dtlpy" else table.newest.spaces.get(module, frozenset())
    _told(file, node, f"{module}.{name}", having, known, name, table, notes)


def _of_module(file: SourceFile, node: ast.AST, name: str, table: SdkTable, notes: Notes) -> None:
    if name.startswith("__"):
        return
    having = [name in v.names or f"dtlpy.{name}" in v.modules or name.startswith("_") for v in table.versions]
    _told(file, node, f"dl.{name}", having, table.newest.names, name, table, notes)


def _enum_member(file: SourceFile, node: ast.AST, kind: str, member: str, table: SdkTable, notes: Notes) -> None:
    entries = [v.classes.get(v.aliases.get(kind, kind)) for v in table.versions]
    if not any(entry is not None and not entry.get("open") for entry in entries) or member.startswith("_"):
        return
    names = [{*entry["attributes"], *entry.get("methods", {})} if entry else set() for entry in entries]
    having = [member in known for known in names]
    known = frozenset(names[0] | names[1])
    _told(file, node, f"dl.{kind}.{member}", having, known, member, table, notes)


def _told(
    file: SourceFile,
    node: ast.AST,
    shown: str,
    having: list[bool],
    known: frozenset[str],
    name: str,
    table: SdkTable,
    notes: Notes,
) -> None:
    kind = "missing SDK name" if not any(having) else "SDK name of some versions"
    notes.looked("missing SDK name")
    notes.looked("SDK name of some versions")
    if all(having) or _is_asked_for(file, node):
        return
    near = difflib.get_close_matches(name, sorted(known - {name}), 1, 0.7) if not any(having) else []
    hint = f"; there is {near[0]!r}" if near else ""
    notes.saw(
        kind,
        _expected(table),
        f"{shown}, which {_lacking(having, table)}{hint}",
        _function(file, node),
        file.place(node),
    )


def _expected(table: SdkTable) -> str:
    return f"a name that dtlpy {table.oldest.name} and {table.newest.name} have"


def _lacking(having: list[bool], table: SdkTable) -> str:
    if not any(having):
        return f"neither dtlpy {table.oldest.name} nor {table.newest.name} has"
    lacking = next(version for version, has in zip(table.versions, having, strict=True) if not has)
    return f"dtlpy {lacking.name} does not have"


def _is_asked_for(file: SourceFile, node: ast.AST) -> bool:
    """Whether a `hasattr`, a `try` or a script's guard stands around a use."""
    child = node
    for parent in file.above(node):
        if (
            isinstance(parent, ast.Try)
            and child in parent.body
            and any(
                h.type is None or any(e in ast.unparse(h.type) for e in ("AttributeError", "ImportError", "Exception"))
                for h in parent.handlers
            )
        ):
            return True
        if isinstance(parent, ast.If) and (is_script_guard(parent.test) or "hasattr" in ast.unparse(parent.test)):
            return True
        child = parent
    return False


def _function(file: SourceFile, node: ast.AST) -> str:
    holder = next((p for p in file.above(node) if isinstance(p, (ast.FunctionDef, ast.AsyncFunctionDef))), None)
    return holder.name if holder is not None else "module"


def read_sdk_calls(
    repository: Repository, file: SourceFile, found: Hierarchy | None, table: SdkTable, notes: Notes
) -> None:
    """Note calls on SDK objects whose class is certain that no supported version, or only one, takes."""
    scopes: list[ast.AST] = [n for n in file.nodes if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    for scope in (*scopes, *([file.tree] if file.tree else [])):
        reader = _Scope(repository, file, scope, found, table)
        for node in own_nodes(scope):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                _attribute(reader, node, notes)
            elif isinstance(node, ast.Call):
                _call(reader, node, notes)


class _Scope:
    """The types of expressions inside one function, where they are certain."""

    def __init__(
        self, repository: Repository, file: SourceFile, scope: ast.AST, found: Hierarchy | None, table: SdkTable
    ) -> None:
        self.repository = repository
        self.file = file
        self.table = table
        self._values: dict[str, ast.expr] = {}
        self._parameters: dict[str, str] = {}
        self._busy: set[str] = set()
        self._self: str | None = None
        self._names: set[str] = set()
        if isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef)):
            self._take(scope, found)
        stored = Counter(
            n.id for n in own_nodes(scope) if isinstance(n, ast.Name) and isinstance(n.ctx, (ast.Store, ast.Del))
        )
        self._names |= set(stored)
        for node in own_nodes(scope):
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
                if stored[name] == 1 and name not in self._parameters:
                    self._values[name] = node.value
        for name in stored:
            self._parameters.pop(name, None)

    def _take(self, scope: Function, found: Hierarchy | None) -> None:
        arguments = [*scope.args.posonlyargs, *scope.args.args]
        self._names |= {
            a.arg for a in [*arguments, *scope.args.kwonlyargs, scope.args.vararg, scope.args.kwarg] if a is not None
        }
        for argument in (*arguments, *scope.args.kwonlyargs):
            kind = self._annotated(argument.annotation)
            if kind:
                self._parameters[argument.arg] = kind
        if found is None or not found.is_adapter:
            return
        method = self._method(scope, found)
        own = self_name(method) if method is not None else None
        if method is scope or own not in self._names:
            self._self = own
        if method is scope:
            for position, kind in PARAMETER_TYPES.get(scope.name, {}).items():
                if position < len(arguments):
                    self._parameters.setdefault(arguments[position].arg, kind)

    def _method(self, scope: Function, found: Hierarchy) -> Function | None:
        """The method of the adapter that a function is, or in which it is defined."""
        inner: ast.AST = scope
        for parent in self.file.above(scope):
            if isinstance(parent, ast.ClassDef):
                mine = any(one.node is parent for one in found.classes)
                return inner if mine and isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)) else None
            if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef)):
                inner = parent
        return None

    def _annotated(self, annotation: ast.expr | None) -> str | None:
        if not isinstance(annotation, (ast.Attribute, ast.Name)):
            return None
        name = self.repository.qualified(self.file, annotation) or ""
        kind = name.removeprefix("dtlpy.").removeprefix("entities.") if name.startswith("dtlpy.") else ""
        entry = self.table.newest.classes.get(kind)
        return kind if entry is not None and not entry.get("enum") else None

    def module_name(self, node: ast.expr) -> str | None:
        """`X` of `dl.X`, when `dl` is the module here."""
        root = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name) or root.id in self._names:
            return None
        name = self.repository.qualified(self.file, node) or ""
        return name.removeprefix("dtlpy.") if name.startswith("dtlpy.") and name.count(".") == 1 else None

    def kind(self, node: ast.expr) -> str | None:
        """The SDK class of an expression, where it is certain."""
        newest = self.table.newest
        if isinstance(node, ast.Name):
            if node.id in self._parameters:
                return self._parameters[node.id]
            if node.id in self._values and node.id not in self._busy:
                self._busy.add(node.id)
                found = self.kind(self._values[node.id])
                self._busy.discard(node.id)
                return found
            return newest.repositories.get(self.module_name(node) or "")
        if isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.value.id == self._self and self._self is not None:
                return ADAPTER_TYPES.get(node.attr)
            repository = newest.repositories.get(self.module_name(node) or "")
            if repository:
                return repository
            inner = self.kind(node.value)
            is_method = inner is not None and newest.method(inner, node.attr) is not None
            return self.table.type_of(inner, node.attr) if inner and not is_method else None
        if isinstance(node, ast.Call):
            name = self.module_name(node.func)
            name = newest.aliases.get(name, name) if name else None
            if name in newest.classes and not newest.classes[name].get("enum"):
                return name
            if isinstance(node.func, ast.Attribute):
                owner = self.kind(node.func.value)
                return self.table.type_of(owner, node.func.attr) if owner else None
        return None


def _attribute(reader: _Scope, node: ast.Attribute, notes: Notes) -> None:
    kind = reader.kind(node.value)
    if kind is None or node.attr.startswith("_"):
        return
    having = [version.has(kind, node.attr) for version in reader.table.versions]
    if None in having:
        return
    newest = reader.table.newest.classes[kind]
    known = frozenset((*newest["attributes"], *newest.get("methods", {})))
    _told(
        reader.file,
        node,
        f"{_shown(kind)}.{node.attr}",
        [bool(h) for h in having],
        known,
        node.attr,
        reader.table,
        notes,
    )


def _shown(kind: str) -> str:
    return "model.configuration" if kind == "ModelConfigurations" else f"dl.{kind}"


def _call(reader: _Scope, node: ast.Call, notes: Notes) -> None:
    shown, signatures = _signatures(reader, node)
    if not signatures:
        return
    refusals = [None if s is None else binding_refusal(s, node) for s in signatures]
    notes.looked("refused SDK call")
    notes.looked("SDK call of some versions")
    if not any(refusals) or _is_asked_for(reader.file, node):
        return
    everywhere = all(refusals)
    reason = next(r for r in reversed(refusals) if r)
    lacking = next(v for v, r in zip(reader.table.versions, refusals, strict=True) if r)
    expected = f"a call that {shown} takes in dtlpy {reader.table.oldest.name} and {reader.table.newest.name}"
    saw = reason if everywhere else f"{reason} (dtlpy {lacking.name})"
    kind = "refused SDK call" if everywhere else "SDK call of some versions"
    notes.saw(kind, expected, saw, _function(reader.file, node), reader.file.place(node))


def _signatures(reader: _Scope, node: ast.Call) -> tuple[str, list[tuple[Parameter, ...] | None]]:
    versions = reader.table.versions
    name = reader.module_name(node.func)
    if name is not None:
        return f"dl.{name}", [s for v in versions for s in _of_name(v, name)]
    if isinstance(node.func, ast.Attribute):
        owner = reader.module_name(node.func.value)
        entry = reader.table.newest.classes.get(owner or "", {})
        if owner is not None and node.func.attr in entry.get("statics", ()):
            return f"dl.{owner}.{node.func.attr}", [v.method(owner, node.func.attr) for v in versions]
        kind = reader.kind(node.func.value)
        if kind is not None and not reader.table.newest.classes[kind].get("open"):
            found = [v.method(kind, node.func.attr) for v in versions]
            return f"{_shown(kind)}.{node.func.attr}", found if any(s is not None for s in found) else []
    return "", []


def _of_name(version: Version, name: str) -> Iterator[tuple[Parameter, ...] | None]:
    if name in version.functions:
        yield signature(version.functions[name])
        return
    entry = version.classes.get(version.aliases.get(name, name))
    known = entry is not None and not entry.get("enum") and name in version.names
    yield signature(entry["init"]) if known and entry is not None else None


def read_callbacks(found: Hierarchy, notes: Notes) -> None:
    """Note calls of the epoch callback with other arguments than the wrapper's function takes.

    SDK: ml/base_model_adapter.py, train_model defines `on_epoch_end_callback(i_epoch, n_epoch)`.
    """
    taken = (Parameter("i_epoch", "positional_or_keyword", True), Parameter("n_epoch", "positional_or_keyword", True))
    for one, function in found.methods():
        if function.name != "train":
            continue
        names = {CALLBACK} | {
            name
            for name, value in _assigned(function)
            if CALLBACK in ast.unparse(value) and isinstance(value, (ast.Call, ast.Subscript))
        }
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                notes.looked("epoch callback")
                refused = binding_refusal(taken, node)
                if refused:
                    notes.saw(
                        "epoch callback",
                        "a call with i_epoch and n_epoch",
                        refused,
                        function.name,
                        one.file.place(node),
                    )


def _assigned(function: Function) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value
