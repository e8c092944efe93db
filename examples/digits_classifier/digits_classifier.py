"""Reads a handwritten digit: a linear classifier over 8 x 8 pixels, trained on the platform's own scans."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import dtlpy as dl
import numpy as np
from PIL import Image, ImageOps
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss

logger = logging.getLogger(__name__)

WEIGHTS = "digits.npz"
SIDE = 8


class DigitsClassifier(dl.BaseModelAdapter):
    """`self.model` is None until the model was trained; it then finds nothing, in any image."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        self.model = None
        weights = Path(local_path) / WEIGHTS
        if not weights.exists():
            logger.warning("no %s among the artifacts: this model is untrained and finds nothing", WEIGHTS)
            return
        self.model = new_classifier()
        with np.load(weights) as saved:
            self.model.classes_ = saved["classes"]
            self.model.coef_ = saved["coef"]
            self.model.intercept_ = saved["intercept"]

    def save(self, local_path: str, **kwargs: Any) -> None:
        if self.model is None:
            return  # training broke off before it had anything to keep
        Path(local_path).mkdir(parents=True, exist_ok=True)
        np.savez(
            Path(local_path) / WEIGHTS,
            classes=self.model.classes_,
            coef=self.model.coef_,
            intercept=self.model.intercept_,
        )

    def prepare_item_func(self, item: dl.Item) -> np.ndarray | None:
        return read_ink(item.download(save_locally=False), item.filename)

    def predict(self, batch: list[np.ndarray | None], **kwargs: Any) -> list[dl.AnnotationCollection]:
        collections = [dl.AnnotationCollection() for _ in batch]
        readable = [place for place, image in enumerate(batch) if image is not None]
        if self.model is None or not readable:
            return collections
        probabilities = self.model.predict_proba(np.stack([batch[place] for place in readable]))
        for place, row in zip(readable, probabilities, strict=True):
            best = row.argmax()
            collections[place].add(
                annotation_definition=dl.Classification(label=str(self.model.classes_[best])),
                model_info={
                    "name": self.model_entity.name,
                    "model_id": self.model_entity.id,
                    "confidence": float(row[best]),
                },
            )
        return collections

    def convert_from_dtlpy(self, data_path: str, **kwargs: Any) -> None:
        """Gather each subset, `<data_path>/<subset>/{items,json}`, into one `<data_path>/<subset>.npz`."""
        for subset in sorted(folder for folder in Path(data_path).iterdir() if folder.is_dir()):
            scans = [(read_ink(image, image.name), label) for image, label in labelled_scans(subset)]
            readable = [(ink, label) for ink, label in scans if ink is not None]
            np.savez(
                subset.with_name(f"{subset.name}.npz"),
                images=np.array([ink for ink, _ in readable]).reshape(-1, SIDE * SIDE),
                labels=np.array([label for _, label in readable], dtype=str),
            )

    def train(self, data_path: str, output_path: str, **kwargs: Any) -> None:
        on_epoch_end = kwargs.get("on_epoch_end_callback")
        epochs = self.configuration.get("epochs", 10)
        labels = sorted(self.model_entity.labels)
        subsets = {name: read_subset(Path(data_path) / f"{name}.npz", labels) for name in ("train", "validation")}
        images, truth = subsets["train"]
        if not len(images):
            raise ValueError(f"no scan in the train subset is labelled with one of {labels}")

        classifier = new_classifier()
        for epoch in range(epochs):
            classifier.partial_fit(images, truth, classes=labels)
            self.model_entity.metrics.create(
                samples=[
                    dl.PlotSample(figure=figure, legend=name, x=epoch, y=value)
                    for name, subset in subsets.items()
                    for figure, value in measure(classifier, *subset).items()
                ],
                dataset_id=self.model_entity.dataset_id,
            )
            if on_epoch_end is not None:
                on_epoch_end(i_epoch=epoch, n_epoch=epochs)
        self.model = classifier


def new_classifier() -> SGDClassifier:
    return SGDClassifier(loss="log_loss", alpha=1e-3, random_state=0)


def read_ink(file: Path | BinaryIO, name: str) -> np.ndarray | None:
    """The ink of an image of any size and mode, upright, as 64 numbers from 0 to 1.

    None for a file that is no image or a damaged one: that is no reason to fail all the others.
    """
    try:
        with Image.open(file) as opened:
            image = ImageOps.exif_transpose(opened)
    except OSError as error:
        logger.error("cannot read %s: %s", name, error)
        return None
    if image.mode.startswith("I"):  # 16 bits; convert("L") would cut them off at 255
        image = Image.fromarray((np.asarray(image) // 257).clip(0, 255).astype(np.uint8))
    small = image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float64).ravel() / 255


def labelled_scans(subset: Path) -> Iterator[tuple[Path, str]]:
    """The image and the class of each item that has one; the JSON says which file it belongs to."""
    for document in sorted((subset / "json").rglob("*.json")):
        item = json.loads(document.read_text(encoding="utf-8"))
        image = subset / "items" / item["filename"].lstrip("/")
        labels = [entry["label"] for entry in item.get("annotations") or () if entry["type"] == "class"]
        if labels and image.exists():
            yield image, labels[0]


def read_subset(path: Path, labels: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """What `convert_from_dtlpy` wrote, without labels that the model does not have. No file, no scans."""
    if not path.exists():
        return np.empty((0, SIDE * SIDE)), np.empty(0, dtype=str)
    with np.load(path) as subset:
        known = np.isin(subset["labels"], labels)
        return subset["images"][known], subset["labels"][known]


def measure(classifier: SGDClassifier, images: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    if not len(images):
        return {}
    probabilities = classifier.predict_proba(images)
    return {
        "loss": float(log_loss(truth, probabilities, labels=classifier.classes_)),
        "accuracy": float(classifier.score(images, truth)),
    }
