"""The requests that the installed SDK can send, read out of its source: method and path, `{}` for what varies."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SENDERS = ("gen_request", "gen_async_request")
HOLE = "{}"


@dataclass(frozen=True)
class SdkCall:
    """One call site. A path that cannot be read is None."""

    method: str
    path: str | None
    place: str


def sdk_calls(*modules: str) -> list[SdkCall]:
    """Requests of modules of the SDK, named like `repositories/items`."""
    spec = importlib.util.find_spec("dtlpy")
    assert spec is not None and spec.origin is not None
    root = Path(spec.origin).parent
    return [call for name in modules for call in _calls_of(root / f"{name}.py", name)]


def _calls_of(file: Path, name: str) -> Iterator[SdkCall]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    constants = _class_constants(tree)
    for function in ast.walk(tree):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SENDERS:
                given = {keyword.arg: keyword.value for keyword in node.keywords}
                values = {**constants, **_assigned(function, constants)}
                method = _text(given["req_type"], values) if "req_type" in given else None
                for path in _paths(given.get("path"), function, values) or [None]:
                    yield SdkCall((method or "?").upper(), path, f"{name}.py {function.name}")


def _paths(node: ast.expr | None, function: ast.AST, values: dict[str, str]) -> list[str]:
    """Every path an expression can stand for: a variable may be set in several branches."""
    if node is None:
        return []
    texts = [_text(node, values)]
    if isinstance(node, ast.Name):
        known = values
        texts += [
            _text(one.value, known)
            for one in ast.walk(function)
            if isinstance(one, ast.Assign) and any(_name(target) == node.id for target in one.targets)
        ]
    plain = (text.partition("?")[0] for text in texts if text is not None and text.startswith("/"))
    return list(dict.fromkeys(re.sub(r"\{\w*\}", HOLE, text) for text in plain))


def _class_constants(tree: ast.Module) -> dict[str, str]:
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            for target in node.targets:
                found[_name(target)] = node.value.value
    return found


def _assigned(function: ast.AST, values: dict[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            text = _text(node.value, {**values, **found})
            if text is not None:
                found.update({_name(target): text for target in node.targets})
    return found


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _text(node: ast.expr, values: dict[str, str]) -> str | None:
    """The text of an expression, with `{}` where something unknown is put in; None if it is no text."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, (ast.Name, ast.Attribute)):
        return values.get(_name(node))
    if isinstance(node, ast.JoinedStr):
        return "".join(_part(part, values) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mod, ast.Add)):
        left = _text(node.left, values)
        if left is None:
            return None
        if isinstance(node.op, ast.Mod):
            return re.sub(r"%[sd]", HOLE, left)
        return left + (_text(node.right, values) or HOLE)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        template = _text(node.func.value, values)
        return None if template is None else _formatted(template, [_text(argument, values) for argument in node.args])
    if isinstance(node, ast.Call) and node.args:  # a text that is quoted or completed: urllib.parse.quote(url)
        return _text(node.args[0], values)
    return None


def _part(part: ast.expr, values: dict[str, str]) -> str:
    if isinstance(part, ast.FormattedValue):
        return _text(part.value, values) or HOLE
    return str(part.value) if isinstance(part, ast.Constant) else HOLE


def _formatted(template: str, arguments: list[str | None]) -> str:
    known = iter(arguments)
    return re.sub(r"\{\w*\}", lambda _: next(known, None) or HOLE, template)
