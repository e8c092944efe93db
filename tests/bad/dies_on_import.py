"""Ends the process when it is imported, as a broken native library does."""

from __future__ import annotations

import os
from typing import Any

import dtlpy as dl

os._exit(6)


class NeverThere(dl.BaseModelAdapter):
    """Never comes to be."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        pass

    def predict(self, batch: list, **kwargs: Any) -> list[dl.AnnotationCollection]:
        return [dl.AnnotationCollection() for _ in batch]
