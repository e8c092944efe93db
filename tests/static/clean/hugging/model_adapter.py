"""One adapter for many checkpoints; the code for each is a module named in the configuration."""

import importlib
import os
import sys

import dtlpy as dl

sys.path.append(os.path.dirname(os.path.abspath(__file__)))


class HuggingAdapter(dl.BaseModelAdapter):
    def load(self, local_path, **kwargs):
        module_name = self.configuration.get("module_name")
        module = importlib.import_module(module_name)
        self.delegate = module.HuggingBase(self.configuration)

    def prepare_item_func(self, item):
        return dl.PromptItem.from_item(item) if "json" in item.mimetype else item

    def predict(self, batch, **kwargs):
        return self.delegate.predict(batch, **kwargs)

    def __getattr__(self, name):
        return getattr(self.__dict__["delegate"], name)
