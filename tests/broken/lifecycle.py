"""Broken lifecycle: a step does not come to its end."""

from __future__ import annotations

import socket
from typing import Any

import dtlpy as dl
import numpy as np

from good.classifier import Classifier
from good.detector import Detector
from good.embedder import Embedder
from good.evaluator import Evaluator
from good.segmenter import Segmenter


class NeedsAVariable(Detector):
    """Reads, in its constructor, a setting that no service has."""

    def __init__(self, model_entity: dl.Model) -> None:
        super().__init__(model_entity=model_entity)
        self.region = model_entity.configuration["region"]


class LoadsAnotherFile(Detector):
    """Loads a file under another name than the one it was saved under."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        with open(f"{local_path}/best.json", encoding="utf-8") as weights:
            self.weights = weights.read()


class StopsAtSmallImages(Detector):
    """Raises for an image that it does not like, and aborts the whole call with it."""

    def prepare_item_func(self, item: dl.Item) -> np.ndarray:
        image = super().prepare_item_func(item)
        if image.shape[0] < 200:
            raise ValueError(f"{item.name} is only {image.shape[0]} pixels high")
        return image


class NeedsSomethingToFind(Detector):
    """Takes the largest of no candidates: an image in which nothing is found costs its whole batch."""

    def detect(self, image: np.ndarray) -> dl.AnnotationCollection:
        dark = [annotation for annotation in super().detect(image) if annotation.label == "dark"]
        largest = max(dark, key=lambda box: box.right - box.left)
        return dl.AnnotationCollection(annotations=[largest])


class NeedsMoreThanOneImage(Embedder):
    """Normalises over the batch, and divides by zero in a batch of one."""

    def embed(self, batch: list[np.ndarray], **kwargs: Any) -> list[list[float]]:
        spread = 1 // (len(batch) - 1)
        return [[value + 0 * spread for value in vector] for vector in super().embed(batch)]


class ConvertsAFlatFolder(Classifier):
    """Expects the labels in one flat folder, as they never are."""

    def convert_from_dtlpy(self, data_path: str, **kwargs: Any) -> None:
        with open(f"{data_path}/annotations.json", encoding="utf-8") as labels:
            self.labels = labels.read()


class TrainsOnTheTestSubset(Classifier):
    """Wants a subset that nobody has declared."""

    def train(self, data_path: str, output_path: str, **kwargs: Any) -> None:
        with open(f"{data_path}/test.json", encoding="utf-8") as rows:
            self.rows = rows.read()


class SavesWithoutAFolder(Classifier):
    """Writes into a sub-folder that it has not made."""

    def save(self, local_path: str, **kwargs: Any) -> None:
        with open(f"{local_path}/weights/last.json", "w", encoding="utf-8") as weights:
            weights.write("{}")


class EvaluatesTheFirstMetric(Evaluator):
    """Continues a list of metrics that is empty at the first evaluation."""

    def evaluate(self, model: dl.Model, dataset: dl.Dataset, filters: dl.Filters, **kwargs: Any) -> dl.Model:
        self.last = [sample for page in model.metrics.list() for sample in page][-1]
        return super().evaluate(model=model, dataset=dataset, filters=filters)


class KeepsAChannel(Segmenter):
    """Returns masks with a third axis: predict is done, and the upload cannot make a picture of them."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        collections = super().predict(batch)
        for collection in collections:
            for annotation in collection:
                annotation.annotation_definition.geo = annotation.annotation_definition.geo[..., None]
        return collections


class PhonesHome(Detector):
    """Sends usage statistics, and goes on when that fails."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        super().load(local_path)
        try:
            socket.create_connection(("statistics.example.com", 443), timeout=1).close()
        except OSError:
            self.silent = True
