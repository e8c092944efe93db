"""JSON: from outside with a limit on its depth, beyond which whatever walks a document would run out of stack.

`msgspec` reads and writes ten times as fast as the standard library; what it refuses, such as halves of surrogate
pairs, is left to that one, which also words the errors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

DEEPEST = 100  # levels; what the platform's data base stores (MongoDB: limits of a document)


_SURELY_FLAT = 8  # levels that are told by brackets alone
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def read_json(text: bytes | str) -> Any:
    """The value; ValueError if it is not JSON or nested too deeply."""
    try:
        value = _decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        value = _read_slowly(text)
    if not _flat(text):
        check_depth(value)
    return value


def write_json(value: Any) -> bytes:
    """The shortest JSON of a value."""
    try:
        return _encode(value)
    except (TypeError, UnicodeError, RecursionError):
        return json.dumps(value, separators=(",", ":")).encode()


def _read_slowly(text: bytes | str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise ValueError(_too_deep()) from None


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _flat(text: bytes | str) -> bool:
    """Whether the brackets alone tell that a value has few levels; those inside of texts only make it seem deeper."""
    brackets = (text.encode(errors="replace") if isinstance(text, str) else text).translate(None, _NO_BRACKETS)
    for _ in range(_SURELY_FLAT):
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return not brackets


def is_encodable(value: Any) -> bool:
    """Whether all texts of a JSON value can be written: JSON can escape half of a surrogate pair, which is none."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def check_depth(value: Any) -> None:
    """ValueError if a value is nested too deeply; level by level, because a recursion is what it must prevent."""
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [inner for outer in level for inner in _inner(outer)]
        if not level:
            return
    raise ValueError(_too_deep())


def _inner(value: Any) -> list[Any]:
    values = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [inner for inner in values if isinstance(inner, (Mapping, list))]


def _too_deep() -> str:
    return f"expected at most {DEEPEST} levels of lists and objects, saw more"
