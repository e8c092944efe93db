"""A detector that trains: labels are converted to text files, one per image."""

import json
import logging
import os
import shutil

import dtlpy as dl
import torch
import yaml
from PIL import Image
from ultralytics import YOLO

logger = logging.getLogger("yolo-adapter")


@dl.Package.decorators.module(name="model-adapter", description="Detector", init_inputs={"model_entity": dl.Model})
class Adapter(dl.BaseModelAdapter):
    def load(self, local_path, **kwargs):
        weights = self.configuration.get("weights_filename", "yolo.pt")
        path = os.path.join(local_path, weights)
        if os.path.isfile(path):
            self.model = YOLO(path)
        else:
            logger.warning("no artifact; starting from stock weights")
            self.model = YOLO("yolov8n.pt")
        self.device = "cuda:0" if torch.cuda.is_available() else "cpu"
        self.confidence = self.configuration.get("conf_thres", 0.25)

    def save(self, local_path, **kwargs):
        self.model.save(os.path.join(local_path, "best.pt"))
        self.configuration["weights_filename"] = "best.pt"

    def prepare_item_func(self, item):
        path = item.download(overwrite=True)
        image = Image.open(path)
        return image.convert("RGB")

    def predict(self, batch, **kwargs):
        results = self.model.predict(source=batch, save=False, device=self.device, conf=self.confidence)
        annotations = []
        for result in results:
            collection = dl.AnnotationCollection()
            for box in result.boxes:
                left, top, right, bottom = box.xyxy[0].tolist()
                collection.add(
                    annotation_definition=dl.Box(
                        left=left, top=top, right=right, bottom=bottom, label=result.names[int(box.cls)]
                    ),
                    model_info={
                        "name": self.model_entity.name,
                        "model_id": self.model_entity.id,
                        "confidence": float(box.conf),
                    },
                )
            annotations.append(collection)
        return annotations

    def convert_from_dtlpy(self, data_path, **kwargs):
        subsets = self.model_entity.metadata.get("system", {}).get("subsets", {})
        for name in ("train", "validation"):
            if name not in subsets:
                raise ValueError(f"the model has no {name} set")
            source = os.path.join(data_path, name, "json")
            target = os.path.join(data_path, name, "labels")
            for folder, _, files in os.walk(source):
                for file in files:
                    if not file.endswith(".json"):
                        continue
                    with open(os.path.join(folder, file)) as stream:
                        document = json.load(stream)
                    out = os.path.join(target, os.path.relpath(folder, source))
                    os.makedirs(out, exist_ok=True)
                    with open(os.path.join(out, file.replace(".json", ".txt")), "w") as stream:
                        stream.write(self.lines(document))

    def lines(self, document):
        width = document["metadata"]["system"]["width"]
        height = document["metadata"]["system"]["height"]
        collection = dl.AnnotationCollection.from_json(document)
        rows = []
        for annotation in collection.annotations:
            if annotation.type != dl.AnnotationType.BOX:
                continue
            label = self.model_entity.label_to_id_map[annotation.label]
            x, y = (annotation.left + annotation.right) / 2, (annotation.top + annotation.bottom) / 2
            size = (annotation.right - annotation.left) / width, (annotation.bottom - annotation.top) / height
            rows.append(f"{label} {x / width} {y / height} {size[0]} {size[1]}")
        return "\n".join(rows)

    def train(self, data_path, output_path, **kwargs):
        epochs = self.configuration.get("epochs", 10)
        callback = kwargs.get("on_epoch_end_callback")

        def at_end(trainer):
            if callback is not None:
                callback(i_epoch=trainer.epoch, n_epoch=epochs)
            samples = [
                dl.PlotSample(figure="loss", legend=name, x=trainer.epoch, y=value)
                for name, value in trainer.metrics.items()
            ]
            self.model_entity.metrics.create(samples=samples, dataset_id=self.model_entity.dataset_id)

        self.model.add_callback("on_fit_epoch_end", at_end)
        config = {
            "train": os.path.join(data_path, "train", "items"),
            "val": os.path.join(data_path, "validation", "items"),
            "names": list(self.model_entity.label_to_id_map),
        }
        file = os.path.join(data_path, "data.yaml")
        with open(file, "w") as stream:
            yaml.dump(config, stream)
        self.model.train(data=file, epochs=epochs, project=output_path, device=self.device)
        best = os.path.join(output_path, "train", "weights", "best.pt")
        if os.path.exists(best):
            shutil.copy(best, os.path.join(output_path, "best.pt"))


if __name__ == "__main__":
    dl.setenv("rc")
    if dl.token_expired():
        dl.login()
    model = dl.models.get(model_id="65f0c0ffee65f0c0ffee65f0")
    adapter = Adapter(model_entity=model)
    adapter.predict_items(items=[dl.items.get(item_id="65f0c0ffee65f0c0ffee65f1")])
