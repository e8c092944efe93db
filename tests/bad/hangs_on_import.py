"""Waits for a service when it is imported."""

from __future__ import annotations

import time
from typing import Any

import dtlpy as dl

time.sleep(1e6)


class NeverThere(dl.BaseModelAdapter):
    """Never comes to be."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        pass

    def predict(self, batch: list, **kwargs: Any) -> list[dl.AnnotationCollection]:
        return [dl.AnnotationCollection() for _ in batch]
