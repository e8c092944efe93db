"""A classifier with an asynchronous client inside: the requests of a batch run together, and predict waits for them."""

from __future__ import annotations

import asyncio
from typing import Any

import dtlpy as dl
import numpy as np
from PIL import Image


class AsksTogether(dl.BaseModelAdapter):
    """The service is a stand-in that answers from the pixels; an image that it cannot take gets no annotation."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        self.labels = ("day", "night")

    def prepare_item_func(self, item: dl.Item) -> np.ndarray | None:
        try:
            with Image.open(item.download(save_locally=False)) as image:
                return np.asarray(image.convert("L"))
        except OSError:
            return None

    def predict(self, batch: list[np.ndarray | None], **kwargs: Any) -> list[dl.AnnotationCollection]:
        return [self.collection(answer) for answer in asyncio.run(self.ask_all(batch))]

    async def ask_all(self, batch: list[np.ndarray | None]) -> list[float | None]:
        return list(await asyncio.gather(*(self.ask(image) for image in batch)))

    async def ask(self, image: np.ndarray | None) -> float | None:
        await asyncio.sleep(0)
        return None if image is None else float(image.mean()) / 255

    def collection(self, brightness: float | None) -> dl.AnnotationCollection:
        collection = dl.AnnotationCollection()
        if brightness is not None:
            label, confidence = ("day", brightness) if brightness > 0.5 else ("night", 1 - brightness)
            info = {"name": self.model_entity.name, "model_id": self.model_entity.id, "confidence": confidence}
            collection.add(dl.Classification(label=label), model_info=info)
        return collection
