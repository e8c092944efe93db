"""An adapter that is built with more than its model: the names of a secret and a region, as strings."""

from __future__ import annotations

import os
from typing import Any

import dtlpy as dl


class WithInputs(dl.BaseModelAdapter):
    """Takes what the manifest's initInputs declare, and nothing more; it looks at no pixel."""

    def __init__(self, model_entity: dl.Model, api_key_name: str, region: str = "eu") -> None:
        self.key = os.environ.get(api_key_name, "")
        self.region = region
        super().__init__(model_entity=model_entity)

    def load(self, local_path: str, **kwargs: Any) -> None:
        self.wide, self.tall = self.model_entity.labels

    def prepare_item_func(self, item: dl.Item) -> dl.Item:
        return item

    def predict(self, batch: list[dl.Item], **kwargs: Any) -> list[dl.AnnotationCollection]:
        return [self.classify(item) for item in batch]

    def classify(self, item: dl.Item) -> dl.AnnotationCollection:
        collection = dl.AnnotationCollection()
        if item.width is None or item.height is None:
            return collection
        collection.add(
            dl.Classification(label=self.wide if item.width > item.height else self.tall),
            model_info={"name": self.model_entity.name, "model_id": self.model_entity.id, "confidence": 1.0},
        )
        return collection
