"""What adapters of chat services share."""

import logging
import os

import dtlpy as dl

logger = logging.getLogger(__name__)


class PromptBase(dl.BaseModelAdapter):
    ENVIRONMENT: str

    def load(self, local_path, **kwargs):
        key = os.environ[self.ENVIRONMENT]
        self.client = self.connect(key)
        self.throttle = self.configuration.get("throttle", 10)

    def connect(self, key):
        raise NotImplementedError

    def answer(self, messages):
        raise NotImplementedError

    def prepare_item_func(self, item: dl.Item):
        return dl.PromptItem.from_item(item)

    def predict(self, batch, **kwargs):
        for prompt_item in batch:
            messages = [m for m in prompt_item.to_messages(include_assistant=True) if m["role"] != "system"]
            text = ""
            try:
                for piece in self.answer(messages=messages):
                    text += piece
            except Exception as error:
                logger.error("the service failed: %s", error)
                raise
            prompt_item.add(
                message={"role": "assistant", "content": [{"mimetype": dl.PromptType.TEXT, "value": text}]},
                stream=True,
                model_info={"name": self.model_entity.name, "confidence": 1.0, "model_id": self.model_entity.id},
            )
        return []
