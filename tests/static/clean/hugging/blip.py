"""Captions for prompts with an image."""

import torch
from transformers import AutoProcessor, BlipForConditionalGeneration


class HuggingBase:
    def __init__(self, configuration):
        self.configuration = configuration
        name = configuration.get("model_name", "Salesforce/blip-image-captioning-large")
        self.processor = AutoProcessor.from_pretrained(name)
        self.model = BlipForConditionalGeneration.from_pretrained(name)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model.to(self.device)

    def predict(self, batch, **kwargs):
        for prompt_item in batch:
            messages = prompt_item.to_messages(model_name="blip")
            image = messages[-1]["content"][0]
            inputs = self.processor(image, return_tensors="pt").to(self.device)
            out = self.model.generate(**inputs)
            caption = self.processor.decode(out[0], skip_special_tokens=True)
            prompt_item.add(
                message={"role": "assistant", "content": [{"mimetype": "text", "value": caption}]},
                model_info={"name": "blip", "confidence": 1.0},
            )
        return []
