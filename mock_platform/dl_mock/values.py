"""How values compare: equality with wildcards and lists, order, dates as instants, distance of vectors."""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any

from dl_mock.clock import iso
from dl_mock.paths import elements

Test = Callable[[Sequence[Any]], bool]  # of the values found at a field; none if it is missing

_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)
# What `clock.iso` writes, and no text that is no date.
_WRITTEN = re.compile(
    r"[1-9]\d{3}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30))"
    r"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z",
    re.ASCII,
).fullmatch


def as_written(text: str) -> bool:
    """Whether a text is a date just as the platform writes it: such dates are in the order of their texts."""
    return _WRITTEN(text) is not None


def equals(literal: Any) -> Test:
    """Equality with a literal: wildcards in text, dates as instants, null also for a missing field."""
    if literal is None:
        return lambda values: not values or any(value is None for value in elements(values))
    if isinstance(literal, list):
        return lambda values: any(isinstance(value, list) and _same(value, literal) for value in values)
    equal = _scalar_equals(literal)
    return lambda values: any(equal(value) for value in elements(values))


def one_of(literals: Sequence[Any]) -> Test:
    """Equality with any of the literals; the usual case, plain texts, is one set look-up."""
    plain = frozenset(text for text in literals if isinstance(text, str) and is_plain(text))
    others = [equals(literal) for literal in literals if not (isinstance(literal, str) and literal in plain)]

    def test(values: Sequence[Any]) -> bool:
        if any(isinstance(value, str) and value in plain for value in elements(values)):
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
        return lambda values: any(isinstance(value, bool) and holds(value, bound) for value in elements(values))
    if not isinstance(bound, str):
        return lambda values: any(_number(value) and holds(value, bound) for value in elements(values))
    instant = moment(bound)

    def test(value: Any) -> bool:
        if not isinstance(value, str):
            return False
        other = moment(value) if instant is not None else None
        return holds(value, bound) if other is None else holds(other, instant)

    return lambda values: any(test(value) for value in elements(values))


@lru_cache(maxsize=4096)
def moment(text: str) -> float | None:
    """Seconds since 1970 of an ISO date or time, or None; a time without zone, and a bare date, are UTC."""
    parts = _MOMENT.fullmatch(text)
    if parts is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = parts.groups()
    clock = int(hour or 0), int(minute or 0), int(second or 0)
    try:
        seconds = datetime(int(year), int(month), int(day), *clock, tzinfo=timezone.utc).timestamp()
    except ValueError:  # digits that are no date, such as month 13
        return None
    if zone and zone != "Z":
        seconds -= (int(zone[1:3]) * 3600 + int(zone[-2:]) * 60) * (-1 if zone[0] == "-" else 1)
    return seconds + (float(f"0.{fraction}") if fraction else 0.0)


def stamp(instant: float) -> str | None:
    """A moment as the platform writes it, such as `2024-01-01T00:00:00.000Z`; None if it cannot say it exactly."""
    try:
        text = iso(datetime.fromtimestamp(round(instant * 1000) / 1000, timezone.utc))
    except (OverflowError, ValueError):  # before the year 1 or after 9999, which only a zone can reach
        return None
    return text if as_written(text) and moment(text) == instant else None


@lru_cache(maxsize=1024)
def wildcard(pattern: str) -> Callable[[str], Any]:
    """`*` is any run of characters, also across `/`, and `?` is one; the whole text must fit."""
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]"))).match


def distance(left: Sequence[float], right: Sequence[float]) -> float:
    """Euclidean distance; vectors of different length are infinitely far apart (assumed)."""
    return math.dist(left, right) if len(left) == len(right) else math.inf


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


def is_plain(text: str) -> bool:
    """Whether equality with a text is just that: it holds no wildcards and is no date."""
    return "*" not in text and "?" not in text and moment(text) is None


def _same(left: Any, right: Any) -> bool:
    """Deep equality that keeps booleans and numbers apart."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    return bool(left == right) and isinstance(left, bool) is isinstance(right, bool)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
