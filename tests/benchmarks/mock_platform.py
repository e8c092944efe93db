"""Benchmarks of the mock platform: each row is a ratio taken within one run, a limit, and whether it is kept.

A limit on a time becomes a ratio too: the time that was measured to the time that is allowed. Times are CPU times of
this process, medians of several runs. `python tests/benchmarks/mock_platform.py [PART...]` prints the rows.
"""

from __future__ import annotations

import gc
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from dl_mock.query import compiled
from dl_mock.search import answer
from dl_mock.settings import Settings
from dl_mock.state import State

DATASET = "65aa00000000000000000002"
PROJECT = "65aa00000000000000000001"
ITEMS = 1_000_000


class Row(NamedTuple):
    """One finding."""

    subject: str
    ratio: float
    limit: float
    kept: bool
    note: str = ""


def at_most(subject: str, ratio: float, limit: float, note: str = "") -> Row:
    """A ratio that must not exceed its limit."""
    return Row(subject, ratio, limit, ratio <= limit, note)


def within(subject: str, seconds: float, allowed: float) -> Row:
    """A time that must not exceed the time allowed."""
    return at_most(subject, seconds / allowed, 1.0, f"{1000 * seconds:.3g} ms of {1000 * allowed:.3g} ms")


def cpu(work: Callable[[], Any], repeat: int = 5, number: int = 1) -> float:
    """CPU seconds of one call: the median of `repeat` runs of `number` calls."""
    times = []
    for _ in range(repeat):
        begun = time.process_time()
        for _ in range(number):
            work()
        times.append((time.process_time() - begun) / number)
    return statistics.median(times)


def item(number: int) -> dict[str, Any]:
    """A document as an uploaded image has it."""
    stamp = f"2024-01-{1 + number * 28 // ITEMS:02d}T{number * 24 // ITEMS:02d}:00:00.000Z"
    name = f"image_{number:07d}.jpg"
    directory = f"/batch_{number % 1000:03d}"
    return {
        "id": f"{0x65AA << 80 | number:024x}",
        "creator": "user@dl-mock.local",
        "createdAt": stamp,
        "updatedAt": stamp,
        "updatedBy": "user@dl-mock.local",
        "datasetId": DATASET,
        "projectId": PROJECT,
        "type": "file",
        "hidden": False,
        "annotated": number % 3 == 0,
        "annotationsCount": 3,
        "name": name,
        "dir": directory,
        "filename": f"{directory}/{name}",
        "metadata": {
            "system": {
                "originalname": name,
                "size": 10_000 + number,
                "encoding": "7bit",
                "mimetype": "image/jpeg",
                "width": 640,
                "height": 480,
                "channels": 3,
                "refs": [],
                "annotationStatus": [],
            },
            "user": {"kind": f"kind-{number % 100}", "score": number % 997 / 997, "tags": ["a", f"t{number % 7}"]},
        },
    }


def annotation(number: int) -> dict[str, Any]:
    """A prediction of a model."""
    item_id = f"{0x65AA << 80 | number // 3:024x}"
    stamp = "2024-02-01T00:00:00.000Z"
    signature = {"model_id": "65aa00000000000000000009", "name": "det", "confidence": 0.5}
    return {
        "id": f"{0x65AB << 80 | number:024x}",
        "creator": "user@dl-mock.local",
        "createdAt": stamp,
        "updatedAt": stamp,
        "datasetId": DATASET,
        "itemId": item_id,
        "type": "box",
        "label": ("cat", "dog", "bird")[number % 3] if number % 30 else "rare",
        "coordinates": [{"x": 1.0, "y": 2.0, "z": 0}, {"x": 9.0, "y": 8.0, "z": 0}],
        "metadata": {"system": {"model": signature}, "user": {"model": signature}},
    }


class InDataset:
    """A dataset of a state, for queries without a platform."""

    settings = Settings()

    def __init__(self, state: State) -> None:
        self.state = state

    def limits(self, _resource: str) -> dict[str, Any]:
        return {}

    def find(self, resource_name: str, filter_: Any) -> Any:
        return self.state.table(resource_name).find(filter_, DATASET)

    def vector(self, vector_id: str) -> list[float]:
        raise KeyError(vector_id)


