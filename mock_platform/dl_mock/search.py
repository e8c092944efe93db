"""Whole queries: filter, join, intersect, except, order, page, select.

Pure: documents come from `Tables`, which also knows what is in scope. What a query *does* to its rows (update,
delete) is the business of the routes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

from dl_mock.query import NO_ALIASES, Aliases, Match, QueryError, euclid_target, matcher, reach
from dl_mock.values import distance, moment

MAX_PAGE_SIZE = 1000  # documented as a limit; SDK: entities/filters.py clamps to it, so clamping here is assumed
DEFAULT_PAGE_SIZE = 100  # assumed; the SDK always sends a size

# Names a query may use for a field that is kept elsewhere.
ALIASES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        # SDK: repositories/collections.py list_missing_collections
        "items": {f"collections{number}": f"metadata.system.collections.c{number}" for number in range(10)},
        "annotations": {"annotationId": "id"},  # SDK: repositories/annotations.py delete by list of ids
        "models": {"projectId": "context.project"},  # SDK: repositories/models.py list
    }
)
# Documented order of items and annotations when a query asks for none; the last key only settles ties (assumed).
DEFAULT_SORT: Mapping[str, str] = MappingProxyType({"type": "ascending", "createdAt": "descending", "id": "ascending"})
SORTED_BY_TYPE = frozenset({"items", "annotations"})
AS_MADE: Mapping[str, str] = MappingProxyType({"id": "ascending"})  # the order of other resources (assumed)

Document = dict[str, Any]
Pins = Mapping[str, tuple[str, ...]]


class Tables(Protocol):
    """Where a query finds documents."""

    def rows(self, resource: str, pins: Pins) -> Iterable[Document]:
        """Documents in scope; those that do not fit `pins` may be left out, which is only a matter of speed."""

    def vector(self, vector_id: str) -> Sequence[float]:
        """The value of a stored feature vector."""


def search(body: Mapping[str, Any], resource: str, tables: Tables) -> list[Document]:
    """All rows a query selects, in its order, before paging."""
    if not isinstance(body, Mapping):
        raise QueryError(f"a query must be an object, not {body!r}")
    rows, distances = _selected(body, resource, tables)
    sort = body.get("sort") or {}
    if distances and (not sort or "eu_dist" in sort):
        direction = sort.get("eu_dist", distances.direction)
        return sorted(rows, key=distances.of, reverse=_descending(direction, "sort.eu_dist"))
    default = DEFAULT_SORT if resource in SORTED_BY_TYPE else AS_MADE
    return ordered(rows, sort or default, ALIASES.get(resource, {}))


def page(body: Mapping[str, Any], rows: Sequence[Document]) -> dict[str, Any]:
    """The envelope with one page of `rows`; a page size of 0 only counts."""
    size = min(_whole(body, "pageSize", DEFAULT_PAGE_SIZE), MAX_PAGE_SIZE)
    start = _whole(body, "page", 0) * size
    total = len(rows)
    return {
        "totalItemsCount": total,
        "totalPagesCount": -(-total // size) if size else 0,
        "hasNextPage": bool(size) and start + size < total,
        "items": list(rows[start : start + size]),
    }


def selection(body: Mapping[str, Any]) -> Callable[[Document], Document]:
    """What `select` keeps of a document: the named paths and the id, or all but the paths marked 0."""
    select = body.get("select") or {}
    if not isinstance(select, Mapping):
        raise QueryError(f"select must be an object of fields, not {select!r}")
    if not select:
        return lambda document: document
    kept = [path.split(".") for path, wanted in select.items() if wanted]
    dropped = [path.split(".") for path, wanted in select.items() if not wanted]
    if kept:
        return lambda document: _only(document, [["id"], *kept])
    return lambda document: _without(document, dropped)


def ordered(rows: Iterable[Document], sort: Any, aliases: Mapping[str, str]) -> list[Document]:
    """Rows sorted by several keys, the first counting most; a missing value comes before any other."""
    if not isinstance(sort, Mapping):
        raise QueryError(f"sort must be an object of fields and directions, not {sort!r}")
    result = list(rows)
    for field, direction in reversed(list(sort.items())):
        descending = _descending(direction, f"sort.{field}")
        path = tuple(aliases.get(field, field).split("."))
        result.sort(key=lambda row, path=path: _rank(reach(row, path)), reverse=descending)  # type: ignore[misc]
    return result


def pins(filter_: Any, aliases: Aliases = NO_ALIASES) -> dict[str, tuple[str, ...]]:
    """Fields that must equal one of a few plain texts: what an index can answer."""
    found: dict[str, tuple[str, ...]] = {}
    if not isinstance(filter_, Mapping):
        return found
    for key, value in filter_.items():
        if key == "$and" and isinstance(value, list):
            for part in value:
                found.update(pins(part, aliases))
        elif not key.startswith("$"):
            texts = _plain_texts(value)
            if texts is not None:
                found[aliases.get(key, key)] = texts
    return found


class _Distances:
    """How far each row is from the vector a `$euclid` measures from."""

    def __init__(self, direction: str) -> None:
        self.direction = direction
        self.by_key: dict[Any, float] = {}
        self.field = ("id",)

    def note(self, key: Any, value: float) -> None:
        self.by_key[key] = min(value, self.by_key.get(key, value))

    def of(self, row: Document) -> float:
        return min((self.by_key[key] for key in reach(row, self.field) if key in self.by_key), default=float("inf"))


def _selected(body: Mapping[str, Any], resource: str, tables: Tables) -> tuple[list[Document], _Distances | None]:
    filter_ = body.get("filter") or {}
    aliases = ALIASES.get(resource, {})
    match = matcher(filter_, aliases, tables.vector)
    rows = [row for row in tables.rows(resource, pins(filter_, aliases)) if match(row)]
    distances = _measure(filter_, rows, "id", tables)
    if body.get("join"):
        joined, distances = _joined(body["join"], tables)
        rows = [row for row in rows if joined(row)]
    for key, keep in (("intersect", True), ("except", False)):
        if body.get(key):
            ids = _ids_of(body[key], key, resource, tables)
            rows = [row for row in rows if (row["id"] in ids) is keep]
    return rows, distances


def _joined(join: Any, tables: Tables) -> tuple[Match, _Distances | None]:
    """A row passes if at least one joined row satisfies the whole join filter: documented as an inner join."""
    if not isinstance(join, Mapping):
        raise QueryError(f"join must be an object, not {join!r}")
    on = join.get("on")
    if not isinstance(on, Mapping) or not {"resource", "local", "forigen"} <= on.keys():
        raise QueryError(f"join.on must have 'resource', 'local' and 'forigen' (so spelled), not {on!r}")
    if not all(isinstance(on[key], str) for key in ("resource", "local", "forigen")):
        raise QueryError(f"join.on must have texts in 'resource', 'local' and 'forigen', not {on!r}")
    resource, local, foreign = on["resource"], on["local"], tuple(on["forigen"].split("."))
    filter_ = join.get("filter") or {}
    aliases = ALIASES.get(resource, {})
    match = matcher(filter_, aliases, tables.vector, "join.filter")
    rows = [row for row in tables.rows(resource, pins(filter_, aliases)) if match(row)]
    keys = {key for row in rows for key in reach(row, local.split("."))}
    distances = _measure(filter_, rows, local, tables)
    if distances is not None:
        distances.field = foreign
    return (lambda row: any(key in keys for key in reach(row, foreign))), distances


def _ids_of(part: Any, name: str, resource: str, tables: Tables) -> set[str]:
    if not isinstance(part, Mapping) or not isinstance(part.get("query"), Mapping):
        raise QueryError(f"{name} must be an object with a 'query', not {part!r}")
    return {row["id"] for row in _selected(part["query"], resource, tables)[0]}


def _measure(filter_: Any, rows: Iterable[Document], key: str, tables: Tables) -> _Distances | None:
    """Distances of the rows, if the filter asks to be sorted by them."""
    for field, operand in _euclids(filter_):
        sort = operand.get("$euclidSort")
        if not isinstance(sort, Mapping):
            continue
        target = euclid_target(operand, tables.vector, f"filter.{field}.$euclid")
        distances = _Distances(sort.get("eu_dist", "ascending"))
        for row in rows:
            vectors = [value for value in reach(row, field.split(".")) if isinstance(value, list)]
            for name in reach(row, key.split(".")) if vectors else ():
                distances.note(name, min(distance(vector, target) for vector in vectors))
        return distances
    return None


def _euclids(filter_: Any) -> Iterable[tuple[str, Mapping[str, Any]]]:
    if not isinstance(filter_, Mapping):
        return
    for key, value in filter_.items():
        if key in ("$and", "$or"):
            for part in value:
                yield from _euclids(part)
        elif isinstance(value, Mapping) and isinstance(value.get("$euclid"), Mapping):
            yield key, value["$euclid"]


def _plain_texts(value: Any) -> tuple[str, ...] | None:
    """The texts a condition allows, or None if it is of another kind; a list literal is a value of its own."""
    texts = [value]
    if isinstance(value, Mapping) and len(value) == 1:
        texts = [value["$eq"]] if "$eq" in value else value.get("$in", [value])
    if not isinstance(texts, list):
        return None
    plain = all(isinstance(text, str) and not set("*?") & set(text) and moment(text) is None for text in texts)
    return tuple(texts) if plain else None


def _rank(values: list[Any]) -> tuple[int, Any]:
    """A key by which values of different kinds can be sorted: nothing, numbers, texts, booleans, the rest."""
    value = values[0] if values else None
    if value is None:
        return 0, 0
    if isinstance(value, bool):
        return 3, value
    if isinstance(value, (int, float)):
        return 1, value
    return (2, value) if isinstance(value, str) else (4, repr(value))


def _descending(direction: Any, where: str) -> bool:
    if direction not in ("ascending", "descending"):
        raise QueryError(f"{where} must be 'ascending' or 'descending', not {direction!r}")
    return bool(direction == "descending")


def _whole(body: Mapping[str, Any], key: str, default: int) -> int:
    value = body.get(key, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0 or value % 1 != 0:
        raise QueryError(f"{key} must be a whole number, 0 or more, not {value!r}")
    return int(value)


def _only(document: Mapping[str, Any], paths: Sequence[Sequence[str]]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for first, *rest in paths:
        if first not in document:
            continue
        value = document[first]
        if rest and isinstance(value, Mapping):
            before = kept.get(first)
            kept[first] = {**(before if isinstance(before, dict) else {}), **_only(value, [rest])}
        elif not rest:
            kept[first] = value
    return kept


def _without(document: Mapping[str, Any], paths: Sequence[Sequence[str]]) -> dict[str, Any]:
    kept = dict(document)
    for first, *rest in paths:
        if rest and isinstance(kept.get(first), Mapping):
            kept[first] = _without(kept[first], [rest])
        elif not rest:
            kept.pop(first, None)
    return kept
