"""What the flows read of a model's settings, and where they keep files."""

from __future__ import annotations

from typing import Any

import dtlpy as dl
from dtlpy.services import service_defaults

BATCH_SIZE = 4  # SDK: configuration.get('batch_size', 4)
EMBEDDINGS_SIZE = 256  # SDK: configuration.get('embeddings_size', 256)


def setting(adapter: dl.BaseModelAdapter, name: str, default: Any = None) -> Any:
    """A setting from the model's configuration, or its default.

    It is read from a copy: `get` of the SDK's configuration writes the default to the platform's model.
    """
    return dict(adapter.configuration).get(name, default)


def dataloop_path() -> str:
    """DATALOOP_PATH, below which the SDK and the flows keep what they download."""
    return str(service_defaults.DATALOOP_PATH)
