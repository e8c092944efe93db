"""The SDK waits where the platform needs time; the mock platform has done its work before it answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class _Instant:
    """The module `time`, without waiting."""

    def __getattr__(self, name: str) -> object:
        return getattr(time, name)

    def sleep(self, seconds: float) -> None:
        """Come back at once."""


@contextmanager
def without_waits() -> Iterator[None]:
    """Skip the two seconds after each export (SDK: repositories/datasets.py, "wrong progress in the beginning").

    Only the SDK's own module sees another clock; an adapter that sleeps does sleep.
    """
    from dtlpy.repositories import datasets

    known = getattr(datasets, "time", None)
    if known is not time:
        yield
        return
    datasets.time = _Instant()
    try:
        yield
    finally:
        datasets.time = time
