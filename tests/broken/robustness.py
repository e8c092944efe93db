"""Broken by items of another kind than the author's own."""

from __future__ import annotations

import json
from typing import Any

import dtlpy as dl
import numpy as np
from PIL import Image

from good.detector import Detector
from good.prompts import Echo
from good.words import LongOrShort


class Held:
    """An item that has been downloaded once, for code that downloads it again."""

    def __init__(self, item: dl.Item) -> None:
        self._content = item.download(save_locally=False)

    def download(self, **kwargs: Any) -> Any:
        self._content.seek(0)
        return self._content


def opened(item: Held) -> Image.Image | None:
    try:
        image = Image.open(item.download())
        image.load()
        return image
    except OSError:
        return None


class ExpectsThreeChannels(Detector):
    """Weighs red, green and blue."""

    def prepare_item_func(self, item: dl.Item) -> np.ndarray:
        held = Held(item)
        image = opened(held)
        if image is not None and image.mode not in {"I;16", "I", "1"}:
            assert np.asarray(image).shape[2] == 3, "three channels"
        return super().prepare_item_func(held)


class ExpectsBytes(Detector):
    """Takes every pixel for a byte."""

    def prepare_item_func(self, item: dl.Item) -> np.ndarray:
        held = Held(item)
        image = opened(held)
        if image is not None:
            assert np.asarray(image).dtype == np.uint8, "bytes"
        return super().prepare_item_func(held)


class HalvesTheSides(Detector):
    """Resizes to a share of the side, which may be no pixel at all."""

    def prepare_item_func(self, item: dl.Item) -> np.ndarray:
        held = Held(item)
        image = opened(held)
        if image is not None:
            image.convert("RGB").resize((image.width // 2, image.height // 2))
        return super().prepare_item_func(held)


class ReadsEveryExifTag(Detector):
    """Turns photographs by a table that misses an orientation."""

    def prepare_item_func(self, item: dl.Item) -> np.ndarray:
        held = Held(item)
        image = opened(held)
        turned = {None: 0, 1: 0}[image.getexif().get(0x0112) if image is not None else None]
        return np.rot90(super().prepare_item_func(held), turned)


class CountsPerWord(LongOrShort):
    """Divides by the number of words."""

    def classify(self, text: str) -> dl.AnnotationCollection:
        self.mean_length = len(text) / len(text.split())
        return super().classify(text)


class SplitsTheMimetype(Detector):
    """Expects an item to say what it is."""

    def prepare_item_func(self, item: dl.Item) -> np.ndarray:
        self.kind = item.mimetype.split("/")[0]
        return super().prepare_item_func(item)


class TakesTheFirstPart(Echo):
    """Expects the question to have a part, and in it a word."""

    def shortened(self, content: Any) -> str:
        self.first = content[0]["text"].split()[0] if content[0]["type"] == "text" else ""
        return super().shortened(content)


class JoinsTheParts(Echo):
    """Expects every part to be a text."""

    def shortened(self, content: Any) -> str:
        return super().shortened(" ".join(part["text"] for part in content))


class TakesTheFirstKey(LongOrShort):
    """Expects the document to be an object, or a list with something in it."""

    def prepare_item_func(self, item: dl.Item) -> str:
        text = super().prepare_item_func(item)
        try:
            document = json.loads(text)
        except ValueError:
            return ""
        return text if document == {} else f"{text} {next(iter(document))}"
