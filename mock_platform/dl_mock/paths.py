"""Dotted paths into documents: a list on the way fans out to its elements, a list at the end stays whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final


class Missing:
    """The type of `MISSING`."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()  # what stands at a path that a document does not have; null is a value


class Several(list[Any]):
    """The values at a path that went through a list; there is at least one."""


def value_at(document: Any, path: Sequence[str]) -> Any:
    """The value at a path, `Several` of them, or `MISSING`."""
    value = document
    for key in path:
        value = value.get(key, MISSING) if value.__class__ is dict else inner(value, key)
    return value


def inner(value: Any, key: str) -> Any:
    """One step of a path, from any value."""
    if isinstance(value, Mapping):
        return value.get(key, MISSING)
    if not isinstance(value, list):
        return MISSING
    found = Several()
    for one in value:
        if isinstance(one, Mapping):
            if key in one:
                found.append(one[key])
        elif value.__class__ is Several and isinstance(one, list):
            found.extend(element[key] for element in one if isinstance(element, Mapping) and key in element)
    return found or MISSING


def values_of(value: Any) -> Sequence[Any]:
    """What `value_at` gave, as a sequence of values."""
    if value.__class__ is Several:
        return list(value)
    return () if value is MISSING else (value,)


def reach(document: Any, path: Sequence[str]) -> Sequence[Any]:
    """Values at a path; none if the document does not have it."""
    return values_of(value_at(document, path))


def elements(values: Sequence[Any]) -> Sequence[Any]:
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
