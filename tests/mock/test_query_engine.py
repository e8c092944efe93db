"""The engine, with its indexes and generated code, against the naive evaluator; and the laws of queries."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

import naive_query
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dl_mock.query import Filter, compiled
from dl_mock.search import answer, search
from dl_mock.settings import Settings
from dl_mock.table import Found, Table

TEXTS = ["", "a", "ab", "abc", "b", "a*", "b?", "*b", "a*c", "[a]", "/a/b", "/a/*", "**"]
DATES = [
    *("2024-05-02", "2024-05-02T00:00:00Z", "2024-05-02T00:00:00.000Z", "2024-05-03T01:00:00+02:00"),
    *("2024-05-02T10:30:00.250Z", "2024-02-29T00:00:00.000Z", "2024-12-31T23:59:59.999Z", "2024-05-02T23:00:00.000Z"),
]
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.floats(-2, 2, width=16), st.sampled_from([*TEXTS, *DATES])
)
values = st.one_of(scalars, st.lists(scalars, max_size=3))
inner_objects = st.fixed_dictionaries({}, optional={"d": values, "e": scalars})
anything = st.one_of(values, inner_objects, st.lists(st.one_of(inner_objects, scalars), max_size=3))
documents = st.fixed_dictionaries(
    {}, optional={"a": anything, "b": anything, "c": st.fixed_dictionaries({}, optional={"d": anything, "e": anything})}
)
fields = st.sampled_from(["a", "b", "c.d", "a.d", "c.d.e", "c.e.d", "c"])
bounds = st.one_of(st.integers(-2, 2), st.booleans(), st.sampled_from([*TEXTS, *DATES]))
plain_conditions = st.one_of(
    values,
    st.tuples(st.sampled_from(["$eq", "$ne"]), values).map(lambda pair: {pair[0]: pair[1]}),
    st.tuples(st.sampled_from(["$in", "$nin"]), st.lists(values, max_size=3)).map(lambda pair: {pair[0]: pair[1]}),
    st.booleans().map(lambda value: {"$exists": value}),
    st.tuples(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), bounds).map(lambda pair: {pair[0]: pair[1]}),
    st.tuples(bounds, bounds).map(lambda pair: {"$gte": pair[0], "$lt": pair[1]}),
)
conditions = st.one_of(
    plain_conditions,
    st.dictionaries(st.sampled_from(["d", "e"]), plain_conditions, min_size=1, max_size=2).map(
        lambda pattern: {"$match": pattern}
    ),
    st.dictionaries(st.sampled_from(["d", "e"]), plain_conditions, min_size=1, max_size=2),
)
filters = st.recursive(
    st.dictionaries(fields, conditions, max_size=2),
    lambda inner: st.lists(inner, max_size=3).flatmap(
        lambda parts: st.sampled_from([{"$and": parts}, {"$or": parts}, {"$and": parts, "$or": parts[:1], "a": "ab"}])
    ),
    max_leaves=6,
)


@settings(max_examples=400)
@given(filters, documents)
def test_a_filter_holds_as_the_rules_say(filter_: dict[str, Any], document: dict[str, Any]) -> None:
    expected = naive_query.holds(filter_, document)

    assert compiled(filter_).match(document) is expected
    assert compiled(filter_).scan([document]) == ([document] if expected else [])


@pytest.mark.parametrize("parts", [1, 64, 65, 1000])
def test_an_or_may_have_many_parts(parts: int) -> None:
    match = compiled({"$or": [{"a": number} for number in range(parts)]}).match

    assert match({"a": parts - 1})
    assert not match({"a": parts})


@pytest.mark.parametrize("depth", [1, 9, 10, 11, 45])
def test_filters_may_nest(depth: int) -> None:
    filter_: dict[str, Any] = {"a.b": "x"}
    for level in range(depth):
        filter_ = {"$or": [filter_, {"n": level}]}
    match = compiled(filter_).match

    assert match({"a": [{"b": "x"}]})
    assert match({"n": 0})
    assert not match({"n": depth})


@pytest.mark.parametrize("length", [1, 6, 7, 100])
def test_paths_may_be_long(length: int) -> None:
    document: Any = "here"
    for _ in range(length):
        document = {"k": document}

    assert compiled({".".join(["k"] * length): "he*"}).match(document)


def test_names_and_values_are_never_code() -> None:
    tricky = "'] or exit(1) or d['{}{0}\\\"\n"
    match = compiled({f"{tricky}.b": {"$in": [tricky, "x"]}}).match

    assert match({tricky: {"b": tricky}})
    assert not match({"b": 1})


class Tables:
    """Documents in the engine's tables and, beside them, in plain dicts."""

    def __init__(self) -> None:
        self.engine = {
            "items": Table("set", split=("type", "hidden"), indexed_inside=("name",)),
            "annotations": Table("set", indexed=("itemId",)),
        }
        self.plain: dict[str, dict[str, dict[str, Any]]] = {"items": {}, "annotations": {}}

    def put(self, resource: str, document: dict[str, Any]) -> None:
        self.engine[resource].put(document)
        self.plain[resource][document["id"]] = document

    def remove(self, resource: str, id_: str) -> None:
        self.engine[resource].remove(id_)
        self.plain[resource].pop(id_, None)

    settings = Settings()

    def limits(self, resource: str) -> Mapping[str, Any]:
        return {}

    def find(self, resource: str, filter_: Filter) -> Found:
        return self.engine[resource].find(filter_, "S")

    def vector(self, vector_id: str) -> list[float]:
        raise AssertionError(vector_id)

    def naive(self) -> dict[str, list[dict[str, Any]]]:
        return {name: [row for row in rows.values() if row["set"] == "S"] for name, rows in self.plain.items()}


