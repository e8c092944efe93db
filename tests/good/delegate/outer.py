"""One adapter for many models: what does the work is imported by a name in the configuration."""

from __future__ import annotations

import importlib
from typing import Any

import dtlpy as dl


class Outer(dl.BaseModelAdapter):
    """Hands everything on to `Delegate` of configuration['module_name'], which derives from nothing."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        module = importlib.import_module(self.configuration["module_name"])
        self.delegate = module.Delegate(self.configuration.get("threshold", 128))

    def prepare_item_func(self, item: dl.Item) -> Any:
        return self.delegate.read(item.download(save_locally=False))

    def predict(self, batch: list, **kwargs: Any) -> list[dl.AnnotationCollection]:
        collections = []
        for image in batch:
            collection = dl.AnnotationCollection()
            for corners, confidence in self.delegate.polygons(image):
                collection.add(
                    dl.Polygon(geo=corners, label="bright"),
                    model_info={
                        "name": self.model_entity.name,
                        "model_id": self.model_entity.id,
                        "confidence": confidence,
                    },
                )
            collections.append(collection)
        return collections
