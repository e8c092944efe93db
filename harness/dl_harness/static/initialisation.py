"""The order of things in a constructor: `super().__init__(model_entity)` already runs `load`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dl_harness.static.attributes import self_use
from dl_harness.static.hierarchy import ClassRead, Function, Hierarchy, own_nodes, self_name
from dl_harness.static.notes import Notes
from dl_harness.static.sdk_table import SdkTable

NEEDS_THE_BASE = frozenset({"configuration", "model_entity", "logger", "adapter_defaults", "project"})
"""What BaseModelAdapter.__init__ makes; configuration and model_entity cannot even be set before it."""

READ_ONLY = frozenset({"feature_set", "dataloop_keras_callback"})
"""Properties of BaseModelAdapter that have no setter."""


def read_initialisation(found: Hierarchy, table: SdkTable, notes: Notes) -> None:
    """Note what the constructor does too early, too late, or not at all."""
    if not found.is_adapter:
        return
    _read_only(found, notes)
    init = found.member("__init__")
    function = init.function if init is not None else None
    if init is None or function is None or self_name(function) is None:
        return
    own = self_name(function) or "self"
    at = next((i for i, s in enumerate(function.body) if _calls_base(s)), None)
    notes.looked("base constructor")
    if at is None:
        if not any(_calls_base(node) for node in ast.walk(function) if isinstance(node, ast.stmt)):
            notes.saw(
                "base constructor",
                "a call of super().__init__(model_entity=model_entity)",
                "the constructor never calls it",
                "__init__",
                init.owner.file.place(function),
            )
        return
    _passes_the_model(found, init.owner, function.body[at], notes)
    before, after = function.body[:at], function.body[at + 1 :]
    _too_early(found, init.owner, before, own, notes)
    if not _loads_again(after, own):
        loading = _reached(found, "load")
        _wiped(found, init.owner, after, own, loading, notes)
        _too_late(found, init.owner, before, after, own, loading, table, notes)


def _calls_base(statement: ast.AST) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "__init__"
        for node in ast.walk(statement)
    )


def _passes_the_model(found: Hierarchy, owner: ClassRead, statement: ast.stmt, notes: Notes) -> None:
    """Without a model entity, the base class loads nothing."""
    call = next(
        n
        for n in ast.walk(statement)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr == "__init__"
    )
    later = [one for one in found.classes if one is not owner]
    if call.args or call.keywords or any(_has_init(one) for one in later):
        return
    loads = any(
        isinstance(n, ast.Attribute) and n.attr in {"load_from_model", "load"} and isinstance(n.ctx, ast.Load)
        for one, function in found.methods()
        if function.name not in {"load"}
        for n in ast.walk(function)
    )
    if not loads:
        notes.saw(
            "base constructor",
            "super().__init__(model_entity=model_entity), which runs load",
            "a call without the model entity, and nothing else that loads it",
            "__init__",
            owner.file.place(call),
        )


def _has_init(one: ClassRead) -> bool:
    return any(isinstance(n, ast.FunctionDef) and n.name == "__init__" for n in one.node.body)


def _reads(nodes: list[ast.stmt], own: str) -> Iterator[ast.Attribute]:
    for statement in nodes:
        for node in ast.walk(statement):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == own:
                yield node


def _too_early(found: Hierarchy, owner: ClassRead, before: list[ast.stmt], own: str, notes: Notes) -> None:
    notes.looked("before the base constructor", len(before) + 1)
    written = {n.attr for n in _reads(before, own) if isinstance(n.ctx, ast.Store)}
    for node in _reads(before, own):
        needed = node.attr in NEEDS_THE_BASE and found.member(node.attr) is None
        settled = node.attr in written and node.attr not in {"configuration", "model_entity"}
        if needed and not settled:
            does = "set" if isinstance(node.ctx, ast.Store) else "read"
            notes.saw(
                "before the base constructor",
                f"self.{node.attr} only after super().__init__()",
                f"it is {does} before",
                "__init__",
                owner.file.place(node),
            )


def _loads_again(after: list[ast.stmt], own: str) -> bool:
    return any(node.attr in {"load", "load_from_model"} for node in _reads(after, own))


def _reached(found: Hierarchy, start: str) -> list[tuple[ClassRead, Function]]:
    """A method and those of the same class that it calls, directly or not."""
    reached: dict[str, tuple[ClassRead, Function]] = {}
    waiting = [start]
    while waiting:
        name = waiting.pop()
        member = found.member(name)
        if name in reached or member is None or member.function is None:
            continue
        reached[name] = (member.owner, member.function)
        own = self_name(member.function)
        waiting += [n.attr for n in _reads(member.function.body, own)] if own else []
    return list(reached.values())


def reached_methods(found: Hierarchy, *starts: str) -> list[tuple[ClassRead, Function]]:
    """Some methods and those of the same class that they call, directly or not, each once."""
    every = {id(f): (one, f) for start in starts for one, f in _reached(found, start)}
    return list(every.values())


def _uses(loading: list[tuple[ClassRead, Function]], store: bool) -> dict[str, ast.Attribute]:
    names: dict[str, ast.Attribute] = {}
    for _, function in loading:
        own = self_name(function)
        for node in _reads(function.body, own) if own else ():
            if isinstance(node.ctx, ast.Store) is store:
                names.setdefault(node.attr, node)
    return names


def _placeholder(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Constant):
        return value.value in (None, False, 0, "")
    if isinstance(value, (ast.List, ast.Tuple, ast.Dict)):
        return not (value.keys if isinstance(value, ast.Dict) else value.elts)
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return value.func.id in {"list", "dict", "set", "tuple"} and not value.args and not value.keywords
    return False


def _wiped(
    found: Hierarchy,
    owner: ClassRead,
    after: list[ast.stmt],
    own: str,
    loading: list[tuple[ClassRead, Function]],
    notes: Notes,
) -> None:
    built = _uses(loading, store=True)
    notes.looked("wiped attribute", len(built))
    for statement in after:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        value = getattr(statement, "value", None)
        if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or not _placeholder(value):
            continue
        shown = ast.unparse(statement.value) if statement.value is not None else "nothing"
        for target in targets:
            for node in _reads([ast.Expr(target)], own) if target is not None else ():
                if node.attr in built:
                    notes.saw(
                        "wiped attribute",
                        f"self.{node.attr} as load() built it",
                        f"{shown} is assigned after super().__init__(), which has run load()",
                        "__init__",
                        owner.file.place(statement),
                    )


def _too_late(
    found: Hierarchy,
    owner: ClassRead,
    before: list[ast.stmt],
    after: list[ast.stmt],
    own: str,
    loading: list[tuple[ClassRead, Function]],
    table: SdkTable,
    notes: Notes,
) -> None:
    read, built = _uses(loading, store=False), _uses(loading, store=True)
    early = {n.attr for n in _reads(before, own) if isinstance(n.ctx, ast.Store)}
    late = {n.attr for n in _reads(after, own) if isinstance(n.ctx, ast.Store)}
    use = self_use(found)
    if use.open:
        return
    notes.looked("late attribute", len(read))
    for name, node in read.items():
        known = name in early or name in built or name in table.adapter_attributes or name in use.guarded
        if name in late and not known and found.member(name) is None and not _set_in_bases(found, owner, name):
            holder = next((one for one, f in loading if any(n is node for n in ast.walk(f))), owner)
            notes.saw(
                "late attribute",
                f"self.{name} set before super().__init__(), which runs load()",
                "the constructor sets it afterwards",
                "load",
                holder.file.place(node),
            )


def _set_in_bases(found: Hierarchy, owner: ClassRead, name: str) -> bool:
    """Whether the constructor of a base class in the repository sets an attribute."""
    return any(
        isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.ctx, ast.Store)
        for one, function in found.methods()
        if one is not owner and function.name == "__init__"
        for node in own_nodes(function)
    )


def _read_only(found: Hierarchy, notes: Notes) -> None:
    for one, function in found.methods():
        own = self_name(function)
        for node in _reads(function.body, own) if own else ():
            if isinstance(node.ctx, ast.Store) and node.attr in READ_ONLY and found.member(node.attr) is None:
                notes.saw(
                    "before the base constructor",
                    f"another name than {node.attr}, which is a property of dl.BaseModelAdapter without a setter",
                    f"self.{node.attr} is assigned",
                    function.name,
                    one.file.place(node),
                )