IDS = [f"{number:024x}" for number in range(60)]
CREATED = [*DATES, *["2024-01-01T00:00:00.000Z"] * 3]
ids = st.sampled_from(IDS)


def some_item(random: Random) -> dict[str, Any]:
    """An item; many are alike, some are odd."""
    item = {
        "id": random.choice(IDS),
        "set": random.choice(["S", "S", "S", "other"]),
        "type": random.choice(["file", "file", "file", "dir"]),
        "hidden": random.choice([False, False, False, False, True, None, 0, [True]]),
        "createdAt": random.choice(CREATED),
        "name": random.choice(TEXTS),
        "n": random.randrange(4),
        "tags": random.choice([None, "a", "b", ["a", "b"], ["b", 1, None], [], True, 1, {"d": "a"}]),
    }
    for field in ("hidden", "tags", "n"):
        if random.random() < 0.1:
            del item[field]
    return item


def some_annotation(random: Random) -> dict[str, Any]:
    return {
        "id": random.choice(IDS),
        "set": random.choice(["S", "S", "S", "other"]),
        "itemId": random.choice(IDS[:20]),
        "type": random.choice(["box", "class"]),
        "createdAt": random.choice(CREATED),
        "label": random.choice([*TEXTS[:5], None, 1]),
        "n": random.randrange(4),
    }


row_conditions = st.one_of(
    st.tuples(st.sampled_from(["type", "hidden", "name", "n", "tags", "label", "itemId"]), plain_conditions),
    st.tuples(st.just("id"), ids),
    st.tuples(st.just("id"), st.dictionaries(st.sampled_from(["$gt", "$lte", "$gte", "$lt"]), ids, min_size=1)),
    st.tuples(st.just("id"), st.lists(ids, max_size=3).map(lambda some: {"$in": some})),
    st.tuples(st.just("itemId"), ids),
).map(lambda pair: {pair[0]: pair[1]})
row_filters = st.one_of(
    st.lists(row_conditions, max_size=3).map(lambda parts: {"$and": parts}),
    st.just({"$and": [{"hidden": False}, {"type": "file"}]}),
    st.lists(row_conditions, min_size=1, max_size=2).map(lambda parts: {"$or": parts}),
)
sorts = st.one_of(
    st.sampled_from(
        [{}, {"id": "ascending"}, {"id": "descending"}, {"createdAt": "descending"}, {"name": "ascending"}]
    ),
    st.dictionaries(
        st.sampled_from(["createdAt", "type", "n", "tags", "name", "id"]),
        st.sampled_from(["ascending", "descending"]),
        max_size=3,
    ),
)
JOINED = {"items": ("annotations", "itemId", "id"), "annotations": ("items", "id", "itemId")}


