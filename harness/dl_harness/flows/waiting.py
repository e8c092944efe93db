"""Where the SDK's own timing would make a check slow, or different from run to run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Instant:
    """The module `time`, without waiting."""

    def __getattr__(self, name: str) -> object:
        return getattr(time, name)

    def sleep(self, seconds: float) -> None:
        """Come back at once."""


@contextmanager
def without_waits() -> Iterator[None]:
    """Skip the two seconds after each export (SDK: repositories/datasets.py, "wrong progress in the beginning").

    The mock platform has done its work before it answers.
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


@contextmanager
def one_download_at_a_time(client_api: Any) -> Iterator[None]:
    """Download items one after another: two that share a JSON file otherwise write it at the same time.

    SDK: repositories/downloader.py downloads in the thread pool `item.download`.
    """
    sizes, pools = client_api._thread_pools_names, client_api._thread_pools
    known = sizes["item.download"]
    sizes["item.download"] = 1
    pools.pop("item.download", None)
    try:
        yield
    finally:
        sizes["item.download"] = known
        pools.pop("item.download", None)
