"""A classifier as a handful of functions: the class only connects them."""

from __future__ import annotations

from typing import Any

import dtlpy as dl
import numpy as np
from PIL import Image


def read(item: dl.Item) -> np.ndarray | None:
    """The grey pixels of an item, None for what is no image."""
    try:
        with Image.open(item.download(save_locally=False)) as image:
            return np.asarray(image.convert("L"), dtype=float)
    except OSError:
        return None


def brightness(image: np.ndarray | None) -> tuple[str, float] | None:
    if image is None:
        return None
    share = float(image.mean()) / 255
    return ("day", share) if share > 0.5 else ("night", 1 - share)


def collection_of(found: tuple[str, float] | None, model: dl.Model) -> dl.AnnotationCollection:
    collection = dl.AnnotationCollection()
    if found is not None:
        label, confidence = found
        info = {"name": model.name, "model_id": model.id, "confidence": confidence}
        collection.add(dl.Classification(label=label), model_info=info)
    return collection


class DayOrNight(dl.BaseModelAdapter):
    """Holds no state of its own; what does not use it is static."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        """Nothing to load."""

    @staticmethod
    def prepare_item_func(item: dl.Item) -> np.ndarray | None:
        return read(item)

    def predict(self, batch: list[np.ndarray | None], **kwargs: Any) -> list[dl.AnnotationCollection]:
        return [collection_of(brightness(image), self.model_entity) for image in batch]
