"""JSON from outside, with a limit on its depth: beyond it, whatever walks a document would run out of stack."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

DEEPEST = 100  # levels; what the platform's data base stores (MongoDB: limits of a document)


def read_json(text: bytes | str) -> Any:
    """The value; ValueError if it is not JSON or nested too deeply."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(_too_deep()) from None
    if _brackets(text) > DEEPEST:  # with fewer, no value can be nested as deeply
        check_depth(value)
    return value


def _brackets(text: bytes | str) -> int:
    if isinstance(text, str):
        return text.count("{") + text.count("[")
    return text.count(b"{") + text.count(b"[")


def check_depth(value: Any) -> None:
    """ValueError if a value is nested too deeply; level by level, because a recursion is what it must prevent."""
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [inner for outer in level for inner in _inner(outer)]
        if not level:
            return
    raise ValueError(_too_deep())


def _inner(value: Any) -> list[Any]:
    values = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [inner for inner in values if isinstance(inner, (Mapping, list))]


def _too_deep() -> str:
    return f"expected at most {DEEPEST} levels of lists and objects, saw more"
