"""A prompt adapter without a service: it says the question back, through the prompt item."""

from __future__ import annotations

from typing import Any

import dtlpy as dl


class Echo(dl.BaseModelAdapter):
    """What is right for prompt adapters: the answer is written during predict, and nothing is left to return."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        self.words = self.configuration.get("words", 5)

    def prepare_item_func(self, item: dl.Item) -> dl.PromptItem | None:
        try:
            return dl.PromptItem.from_item(item)
        except ValueError:
            return None  # a file that is no JSON

    def predict(self, batch: list[dl.PromptItem | None], **kwargs: Any) -> list:
        for prompt_item in filter(None, batch):
            messages = prompt_item.to_messages(model_name=self.model_entity.name)
            question = next(message["content"] for message in reversed(messages) if message["role"] == "user")
            self.answer(prompt_item, f"You asked: {self.shortened(question)}")
        return []

    def shortened(self, content: Any) -> str:
        parts = [content] if isinstance(content, str) else [part.get("text", "") for part in content]
        return " ".join(" ".join(parts).split()[: self.words])

    def answer(self, prompt_item: dl.PromptItem, text: str) -> None:
        prompt_item.add(
            message={"role": "assistant", "content": [{"mimetype": dl.PromptType.TEXT, "value": text}]},
            prompt_key=prompt_item.prompts[-1].key,
            model_info={"name": self.model_entity.name, "model_id": self.model_entity.id, "confidence": 1.0},
        )
