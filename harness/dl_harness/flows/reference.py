"""The reference wrapper functions: the published flows, step by step, over the SDK's entities.

Each reads like the platform's description of its flow (docs: model adapter flows) and takes the place of the SDK's
method of the same name on an adapter class. Where the installed SDK departs from the description (the training root,
the status after a failed training, silent losses), these follow the description; docs/departures.md lists every case.
"""

from __future__ import annotations

import datetime
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

PREPARING_THREADS = 16  # SDK: predict_items prepares a batch in a pool of this size
DEFAULT_BATCH_SIZE = 4  # SDK: configuration.get('batch_size', 4)
DEFAULT_EMBEDDINGS_SIZE = 256  # SDK: configuration.get('embeddings_size', 256)

WRAPPERS = (
    "load_from_model",
    "save_to_model",
    "predict_items",
    "predict_dataset",
    "embed_items",
    "embed_dataset",
    "train_model",
    "evaluate_model",
)


class LostResults(Exception):
    """User functions returned something that cannot be stored item by item; the SDK loses it in silence."""


class BatchesFailed(Exception):
    """Some batches failed; the others are stored."""


def install(adapter_class: type) -> None:
    """Let an adapter class run on these functions; wrappers that its author overrode stay."""
    import dtlpy as dl

    for name in WRAPPERS:
        if getattr(adapter_class, name) is getattr(dl.BaseModelAdapter, name):
            setattr(adapter_class, name, globals()[name])


def load_from_model(
    adapter: Any, model_entity: Any = None, local_path: str | None = None, overwrite: bool = True, **kwargs: Any
) -> None:
    """Set the model entity, download its artifacts, load.

    Artifacts go to DATALOOP_PATH/models/<model.name> unless a folder is given.
    """
    from dtlpy.ml.base_model_adapter import AdapterDefaults

    if model_entity is not None:
        adapter.model_entity = model_entity
    if local_path is None:
        local_path = os.path.join(_dataloop_path(), "models", adapter.model_entity.name)
    adapter.adapter_defaults = adapter._configuration = AdapterDefaults(adapter)
    adapter.model_entity.artifacts.download(local_path=local_path, overwrite=overwrite)
    adapter.load(local_path, **kwargs)


def save_to_model(
    adapter: Any, local_path: str | None = None, cleanup: bool = False, replace: bool = True, **kwargs: Any
) -> None:
    """Save to a folder, upload the folder as the model's artifacts, clean up."""
    if local_path is None:
        local_path = tempfile.mkdtemp(prefix=f"model_{adapter.model_entity.name}")
    adapter.save(local_path=local_path, **kwargs)
    adapter.model_entity.artifacts.upload(filepath=os.path.join(local_path, "*"), overwrite=True)
    if cleanup:
        shutil.rmtree(local_path, ignore_errors=True)


def predict_items(adapter: Any, items: list[Any], batch_size: int | None = None, **kwargs: Any) -> tuple[list[Any], list[Any]]:
    """For each batch: prepare its items, predict, stamp the model on the annotations, replace the old ones.

    Raises LostResults when predict does not return one collection per item, and BatchesFailed at the end when some
    batches raised; the other batches are stored.
    """
    batch_size = batch_size or adapter.configuration.get("batch_size", DEFAULT_BATCH_SIZE)
    annotations: list[Any] = []
    failures: list[tuple[list[str], Exception]] = []
    for batch_items in _batches(items, batch_size):
        batch = _prepare(adapter, batch_items)
        try:
            collections = _one_each(adapter.predict(batch, **kwargs), batch_items, "predict")
            for item, collection in zip(batch_items, collections, strict=True):
                adapter._update_predictions_metadata(item, collection)
                annotations.extend(_replace_annotations(adapter, item, collection))
        except LostResults:
            raise
        except Exception as error:  # one batch's failure must not cost the others; raised below
            failures.append(([item.id for item in batch_items], error))
    _raise(failures, "predict")
    return items, annotations


