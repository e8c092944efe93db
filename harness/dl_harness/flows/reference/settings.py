"""What the flows read of a model's settings, and where they keep files."""

from __future__ import annotations

from typing import Any

import dtlpy as dl
from dtlpy.services import service_defaults

BATCH_SIZE = 4  # SDK: configuration.get('batch_size', 4)
EMBEDDINGS_SIZE = 256  # SDK: configuration.get('embeddings_size', 256)


def setting(adapter: dl.BaseModelAdapter, name: str, default: Any = None) -> Any:
    """A setting from the model's configuration, or its default; reading it leaves the model as it is."""
    configuration = adapter.configuration
    return configuration[name] if name in configuration else default


def dataloop_path() -> str:
    """DATALOOP_PATH, below which the SDK and the flows keep what they download."""
    return str(service_defaults.DATALOOP_PATH)
