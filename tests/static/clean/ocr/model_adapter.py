"""Reads text in images."""

import dtlpy as dl
import numpy as np
import pytesseract


class OcrAdapter(dl.BaseModelAdapter):
    def load(self, local_path: str, **kwargs):
        self.language = self.configuration.get("language", default="eng")
        self.level = self.configuration.get(key="level", default="word")
        self.model_args = {"config": self.configuration.get("tesseract_config", "--psm 11"), "lang": self.language}

    def predict(self, batch: np.ndarray, **kwargs):
        annotations = []
        for image in batch:
            collection = dl.AnnotationCollection()
            data = pytesseract.image_to_data(image, output_type=pytesseract.Output.DICT, **self.model_args)
            for index, text in enumerate(data["text"]):
                if not text.strip() or float(data["conf"][index]) < 0:
                    continue
                left, top = data["left"][index], data["top"][index]
                collection.add(
                    annotation_definition=dl.Box(
                        left=left,
                        top=top,
                        right=left + data["width"][index],
                        bottom=top + data["height"][index],
                        label="Text",
                        description=text,
                    ),
                    model_info={"name": self.model_entity.name, "confidence": data["conf"][index] / 100},
                )
            annotations.append(collection)
        return annotations
