"""Shapes of code that fail on the platform although they work on the author's machine."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from dl_harness.static.hierarchy import ClassRead, Function, Hierarchy
from dl_harness.static.initialisation import reached_methods
from dl_harness.static.notes import Notes


def read_shapes(found: Hierarchy, notes: Notes) -> None:
    """Note devices taken for granted, errors told as answers, stream chunks and filters of one shape only."""
    checks: tuple[tuple[str, Callable[[ClassRead, Function], Iterator[tuple[ast.AST, str, str]]]], ...] = (
        ("assumed device", _assumed_device),
        ("assumed device", _unmapped_weights),
        ("literal mimetype", _literal_mimetype),
        ("filter taken apart", _filter_taken_apart),
        ("empty chunk", _empty_chunk),
    )
    for one, function in found.methods():
        for kind, check in checks:
            notes.looked(kind)
            for node, expected, saw in check(one, function):
                notes.saw(kind, expected, saw, function.name, one.file.place(node))
    for one, function in reached_methods(found, "predict", "embed"):
        notes.looked("error as answer")
        for node, expected, saw in _error_as_answer(function):
            notes.saw("error as answer", expected, saw, function.name, one.file.place(node))


def _text_of(one: ClassRead) -> str:
    return one.file.text


def _assumed_device(one: ClassRead, function: Function) -> Iterator[tuple[ast.AST, str, str]]:
    text = _text_of(one)
    if "is_available" in text or "device_count" in text:
        return
    for node in ast.walk(function):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        values = [*node.args, *(k.value for k in node.keywords if k.arg in {"device", "map_location", "device_map"})]
        to_cuda = node.func.attr in {"to", "device", "load"} and any(
            isinstance(v, ast.Constant) and isinstance(v.value, str) and v.value.startswith("cuda") for v in values
        )
        if to_cuda or (node.func.attr == "cuda" and not node.args and not node.keywords):
            yield node, "a device that is asked for: torch.cuda.is_available()", f"{ast.unparse(node)[:60]}"


def _unmapped_weights(one: ClassRead, function: Function) -> Iterator[tuple[ast.AST, str, str]]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load" and len(node.args) < 2:
            mapped = any(k.arg in {"map_location", None} for k in node.keywords)
            if not mapped:
                yield (
                    node,
                    "torch.load(..., map_location=...)",
                    "no map_location, so weights saved on a GPU load only on one",
                )


def _literal_mimetype(one: ClassRead, function: Function) -> Iterator[tuple[ast.AST, str, str]]:
    for node in ast.walk(function):
        if not isinstance(node, ast.Compare):
            continue
        for side in (node.left, *node.comparators):
            if isinstance(side, ast.Constant) and isinstance(side.value, str) and side.value.endswith("/*"):
                yield (
                    node,
                    f"a comparison by beginning: startswith({side.value[:-1]!r})",
                    f"{ast.unparse(node)[:70]}, which 'image/png' is not",
                )


def _filter_taken_apart(one: ClassRead, function: Function) -> Iterator[tuple[ast.AST, str, str]]:
    for node in ast.walk(function):
        if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Constant):
            continue
        text = ast.unparse(node)
        if node.slice.value in {"dir", "metadata.system.tags.train"} and "'$and'" in text:
            yield (
                node,
                "the folders that were downloaded: data_path/<subset>",
                f"{text[-60:]}, which a filter by tag or in another order lacks",
            )


def _empty_chunk(one: ClassRead, function: Function) -> Iterator[tuple[ast.AST, str, str]]:
    for loop in ast.walk(function):
        if not isinstance(loop, (ast.For, ast.AsyncFor)) or not isinstance(loop.target, ast.Name):
            continue
        chunk = loop.target.id
        for node in ast.walk(loop):
            text = ast.unparse(node) if isinstance(node, ast.Subscript) else ""
            if (
                text == f"{chunk}.choices[0]"
                and "delta" in ast.unparse(loop)
                and not _asked(one, node, f"{chunk}.choices", loop)
            ):
                yield (
                    node,
                    f"a chunk that is asked for choices: `if {chunk}.choices:`",
                    f"{text}, and the last chunk of a stream has none",
                )
                break


def _asked(one: ClassRead, node: ast.AST, text: str, loop: ast.AST) -> bool:
    """Whether a condition on the same value stands around or before a use."""
    for parent in one.file.above(node):
        if isinstance(parent, (ast.If, ast.IfExp)) and text in ast.unparse(parent.test):
            return text + "[0]" not in ast.unparse(parent.test).split(" and ")[0]
        if isinstance(parent, ast.Try):
            return True
        if parent is loop:
            break
    before = [s for s in getattr(loop, "body", []) if isinstance(s, ast.If) and s.lineno < getattr(node, "lineno", 0)]
    return any(text in ast.unparse(s.test) and any(isinstance(n, ast.Continue) for n in ast.walk(s)) for s in before)


def _error_as_answer(function: Function) -> Iterator[tuple[ast.AST, str, str]]:
    for handler in ast.walk(function):
        if not isinstance(handler, ast.ExceptHandler) or handler.name is None:
            continue
        nodes = [n for s in handler.body for n in ast.walk(s)]
        if any(isinstance(n, ast.Raise) for n in nodes):
            continue
        told = [
            n
            for n in nodes
            if isinstance(n, ast.Call)
            and isinstance(n.func, ast.Attribute)
            and n.func.attr in {"add", "append"}
            and _mentions(n, handler.name)
        ]
        made = {
            t.id
            for n in nodes
            if isinstance(n, ast.Assign) and _mentions(n.value, handler.name)
            for t in n.targets
            if isinstance(t, ast.Name)
        }
        later = [
            n
            for n in ast.walk(function)
            if made
            and isinstance(n, ast.Call)
            and isinstance(n.func, ast.Attribute)
            and n.func.attr == "add"
            and any(_mentions(n, name) for name in made)
        ]
        returned = [
            n for n in nodes if isinstance(n, ast.Return) and n.value is not None and _mentions(n.value, handler.name)
        ]
        for node in (*told, *later[:1], *returned)[:1]:
            yield node, "the exception, so that the execution fails", "the text of the exception becomes the answer"


def _mentions(node: ast.AST, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(node))
