"""Whole queries: filter, join, intersect, except, order, page, select.

Pure: documents come from `Tables`, which also knows what is in scope. What a query *does* to its rows (update,
delete) is the business of the routes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

from dl_mock.generated import all_values
from dl_mock.ordering import SortKey, descends, ordered, sort_keys
from dl_mock.paths import elements, reach, values_of
from dl_mock.query import DEFAULTS, NO_ALIASES, Filter, Path, QueryError, compiled, euclid_target
from dl_mock.settings import Settings
from dl_mock.table import Found, Span, by_id, latest_first
from dl_mock.values import distance

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


class Tables(Protocol):
    """Where a query finds documents."""

    def limits(self, resource: str) -> Mapping[str, Any]:
        """A filter that says which documents of a resource are in scope; `find` may know more limits."""

    def find(self, resource: str, filter_: Filter) -> Found:
        """Where the documents in scope are that may satisfy a filter."""

    def vector(self, vector_id: str) -> Sequence[float]:
        """The value of a stored feature vector."""

    @property
    def settings(self) -> Settings:
        """How to read and answer what no public source explains."""


def search(body: Mapping[str, Any], resource: str, tables: Tables) -> list[Document]:
    """All rows a query selects, in its order."""
    found, distances = _selected(body, resource, tables)
    return _sorted(found.rows(), body, resource, distances)


def answer(body: Mapping[str, Any], resource: str, tables: Tables) -> dict[str, Any]:
    """The envelope with the page of rows that a query asks for; as `page(body, search(...))`, without all the rows."""
    return finished(_answer(body, resource, tables), body, tables.settings)


def finished(envelope: dict[str, Any], body: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """The envelope as the settings have it, where no public source says how it looks."""
    if settings.empty_page_has_next and body.get("pageSize") == 0:
        envelope["hasNextPage"] = envelope["totalItemsCount"] > 0
    if settings.uncounted_total == "zero" and body.get("countTotal") is False:
        envelope.update(totalItemsCount=0, totalPagesCount=0)
    return envelope


def _answer(body: Mapping[str, Any], resource: str, tables: Tables) -> dict[str, Any]:
    found, distances = _selected(body, resource, tables)
    first, size = _window(body, tables.settings)
    keys = sort_keys(_sort_of(body, resource), ALIASES.get(resource, NO_ALIASES)) if distances is None else []
    if found.exact_ids is not None and keys and keys[0].path == ("id",):
        ids = sorted(found.exact_ids, reverse=keys[0].descending)
        return _envelope(len(ids), first, size, [found.table[id_] for id_ in ids[first : first + size]])
    spans = found.exact
    if spans is None or distances is not None:
        rows = found.rows()
        end = first + size if distances is None else None
        return _envelope(len(rows), first, size, _sorted(rows, body, resource, distances, end)[first : first + size])
    total = sum(span.end - span.first for span in spans)
    end = min(first + size, total)
    if first >= end:
        return _envelope(total, first, size, [])
    rows_or_none = _in_place(spans, keys, found.constant, first, end)
    rows = ordered(found.rows(), keys, end)[first:end] if rows_or_none is None else rows_or_none
    return _envelope(total, first, size, rows)


def _in_place(
    spans: Sequence[Span], keys: Sequence[SortKey], constant: frozenset[str], first: int, end: int
) -> list[Document] | None:
    """Rows in an order that is that of their ids, or follows from it; None if it is another order."""
    if len(spans) == 1:
        keys = [key for key in keys if len(key.path) > 1 or key.path[0] not in constant]
    path, descending = keys[0].path, keys[0].descending
    if path == ("id",):
        return by_id(spans, descending, first, end)
    if path != ("createdAt",) or keys[1:] != [SortKey(("id",), False)]:
        return None
    if descending:
        return latest_first(spans, first, end)
    return by_id(spans, False, first, end) if len(spans) == 1 and spans[0].group.in_order else None


def page(body: Mapping[str, Any], rows: Sequence[Document], settings: Settings = DEFAULTS) -> dict[str, Any]:
    """The envelope with one page of `rows`; a page size of 0 only counts."""
    first, size = _window(body, settings)
    return finished(_envelope(len(rows), first, size, list(rows[first : first + size])), body, settings)


def _window(body: Mapping[str, Any], settings: Settings) -> tuple[int, int]:
    """Where the page begins and how many rows it has at most."""
    if settings.oversized_pages == "refused" and _whole(body, "pageSize", 0) > MAX_PAGE_SIZE:
        raise QueryError(f"pageSize must be at most {MAX_PAGE_SIZE}, not {body['pageSize']!r}")
    size = min(_whole(body, "pageSize", DEFAULT_PAGE_SIZE), MAX_PAGE_SIZE)
    return _whole(body, "page", 0) * size, size


def _envelope(total: int, first: int, size: int, rows: list[Document]) -> dict[str, Any]:
    return {
        "totalItemsCount": total,
        "totalPagesCount": -(-total // size) if size else 0,
        "hasNextPage": bool(size) and first + size < total,
        "items": rows,
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


def _selected(body: Any, resource: str, tables: Tables) -> tuple[Found, _Distances | None]:
    """What a query selects before it is put in order, and distances to order it by."""
    if not isinstance(body, Mapping):
        raise QueryError(f"a query must be an object, not {body!r}")
    given = _part(body, "filter")
    filter_ = compiled(
        given,
        ALIASES.get(resource, NO_ALIASES),
        tables.vector,
        also=tables.limits(resource),
        settings=tables.settings,
    )
    distances = None
    join = _part(body, "join")
    if join:
        path, keys, distances = _joined(join, tables)
        filter_ = filter_.among(path, keys)
    for name, keep in (("intersect", True), ("except", False)):
        if body.get(name):
            filter_ = filter_.among(("id",), _ids_of(body[name], name, resource, tables), keep)
    found = tables.find(resource, filter_)
    if distances is None:
        distances = _measure(given, found.rows, "id", tables)
    return found, distances


def _part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A part of a query that is an object; none at all is an empty one."""
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise QueryError(f"{name} must be an object, not {value!r}")
    return value


