"""evaluate_model: predictions of a model are compared with the ground truth."""

from __future__ import annotations

import os
import shutil
from typing import Any

import dtlpy as dl

from dl_harness.flows.reference.batches import as_filters
from dl_harness.flows.reference.predict import predict_dataset
from dl_harness.flows.reference.settings import dataloop_path, setting


def evaluate_model(
    adapter: dl.BaseModelAdapter,
    model: dl.Model,
    dataset: dl.Dataset,
    filters: dl.Filters | dict[str, Any] | None = None,
    progress: dl.Progress | None = None,
    context: dl.Context | None = None,
) -> tuple[dl.Model, dl.Dataset]:
    """Load the model, predict what the filters select, compare it with the ground truth (docs: model_adapter_flows).

    The comparison is the adapter's `evaluate`; the base class's leaves it to dtlpymetrics.
    """
    filters = as_filters(filters)
    adapter.load_from_model(dataset=dataset, model_entity=model)
    if setting(adapter, "overwrite_annotations", True):
        predict_dataset(adapter, dataset, filters)
    _forget_downloads(dataset)
    return adapter.evaluate(model=model, dataset=dataset, filters=filters), dataset


def _forget_downloads(dataset: dl.Dataset) -> None:
    """Remove what earlier runs downloaded of the dataset: dtlpymetrics scores every JSON file it finds there."""
    folder = os.path.join(dataloop_path(), "projects", dataset.project.name, "datasets", dataset.name)
    shutil.rmtree(folder, ignore_errors=True)
