"""Object ids: 24 hexadecimal digits that grow over time.

The SDK pages and splits by comparing and bisecting ids (SDK: entities/filters.py `_get_split_filters`), so an id
made later must be greater than every id made or loaded before.
"""

from __future__ import annotations

import re
from typing import Protocol

from dl_mock.clock import Clock, real_clock

_OBJECT_ID = re.compile(r"[0-9a-fA-F]{24}")
_COUNTER_BITS = 64
_HIGHEST = (1 << 96) - (1 << 48)


class IdSource(Protocol):
    """Makes ids; `reserve` promises that later ids come after the given one."""

    def __call__(self) -> str: ...

    def reserve(self, taken: str) -> None:
        """ValueError if no id can come after it."""


class ObjectIds:
    """Ids of 4 bytes of seconds and 8 bytes of counter, like those of the platform's data base."""

    def __init__(self, clock: Clock = real_clock) -> None:
        self._last = int(clock().timestamp()) << _COUNTER_BITS

    def __call__(self) -> str:
        self._last += 1
        return f"{self._last:024x}"

    def reserve(self, taken: str) -> None:
        """Never hand out `taken` or anything before it; ids of another form are no danger."""
        if is_object_id(taken):
            if int(taken, 16) > _HIGHEST:
                raise ValueError(f"expected an id that leaves room for later ones, saw {taken!r}")
            self._last = max(self._last, int(taken, 16))


def is_object_id(value: str) -> bool:
    """Whether `value` has the form of an id."""
    return _OBJECT_ID.fullmatch(value) is not None
