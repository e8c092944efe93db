"""A good adapter below a manifest that is not."""

from __future__ import annotations

from typing import Any

import dtlpy as dl


class Grey(dl.BaseModelAdapter):
    """Labels every image."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        self.label = "grey"

    def predict(self, batch: list, **kwargs: Any) -> list[dl.AnnotationCollection]:
        return [self.collection() for _ in batch]

    def collection(self) -> dl.AnnotationCollection:
        collection = dl.AnnotationCollection()
        info = {"name": self.model_entity.name, "model_id": self.model_entity.id, "confidence": 0.5}
        collection.add(dl.Classification(label=self.label), model_info=info)
        return collection
