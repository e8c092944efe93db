"""Claude through a small class hierarchy in three files."""

import anthropic
import dtlpy as dl

from adapters.shared.prompts import PromptBase


class ClaudeAdapter(PromptBase):
    ENVIRONMENT = "ANTHROPIC_API_KEY"

    def connect(self, key):
        return anthropic.Anthropic(api_key=key)

    def answer(self, messages):
        system = self.configuration.get("system_prompt", dl.__version__)
        with self.client.messages.stream(
            max_tokens=self.configuration.get("max_tokens", 512),
            system=system,
            messages=messages,
            model=self.configuration.get("model_name", "claude"),
        ) as stream:
            yield from stream.text_stream
