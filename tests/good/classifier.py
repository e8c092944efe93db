"""A classifier that trains: the nearest mean colour of a label."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dtlpy as dl
import numpy as np
from PIL import Image

WEIGHTS = "colours.json"


class Classifier(dl.BaseModelAdapter):
    """`self.colours` holds the mean colour of each label; without training, shades of grey."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        weights = Path(local_path) / WEIGHTS
        if weights.exists():
            self.colours = json.loads(weights.read_text("utf-8"))
        else:
            labels = self.model_entity.labels
            self.colours = {label: [255 * place / len(labels)] * 3 for place, label in enumerate(labels)}

    def save(self, local_path: str, **kwargs: Any) -> None:
        Path(local_path).mkdir(parents=True, exist_ok=True)
        (Path(local_path) / WEIGHTS).write_text(json.dumps(self.colours), "utf-8")

    def prepare_item_func(self, item: dl.Item) -> np.ndarray | None:
        try:
            return mean_colour(item.download(save_locally=False))
        except OSError:
            return None

    def predict(self, batch: list[np.ndarray | None], **kwargs: Any) -> list[dl.AnnotationCollection]:
        return [self.classify(colour) for colour in batch]

    def classify(self, colour: np.ndarray | None) -> dl.AnnotationCollection:
        collection = dl.AnnotationCollection()
        if colour is None:
            return collection
        distances = {label: float(np.abs(colour - known).mean()) / 255 for label, known in self.colours.items()}
        label = min(distances, key=lambda one: distances[one])
        info = {"name": self.model_entity.name, "model_id": self.model_entity.id, "confidence": 1 - distances[label]}
        collection.add(dl.Classification(label=label), model_info=info)
        return collection

    def convert_from_dtlpy(self, data_path: str, **kwargs: Any) -> None:
        """One table of colours and labels per subset, `<data_path>/<subset>.json`."""
        for subset in sorted(folder for folder in Path(data_path).iterdir() if folder.is_dir()):
            rows = [[mean_colour(image).tolist(), label] for image, label in labelled(subset)]
            subset.with_suffix(".json").write_text(json.dumps(rows), "utf-8")

    def train(self, data_path: str, output_path: str, **kwargs: Any) -> None:
        rows = json.loads((Path(data_path) / "train.json").read_text("utf-8"))
        labels = sorted({label for _, label in rows} & set(self.model_entity.labels))
        self.colours = {
            label: np.mean([colour for colour, own in rows if own == label], axis=0).tolist() for label in labels
        }
        callback = kwargs.get("on_epoch_end_callback")
        if callback is not None:
            callback(i_epoch=0, n_epoch=1)


def mean_colour(file: Any) -> np.ndarray:
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB")).reshape(-1, 3).mean(axis=0)


def labelled(subset: Path) -> Iterator[tuple[Path, str]]:
    """The images of a subset that have a class; the JSON names the file it belongs to."""
    for document in sorted((subset / "json").rglob("*.json")):
        item = json.loads(document.read_text("utf-8"))
        image = subset / "items" / item["filename"].lstrip("/")
        labels = [annotation["label"] for annotation in item.get("annotations") or () if annotation["type"] == "class"]
        if labels and image.exists():
            yield image, labels[0]
