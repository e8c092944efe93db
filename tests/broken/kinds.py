"""The same mistakes in adapters of other kinds: texts, prompts, classes and masks."""

from __future__ import annotations

from typing import Any

import dtlpy as dl
import numpy as np

from good.classifier import Classifier
from good.embedder import Embedder
from good.prompts import Echo
from good.segmenter import Segmenter
from good.words import LongOrShort


class LeavesOutShortTexts(LongOrShort):
    """Skips texts that are not worth a sentence: everything behind them moves up."""

    def predict(self, batch: list[str], **kwargs: Any) -> list[dl.AnnotationCollection]:
        return super().predict([text for text in batch if len(text.split()) > 1])


class ReadsPlainTextOnly(LongOrShort):
    """Compares the mimetype with one string: the Markdown in the dataset aborts everything."""

    def prepare_item_func(self, item: dl.Item) -> str:
        if item.mimetype != "text/plain":
            raise ValueError(f"{item.name} is {item.mimetype}, not text/plain")
        return super().prepare_item_func(item)


class NumbersItsTexts(LongOrShort):
    """Returns the index of the class, as the model gave it."""

    def predict(self, batch: list[str], **kwargs: Any) -> list[dl.AnnotationCollection]:
        collections = super().predict(batch)
        for collection in collections:
            for annotation in collection:
                annotation.label = ["long", "short"].index(annotation.label)
        return collections


class GroupsTextsByLength(LongOrShort):
    """Sorts texts by length to pad them less, and returns the results in that order."""

    def predict(self, batch: list[str], **kwargs: Any) -> list[dl.AnnotationCollection]:
        return super().predict(sorted(batch, key=len))


class WantsOnePart(Echo):
    """Unpacks the content of a message as if it had always one part."""

    def predict(self, batch: list[dl.PromptItem], **kwargs: Any) -> list:
        for prompt_item in batch:
            (_part,) = prompt_item.to_messages(model_name=self.model_entity.name)[-1]["content"]
            self.answer(prompt_item, "yes")
        return []


class IsSureInPercent(Classifier):
    """Returns a percentage where a share is meant."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        collections = super().predict(batch)
        for collection in collections:
            for annotation in collection:
                annotation.metadata["user"]["model"]["confidence"] *= 100
        return collections


class ReversesItsMasks(Segmenter):
    """Puts each mask before the ones that were found earlier, and forgets that the batch has an order."""

    def predict(self, batch: list[Any], **kwargs: Any) -> list[dl.AnnotationCollection]:
        collections: list[dl.AnnotationCollection] = []
        for collection in super().predict(batch):
            collections.insert(0, collection)
        return collections


class CallsMasksByTheirColour(Segmenter):
    """Labels masks with the colour that it draws them in."""

    def predict(self, batch: list[Any], **kwargs: Any) -> list[dl.AnnotationCollection]:
        collections = super().predict(batch)
        for collection in collections:
            for annotation in collection:
                annotation.label = "#ff0000"
        return collections


class EmbedsAnArray(Embedder):
    """Returns rows of an array as they are: numpy numbers, which JSON cannot hold."""

    def embed(self, batch: list[np.ndarray], **kwargs: Any) -> list[np.ndarray]:
        return [np.asarray(vector, dtype=np.float32) for vector in super().embed(batch)]
