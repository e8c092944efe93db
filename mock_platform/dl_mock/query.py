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

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from dl_mock.values import Test, compares, distance, elements, equals, one_of

Document = Mapping[str, Any]
Match = Callable[[Document], bool]
Aliases = Mapping[str, str]


NO_ALIASES: Aliases = MappingProxyType({})


class QueryError(ValueError):
    """A filter or query the platform cannot understand; the message names the offending part."""


def matcher(
    filter_: Any,
    aliases: Aliases = NO_ALIASES,
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
        match = _Compiler(NO_ALIASES, self._resolve_vector).filter(pattern, where)
        return lambda values: any(match(element) for element in elements(values) if isinstance(element, Mapping))

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
