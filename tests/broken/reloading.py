"""Broken when a model is loaded or saved a second time."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from good.classifier import WEIGHTS, Classifier
from good.detector import Detector
from good.prompts import Echo


class ParsesInPlace(Echo):
    """Replaces a text of the configuration by what it means, and cannot read that the next time."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        super().load(local_path)
        self.adapter_defaults.setdefault("sizes", "[640, 480]")
        self.adapter_defaults["sizes"] = json.loads(self.adapter_defaults["sizes"])
        self.model_entity.configuration["sizes"] = self.adapter_defaults["sizes"]


class KeepsTheFirstModel(Detector):
    """Has loaded something, and leaves it at that."""

    bright: int | None = None

    def load(self, local_path: str, **kwargs: Any) -> None:
        if self.bright is None:
            super().load(local_path)


class FallsBackToStock(Detector):
    """Takes thresholds of its own when there are none."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        self.bright, self.dark = 200, 50
        if (Path(local_path) / "thresholds.json").exists():
            super().load(local_path)


class MovesItsWeights(Classifier):
    """Moves the file that training has left, which is there once."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        super().load(local_path)
        self.file = Path(local_path) / "last.json"
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(json.dumps(self.colours), "utf-8")

    def save(self, local_path: str, **kwargs: Any) -> None:
        shutil.move(self.file, Path(local_path) / WEIGHTS)
        super().save(local_path)
