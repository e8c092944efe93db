"""Names that nothing defines, by pyflakes, without the alarms that mean nothing on the platform."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator

from dl_harness.evidence import Place
from dl_harness.static.files import SourceFile
from dl_harness.static.hierarchy import own_nodes
from dl_harness.static.notes import Notes

INJECTED = frozenset({"get_ipython", "display", "reveal_type", "reveal_locals", "exit", "quit", "copyright", "credits"})
"""Names that notebooks, type checkers or the site module put into the builtins."""


def read_names(file: SourceFile, notes: Notes) -> None:
    """Note every undefined name of one file, every stray `return`, and text templates that cannot be filled."""
    from pyflakes import checker, messages

    if file.tree is None:
        return
    notes.looked("undefined name", sum(isinstance(node, ast.Name) for node in file.nodes))
    found = checker.Checker(file.tree, filename=str(file.path), withDoctest=False).messages
    for message in sorted(found, key=lambda m: (m.lineno, m.col)):
        place = Place(str(file.path), message.lineno)
        if isinstance(message, (messages.UndefinedName, messages.UndefinedLocal)):
            name = str(message.message_args[0])
            deferred = isinstance(message, messages.UndefinedName) and _bound_around(file, name, message.lineno)
            if not deferred and not _harmless(file, name, message.lineno, message.col):
                near = difflib.get_close_matches(name, sorted(_names(file) - {name}), 1, 0.8)
                hint = f"; {near[0]!r} is" if near else ""
                assigned = isinstance(message, messages.UndefinedLocal)
                saw = f"{name!r} is read before it is assigned" if assigned else f"{name!r} is not defined{hint}"
                notes.saw(
                    "undefined name",
                    "a name that is defined where it is read",
                    saw,
                    _function(file, message.lineno),
                    place,
                )
        elif isinstance(message, (messages.ReturnOutsideFunction, messages.YieldOutsideFunction)):
            notes.saw("undefined name", "return and yield inside a function", "one outside of any", "module", place)
        elif isinstance(
            message,
            (
                messages.StringDotFormatMissingArgument,
                messages.PercentFormatPositionalCountMismatch,
                messages.PercentFormatMissingArgument,
            ),
        ):
            notes.saw(
                "undefined name",
                "an argument for every place of a text template",
                str(message.message % message.message_args),
                _function(file, message.lineno),
                place,
            )


def _bound_around(file: SourceFile, name: str, line: int) -> bool:
    """Whether a use inside a function may find a name that an enclosing scope binds, and deletes only later."""
    around = [f for f in functions(file) if f.lineno <= line <= (f.end_lineno or f.lineno)]
    return any(
        name == getattr(node, "name", None)
        or (isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store))
        for function in around[:-1]
        for node in own_nodes(function)
    )


def _names(file: SourceFile) -> set[str]:
    return {n.id for n in file.nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)} | {
        (alias.asname or alias.name).split(".")[0]
        for n in file.nodes
        if isinstance(n, (ast.Import, ast.ImportFrom))
        for alias in n.names
    }


def _harmless(file: SourceFile, name: str, line: int, column: int) -> bool:
    if name in INJECTED or (name.startswith("__") and name.endswith("__")):
        return True
    nodes = [n for n in file.nodes if getattr(n, "lineno", None) == line and getattr(n, "col_offset", None) == column]
    used = next((n for n in nodes if isinstance(n, ast.Name)), None)
    if used is None:  # inside a quoted annotation or __all__
        return True
    return _made_at_run_time(file, name) or _in_dead_place(file, used)


def _made_at_run_time(file: SourceFile, name: str) -> bool:
    """Whether the file fills its globals in a way that reading cannot follow."""
    for node in file.nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"exec", "globals"}:
            return True
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            return True
    return False


def _in_dead_place(file: SourceFile, used: ast.AST) -> bool:
    """Annotations that are never evaluated, and what only a run as a script reaches."""
    child = used
    future = any(
        isinstance(n, ast.ImportFrom) and n.module == "__future__" and any(a.name == "annotations" for a in n.names)
        for n in file.nodes
    )
    for parent in file.above(used):
        if isinstance(parent, ast.AnnAssign) and child is parent.annotation:
            holder = next(
                (p for p in file.above(parent) if isinstance(p, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))),
                None,
            )
            if future or isinstance(holder, (ast.FunctionDef, ast.AsyncFunctionDef)):
                return True
        if future and isinstance(parent, ast.arg) and child is parent.annotation:
            return True
        if future and isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef)) and child is parent.returns:
            return True
        if (
            isinstance(parent, ast.If)
            and (is_script_guard(parent.test) or _is_type_checking(parent.test))
            and child in parent.body
        ):
            return True
        if isinstance(parent, ast.Try) and child in parent.body and _catches(parent, "NameError"):
            return True
        child = parent
    return False


def is_script_guard(test: ast.expr) -> bool:
    """Whether a condition is `__name__ == "__main__"`."""
    return isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__"


def _is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test).endswith("TYPE_CHECKING")


def _catches(node: ast.Try, error: str) -> bool:
    return any(h.type is None or error in ast.unparse(h.type) for h in node.handlers)


def _function(file: SourceFile, line: int) -> str:
    """The innermost function around a line."""
    holding = [f for f in functions(file) if f.lineno <= line <= (f.end_lineno or f.lineno)]
    return holding[-1].name if holding else "module"


def functions(file: SourceFile) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a file, from the top."""
    found = [n for n in file.nodes if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    yield from sorted(found, key=lambda n: (n.lineno, n.col_offset))
