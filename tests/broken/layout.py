"""Broken directory layout: files are read or written somewhere else than where the wrapper says."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import dtlpy as dl
import numpy as np

from good.classifier import Classifier, labelled, mean_colour
from good.detector import Detector


class LoadsFromAFixedFolder(Detector):
    """Knows where the SDK downloads artifacts by default, and looks there whatever it is told."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        folder = Path(os.environ["DATALOOP_PATH"]) / "models" / self.model_entity.name
        thresholds = json.loads((folder / "thresholds.json").read_text("utf-8"))
        self.bright, self.dark = thresholds["bright"], thresholds["dark"]


class LoadsItsOwnCopy(Detector):
    """Ships stock weights beside its source and loads those, not what the model entity holds."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        super().load(os.path.join(os.path.dirname(__file__), "stock"))


class LeavesAPictureBehind(Detector):
    """Writes its last input into the working directory, a leftover from debugging."""

    def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:
        Path("last_input.json").write_text(json.dumps([image.shape for image in batch]))
        return super().predict(batch)


class SavesNothing(Detector):
    """Has a save that was never written: the model reports success and has no weights."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        self.bright, self.dark = 200, 60

    def save(self, local_path: str, **kwargs: Any) -> None:
        pass


class SavesLabelsElsewhere(Classifier):
    """Writes the label map into the working directory, where it is lost with the machine."""

    def save(self, local_path: str, **kwargs: Any) -> None:
        super().save(local_path)
        Path("labels.json").write_text(json.dumps(sorted(self.colours)))


class DownloadsTheDatasetAgain(Classifier):
    """Fetches the dataset once more in train, with items that are not in the subset."""

    def train(self, data_path: str, output_path: str, **kwargs: Any) -> None:
        with tempfile.TemporaryDirectory() as folder:
            self.model_entity.dataset.items.download(local_path=folder)
            colours = [mean_colour(path) for path in sorted(Path(folder).rglob("*.png"))]
        super().train(data_path, output_path, **kwargs)
        self.background = np.mean(colours, axis=0).tolist()


class WritesCheckpointsHere(Classifier):
    """Leaves the framework's default checkpoint folder, below the working directory."""

    def train(self, data_path: str, output_path: str, **kwargs: Any) -> None:
        super().train(data_path, output_path, **kwargs)
        folder = Path("runs") / "exp1"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "last.json").write_text(json.dumps(self.colours))


class KnowsTheTrainingFolder(Classifier):
    """Builds the path of the installed SDK by itself instead of using the one that it is given."""

    def train(self, data_path: str, output_path: str, **kwargs: Any) -> None:
        known = Path("tmp") / self.model_entity.id / "datasets" / self.model_entity.dataset_id
        self.rows = len(json.loads((known / "train.json").read_text("utf-8")))
        super().train(data_path, output_path, **kwargs)


class SavesHalfOfIt(Detector):
    """Saves only one of the values that load needs; for the other, load falls back on a default."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        thresholds = json.loads((Path(local_path) / "thresholds.json").read_text("utf-8"))
        self.bright, self.dark = thresholds["bright"], thresholds.get("dark", 0)

    def save(self, local_path: str, **kwargs: Any) -> None:
        (Path(local_path) / "thresholds.json").write_text(json.dumps({"bright": self.bright}), "utf-8")


class LoadsAnotherName(Classifier):
    """Saves under one name and loads under another: the deployed model is the one from before training."""

    def save(self, local_path: str, **kwargs: Any) -> None:
        (Path(local_path) / "last.json").write_text(json.dumps(self.colours), "utf-8")


class ChangesDirectory(Detector):
    """Moves to the folder of the artifacts to open a file by its bare name, and stays there."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        os.chdir(local_path)
        super().load(".")


class ConvertsIntoTheWorkingDirectory(Classifier):
    """Writes converted labels to a folder beside the application, which the next training overwrites."""

    def convert_from_dtlpy(self, data_path: str, **kwargs: Any) -> None:
        super().convert_from_dtlpy(data_path)
        labels = sorted({label for _, label in labelled(Path(data_path) / "train")})
        Path("classes.txt").write_text("\n".join(labels))
        shutil.copy("classes.txt", data_path)
