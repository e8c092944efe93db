"""JSON with the line of every value, and the keys that are written twice."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str | int, ...]

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")
_SCALAR = re.compile(r"[^\s,\]}]+")


@dataclass
class Document:
    """A JSON value, and where its parts stand."""

    value: Any
    lines: dict[Path, int] = field(default_factory=dict)
    twice: list[tuple[Path, int]] = field(default_factory=list)  # keys that an object holds a second time

    def line(self, *path: str | int) -> int:
        """The line of a value, or of the nearest value around it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return 1


def read_document(text: str) -> Document:
    """Parse a JSON text. Raises what `json.loads` raises."""
    document = Document(json.loads(text))
    _Scanner(text, document).value(0, ())
    return document


class _Scanner:
    """Walks over a text that is known to be JSON."""

    def __init__(self, text: str, document: Document) -> None:
        self._text = text
        self._document = document
        self._starts = [match.end() for match in re.finditer("\n", text)]

    def _line(self, position: int) -> int:
        return bisect_right(self._starts, position) + 1

    def _skip(self, position: int) -> int:
        found = _SPACE.match(self._text, position)
        return found.end() if found else position

    def _string(self, position: int) -> tuple[str, int]:
        text, end = _DECODER.raw_decode(self._text, position)
        return str(text), end

    def value(self, position: int, path: Path) -> int:
        """Note the value that begins here and everything in it; returns where it ends."""
        position = self._skip(position)
        self._document.lines.setdefault(path, self._line(position))
        opening = self._text[position]
        if opening == "{":
            return self._object(position + 1, path)
        if opening == "[":
            return self._array(position + 1, path)
        if opening == '"':
            return self._string(position)[1]
        found = _SCALAR.match(self._text, position)
        return found.end() if found else position + 1

    def _object(self, position: int, path: Path) -> int:
        keys: set[str] = set()
        while (position := self._skip(position)) < len(self._text) and self._text[position] != "}":
            if self._text[position] == ",":
                position += 1
                continue
            line = self._line(position)
            key, position = self._string(position)
            if key in keys:
                self._document.twice.append(((*path, key), line))
            keys.add(key)
            position = self._skip(position) + 1  # the colon
            here: Path = (*path, key)
            self._document.lines[here] = line
            position = self.value(position, (*path, key))
        return position + 1

    def _array(self, position: int, path: Path) -> int:
        index = 0
        while (position := self._skip(position)) < len(self._text) and self._text[position] != "]":
            if self._text[position] == ",":
                position += 1
                continue
            position = self.value(position, (*path, index))
            index += 1
        return position + 1
