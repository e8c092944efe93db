"""Benchmarks of the mock platform: each row is a ratio taken within one run, a limit, and whether it is kept.

A limit on a time becomes a ratio too: the time that was measured to the time that is allowed. Times are CPU times of
this process, medians of several runs. `python tests/benchmarks/mock_platform.py [PART...]` prints the rows.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from dl_mock import Platform, Request
from dl_mock.query import compiled
from dl_mock.search import answer
from dl_mock.settings import Settings
from dl_mock.state import State

DATASET = "65aa00000000000000000002"
PROJECT = "65aa00000000000000000001"
ITEM = "65aa00000000000000000003"
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


def paired(works: dict[str, Callable[[], Any]], rounds: int, number: int = 1) -> dict[str, float]:
    """CPU seconds of one call of each, taken in turn so that what slows one slows all: medians over the rounds."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            begun = time.process_time()
            for _ in range(number):
                work()
            times[name].append((time.process_time() - begun) / number)
    return {name: statistics.median(values) for name, values in times.items()}


class Caller:
    """Authorised calls to a platform with one item, as an adapter makes them."""

    def __init__(self, platform: Platform) -> None:
        platform.load_scene({"datasets": [{"id": DATASET}], "items": [{"id": ITEM, "filename": "/a/b.jpg"}]})
        self.platform = platform
        self.headers = {"authorization": f"Bearer {platform.token}"}
        box = {key: value for key, value in annotation(1).items() if key not in ("id", "itemId", "datasetId")}
        self.get = Request.of("GET", f"/api/v1/items/{ITEM}", self.headers)
        self.batch = Request.of_json("POST", f"/api/v1/items/{ITEM}/annotations", [box] * 10, self.headers)
        self.change = Request.of_json("PATCH", f"/api/v1/items/{ITEM}", {"metadata": {"user": {"a": 1}}}, self.headers)
        self.clean = self.clean_of(ITEM)

    def clean_of(self, item_id: str) -> Request:
        """What the SDK's wrapper sends before it uploads the predictions for an item."""
        by_model = [{"metadata.user.model.name": "det"}, {"metadata.system.model.name": "det"}]
        filter_ = {"$or": by_model, "$and": [{"type": {"$in": ["box", "class", "point"]}}, {"itemId": item_id}]}
        body = {"filter": filter_, "resource": "annotations", "delete": True, "page": 0, "pageSize": 1000}
        return Request.of_json("POST", f"/api/v1/datasets/{DATASET}/query", body, self.headers)

    def ask(self, request: Request) -> None:
        """Answered, and with success."""
        answer = self.platform.handle(request)
        assert answer.status == 200, answer.body


def handling() -> Iterator[Row]:
    """`Platform.handle`, without a transport."""
    caller = Caller(Platform())
    yield within("an item by id", cpu(lambda: caller.ask(caller.get), 21, 200), 50e-6)
    posts, cleans = [], []
    for _ in range(301):
        for request, times in ((caller.batch, posts), (caller.clean, cleans)):
            begun = time.process_time()
            caller.ask(request)
            times.append(time.process_time() - begun)
    yield within("ten annotations", statistics.median(posts), 150e-6)
    yield within("their deletion by query", statistics.median(cleans), 200e-6)
    for number in range(300_000):
        caller.platform.state.put("annotations", annotation(number))
    cleans.clear()
    for _ in range(301):
        caller.ask(caller.batch)
        begun = time.process_time()
        caller.ask(caller.clean)
        cleans.append(time.process_time() - begun)
    yield within("their deletion among 300,000 others", statistics.median(cleans), 200e-6)


