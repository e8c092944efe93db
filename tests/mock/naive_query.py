"""The query language again, as plainly as it can be said: no indexes, no generated code, every document looked at.

Written from the rules alone, to compare the engine with; shares nothing with it.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from functools import cmp_to_key
from typing import Any

Document = Mapping[str, Any]


def holds(filter_: Mapping[str, Any], document: Document) -> bool:
    """Whether a document satisfies a filter."""
    for key, value in filter_.items():
        if key == "$and":
            fits = all(holds(part, document) for part in value)
        elif key == "$or":
            fits = not value or any(holds(part, document) for part in value)
        else:
            fits = fits_condition(value, reach([document], key.split(".")))
        if not fits:
            return False
    return True


def reach(values: list[Any], path: list[str]) -> list[Any]:
    """Values at a path; lists on the way are opened once."""
    if not path:
        return values
    found = []
    for value in values:
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, Mapping) and path[0] in one:
                found.append(one[path[0]])
    return reach(found, path[1:])


def fits_condition(condition: Any, values: list[Any]) -> bool:
    if isinstance(condition, Mapping) and any(key.startswith("$") for key in condition):
        return all(fits_operator(name, operand, values) for name, operand in condition.items())
    return fits_operator("$eq", condition, values)


def fits_operator(name: str, operand: Any, values: list[Any]) -> bool:
    opened = [one for value in values for one in (value if isinstance(value, list) else [value])]
    if name in ("$eq", "$match"):
        if isinstance(operand, Mapping):
            return any(isinstance(one, Mapping) and holds(operand, one) for one in opened)
        if isinstance(operand, list):
            return any(isinstance(value, list) and same(value, operand) for value in values)
        if operand is None:
            return not values or None in opened
        return any(equal(one, operand) for one in opened)
    if name == "$ne":
        return not fits_operator("$eq", operand, values)
    if name == "$in":
        return any(fits_operator("$eq", one, values) for one in operand)
    if name == "$nin":
        return not fits_operator("$in", operand, values)
    if name == "$exists":
        return bool(values) is operand
    orders: dict[str, Callable[[int], bool]] = {
        "$gt": lambda sign: sign > 0,
        "$gte": lambda sign: sign >= 0,
        "$lt": lambda sign: sign < 0,
        "$lte": lambda sign: sign <= 0,
    }
    signs = [sign for one in opened if (sign := order(one, operand)) is not None]
    return any(orders[name](sign) for sign in signs)


def equal(value: Any, literal: Any) -> bool:
    """A value of a document against a literal that is no list, object or null."""
    if isinstance(value, str) and isinstance(literal, str):
        if "*" in literal or "?" in literal:
            return fnmatch.fnmatchcase(value, literal.replace("[", "[[]"))
        return value == literal or (instant(value) is not None and instant(value) == instant(literal))
    return same(value, literal)


def same(left: Any, right: Any) -> bool:
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(same(one, other) for one, other in zip(left, right, strict=True))
    return bool(left == right)


def order(value: Any, bound: Any) -> int | None:
    """Less, equal or greater as a sign; None for values that have no order."""
    number = (int, float)
    if isinstance(value, str) and isinstance(bound, str):
        left, right = instant(value), instant(bound)
        if left is None or right is None:
            return (value > bound) - (value < bound)
        return (left > right) - (left < right)
    if isinstance(value, bool) is not isinstance(bound, bool) or not isinstance(value, number):
        return None
    return (value > bound) - (value < bound) if isinstance(bound, number) else None


def instant(text: str) -> datetime | None:
    """A date or a date with a time; Python's own reading, where the texts of the tests are concerned."""
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def select(body: Mapping[str, Any], resource: str, tables: Mapping[str, Iterable[Document]]) -> list[Document]:
    """All rows of a query, in the order it asks for."""
    rows = [row for row in tables[resource] if holds(body.get("filter") or {}, row)]
    join = body.get("join")
    if join:
        on = join["on"]
        others = [one for one in tables[on["resource"]] if holds(join.get("filter") or {}, one)]
        keys = [key for one in others for key in reach([one], on["local"].split(".")) if key is not None]
        rows = [row for row in rows if any(key in keys for key in reach([row], on["forigen"].split(".")))]
    for name, keep in (("intersect", True), ("except", False)):
        if body.get(name):
            ids = {row["id"] for row in select(body[name]["query"], resource, tables)}
            rows = [row for row in rows if (row["id"] in ids) is keep]
    sort = body.get("sort") or {"type": "ascending", "createdAt": "descending"}
    sort = sort if "id" in sort else {**sort, "id": "ascending"}
    return sorted(rows, key=cmp_to_key(lambda left, right: _compare(left, right, sort)))


def page(body: Mapping[str, Any], rows: list[Document]) -> dict[str, Any]:
    """The envelope of a query."""
    size, first = body["pageSize"], body.get("page", 0) * body["pageSize"]
    return {
        "totalItemsCount": len(rows),
        "totalPagesCount": (len(rows) + size - 1) // size if size else 0,
        "hasNextPage": first + size < len(rows) if size else False,
        "items": rows[first : first + size],
    }


def _compare(left: Document, right: Document, sort: Mapping[str, str]) -> int:
    for field, direction in sort.items():
        one, other = (_rank((reach([row], field.split(".")) or [None])[0]) for row in (left, right))
        if one != other:
            return (1 if one > other else -1) * (-1 if direction == "descending" else 1)
    return 0


def _rank(value: Any) -> tuple[int, Any]:
    """Nothing, numbers, texts, booleans, the rest."""
    if value is None:
        return 0, 0
    kinds: list[tuple[Any, int]] = [(bool, 3), ((int, float), 1), (str, 2)]
    return next(((rank, value) for kind, rank in kinds if isinstance(value, kind)), (4, repr(value)))
