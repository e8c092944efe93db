"""Chat with a service that speaks OpenAI's protocol, streaming."""

import os
import time

import dtlpy as dl
from openai import OpenAI


class ChatAdapter(dl.BaseModelAdapter):
    def __init__(self, model_entity: dl.Model, openai_key_name: str = "OPENAI_API_KEY"):
        self.key_name = openai_key_name
        super().__init__(model_entity)

    def load(self, local_path, **kwargs):
        key = os.environ.get(self.key_name)
        if key is None:
            raise ValueError(f"missing environment variable {self.key_name}")
        self.client = OpenAI(api_key=key, base_url=self.configuration.get("base_url"))
        self.model_name = self.configuration.get("model_name", "gpt-4o")
        self.stream = self.configuration.get("stream", True)
        self.max_tokens = self.configuration.get("max_tokens", 1024)
        self.system_prompt = self.model_entity.configuration.get("system_prompt", "")

    def prepare_item_func(self, item: dl.Item):
        return dl.PromptItem.from_item(item)

    def answers(self, messages):
        response = self.client.chat.completions.create(
            messages=messages, model=self.model_name, max_tokens=self.max_tokens, stream=self.stream
        )
        if self.stream:
            for chunk in response:
                if not chunk.choices:
                    continue
                yield chunk.choices[0].delta.content or ""
        else:
            yield response.choices[0].message.content or ""

    def predict(self, batch, **kwargs):
        for prompt_item in batch:
            messages = prompt_item.to_messages(model_name=self.model_entity.name)
            if self.system_prompt:
                messages.insert(0, {"role": "system", "content": self.system_prompt})
            nearest = self.configuration.get("nearest_items")
            if nearest:
                messages.append({"role": "user", "content": prompt_item.build_context(nearest_items=nearest)})
            text = ""
            last = time.time()
            for piece in self.answers(messages):
                text += piece
                if time.time() - last > 2:
                    self._add(prompt_item, text)
                    last = time.time()
            self._add(prompt_item, text)
        return []

    def _add(self, prompt_item, text):
        prompt_item.add(
            message={"role": "assistant", "content": [{"mimetype": dl.PromptType.TEXT, "value": text}]},
            model_info={"name": self.model_entity.name, "confidence": 1.0, "model_id": self.model_entity.id},
        )