def predicting() -> Iterator[Row]:
    """What `predict_dataset` asks for per item must not depend on how many items there are."""
    costs = {}
    for count in (100, 1_000, 10_000, 100_000):
        caller = Caller(Platform())
        ids = []
        for number in range(count):
            row = item(number)
            ids.append(row["id"])
            caller.platform.state.put("items", row)
        body = json.loads(caller.batch.body)
        chosen = ids[:: max(1, count // 100)][:100]
        requests = [
            request
            for item_id in chosen
            for request in (
                caller.clean_of(item_id),
                Request.of_json("POST", f"/api/v1/items/{item_id}/annotations", body, caller.headers),
            )
        ]

        def work(caller: Caller = caller, requests: list[Request] = requests) -> None:
            for request in requests:
                caller.ask(request)

        work()
        costs[count] = work
    found = paired({str(count): work for count, work in costs.items()}, 15)
    for count in (1_000, 10_000, 100_000):
        ratio = found[str(count)] / found["100"]
        yield at_most(f"requests per item with {count} items / with 100", ratio, 1.15)


def keeping() -> Iterator[Row]:
    """What a state file costs: the time of a write with one to that of a write without."""
    with tempfile.TemporaryDirectory() as directory:
        plain, kept = Caller(Platform()), Platform()
        kept.keep_state(Path(directory) / "state.db")
        both = {"memory": plain, "file": Caller(kept)}
        for name in ("batch", "change"):
            works = {place: (lambda caller=one: caller.ask(getattr(caller, name))) for place, one in both.items()}  # noqa: B023
            found = paired(works, 101, 5)
            subject = {"batch": "ten annotations", "change": "a change of an item"}[name]
            yield at_most(f"{subject} with a state file / without", found["file"] / found["memory"], 3.0)
        kept.state.close()


def transports() -> Iterator[Row]:
    """One `GET` of an item by the SDK's client: without any transport, in process, and over loopback."""
    import requests

    with tempfile.TemporaryDirectory() as directory:
        scene = {"datasets": [{"id": DATASET}], "items": [{"id": ITEM, "filename": "/a/b.jpg"}]}
        platform = Platform()
        platform.load_scene(scene)
        (Path(directory) / "scene.json").write_text(json.dumps(scene))
        body = platform.handle(Caller(Platform()).get).body

        class Null(requests.adapters.BaseAdapter):
            def send(self, request: Any, **_: Any) -> Any:
                answer = requests.Response()
                answer.status_code, answer._content, answer.request, answer.url = 200, body, request, request.url
                return answer

            def close(self) -> None:
                pass

        server = _served(Path(directory) / "scene.json")
        try:
            cpu_of = _cpu_of(server.pid)
            ready = json.loads(server.stdout.readline())  # type: ignore[union-attr]
            results = _in_thread(lambda: _sdk_calls(platform, Null(), ready, cpu_of))
        finally:
            server.terminate()
            server.wait()
    yield at_most("in process / a null transport", results["in process"] / results["null"], 1.35)
    yield at_most("over loopback, both processes / a null transport", results["loopback"] / results["null"], 2.0)
    yield at_most("over loopback from 16 threads / a null transport", results["16 threads"] / results["null"], 2.0)


def _served(scene: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from dl_mock.cli import main; main()", "serve", "--scene", str(scene)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _cpu_of(pid: int) -> Callable[[], float]:
    """CPU seconds of another process, over all of its threads."""
    tasks = Path(f"/proc/{pid}/task")
    return lambda: sum(int((one / "schedstat").read_text().split()[0]) for one in tasks.iterdir()) / 1e9


def _in_thread(work: Callable[[], Any]) -> Any:
    """In a fresh thread: the SDK looks at the whole stack of its caller."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def _sdk_calls(platform: Platform, null: Any, ready: dict[str, str], cpu_of: Callable[[], float]) -> dict[str, float]:
    import dtlpy as dl

    from dl_mock import connect

    number, rounds = 25, 15
    costs: dict[str, list[float]] = {name: [] for name in ("null", "in process", "loopback", "16 threads")}

    def call() -> None:
        ok, answer = dl.client_api.gen_request("get", f"/items/{ITEM}")
        assert ok, answer

    def measure(name: str, elsewhere: Callable[[], float] = lambda: 0.0, threads: int = 1) -> None:
        call()
        begun, there = time.process_time(), elsewhere()
        if threads == 1:
            for _ in range(number):
                call()
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(lambda _: call(), range(number * 4)))
        spent = time.process_time() - begun + elsewhere() - there
        costs[name].append(spent / (number if threads == 1 else number * 4))

    from dl_mock.connection import _settings

    for _ in range(rounds):
        with connect(platform, "http"):
            dl.client_api.gen_request("get", f"/items/{ITEM}")
            dl.client_api.session.mount("http://", null)
            measure("null")
        with connect(platform):
            measure("in process")
        with connect(platform, "http"):
            dl.client_api.environments = {ready["url"]: _settings(ready["token"], ready["url"])}
            dl.client_api.environment = ready["url"]
            measure("loopback", cpu_of)
            measure("16 threads", cpu_of, 16)
    return {name: statistics.median(values) for name, values in costs.items()}


def starting() -> Iterator[Row]:
    """From the start of the process to the line that says it is ready; to that of importing the SDK. CPU time."""
    sdk, server = [], []
    for _ in range(5):
        begun = _children()
        with tempfile.TemporaryDirectory() as home:
            places = {"HOME": home, "DATALOOP_PATH": home}
            subprocess.run([sys.executable, "-c", "import dtlpy"], check=True, env={**os.environ, **places})
        sdk.append(_children() - begun)
        begun = _children()
        process = subprocess.Popen([sys.executable, "-c", "from dl_mock.cli import main; main()", "serve"], stdout=-1)
        process.stdout.readline()  # type: ignore[union-attr]
        process.kill()
        process.wait()
        server.append(_children() - begun)
    ratio = statistics.median(server) / statistics.median(sdk)
    yield at_most("start of the server / import dtlpy", ratio, 0.3, f"{statistics.median(server):.2f} s of CPU")


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    "handling": handling,
    "predicting": predicting,
    "keeping": keeping,
    "transports": transports,
    "starting": starting,
    "million": million,
}


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
