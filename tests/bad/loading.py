"""Adapters that behave badly when they load."""

from __future__ import annotations

import os
import time
from typing import Any

from good.detector import Detector


class HangsInLoad(Detector):
    """Waits for weights that nobody sends."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        time.sleep(1e6)


class DiesInLoad(Detector):
    """Ends the process in the middle of its weights."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        os._exit(9)
