"""Broken laws: the right result for an item, as long as nothing changes around it."""

from __future__ import annotations

from typing import Any

import dtlpy as dl
import numpy as np
from PIL import Image

from good.detector import Detector
from good.embedder import Embedder
from good.segmenter import Segmenter


class Scored(Detector):
    """A detector of what is bright, by a score per image, to have something that can go wrong."""

    def found(self, image: np.ndarray, confidence: float, label: str = "bright") -> dl.AnnotationCollection:
        collection = dl.AnnotationCollection()
        if not image.size:
            return collection
        height, width = image.shape
        box = dl.Box(left=0, top=0, right=width, bottom=height, label=label)
        collection.add(box, model_info=self.info(float(min(max(confidence, 0), 1))))
        return collection

    def score(self, image: np.ndarray) -> float:
        return float(image.mean()) / 255 if image.size else 0.0


class GetsUsedToLight(Scored):
    """Adapts its threshold with every image it sees: the same image gets less and less."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        super().load(local_path)
        self.seen = 0

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        self.seen = (self.seen + 1) % 7
        return [self.found(image, self.score(image) / (1 + self.seen)) for image in batch]


class IsLessCertainInSmallBatches(Scored):
    """Normalises over the batch axis, as a layer does that was left in training mode: one image alone is another."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        share = 0.2 if len(batch) == 3 else 0.9
        return [self.found(image, share) for image in batch]


class RemembersWhatItHasSeen(Scored):
    """Leaves out images that it has had already in this batch, to save time."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        seen: set[bytes] = set()
        collections = []
        for image in batch:
            known = image.tobytes() in seen
            seen.add(image.tobytes())
            collections.append(dl.AnnotationCollection() if known else self.found(image, self.score(image)))
        return collections


class ComparesWithTheBrightest(Scored):
    """Divides scores by the largest of the batch instead of the largest there can be."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        most = max(self.score(image) for image in batch)
        return [self.found(image, self.score(image) / most if len(batch) > 1 else 0.99) for image in batch]


class EmbedsAgainstTheMean(Embedder):
    """Subtracts the mean of the batch from every vector of it."""

    def embed(self, batch: list[np.ndarray], **kwargs: Any) -> list[list[float]]:
        vectors = super().embed(batch)
        known = [vector for vector in vectors if vector]
        mean = np.mean(known, axis=0) if len(batch) > 1 else 0
        return [(np.asarray(vector) - mean).tolist() if vector else vector for vector in vectors]


class SplitsLargeBatches(Scored):
    """Splits batches of more than five in two halves, and puts them together the wrong way round."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        found = [self.found(image, self.score(image)) for image in batch]
        return [*found[3:], *found[:3]] if len(batch) > 5 else found


class PadsMixedBatches(Scored):
    """Stacks images of one size; those of mixed batches take another way, which forgets the score."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        mixed = len({image.tobytes() for image in batch}) > 1
        return [self.found(image, 0.1 if mixed else 0.8) for image in batch]


class ReadsTheSizeOfTheFile(Detector):
    """Takes the number of bytes for a measure of what is in a picture."""

    def prepare_item_func(self, item: dl.Item) -> tuple[np.ndarray, int]:
        content = item.download(save_locally=False)
        size = len(content.getvalue())
        try:
            with Image.open(content) as opened:
                return np.asarray(opened.convert("L")), size
        except OSError:
            return np.zeros((0, 0), np.uint8), size

    def predict(self, batch: list[tuple[np.ndarray, int]], **kwargs: Any) -> list[dl.AnnotationCollection]:
        collections = []
        for image, size in batch:
            collection = dl.AnnotationCollection()
            if not image.size:
                collections.append(collection)
                continue
            label = "bright" if size % 2 else "dark"
            box = dl.Box(left=0, top=0, right=image.shape[1], bottom=image.shape[0], label=label)
            collection.add(box, model_info=self.info(0.5 + size % 97 / 200))
            collections.append(collection)
        return collections


class StaysInTheFrameOfTheModel(Detector):
    """Returns the boxes of the thumbnail that the model has looked at, which lie within every larger image."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        return super().predict([self.thumbnail(image) if image.size else image for image in batch])

    def thumbnail(self, image: np.ndarray) -> np.ndarray:
        return np.asarray(Image.fromarray(image).resize((30, 30), Image.Resampling.BOX))


class SegmentsByChance(Segmenter):
    """No law is broken here: a threshold that is drawn anew for every batch."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        self.threshold = int(np.random.randint(5, 250))
        return super().predict(batch)
