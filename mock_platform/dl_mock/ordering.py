"""The order of rows: by several keys, of which only the front may be wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import nlargest, nsmallest
from typing import Any, NamedTuple

from dl_mock.generated import all_values
from dl_mock.paths import MISSING, Several
from dl_mock.query import QueryError

SMALL_PART = 8  # the front is picked before it is sorted if the rows are at least this many times as many


class SortKey(NamedTuple):
    """A field to sort by."""

    path: tuple[str, ...]
    descending: bool


def sort_keys(sort: Mapping[str, Any], aliases: Mapping[str, str]) -> list[SortKey]:
    """The keys of a `sort`, the first counting most; rows that are alike in all come by their ids. QueryError."""
    keys = [
        SortKey(tuple(aliases.get(field, field).split(".")), descends(direction, f"sort.{field}"))
        for field, direction in sort.items()
    ]
    return keys if any(key.path == ("id",) for key in keys) else [*keys, SortKey(("id",), False)]


def descends(direction: Any, where: str) -> bool:
    """Whether a direction is "descending"; QueryError if it is none."""
    if direction not in ("ascending", "descending"):
        raise QueryError(f"{where} must be 'ascending' or 'descending', not {direction!r}")
    return bool(direction == "descending")


def ordered(rows: list[Any], keys: Sequence[SortKey], end: int | None = None) -> list[Any]:
    """Rows in order, a missing value before any other; with `end` only the rows before that position are sure."""
    if end == 0:
        return []
    for number, key in enumerate(keys):
        values = _values(rows, key)
        if end is not None and end * SMALL_PART < len(rows):
            low, high = min(values), max(values)
            if low == high:
                continue
            bound = (nlargest if key.descending else nsmallest)(end, values)[-1]
            rows = [
                row
                for row, value in zip(rows, values, strict=True)
                if (value >= bound if key.descending else value <= bound)
            ]
        keys = keys[number:]
        break
    for key in reversed(keys):
        values = _values(rows, key)
        rows = [rows[at] for at in sorted(range(len(rows)), key=values.__getitem__, reverse=key.descending)]
    return rows


def _values(rows: Sequence[Any], key: SortKey) -> list[Any]:
    """What to compare: texts as they are if there is nothing else, as this is the usual case."""
    values = all_values(rows, key.path)
    return values if set(map(type, values)) <= {str} else [_rank(value) for value in values]


def _rank(value: Any) -> tuple[int, Any]:
    """A key by which values of different kinds can be sorted: nothing, numbers, texts, booleans, the rest."""
    if isinstance(value, Several):
        value = value[0]
    if value is None or value is MISSING:
        return 0, 0
    if isinstance(value, bool):
        return 3, value
    if isinstance(value, (int, float)):
        return 1, value
    return (2, value) if isinstance(value, str) else (4, repr(value))
