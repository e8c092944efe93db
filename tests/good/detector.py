"""A detector in plain style: thresholds come from the artifacts, boxes from the pixels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dtlpy as dl
import numpy as np
from PIL import Image, ImageOps


class Detector(dl.BaseModelAdapter):
    """One box around what is bright, one around what is dark."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        thresholds = json.loads((Path(local_path) / "thresholds.json").read_text("utf-8"))
        self.bright, self.dark = thresholds["bright"], thresholds["dark"]

    def prepare_item_func(self, item: dl.Item) -> np.ndarray:
        try:
            with Image.open(item.download(save_locally=False)) as opened:
                return np.asarray(ImageOps.exif_transpose(opened).convert("L"))
        except OSError:
            return np.zeros((0, 0), np.uint8)  # an image in which there is nothing to find

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        return [self.detect(image) for image in batch]

    def detect(self, image: np.ndarray) -> dl.AnnotationCollection:
        collection = dl.AnnotationCollection()
        for label, found in (("bright", image > self.bright), ("dark", image < self.dark)):
            if found.any():
                collection.add(box_around(found, label), model_info=self.info(float(found.mean())))
        return collection

    def info(self, confidence: float) -> dict[str, Any]:
        return {"name": self.model_entity.name, "model_id": self.model_entity.id, "confidence": confidence}


def box_around(found: np.ndarray, label: str) -> dl.Box:
    rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    return dl.Box(
        top=int(rows[0]), left=int(columns[0]), bottom=int(rows[-1]) + 1, right=int(columns[-1]) + 1, label=label
    )
