"""What the methods of a class read from `self`, and whether anything sets it."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field

from dl_harness.static.calls import binding_refusal
from dl_harness.static.hierarchy import (
    ClassRead,
    Function,
    Hierarchy,
    decorated,
    parameters,
    self_name,
    transparent,
)
from dl_harness.static.notes import Notes
from dl_harness.static.repository import top_level
from dl_harness.static.sdk_table import SdkTable

OF_EVERY_OBJECT = frozenset(dir(object)) | {"__dict__", "__class__", "__module__", "__name__", "__weakref__"}
LOOKS_ONLY = frozenset({"super", "isinstance", "hasattr", "getattr", "print", "repr", "str", "id", "type", "callable"})


@dataclass
class SelfUse:
    """The attributes of the instance over a whole hierarchy."""

    reads: list[tuple[str, ClassRead, Function, ast.Attribute]] = field(default_factory=list)
    set_: set[str] = field(default_factory=set)
    guarded: set[str] = field(default_factory=set)  # asked for with hasattr or getattr
    open: bool = False  # attributes are also set in ways that reading cannot follow


def self_use(found: Hierarchy) -> SelfUse:
    """Collect what the methods read from and write to the instance."""
    use = SelfUse()
    for one in found.classes:
        for node in top_level(one.node.body):
            use.set_ |= set(_class_names(node))
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                if node.name in {"__getattr__", "__getattribute__"}:
                    use.open = True
                own = self_name(node)
                if decorated(node, "classmethod"):
                    _class_writes(node, use)
                elif own is not None:
                    _method(one, node, own, use)
    _written_from_outside(found, use)
    return use


def _class_names(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from ((alias.asname or alias.name).split(".")[0] for alias in node.names)
    else:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                yield inner.id


def _class_writes(node: Function, use: SelfUse) -> None:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store):
            use.set_.add(inner.attr)
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id == "setattr":
            use.open = True


def _method(one: ClassRead, function: Function, own: str, use: SelfUse) -> None:
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and _is(node.value, own):
            if isinstance(node.ctx, ast.Load):
                use.reads.append((node.attr, one, function, node))
            else:
                use.set_.add(node.attr)
            if node.attr == "__dict__":
                use.open = True
        elif isinstance(node, ast.Call):
            _call(node, own, use)


def _call(node: ast.Call, own: str, use: SelfUse) -> None:
    called = node.func.id if isinstance(node.func, ast.Name) else ""
    passed = [*node.args, *(keyword.value for keyword in node.keywords)]
    if not any(_is(value, own) for value in passed):
        return
    name = node.args[1].value if len(node.args) > 1 and isinstance(node.args[1], ast.Constant) else None
    if called in {"hasattr", "getattr"} and isinstance(name, str):
        use.guarded.add(name)
    elif called in {"setattr", "vars", "delattr"} or called not in LOOKS_ONLY:
        if called == "setattr" and isinstance(name, str):
            use.set_.add(name)
        elif not _is_super_init(node):
            use.open = True


def _is_super_init(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and node.func.attr == "__init__"


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _written_from_outside(found: Hierarchy, use: SelfUse) -> None:
    """Attributes that other code of the same files stores on some object may be stored on this one."""
    for file in {one.file.path: one.file for one in found.classes}.values():
        for node in file.nodes:
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and not _is(node.value, "self"):
                use.set_.add(node.attr)


def read_attributes(found: Hierarchy, table: SdkTable, notes: Notes) -> None:
    """Note attributes that are read and never set, and calls of own methods that do not bind."""
    kind = "missing attribute"
    if not found.whole:
        notes.cannot(kind, "bases that are in no file of the repository, or are made at run time, may set anything")
        return
    if any(_is_abstract(found, function.name) for _, function in found.methods()):
        notes.cannot(kind, "an abstract class reads what its subclasses set")
        return
    use = self_use(found)
    if use.open:
        notes.cannot(kind, "attributes are also set in ways that reading cannot follow")
        return
    known = use.set_ | use.guarded | OF_EVERY_OBJECT | (table.adapter_attributes if found.foreign else frozenset())
    for name, one, function, node in use.reads:
        notes.looked(kind)
        if name in known or name.startswith("__") or _is_tried(one, node):
            continue
        mangled = name.startswith("_") and any(name.lstrip("_").startswith(c.name.lstrip("_")) for c in found.classes)
        if not mangled:
            near = difflib.get_close_matches(name, sorted(known - OF_EVERY_OBJECT), 1, 0.75)
            hint = f"; there is {near[0]!r}" if near else ""
            notes.saw(
                kind,
                f"something that sets self.{name}",
                f"nothing does, in {_listed(found)}{hint}",
                function.name,
                one.file.place(node),
            )


def _is_abstract(found: Hierarchy, name: str) -> bool:
    """Whether a method is left to subclasses."""
    member = found.member(name)
    return member is not None and member.function is not None and decorated(member.function, "abstractmethod")


def _listed(found: Hierarchy) -> str:
    names = [one.name for one in found.classes] + (["dl.BaseModelAdapter"] if found.is_adapter else [])
    return " or ".join(names)


def _is_tried(one: ClassRead, node: ast.AST) -> bool:
    return any(
        isinstance(parent, ast.Try)
        and any(
            h.type is None
            or {"AttributeError", "Exception"}
            & set(ast.unparse(h.type).replace("(", " ").replace(")", " ").replace(",", " ").split())
            for h in parent.handlers
        )
        for parent in one.file.above(node)
    )


def read_own_calls(found: Hierarchy, notes: Notes) -> None:
    """Note calls of the class's own methods that do not fit what is defined."""
    stored = _stored(found)
    for one, function in found.methods():
        own = self_name(function)
        for node in ast.walk(function) if own else ():
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is(node.func.value, own or ""):
                _bind(found, one, function, node, stored, notes)


def _bind(
    found: Hierarchy, one: ClassRead, function: Function, call: ast.Call, stored: frozenset[str], notes: Notes
) -> None:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    target = found.member(name)
    defined = target.function if target is not None and target.alone else None
    if target is None or defined is None or not transparent(found.repository, target.owner.file, defined):
        return
    if any(decorated(defined, word) for word in ("property", "cached_property")) or name in stored:
        return
    notes.looked("own call")
    refused = binding_refusal(parameters(defined), call)
    if refused:
        place = one.file.place(call)
        notes.saw("own call", f"a call that fits {name}({ast.unparse(defined.args)})", refused, function.name, place)


def _stored(found: Hierarchy) -> frozenset[str]:
    """The attributes that something stores on an object in these classes, and so may replace a method."""
    return frozenset(
        node.attr
        for one in found.classes
        for node in ast.walk(one.node)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    )
