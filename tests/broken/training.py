"""Broken training: right for the dataset it was written on, and wrong for another one."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import dtlpy as dl

from good.classifier import Classifier, mean_colour

Row = tuple[Path, str]


def documents(subset: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The images of a subset, each with its JSON."""
    for file in sorted((subset / "json").rglob("*.json")):
        document = json.loads(file.read_text("utf-8"))
        yield subset / "items" / document["filename"].lstrip("/"), document


def classes(document: dict[str, Any]) -> list[str]:
    """The labels of an item's classes."""
    return [one["label"] for one in document.get("annotations") or () if one["type"] == "class"]


def subsets(data_path: str) -> list[Path]:
    """The folders of the subsets."""
    return sorted(folder for folder in Path(data_path).iterdir() if (folder / "items").is_dir())


class Converts(Classifier):
    """A conversion in two steps, so that each adapter below can get one of them wrong."""

    def convert_from_dtlpy(self, data_path: str, **kwargs: Any) -> None:
        for subset in subsets(data_path):
            self.write(subset, self.rows(subset))

    def rows(self, subset: Path) -> Iterable[Row]:
        for image, document in documents(subset):
            for label in classes(document)[:1]:
                yield image, label

    def write(self, subset: Path, rows: Iterable[Row]) -> None:
        table = [[mean_colour(image).tolist(), label] for image, label in rows]
        subset.with_suffix(".json").write_text(json.dumps(table), "utf-8")


class ListsTheTopFolder(Converts):
    """Looks one folder deep."""

    def convert_from_dtlpy(self, data_path: str, **kwargs: Any) -> None:
        for subset in subsets(data_path):
            top = {file for pattern in ("*.*", "*/*.*") for file in (subset / "items").glob(pattern)}
            self.write(subset, [row for row in self.rows(subset) if row[0] in top])


class CopiesToOneFolder(Converts):
    """Copies the images into one folder, under their base names."""

    def convert_from_dtlpy(self, data_path: str, **kwargs: Any) -> None:
        super().convert_from_dtlpy(data_path)
        for subset in subsets(data_path):
            flat = subset / "flat"
            flat.mkdir(exist_ok=True)
            for image, _ in self.rows(subset):
                shutil.copy(image, flat / image.name)


class DigsTheFolderOutOfTheFilter(Converts):
    """Takes the name of the folder from the model's filter."""

    def rows(self, subset: Path) -> Iterable[Row]:
        query = self.model_entity.metadata["system"]["subsets"][subset.name]
        self.folder = next(term for term in query["filter"]["$and"] if "dir" in term)["dir"]
        return super().rows(subset)


class TakesTheFirstAnnotation(Converts):
    """Takes the first annotation of an item for its class, whatever it is."""

    def rows(self, subset: Path) -> Iterable[Row]:
        for image, document in documents(subset):
            for annotation in document["annotations"][:1]:
                yield image, self.model_entity.labels[self.model_entity.labels.index(annotation["label"])]


class AppendsToItsLabels(Converts):
    """Opens the file of labels to append."""

    def convert_from_dtlpy(self, data_path: str, **kwargs: Any) -> None:
        super().convert_from_dtlpy(data_path)
        with (Path(data_path) / "labels.txt").open("a", encoding="utf-8") as file:
            file.writelines(f"{label}\n" for subset in subsets(data_path) for _, label in self.rows(subset))


class ResumesFromHalfACheckpoint(Converts):
    """Takes a checkpoint that was begun for one that is complete."""

    def train(self, data_path: str, output_path: str, **kwargs: Any) -> None:
        checkpoint = Path(output_path) / "last.json"
        if checkpoint.exists():
            self.colours = json.loads(checkpoint.read_text("utf-8"))["colours"]
        checkpoint.write_text(json.dumps({"epoch": 0}), "utf-8")
        super().train(data_path, output_path, **kwargs)
        checkpoint.write_text(json.dumps({"epoch": 0, "colours": self.colours}), "utf-8")


