"""Vectors of a cloud service; credentials arrive as an integration."""

import base64
import json
import os

import dtlpy as dl
import vertexai
from google.oauth2 import service_account
from vertexai.vision_models import Image as VertexImage
from vertexai.vision_models import MultiModalEmbeddingModel


class VertexAdapter(dl.BaseModelAdapter):
    def __init__(self, integration_name, model_entity=None):
        raw = os.environ.get(integration_name)
        if raw is None:
            raise ValueError(f"the integration {integration_name} is missing")
        text = base64.b64decode(raw).decode()
        self.credentials_info = json.loads(json.loads(text)["content"]) if "content" in text else json.loads(text)
        super().__init__(model_entity=model_entity)

    def load(self, local_path, **kwargs):
        info = self.credentials_info
        credentials = service_account.Credentials.from_service_account_info(info)
        vertexai.init(project=info["project_id"], location=self.configuration["region"], credentials=credentials)
        self.model = MultiModalEmbeddingModel.from_pretrained(self.configuration.get("model_name", "embedding@001"))
        self.size = self.configuration["embeddings_size"]

    def prepare_item_func(self, item):
        return item

    def embed(self, batch, **kwargs):
        vectors = []
        for item in batch:
            if "text" in item.mimetype:
                text = item.download(save_locally=False).read().decode("utf-8")[:1024]
                answer = self.model.get_embeddings(contextual_text=text, dimension=self.size)
                vectors.append(answer.text_embedding)
            else:
                image = VertexImage(item.download(save_locally=False).getvalue())
                answer = self.model.get_embeddings(image=image, dimension=self.size)
                vectors.append(answer.image_embedding)
        return vectors
