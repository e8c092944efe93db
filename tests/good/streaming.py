"""A detector that yields inside and returns a list: the generator never reaches the wrapper."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dtlpy as dl
import numpy as np

from good.detector import Detector


class Streaming(Detector):
    """Walks the batch lazily, as long as it is its own business."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        return list(self.found_in(batch))

    def found_in(self, batch: list[np.ndarray]) -> Iterator[dl.AnnotationCollection]:
        for image in batch:
            yield self.detect(image)
