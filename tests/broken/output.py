"""Broken results: what predict and embed return is lost, refused, or lands on another item."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import dtlpy as dl
import numpy as np

from good.detector import Detector
from good.embedder import Embedder
from good.prompts import Echo
from good.segmenter import Segmenter


class ReturnsAGenerator(Detector):
    """Yields to save memory: the wrapper walks the result twice, and the second time nothing is left to upload."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> Iterator[dl.AnnotationCollection]:
        for image in batch:
            yield self.detect(image)


class ForgetsTheLast(Detector):
    """Appends a collection when the next image begins, so the last image of every batch gets none."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        return super().predict(batch)[:-1]


class ReturnsNothing(Detector):
    """Forgets the return statement."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> None:
        self.last = super().predict(batch)


class ReturnsInsideTheLoop(Detector):
    """Has its return statement indented one level too far: only the first image of a batch is looked at."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        collections = []
        for image in batch:
            collections.append(self.detect(image))
            return collections


class SharesACollection(Detector):
    """Makes its collection before the loop: every item of a batch is stored with the annotations of all of them."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        collection = dl.AnnotationCollection()
        for image in batch:
            box = dl.Box(left=0, top=0, right=8, bottom=8, label="bright")
            collection.add(box, model_info=self.info(float(image.mean() / 255)))
        return [collection for _ in batch]


class ReturnsDictionaries(Detector):
    """Returns the framework's own dictionaries instead of collections."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dict[str, Any]]:
        return [{"labels": ["bright"], "boxes": [[0, 0, 8, 8]]} for _ in batch]


class SortsTheBatch(Detector):
    """Sorts images by brightness for the model, and forgets to put the results back in place."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        return super().predict(sorted(batch, key=lambda image: float(image.mean())))


class PredictsPoints(Detector):
    """Declares boxes and returns their centres: nothing is ever scored."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        return [self.centres(boxes) for boxes in super().predict(batch)]

    def centres(self, boxes: dl.AnnotationCollection) -> dl.AnnotationCollection:
        collection = dl.AnnotationCollection()
        for box in boxes:
            centre = dl.Point(x=(box.left + box.right) / 2, y=(box.top + box.bottom) / 2, label=box.label)
            collection.add(centre, model_info=self.info(0.5))
        return collection


class LabelsWithNumbers(Detector):
    """Forgets to map class indices to names."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        collections = super().predict(batch)
        for annotation in itertools.chain(*collections):
            annotation.label = ["bright", "dark"].index(annotation.label)
        return collections


class LabelsWithNamesOfItsOwn(Detector):
    """Predicts the labels of the data set it was pretrained on, which the model does not declare."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        collections = super().predict(batch)
        for annotation in itertools.chain(*collections):
            annotation.label = f"very {annotation.label}"
        return collections


class DividesByNothing(Detector):
    """Divides by the width of an empty box: one NaN costs the item all its annotations."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        collections = super().predict(batch)
        for collection in collections:
            empty = dl.Box(left=float("nan"), top=0, right=8, bottom=8, label="bright")
            collection.add(empty, model_info=self.info(0.5))
        return collections


class PredictsFractions(Detector):
    """Returns coordinates between 0 and 1, as many frameworks do."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        return [self.fractions(image, boxes) for image, boxes in zip(batch, super().predict(batch), strict=True)]

    def fractions(self, image: np.ndarray, boxes: dl.AnnotationCollection) -> dl.AnnotationCollection:
        collection = dl.AnnotationCollection()
        height, width = image.shape
        for box in boxes:
            left, right, top, bottom = box.left / width, box.right / width, box.top / height, box.bottom / height
            small = dl.Box(left=left, top=top, right=right, bottom=bottom, label=box.label)
            collection.add(small, model_info=self.info(0.5))
        return collection


class KeepsTheSizeOfTheModel(Segmenter):
    """Returns masks of the size to which it has scaled the image for its model."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        return super().predict([image[::2, ::2] for image in batch])


