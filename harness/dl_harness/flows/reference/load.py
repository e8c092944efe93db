"""load_from_model: a model entity becomes a loaded adapter."""

from __future__ import annotations

import os
from typing import Any

import dtlpy as dl

from dl_harness.flows.reference.settings import dataloop_path


def load_from_model(
    adapter: dl.BaseModelAdapter,
    model_entity: dl.Model | None = None,
    local_path: str | None = None,
    overwrite: bool = True,
    **kwargs: Any,
) -> None:
    """Take over the model and its configuration, download its artifacts, load them.

    The artifacts go to DATALOOP_PATH/models/<model.name>, unless another folder is given (docs: model_adapter_flows).
    """
    if model_entity is not None:
        adapter.model_entity = model_entity
    adapter.configuration = adapter.model_entity.configuration
    if local_path is None:
        local_path = os.path.join(dataloop_path(), "models", adapter.model_entity.name)
    adapter.model_entity.artifacts.download(local_path=local_path, overwrite=overwrite)
    adapter.load(local_path, **kwargs)
