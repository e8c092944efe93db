"""How many collections a loop over the batch makes, and functions that ended up in the wrong place."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from dl_harness.evidence import USER_FUNCTIONS
from dl_harness.static.files import SourceFile
from dl_harness.static.hierarchy import ClassRead, Function, Hierarchy, own_nodes
from dl_harness.static.notes import Notes
from dl_harness.static.repository import top_level

RETURNING = ("predict", "embed")

MISTAKABLE = (*USER_FUNCTIONS, "prepare_data")


def read_control_flow(found: Hierarchy, entry: SourceFile, notes: Notes) -> None:
    """Note loops over the batch that do not give one entry per item, and misplaced user functions."""
    for name in RETURNING:
        member = found.member(name)
        if member is not None and member.function is not None and member.alone:
            _batch_loops(member.owner, member.function, notes)
    if found.is_adapter:
        _misplaced(found, entry, notes)
        _misspelt(found, notes)
    _defined_twice(found, notes)


def _batch(function: Function) -> str | None:
    arguments = [*function.args.posonlyargs, *function.args.args]
    return arguments[1].arg if len(arguments) > 1 else None


def _batch_loops(owner: ClassRead, function: Function, notes: Notes) -> None:
    batch = _batch(function)
    returned = [n.value.id for n in own_nodes(function) if isinstance(n, ast.Return) and isinstance(n.value, ast.Name)]
    for loop in function.body if batch else ():
        if isinstance(loop, (ast.With, ast.AsyncWith, ast.Try)):
            inner = [s for s in loop.body if isinstance(s, ast.For)]
        else:
            inner = [loop] if isinstance(loop, ast.For) else []
        for one in inner:
            _one_loop(owner, function, one, batch or "", returned, notes)


def _one_loop(
    owner: ClassRead, function: Function, loop: ast.For, batch: str, returned: list[str], notes: Notes
) -> None:
    appended = {name for node in _inside(loop) if (name := _appends(node)) is not None}
    of_batch = _walks(loop.iter, batch)
    if not of_batch and not appended & set(returned):
        return
    notes.looked("return in the loop")
    notes.looked("list in the loop")
    early = next((s for s in loop.body if isinstance(s, ast.Return) and s.value is not None), None)
    if early is not None and not _continues(loop.body) and (appended or of_batch):
        notes.saw(
            "return in the loop",
            "a return after the loop over the batch",
            "a return at the end of its first turn",
            function.name,
            owner.file.place(early),
        )
        return
    for name in sorted(appended & set(returned)):
        fresh = next((s for s in loop.body if _makes_list(s, name)), None)
        if fresh is not None and not _used_otherwise(function, loop, name):
            notes.saw(
                "list in the loop",
                f"{name} made once, before the loop over the batch",
                "it is made anew in every turn, so only the last entry is returned",
                function.name,
                owner.file.place(fresh),
            )
        elif fresh is None and of_batch and not _used_otherwise(function, loop, name):
            _one_entry_per_turn(owner, function, loop, name, notes)


def _inside(loop: ast.For) -> Iterator[ast.AST]:
    for statement in loop.body:
        yield statement
        if not isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            yield from own_nodes(ast.Module(body=[statement], type_ignores=[]))


def _walks(iterated: ast.expr, batch: str) -> bool:
    """Whether a loop takes the items of the batch one after the other."""
    if isinstance(iterated, ast.Name):
        return iterated.id == batch
    if isinstance(iterated, ast.Call) and isinstance(iterated.func, (ast.Name, ast.Attribute)):
        name = iterated.func.id if isinstance(iterated.func, ast.Name) else iterated.func.attr
        if name in {"enumerate", "zip", "tqdm", "len", "range", "list"} and iterated.args:
            return any(_walks(argument, batch) for argument in iterated.args)
    return False


def _appends(node: ast.AST) -> str | None:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "append":
        return node.func.value.id if isinstance(node.func.value, ast.Name) else None
    return None


def _makes_list(statement: ast.stmt, name: str) -> bool:
    value = getattr(statement, "value", None)
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    empty = (isinstance(value, ast.List) and not value.elts) or (
        isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "list" and not value.args
    )
    return empty and any(isinstance(t, ast.Name) and t.id == name for t in targets)


def _continues(body: list[ast.stmt]) -> bool:
    """Whether a `continue` of this loop, or a `yield`, stands in its body."""
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Continue, ast.Yield)):
            return True
        if not isinstance(node, (ast.For, ast.While, ast.FunctionDef, ast.Lambda)):
            waiting += ast.iter_child_nodes(node)
    return False


def _used_otherwise(function: Function, loop: ast.For, name: str) -> bool:
    """Whether anything but `name = []`, the loop's appends and a return touches the list."""
    inside = {id(n) for n in ast.walk(loop)}
    for node in own_nodes(function):
        if id(node) in inside or not isinstance(node, ast.Name) or node.id != name:
            continue
        holder = next(
            (
                s
                for s in own_nodes(function)
                if isinstance(s, ast.stmt) and any(n is node for n in ast.iter_child_nodes(s))
            ),
            None,
        )
        if isinstance(node.ctx, ast.Store) or isinstance(holder, ast.Return):
            continue
        return True
    others = {"extend", "insert", "pop", "remove"}
    return any(
        isinstance(n, ast.Call)
        and isinstance(n.func, ast.Attribute)
        and n.func.attr in others
        and isinstance(n.func.value, ast.Name)
        and n.func.value.id == name
        for n in ast.walk(loop)
    )


@dataclass(frozen=True)
class _Paths:
    """How often a list gets an entry on the ways through some statements."""

    counts: frozenset[int]  # of the ways that reach the end
    left: frozenset[int] = frozenset()  # of the ways that leave by `continue` or `break`
    skipped: ast.AST | None = None  # a statement that leaves without an entry


