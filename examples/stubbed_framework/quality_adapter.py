"""Asks a service for the labels of an image, after a framework has measured it; neither is needed for the check."""

from __future__ import annotations

from typing import Any

import dtlpy as dl
import requests
import sharpness  # a framework that is not on the machine where the check runs: see stubs/


class QualityAdapter(dl.BaseModelAdapter):
    def load(self, local_path: str, **kwargs: Any) -> None:
        self.url = self.configuration.get("url", "https://labels.example.com/v1/label")
        self.model = sharpness.Model()

    def prepare_item_func(self, item: dl.Item) -> bytes:
        return item.download(save_locally=False).getvalue()

    def predict(self, batch: list[bytes], **kwargs: Any) -> list[dl.AnnotationCollection]:
        return [self.labelled(score) for score in self.model.measure(batch)]

    def labelled(self, score: float) -> dl.AnnotationCollection:
        answer = requests.post(self.url, json={"score": score}, timeout=30)
        answer.raise_for_status()
        collection = dl.AnnotationCollection()
        collection.add(
            dl.Classification(label=answer.json()["label"]),
            model_info={"name": self.model_entity.name, "model_id": self.model_entity.id, "confidence": score},
        )
        return collection
