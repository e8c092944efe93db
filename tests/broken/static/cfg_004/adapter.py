"""Its model does not declare the length of its vectors."""

import dtlpy as dl


class Finder(dl.BaseModelAdapter):
    def load(self, local_path, **kwargs):
        self.size = 8

    def embed(self, batch, **kwargs):
        return [[0.0] * self.size for _ in batch]
