"""An index: which documents have a value at a path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dl_mock.generated import getter
from dl_mock.paths import elements, values_of

SHORT = 16  # entries of a value that are searched when one goes
_KEYS = frozenset({str, int, float, bool})


class Index:
    """Ids of documents by a value at a path; a list there counts for each of its elements.

    It may name a document that has the value no longer: to take one out of a long list costs more than to leave it
    there until half of them are of that kind. Whoever asks tests what was found.
    """

    __slots__ = ("_get", "_ids", "_path", "_rows", "_stale", "made")

    def __init__(self, path: tuple[str, ...], rows: Mapping[str, Mapping[str, Any]], made: bool = False) -> None:
        self.made = made
        self._path = path
        self._rows = rows
        self._get = getter(path)
        self._ids: dict[Any, str | list[str]] = {}
        self._stale: dict[Any, int] = {}

    def ids(self, value: Any) -> Sequence[str]:
        """Ids of the documents that may have the value, in order of arrival; one can be there twice."""
        found = self._ids.get(value, ())
        return (found,) if isinstance(found, str) else found

    def count(self, value: Any) -> int:
        """How many documents have the value."""
        return len(self.ids(value)) - self._stale.get(value, 0)

    def exact(self, value: Any) -> bool:
        """Whether each of them has the value, and is there once."""
        return value.__class__ is str and value not in self._stale

    def fill(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add many documents."""
        add, get, known = self._add, self._get, self._ids
        for row in rows:
            value = get(row)
            if value.__class__ is str:
                ids = known.get(value)
                if isinstance(ids, list):
                    ids.append(row["id"])
                else:
                    add(row["id"], value)
            else:
                for key in _keys(value):
                    add(row["id"], key)

    def add(self, id_: str, document: Mapping[str, Any]) -> None:
        """Note a document."""
        value = self._get(document)
        if value.__class__ is str:
            self._add(id_, value)
        else:
            for key in _keys(value):
                self._add(id_, key)

    def discard(self, id_: str, document: Mapping[str, Any]) -> None:
        """Forget a document that is no longer stored."""
        for key in _keys(self._get(document)):
            self._drop(id_, key)

    def replace(self, id_: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """Note another version of a document; where its value is the same it keeps its place."""
        before, after = self._get(old), self._get(new)
        if before is after or (before.__class__ is str and after.__class__ is str and before == after):
            return
        old_keys, new_keys = _keys(before), _keys(after)
        for key in old_keys:
            if key not in new_keys:
                self._drop(id_, key)
        for key in new_keys:
            if key not in old_keys:
                self._add(id_, key)

    def _add(self, id_: str, key: Any) -> None:
        ids = self._ids.get(key)
        if ids is None:
            self._ids[key] = id_
        elif isinstance(ids, str):
            self._ids[key] = [ids, id_]
        else:
            ids.append(id_)

    def _drop(self, id_: str, key: Any) -> None:
        ids = self._ids.get(key)
        if ids is None:
            return
        if isinstance(ids, str):
            del self._ids[key]
            return
        if len(ids) <= SHORT:
            if id_ in ids:
                ids.remove(id_)
            if not ids:
                del self._ids[key]
                self._stale.pop(key, None)
            return
        self._stale[key] = self._stale.get(key, 0) + 1
        if 2 * self._stale[key] > len(ids):
            self._tidy(key, ids)

    def _tidy(self, key: Any, ids: list[str]) -> None:
        del self._stale[key]
        kept = [id_ for id_ in dict.fromkeys(ids) if id_ in self._rows and key in _keys(self._get(self._rows[id_]))]
        if kept:
            self._ids[key] = kept
        else:
            del self._ids[key]


def _keys(value: Any) -> Sequence[Any]:
    """What a value is found by; objects and null are found by nothing."""
    if value.__class__ is str:
        return (value,)
    return list(dict.fromkeys(one for one in elements(values_of(value)) if one.__class__ in _KEYS))
