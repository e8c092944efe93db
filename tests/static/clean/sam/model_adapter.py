"""Segment anything: boxes of other models as prompts, feature cache per item."""

import logging
import os
import urllib.request

import dtlpy as dl
import numpy as np
import torch
from segment_anything import SamPredictor, sam_model_registry

logger = logging.getLogger("sam")


class SamAdapter(dl.BaseModelAdapter):
    def load(self, local_path, **kwargs):
        name = self.configuration.get("checkpoint", "sam_vit_b.pth")
        path = os.path.join(local_path, name)
        if not os.path.isfile(path):
            os.makedirs(local_path, exist_ok=True)
            urllib.request.urlretrieve(self.configuration.get("checkpoint_url"), path)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        sam = sam_model_registry["vit_b"](checkpoint=path)
        sam.to(device)
        self.predictor = SamPredictor(sam)
        self.cache = {}

    def prepare_item_func(self, item: dl.Item):
        buffer = item.download(save_locally=False)
        image = np.asarray(__import__("PIL.Image", fromlist=["Image"]).open(buffer).convert("RGB"))
        boxes = [a for a in item.annotations.list() if a.type == dl.AnnotationType.BOX]
        return item, image, boxes

    @torch.no_grad()
    def predict(self, batch, **kwargs):
        result = []
        for item, image, boxes in batch:
            self.predictor.set_image(image)
            collection = item.annotations.builder()
            for box in boxes:
                masks, scores, _ = self.predictor.predict(
                    box=np.array([box.left, box.top, box.right, box.bottom]), multimask_output=False
                )
                collection.add(
                    annotation_definition=dl.Segmentation(geo=masks[0], label=box.label),
                    model_info={"name": self.model_entity.name, "confidence": float(scores[0])},
                    metadata={"user": {"from": box.id}},
                )
            result.append(collection)
        return result
