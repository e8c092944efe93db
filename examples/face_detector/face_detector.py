"""Finds frontal faces with the Haar cascade whose trained weights come inside the OpenCV package."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import cv2
import dtlpy as dl
import numpy as np
from PIL import Image, ImageOps

logger = logging.getLogger(__name__)


class FaceDetector(dl.BaseModelAdapter):
    def load(self, local_path: str, **kwargs: Any) -> None:
        name = self.configuration.get("cascade", "haarcascade_frontalface_default.xml")
        self.model = cv2.CascadeClassifier(str(Path(cv2.data.haarcascades) / name))
        if self.model.empty():
            raise FileNotFoundError(f"OpenCV {cv2.__version__} has no cascade called {name!r}")
        self.threshold = self.configuration.get("confidence_threshold", 0.5)
        self.longest_side = self.configuration.get("longest_side", 640)

    def prepare_item_func(self, item: dl.Item) -> np.ndarray | None:
        """Grey pixels, upright: annotations of the platform refer to the image as it is shown."""
        buffer = item.download(save_locally=False)
        try:
            with Image.open(buffer) as opened:
                image = ImageOps.exif_transpose(opened)
        except OSError as error:  # not an image, or a damaged one: no reason to fail the other items
            logger.error("cannot read %s: %s", item.filename, error)
            return None
        if image.mode.startswith("I"):  # 16 bits; convert("L") would cut them off at 255
            return (np.asarray(image) // 257).clip(0, 255).astype(np.uint8)
        return np.asarray(image.convert("L"))

    def predict(self, batch: list[np.ndarray | None], **kwargs: Any) -> list[dl.AnnotationCollection]:
        collections = []
        for image in batch:
            collection = dl.AnnotationCollection()
            for (left, top, right, bottom), confidence in self.faces(image):
                collection.add(
                    annotation_definition=dl.Box(label="face", left=left, top=top, right=right, bottom=bottom),
                    model_info={
                        "name": self.model_entity.name,
                        "model_id": self.model_entity.id,
                        "confidence": confidence,
                    },
                )
            collections.append(collection)
        return collections

    def faces(self, image: np.ndarray | None) -> list[tuple[tuple[int, int, int, int], float]]:
        """The boxes in pixels of `image`, most certain first."""
        if image is None:
            return []
        height, width = image.shape
        scale = min(1.0, self.longest_side / max(height, width))
        small = cv2.resize(image, (max(1, round(width * scale)), max(1, round(height * scale))))
        boxes, _, weights = self.model.detectMultiScale3(small, minNeighbors=5, outputRejectLevels=True)
        found = []
        for (x, y, w, h), weight in zip(boxes, np.ravel(weights), strict=True):
            confidence = squash(float(weight))
            if confidence >= self.threshold:
                corners = (x / scale, y / scale, min(width, (x + w) / scale), min(height, (y + h) / scale))
                found.append((tuple(round(corner) for corner in corners), confidence))
        return sorted(found, key=lambda face: (-face[1], face[0]))


def squash(weight: float) -> float:
    """The weight of the cascade's last stage, which has no upper limit, as a number from 0 to 1.

    False alarms stay below 2 as a rule, clear faces reach 4 to 7.
    """
    return 1 / (1 + math.exp(2 - weight))