def _joined(join: Mapping[str, Any], tables: Tables) -> tuple[Path, set[Any], _Distances | None]:
    """The field by which rows are joined, and the values with which they pass.

    A row passes if at least one joined row satisfies the whole join filter: documented as an inner join.
    """
    on = join.get("on")
    if not isinstance(on, Mapping) or not {"resource", "local", "forigen"} <= on.keys():
        raise QueryError(f"join.on must have 'resource', 'local' and 'forigen' (so spelled), not {on!r}")
    if not all(isinstance(on[key], str) for key in ("resource", "local", "forigen")):
        raise QueryError(f"join.on must have texts in 'resource', 'local' and 'forigen', not {on!r}")
    resource, local, foreign = on["resource"], tuple(on["local"].split(".")), tuple(on["forigen"].split("."))
    aliases = ALIASES.get(resource, NO_ALIASES)
    given = join.get("filter")
    filter_ = compiled(
        {} if given is None else given,
        aliases,
        tables.vector,
        "join.filter",
        also=tables.limits(resource),
        settings=tables.settings,
    )
    rows = tables.find(resource, filter_).rows()
    distances = _measure(given, lambda: rows, on["local"], tables)
    if distances is not None:
        distances.field = foreign
    return foreign, _values(rows, local), distances


def _values(rows: Iterable[Document], path: Path) -> set[Any]:
    """All single values at a path."""
    every = all_values(rows, path)
    if set(map(type, every)) <= {str}:
        return set(every)
    return {one for value in every for one in elements(values_of(value)) if isinstance(one, (str, int, float))}


def _ids_of(part: Any, name: str, resource: str, tables: Tables) -> set[str]:
    if not isinstance(part, Mapping) or not isinstance(part.get("query"), Mapping):
        raise QueryError(f"{name} must be an object with a 'query', not {part!r}")
    return {row["id"] for row in _selected(part["query"], resource, tables)[0].rows()}


def _sort_of(body: Mapping[str, Any], resource: str) -> Mapping[str, Any]:
    return _part(body, "sort") or (DEFAULT_SORT if resource in SORTED_BY_TYPE else AS_MADE)


def _sorted(
    rows: list[Document], body: Mapping[str, Any], resource: str, distances: _Distances | None, end: int | None = None
) -> list[Document]:
    sort = _part(body, "sort")
    if distances is not None and (not sort or "eu_dist" in sort):
        direction = sort.get("eu_dist", distances.direction)
        return sorted(rows, key=distances.of, reverse=descends(direction, "sort.eu_dist"))
    return ordered(rows, sort_keys(_sort_of(body, resource), ALIASES.get(resource, NO_ALIASES)), end)


def _measure(filter_: Any, rows: Callable[[], Iterable[Document]], key: str, tables: Tables) -> _Distances | None:
    """Distances of the rows, if the filter asks to be sorted by them."""
    for field, operand in _euclids(filter_):
        sort = operand.get("$euclidSort")
        if not isinstance(sort, Mapping):
            continue
        target = euclid_target(operand, tables.vector, f"filter.{field}.$euclid")
        distances = _Distances(sort.get("eu_dist", "ascending"))
        for row in rows():
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
