"""The platform and a naive model of a dataset, side by side: a dict of paths, driven by Hypothesis."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from mock_helpers import BOX, Api

from dl_mock import Platform
from dl_mock.clock import ticking_clock
from dl_mock.ids import ObjectIds

NAMES = st.sampled_from(["a", "b.txt", "c d.png", "é"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
CONTENTS = st.binary(max_size=4)


@dataclass
class Entry:
    """What the model knows of a path: its bytes, or None for a directory, and how many annotations it has."""

    content: bytes | None
    annotations: int = 0


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

    def __init__(self) -> None:
        super().__init__()
        clock = ticking_clock()
        self.platform = Platform(clock=clock, new_id=ObjectIds(clock))
        self.platform.load_scene({"datasets": [{"id": "65aa00000000000000000002", "name": "dataset"}]})
        self.api = Api(self.platform)
        self.dataset = "65aa00000000000000000002"
        self.model = Model()

    def id_at(self, path: str) -> str:
        found = self.platform.state.item_at(self.dataset, path)
        assert found is not None
        return str(found["id"])

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
            self.model.put(to, Entry(entry.content, entry.annotations))
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
    @rule(data=st.data(), count=st.integers(0, 3))
    def annotate(self, data: st.DataObject, count: int) -> None:
        path = self.chosen(data, "file")
        self.api.post(f"/items/{self.id_at(path)}/annotations", [BOX] * count)
        self.model.entries[path].annotations += count

    @precondition(has_files)
    @rule(data=st.data())
    def forget_annotations(self, data: st.DataObject) -> None:
        path = self.chosen(data, "file")
        query = {"resource": "annotations", "filter": {"itemId": self.id_at(path)}, "delete": True}
        self.api.post(f"/datasets/{self.dataset}/query", query)
        self.model.entries[path].annotations = 0

    @invariant()
    def the_same_paths_are_there(self) -> None:
        rows = self.listed()
        assert {path: row["type"] for path, row in rows.items()} == {
            path: "dir" if entry.content is None else "file" for path, entry in self.model.entries.items()
        }
        assert all(row["dir"] == posixpath.dirname(path) for path, row in rows.items())

    @invariant()
    def the_same_bytes_and_annotations_are_there(self) -> None:
        rows = self.listed()
        for path, entry in self.model.entries.items():
            if entry.content is not None:
                row = rows[path]
                assert (row["annotationsCount"], row["annotated"]) == (entry.annotations, entry.annotations > 0)
                assert self.api.get(f"/items/{row['id']}/stream").body == entry.content
                assert len(self.api.get(f"/items/{row['id']}/annotations").json()) == entry.annotations

    @invariant()
    def the_counters_of_the_dataset_are_right(self) -> None:
        files = [entry for entry in self.model.entries.values() if entry.content is not None]
        dataset = self.api.get(f"/datasets/{self.dataset}").json()
        assert dataset["itemsCount"] == len(files)
        assert dataset["annotated"] == sum(entry.annotations > 0 for entry in files)
        assert dataset["annotationsCount"] == sum(entry.annotations for entry in files)

    def listed(self) -> dict[str, dict[str, Any]]:
        page = self.api.post(f"/datasets/{self.dataset}/query", {"filter": {}, "pageSize": 1000}).json()
        return {row["filename"]: row for row in page["items"]}


Items.TestCase.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
test_a_dataset_is_what_a_naive_model_says = Items.TestCase