class CountsInText(Converts):
    """Reports its epochs as it prints them."""

    def train(self, data_path: str, output_path: str, **kwargs: Any) -> None:
        report = kwargs.pop("on_epoch_end_callback")
        super().train(data_path, output_path)
        report(i_epoch="1", n_epoch="10")


class PublishesAMeanOfNothing(Converts):
    """Publishes the mean loss of a subset that has no batches, as the text that makes it through JSON."""

    def train(self, data_path: str, output_path: str, **kwargs: Any) -> None:
        super().train(data_path, output_path, **kwargs)
        sample = dl.PlotSample(figure="loss", legend="validation", x=0, y=str(math.nan))
        self.model_entity.metrics.create(samples=[sample], dataset_id=self.model_entity.dataset_id)


class ForgetsTheStatus(Converts):
    """Has its own train_model, which leaves out what the SDK's does at the end."""

    def train_model(self, model: dl.Model, **kwargs: Any) -> dl.Model:
        self.load_from_model(model_entity=model)
        _, data, output = self.prepare_data(dataset=model.dataset, root_path=f"tmp/{model.id}")
        self.train(data_path=data, output_path=output, on_epoch_end_callback=lambda i_epoch, n_epoch: None)
        self.save_to_model(local_path=output)
        return model


class ValidatesAlways(Converts):
    """Opens the validation subset, which not every model has."""

    def train(self, data_path: str, output_path: str, **kwargs: Any) -> None:
        self.validation = json.loads((Path(data_path) / "validation.json").read_text("utf-8"))
        super().train(data_path, output_path, **kwargs)


class NeedsTwoClasses(Converts):
    """Divides by the number of the other classes."""

    def train(self, data_path: str, output_path: str, **kwargs: Any) -> None:
        self.weight = 1 / (len(self.model_entity.labels) - 1)
        super().train(data_path, output_path, **kwargs)


class NeedsAnAnnotation(Converts):
    """Takes the first class of an item that may have none."""

    def rows(self, subset: Path) -> Iterable[Row]:
        for image, document in documents(subset):
            yield image, classes(document)[0]


class ChecksEveryStem(Converts):
    """Finds the JSON of an image by its stem, and insists that it is its own."""

    def rows(self, subset: Path) -> Iterable[Row]:
        for image in sorted(file for file in (subset / "items").rglob("*") if file.is_file()):
            name = image.relative_to(subset / "items")
            document = json.loads((subset / "json" / name).with_suffix(".json").read_text("utf-8"))
            if not document["filename"].endswith(image.name):
                raise KeyError(f"the JSON of {name} belongs to {document['filename']}")
            for label in classes(document)[:1]:
                yield image, label


class SplitsAtTheFirstDot(Converts):
    """Takes what stands before the first dot for the name, and skips what it does not find."""

    def convert_from_dtlpy(self, data_path: str, **kwargs: Any) -> None:
        for subset in subsets(data_path):
            stems = {file.stem for file in (subset / "json").rglob("*.json")}
            self.write(subset, [row for row in self.rows(subset) if row[0].name.split(".")[0] in stems])


class LooksUpEveryLabel(Converts):
    """Knows the labels of its model, and no others."""

    def rows(self, subset: Path) -> Iterable[Row]:
        numbers = self.model_entity.label_to_id_map
        for image, document in documents(subset):
            labels = [self.model_entity.id_to_label_map[numbers[label]] for label in classes(document)]
            for label in labels[:1]:
                yield image, label


class NumbersByTheRecipe(Converts):
    """Numbers its classes as the dataset's recipe lists them."""

    def convert_from_dtlpy(self, data_path: str, **kwargs: Any) -> None:
        super().convert_from_dtlpy(data_path)
        names = list(self.model_entity.dataset.labels_flat_dict)
        for subset in subsets(data_path):
            numbers = "\n".join(str(names.index(label)) for _, label in self.rows(subset))
            subset.with_suffix(".txt").write_text(numbers, "utf-8")


class TrainsInSilence(Converts):
    """Never says how far it is."""

    def train(self, data_path: str, output_path: str, **kwargs: Any) -> None:
        super().train(data_path, output_path)
