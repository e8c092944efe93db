"""Adapters that behave badly when they predict."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from typing import Any

import dtlpy as dl
import numpy as np

from good.detector import Detector


class Hangs(Detector):
    """Waits for an answer that never comes."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        while True:
            time.sleep(1e6)


class TakesAllMemory(Detector):
    """Keeps every pixel it has ever seen, many times."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        kept = []
        while True:
            kept.append(np.ones(1 << 24))
            time.sleep(0.1)


class Daemonises(Detector):
    """Starts a program that leaves its parent, its session and its terminal."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        super().load(local_path)
        program = "import os, time; os.setsid(); os.fork() and os._exit(0); time.sleep(600)"
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).wait()


class Exits(Detector):
    """Ends the program as a script would."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        sys.exit("no GPU, giving up")


class Dies(Detector):
    """Ends the process without a word, as a crash in a library does."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        os._exit(11)


class Crashes(Detector):
    """Dies in native code."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        ctypes.string_at(0)


class Shouts(Detector):
    """Prints megabytes."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        for _ in range(40):
            print("x" * 99_999)
        return super().predict(batch)


class Wanders(Detector):
    """Changes the working directory, and leaves it there."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        os.chdir("..")
        return super().predict(batch)


class Recurses(Detector):
    """Calls itself for ever."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        return self.predict(batch)


class Stop(BaseException):
    """Not an Exception: the wrapper does not catch it."""


class StopsEverything(Detector):
    """Raises what no `except Exception` holds back."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        raise Stop("enough")


class PressesControlC(Detector):
    """Raises KeyboardInterrupt itself."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        raise KeyboardInterrupt


class PredictsLater(Detector):
    """Is asynchronous."""

    async def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        return super().predict(batch)


class HangsWhilePreparing(Detector):
    """Waits for an answer that never comes, in one of sixteen threads."""

    def prepare_item_func(self, item: dl.Item) -> np.ndarray:
        if item.name == "cat.jpg":
            time.sleep(1e6)
        return super().prepare_item_func(item)
