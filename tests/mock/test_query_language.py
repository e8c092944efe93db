"""The filter language and whole queries: examples of the rules, and laws that hold for any filter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_mock.query import Filter, QueryError, matcher
from dl_mock.search import page, search, selection
from dl_mock.settings import Settings
from dl_mock.table import Found, Table

DOCUMENT = {
    "id": "65a000000000000000000001",
    "name": "cat.jpg",
    "filename": "/pets/cat.jpg",
    "hidden": False,
    "createdAt": "2024-05-02T12:00:00.000Z",
    "note": None,
    "metadata": {
        "system": {"size": 10, "refs": [{"type": "task", "id": "T", "metadata": {"status": "done"}}, {"type": "job"}]},
        "user": {"tags": ["red", "wet"], "count": 1, "flag": True, "none": []},
    },
}


@pytest.mark.parametrize(
    ("filter_", "holds"),
    [
        pytest.param({}, True, id="nothing-asked"),
        pytest.param({"name": "cat.jpg"}, True, id="equal"),
        pytest.param({"name": "Cat.jpg"}, False, id="case-counts"),
        pytest.param({"name": {"$eq": "cat.jpg"}}, True, id="eq"),
        pytest.param({"name": "c?t.*"}, True, id="wildcards"),
        pytest.param({"name": "?cat.jpg"}, False, id="question-mark-is-one"),
        pytest.param({"name": "cat"}, False, id="whole-value"),
        pytest.param({"name": "c[a]t.jpg"}, False, id="no-other-pattern"),
        pytest.param({"filename": "/*"}, True, id="star-crosses-directories"),
        pytest.param({"filename": "**/cat.jpg"}, True, id="double-star"),
        pytest.param({"filename": {"$in": ["/dogs/**", "/pets/**"]}}, True, id="wildcard-in-in"),
        pytest.param({"filename": {"$ne": "/pets/*"}}, False, id="wildcard-in-ne"),
        pytest.param({"hidden": False}, True, id="boolean"),
        pytest.param({"hidden": 0}, False, id="zero-is-not-false"),
        pytest.param({"metadata.user.count": True}, False, id="true-is-not-one"),
        pytest.param({"metadata.user.count": 1.0}, True, id="numbers-by-value"),
        pytest.param({"metadata.user.count": "1"}, False, id="text-is-not-number"),
        pytest.param({"absent": None}, True, id="null-is-missing"),
        pytest.param({"note": None}, True, id="null-is-null"),
        pytest.param({"name": None}, False, id="null-is-not-a-value"),
        pytest.param({"note": {"$exists": True}}, True, id="null-exists"),
        pytest.param({"absent": {"$exists": False}}, True, id="absent"),
        pytest.param({"metadata.user.tags": "red"}, True, id="element"),
        pytest.param({"metadata.user.tags": ["red", "wet"]}, True, id="whole-list"),
        pytest.param({"metadata.user.tags": ["red"]}, False, id="part-of-list"),
        pytest.param({"metadata.user.tags": ["wet", "red"]}, False, id="list-in-other-order"),
        pytest.param({"metadata.user.none": []}, True, id="empty-list"),
        pytest.param({"metadata.user.tags": {"$ne": "red"}}, False, id="ne-means-no-element"),
        pytest.param({"metadata.user.tags": {"$nin": ["dry", "blue"]}}, True, id="nin"),
        pytest.param({"metadata.system.refs.type": "job"}, True, id="fan-out"),
        pytest.param({"metadata.system.refs.type": {"$ne": "task"}}, False, id="fan-out-ne"),
        pytest.param({"metadata.system.refs": {"$match": {"id": "T", "type": "task"}}}, True, id="match"),
        pytest.param({"metadata.system.refs": {"$match": {"id": "T", "type": "job"}}}, False, id="match-one-element"),
        pytest.param(
            {"metadata.system.refs": {"$match": {"metadata": {"status": {"$exists": True}}}}}, True, id="match-deep"
        ),
        pytest.param({"metadata.system.refs": {"id": {"$in": ["T"]}, "type": "task"}}, True, id="match-unsaid"),
        pytest.param({"name": {"$match": "*.jpg"}}, True, id="match-text"),
        pytest.param({"metadata.system.size": {"$gt": 9, "$lte": 10}}, True, id="range"),
        pytest.param({"metadata.system.size": {"$gt": "9"}}, False, id="text-bounds-no-number"),
        pytest.param({"absent": {"$lt": 5}}, False, id="missing-is-not-less"),
        pytest.param({"absent": {"$ne": 5}}, True, id="missing-is-not-equal"),
        pytest.param({"createdAt": {"$gt": "2024-05-02"}}, True, id="date-only-is-midnight"),
        pytest.param({"createdAt": {"$lt": "2024-05-02T14:00:00+03:00"}}, False, id="instants-across-zones"),
        pytest.param({"createdAt": "2024-05-02T12:00:00Z"}, True, id="instants-equal"),
        pytest.param({"id": {"$gt": "65a000000000000000000000"}}, True, id="ids-in-order"),
        pytest.param({"$and": [{"hidden": False}], "$or": [{"name": "x"}]}, False, id="or-beside-and"),
        pytest.param({"$or": [{"name": "x"}, {"$and": [{"hidden": False}]}]}, True, id="nested"),
        pytest.param({"$and": []}, True, id="empty-and"),
    ],
)
def test_a_filter_holds_or_not(filter_: dict[str, Any], holds: bool) -> None:
    assert matcher(filter_)(DOCUMENT) is holds


@pytest.mark.parametrize(
    ("filter_", "said"),
    [
        pytest.param([], "filter must be an object, not []", id="list"),
        pytest.param({"$and": {}}, "filter.$and must be a list of filters", id="and-object"),
        pytest.param({"$and": [{}, 3]}, "filter.$and[1] must be an object, not 3", id="and-number"),
        pytest.param({"$not": {}}, "unknown operator '$not' at filter;", id="top-level"),
        pytest.param(
            {"a": {"$glob": "x"}}, "unknown operator '$glob' at filter.a; known operators: $eq", id="operator"
        ),
        pytest.param({"a": {"$in": "x"}}, "filter.a.$in must be a list, not 'x'", id="in-text"),
        pytest.param({"a": {"$exists": 1}}, "filter.a.$exists must be true or false, not 1", id="exists-number"),
        pytest.param({"a": {"$gt": None}}, "filter.a.$gt must be a number", id="greater-than-nothing"),
        pytest.param({"a": {"$eq": 1, "b": 2}}, "filter.a mixes operators with the field 'b'", id="mixed"),
        pytest.param({"$or": [{"a": {"b": {"$x": 1}}}]}, "unknown operator '$x' at filter.$or[0].a.b", id="deep"),
        pytest.param({"v": {"$euclid": {}}}, "filter.v.$euclid must be an object with 'input'", id="no-input"),
    ],
)
def test_a_filter_that_cannot_be_understood_is_named(filter_: Any, said: str) -> None:
    with pytest.raises(QueryError) as caught:
        matcher(filter_)

    assert said in str(caught.value)


class Rows:
    """Documents of any resource, for queries without a platform."""

    settings = Settings()

    def __init__(self, **documents: list[dict[str, Any]]) -> None:
        self.documents = documents
        self.tables = {resource: filled(Table(), rows) for resource, rows in documents.items()}

    def limits(self, resource: str) -> Mapping[str, Any]:
        return {}

    def find(self, resource: str, filter_: Filter) -> Found:
        return self.tables[resource].find(filter_)

    def vector(self, vector_id: str) -> list[float]:
        return next(one["value"] for one in self.documents["feature_vectors"] if one["id"] == vector_id)


def filled(table: Table, rows: Iterable[dict[str, Any]]) -> Table:
    for row in rows:
        table.put(row)
    return table


def ids(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


ITEMS = [{"id": name, "kind": kind} for name, kind in (("1", "x"), ("2", "x"), ("3", "y"))]
ANNOTATIONS = [
    {"id": "a", "itemId": "1", "label": "cat", "type": "box"},
    {"id": "b", "itemId": "1", "label": "dog", "type": "point"},
    {"id": "c", "itemId": "2", "label": "dog", "type": "box"},
]
ON_ITEMS = {"resource": "annotations", "local": "itemId", "forigen": "id"}
TABLES = Rows(items=ITEMS, annotations=ANNOTATIONS)


def having(**labels: Any) -> dict[str, Any]:
    return {"on": ON_ITEMS, "filter": labels}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        pytest.param({"join": having(label="dog")}, ["1", "2"], id="join-once-each"),
        pytest.param({"join": having(label={"$ne": "cat"})}, ["1", "2"], id="join-any-other"),
        pytest.param({"join": having(label="cat", type="point")}, [], id="join-one-row-has-all"),
        pytest.param({"join": {"on": ON_ITEMS}}, ["1", "2"], id="join-without-filter"),
        pytest.param({"join": {}}, ["1", "2", "3"], id="empty-join"),
        pytest.param({"except": {"query": {"join": having(label="cat")}}}, ["2", "3"], id="except"),
        pytest.param(
            {"join": having(label="dog"), "intersect": {"query": {"join": having(label="cat")}}}, ["1"], id="intersect"
        ),
        pytest.param({"intersect": {"query": {"filter": {"kind": "y"}}}}, ["3"], id="intersect-filter"),
        pytest.param({"sort": {"kind": "descending", "id": "descending"}}, ["3", "2", "1"], id="sort"),
    ],
)
def test_a_query_selects_rows(body: dict[str, Any], found: list[str]) -> None:
    assert ids(search({"sort": {"id": "ascending"}, **body}, "items", TABLES)) == found


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param({"join": {"filter": {}}}, "join.on must have 'resource', 'local' and 'forigen'", id="join"),
        pytest.param({"sort": {"a": "up"}}, "sort.a must be 'ascending' or 'descending', not 'up'", id="direction"),
        pytest.param({"sort": ["a"]}, "sort must be an object, not ['a']", id="sort"),
        pytest.param({"except": {"filter": {}}}, "except must be an object with a 'query'", id="except"),
    ],
)
def test_a_query_that_cannot_be_understood_is_named(body: dict[str, Any], said: str) -> None:
    with pytest.raises(QueryError) as caught:
        search(body, "items", TABLES)

    assert said in str(caught.value)


@pytest.mark.parametrize("body", [{"pageSize": -1}, {"pageSize": "5"}, {"page": 0.5}, {"page": True}], ids=str)
def test_a_page_is_told_in_whole_numbers(body: dict[str, Any]) -> None:
    with pytest.raises(QueryError, match="must be a whole number"):
        page(body, [])


def test_a_page_size_of_zero_only_counts() -> None:
    expected = {"totalItemsCount": 3, "totalPagesCount": 0, "hasNextPage": False, "items": []}

    assert page({"pageSize": 0}, ITEMS) == expected


def test_select_keeps_or_drops_paths() -> None:
    kept = selection({"select": {"metadata.system.size": 1, "metadata.user.count": 1}})(DOCUMENT)
    dropped = selection({"select": {"metadata.system": 0, "note": 0}})(DOCUMENT)

    assert kept == {"id": DOCUMENT["id"], "metadata": {"system": {"size": 10}, "user": {"count": 1}}}
    assert dropped["metadata"].keys() == {"user"}
    assert "note" not in dropped


VECTORS = [
    {"id": "v1", "entityId": "1", "value": [0.0, 3.0]},
    {"id": "v2", "entityId": "2", "value": [0.0, 1.0]},
    {"id": "v3", "entityId": "3", "value": [0.0, 9.0]},
]
ON_VECTORS = {"resource": "feature_vectors", "local": "entityId", "forigen": "id"}


@pytest.mark.parametrize("origin", [[0.0, 0.0], "v2"], ids=["given", "stored"])
def test_items_are_ordered_by_the_distance_of_their_vectors(origin: Any) -> None:
    near = {"input": origin, "$euclidFilter": {"$lt": 5}, "$euclidSort": {"eu_dist": "ascending"}}
    join = {"on": ON_VECTORS, "filter": {"value": {"$euclid": near}}}

    found = search({"join": join}, "items", Rows(items=ITEMS, feature_vectors=VECTORS))

    assert ids(found) == ["2", "1"]


# Laws

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from(["", "a", "ab", "a*", "b?", "2024-05-02", "2024-05-02T00:00:00Z", "2024-05-03T01:00:00+02:00"]),
)
scalars_or_lists = st.one_of(values, st.lists(values, max_size=3))
documents = st.fixed_dictionaries(
    {}, optional={"a": scalars_or_lists, "b": scalars_or_lists, "c": st.fixed_dictionaries({}, optional={"d": values})}
)
fields = st.sampled_from(["a", "b", "c.d"])
bounds = st.one_of(st.integers(-3, 3), st.sampled_from(["a", "ab", "2024-05-02"]))
conditions = st.one_of(
    scalars_or_lists,
    scalars_or_lists.map(lambda value: {"$eq": value}),
    scalars_or_lists.map(lambda value: {"$ne": value}),
    st.lists(values, max_size=3).map(lambda value: {"$in": value}),
    st.lists(values, max_size=3).map(lambda value: {"$nin": value}),
    st.booleans().map(lambda value: {"$exists": value}),
    st.tuples(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), bounds).map(lambda pair: {pair[0]: pair[1]}),
)
filters = st.recursive(
    st.dictionaries(fields, conditions, max_size=2),
    lambda inner: st.lists(inner, min_size=1, max_size=3).flatmap(
        lambda parts: st.sampled_from([{"$and": parts}, {"$or": parts}])
    ),
    max_leaves=6,
)


@given(fields, scalars_or_lists, documents)
def test_not_equal_is_the_negation_of_equal(field: str, value: Any, document: dict[str, Any]) -> None:
    assert matcher({field: {"$ne": value}})(document) is not matcher({field: {"$eq": value}})(document)


@given(fields, st.lists(scalars_or_lists, max_size=4), documents)
def test_not_in_is_the_negation_of_in(field: str, among: list[Any], document: dict[str, Any]) -> None:
    assert matcher({field: {"$nin": among}})(document) is not matcher({field: {"$in": among}})(document)


@given(fields, st.lists(scalars_or_lists, max_size=4), documents)
def test_in_is_equal_to_one_of_them(field: str, among: list[Any], document: dict[str, Any]) -> None:
    any_equal = any(matcher({field: value})(document) for value in among)

    assert matcher({field: {"$in": among}})(document) is any_equal


@given(fields, documents)
def test_a_field_exists_or_does_not(field: str, document: dict[str, Any]) -> None:
    exists, absent = (matcher({field: {"$exists": wanted}})(document) for wanted in (True, False))

    assert exists is not absent


@given(st.lists(filters, min_size=1, max_size=3), documents)
def test_and_is_all_and_or_is_any(parts: list[dict[str, Any]], document: dict[str, Any]) -> None:
    each = [matcher(part)(document) for part in parts]

    assert matcher({"$and": parts})(document) is all(each)
    assert matcher({"$or": parts})(document) is any(each)


@given(fields, bounds, documents)
def test_at_least_is_more_or_equal(field: str, bound: Any, document: dict[str, Any]) -> None:
    at_least, more, equal = (matcher({field: {op: bound}})(document) for op in ("$gte", "$gt", "$eq"))

    assert at_least is (more or equal)


def numbered(count: int, kinds: list[int]) -> list[dict[str, Any]]:
    return [{"id": f"{index:024x}", "n": kinds[index % len(kinds)] if kinds else 0} for index in range(count)]


collections = st.builds(numbered, st.integers(0, 40), st.lists(st.integers(0, 4), max_size=7))
sizes = st.integers(1, 12)
sorts = st.sampled_from([{"id": "ascending"}, {"n": "descending", "id": "ascending"}, {"n": "ascending"}])


@given(collections, sizes, sorts)
def test_pages_are_a_partition_in_order(rows: list[dict[str, Any]], size: int, sort: dict[str, str]) -> None:
    body = {"sort": sort, "pageSize": size}
    found = search(body, "items", Rows(items=rows))
    pages = [page({**body, "page": number}, found) for number in range(-(-len(rows) // size) + 1)]

    assert [row for one in pages for row in one["items"]] == found
    assert sorted(ids(found)) == ids(rows)
    assert [one["hasNextPage"] for one in pages] == [bool(later) for later in _later(pages)]
    assert {one["totalPagesCount"] for one in pages} == {-(-len(rows) // size)}


@given(collections, sizes, st.integers(0, 4))
def test_paging_by_key_gives_what_paging_by_offset_gives(rows: list[dict[str, Any]], size: int, kind: int) -> None:
    filter_ = {"n": {"$ne": kind}}
    table = Rows(items=rows)
    by_offset = search({"filter": filter_, "sort": {"id": "ascending"}}, "items", table)

    by_key: list[Any] = []
    more = True
    while more:
        after = {"$and": [filter_, {"id": {"$gt": by_key[-1]["id"]}}]} if by_key else filter_
        body = {"filter": after, "sort": {"id": "ascending"}, "page": 0, "pageSize": size}
        one = page(body, search(body, "items", table))
        by_key += one["items"]
        more = one["hasNextPage"]

    assert by_key == by_offset


def _later(pages: list[dict[str, Any]]) -> list[list[Any]]:
    return [[row for one in pages[index + 1 :] for row in one["items"]] for index in range(len(pages))]
