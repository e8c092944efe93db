"""Imports what nobody has installed."""

from __future__ import annotations

from typing import Any

import a_framework_that_is_not_here
import dtlpy as dl


class NeedsAFramework(dl.BaseModelAdapter):
    """Never comes to be."""

    engine = a_framework_that_is_not_here.Engine

    def load(self, local_path: str, **kwargs: Any) -> None:
        pass

    def predict(self, batch: list, **kwargs: Any) -> list[dl.AnnotationCollection]:
        return [dl.AnnotationCollection() for _ in batch]
