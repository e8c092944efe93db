"""Vectors of images and texts in one space."""

import base64
import json

import clip
import dtlpy as dl
import torch
from PIL import Image


class ClipAdapter(dl.BaseModelAdapter):
    def load(self, local_path, **kwargs):
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model, self.preprocess = clip.load(self.configuration.get("model_name", "ViT-B/32"), device=self.device)
        self.model.eval()
        self.size = self.configuration.get("embeddings_size", 512)

    def prepare_item_func(self, item):
        return item

    def embed(self, batch, **kwargs):
        vectors = []
        for item in batch:
            try:
                if "image/" in item.mimetype:
                    image = Image.open(item.download(save_locally=False)).convert("RGB")
                    tensor = self.preprocess(image).unsqueeze(0).to(self.device)
                    features = self.model.encode_image(tensor)
                elif "text/" in item.mimetype:
                    text = item.download(save_locally=False).read().decode()
                    features = self.model.encode_text(clip.tokenize([text], truncate=True).to(self.device))
                else:
                    raise ValueError(f"unsupported mimetype {item.mimetype}")
                vectors.append(features[0].cpu().detach().numpy().tolist())
            except Exception:
                self.logger.exception("failed on item %s", item.id)
                vectors.append(None)
        return vectors

    @staticmethod
    def decode(data):
        return json.loads(base64.b64decode(data))
