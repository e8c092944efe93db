"""Broken prompt adapters: there is an answer, and it stands in the wrong place."""

from __future__ import annotations

import itertools
from typing import Any

import dtlpy as dl

from good.prompts import Echo


class AnswersTheFirst(Echo):
    """Answers below the first prompt, whichever was asked last."""

    def answer(self, prompt_item: dl.PromptItem, text: str) -> None:
        self.write(prompt_item, text, prompt_item.prompts[0].key, self.model_entity.name)

    def write(self, prompt_item: dl.PromptItem, text: str, key: str, name: str | None) -> None:
        prompt_item.add(
            message={"role": "assistant", "content": [{"mimetype": dl.PromptType.TEXT, "value": text}]},
            prompt_key=key,
            model_info=name and {"name": name, "model_id": self.model_entity.id, "confidence": 1.0},
        )


class AnswersTheNextItem(Echo):
    """Writes the answers in the opposite order of the questions."""

    def predict(self, batch: list[dl.PromptItem | None], **kwargs: Any) -> list:
        asked = [one for one in batch if one is not None]
        for prompt_item, other in zip(asked, reversed(asked), strict=True):
            question = other.to_messages(include_assistant=False)[-1]["content"]
            self.answer(prompt_item, f"You asked: {self.shortened(question)}")
        return []


class HidesItsName(AnswersTheFirst):
    """Does not say whose answer it is."""

    def predict(self, batch: list[dl.PromptItem | None], **kwargs: Any) -> list:
        for prompt_item in filter(None, batch):
            question = prompt_item.to_messages(include_assistant=False)[-1]["content"]
            self.write(prompt_item, self.shortened(question), prompt_item.prompts[-1].key, None)
        return []


class NamesEachAnswerAnew(AnswersTheFirst):
    """Names the model with a number that grows, so that no answer is found again."""

    count = itertools.count()

    def answer(self, prompt_item: dl.PromptItem, text: str) -> None:
        name = f"{self.model_entity.name} #{next(self.count)}"
        self.write(prompt_item, text, prompt_item.prompts[-1].key, name)
