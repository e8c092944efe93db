"""Everything the platform remembers: the one mutable thing.

Documents are plain dicts. They are replaced, never edited in place, so a document once read stays as it was.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dl_mock.settings import Settings
from dl_mock.table import Table

Document = dict[str, Any]
Content = bytes | Path

COLLECTIONS = (
    "projects",
    "datasets",
    "recipes",
    "ontologies",
    "items",
    "annotations",
    "models",
    "feature_sets",
    "feature_vectors",
    "metrics",
    "executions",
    "commands",
    "services",
    "apps",
    "dpks",
    "drivers",
    "logs",
    "packages",
)

# How the collections are stored. Fields named first make sections, and `split` makes groups in these: both are what
# the SDK asks for in all of its queries. Look-ups of the others go through an index.
_TABLES: Mapping[str, Callable[[], Table]] = MappingProxyType(
    {
        "datasets": lambda: Table(indexed=("name",)),
        "items": lambda: Table("datasetId", split=("type", "hidden"), indexed_inside=("filename", "dir")),
        "annotations": lambda: Table("datasetId", indexed=("itemId",)),
        "feature_sets": lambda: Table(indexed=("modelId", "name")),
        "feature_vectors": lambda: Table(split=("project",), indexed=("entityId", "featureSetId")),
        "metrics": lambda: Table(indexed=("modelId",)),
        "logs": lambda: Table(indexed=("executionId",)),
    }
)


class State:
    """Collections of documents by id, the bytes of items, and indexes over both."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.settings = Settings()  # answers to what nobody outside the platform can know
        self._tables: dict[str, Table] = {}
        self._contents: dict[str, Content] = {}
        self._totals: dict[str, list[int]] = {}
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        with self.lock:
            self._tables.update({name: _TABLES.get(name, Table)() for name in COLLECTIONS})
            self._contents.clear()
            self._totals.clear()

    def table(self, collection: str) -> Table:
        """The documents of a collection, to run queries over; changed only through this state."""
        return self._tables[collection]

    def get(self, collection: str, id_: str) -> Document | None:
        """The document, or None."""
        return self._tables[collection].rows.get(id_)

    def all(self, collection: str) -> list[Document]:
        """Every document, in order of arrival."""
        with self.lock:
            return list(self._tables[collection].rows.values())

    def count(self, collection: str) -> int:
        """How many documents there are."""
        return len(self._tables[collection].rows)

    def find(self, collection: str, **values: Any) -> list[Document]:
        """Documents whose fields have these values, through an index where one fits, in order of arrival."""
        with self.lock:
            return self._tables[collection].having(values)

    def put(self, collection: str, document: Document) -> Document:
        """Add a document, or replace the one with the same id."""
        with self.lock:
            old = self._tables[collection].put(document)
            if collection == "items":
                self._tally(old, -1)
                self._tally(document, 1)
            return document

    def remove(self, collection: str, id_: str) -> Document | None:
        """Take a document out, with its bytes; nothing else goes with it."""
        with self.lock:
            old = self._tables[collection].remove(id_)
            if old is not None and collection == "items":
                self._contents.pop(id_, None)
                self._tally(old, -1)
            return old

    def item_at(self, dataset_id: str, filename: str) -> Document | None:
        """The item of a dataset at a path; there is never more than one."""
        found = self.find("items", datasetId=dataset_id, filename=filename)
        return found[0] if found else None

    def annotations_of(self, item_id: str) -> list[Document]:
        """Annotations of an item, oldest first."""
        return self.find("annotations", itemId=item_id)

    def count_annotations(self, item_id: str) -> int:
        """How many annotations an item has."""
        return self._tables["annotations"].count("itemId", item_id)

    def totals(self, dataset_id: str) -> tuple[int, int, int]:
        """Files, annotated files and annotations of a dataset."""
        files, annotated, annotations = self._totals.get(dataset_id, (0, 0, 0))
        return files, annotated, annotations

    def write(self, item_id: str, content: Content) -> None:
        """Set the bytes of an item; a path is read when the bytes are asked for."""
        with self.lock:
            self._contents[item_id] = content

    def read(self, item_id: str) -> bytes:
        """The bytes of an item; directories have none."""
        content = self._contents.get(item_id, b"")
        return content if isinstance(content, bytes) else content.read_bytes()

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """Bytes of every item that has some, by item id."""
        for item_id in list(self._contents):
            yield item_id, self.read(item_id)

    def _tally(self, item: Document | None, sign: int) -> None:
        """Keep the counters of datasets, which the SDK asks for once per detached item."""
        if item is None or item.get("type") != "file":
            return
        totals = self._totals.setdefault(item["datasetId"], [0, 0, 0])
        count = item.get("annotationsCount") or 0
        totals[0] += sign
        totals[1] += sign if item.get("annotated") else 0
        totals[2] += sign * count
