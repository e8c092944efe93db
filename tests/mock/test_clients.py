"""Clients of any transport find the platform to be what a naive model of a dataset says, one by one or many at once."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

import pytest
import requests
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from items_machine import DATASET, Entry, Items, Model, compare, listed
from mock_helpers import BOX, Api, HttpApi

from dl_mock import Platform, serve
from dl_mock.intercept import intercept

CLIENTS = 6
LABELS = ("cat", "dog", "bird")


@contextmanager
def directly(platform: Platform) -> Iterator[Api]:
    """Without a transport."""
    yield Api(platform)


@contextmanager
def in_process(platform: Platform) -> Iterator[Api]:
    """By `requests`, answered before a socket is opened."""
    with intercept(platform), requests.Session() as session:
        yield HttpApi(platform, session)


@contextmanager
def over_http(platform: Platform) -> Iterator[Api]:
    """By `requests`, over loopback."""
    with serve(platform), requests.Session() as session:
        yield HttpApi(platform, session)


@pytest.mark.parametrize(("reach", "examples", "steps"), [(directly, 25, 20), (in_process, 8, 12), (over_http, 8, 12)])
def test_a_dataset_is_what_a_naive_model_says(
    reach: Callable[[Platform], AbstractContextManager[Api]], examples: int, steps: int
) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: Items(reach),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
            database=None,
        ),
    )


class Client:
    """Works on items that are its own, in directories that all share, and writes down what it did."""

    def __init__(self, api: Api, number: int) -> None:
        self.api = api
        self.number = number
        self.random = random.Random(number)
        self.model = Model()
        self.ids: dict[str, str] = {}

    def work(self, turns: int) -> None:
        """Create two items, so that there is something to do, then do anything."""
        for turn in range(turns):
            doing = self.create if turn < 2 or not self.ids else self.random.choice(self.doings())
            doing(turn)

    def doings(self) -> list[Callable[[int], None]]:
        return [self.create, self.overwrite, self.move, self.delete, self.annotate, self.annotate, self.relabel]

    def mine(self) -> str:
        return self.random.choice(sorted(self.ids))

    def fresh(self, turn: int) -> str:
        return f"/{self.random.choice(['a', 'b', 'a/c'])}/{self.number}-{turn}.bin"

    def create(self, turn: int) -> None:
        path, content = self.fresh(turn), self.random.randbytes(8)
        answer = self.api.upload(DATASET, path, content)
        assert answer.status == 200, answer.body
        self.ids[path] = str(answer.json()["id"])
        self.model.put(path, Entry(content))

    def overwrite(self, _: int) -> None:
        path, content = self.mine(), self.random.randbytes(8)
        answer = self.api.upload(DATASET, path, content, "overwrite")
        assert (answer.status, answer.json()["id"]) == (200, self.ids[path]), answer.body
        self.model.entries[path].content = content

    def move(self, turn: int) -> None:
        path, to = self.mine(), self.fresh(turn)
        answer = self.api.patch(f"/items/{self.ids[path]}", {"filename": to})
        assert (answer.status, answer.json()["filename"]) == (200, to), answer.body
        self.ids[to] = self.ids.pop(path)
        self.model.put(to, self.model.take(path)[path])

    def delete(self, _: int) -> None:
        path = self.mine()
        assert self.api.delete(f"/items/{self.ids.pop(path)}").status == 204
        self.model.take(path)

    def annotate(self, _: int) -> None:
        path, labels = self.mine(), self.random.choices(LABELS, k=3)
        answer = self.api.post(f"/items/{self.ids[path]}/annotations", [{**BOX, "label": one} for one in labels])
        assert answer.status == 200, answer.body
        self.model.entries[path].labels += labels

    def relabel(self, _: int) -> None:
        """Give one annotation of an item another label and delete one; what others do must not show in between."""
        path = self.mine()
        there = self.api.get(f"/items/{self.ids[path]}/annotations").json()
        labels = self.model.entries[path].labels
        assert sorted(one["label"] for one in there) == sorted(labels)
        if len(there) < 2:
            return
        changed, gone = self.random.sample(there, 2)
        label = self.random.choice(LABELS)
        assert self.api.put(f"/annotations/{changed['id']}", {"label": label}).status == 200
        assert self.api.delete(f"/annotations/{gone['id']}").status in (200, 204)
        labels.remove(changed["label"])
        labels.remove(gone["label"])
        labels.append(label)


def test_what_concurrent_clients_did_adds_up(platform: Platform) -> None:
    platform.load_scene({"datasets": [{"id": DATASET, "name": "dataset"}]})

    def run(number: int) -> Client:
        with requests.Session() as session:
            client = Client(HttpApi(platform, session), number)
            client.work(30)
            return client

    with serve(platform), ThreadPoolExecutor(CLIENTS) as pool:
        clients = list(pool.map(run, range(CLIENTS)))

    together = Model()
    for client in clients:
        for path, entry in client.model.entries.items():
            together.put(path, entry)
    api = Api(platform)
    compare(api, DATASET, together)
    rows = listed(api, DATASET)
    ids = {path: item_id for client in clients for path, item_id in client.ids.items()}
    assert {path: rows[path]["id"] for path in ids} == ids
    assert platform.state.count("annotations") == sum(len(entry.labels) for entry in together.entries.values())
