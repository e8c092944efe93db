"""The filter language: whether one document satisfies a filter.

A filter is compiled once to a closure. Rules come from the platform's documentation and its former end-to-end
tests; what no public source states is marked "assumed". Known open points, and the choice made here:

* text is compared with its case (assumed);
* wildcards hold wherever equality does, so also inside `$in`, `$nin` and `$ne` (assumed; SDK: entities/filters.py
  sends `{"filename": {"$in": ["/a/**"]}}`);
* a number never equals or exceeds a text that looks like one (assumed);
* `$and` or `$or` with an empty list adds no condition (SDK sends `{"$and": []}`; for `$or` assumed).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

Document = Mapping[str, Any]
Match = Callable[[Document], bool]
Test = Callable[[list[Any]], bool]
Aliases = Mapping[str, str]

_MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?)?")


class QueryError(ValueError):
    """A filter or query the platform cannot understand; the message names the offending part."""


def matcher(
    filter_: Any,
    aliases: Aliases = {},  # noqa: B006  an empty mapping that is only read
    resolve_vector: Callable[[str], Sequence[float]] | None = None,
    where: str = "filter",
) -> Match:
    """Compile a filter; every member must hold, also a `$or` beside an `$and`.

    `aliases` maps names of fields to the paths they stand for; `resolve_vector` finds a vector by id for `$euclid`.
    """
    return _Compiler(aliases, resolve_vector).filter(filter_, where)


def reach(document: Any, path: Sequence[str]) -> list[Any]:
    """Values at a dotted path; a list on the way fans out to its elements, a list at the end stays whole."""
    values = [document]
    for key in path:
        found: list[Any] = []
        for value in values:
            if isinstance(value, Mapping):
                if key in value:
                    found.append(value[key])
            elif isinstance(value, list):
                found.extend(element[key] for element in value if isinstance(element, Mapping) and key in element)
        if not found:
            return found
        values = found
    return values


@lru_cache(maxsize=4096)
def moment(text: str) -> float | None:
    """Seconds since 1970 of an ISO date or time, or None; a time without zone, and a bare date, are UTC."""
    parts = _MOMENT.fullmatch(text)
    if parts is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = parts.groups()
    try:
        stamp = datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            tzinfo=timezone.utc,
        )
    except ValueError:  # digits that are no date, such as month 13
        return None
    offset = timedelta()
    if zone and zone != "Z":
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:])) * (-1 if zone[0] == "-" else 1)
    return (stamp - offset).timestamp() + (float(f"0.{fraction}") if fraction else 0.0)


def distance(left: Sequence[float], right: Sequence[float]) -> float:
    """Euclidean distance; vectors of different length are infinitely far apart (assumed)."""
    return math.dist(left, right) if len(left) == len(right) else math.inf


class _Compiler:
    """Turns filters into closures; holds what all parts of one query share."""

    def __init__(self, aliases: Aliases, resolve_vector: Callable[[str], Sequence[float]] | None) -> None:
        self._aliases = aliases
        self._resolve_vector = resolve_vector

    def filter(self, filter_: Any, where: str) -> Match:
        if not isinstance(filter_, Mapping):
            raise QueryError(f"{where} must be an object, not {_show(filter_)}")
        parts = [self._member(key, value, where) for key, value in filter_.items()]
        return _all_of([part for part in parts if part is not _always])

    def _member(self, key: str, value: Any, where: str) -> Match:
        here = f"{where}.{key}"
        if key in ("$and", "$or"):
            if not isinstance(value, list):
                raise QueryError(f"{here} must be a list of filters, not {_show(value)}")
            parts = [self.filter(part, f"{here}[{index}]") for index, part in enumerate(value)]
            return _all_of(parts) if key == "$and" else _any_of(parts)
        if key.startswith("$"):
            raise QueryError(f"unknown operator {key!r} at {where}; here may stand $and, $or or the name of a field")
        return self._field(tuple(self._aliases.get(key, key).split(".")), self.condition(value, here))

    def _field(self, path: tuple[str, ...], test: Test) -> Match:
        if len(path) == 1:
            (key,) = path
            return lambda document: test([document[key]] if key in document else [])
        return lambda document: test(reach(document, path))

    def condition(self, value: Any, where: str) -> Test:
        """What may stand to the right of a field: a literal, operators, or an object to match elements with."""
        if not isinstance(value, Mapping):
            return equals(value)
        operators = [key for key in value if key.startswith("$")]
        if not operators:
            return self._element(value, where)
        if len(operators) != len(value):
            plain = next(key for key in value if not key.startswith("$"))
            raise QueryError(f"{where} mixes operators with the field {plain!r}")
        tests = [self._operator(key, operand, where) for key, operand in value.items()]
        return tests[0] if len(tests) == 1 else lambda values: all(test(values) for test in tests)

    def _operator(self, name: str, operand: Any, where: str) -> Test:
        here = f"{where}.{name}"
        if name in ("$in", "$nin"):
            if not isinstance(operand, list):
                raise QueryError(f"{here} must be a list, not {_show(operand)}")
            among = one_of(operand)
            return among if name == "$in" else lambda values: not among(values)
        if name in ("$gt", "$gte", "$lt", "$lte"):
            if not isinstance(operand, (str, int, float)):
                raise QueryError(f"{here} must be a number, a text or a date, not {_show(operand)}")
            return compares(name, operand)
        if name == "$exists":
            if not isinstance(operand, bool):
                raise QueryError(f"{here} must be true or false, not {_show(operand)}")
            return lambda values: bool(values) is operand
        if name == "$match":
            return self._match(operand, here)
        if name == "$euclid":
            return self._euclid(operand, here)
        if name in ("$eq", "$ne"):
            if isinstance(operand, Mapping):
                return _negated_if(name == "$ne", self._element(operand, here))
            return _negated_if(name == "$ne", equals(operand))
        known = "$eq $ne $gt $gte $lt $lte $in $nin $exists $match $euclid"
        raise QueryError(f"unknown operator {name!r} at {where}; known operators: {known}")

    def _match(self, operand: Any, where: str) -> Test:
        if isinstance(operand, Mapping):
            return self._element(operand, where)
        if isinstance(operand, str):
            return equals(operand)
        raise QueryError(f"{where} must be an object or a text, not {_show(operand)}")

    def _element(self, pattern: Mapping[str, Any], where: str) -> Test:
        """Some single element has all of it; plain objects inside address paths of that same element."""
        match = _Compiler({}, self._resolve_vector).filter(pattern, where)
        return lambda values: any(match(element) for element in _elements(values) if isinstance(element, Mapping))

    def _euclid(self, operand: Any, where: str) -> Test:
        """Vectors within a distance of `input`; sorting by it is the business of the search."""
        target = euclid_target(operand, self._resolve_vector, where)
        within = operand.get("$euclidFilter", {})
        if not isinstance(within, Mapping):
            raise QueryError(f"{where}.$euclidFilter must be an object, not {_show(within)}")
        tests = [self._operator(name, bound, f"{where}.$euclidFilter") for name, bound in within.items()]

        def test(values: list[Any]) -> bool:
            vectors = [value for value in values if isinstance(value, list)]
            return any(all(test([distance(vector, target)]) for test in tests) for vector in vectors)

        return test


def euclid_target(operand: Any, resolve_vector: Callable[[str], Sequence[float]] | None, where: str) -> Sequence[float]:
    """The vector a `$euclid` measures from: given, or the value of a stored vector."""
    if not isinstance(operand, Mapping) or "input" not in operand:
        raise QueryError(f"{where} must be an object with 'input', not {_show(operand)}")
    given = operand["input"]
    if isinstance(given, list) and all(isinstance(number, (int, float)) for number in given):
        return given
    if isinstance(given, str) and resolve_vector is not None:
        return resolve_vector(given)
    raise QueryError(f"{where}.input must be a list of numbers or the id of a vector, not {_show(given)}")


def equals(literal: Any) -> Test:
    """Equality with a literal: wildcards in text, dates as instants, null also for a missing field."""
    if literal is None:
        return lambda values: not values or any(value is None for value in _elements(values))
    if isinstance(literal, list):
        return lambda values: any(isinstance(value, list) and _same(value, literal) for value in values)
    equal = _scalar_equals(literal)
    return lambda values: any(equal(value) for value in _elements(values))


def one_of(literals: Sequence[Any]) -> Test:
    """Equality with any of the literals; the usual case, plain texts, is one set look-up."""
    plain = frozenset(text for text in literals if isinstance(text, str) and not _special(text))
    others = [equals(literal) for literal in literals if not (isinstance(literal, str) and literal in plain)]

    def test(values: list[Any]) -> bool:
        if any(isinstance(value, str) and value in plain for value in _elements(values)):
            return True
        return any(other(values) for other in others)

    return test


def compares(operator: str, bound: str | float) -> Test:
    """Order against a value of the same kind; a missing field never satisfies it."""
    holds: Callable[[Any, Any], bool] = {
        "$gt": lambda left, right: left > right,
        "$gte": lambda left, right: left >= right,
        "$lt": lambda left, right: left < right,
        "$lte": lambda left, right: left <= right,
    }[operator]
    if isinstance(bound, bool):
        return lambda values: any(isinstance(value, bool) and holds(value, bound) for value in _elements(values))
    if not isinstance(bound, str):
        return lambda values: any(_number(value) and holds(value, bound) for value in _elements(values))
    instant = moment(bound)

    def test(value: Any) -> bool:
        if not isinstance(value, str):
            return False
        other = moment(value) if instant is not None else None
        return holds(value, bound) if other is None else holds(other, instant)

    return lambda values: any(test(value) for value in _elements(values))


def _scalar_equals(literal: Any) -> Callable[[Any], bool]:
    if isinstance(literal, bool):
        return lambda value: value is literal
    if not isinstance(literal, str):
        return lambda value: _number(value) and bool(value == literal)
    if "*" in literal or "?" in literal:
        fits = wildcard(literal)
        return lambda value: isinstance(value, str) and fits(value) is not None
    instant = moment(literal)
    if instant is None:
        return lambda value: isinstance(value, str) and value == literal
    return lambda value: isinstance(value, str) and (value == literal or moment(value) == instant)


@lru_cache(maxsize=1024)
def wildcard(pattern: str) -> Callable[[str], Any]:
    """`*` is any run of characters, also across `/`, and `?` is one; the whole text must fit."""
    source = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    return re.compile(re.sub(r"(?:\.\*)+", ".*", source), re.DOTALL).fullmatch


def _special(text: str) -> bool:
    return "*" in text or "?" in text or moment(text) is not None


def _elements(values: list[Any]) -> list[Any]:
    """Values with lists opened: a scalar meets a list by meeting one of its elements."""
    if not any(isinstance(value, list) for value in values):
        return values
    opened: list[Any] = []
    for value in values:
        if isinstance(value, list):
            opened.extend(value)
        else:
            opened.append(value)
    return opened


def _same(left: Any, right: Any) -> bool:
    """Deep equality that keeps booleans and numbers apart."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    return bool(left == right) and isinstance(left, bool) is isinstance(right, bool)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _always(_document: Document) -> bool:
    return True


def _all_of(parts: list[Match]) -> Match:
    if not parts:
        return _always
    return parts[0] if len(parts) == 1 else lambda document: all(part(document) for part in parts)


def _any_of(parts: list[Match]) -> Match:
    return (lambda document: any(part(document) for part in parts)) if parts else _always


def _negated_if(negate: bool, test: Test) -> Test:
    return (lambda values: not test(values)) if negate else test


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