def embed_items(
    adapter: Any,
    items: list[Any],
    upload_features: bool | None = None,
    batch_size: int | None = None,
    progress: Any = None,
    **kwargs: Any,
) -> tuple[list[Any], list[Any]]:
    """For each batch: prepare its items and embed; then store one vector per item in the model's feature set.

    Prompt items are stored only when upload_features is asked for. Raises LostResults for a missing vector or one of
    another size than configuration.embeddings_size, and BatchesFailed at the end when some batches raised.
    """
    batch_size = batch_size or adapter.configuration.get("batch_size", DEFAULT_BATCH_SIZE)
    upload = adapter.adapter_defaults.resolve("upload_features", upload_features)
    feature_set = adapter.feature_set
    embedded: list[tuple[Any, Any]] = []
    failures: list[tuple[list[str], Exception]] = []
    for batch_items in _batches(items, batch_size):
        batch = _prepare(adapter, batch_items)
        try:
            vectors = adapter.embed(batch, **kwargs)
        except Exception as error:  # one batch's failure must not cost the others; raised below
            failures.append(([item.id for item in batch_items], error))
            continue
        embedded.extend(zip(batch_items, _one_each(vectors, batch_items, "embed"), strict=True))
    if upload is not False:
        size = adapter.configuration.get("embeddings_size", DEFAULT_EMBEDDINGS_SIZE)
        wanted = [(item, vector) for item, vector in embedded if upload is True or not _is_prompt(item)]
        _store_vectors(adapter, feature_set, wanted, size)
    _raise(failures, "embed")
    return [item for item, _ in embedded], [vector for _, vector in embedded]


def predict_dataset(
    adapter: Any, dataset: Any, filters: Any = None, batch_size: int | None = None, progress: Any = None, **kwargs: Any
) -> None:
    """Predict every item that the filters select."""
    _remember_limits(adapter)
    items = _selected(dataset, filters)
    if items:
        adapter.predict_items(items=items, batch_size=_batch_size(adapter, batch_size), progress=progress)


def embed_dataset(
    adapter: Any,
    dataset: Any,
    filters: Any = None,
    upload_features: bool | None = None,
    batch_size: int | None = None,
    progress: Any = None,
    **kwargs: Any,
) -> None:
    """Embed every item that the filters select."""
    _ = adapter.feature_set
    _remember_limits(adapter)
    items = _selected(dataset, filters)
    if items:
        adapter.embed_items(items=items, batch_size=_batch_size(adapter, batch_size), progress=progress)


def train_model(adapter: Any, model: Any, cleanup: bool = False, progress: Any = None, context: Any = None) -> Any:
    """Load the model, prepare the data, train, save, clean up; the status is training, then trained or failed.

    Everything happens in DATALOOP_PATH/model_data/<model.id>_<model.name>/<timestamp>.
    """
    model = model.wait_for_model_ready()
    _set_status(model, "training")
    output_path = None
    try:
        adapter.load_from_model(model_entity=model)
        _, data_path, output_path = adapter.prepare_data(dataset=model.dataset, root_path=training_root(model))
        adapter.train(data_path=data_path, output_path=output_path, on_epoch_end_callback=_on_epoch_end(progress))
        adapter.save_to_model(local_path=output_path, replace=True)
    except Exception:
        if output_path is not None:
            adapter.save_to_model(local_path=output_path, replace=True)
        _set_status(model, "failed")
        raise
    _set_status(model, "trained")
    if cleanup:
        shutil.rmtree(output_path, ignore_errors=True)
    return model


def evaluate_model(
    adapter: Any, model: Any, dataset: Any, filters: Any = None, progress: Any = None, context: Any = None
) -> tuple[Any, Any]:
    """Load the model for the dataset, predict what the filters select, compare with the ground truth."""
    import dtlpy as dl

    adapter.load_from_model(dataset=dataset, model_entity=model)
    filters = filters or dl.Filters()
    if adapter.adapter_defaults.get("overwrite_annotations", True) is True:
        _remember_limits(adapter)
        items = _selected(dataset, filters)
        if items:
            adapter.predict_items(items=items, batch_size=_batch_size(adapter, None), progress=None)
    return adapter.evaluate(model=model, dataset=dataset, filters=filters), dataset


