"""Two levels of base classes, as repositories with many remote models have them; the provider is a stand-in."""

from __future__ import annotations

from typing import Any

import dtlpy as dl

from good.prompts import Echo


class Provider(Echo):
    """What all providers share: how a question becomes a request, and an answer a text."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        super().load(local_path, **kwargs)
        self.name = self.configuration.get("provider", "nobody")

    def predict(self, batch: list[dl.PromptItem], **kwargs: Any) -> list:
        for prompt_item in filter(None, batch):
            self.answer(prompt_item, self.call(prompt_item.to_messages(model_name=self.model_entity.name)))
        return []

    def call(self, messages: list[dict[str, Any]]) -> str:
        raise NotImplementedError


class Parrot(Provider):
    """One provider."""

    def call(self, messages: list[dict[str, Any]]) -> str:
        asked = [message["content"] for message in messages if message["role"] == "user"]
        return f"{self.name} says: {self.shortened(asked[-1])}"
