"""Broken when one item cannot be read."""

from __future__ import annotations

from typing import Any

import dtlpy as dl
import numpy as np

from good.detector import Detector


class SkipsTheUnreadable(Detector):
    """Leaves out what it cannot read, and moves all that follows to the neighbour."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        return [self.detect(image) for image in batch if image.size]


class RaisesForOne(Detector):
    """Ends the whole call because of one file."""

    def prepare_item_func(self, item: dl.Item) -> np.ndarray:
        image = super().prepare_item_func(item)
        if not image.size:
            raise OSError(f"{item.name} cannot be read")
        return image


class AnswersAnyway(Detector):
    """Finds something where there is nothing to see."""

    def detect(self, image: np.ndarray) -> dl.AnnotationCollection:
        return super().detect(image if image.size else np.full((8, 8), 255, np.uint8))
