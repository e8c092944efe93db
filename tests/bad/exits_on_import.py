"""Ends the program when it is imported without its settings."""

from __future__ import annotations

import sys
from typing import Any

import dtlpy as dl

if "--model" not in sys.argv:
    sys.exit("usage: exits_on_import.py --model MODEL")


class NeedsArguments(dl.BaseModelAdapter):
    """Was a script."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        pass

    def predict(self, batch: list, **kwargs: Any) -> list[dl.AnnotationCollection]:
        return [dl.AnnotationCollection() for _ in batch]