DEFAULT = {"$and": [{"hidden": False}, {"type": "file"}]}
HOT = {"$and": [*DEFAULT["$and"], {"metadata.user.kind": "kind-7"}]}
COMPOUND = {
    "$and": [
        *DEFAULT["$and"],
        {"filename": "/batch_0*/image_*.jpg"},
        {"metadata.user.score": {"$gt": 0.25}},
        {"metadata.system.mimetype": {"$in": ["image/jpeg", "image/png"]}},
        {"metadata.system.width": {"$exists": True}},
    ],
    "$or": [{"metadata.user.tags": "t3"}, {"annotated": True}],
}
JOIN = {"on": {"resource": "annotations", "local": "itemId", "forigen": "id"}, "filter": {"label": "cat"}}


def memory() -> int:
    """Resident bytes of this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def million() -> Iterator[Row]:
    """One dataset with a million items, and three million annotations."""
    gc.disable()
    empty = memory()
    rows = [item(number) for number in range(ITEMS)]
    bare = memory() - empty
    state = State()
    tables = InDataset(state)
    begun = time.process_time()
    for row in rows:
        state.put("items", row)
    inserting = time.process_time() - begun
    yield within("a million inserts", inserting, ITEMS / 100_000)

    def page(filter_: Any, **more: Any) -> dict[str, Any]:
        return answer({"filter": filter_, "pageSize": 1000, **more}, "items", tables)

    middle, late = rows[ITEMS // 2]["id"], rows[-1500]["id"]
    by_id = {"sort": {"id": "ascending"}}
    some = [row["id"] for row in rows[:: ITEMS // 1000]]
    first_page = time.process_time()
    page(DEFAULT, **by_id)
    yield within("the first page ever, default filter", time.process_time() - first_page, 0.5)
    for name, work in {
        "first page of the default filter, by id": lambda: page(DEFAULT, **by_id),
        "first page of the default filter, no order asked": lambda: page(DEFAULT),
    }.items():
        yield within(name, cpu(work), 0.050)
    for name, work in {
        "page by key in the middle": lambda: page({"$and": [*DEFAULT["$and"], {"id": {"$gt": middle}}]}, **by_id),
        "page by key near the end": lambda: page({"$and": [*DEFAULT["$and"], {"id": {"$gt": late}}]}, **by_id),
        "page by offset in the middle": lambda: page(DEFAULT, **by_id, page=500),
        "page of a thousand ids": lambda: page({"$and": [*DEFAULT["$and"], {"id": {"$in": some}}]}, **by_id),
    }.items():
        yield within(name, cpu(work), 0.010)
    every = compiled(HOT)
    table = state.table("items")
    scanning = cpu(lambda: every.scan(table.rows.values()), 3)
    page(HOT, **by_id)
    hot = cpu(lambda: page(HOT, **by_id))
    yield within("equality that 1 % satisfy", hot, 0.030)
    yield at_most("equality that 1 % satisfy / a scan", hot / scanning, 0.1, f"the scan takes {scanning:.2f} s")
    yield within("several conditions with a wildcard", cpu(lambda: page(COMPOUND, **by_id), 3), 0.600)
    yield at_most(
        "memory with an index made / the bare documents",
        (memory() - empty) / bare,
        1.3,
        f"{bare / ITEMS:.0f} bytes each",
    )
    for number in range(3 * ITEMS):
        state.put("annotations", annotation(number))
    begun = time.process_time()
    page(DEFAULT, join=JOIN, **by_id)
    yield within("a join with three million annotations, the first time", time.process_time() - begun, 3.0)
    yield within("a join with three million annotations", cpu(lambda: page(DEFAULT, join=JOIN, **by_id), 3), 3.0)
    gc.enable()


PARTS: dict[str, Callable[[], Iterator[Row]]] = {"million": million}


def main(names: list[str]) -> int:
    """Print the rows of some parts, or of all; 1 if a limit is exceeded."""
    missed = 0
    for name in names or PARTS:
        print(f"{name}")
        for row in PARTS[name]():
            missed += not row.kept
            verdict = "kept" if row.kept else "EXCEEDED"
            print(f"  {row.subject:60} {row.ratio:8.3f} of {row.limit:5.2f}  {verdict:9} {row.note}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
