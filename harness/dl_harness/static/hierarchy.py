"""A class with its bases across the files of a repository: what it defines, and what its bases hide."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from dl_harness.evidence import Parameter, Place, UserFunction
from dl_harness.static.files import SourceFile
from dl_harness.static.repository import Binding, Repository, top_level

Function = ast.FunctionDef | ast.AsyncFunctionDef

ADAPTER_BASES = ("dtlpy.BaseModelAdapter", "dtlpy.ml.BaseModelAdapter", "dtlpy.ml.base_model_adapter.BaseModelAdapter")
HARMLESS = frozenset({"object", "abc.ABC", "typing.Generic", "typing.Protocol"})
"""Bases that bring neither user functions nor attributes of their own."""

TRANSPARENT = frozenset(
    {"staticmethod", "classmethod", "property", "abc.abstractmethod", "functools.cached_property", "functools.wraps"}
    | {
        "functools.lru_cache",
        "functools.cache",
        "typing.override",
        "typing_extensions.override",
        "typing.no_type_check",
    }
    | {"torch.no_grad", "torch.inference_mode", "torch.enable_grad", "tensorflow.function", "torch.jit.ignore"}
    | {"torch.jit.unused", "torch.jit.export", "dtlpy.Package.decorators.function", "typing.overload"}
)
"""Decorators after which a function takes what it took before."""


@dataclass(frozen=True)
class ClassRead:
    """One class of a hierarchy, and the file it stands in."""

    name: str
    node: ast.ClassDef
    file: SourceFile

    @property
    def place(self) -> Place:
        """The line of `class`."""
        return self.file.place(self.node)


@dataclass(frozen=True)
class Member:
    """A name in the body of a class."""

    owner: ClassRead
    node: ast.stmt
    alone: bool = True

    @property
    def function(self) -> Function | None:
        """The function, if it is one."""
        return self.node if isinstance(self.node, (ast.FunctionDef, ast.AsyncFunctionDef)) else None


@dataclass(frozen=True)
class Hierarchy:
    """A class, its bases in this repository in the order in which attributes are looked up, and the bases elsewhere."""

    repository: Repository
    classes: tuple[ClassRead, ...]
    foreign: tuple[str, ...] = ()  # qualified names of bases that are not in this repository
    dynamic: bool = False  # bases or decorators that reading cannot follow

    @property
    def own(self) -> ClassRead:
        """The class itself."""
        return self.classes[0]

    @property
    def is_adapter(self) -> bool:
        """Whether dl.BaseModelAdapter is among the bases."""
        return any(name in ADAPTER_BASES for name in self.foreign)

    @property
    def hidden(self) -> tuple[str, ...]:
        """The bases of which nothing is known."""
        return tuple(n for n in self.foreign if n not in ADAPTER_BASES and n not in HARMLESS)

    @property
    def whole(self) -> bool:
        """Whether every attribute that the class can have is known."""
        return not self.hidden and not self.dynamic

    def member(self, name: str) -> Member | None:
        """Where a name is defined first in the order of lookup."""
        return next((found for one in self.classes if (found := member(one, name)) is not None), None)

    def methods(self) -> Iterator[tuple[ClassRead, Function]]:
        """Every function that stands in one of the classes, overridden ones too."""
        for one in self.classes:
            for node in top_level(one.node.body):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    yield one, node


def member(one: ClassRead, name: str) -> Member | None:
    """A name in the body of one class; the last definition counts."""
    found = [node for node in top_level(one.node.body) if _defines(node, name)]
    return Member(one, found[-1], len(found) == 1) if found else None


def _defines(node: ast.stmt, name: str) -> bool:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return node.name == name
    if isinstance(node, ast.Assign):
        return any(isinstance(t, ast.Name) and t.id == name for target in node.targets for t in ast.walk(target))
    if isinstance(node, ast.AnnAssign):
        return isinstance(node.target, ast.Name) and node.target.id == name and node.value is not None
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return any((alias.asname or alias.name) == name for alias in node.names)
    return False


def hierarchy(repository: Repository, file: SourceFile, node: ast.ClassDef) -> Hierarchy:
    """Follow the bases of a class through the repository; circles and dynamic bases make it `dynamic`."""
    walk = _Walk(repository)
    walk.add(file, node)
    return Hierarchy(repository, tuple(walk.classes), tuple(dict.fromkeys(walk.foreign)), walk.dynamic)


@dataclass
class _Walk:
    repository: Repository
    classes: list[ClassRead] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    dynamic: bool = False

    def add(self, file: SourceFile, node: ast.ClassDef) -> None:
        if any(one.node is node for one in self.classes):
            return
        self.classes.append(ClassRead(node.name, node, file))
        self.dynamic |= any(not _plain_decorator(self.repository, file, d) for d in node.decorator_list)
        self.dynamic |= any(keyword.arg not in {"metaclass"} or not _is_abc_meta(keyword) for keyword in node.keywords)
        for base in node.bases:
            self._base(file, node, base)

    def _base(self, file: SourceFile, node: ast.ClassDef, base: ast.expr) -> None:
        if isinstance(base, ast.Subscript):  # Generic[T]
            base = base.value
        found = class_of(self.repository, file, base)
        if isinstance(found, ClassRead):
            self.dynamic |= found.node is node
            self.add(found.file, found.node)
        elif found is None:
            self.dynamic = True
        else:
            self.foreign.append(found)


def _is_abc_meta(keyword: ast.keyword) -> bool:
    return ast.unparse(keyword.value) in {"abc.ABCMeta", "ABCMeta"}


def _plain_decorator(repository: Repository, file: SourceFile, decorator: ast.expr) -> bool:
    name = repository.qualified(file, decorator.func if isinstance(decorator, ast.Call) else decorator) or ""
    return name.startswith(("dtlpy.Package.decorators.", "dtlpy.decorators", "dataclasses.dataclass"))


def class_of(repository: Repository, file: SourceFile, base: ast.expr) -> ClassRead | str | None:
    """The class that an expression names: one of this repository, the dotted name of one elsewhere, or None."""
    if isinstance(base, ast.Name):
        found = repository.lookup(file, base.id)
        if found is not None and isinstance(found[1].node, ast.ClassDef):
            if not found[1].alone:
                return None
            return ClassRead(found[1].node.name, found[1].node, found[0])
        if found is not None:
            return _named(repository, *found)
    name = repository.qualified(file, base)
    if name is None:
        return None
    if isinstance(base, ast.Attribute):
        module, _, attribute = name.rpartition(".")
        path = repository.module(module, file.path) if module else None
        if path is not None and path.suffix == ".py":
            inner = repository.lookup(repository.sources.file(path), attribute)
            if inner is not None and isinstance(inner[1].node, ast.ClassDef):
                return ClassRead(inner[1].node.name, inner[1].node, inner[0])
            return None
    if name.startswith("."):
        return None
    head = name.split(".")[0]
    return None if repository.module(head, file.path) is not None and head != "dtlpy" else name


def _named(repository: Repository, file: SourceFile, binding: Binding) -> ClassRead | str | None:
    """A base behind an assignment: `Base = dl.BaseModelAdapter`."""
    value = getattr(binding.node, "value", None)
    if binding.kind != "value" or not binding.alone or not isinstance(value, (ast.Name, ast.Attribute)):
        return None
    if isinstance(value, ast.Name) and repository.sources.bindings(file).get(value.id) is binding:
        return None
    return class_of(repository, file, value)


def user_function(found: Hierarchy, name: str) -> UserFunction | None:
    """A user function as the class resolves it; None when no class of this repository defines it."""
    defined = found.member(name)
    if defined is None:
        return None
    place = defined.owner.file.place(defined.node)
    function = defined.function
    anything = (Parameter("args", "var_positional"), Parameter("kwargs", "var_keyword"))
    if function is None or not defined.alone or not transparent(found.repository, defined.owner.file, function):
        flavour = "not callable" if _is_no_function(defined.node) else "function"
        return UserFunction(name, True, place, anything, flavour)
    flavour = flavour_of(function)
    return UserFunction(name, True, place, parameters(function), flavour)


def _is_no_function(node: ast.stmt) -> bool:
    return isinstance(getattr(node, "value", None), ast.Constant)


def transparent(repository: Repository, file: SourceFile, function: Function) -> bool:
    """Whether every decorator leaves the signature as it is written."""
    names = (
        repository.qualified(file, d.func if isinstance(d, ast.Call) else d) or "" for d in function.decorator_list
    )
    return all(name in TRANSPARENT or name.endswith((".setter", ".getter")) for name in names)


def decorated(function: Function, name: str) -> bool:
    """Whether a decorator of this last name stands over a function."""
    return any(
        (d.attr if isinstance(d, ast.Attribute) else d.id if isinstance(d, ast.Name) else "") == name
        for d in function.decorator_list
    )


def parameters(function: Function) -> tuple[Parameter, ...]:
    """The parameters as they are written, without self."""
    written = function.args
    positional = [*written.posonlyargs, *written.args]
    optional = len(positional) - len(written.defaults)
    found = [
        Parameter(a.arg, "positional_only" if i < len(written.posonlyargs) else "positional_or_keyword", i < optional)
        for i, a in enumerate(positional)
    ]
    if found and not decorated(function, "staticmethod"):
        del found[0]
    if written.vararg:
        found.append(Parameter(written.vararg.arg, "var_positional"))
    found += [
        Parameter(a.arg, "keyword_only", default is None)
        for a, default in zip(written.kwonlyargs, written.kw_defaults, strict=True)
    ]
    if written.kwarg:
        found.append(Parameter(written.kwarg.arg, "var_keyword"))
    return tuple(found)


def flavour_of(function: Function) -> str:
    """What calling a function comes to, in the words of `UserFunction.flavour`."""
    yields = any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in own_nodes(function))
    if isinstance(function, ast.AsyncFunctionDef):
        return "asynchronous generator" if yields else "coroutine function"
    if decorated(function, "staticmethod"):
        return "staticmethod"
    return "generator" if yields else "function"


def own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function's body without those of functions and classes defined in it."""
    waiting: list[ast.AST] = list(reversed(getattr(function, "body", [])))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            waiting.extend(reversed(list(ast.iter_child_nodes(node))))


def self_name(function: Function) -> str | None:
    """The name of the first parameter of a method that gets the instance."""
    first = [*function.args.posonlyargs, *function.args.args][:1]
    if not first or decorated(function, "staticmethod") or decorated(function, "classmethod"):
        return None
    return first[0].arg


def is_standard(name: str) -> bool:
    """Whether a dotted name belongs to the standard library or the builtins."""
    import builtins

    return name.split(".")[0] in sys.stdlib_module_names or hasattr(builtins, name)
