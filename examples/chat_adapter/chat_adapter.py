"""Answers prompt items through any service that speaks OpenAI's chat completions, streamed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from typing import Any

import dtlpy as dl
import requests

SECONDS_BETWEEN_UPDATES = 1.0


class ChatAdapter(dl.BaseModelAdapter):
    def load(self, local_path: str, **kwargs: Any) -> None:
        """The service and its key come from the environment, all else from the configuration."""
        self.base_url = os.environ.get("OPENAI_BASE_URL") or self.configuration.get("base_url", "")
        if not self.base_url:
            raise ValueError("set OPENAI_BASE_URL, or base_url in the model's configuration")
        self.chat_model = self.configuration.get("model", "gpt-4o-mini")
        self.system_prompt = self.configuration.get("system_prompt", "")
        self.max_tokens = self.configuration.get("max_tokens", 512)
        self.temperature = self.configuration.get("temperature", 0)
        self.timeout = self.configuration.get("timeout", 120)
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {os.environ.get('OPENAI_API_KEY', '')}"

    def prepare_item_func(self, item: dl.Item) -> dl.PromptItem | None:
        """The item as a prompt; None for a file that is no JSON, which must not cost the others their answers."""
        try:
            return dl.PromptItem.from_item(item)
        except ValueError:
            return None

    def predict(self, batch: list[dl.PromptItem | None], **kwargs: Any) -> list:
        """Each answer becomes an annotation of its prompt while it streams: nothing is left to return."""
        for prompt_item in filter(None, batch):
            for text in self.answer(self.messages(prompt_item)):
                prompt_item.add(
                    message={
                        "role": "assistant",
                        "content": [{"mimetype": dl.PromptType.TEXT, "value": text}],
                    },
                    prompt_key=prompt_item.prompts[-1].key,
                    model_info={
                        "name": self.model_entity.name,
                        "model_id": self.model_entity.id,
                        "confidence": 1.0,
                    },
                )
        return []

    def messages(self, prompt_item: dl.PromptItem) -> list[dict[str, Any]]:
        """The conversation up to the last prompt; an earlier answer to that one is to be replaced."""
        messages = prompt_item.to_messages(model_name=self.model_entity.name)
        while messages and messages[-1]["role"] == "assistant":
            messages.pop()
        system = [{"role": "system", "content": self.system_prompt}] if self.system_prompt else []
        return system + messages

    def answer(self, messages: list[dict[str, Any]]) -> Iterator[str]:
        """The answer so far, now and then while it grows, and at last the whole of it."""
        text, shown = "", time.monotonic()
        for part in self.stream(messages):
            text += part
            if time.monotonic() - shown > SECONDS_BETWEEN_UPDATES:
                yield text
                shown = time.monotonic()
        if not text:
            raise RuntimeError(f"{self.chat_model} at {self.base_url} gave an empty answer")
        yield text

    def stream(self, messages: list[dict[str, Any]]) -> Iterator[str]:
        """The parts of an answer as they arrive. Any failure of the service raises."""
        body = {
            "model": self.chat_model,
            "messages": messages,
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "stream": True,
        }
        url = f"{self.base_url.rstrip('/')}/chat/completions"
        with self.session.post(url, json=body, stream=True, timeout=self.timeout) as response:
            if not response.ok:
                raise RuntimeError(f"{response.status_code} from {url}: {response.text[:500]}")
            for line in response.iter_lines():
                field, _, data = line.partition(b":")
                if field != b"data" or data.strip() == b"[DONE]":
                    continue
                chunk = json.loads(data)
                if "error" in chunk:
                    raise RuntimeError(f"{url} broke off: {chunk['error']}")
                for choice in chunk.get("choices") or ():  # the last chunk, with the usage, has none
                    yield choice["delta"].get("content") or ""
