"""Everything the platform remembers: the one mutable thing.

Documents are plain dicts. They are replaced, never edited in place, so a document once read stays as it was.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

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
)

# Fields by which a collection is looked up without a scan.
INDEXED: Mapping[str, tuple[tuple[str, ...], ...]] = MappingProxyType(
    {
        "datasets": (("name",),),
        "items": (("datasetId",), ("datasetId", "filename"), ("datasetId", "dir")),
        "annotations": (("itemId",), ("datasetId",)),
        "feature_sets": (("modelId",), ("name",)),
        "feature_vectors": (("entityId",), ("featureSetId",)),
        "metrics": (("modelId",),),
        "logs": (("executionId",),),
    }
)

Ids = dict[str, None]  # a set that keeps the order of arrival


class State:
    """Collections of documents by id, the bytes of items, and indexes over both."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._documents: dict[str, dict[str, Document]] = {name: {} for name in COLLECTIONS}
        self._contents: dict[str, Content] = {}
        self._indexes: dict[str, dict[tuple[str, ...], dict[Any, Ids]]] = {
            name: {fields: {} for fields in INDEXED.get(name, ())} for name in COLLECTIONS
        }
        self._totals: dict[str, list[int]] = {}

    def get(self, collection: str, id_: str) -> Document | None:
        """The document, or None."""
        return self._documents[collection].get(id_)

    def all(self, collection: str) -> list[Document]:
        """Every document, in order of arrival."""
        with self.lock:
            return list(self._documents[collection].values())

    def count(self, collection: str) -> int:
        """How many documents there are."""
        return len(self._documents[collection])

    def find(self, collection: str, **values: Any) -> list[Document]:
        """Documents whose fields have these values, through an index where one fits, in order of arrival."""
        with self.lock:
            if set(values) == {"id"}:
                found = self.get(collection, values["id"])
                return [found] if found else []
            rows, rest = self._narrowed(collection, values)
            if not rest:
                return list(rows)
            return [row for row in rows if all(row.get(name) == value for name, value in rest.items())]

    def put(self, collection: str, document: Document) -> Document:
        """Add a document, or replace the one with the same id."""
        with self.lock:
            id_ = document["id"]
            old = self._documents[collection].get(id_)
            if old is not None:
                self._unlist(collection, old, document)
            self._documents[collection][id_] = document
            self._list(collection, document)
            if collection == "items":
                self._tally(old, -1)
                self._tally(document, 1)
            return document

    def remove(self, collection: str, id_: str) -> Document | None:
        """Take a document out, with its bytes; nothing else goes with it."""
        with self.lock:
            old = self._documents[collection].pop(id_, None)
            if old is not None:
                self._unlist(collection, old, {})
                if collection == "items":
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

    def _narrowed(self, collection: str, values: Mapping[str, Any]) -> tuple[Iterable[Document], Mapping[str, Any]]:
        """Rows of the widest fitting index, and the conditions it leaves open."""
        fitting = [fields for fields in self._indexes[collection] if set(fields) <= set(values)]
        if not fitting:
            return self._documents[collection].values(), values
        fields = max(fitting, key=len)
        ids = self._indexes[collection][fields].get(tuple(values[name] for name in fields), {})
        rest = {name: value for name, value in values.items() if name not in fields}
        return [self._documents[collection][id_] for id_ in ids], rest

    def _list(self, collection: str, document: Document) -> None:
        for fields, index in self._indexes[collection].items():
            index.setdefault(tuple(document.get(name) for name in fields), {})[document["id"]] = None

    def _unlist(self, collection: str, old: Document, new: Document) -> None:
        """Forget index entries that `new` does not share; shared ones keep their place in the order."""
        for fields, index in self._indexes[collection].items():
            key = tuple(old.get(name) for name in fields)
            if key != tuple(new.get(name) for name in fields) or not new:
                entry = index[key]
                del entry[old["id"]]
                if not entry:
                    del index[key]

    def _tally(self, item: Document | None, sign: int) -> None:
        """Keep the counters of datasets, which the SDK asks for once per detached item."""
        if item is None or item.get("type") != "file":
            return
        totals = self._totals.setdefault(item["datasetId"], [0, 0, 0])
        count = item.get("annotationsCount") or 0
        totals[0] += sign
        totals[1] += sign if item.get("annotated") else 0
        totals[2] += sign * count
