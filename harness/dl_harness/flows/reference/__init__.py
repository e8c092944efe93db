"""The reference wrapper functions: the platform's published flows, step by step, over the SDK's entities.

Each takes the place of the SDK's method of the same name on an adapter class, calls the same user functions with the
same arguments, and leaves the same state on the platform. Where the installed SDK departs from the published
description (the training root, the status after a failed training, silent losses), these follow the description;
docs/departures.md lists every case, with the test that shows it.
"""

from __future__ import annotations

import dtlpy as dl

from dl_harness.flows.reference.batches import ItemsFailedError, LostResultsError
from dl_harness.flows.reference.data import prepare_data, training_root
from dl_harness.flows.reference.embed import embed_dataset, embed_items
from dl_harness.flows.reference.evaluate import evaluate_model
from dl_harness.flows.reference.load import load_from_model
from dl_harness.flows.reference.predict import predict_dataset, predict_items
from dl_harness.flows.reference.save import save_to_model
from dl_harness.flows.reference.train import train_model

__all__ = [
    "WRAPPERS",
    "ItemsFailedError",
    "LostResultsError",
    "embed_dataset",
    "embed_items",
    "evaluate_model",
    "install",
    "load_from_model",
    "predict_dataset",
    "predict_items",
    "prepare_data",
    "save_to_model",
    "train_model",
    "training_root",
]

WRAPPERS = (
    load_from_model,
    save_to_model,
    predict_items,
    predict_dataset,
    embed_items,
    embed_dataset,
    prepare_data,
    train_model,
    evaluate_model,
)


def install(adapter_class: type[dl.BaseModelAdapter]) -> None:
    """Let an adapter class run on these functions; wrappers that its author overrode stay."""
    for wrapper in WRAPPERS:
        name = wrapper.__name__
        if getattr(adapter_class, name) is getattr(dl.BaseModelAdapter, name):
            setattr(adapter_class, name, wrapper)
