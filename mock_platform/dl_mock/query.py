"""The filter language: whether a document satisfies a filter.

A filter is read once into terms, all of which must hold, and these are compiled to one function. Rules come from the
platform's documentation and its former end-to-end tests; what no public source states is marked "assumed". Known open
points, and the choice made here:

* case of texts, wildcards outside equality, their escape, unknown operators: see `settings.Settings`;
* a number never equals or exceeds a text that looks like one (assumed);
* `$and` or `$or` with an empty list adds no condition (SDK sends `{"$and": []}`; for `$or` assumed).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

from dl_mock.generated import Match, Scan, access, functions
from dl_mock.paths import elements
from dl_mock.settings import Settings
from dl_mock.texts import text_test
from dl_mock.values import Test, compares, distance, equals, is_plain, moment, one_of, stamp, wildcard

Document = Mapping[str, Any]
Aliases = Mapping[str, str]
Path = tuple[str, ...]
Resolve = Callable[[str], Sequence[float]]

NO_ALIASES: Aliases = MappingProxyType({})
DEFAULTS = Settings()
OPERATORS = ("$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists", "$match", "$euclid")
_SYMBOLS = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_MANY = 64  # parts of an `$or` that become one expression
_LOOKED_UP = 100_000  # values of which each may be looked up in an index
_DEEP = 10  # levels of `$or` in one expression: the interpreter limits how parentheses nest

# Classes of values for which an operator has a short form; the rest is left to its test.
_TEXT = "(v := {}).__class__ is str"
_NUMBER = "(c := (v := {}).__class__) is int or c is float"
_BOOLEAN = "(v := {}).__class__ is bool"


class QueryError(ValueError):
    """A filter or query the platform cannot understand; the message names the offending part."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a filter asks of the values at a field.

    `short` is the same as an expression over a value `v` for which `guard` holds. `among` are values of which the
    field must have one, if an index can tell; `bound` is an operator and a text that limit it in the order of texts.
    """

    test: Test
    guard: str = ""
    short: str = ""
    cost: int = 8
    constants: tuple[Any, ...] = ()
    among: tuple[Any, ...] | None = None
    bound: tuple[str, str] | None = None
    holds: bool = True  # False for the opposite of the condition
    present: bool | None = None  # `$exists`


@dataclass(frozen=True, slots=True)
class Term:
    """One of the conditions that must all hold: of one field, or several joined by `$or`."""

    source: str
    cost: float
    path: Path | None = None
    condition: Condition | None = None


class Filter:
    """A filter that was understood."""

    def __init__(self, terms: Sequence[Term], constants: Sequence[Any]) -> None:
        self.terms = tuple(terms)
        self._constants = constants

    @property
    def empty(self) -> bool:
        """Whether every document satisfies it."""
        return not self.terms

    @cached_property
    def _functions(self) -> tuple[Match, Scan]:
        return functions(_all(self.terms), self._constants)

    @property
    def match(self) -> Match:
        """Whether one document satisfies it."""
        return self._functions[0]

    def scan(self, rows: Iterable[Any]) -> list[Any]:
        """The rows that satisfy it, in their order."""
        return self._functions[1](rows) if self.terms else list(rows)

    def among(self, path: Path, values: Iterable[Any], holds: bool = True) -> Filter:
        """The filter with one more term: a field must, or must not, have one of these values."""
        condition = _opposite_if(not holds, _listed(values))
        reader = _Reader(NO_ALIASES, None, self._constants)
        return Filter([*self.terms, reader.term(path, condition)], reader.constants)

    def tuned(self, sample: Sequence[Any]) -> Filter:
        """The same filter, which asks first what costs little and what few of a sample satisfy."""
        if len(self.terms) < 2 or not sample:
            return self
        terms = []
        for term in self.terms:
            passed = len(functions(term.source, self._constants)[1](sample)) / len(sample)
            terms.append(replace(term, cost=term.cost / max(1 - passed, 0.001)))
        return Filter(terms, self._constants)

    def without(self, settled: Iterable[Term]) -> Filter:
        """What is left to ask once some terms are known to hold."""
        gone = {id(term) for term in settled}
        return Filter([term for term in self.terms if id(term) not in gone], self._constants) if gone else self


def matcher(
    filter_: Any,
    aliases: Aliases = NO_ALIASES,
    resolve_vector: Resolve | None = None,
    where: str = "filter",
    settings: Settings = DEFAULTS,
) -> Match:
    """A function that says whether a document satisfies a filter; arguments as of `compiled`."""
    return compiled(filter_, aliases, resolve_vector, where, settings=settings).match


def compiled(
    filter_: Any,
    aliases: Aliases = NO_ALIASES,
    resolve_vector: Resolve | None = None,
    where: str = "filter",
    also: Mapping[str, Any] = NO_ALIASES,
    settings: Settings = DEFAULTS,
) -> Filter:
    """Read a filter; every member must hold, also a `$or` beside an `$and`.

    `aliases` maps names of fields to the paths they stand for; `resolve_vector` finds a vector by id for `$euclid`;
    `where` is what messages call the filter; `also` is a second filter that must hold; `settings` say how to
    read what no public source explains. Raises QueryError.
    """
    reader = _Reader(aliases, resolve_vector, settings=settings)
    return Filter([*reader.terms(filter_, where), *reader.terms(also, "also")], reader.constants)


class _Reader:
    """Turns filters into terms; holds what all parts of one filter share."""

    def __init__(
        self,
        aliases: Aliases,
        resolve_vector: Resolve | None,
        constants: Sequence[Any] = (),
        settings: Settings = DEFAULTS,
    ) -> None:
        self.constants: list[Any] = [*constants]
        self._settings = settings
        self._aliases = aliases
        self._resolve_vector = resolve_vector
        self._depth = 0

    def terms(self, filter_: Any, where: str) -> list[Term]:
        if not isinstance(filter_, Mapping):
            raise QueryError(f"{where} must be an object, not {_show(filter_)}")
        found: list[Term] = []
        for key, value in filter_.items():
            here = f"{where}.{key}"
            if key in ("$and", "$or"):
                if not isinstance(value, list):
                    raise QueryError(f"{here} must be a list of filters, not {_show(value)}")
                found += self._any(value, here) if key == "$or" else self._each(value, here)
            elif key.startswith("$") and self._settings.unknown_operators == "matching_nothing":
                found.append(Term("False", 1))
            elif key.startswith("$"):
                raise QueryError(
                    f"unknown operator {key!r} at {where}; here may stand $and, $or or the name of a field"
                )
            else:
                path = tuple(self._aliases.get(key, key).split("."))
                found += [self.term(path, one) for one in self.conditions(value, here)]
        return found

    def _each(self, parts: Sequence[Any], where: str) -> list[Term]:
        return [term for index, part in enumerate(parts) for term in self.terms(part, f"{where}[{index}]")]

    def _any(self, parts: Sequence[Any], where: str) -> list[Term]:
        if not parts:
            return []
        if len(parts) > _MANY or self._depth >= _DEEP:
            filters = [
                compiled(part, self._aliases, self._resolve_vector, f"{where}[{index}]", settings=self._settings)
                for index, part in enumerate(parts)
            ]
            if any(one.empty for one in filters):
                return []
            return [Term(f"any(m(d) for m in {self._constant([one.match for one in filters])})", 10 * len(parts))]
        self._depth += 1
        each = [self.terms(part, f"{where}[{index}]") for index, part in enumerate(parts)]
        self._depth -= 1
        if not all(each):  # one always holds
            return []
        cost = sum(term.cost for terms in each for term in terms)
        return each[0] if len(each) == 1 else [Term(f"({' or '.join(_all(terms) for terms in each)})", cost)]

    def term(self, path: Path, condition: Condition) -> Term:
        value = access(path)
        if condition.present is not None:
            source = f"{value} is {'not ' if condition.present else ''}M"
        else:
            test = self._constant(condition.test)
            source = f"{test}(U({value}))"
            if condition.short:
                short = condition.short.format(*map(self._constant, condition.constants))
                source = f"({short} if {condition.guard.format(value)} else {test}(U(v)))"
        return Term(source if condition.holds else f"not {source}", condition.cost + len(path), path, condition)

    def _constant(self, value: Any) -> str:
        self.constants.append(value)
        return f"k{len(self.constants) - 1}"

    def conditions(self, value: Any, where: str) -> list[Condition]:
        """What may stand to the right of a field: a literal, operators, or an object to match elements with."""
        if not isinstance(value, Mapping):
            return [self._equality(value)]
        operators = [key for key in value if key.startswith("$")]
        if not operators:
            return [Condition(self._element(value, where), cost=20)]
        if len(operators) != len(value):
            plain = next(key for key in value if not key.startswith("$"))
            raise QueryError(f"{where} mixes operators with the field {plain!r}")
        return [self._operator(key, operand, where) for key, operand in value.items()]

    def _operator(self, name: str, operand: Any, where: str) -> Condition:
        here = f"{where}.{name}"
        if name in ("$in", "$nin"):
            if not isinstance(operand, list):
                raise QueryError(f"{here} must be a list, not {_show(operand)}")
            return _opposite_if(name == "$nin", self._membership(operand))
        if name in _SYMBOLS:
            if not isinstance(operand, (str, int, float)):
                raise QueryError(f"{here} must be a number, a text or a date, not {_show(operand)}")
            return _comparison(name, operand)
        if name == "$exists":
            if not isinstance(operand, bool):
                raise QueryError(f"{here} must be true or false, not {_show(operand)}")
            return Condition(lambda values: bool(values) is operand, cost=1, present=operand)
        if name == "$match":
            if isinstance(operand, str):
                return self._equality(operand)
            if not isinstance(operand, Mapping):
                raise QueryError(f"{here} must be an object or a text, not {_show(operand)}")
            return Condition(self._element(operand, here), cost=20)
        if name == "$euclid":
            return Condition(self._euclid(operand, here), cost=50)
        if name in ("$eq", "$ne"):
            if isinstance(operand, Mapping):
                equal = Condition(self._element(operand, here), cost=20)
            else:
                equal = self._equality(operand, within=name == "$ne")
            return _opposite_if(name == "$ne", equal)
        if self._settings.unknown_operators == "matching_nothing":
            return Condition(lambda _values: False, cost=1)
        close = difflib.get_close_matches(name, OPERATORS, 1, 0.7)
        hint = f"did you mean {close[0]}? " if close else ""
        raise QueryError(f"unknown operator {name!r} at {where}; {hint}known operators: {' '.join(OPERATORS)}")

    def _equality(self, literal: Any, within: bool = False) -> Condition:
        """Equality with a literal; `within` another operator wildcards may be ordinary characters."""
        test = text_test(literal, self._settings, within)
        return _equality(literal) if test is None else Condition(test)

    def _membership(self, literals: Sequence[Any]) -> Condition:
        tests = [text_test(literal, self._settings, within=True) for literal in literals]
        if not any(tests):
            return _membership(literals)
        each = [test or equals(literal) for test, literal in zip(tests, literals, strict=True)]
        return Condition(lambda values: any(test(values) for test in each), cost=20)

    def _element(self, pattern: Mapping[str, Any], where: str) -> Test:
        """Some single element has all of it; plain objects inside address paths of that same element."""
        match = compiled(pattern, NO_ALIASES, self._resolve_vector, where, settings=self._settings).match
        return lambda values: any(match(element) for element in elements(values) if isinstance(element, Mapping))

    def _euclid(self, operand: Any, where: str) -> Test:
        """Vectors within a distance of `input`; sorting by it is the business of the search."""
        target = euclid_target(operand, self._resolve_vector, where)
        within = operand.get("$euclidFilter", {})
        if not isinstance(within, Mapping):
            raise QueryError(f"{where}.$euclidFilter must be an object, not {_show(within)}")
        tests = [_test(self._operator(name, bound, f"{where}.$euclidFilter")) for name, bound in within.items()]

        def test(values: Sequence[Any]) -> bool:
            vectors = [value for value in values if isinstance(value, list)]
            return any(all(test([distance(vector, target)]) for test in tests) for vector in vectors)

        return test


def euclid_target(operand: Any, resolve_vector: Resolve | None, where: str) -> Sequence[float]:
    """The vector a `$euclid` measures from: given, or the value of a stored vector."""
    if not isinstance(operand, Mapping) or "input" not in operand:
        raise QueryError(f"{where} must be an object with 'input', not {_show(operand)}")
    given = operand["input"]
    if isinstance(given, list) and all(isinstance(number, (int, float)) for number in given):
        return given
    if isinstance(given, str) and resolve_vector is not None:
        return resolve_vector(given)
    raise QueryError(f"{where}.input must be a list of numbers or the id of a vector, not {_show(given)}")


def settled(condition: Condition, values: Sequence[Any]) -> bool:
    """Whether a condition holds for a field with these values."""
    return condition.test(values) is condition.holds


def _equality(literal: Any) -> Condition:
    test = equals(literal)
    if literal is None:
        return Condition(test, "(v := {}) is None or v is M", "True", 1)
    if isinstance(literal, bool):
        return Condition(test, _BOOLEAN, "v is {}", 1, (literal,), (literal,))
    if isinstance(literal, (int, float)):
        return Condition(test, _NUMBER, "v == {}", 1, (literal,), (literal,))
    if not isinstance(literal, str):
        return Condition(test)
    if is_plain(literal):
        return Condition(test, _TEXT, "v == {}", 1, (literal,), (literal,))
    if moment(literal) is not None:
        return Condition(test)
    inside = literal.strip("*")
    if "*" in inside or "?" in inside:
        prefix = literal[: min(literal.find(sign) for sign in "*?" if sign in literal)]
        return Condition(test, _TEXT, "v.startswith({}) and {}(v) is not None", 4, (prefix, wildcard(literal)))
    if not inside:
        return Condition(test, _TEXT, "True", 1)
    if literal[0] == literal[-1] == "*":
        return Condition(test, _TEXT, "{} in v", 2, (inside,))
    return Condition(test, _TEXT, f"v.{'ends' if literal[0] == '*' else 'starts'}with({{}})", 2, (inside,))


def _membership(literals: Sequence[Any]) -> Condition:
    test = one_of(literals)
    if not all(isinstance(literal, str) and is_plain(literal) for literal in literals):
        return Condition(test)
    return Condition(test, _TEXT, "v in {}", 1, (frozenset(literals),), tuple(dict.fromkeys(literals)))


def _listed(values: Iterable[Any]) -> Condition:
    """Membership without wildcards or dates: values come from documents."""
    known = values if isinstance(values, (set, frozenset)) else frozenset(values)
    return Condition(
        lambda found: any(one in known for one in elements(found) if not isinstance(one, (list, dict))),
        _TEXT,
        "v in {}",
        1,
        (known,),
        tuple(known) if len(known) <= _LOOKED_UP else None,
    )


def _comparison(name: str, bound: str | float) -> Condition:
    test = compares(name, bound)
    symbol = _SYMBOLS[name]
    if isinstance(bound, bool):
        return Condition(test)
    if not isinstance(bound, str):
        return Condition(test, _NUMBER, f"v {symbol} {{}}", 2, (bound,))
    instant = moment(bound)
    if instant is None:
        return Condition(test, _TEXT, f"v {symbol} {{}}", 2, (bound,), bound=(name, bound))
    written = stamp(instant)
    if written is None:
        return Condition(test)
    # Moments as the platform writes them are in the order of their texts.
    return Condition(test, f"{_TEXT} and W(v)", f"v {symbol} {{}}", 5, (written,))


def _opposite_if(negate: bool, condition: Condition) -> Condition:
    return replace(condition, holds=False, among=None, bound=None) if negate else condition


def _test(condition: Condition) -> Test:
    return condition.test if condition.holds else lambda values: not condition.test(values)


def _all(terms: Iterable[Term]) -> str:
    """The cheapest first: whichever comes first, the answer is the same."""
    return " and ".join(term.source for term in sorted(terms, key=lambda term: term.cost)) or "True"


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
