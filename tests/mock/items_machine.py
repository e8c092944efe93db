"""The platform and a naive model of a dataset, a dict of paths, side by side: driven by Hypothesis through an `Api`."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from mock_helpers import BOX, Api

from dl_mock import Platform
from dl_mock.clock import ticking_clock
from dl_mock.ids import ObjectIds

NAMES = st.sampled_from(["a", "b.txt", "c d.png", "é"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
CONTENTS = st.binary(max_size=4)
LABELS = st.sampled_from(["cat", "dog", "bird"])
DATASET = "65aa00000000000000000002"


@dataclass
class Entry:
    """What the model knows of a path: its bytes, or None for a directory, and the labels of its annotations."""

    content: bytes | None
    labels: list[str] = field(default_factory=list)


@dataclass
class Model:
    """A dataset as anybody would write it down."""

    entries: dict[str, Entry] = field(default_factory=dict)

    def free(self, path: str) -> bool:
        """Whether something may be put at a path."""
        return path not in self.entries and self.reachable(path)

    def reachable(self, path: str) -> bool:
        """Whether nothing above a path is a file."""
        return all(self.entries.get(one, Entry(None)).content is None for one in above(path))

    def put(self, path: str, entry: Entry) -> None:
        """Put something at a path, and directories above it."""
        for directory in above(path):
            self.entries.setdefault(directory, Entry(None))
        self.entries[path] = entry

    def take(self, path: str) -> dict[str, Entry]:
        """Remove a path with all below it."""
        gone = {one: entry for one, entry in self.entries.items() if one == path or one.startswith(f"{path}/")}
        for one in gone:
            del self.entries[one]
        return gone


def above(path: str) -> list[str]:
    """Directories a path is in, without the root."""
    found = []
    while (path := posixpath.dirname(path)) != "/":
        found.append(path)
    return found


class Items(RuleBasedStateMachine):
    """Each rule does one thing to both, and both must agree whether it may be done."""

    def __init__(self, reach: Callable[[Platform], AbstractContextManager[Api]]) -> None:
        super().__init__()
        clock = ticking_clock()
        platform = Platform(clock=clock, new_id=ObjectIds(clock))
        platform.load_scene({"datasets": [{"id": DATASET, "name": "dataset"}]})
        self.reached = reach(platform)
        self.api = self.reached.__enter__()
        self.dataset = DATASET
        self.model = Model()

    def teardown(self) -> None:
        self.reached.__exit__(None, None, None)

    def id_at(self, path: str) -> str:
        return str(listed(self.api, self.dataset)[path]["id"])

    def chosen(self, data: st.DataObject, kind: str = "any") -> str:
        fitting = [path for path, entry in self.model.entries.items() if kind == "any" or entry.content is not None]
        return data.draw(st.sampled_from(fitting))

    def has_files(self) -> bool:
        return any(entry.content is not None for entry in self.model.entries.values())

    @rule(path=PATHS, content=CONTENTS, mode=st.sampled_from(["skip", "overwrite"]))
    def upload(self, path: str, content: bytes, mode: str) -> None:
        there = self.model.entries.get(path)
        answer = self.api.upload(self.dataset, path, content, mode)
        if self.model.free(path):
            self.model.put(path, Entry(content))
        elif there is not None and there.content is not None:
            there.content = there.content if mode == "skip" else content
        else:
            assert answer.status == 400
            return
        assert answer.status == 200

    @rule(path=PATHS)
    def import_into(self, path: str) -> None:
        body = [{"filename": path, "storageId": "bucket:key"}]
        answer = self.api.post(f"/datasets/{self.dataset}/imports", body)
        if self.model.free(path):
            self.model.put(path, Entry(b""))
            assert answer.status == 200
        else:
            assert answer.status in (200, 400)  # one that is there is given back

    @precondition(lambda self: self.model.entries)
    @rule(data=st.data(), to=PATHS)
    def move(self, data: st.DataObject, to: str) -> None:
        source = self.chosen(data)
        answer = self.api.patch(f"/items/{self.id_at(source)}", {"filename": to})
        if source == to:
            assert answer.status == 200
            return
        inside = to.startswith(f"{source}/")
        if inside or not self.model.free(to):
            assert answer.status == 400
            return
        assert answer.status == 200
        for path, entry in self.model.take(source).items():
            self.model.put(to + path.removeprefix(source), entry)

    @precondition(has_files)
    @rule(data=st.data(), to=PATHS)
    def clone(self, data: st.DataObject, to: str) -> None:
        source = self.chosen(data, "file")
        body = {"targetDatasetId": self.dataset, "remoteFileName": to, "allowMany": True}
        answer = self.api.post(f"/items/{self.id_at(source)}/clone", body)
        if self.model.free(to):
            entry = self.model.entries[source]
            self.model.put(to, Entry(entry.content, list(entry.labels)))
            assert answer.json()["status"] == "success"
        else:
            assert answer.status == 400

    @precondition(lambda self: self.model.entries)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        path = self.chosen(data)
        assert self.api.delete(f"/items/{self.id_at(path)}").status == 204
        self.model.take(path)

    @precondition(has_files)
    @rule(data=st.data(), labels=st.lists(LABELS, max_size=3))
    def annotate(self, data: st.DataObject, labels: list[str]) -> None:
        path = self.chosen(data, "file")
        self.api.post(f"/items/{self.id_at(path)}/annotations", [{**BOX, "label": label} for label in labels])
        self.model.entries[path].labels += labels

    @precondition(lambda self: any(entry.labels for entry in self.model.entries.values()))
    @rule(data=st.data(), label=LABELS)
    def relabel(self, data: st.DataObject, label: str) -> None:
        path = self.annotated(data)
        index, annotation_id = self.one_annotation(data, path)
        assert self.api.put(f"/annotations/{annotation_id}", {"label": label}).status == 200
        self.model.entries[path].labels[index] = label

    @precondition(lambda self: any(entry.labels for entry in self.model.entries.values()))
    @rule(data=st.data())
    def delete_annotation(self, data: st.DataObject) -> None:
        path = self.annotated(data)
        index, annotation_id = self.one_annotation(data, path)
        assert self.api.delete(f"/annotations/{annotation_id}").status in (200, 204)
        del self.model.entries[path].labels[index]

    @precondition(has_files)
    @rule(data=st.data())
    def forget_annotations(self, data: st.DataObject) -> None:
        path = self.chosen(data, "file")
        query = {"resource": "annotations", "filter": {"itemId": self.id_at(path)}, "delete": True}
        self.api.post(f"/datasets/{self.dataset}/query", query)
        self.model.entries[path].labels.clear()

    def annotated(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from([path for path, entry in self.model.entries.items() if entry.labels]))

    def one_annotation(self, data: st.DataObject, path: str) -> tuple[int, str]:
        """One of an item's annotations: its place among the model's labels, and its id on the platform."""
        index = data.draw(st.integers(0, len(self.model.entries[path].labels) - 1))
        label = self.model.entries[path].labels[index]
        there = self.api.get(f"/items/{self.id_at(path)}/annotations").json()
        return index, next(str(one["id"]) for one in there if one["label"] == label)

    @invariant()
    def both_are_the_same(self) -> None:
        compare(self.api, self.dataset, self.model)


def listed(api: Api, dataset: str) -> dict[str, dict[str, Any]]:
    """All items of a dataset by their path."""
    page = api.post(f"/datasets/{dataset}/query", {"filter": {}, "pageSize": 1000}).json()
    return {row["filename"]: row for row in page["items"]}


def compare(api: Api, dataset: str, model: Model) -> None:
    """Assert that a dataset has the paths, bytes, annotations and counters that a model says."""
    rows = listed(api, dataset)
    kinds = {path: "dir" if entry.content is None else "file" for path, entry in model.entries.items()}
    assert {path: row["type"] for path, row in rows.items()} == kinds
    assert all(row["dir"] == posixpath.dirname(path) for path, row in rows.items())
    files = {path: entry for path, entry in model.entries.items() if entry.content is not None}
    for path, entry in files.items():
        row = rows[path]
        assert (row["annotationsCount"], row["annotated"]) == (len(entry.labels), bool(entry.labels))
        assert api.get(f"/items/{row['id']}/stream").body == entry.content
        labels = [one["label"] for one in api.get(f"/items/{row['id']}/annotations").json()]
        assert sorted(labels) == sorted(entry.labels)
    counters = api.get(f"/datasets/{dataset}").json()
    assert counters["itemsCount"] == len(files)
    assert counters["annotated"] == sum(bool(entry.labels) for entry in files.values())
    assert counters["annotationsCount"] == sum(len(entry.labels) for entry in files.values())