@st.composite
def queries(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    resource = draw(st.sampled_from(["items", "annotations"]))
    body: dict[str, Any] = {
        "filter": draw(row_filters),
        "sort": draw(sorts),
        "page": draw(st.integers(0, 2)),
        "pageSize": draw(st.integers(0, 7)),
    }
    other, local, foreign = JOINED[resource]
    if draw(st.integers(0, 3)) == 0:
        body["join"] = {
            "on": {"resource": other, "local": local, "forigen": foreign},
            "filter": draw(row_filters),
        }
    for name in ("intersect", "except"):
        if draw(st.integers(0, 3)) == 0:
            body[name] = {"query": {"filter": draw(row_filters)}}
    return resource, body


class IndexedAgainstNaive(RuleBasedStateMachine):
    """Documents come, change and go; every query gives what looking at each document gives."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = Tables()

    @initialize(count=st.integers(0, 150), seed=st.integers(0, 2**32), sorted_=st.booleans())
    def begin(self, count: int, seed: int, sorted_: bool) -> None:
        random = Random(seed)
        some = [some_item(random) for _ in range(count)]
        if sorted_:  # as the platform makes them: whoever comes later has a greater id and a later date
            dates = sorted(random.choice(CREATED) for _ in range(len(IDS)))
            some = [{**item, "id": id_, "createdAt": at} for item, id_, at in zip(some, IDS, dates, strict=False)]
        for item in some:
            self.tables.put("items", item)
        for _ in range(count):
            self.tables.put("annotations", some_annotation(random))

    @rule(seed=st.integers(0, 2**32), count=st.integers(1, 20))
    def put(self, seed: int, count: int) -> None:
        random = Random(seed)
        for _ in range(count):
            self.tables.put("items", some_item(random))
            self.tables.put("annotations", some_annotation(random))

    @rule(id_=ids, resource=st.sampled_from(["items", "annotations"]))
    def remove(self, id_: str, resource: str) -> None:
        self.tables.remove(resource, id_)

    @rule(name=st.sampled_from(TEXTS), times=st.integers(17, 40))
    def rename_all(self, name: str, times: int) -> None:
        """Long lists of one value in an index, most of which go again."""
        for id_ in sorted(self.tables.plain["items"])[:times]:
            self.tables.put("items", {**self.tables.plain["items"][id_], "name": name})

    @rule(asked=st.lists(queries(), min_size=1, max_size=4))
    def ask(self, asked: list[tuple[str, dict[str, Any]]]) -> None:
        for resource, body in asked:
            expected = naive_query.select(body, resource, self.tables.naive())

            assert search(body, resource, self.tables) == expected
            assert answer(body, resource, self.tables) == naive_query.page(body, expected)

    @invariant()
    def look_ups_agree(self) -> None:
        table, plain = self.tables.engine["items"], self.tables.plain["items"]
        for name in ("a", "ab"):
            found = {row["id"] for row in table.having({"set": "S", "name": name})}
            assert found == {id_ for id_, row in plain.items() if row["set"] == "S" and row["name"] == name}


class IndexedAtOnce(IndexedAgainstNaive):
    """The same, with indexes made for whatever is asked for, and few of them kept."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        for name, value in (("LARGE", 0), ("MOST_MADE", 2), ("FEW", 3)):
            self.patch.setattr(f"dl_mock.table.{name}", value)
        self.patch.setattr("dl_mock.ordering.SMALL_PART", 1)

    def teardown(self) -> None:
        self.patch.undo()


TestIndexedAgainstNaive = IndexedAgainstNaive.TestCase
TestIndexedAgainstNaive.settings = settings(max_examples=80, stateful_step_count=15)
TestIndexedAtOnce = IndexedAtOnce.TestCase
TestIndexedAtOnce.settings = settings(max_examples=80, stateful_step_count=15)


# Laws of whole queries


@st.composite
def tables_in_order(draw: st.DrawFn) -> Tables:
    """Documents as the platform makes them: whoever comes later has a greater id and no earlier date."""
    tables = Tables()
    dates = sorted(draw(st.lists(st.integers(1, 9), max_size=50)))
    for number, day in enumerate(dates):
        tables.put(
            "items",
            {
                "id": IDS[number],
                "set": "S",
                "type": draw(st.sampled_from(["file", "file", "dir"])),
                "hidden": draw(st.sampled_from([False, False, True])),
                "createdAt": f"2024-01-0{day}T00:00:00.000Z",
                "n": draw(st.integers(0, 2)),
            },
        )
    return tables


VISIBLE = {"$and": [{"hidden": False}, {"type": "file"}]}
some_filters = st.sampled_from(
    [VISIBLE, {}, {"type": "file"}, {"n": {"$ne": 1}}, {"$or": [{"n": 0}, {"hidden": True}]}]
)


@settings(max_examples=300)
@given(tables_in_order(), some_filters, sorts, st.integers(1, 12))
def test_pages_are_a_partition_of_the_result(
    tables: Tables, filter_: dict[str, Any], sort: dict[str, str], size: int
) -> None:
    expected = naive_query.select({"filter": filter_, "sort": sort}, "items", tables.naive())
    pages = -(-len(expected) // size)
    found = [
        answer({"filter": filter_, "sort": sort, "page": number, "pageSize": size}, "items", tables)
        for number in range(pages + 1)
    ]

    assert [row for one in found for row in one["items"]] == expected
    assert [one["hasNextPage"] for one in found] == [number + 1 < pages for number in range(pages + 1)]
    assert {(one["totalItemsCount"], one["totalPagesCount"]) for one in found} == {(len(expected), pages)}


@given(tables_in_order(), some_filters, st.integers(1, 12), st.booleans())
def test_paging_by_key_is_paging_by_offset(
    tables: Tables, filter_: dict[str, Any], size: int, descending: bool
) -> None:
    sort = {"id": "descending" if descending else "ascending"}
    rows: list[dict[str, Any]] = []
    more = True
    while more:
        bound = [{"id": {"$lt" if descending else "$gt": rows[-1]["id"]}}] if rows else []
        one = answer({"filter": {"$and": [filter_, *bound]}, "sort": sort, "pageSize": size}, "items", tables)
        rows += one["items"]
        more = one["hasNextPage"]

    assert rows == search({"filter": filter_, "sort": sort}, "items", tables)


@given(tables_in_order(), st.permutations([*VISIBLE["$and"], {"n": {"$lt": 2}}, {"id": {"$gt": IDS[5]}}]))
def test_the_order_of_conditions_does_not_matter(tables: Tables, parts: list[dict[str, Any]]) -> None:
    expected = search({"filter": {"$and": sorted(parts, key=repr)}}, "items", tables)

    assert search({"filter": {"$and": parts}}, "items", tables) == expected
    assert (
        search({"filter": {name: value for part in parts for name, value in part.items()}}, "items", tables) == expected
    )


@given(tables_in_order(), st.sampled_from([("n", 1), ("type", "dir"), ("hidden", True), ("id", IDS[3])]))
def test_a_condition_and_its_opposite_share_out_the_rows(tables: Tables, term: tuple[str, Any]) -> None:
    field, value = term
    sides = [search({"filter": {field: {name: value}}}, "items", tables) for name in ("$eq", "$ne")]

    assert sorted(row["id"] for side in sides for row in side) == sorted(tables.plain["items"])
    assert [search({"except": {"query": {"filter": {field: value}}}}, "items", tables)] == sides[1:]


@given(tables_in_order(), some_filters)
def test_what_was_changed_is_found_by_what_it_is_now(tables: Tables, filter_: dict[str, Any]) -> None:
    chosen = search({"filter": filter_}, "items", tables)
    search({"filter": {"n": 7}}, "items", tables)  # an index that must take note of the change
    for row in chosen:
        tables.put("items", {**row, "n": 7})

    found = search({"filter": {"n": 7}}, "items", tables)

    assert [row["id"] for row in found] == [row["id"] for row in chosen]
