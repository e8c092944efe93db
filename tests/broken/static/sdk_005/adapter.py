"""It tells the epoch under other names."""

import dtlpy as dl


class Finder(dl.BaseModelAdapter):
    def load(self, local_path, **kwargs):
        self.threshold = self.configuration.get("threshold", 0.5)

    def train(self, data_path, output_path, on_epoch_end_callback=None, **kwargs):
        for epoch in range(3):
            on_epoch_end_callback(epoch=epoch, epochs=3)  # broken

    def save(self, local_path, **kwargs):
        return local_path

    def convert_from_dtlpy(self, data_path, **kwargs):
        return data_path

    def predict(self, batch, **kwargs):
        found = []
        for _ in batch:
            boxes = dl.AnnotationCollection()
            boxes.add(
                annotation_definition=dl.Box(left=0, top=0, right=4, bottom=4, label="thing"),
                model_info={"name": self.model_entity.name, "confidence": self.threshold},
            )
            found.append(boxes)
        return found
