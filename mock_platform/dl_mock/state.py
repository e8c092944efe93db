"""Everything the platform remembers: the one mutable thing.

Documents are plain dicts. They are replaced, never edited in place, so a document once read stays as it was.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dl_mock.ids import is_object_id
from dl_mock.settings import Settings
from dl_mock.state_file import StateFile, StateFileError
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

HIGHEST_GONE = "highest id that is gone"  # a fact in the state file


class State:
    """Collections of documents by id, the bytes of items, and indexes over both."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.settings = Settings()  # answers to what nobody outside the platform can know
        self._tables: dict[str, Table] = {}
        self._contents: dict[str, Content | None] = {}  # None: the state file has them
        self._totals: dict[str, list[int]] = {}
        self._file: StateFile | None = None
        self._changes: dict[tuple[str, str], Document | None] = {}
        self._new_contents: dict[str, bytes | None] = {}
        self._highest = ""
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        with self.lock:
            if self._file is not None:
                self._changes.update({(name, id_): None for name in COLLECTIONS for id_ in self._tables[name].rows})
                self._new_contents.update(dict.fromkeys(self._contents))
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
            if self._file is not None:
                self._changes[collection, document["id"]] = document
            if collection == "items":
                self._tally(old, -1)
                self._tally(document, 1)
            return document

    def remove(self, collection: str, id_: str) -> Document | None:
        """Take a document out, with its bytes; nothing else goes with it."""
        with self.lock:
            old = self._tables[collection].remove(id_)
            if old is not None and self._file is not None:
                self._changes[collection, id_] = None
            if old is not None and collection == "items":
                if self._contents.pop(id_, None) is not None and self._file is not None:
                    self._new_contents[id_] = None
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
        """Set the bytes of an item; a path is read when the bytes are asked for, or at once for a state file."""
        with self.lock:
            if self._file is not None:
                content = content if isinstance(content, bytes) else content.read_bytes()
                self._new_contents[item_id] = content
            self._contents[item_id] = content

    def read(self, item_id: str) -> bytes:
        """The bytes of an item; directories have none."""
        content = self._contents.get(item_id, b"")
        if content is None and self._file is not None:
            with self.lock:
                return self._file.content(item_id)
        return content.read_bytes() if isinstance(content, Path) else content or b""

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """Bytes of every item that has some, by item id."""
        for item_id in list(self._contents):
            yield item_id, self.read(item_id)

    def keep_in(self, file: StateFile) -> None:
        """Take over what a file holds, and write every change to it from now on. The state must be empty.

        Raises StateFileError if the file holds what cannot be documents.
        """
        with self.lock:
            for collection, document in file.documents():
                if collection not in self._tables or not isinstance(document.get("id"), str):
                    raise StateFileError(f"{file.path} holds a document of no known kind: {collection!r}")
                self.put(collection, document)
            self._contents.update(dict.fromkeys(file.content_ids()))
            self._highest = file.facts().get(HIGHEST_GONE, "")
            self._file = file

    def commit(self) -> None:
        """Write what has changed to the state file, if there is one. Raises StateFileError; the changes then stay."""
        if not self._changes and not self._new_contents:
            return
        with self.lock:
            if self._file is None:
                return
            # The ids of what is there speak for themselves; an id must not be used again when its document is gone.
            gone = (id_ for (_, id_), document in self._changes.items() if document is None and is_object_id(id_))
            highest = max(gone, default="")
            facts = [(HIGHEST_GONE, highest)] if highest > self._highest else []
            self._file.write(self._changes, self._new_contents, facts)
            self._highest = max(highest, self._highest)
            # From here on they are read from the file: a copy in memory would only take room.
            self._contents.update(dict.fromkeys(self._new_contents.keys() & self._contents.keys()))
            self._changes.clear()
            self._new_contents.clear()

    def close(self) -> None:
        """Write what is left and give the state file back."""
        with self.lock:
            self.commit()
            if self._file is not None:
                self._file.close()
                self._file = None

    def _tally(self, item: Document | None, sign: int) -> None:
        """Keep the counters of datasets, which the SDK asks for once per detached item."""
        if item is None or item.get("type") != "file":
            return
        totals = self._totals.setdefault(item["datasetId"], [0, 0, 0])
        count = item.get("annotationsCount") or 0
        totals[0] += sign
        totals[1] += sign if item.get("annotated") else 0
        totals[2] += sign * count
