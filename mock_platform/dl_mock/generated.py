"""Python functions made from the source of one expression over a document.

A scan of a million documents costs what the evaluation of its condition costs, and generated code is four times as
fast as closures. Only names of fields, quoted, and names of constants stand in a source; values are bound to the
names. So filters of one shape, such as those that an adapter sends once per item, share one compiled function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from threading import Lock
from typing import Any

from dl_mock.paths import MISSING, inner, value_at, values_of
from dl_mock.values import as_written

Match = Callable[[Mapping[str, Any]], bool]
Scan = Callable[[Iterable[Any]], list[Any]]

INLINE = 6  # segments of a path; more are left to a function, as parentheses may not be nested without limit
_SHAPES = 512  # compiled conditions kept
_LOCK = Lock()

_TEMPLATE = """
def make(M, I, U, R, W, constants):
    {unpack}
    def match(d):
        return True if {source} else False
    def scan(rows):
        found = []
        add = found.append
        for d in rows:
            if {source}:
                add(d)
        return found
    return match, scan
"""


def functions(source: str, constants: Sequence[Any]) -> tuple[Match, Scan]:
    """Whether a document `d` satisfies the source, and which of several do; `k0`, `k1`... are the constants."""
    made: tuple[Match, Scan] = _factory(source, len(constants))(
        MISSING, inner, values_of, value_at, as_written, constants
    )
    return made


def access(path: Sequence[str], document: str = "d") -> str:
    """Source of the value at a path, as `paths.value_at` gives it; overwrites `x`."""
    if len(path) > INLINE:
        return f"R({document}, {tuple(path)!r})"
    source = f"{document}.get({path[0]!r}, M)"
    for key in path[1:]:
        source = f"(x.get({key!r}, M) if (x := {source}).__class__ is dict else I(x, {key!r}))"
    return source


@lru_cache(maxsize=_SHAPES)
def _factory(source: str, count: int) -> Callable[..., Any]:
    unpack = f"{''.join(f'k{number}, ' for number in range(count))} = constants" if count else "pass"
    names: dict[str, Any] = {}
    with _LOCK:
        exec(compile(_TEMPLATE.format(unpack=unpack, source=source), "<filter>", "exec"), names)
    make: Callable[..., Any] = names["make"]
    return make


def all_values(rows: Iterable[Any], path: tuple[str, ...]) -> list[Any]:
    """`paths.value_at` of each row."""
    if len(path) == 1:
        (key,) = path
        return [row.get(key, MISSING) for row in rows]
    return list(map(getter(path), rows))


@lru_cache(maxsize=_SHAPES)
def getter(path: tuple[str, ...]) -> Callable[[Any], Any]:
    """`paths.value_at` for one path."""
    names: dict[str, Any] = {"M": MISSING, "I": inner, "R": value_at}
    with _LOCK:
        exec(compile(f"def get(d):\n    return {access(path)}", "<path>", "exec"), names)
    get: Callable[[Any], Any] = names["get"]
    return get
