"""Broken throughput: the right results, for too many calls."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import Any

import dtlpy as dl
import numpy as np

from good.detector import Detector
from good.embedder import Embedder


class PredictsOneByOne(Detector):
    """Overrides the wrapper to walk the items one at a time."""

    def predict_items(self, items: list[dl.Item], batch_size: int | None = None, **kwargs: Any) -> Any:
        results = [super(PredictsOneByOne, self).predict_items([item], batch_size=1, **kwargs)[1] for item in items]
        return items, [annotation for found in results for annotation in found]


class PredictsEverythingAtOnce(Detector):
    """Ignores batch_size: the first real dataset does not fit into memory."""

    def predict_items(self, items: list[dl.Item], batch_size: int | None = None, **kwargs: Any) -> Any:
        return super().predict_items(items, batch_size=len(items), **kwargs)


class ItemsInTheBatch(Detector):
    """Prepares an item by handing it on together with its image."""

    def prepare_item_func(self, item: dl.Item) -> tuple[dl.Item, np.ndarray]:
        return item, super().prepare_item_func(item)

    def predict(self, batch: list[tuple[dl.Item, np.ndarray]], **kwargs: Any) -> list[dl.AnnotationCollection]:
        return super().predict([image for _, image in batch])


class PreparesAgain(ItemsInTheBatch):
    """Calls prepare_item_func in predict once more: every download happens twice."""

    def predict(self, batch: list[tuple[dl.Item, np.ndarray]], **kwargs: Any) -> list[dl.AnnotationCollection]:
        return super().predict([self.prepare_item_func(item) for item, _ in batch])


class LoadsTwice(Detector):
    """Calls load in the constructor, although the base class's constructor has just done it."""

    def __init__(self, model_entity: dl.Model) -> None:
        super().__init__(model_entity=model_entity)
        self.load_from_model(model_entity)


class FetchesArtifactsWhilePredicting(Detector):
    """Downloads its weights in the first line of predict."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        with tempfile.TemporaryDirectory() as folder:
            self.model_entity.artifacts.download(local_path=folder)
        return super().predict(batch)


class KeepsCountInTheModel(Detector):
    """Counts predictions in the model's configuration, and writes it after every batch."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        self.model_entity.configuration["predicted"] = self.model_entity.configuration.get("predicted", 0) + len(batch)
        self.model_entity.update()
        return super().predict(batch)


class LooksUpTheRecipeForEveryItem(Detector):
    """Asks for the dataset, its recipe and its ontology again for each item, and for each of them once more."""

    def prepare_item_func(self, item: dl.Item) -> np.ndarray:
        for _ in range(3):
            dataset = dl.datasets.get(dataset_id=item.dataset_id)
            dataset.recipes.list()[0].ontologies.list()
        return super().prepare_item_func(item)


class ComparesWithEveryEarlierItem(ItemsInTheBatch):
    """Fetches all the items it has seen so far for each new one: the square of their number."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        super().load(local_path)
        self.seen: list[str] = []

    def predict(self, batch: list[tuple[dl.Item, np.ndarray]], **kwargs: Any) -> list[dl.AnnotationCollection]:
        for item, _ in batch:
            for earlier in self.seen:
                dl.items.get(item_id=earlier)
            self.seen = [*self.seen, item.id] if len(self.seen) < 9 else []
        return super().predict(batch)


class DownloadsAgain(ItemsInTheBatch):
    """Downloads the item in prepare_item_func, and in predict once more for its original size."""

    def predict(self, batch: list[tuple[dl.Item, np.ndarray]], **kwargs: Any) -> list[dl.AnnotationCollection]:
        for item, _ in batch:
            item.download(save_locally=False)
        return super().predict(batch)


class EmbedsOneByOne(Embedder):
    """Overrides the wrapper to walk the items one at a time."""

    def embed_items(self, items: list[dl.Item], batch_size: int | None = None, **kwargs: Any) -> Any:
        vectors = [super(EmbedsOneByOne, self).embed_items([item], batch_size=1, **kwargs)[1] for item in items]
        return items, [vector for found in vectors for vector in found]


class LeavesAThread(Detector):
    """Starts a thread for every batch, which waits for work that never comes."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        return super().predict(batch)


OPENED: list[Any] = []


class LeavesAFileOpen(Detector):
    """Opens its thresholds again for every batch, and forgets to close them."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        super().load(local_path)
        self.file = Path(local_path) / "thresholds.json"

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        OPENED.append(self.file.open("rb"))
        return super().predict(batch)


class KeepsEveryBatch(Detector):
    """Remembers the images it has seen, to look at them later."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        super().load(local_path)
        self.history: list[np.ndarray] = []

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        self.history += [image[::8, ::8] for image in batch]
        return super().predict(batch)
