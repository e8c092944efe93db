"""predict_items and predict_dataset: items become annotations of the model."""

from __future__ import annotations

from typing import Any

import dtlpy as dl

from dl_harness.flows.reference.batches import Failures, LostResultsError, by_item, is_prompt, prepared, selected
from dl_harness.flows.reference.direct import shortened
from dl_harness.flows.reference.storing import replace_annotations


@shortened
def predict_items(
    adapter: dl.BaseModelAdapter, items: list[dl.Item], batch_size: int | None = None, **kwargs: Any
) -> tuple[list[dl.Item], list[dl.Annotation]]:
    """For each batch: prepare its items, predict, and put the annotations in place of the model's earlier ones.

    Raises ItemsFailedError at the end when some items got no result (docs: model_adapter_flows).
    """
    annotations: list[dl.Annotation] = []
    failures = Failures("predict")
    for batch_items, batch in prepared(adapter, items, batch_size):
        with failures.kept(batch_items):
            collections = list(adapter.predict(batch, **kwargs))
            if not collections and all(is_prompt(item) for item in batch_items):
                continue  # answers are written through the prompt item
            for item, collection in by_item("predict", collections, batch_items):
                with failures.kept([item]):
                    annotations += _replace_annotations(adapter, item, collection)
    failures.report()
    return items, annotations


@shortened
def predict_dataset(
    adapter: dl.BaseModelAdapter,
    dataset: dl.Dataset,
    filters: dl.Filters | dict[str, Any] | None = None,
    batch_size: int | None = None,
    progress: dl.Progress | None = None,
    **kwargs: Any,
) -> None:
    """Predict every item that the filters select (docs: model_adapter_flows)."""
    adapter.predict_items(items=selected(dataset, filters), batch_size=batch_size, progress=progress)


def _replace_annotations(
    adapter: dl.BaseModelAdapter, item: dl.Item, collection: dl.AnnotationCollection
) -> list[dl.Annotation]:
    """Sign the annotations with the model, delete what the model has written on the item before, upload them."""
    if not isinstance(collection, (dl.AnnotationCollection, list)):
        raise TypeError(f"predict returned {type(collection).__name__}, not dl.AnnotationCollection")
    adapter._update_predictions_metadata(item, collection)
    uploaded = replace_annotations(adapter, item, collection)
    if len(uploaded) != len(collection):
        raise LostResultsError(f"the platform took {len(uploaded)} of {len(collection)} annotations")
    return uploaded
