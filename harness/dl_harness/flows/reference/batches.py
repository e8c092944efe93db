"""What predicting and embedding share: items in batches, results item by item, failures that cost no other item."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from typing import Any

import dtlpy as dl

from dl_harness.flows.reference.settings import BATCH_SIZE, setting

PREPARING_THREADS = 16  # SDK: predict_items and embed_items prepare a batch in a pool of this size
AT_ONCE_S = 0.002
PAGE_SIZE = 1000  # the platform's largest page


class LostResultsError(Exception):
    """Something was not given, or not taken, item by item; the SDK loses it without a word."""


class ItemsFailedError(Exception):
    """Some items failed; the results of the others are stored."""


def selected(dataset: dl.Dataset, filters: dl.Filters | dict[str, Any] | None) -> list[dl.Item]:
    """The files (and rows) that the filters select, in the platform's own order."""
    query = {**as_filters(filters).prepare(), "page": 0, "pageSize": PAGE_SIZE}
    pages = dataset.items.list(filters=dl.Filters(custom_filter=query))
    return [item for page in pages for item in page if item.type in {"file", "db_row"}]


def as_filters(filters: dl.Filters | dict[str, Any] | None) -> dl.Filters:
    """Filters as the platform's functions hand them over: an entity, a query as JSON, or nothing for every file."""
    return dl.Filters(custom_filter=filters) if isinstance(filters, dict) else filters or dl.Filters()


def prepared(
    adapter: dl.BaseModelAdapter, items: list[dl.Item], batch_size: int | None
) -> Iterator[tuple[list[dl.Item], list[Any]]]:
    """The items batch by batch, each with its prepared values; the items of one batch are prepared side by side."""
    size = setting(adapter, "batch_size", BATCH_SIZE) if batch_size is None else batch_size
    with ThreadPoolExecutor(PREPARING_THREADS) as pool:
        for start in range(0, len(items), size):
            batch_items = items[start : start + size]
            yield batch_items, side_by_side(pool, adapter.prepare_item_func, batch_items)


def side_by_side(pool: ThreadPoolExecutor, function: Callable[[Any], Any], values: list[Any]) -> list[Any]:
    """The function's results, in order. One thread begins, and the others join as soon as that takes a while.

    What is done at once is not worth the wake-up of a thread for each value. Raises the first exception, in the order
    of the values, when all are done.
    """
    waiting = deque(range(len(values)))
    done: list[tuple[Any, BaseException | None]] = [(None, None)] * len(values)

    def work() -> None:
        with suppress(IndexError):
            while True:
                index = waiting.popleft()
                try:
                    done[index] = function(values[index]), None
                except BaseException as error:  # raised below, in the order of the values
                    done[index] = None, error

    threads = [pool.submit(work)]
    wait(threads, timeout=AT_ONCE_S)
    threads += [pool.submit(work) for _ in range(min(len(waiting), PREPARING_THREADS - 1))]
    for thread in threads:
        thread.result()
    for _, error in done:
        if error is not None:
            raise error
    return [value for value, _ in done]


def by_item(function: str, results: Iterable[Any], items: list[dl.Item]) -> list[tuple[dl.Item, Any]]:
    """Each item with its own result. Raises LostResultsError when there is not one for each."""
    found = list(results)
    if len(found) != len(items):
        raise LostResultsError(f"{function} returned {len(found)} results for {len(items)} items")
    return list(zip(items, found, strict=True))


def is_prompt(item: dl.Item) -> bool:
    """Whether an item is a prompt item (SDK: entities/prompt_item.py)."""
    return bool((item.system or {}).get("shebang", {}).get("dltype") == "prompt")


class Failures:
    """The items that failed so far in one flow, and why."""

    def __init__(self, function: str) -> None:
        self._function = function
        self._failed: list[tuple[list[dl.Item], Exception]] = []

    @contextmanager
    def kept(self, items: list[dl.Item]) -> Iterator[None]:
        """Keep an exception for the end of the flow, so that the items after these get their turn."""
        try:
            yield
        except Exception as error:  # everything that was kept is raised by `report`
            self._failed.append((items, error))

    def report(self) -> None:
        """Raise ItemsFailedError if an exception was kept."""
        if self._failed:
            shown = [
                f"{', '.join(item.filename for item in items)} ({type(error).__name__}: {error})"
                for items, error in self._failed
            ]
            raise ItemsFailedError(f"{self._function} failed for {'; '.join(shown)}") from self._failed[0][1]
