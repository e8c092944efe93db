"""Vectors of images, without a framework around the call."""

import dtlpy as dl
import numpy as np
import torch
from dtlpy import Item
from PIL import Image
from transformers import AutoImageProcessor, AutoModel


class DinoAdapter(dl.BaseModelAdapter):
    processor = None

    def load(self, local_path, **kwargs):
        checkpoint = self.configuration.get("model_name", "facebook/dinov2-base")
        self.processor = AutoImageProcessor.from_pretrained(checkpoint, cache_dir=local_path)
        self.model = AutoModel.from_pretrained(checkpoint, cache_dir=local_path)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = self.model.to(self.device)

    def prepare_item_func(self, item: Item):
        if not item.mimetype.startswith("image/"):
            raise ValueError(f"expected an image, got {item.mimetype}")
        return np.asarray(Image.open(item.download(save_locally=False)).convert("RGB"))

    def embed(self, batch, **kwargs):
        embeddings = []
        for image in batch:
            inputs = self.processor(images=image, return_tensors="pt").to(self.device)
            with torch.no_grad():
                outputs = self.model(**inputs)
            pooled = outputs.last_hidden_state.mean(dim=1).squeeze().tolist()
            embeddings.append(pooled)
        return embeddings