class AttachesNumpyNumbers(Detector):
    """Puts a numpy number into the metadata: JSON cannot hold it, and the upload fails."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        collections = super().predict(batch)
        for annotation in itertools.chain(*collections):
            annotation.metadata["area"] = np.int64(annotation.right - annotation.left)
        return collections


class HidesItsName(Detector):
    """Leaves model_info out: evaluation takes the predictions for ground truth."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        return [unnamed(boxes) for boxes in super().predict(batch)]


def unnamed(boxes: dl.AnnotationCollection) -> dl.AnnotationCollection:
    """The same boxes without the model's name."""
    collection = dl.AnnotationCollection()
    for box in boxes:
        collection.add(dl.Box(left=box.left, top=box.top, right=box.right, bottom=box.bottom, label=box.label))
    return collection


class CountsInPercent(Detector):
    """Writes confidences from 0 to 100 straight into the metadata, past the SDK's own check."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        collections = super().predict(batch)
        for annotation in itertools.chain(*collections):
            annotation.metadata["user"]["model"]["confidence"] *= 100
        return collections


class CleansUpTooMuch(Detector):
    """Deletes old predictions itself when a batch begins, and with them what the batch before has just written."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        super().load(local_path)
        self.seen: list[dl.Item] = []

    def prepare_item_func(self, item: dl.Item) -> tuple[dl.Item, np.ndarray]:
        return item, super().prepare_item_func(item)

    def predict(self, batch: list[tuple[dl.Item, np.ndarray]], **kwargs: Any) -> list[dl.AnnotationCollection]:
        own = dl.Filters(resource=dl.FiltersResource.ANNOTATION)
        own.add(field="metadata.user.model.name", values=self.model_entity.name)
        for item in self.seen:
            item.annotations.delete(filters=own)
        self.seen = [item for item, _ in batch]
        return super().predict([image for _, image in batch])


class UploadsByItself(Detector):
    """Uploads from inside predict, without the model's name: every run adds the same annotations once more."""

    def prepare_item_func(self, item: dl.Item) -> tuple[dl.Item, np.ndarray]:
        return item, super().prepare_item_func(item)

    def predict(self, batch: list[tuple[dl.Item, np.ndarray]], **kwargs: Any) -> list[dl.AnnotationCollection]:
        for item, image in batch:
            item.annotations.upload(unnamed(self.detect(image)))
        return [dl.AnnotationCollection() for _ in batch]


class SkipsPaleImages(Embedder):
    """Leaves out an image without dark pixels: every later vector shifts to the item before its own."""

    def embed(self, batch: list[np.ndarray], **kwargs: Any) -> list[list[float]]:
        return super().embed(batch[:2] + batch[3:])


class NestsItsVectors(Embedder):
    """Forgets to take the one row of the model's output that belongs to the item."""

    def embed(self, batch: list[np.ndarray], **kwargs: Any) -> list[list[list[float]]]:
        return [[vector] for vector in super().embed(batch)]


class EmbedsAnotherSize(Embedder):
    """Was given a larger model, and its configuration still declares the old size: every vector is skipped."""

    def embed(self, batch: list[np.ndarray], **kwargs: Any) -> list[list[float]]:
        return [vector * 2 for vector in super().embed(batch)]


class EmbedsBySize(Embedder):
    """Sorts images by their size to pad them, and forgets to put the vectors back in place."""

    def embed(self, batch: list[np.ndarray], **kwargs: Any) -> list[list[float]]:
        return super().embed(sorted(batch, key=lambda image: image.size))


class AnswersNobody(Echo):
    """Keeps the answer to itself: what is not added to the prompt item is lost."""

    def predict(self, batch: list[dl.PromptItem], **kwargs: Any) -> list:
        for prompt_item in batch:
            self.last = self.shortened(prompt_item.to_messages()[-1]["content"])
        return []


class AnswersWithNothing(Echo):
    """Adds what its service sent before the stream broke off: an empty text."""

    def predict(self, batch: list[dl.PromptItem], **kwargs: Any) -> list:
        for prompt_item in batch:
            self.answer(prompt_item, "")
        return []
