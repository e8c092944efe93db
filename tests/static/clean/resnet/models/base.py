"""What torch classifiers share."""

import abc
import os
from pathlib import Path

import dtlpy as dl
import torch
from dtlpy.utilities.dataset_generators.dataset_generator_torch import DatasetGeneratorTorch
from torchvision import transforms


class TorchBase(dl.BaseModelAdapter, abc.ABC):
    WEIGHTS = "best.pth"

    @abc.abstractmethod
    def build(self, classes):
        ...

    def load(self, local_path, **kwargs):
        self.device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
        self.model = self.build(len(self.model_entity.labels))
        path = os.path.join(local_path, self.configuration.get("weights_filename", self.WEIGHTS))
        if os.path.exists(path):
            self.model.load_state_dict(torch.load(path, map_location=self.device))
        self.model.to(self.device).eval()
        size = self.configuration.get("input_size", 224)
        self.transform = transforms.Compose([transforms.ToPILImage(), transforms.Resize(size), transforms.ToTensor()])

    def save(self, local_path, **kwargs):
        torch.save(self.model.state_dict(), os.path.join(local_path, self.WEIGHTS))
        self.configuration.update({"weights_filename": self.WEIGHTS})

    def predict(self, batch, **kwargs):
        tensor = torch.stack([self.transform(image[..., :3]) for image in batch]).to(self.device)
        with torch.no_grad():
            scores, classes = torch.softmax(self.model(tensor), dim=1).max(dim=1)
        collections = []
        for score, index in zip(scores, classes):
            collection = dl.AnnotationCollection()
            collection.add(
                annotation_definition=dl.Classification(label=self.model_entity.id_to_label_map[int(index)]),
                model_info={"name": self.model_entity.name, "confidence": float(score)},
            )
            collections.append(collection)
        return collections

    def convert_from_dtlpy(self, data_path, **kwargs):
        return

    def loaders(self, data_path):
        found = {}
        for phase in ("train", "validation"):
            dataset = DatasetGeneratorTorch(
                data_path=str(Path(data_path) / phase),
                dataset_entity=self.model_entity.dataset,
                annotation_type=dl.AnnotationType.CLASSIFICATION,
                id_to_label_map=self.model_entity.id_to_label_map,
                transforms=self.transform,
            )
            found[phase] = torch.utils.data.DataLoader(dataset, batch_size=self.configuration.get("batch_size", 8))
        return found
