"""Embeds texts with wordllama, a small static embedding whose weights come inside its package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dtlpy as dl
import numpy as np
import wordllama


class TextEmbedder(dl.BaseModelAdapter):
    def load(self, local_path: str, **kwargs: Any) -> None:
        # The package looks for its weights beside itself, for its tokenizer in the cache only. With itself
        # as the cache it finds both, and never downloads.
        self.model = wordllama.WordLlama.load(
            cache_dir=Path(wordllama.__file__).parent,
            trunc_dim=self.configuration.get("embeddings_size", 256),
            disable_download=True,
        )

    def prepare_item_func(self, item: dl.Item) -> str:
        return item.download(save_locally=False).read().decode("utf-8", errors="replace")

    def embed(self, batch: list[str], **kwargs: Any) -> list[list[float] | None]:
        """One unit vector per text; None, which the SDK skips, for a text without a single word."""
        texts = [text for text in batch if text.strip()]
        vectors = iter(self.model.embed(texts)) if texts else iter(())
        return [unit(next(vectors)) if text.strip() else None for text in batch]


def unit(vector: np.ndarray) -> list[float]:
    return (vector / np.linalg.norm(vector)).tolist()
