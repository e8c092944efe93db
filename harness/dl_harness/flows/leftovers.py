"""What calls leave behind in the process: threads, open files, and values that the adapter keeps."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

from dl_harness.evidence import LeftBehind

DEEPEST = 4
MOST_ELEMENTS = 20_000


class Leftovers:
    """Looks at the process before and after calls of one function; a call within another is part of it.

    What belongs to the SDK's own pools is left out: they grow as they are needed, and stay.
    """

    def __init__(self) -> None:
        self._calls = 0
        self._before: tuple[set[int], dict[str, str], dict[str, int]] | None = None
        self._threads: list[set[int]] = []
        self._files: list[dict[str, str]] = []
        self._grown: list[set[str]] = []

    def before(self, adapter: object) -> None:
        """A call begins."""
        self._before = (_threads(), _files(), _kept(adapter))

    def after(self, adapter: object) -> None:
        """It has come back."""
        if self._before is None:
            return
        threads, files, kept = self._before
        self._before = None
        self._calls += 1
        self._threads.append(_threads() - threads)
        self._files.append({fd: where for fd, where in _files().items() if files.get(fd) != where})
        self._grown.append({name for name, size in _kept(adapter).items() if size > kept.get(name, 0)})

    def told(self) -> tuple[LeftBehind, ...]:
        """What is still there of what the calls have made."""
        alive, open_now = _threads(), _files()
        with_threads = sum(bool(made & alive) for made in self._threads)
        files = [{where for fd, where in made.items() if open_now.get(fd) == where} for made in self._files]
        grown: set[str] = set.intersection(*self._grown) if self._grown else set()
        named = {where for one in files for where in one}
        return (
            LeftBehind("threads", self._calls, with_threads),
            LeftBehind("files", self._calls, sum(bool(one) for one in files), tuple(sorted(named))[:3]),
            LeftBehind("values", self._calls, self._calls if grown else 0, tuple(sorted(grown))),
        )


def _threads() -> set[int]:
    """The threads of this process, without those of the SDK's pools."""
    pools = getattr(getattr(sys.modules.get("dtlpy"), "client_api", None), "_thread_pools", None) or {}
    known = {thread.ident for pool in pools.values() for thread in getattr(pool, "_threads", ())}
    return {thread.ident for thread in threading.enumerate() if thread.ident is not None} - known


def _files() -> dict[str, str]:
    """Open descriptors and what they lead to, where the system tells (Linux: /proc/self/fd)."""
    found = {}
    try:
        descriptors = os.listdir("/proc/self/fd")
    except OSError:
        return {}
    for descriptor in descriptors:
        try:
            found[descriptor] = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:  # the one that listed them
            continue
    return found


def _kept(adapter: object) -> dict[str, int]:
    """How much the containers among an adapter's attributes hold, by attribute."""
    attributes = getattr(adapter, "__dict__", None)
    return {name: _size(value, DEEPEST) for name, value in dict(attributes or {}).items() if _holds(value)}


def _holds(value: Any) -> bool:
    return isinstance(value, (list, tuple, set, frozenset, deque, Mapping, bytes, bytearray)) or hasattr(
        value, "nbytes"
    )


def _size(value: Any, deeper: int) -> int:
    """Elements and bytes in a value."""
    if isinstance(value, (bytes, bytearray)):
        return len(value)
    if hasattr(value, "nbytes"):
        return int(value.nbytes) if isinstance(value.nbytes, int) else 0
    if not isinstance(value, (list, tuple, set, frozenset, deque, Mapping)):
        return 0
    if deeper == 0 or len(value) > MOST_ELEMENTS:
        return len(value)
    inner = list(value.values()) if isinstance(value, Mapping) else list(value)
    return len(value) + sum(_size(one, deeper - 1) for one in inner)
