"""A segmenter: one mask of what is bright, with nothing but numpy behind it."""

from __future__ import annotations

import dtlpy as dl
import numpy as np


@dl.Package.decorators.module(
    name="segmenter", description="Finds what is bright", init_inputs={"model_entity": dl.Model}
)
class Segmenter(dl.BaseModelAdapter):
    """Takes images as the SDK's own prepare_item_func hands them over: arrays of any mode, or None."""

    def load(self, local_path, **kwargs):
        self.threshold = 128

    def predict(self, batch, **kwargs):
        collections = []
        for image in batch:
            collection = dl.AnnotationCollection()
            mask = self.mask(image)
            if mask.any():
                collection.add(
                    annotation_definition=dl.Segmentation(geo=mask, label="bright"),
                    model_info={
                        "name": self.model_entity.name,
                        "model_id": self.model_entity.id,
                        "confidence": float(mask.mean()),
                    },
                )
            collections.append(collection)
        return collections

    def mask(self, image):
        if image is None:
            return np.zeros((1, 1), dtype=bool)
        grey = image if image.ndim == 2 else image[..., :3].mean(axis=-1)
        return grey > self.threshold
