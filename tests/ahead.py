"""Run what several tests will ask for in the background, some at a time: half of a check is waiting."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import pytest

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@contextmanager
def ahead(
    request: pytest.FixtureRequest, parameter: str, work: Callable[[Key], Value], workers: int = 4
) -> Iterator[Callable[[Key], Value]]:
    """The results of `work` for every value of a parameter that tests of this module will get, in their order."""
    tests = (item for item in request.session.items if item.path == request.path)
    keys = [test.callspec.params[parameter] for test in tests if parameter in getattr(test, "fixturenames", ())]
    with ThreadPoolExecutor(workers) as pool:
        futures: dict[Key, Future[Value]] = {key: pool.submit(work, key) for key in dict.fromkeys(keys)}

        def result(key: Key) -> Value:
            if key not in futures:
                futures[key] = pool.submit(work, key)
            return futures[key].result()

        try:
            yield result
        finally:
            pool.shutdown(cancel_futures=True)
