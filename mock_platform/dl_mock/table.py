"""Documents of one collection, stored so that a query reads little more than it answers with.

A table has sections (the documents of one dataset) and these have groups (documents alike in a few fields, such as
type and visibility of items). A condition on such a field is settled once per group, so that what the SDK asks by
default needs no look at any document: the ids of a group are in order and counted.

Equality with values of other fields goes through an index. Some are always kept; others are made when a large
section is asked for a field first. An index tells where to look, and the documents found are tested again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice, repeat
from typing import Any

from sortedcontainers import SortedList

from dl_mock.index import Index
from dl_mock.paths import MISSING, reach
from dl_mock.query import Filter, Path, Term, settled

Document = dict[str, Any]

LARGE = 4096  # documents in a section from which on an index is made for a field that is asked for
SAMPLE = 256  # documents that are looked at to learn how a filter is best asked
NARROW = 8  # an index is used for at most this part of what there is; to walk through is faster than to jump about
MOST_MADE = 8  # indexes made on demand; the one that was not asked for longest goes
FEW = 20_000  # ids up to which several groups are merged one by one
_OPEN = object()  # stands for a value that no group is made for, such as a list


class Group:
    """Documents of a section that are alike in the fields by which the table is split."""

    __slots__ = ("_ids", "_last", "_sample", "in_order", "rows", "values")

    def __init__(self, values: tuple[Any, ...]) -> None:
        self.values = values
        self.rows: dict[str, Document] = {}
        self.in_order = True  # whether whoever has a greater id was not created earlier
        self._ids: Any = None
        self._last: tuple[str, Any] = ("", "")
        self._sample: tuple[int, Sequence[str]] = 0, ()

    @property
    def ids(self) -> Any:
        """Ids in their order; kept from the first time on that somebody asks."""
        if self._ids is None:
            self._ids = SortedList(self.rows)
        return self._ids

    def sample(self) -> Sequence[str]:
        """Some of the ids, from everywhere; chosen anew when there are twice or half as many."""
        size, chosen = self._sample
        if not size // 2 <= len(self.rows) <= size * 2 or not chosen:
            chosen = list(islice(self.rows, 0, None, len(self.rows) // SAMPLE + 1))
            self._sample = len(self.rows), chosen
        return chosen

    def add(self, id_: str, document: Document) -> None:
        """Take in a document that is not here."""
        self.rows[id_] = document
        if self._ids is not None:
            self._ids.add(id_)
        if self.in_order:
            last_id, last_created = self._last
            created = document.get("createdAt", "")
            self._last = id_, created
            if created.__class__ is not str or id_ < last_id or created < last_created:
                self.in_order = False

    def replace(self, id_: str, old: Document, new: Document) -> None:
        """Put another version in the place of a document."""
        self.rows[id_] = new
        if self.in_order and old.get("createdAt") != new.get("createdAt"):
            self.in_order = False

    def discard(self, id_: str) -> None:
        """Take a document out."""
        self.rows.pop(id_, None)
        if self._ids is not None:
            self._ids.discard(id_)


class Section:
    """The documents of a table that share the value of its outermost field."""

    def __init__(self, indexes: dict[Path, Index]) -> None:
        self.groups: dict[tuple[Any, ...], Group] = {}
        self.indexes = indexes

    def __len__(self) -> int:
        return sum(len(group.rows) for group in self.groups.values())


@dataclass(slots=True)
class Span:
    """A run of ids of a group; all of them, if there are no bounds."""

    group: Group
    first: int
    end: int
    whole: bool

    def rows(self) -> Iterable[Document]:
        """The documents, in no certain order."""
        rows = self.group.rows
        if self.whole:
            return rows.values()
        return [rows[id_] for id_ in self.group.ids.islice(self.first, self.end)]

    def sample(self) -> list[Document]:
        """Some of the documents, from all over the run."""
        rows = self.group.rows
        if self.whole:
            return [rows[id_] for id_ in self.group.sample() if id_ in rows]
        step = (self.end - self.first) // SAMPLE + 1
        return [rows[id_] for id_ in islice(self.group.ids.islice(self.first, self.end), 0, None, step)]


@dataclass(slots=True)
class Found:
    """Where the documents are that may satisfy a filter, and what is left of it to ask.

    Either `ids` has them, from an index, or `spans` has runs of ids in groups.
    """

    rest: Filter
    table: Mapping[str, Document]
    spans: Sequence[Span] = ()
    ids: Sequence[str] | None = None
    constant: frozenset[str] = frozenset()  # fields that have one value in a group

    @property
    def exact(self) -> Sequence[Span] | None:
        """The spans, if they hold the answer and nothing else."""
        return self.spans if self.ids is None and self.rest.empty else None

    @property
    def exact_ids(self) -> Sequence[str] | None:
        """The ids, if they are the answer."""
        return self.ids if self.rest.empty else None

    def rows(self) -> list[Document]:
        """All that satisfy the filter, in no certain order."""
        if self.ids is not None:
            return self.rest.scan([row for id_ in self.ids if (row := self.table.get(id_)) is not None])
        rest = self.rest
        if sum(span.end - span.first for span in self.spans) >= LARGE:
            rest = rest.tuned([row for span in self.spans for row in span.sample()])
        return [row for span in self.spans for row in rest.scan(span.rows())]


class Table:
    """One collection.

    `section` names the field whose values make the sections; `split` the fields whose values make the groups;
    `indexed` and `indexed_inside` the fields for which an index over the table, or one in each section, is kept.
    """

    def __init__(
        self,
        section: str | None = None,
        split: tuple[str, ...] = (),
        indexed: tuple[str, ...] = (),
        indexed_inside: tuple[str, ...] = (),
    ) -> None:
        self.rows: dict[str, Document] = {}
        self.sections: dict[Any, Section] = {}
        self.indexes: dict[Path, Index] = {}
        self._section = section
        self._split = split
        self._inside = tuple((name,) for name in indexed_inside)
        for name in indexed:
            self.indexes[name,] = Index((name,), self.rows)

    def put(self, document: Document) -> Document | None:
        """Add a document or replace the one with the same id, which is returned."""
        id_ = document["id"]
        old = self.rows.get(id_)
        self.rows[id_] = document
        section, group = self._place(document)
        if old is None:
            group.add(id_, document)
            for index in self.indexes.values():
                index.add(id_, document)
            for index in section.indexes.values():
                index.add(id_, document)
            return None
        before_section, before = self._place(old)
        for index in self.indexes.values():
            index.replace(id_, old, document)
        if before is group:
            group.replace(id_, old, document)
        else:
            before.discard(id_)
            group.add(id_, document)
        for index in section.indexes.values():
            if before_section is section:
                index.replace(id_, old, document)
            else:
                index.add(id_, document)
        if before_section is not section:
            for index in before_section.indexes.values():
                index.discard(id_, old)
        return old

    def remove(self, id_: str) -> Document | None:
        """Take a document out and return it."""
        old = self.rows.pop(id_, None)
        if old is not None:
            section, group = self._place(old)
            group.discard(id_)
            for indexes in (self.indexes, section.indexes):
                for index in indexes.values():
                    index.discard(id_, old)
        return old

    def having(self, values: Mapping[str, Any]) -> list[Document]:
        """Documents whose fields have these values, in order of arrival: of each group, if they are of several."""
        rows: Iterable[Document] | None
        if "id" in values:
            rows = [self.rows[values["id"]]] if values["id"] in self.rows else []
        elif self._section is not None and self._section in values:
            section = self.sections.get(values[self._section])
            if section is None:
                return []
            rows = self._indexed(section.indexes, values)
            if rows is None:
                rows = (row for group in section.groups.values() for row in group.rows.values())
        else:
            rows = self._indexed(self.indexes, values)
        every = self.rows.values() if rows is None else rows
        for name, value in values.items():
            every = [row for row in every if row.get(name) == value]
        return list(every)

    def count(self, field: str, value: str) -> int:
        """How many documents have a value in a field that is indexed over the table."""
        return self.indexes[field,].count(value)

    def _indexed(self, indexes: Mapping[Path, Index], values: Mapping[str, Any]) -> list[Document] | None:
        for name, value in values.items():
            index = indexes.get((name,)) or self.indexes.get((name,))
            if index is not None and isinstance(value, str):
                found = (self.rows.get(id_) for id_ in dict.fromkeys(index.ids(value)))
                return [row for row in found if row is not None]
        return None

    def find(self, filter_: Filter, section: Any = MISSING) -> Found:
        """Where to look for what satisfies a filter, in one section or in all."""
        sections = self._sections(section)
        spans, by_group, by_bound = _spans(sections, filter_, self._split)
        term, index = self._narrowing(filter_, section, sections, spans)
        if term is None:
            return Found(filter_.without([*by_group, *by_bound]), self.rows, spans, constant=frozenset(self._split))
        assert term.condition is not None and term.condition.among is not None
        among = term.condition.among
        found = dict.fromkeys(among if index is None else (id_ for value in among for id_ in index.ids(value)))
        everywhere = index is not None and index.made and len(spans) == sum(len(one.groups) for one in sections)
        groups = [span.group.rows for span in spans]
        if everywhere and not by_bound:
            ids = list(found)
        elif len(groups) == 1:
            ids = [id_ for id_ in found if id_ in groups[0]]
        else:
            ids = [id_ for id_ in found if any(id_ in group for group in groups)]
        exact = index is None or all(index.exact(value) for value in among)
        return Found(filter_.without([*by_group, term] if exact else by_group), self.rows, ids=ids)

    def _sections(self, section: Any) -> list[Section]:
        if section is MISSING:
            return list(self.sections.values())
        found = self.sections.get(section)
        return [found] if found is not None else []

    def _place(self, document: Document) -> tuple[Section, Group]:
        """Where a document belongs; made if it is not there."""
        key = document.get(self._section) if self._section else None
        section = self.sections.get(key)
        if section is None:
            section = self.sections[key] = Section({path: Index(path, self.rows) for path in self._inside})
        values = tuple([document.get(name, MISSING) for name in self._split]) if self._split else ()
        # `True` and 1 are one key of a dict, but not one value; of a list there is no key.
        if not _GROUPED.issuperset(map(type, values)):
            values = tuple(value if value.__class__ in _GROUPED else _OPEN for value in values)
        group = section.groups.get(values)
        if group is None:
            group = section.groups[values] = Group(values)
        return section, group

    def _narrowing(
        self, filter_: Filter, section: Any, sections: Sequence[Section], spans: Sequence[Span]
    ) -> tuple[Term | None, Index | None]:
        """The term of which an index, or the id, tells much fewer documents than there are; none if none does."""
        total = sum(span.end - span.first for span in spans)
        best: tuple[Term | None, Index | None] = None, None
        least = total if total <= NARROW else total // NARROW
        for make in (False, True):  # an index is made only if none that is there helps
            for term in filter_.terms:
                among = term.condition.among if term.condition else None
                if among is None or term.path is None or len(among) > least or term.path[0] in self._split:
                    continue
                index = None if term.path == ("id",) else self._index(term, section, sections, spans, make)
                if index is None and term.path != ("id",):
                    continue
                count = len(among) if index is None else sum(index.count(value) for value in among)
                if count <= least:
                    best, least = (term, index), count
            if best[0] is not None or total < LARGE:
                break
        return best

    def _index(
        self, term: Term, section: Any, sections: Sequence[Section], spans: Sequence[Span], make: bool
    ) -> Index | None:
        """An index for the field of a term; if need be made, if that pays."""
        path = term.path
        assert path is not None and term.condition is not None
        found = self.indexes.get(path)
        if found is not None:
            return found
        everywhere = section is MISSING and len(self.sections) > 1
        if not everywhere and not sections:
            return None
        indexes = self.indexes if everywhere else sections[0].indexes
        found = indexes.pop(path, None)
        if found is None and make and _selective(term, spans):
            found = Index(path, self.rows, made=True)
            found.fill(row for one in sections for group in one.groups.values() for row in group.rows.values())
            made = [old for old, index in indexes.items() if index.made]
            for old in made[: len(made) - MOST_MADE + 1]:
                del indexes[old]
        if found is not None:
            indexes[path] = found  # the last one is the one that was asked for last
        return found


def _selective(term: Term, spans: Sequence[Span]) -> bool:
    """Whether few documents seem to satisfy a term."""
    assert term.path is not None and term.condition is not None
    sample = [row for span in spans for row in span.sample()]
    return NARROW * sum(settled(term.condition, reach(row, term.path)) for row in sample) <= len(sample)


_GROUPED = frozenset({str, bool, type(None), type(MISSING)})


def _spans(
    sections: Sequence[Section], filter_: Filter, split: tuple[str, ...]
) -> tuple[list[Span], list[Term], list[Term]]:
    """Runs of ids in the groups that can hold answers, and the terms that are settled by the groups and the runs."""
    positions = {(name,): number for number, name in enumerate(split)}
    asked = [term for term in filter_.terms if term.path in positions]
    bounds = [term for term in filter_.terms if term.path == ("id",) and term.condition and term.condition.bound]
    done = {id(term): term for term in asked}
    spans: list[Span] = []
    for section in sections:
        for group in section.groups.values():
            possible = bool(group.rows)
            for term in asked:
                value = group.values[positions[term.path]]  # type: ignore[index]  # asked for the same reason
                assert term.condition is not None
                if value is _OPEN:
                    done.pop(id(term), None)
                elif not settled(term.condition, () if value is MISSING else (value,)):
                    possible = False
            if possible:
                span = _bounded(group, bounds)
                if span.end > span.first:
                    spans.append(span)
    return spans, list(done.values()), bounds


def _bounded(group: Group, bounds: Sequence[Term]) -> Span:
    """The ids of a group within bounds."""
    first, end = 0, len(group.rows)
    for term in bounds:
        assert term.condition is not None and term.condition.bound is not None
        operator, text = term.condition.bound
        if operator in ("$gt", "$gte"):
            first = max(first, group.ids.bisect_right(text) if operator == "$gt" else group.ids.bisect_left(text))
        else:
            end = min(end, group.ids.bisect_left(text) if operator == "$lt" else group.ids.bisect_right(text))
    return Span(group, first, end, whole=not bounds)


def by_id(spans: Sequence[Span], descending: bool, first: int, end: int) -> list[Document]:
    """Documents at positions of the order of their ids."""
    if len(spans) == 1:
        (span,) = spans
        rows, ids = span.group.rows, span.group.ids
        if descending:
            chosen = ids.islice(max(span.first, span.end - end), max(span.first, span.end - first), reverse=True)
        else:
            chosen = ids.islice(min(span.end, span.first + first), min(span.end, span.first + end))
        return [rows[id_] for id_ in chosen]
    pairs = [
        zip(span.group.ids.islice(span.first, span.end, reverse=descending), repeat(span.group.rows)) for span in spans
    ]
    if end <= FEW:
        merged: Iterator[tuple[str, Mapping[str, Document]]] = merge(
            *pairs, key=lambda pair: pair[0], reverse=descending
        )
    else:
        merged = iter(sorted((pair for one in pairs for pair in one), key=lambda pair: pair[0], reverse=descending))
    return [rows[id_] for id_, rows in islice(merged, first, end)]


def latest_first(spans: Sequence[Span], first: int, end: int) -> list[Document] | None:
    """Documents at positions of the order of creation, latest first and then by id; None if the ids do not tell."""
    if len(spans) > 1 or not all(span.group.in_order for span in spans):
        return None
    found: list[Document] = []
    for span in spans:
        rows, ids, stop = span.group.rows, span.group.ids, span.end
        while stop > span.first and end > 0:
            begin = _alike_from(span, stop)
            size = stop - begin
            if first < size:
                found += [rows[id_] for id_ in ids.islice(begin + first, min(stop, begin + end))]
            first, end, stop = max(0, first - size), end - size, begin
    return found


def _alike_from(span: Span, stop: int) -> int:
    """Where the run of documents that were created together with the one before `stop` begins."""
    rows, ids = span.group.rows, span.group.ids
    created = rows[ids[stop - 1]].get("createdAt", "")
    low, high = span.first, stop - 1
    step = 1
    while high - step >= low and rows[ids[high - step]].get("createdAt", "") == created:
        high -= step
        step *= 2
    low = max(low, high - step)
    while low < high:
        middle = (low + high) // 2
        if rows[ids[middle]].get("createdAt", "") < created:
            low = middle + 1
        else:
            high = middle
    return high
