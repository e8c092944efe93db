"""embed_items and embed_dataset: items become vectors of the model's feature set."""

from __future__ import annotations

from typing import Any

import dtlpy as dl

from dl_harness.flows.reference.batches import Failures, LostResultsError, by_item, is_prompt, prepared, selected
from dl_harness.flows.reference.direct import shortened
from dl_harness.flows.reference.settings import EMBEDDINGS_SIZE, setting


@shortened
def embed_items(
    adapter: dl.BaseModelAdapter,
    items: list[dl.Item],
    upload_features: bool | None = None,
    batch_size: int | None = None,
    progress: dl.Progress | None = None,
    **kwargs: Any,
) -> tuple[list[dl.Item], list[Any]]:
    """For each batch: prepare its items and embed; then store one vector per item in the model's feature set.

    Vectors of prompt items are stored only when `upload_features` asks for it. Raises ItemsFailedError at the end when
    some items got no vector of the model's size (docs: model_adapter_flows).
    """
    upload = setting(adapter, "upload_features") if upload_features is None else upload_features
    feature_set = adapter.feature_set
    embedded: list[tuple[dl.Item, Any]] = []
    failures = Failures("embed")
    for batch_items, batch in prepared(adapter, items, batch_size):
        with failures.kept(batch_items):
            embedded += by_item("embed", adapter.embed(batch, **kwargs), batch_items)
    if upload is not False:
        embedded = _whole(embedded, setting(adapter, "embeddings_size", EMBEDDINGS_SIZE), failures)
        _store(adapter, feature_set, [one for one in embedded if upload or not is_prompt(one[0])])
    failures.report()
    return [item for item, _ in embedded], [vector for _, vector in embedded]


@shortened
def embed_dataset(
    adapter: dl.BaseModelAdapter,
    dataset: dl.Dataset,
    filters: dl.Filters | dict[str, Any] | None = None,
    upload_features: bool | None = None,
    batch_size: int | None = None,
    progress: dl.Progress | None = None,
    **kwargs: Any,
) -> None:
    """Embed every item that the filters select (docs: model_adapter_flows)."""
    items = selected(dataset, filters)
    adapter.embed_items(items=items, upload_features=upload_features, batch_size=batch_size, progress=progress)


def _whole(embedded: list[tuple[dl.Item, Any]], size: int, failures: Failures) -> list[tuple[dl.Item, Any]]:
    """The items with a vector of the model's size; what is none fails its item."""
    whole = []
    for item, vector in embedded:
        with failures.kept([item]):
            if vector is None or len(vector) != size:
                saw = "no vector" if vector is None else f"a vector of {len(vector)} numbers"
                raise LostResultsError(f"embed returned {saw}, the model's embeddings_size is {size}")
            whole.append((item, vector))
    return whole


def _store(adapter: dl.BaseModelAdapter, feature_set: dl.FeatureSet, embedded: list[tuple[dl.Item, Any]]) -> None:
    if embedded:
        feature_set.features.create(
            entity=[item for item, _ in embedded],
            value=[vector for _, vector in embedded],
            feature_set_id=feature_set.id,
            project_id=adapter.model_entity.project_id,
        )