def training_root(model: Any) -> str:
    """DATALOOP_PATH/model_data/<model.id>_<model.name>/<timestamp>, the published folder of one training."""
    now = datetime.datetime.now().strftime("%Y-%m-%d-%H%M%S")
    return os.path.join(_dataloop_path(), "model_data", f"{model.id}_{model.name}", now)


def _dataloop_path() -> str:
    from dtlpy.services import service_defaults

    return str(service_defaults.DATALOOP_PATH)


def _batches(items: Sequence[Any], batch_size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), batch_size):
        yield list(items[start : start + batch_size])


def _prepare(adapter: Any, items: list[Any]) -> list[Any]:
    with ThreadPoolExecutor(PREPARING_THREADS) as pool:
        return list(pool.map(adapter.prepare_item_func, items))


def _one_each(results: Any, items: list[Any], function: str) -> list[Any]:
    """The results as a list, one per item; a prompt adapter may return nothing at all."""
    results = list(results)
    if not results and all(_is_prompt(item) for item in items):
        return [_nothing() for _ in items]
    if len(results) != len(items):
        names = ", ".join(item.filename for item in items[len(results) :])
        raise LostResults(f"{function} returned {len(results)} results for {len(items)} items; nothing for {names or 'the rest'}")
    return results


def _nothing() -> Any:
    import dtlpy as dl

    return dl.AnnotationCollection()


def _is_prompt(item: Any) -> bool:
    return bool((item.system or {}).get("shebang", {}).get("dltype") == "prompt")


def _replace_annotations(adapter: Any, item: Any, collection: Any) -> list[Any]:
    """Delete what this model has written on the item, and upload the new annotations.

    A prompt adapter has written its answers itself; there is nothing to replace them with.
    """
    if not len(collection) and _is_prompt(item):
        return []
    return list(adapter._upload_model_annotations(item, collection))


def _store_vectors(adapter: Any, feature_set: Any, embedded: list[tuple[Any, Any]], size: int) -> None:
    wrong = [item.filename for item, vector in embedded if vector is None or len(vector) != size]
    if wrong:
        raise LostResults(f"embed returned no vector of {size} numbers for {', '.join(wrong)}")
    if embedded:
        feature_set.features.create(
            entity=[item for item, _ in embedded],
            value=[vector for _, vector in embedded],
            feature_set_id=feature_set.id,
            project_id=adapter.model_entity.project_id,
        )


def _raise(failures: list[tuple[list[str], Exception]], function: str) -> None:
    if failures:
        ids = [item_id for batch, _ in failures for item_id in batch]
        raise BatchesFailed(f"{function} failed for items {ids}: {failures[0][1]}") from failures[0][1]


def _remember_limits(adapter: Any) -> None:
    """The defaults that the SDK's dataset flows write to the model's configuration when they are missing."""
    from dtlpy.ml import base_model_adapter as sdk

    adapter.configuration.get("predict_embed_subset_limit", sdk.PREDICT_EMBED_DEFAULT_SUBSET_LIMIT)
    adapter.configuration.get("predict_embed_timeout", sdk.PREDICT_EMBED_DEFAULT_TIMEOUT)


def _batch_size(adapter: Any, given: int | None) -> int:
    return given if given is not None else int(adapter.configuration.get("batch_size", DEFAULT_BATCH_SIZE))


def _selected(dataset: Any, filters: Any) -> list[Any]:
    """The files that the filters select, in the platform's order."""
    import dtlpy as dl

    if isinstance(filters, dict):
        filters = dl.Filters(custom_filter=filters)
    query = {**(filters or dl.Filters()).prepare(), "page": 0, "pageSize": 1000}
    pages = dataset.items.list(filters=dl.Filters(custom_filter=query))
    return [item for page in pages for item in page if item.type in {"file", "db_row"}]


def _set_status(model: Any, status: str) -> None:
    model.status = status
    model.update(reload_services=False)


def _on_epoch_end(progress: Any) -> Callable[[int, int], None]:
    def on_epoch_end_callback(i_epoch: int, n_epoch: int) -> None:
        if progress is not None:
            message = f"finished epoch: {i_epoch}/{n_epoch}"
            progress.update(progress=int(100 * (i_epoch + 1) / n_epoch), message=message)

    return on_epoch_end_callback
