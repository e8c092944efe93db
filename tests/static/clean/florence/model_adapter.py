"""One vision-language model, several tasks; the task decides which annotations are made."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import dtlpy as dl
import torch
from transformers import AutoModelForCausalLM, AutoProcessor

if TYPE_CHECKING:
    from PIL.Image import Image

TASKS = {"detection": "<OD>", "caption": "<CAPTION>", "regions": "<DENSE_REGION_CAPTION>"}


class FlorenceAdapter(dl.BaseModelAdapter):
    def load(self, local_path, **kwargs):
        os.environ.setdefault("HF_HOME", local_path)
        name = self.model_entity.configuration.get("checkpoint", "microsoft/Florence-2-base")
        self.dtype = torch.float16 if torch.cuda.is_available() else torch.float32
        self.device = "cuda:0" if torch.cuda.is_available() else "cpu"
        self.model = AutoModelForCausalLM.from_pretrained(name, torch_dtype=self.dtype, trust_remote_code=True)
        self.processor = AutoProcessor.from_pretrained(name, trust_remote_code=True)
        self.task = TASKS.get(self.model_entity.configuration.get("task_type", "detection"))
        self.handlers = {"<OD>": self._boxes, "<CAPTION>": self._caption, "<DENSE_REGION_CAPTION>": self._boxes}

    def _run(self, image: Image, prompt: str) -> dict:
        inputs = self.processor(text=prompt, images=image, return_tensors="pt").to(self.device, self.dtype)
        ids = self.model.generate(input_ids=inputs["input_ids"], pixel_values=inputs["pixel_values"])
        text = self.processor.batch_decode(ids, skip_special_tokens=False)[0]
        return self.processor.post_process_generation(text, task=prompt, image_size=(image.width, image.height))

    def predict(self, batch, **kwargs):
        return [self.handlers[self.task](self._run(self._image(array), self.task)) for array in batch]

    @staticmethod
    def _image(array):
        from PIL import Image

        return Image.fromarray(array).convert("RGB")

    def _boxes(self, answer):
        collection = dl.AnnotationCollection()
        found = answer[self.task]
        for box, label in zip(found["bboxes"], found["labels"]):
            x0, y0, x1, y1 = box
            collection.add(
                annotation_definition=dl.Box(left=x0, top=y0, right=x1, bottom=y1, label=label),
                model_info={"name": self.model_entity.name, "confidence": 0.5},
            )
        return collection

    def _caption(self, answer):
        collection = dl.AnnotationCollection()
        collection.add(
            annotation_definition=dl.FreeText(text=answer[self.task]),
            prompt_id=None,
            model_info={"name": self.model_entity.name, "confidence": 0.5},
        )
        return collection
