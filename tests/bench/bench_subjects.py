"""Adapters of known cost; what a batch takes is counted in rounds of a loop, so that no clock is asked."""

from __future__ import annotations

from typing import Any

import dtlpy as dl

LOOPS = 20_000


class Steady(dl.BaseModelAdapter):
    """Finds one box in every item, after some work."""

    factor = 1

    def load(self, local_path: str, **kwargs: Any) -> None:
        self.seen = 0

    def prepare_item_func(self, item: dl.Item) -> bytes:
        return bytes(item.download(save_locally=False).read())

    def predict(self, batch: list[bytes], **kwargs: Any) -> list[dl.AnnotationCollection]:
        return [self.find(content) for content in batch]

    def find(self, content: bytes) -> dl.AnnotationCollection:
        found = 0
        for number in range(LOOPS * self.factor):
            found = (found * 31 + number) % 65537
        collection = dl.AnnotationCollection()
        info = {"name": "steady", "model_id": "steady", "confidence": 0.5}
        collection.add(dl.Box(left=1, top=1, right=9, bottom=9, label="cat"), model_info=info)
        return collection


class TenTimes(Steady):
    """Ten times the work."""

    factor = 10


class Remembers(Steady):
    """Answers at once what it has been asked before."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        self.known: dict[bytes, dl.AnnotationCollection] = {}

    def find(self, content: bytes) -> dl.AnnotationCollection:
        if content not in self.known:
            self.known[content] = super().find(content)
        return self.known[content]


class RunsOutOfMemory(Steady):
    """Can hold few items at once."""

    def predict(self, batch: list[bytes], **kwargs: Any) -> list[dl.AnnotationCollection]:
        if len(batch) >= 8:
            raise MemoryError(f"cannot hold {len(batch)} items")
        return super().predict(batch)


class Dies(Steady):
    """Takes the process with it."""

    def predict(self, batch: list[bytes], **kwargs: Any) -> list[dl.AnnotationCollection]:
        import os

        os._exit(9)
