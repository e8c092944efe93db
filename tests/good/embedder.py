"""An embedder: how much there is of each of 24 colours."""

from __future__ import annotations

from typing import Any

import dtlpy as dl
import numpy as np
from PIL import Image

SIZE = 24


class Embedder(dl.BaseModelAdapter):
    """`embeddings_size` of the configuration must be 24."""

    def load(self, local_path: str, **kwargs: Any) -> None:
        self.bins = SIZE // 3

    def prepare_item_func(self, item: dl.Item) -> np.ndarray | None:
        try:
            with Image.open(item.download(save_locally=False)) as image:
                return np.asarray(image.convert("RGB"))
        except OSError:
            return None

    def embed(self, batch: list[np.ndarray | None], **kwargs: Any) -> list[list[float] | None]:
        return [None if image is None else self.vector(image).tolist() for image in batch]

    def vector(self, image: np.ndarray) -> np.ndarray:
        channels = [np.histogram(image[..., channel], self.bins, (0, 256))[0] for channel in range(3)]
        return np.concatenate(channels) / image[..., 0].size