def _paths(body: list[ast.stmt], name: str) -> _Paths:
    counts, left = frozenset({0}), frozenset[int]()
    skipped: ast.AST | None = None
    for statement in body:
        if not counts:
            break
        if isinstance(statement, (ast.Continue, ast.Break)):
            if 0 in counts and skipped is None:
                skipped = statement
            left |= counts
            counts = frozenset()
            continue
        if isinstance(statement, (ast.Return, ast.Raise)):
            counts = frozenset()
            continue
        step = _step(statement, name)
        left |= frozenset(_capped(a + b) for a in counts for b in step.left)
        if step.skipped is not None and 0 in counts and skipped is None:
            skipped = step.skipped
        counts = frozenset(_capped(a + b) for a in counts for b in step.counts)
    return _Paths(counts, left, skipped)


def _capped(count: int) -> int:
    return min(count, 3)


def _step(statement: ast.stmt, name: str) -> _Paths:
    if isinstance(statement, ast.If):
        yes, no = _paths(statement.body, name), _paths(statement.orelse, name)
        return _Paths(yes.counts | no.counts, yes.left | no.left, yes.skipped or no.skipped)
    if isinstance(statement, (ast.With, ast.AsyncWith)):
        return _paths(statement.body, name)
    if isinstance(statement, ast.Try):
        tried = _paths([*statement.body, *statement.orelse], name)
        handled = [_paths(h.body, name) for h in statement.handlers]
        counts = tried.counts.union(*(h.counts for h in handled))
        left = tried.left.union(*(h.left for h in handled))
        skipped = tried.skipped or next((h.skipped for h in handled if h.skipped), None)
        after = _paths(statement.finalbody, name)
        return _Paths(frozenset(_capped(a + b) for a in counts for b in after.counts or {0}), left, skipped)
    if isinstance(statement, (ast.For, ast.While, ast.AsyncFor)):
        if any(_appends(n) == name for n in ast.walk(statement)):
            return _Paths(frozenset({1}))  # how often cannot be told
        return _Paths(frozenset({0}))
    if isinstance(statement, ast.Match):
        cases = [_paths(c.body, name) for c in statement.cases]
        return _Paths(frozenset({1}) if cases else frozenset({0}))
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return _Paths(frozenset({0}))
    return _Paths(frozenset({sum(_appends(n) == name for n in ast.walk(statement))}))


def _one_entry_per_turn(owner: ClassRead, function: Function, loop: ast.For, name: str, notes: Notes) -> None:
    notes.looked("skipped item")
    ways = _paths(loop.body, name)
    every = ways.counts | ways.left
    if 0 in every and every != {0}:
        place = owner.file.place(ways.skipped if ways.skipped is not None else _conditional_append(loop, name))
        saw = "a way through the loop that appends nothing"
        notes.saw("skipped item", f"one entry in {name} for every item of the batch", saw, function.name, place)


def _conditional_append(loop: ast.For, name: str) -> ast.AST:
    return next((node for node in _inside(loop) if _appends(node) == name), loop)


def _misplaced(found: Hierarchy, entry: SourceFile, notes: Notes) -> None:
    """Functions with `self` that stand inside another function, or beside the class."""
    notes.looked("misplaced function", sum(1 for _ in found.methods()))
    for one, function in found.methods():
        for node in ast.walk(function):
            if node is function or not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            if _is_user_function(node) and found.member(node.name) is None:
                _told_misplaced(one.file, node, f"it stands inside {function.name}", notes)
    file = found.own.file
    for statement in top_level(file.tree.body if file.tree else []):
        if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) or not _is_user_function(statement):
            continue
        if found.member(statement.name) is None and not _is_used(file, statement.name):
            _told_misplaced(file, statement, "it stands outside of the class", notes)


def _is_used(file: SourceFile, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load) for n in file.nodes)


def _is_user_function(node: Function) -> bool:
    arguments = [*node.args.posonlyargs, *node.args.args]
    return node.name in MISTAKABLE and bool(arguments) and arguments[0].arg == "self"


def _told_misplaced(file: SourceFile, node: Function, saw: str, notes: Notes) -> None:
    notes.saw("misplaced function", f"{node.name} as a method of the class", saw, node.name, file.place(node))


def _misspelt(found: Hierarchy, notes: Notes) -> None:
    """Methods that nobody calls and whose names are nearly those of user functions that are not there."""
    used = {n.attr for one in found.classes for n in one.file.nodes if isinstance(n, ast.Attribute)}
    known = {"predict_items", "predict_dataset", "embed_items", "embed_dataset", "train_model", "evaluate_model"}
    for one, function in found.methods():
        notes.looked("misspelt function")
        name = function.name
        if name in MISTAKABLE or name in used or name in known or name.startswith("_") or function.decorator_list:
            continue
        near = difflib.get_close_matches(name, MISTAKABLE, 1, 0.85)
        if near and found.member(near[0]) is None:
            notes.saw(
                "misspelt function",
                f"the name {near[0]}",
                f"{name}, which nobody calls",
                name,
                one.file.place(function),
            )


def _defined_twice(found: Hierarchy, notes: Notes) -> None:
    for one in found.classes:
        seen: dict[str, Function] = {}
        for node in one.node.body:
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or node.decorator_list:
                continue
            notes.looked("method defined twice")
            if node.name in seen:
                saw = f"another one in line {seen[node.name].lineno}, which this one replaces"
                notes.saw("method defined twice", f"one {node.name} in the class", saw, node.name, one.file.place(node))
            seen[node.name] = node
