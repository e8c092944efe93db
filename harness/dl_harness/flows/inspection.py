"""Import an adapter and read its class: what it overrides, with which signatures, and where."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from dl_harness.evidence import USER_FUNCTIONS, Parameter, Place, Subject, UserFunction
from dl_harness.flows.recording import Recorder
from dl_harness.spec import Target
from dl_harness.syntax import parse
from dl_harness.target import above_package
from dl_harness.workspace import Workspace

_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")

READ = ("__init__", *USER_FUNCTIONS, "prepare_data", "predict_items", "embed_items", "train_model")


def read_adapter(
    target: Target, workspace: Workspace, recorder: Recorder, stubs: str | None
) -> tuple[type | None, Subject]:
    """Import the module and read the class that the target names.

    Whatever the import raises, `SystemExit` included, becomes part of the subject.
    """
    subject = target.subject
    if target.source is None:
        return None, subject
    try:
        module = _import(target, workspace, stubs)
    except BaseException as error:
        return None, msgspec.structs.replace(subject, import_failure=recorder.failure(error))
    found = getattr(module, subject.class_name or "", None)
    classes = tuple(
        name for name, value in vars(module).items() if inspect.isclass(value) and value.__module__ == module.__name__
    )
    subject = msgspec.structs.replace(subject, imported=True, classes_in_file=classes)
    if not inspect.isclass(found):
        return None, subject
    subject = _read_class(found, subject, workspace)
    return (found if subject.is_adapter else None), subject


def _import(target: Target, workspace: Workspace, stubs: str | None) -> ModuleType:
    """Import as the runner does: by file, with the codebase's root and the file's folder on the import path."""
    source = workspace.app / Path(target.source or "").relative_to(workspace.source)
    for entry in (str(source.parent), str(above_package(source)), str(workspace.app), stubs):
        if entry:
            sys.path.insert(0, entry)
    dotted = target.module or _dotted(source, workspace.app)
    if dotted:
        return importlib.import_module(dotted)
    spec = importlib.util.spec_from_file_location(source.stem, source)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _dotted(source: Path, root: Path) -> str | None:
    """The module's name in its package, when the file lies in one; relative imports need it."""
    if not (source.parent / "__init__.py").exists() or source.parent == root:
        return None
    parts = source.relative_to(root).with_suffix("").parts
    return ".".join(parts) if all(part.isidentifier() for part in parts) else None


def _read_class(found: type, subject: Subject, workspace: Workspace) -> Subject:
    import dtlpy as dl

    base = dl.BaseModelAdapter
    is_adapter = issubclass(found, base) and found is not base
    foreign = set(base.__mro__)
    functions = {name: _function(found, name, foreign, workspace) for name in READ if hasattr(found, name)}
    written = {name for name, function in functions.items() if function.overridden}
    wrappers = {"predict": "predict_items", "embed": "embed_items", "train": "train_model"}
    implemented = tuple(use for use, wrapper in wrappers.items() if {use, wrapper} & written)
    return msgspec.structs.replace(
        subject,
        class_found=True,
        is_adapter=is_adapter,
        bases=tuple(b.__qualname__ for b in found.__bases__),
        place=_place_of_class(found, workspace),
        functions=functions,
        uses=tuple(dict.fromkeys((*subject.declared_uses, *implemented))),
    )


def written_source(adapter_class: type, workspace: Workspace) -> str:
    """What the author wrote of an adapter: the files of its own classes, without other adapters that they also hold."""
    import dtlpy as dl

    own = [c for c in adapter_class.__mro__ if _file_of(c, workspace) is not None]
    files = dict.fromkeys(file for c in own if (file := _file_of(c, workspace)) is not None)
    others = {
        value.__name__
        for module in {sys.modules[c.__module__] for c in own}
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, dl.BaseModelAdapter) and value not in own
    }
    return "\n".join(_without(Path(file).read_text("utf-8", errors="replace"), others) for file in files)


def named_sources(values: Iterable[object], workspace: Workspace) -> str:
    """The modules of the repository that texts of a configuration name: outer adapters import delegates by them."""
    names = {value.strip() for value in values if isinstance(value, str) and _MODULE.fullmatch(value.strip())}
    files = (workspace.app / Path(*name.removesuffix(".py").split(".")).with_suffix(".py") for name in sorted(names))
    return "\n".join(file.read_text("utf-8", errors="replace") for file in files if file.is_file())


def _file_of(found: type, workspace: Workspace) -> str | None:
    file = getattr(sys.modules.get(found.__module__), "__file__", None)
    return file if file is not None and Path(file).is_relative_to(workspace.app) else None


def _without(source: str, classes: set[str]) -> str:
    """A source without the bodies of some of its classes."""
    lines = source.splitlines()
    for node in parse(source).body:
        if isinstance(node, ast.ClassDef) and node.name in classes:
            lines[node.lineno - 1 : node.end_lineno] = [""] * (
                node.end_lineno - node.lineno + 1 if node.end_lineno else 1
            )
    return "\n".join(lines)


def _function(found: type, name: str, foreign: set[type], workspace: Workspace) -> UserFunction:
    owner = next((c for c in found.__mro__ if name in vars(c)), object)
    descriptor = inspect.getattr_static(found, name)
    function = descriptor.__func__ if isinstance(descriptor, (staticmethod, classmethod)) else descriptor
    overridden = owner not in foreign
    if not callable(function):  # a partial method is callable only when it is looked up
        function = getattr(found, name)
    if not callable(function):
        return UserFunction(name, overridden, flavour="not callable")
    flavour = _flavour(descriptor, function)
    return UserFunction(name, overridden, _place(function, workspace), tuple(_parameters(function, flavour)), flavour)


def _flavour(descriptor: object, function: Any) -> str:
    inner = inspect.unwrap(function)
    if isinstance(descriptor, staticmethod):
        return "staticmethod"
    if inspect.iscoroutinefunction(inner):
        return "coroutine function"
    if inspect.isasyncgenfunction(inner):
        return "asynchronous generator"
    return "generator" if inspect.isgeneratorfunction(inner) else "function"


def _parameters(function: Any, flavour: str) -> Iterator[Parameter]:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # written in C: any call may bind
        yield Parameter("args", "var_positional")
        yield Parameter("kwargs", "var_keyword")
        return
    for index, parameter in enumerate(parameters):
        kind = parameter.kind.name.lower()
        if index == 0 and flavour != "staticmethod" and kind in {"positional_only", "positional_or_keyword"}:
            continue  # self
        required = parameter.default is parameter.empty and kind not in {"var_positional", "var_keyword"}
        yield Parameter(parameter.name, kind, required)


def _place(function: Any, workspace: Workspace) -> Place:
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None or not Path(code.co_filename).is_relative_to(workspace.app):
        return Place()
    return Place(workspace.original(code.co_filename), _line_of_def(code.co_filename, code.co_firstlineno))


def _line_of_def(file: str, first: int) -> int:
    """The line of `def` itself; the code object names the first decorator."""
    lines = Path(file).read_text(errors="replace").splitlines()
    for offset, text in enumerate(lines[first - 1 : first + 30]):
        if text.lstrip().startswith(("def ", "async def ")):
            return first + offset
    return first


def _place_of_class(found: type, workspace: Workspace) -> Place:
    try:
        lines, first = inspect.getsourcelines(found)
        file = inspect.getsourcefile(found) or ""
    except (OSError, TypeError):
        return Place()
    offset = next((i for i, text in enumerate(lines) if text.lstrip().startswith("class ")), 0)
    return Place(workspace.original(file), first + offset)
