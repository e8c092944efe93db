"""A text classifier: labels by words, for texts of any language."""

from __future__ import annotations

import re
from typing import Any

import dtlpy as dl

WORDS = re.compile(r"\w+")


class LongOrShort(dl.BaseModelAdapter):
    """Reads texts as bytes, without a file on the disk."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        self.limit = self.configuration.get("words", 40)

    def prepare_item_func(self, item: dl.Item) -> str:
        return item.download(save_locally=False).read().decode("utf-8", errors="replace")

    def predict(self, batch: list[str], **kwargs: Any) -> list[dl.AnnotationCollection]:
        return [self.classify(text) for text in batch]

    def classify(self, text: str) -> dl.AnnotationCollection:
        words = len(WORDS.findall(text))
        label = "long" if words > self.limit else "short"
        certain = abs(words - self.limit) / max(words, self.limit)
        info = {"name": self.model_entity.name, "model_id": self.model_entity.id, "confidence": certain}
        collection = dl.AnnotationCollection()
        collection.add(dl.Classification(label=label), model_info=info)
        return collection
