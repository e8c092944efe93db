"""Broken signatures. What is wrong with a manifest has a folder of its own beside this file."""

from __future__ import annotations

from typing import Any

import dtlpy as dl
import numpy as np

from good.classifier import Classifier
from good.detector import Detector
from good.embedder import Embedder
from good.evaluator import Evaluator


class NoAdapter:
    """Brings its own predict_items and forgets the base class: the platform finds no wrapper it could call."""

    def __init__(self, model_entity: dl.Model) -> None:
        self.model_entity = model_entity

    def predict_items(self, items: list[dl.Item], **kwargs: Any) -> list[dl.Item]:
        return items


class NamesTheModelDifferently(Detector):
    """Renames the parameter that the runner passes by name."""

    def __init__(self, model: dl.Model) -> None:
        super().__init__(model_entity=model)


class LoadsWithoutKeywords(Detector):
    """Works in prediction, and fails in evaluation, which loads with dataset=."""

    def load(self, local_path: str) -> None:
        super().load(local_path)


class SavesUnderAnotherName(Classifier):
    """Trains for hours, and cannot be saved: save_to_model passes local_path by name."""

    def save(self, folder: str, **kwargs: Any) -> None:
        super().save(folder)


class TrainsIntoADumpPath(Classifier):
    """Has the signature of the template inside the SDK's own wheel, which cannot be called."""

    def train(self, data_path: str, dump_path: str, **kwargs: Any) -> None:
        super().train(data_path, dump_path)


class PredictsWithoutKeywords(Detector):
    """Works on items, and fails on datasets, where progress= is passed."""

    def predict(self, batch: list[np.ndarray]) -> list[dl.AnnotationCollection]:
        return super().predict(batch)


class EmbedsWithATokenizer(Embedder):
    """Wants an argument that nobody passes."""

    def embed(self, batch: list[np.ndarray], tokenizer: Any, **kwargs: Any) -> list[list[float]]:
        return super().embed(batch)


class PreparesWithASize(Detector):
    """Wants an argument that nobody passes, outside the wrapper's try block."""

    def prepare_item_func(self, item: dl.Item, size: tuple[int, int]) -> np.ndarray:
        return super().prepare_item_func(item)


class ConvertsUnderAnotherName(Classifier):
    """Calls the folder something else: the download is done and no training begins."""

    def convert_from_dtlpy(self, path: str, **kwargs: Any) -> None:
        super().convert_from_dtlpy(path)


class EvaluatesWithoutFilters(Evaluator):
    """Predicts the whole dataset, and then refuses the filters it is passed."""

    def evaluate(self, model: dl.Model, dataset: dl.Dataset) -> dl.Model:
        return super().evaluate(model=model, dataset=dataset, filters=None)


class TrainsWithoutConverting(dl.BaseModelAdapter):
    """Was copied from a tutorial that left convert_from_dtlpy out."""

    load, save, train = Classifier.load, Classifier.save, Classifier.train


class PredictsLater(Detector):
    """Makes predict asynchronous for the client that it uses: the wrapper gets a coroutine that nobody awaits."""

    async def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        return super().predict(batch)
