"""A detector that would use a GPU: it asks for one, and works without."""

from __future__ import annotations

import importlib.util
from typing import Any

import dtlpy as dl
import numpy as np

from good.detector import Detector


class Accelerated(Detector):
    """Chooses its device when it is loaded, never before."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        super().load(local_path, **kwargs)
        wanted = self.configuration.get("device", "auto")
        self.device = self.best_device() if wanted == "auto" else wanted

    @staticmethod
    def best_device() -> str:
        if importlib.util.find_spec("torch") is None:
            return "cpu"
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        with_a_device = self.device != "cpu"
        return [self.detect(np.ascontiguousarray(image) if with_a_device else image) for image in batch]
