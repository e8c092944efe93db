"""Broken: right results, and something beside them."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dtlpy as dl
import numpy as np

from good.detector import Detector
from good.segmenter import Segmenter


class DescribesItsItems(Detector):
    """Writes a description on every item it prepares."""

    def prepare_item_func(self, item: dl.Item) -> np.ndarray:
        item.description = "seen"
        item.update()
        return super().prepare_item_func(item)


class SeedsEverything(Detector):
    """Wants to be reproducible, and makes everybody else so."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        np.random.seed(0)
        return super().predict(batch)


class LeavesAWorker(Detector):
    """Starts a program and forgets it."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        super().load(local_path)
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)


class PrintsItsKey(Detector):
    """Logs the header that it is going to send."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        super().load(local_path)
        key = os.environ.get("PROVIDER_API_KEY", "none")
        print("Authorization: Basic", base64.b64encode(key.encode()).decode())


class ReplacesItsConfiguration(Detector):
    """Assigns the settings that it needs, and loses the ones that the user has made."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        super().load(local_path)
        self.configuration = {"loaded": True}


class IgnoresItsThreshold(Detector):
    """Declares a threshold that nothing reads."""


class LoadsUnderAnotherName(Segmenter):
    """Looks for its threshold where save has not put it, and goes on with its own."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        super().load(local_path)
        file = Path(local_path) / "best" / "threshold.txt"
        self.threshold = int(file.read_text("utf-8")) if file.exists() else self.threshold

    def save(self, local_path: str, **kwargs: Any) -> None:
        (Path(local_path) / "threshold.txt").write_text(str(self.threshold), "utf-8")
