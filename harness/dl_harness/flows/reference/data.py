"""prepare_data: the subsets of a dataset become files to train on.

The layout is published: DATALOOP_PATH/model_data/<model.id>_<model.name>/<timestamp>/ with output/ and
datasets/<dataset.id>/<subset>/{items,json} (docs: model_adapter_flows).
"""

from __future__ import annotations

import copy
import datetime
import os
from typing import Any

import dtlpy as dl

from dl_harness.flows.reference.batches import LostResultsError
from dl_harness.flows.reference.settings import dataloop_path, setting

TIMESTAMP = "%Y-%m-%d-%H%M%S"  # SDK: prepare_data
MASKS = ("binary", "segment")  # SDK: prepare_data takes the one for the other


def training_root(model: dl.Model) -> str:
    """The folder of one training, which begins now."""
    now = datetime.datetime.now().strftime(TIMESTAMP)
    return os.path.join(dataloop_path(), "model_data", f"{model.id}_{model.name}", now)


def prepare_data(
    adapter: dl.BaseModelAdapter,
    dataset: dl.Dataset,
    root_path: str | None = None,
    data_path: str | None = None,
    output_path: str | None = None,
    overwrite: bool = False,
    **kwargs: Any,
) -> tuple[str, str, str]:
    """Download every subset of the model to <data_path>/<subset>/{items,json}, then convert all of it.

    A path that is not given is the one in the model's configuration, or else the published one.
    """
    model = adapter.model_entity
    root_path = root_path or setting(adapter, "root_path") or training_root(model)
    data_path = data_path or setting(adapter, "data_path") or os.path.join(root_path, "datasets", dataset.id)
    output_path = output_path or setting(adapter, "output_path") or os.path.join(root_path, "output")
    os.makedirs(data_path, exist_ok=True)
    os.makedirs(output_path, exist_ok=True)
    for subset in _subsets(model):
        folder = os.path.join(data_path, subset)
        if overwrite or not os.path.isdir(folder):
            _download(adapter, dataset, subset, folder, overwrite)
    adapter.convert_from_dtlpy(data_path=data_path, **kwargs)
    return root_path, data_path, output_path


def _subsets(model: dl.Model) -> dict[str, Any]:
    """The item queries by which the model divides its dataset, by name: train, validation and others."""
    subsets: dict[str, Any] | None = model.metadata.get("system", {}).get("subsets")
    if subsets is None:
        raise ValueError(f"the model {model.name} has no subsets: metadata.system.subsets is missing")
    return {name: query if "filter" in query else {"filter": query} for name, query in subsets.items()}


def _download(adapter: dl.BaseModelAdapter, dataset: dl.Dataset, subset: str, folder: str, overwrite: bool) -> None:
    """Download one subset: annotated items, and those without annotations when the configuration includes them.

    Raises ValueError for an empty subset, and LostResultsError when an item has no JSON of its own.
    """
    model = adapter.model_entity
    items, annotations = _subsets(model)[subset], _wanted_annotations(model, subset)
    os.makedirs(folder, exist_ok=True)
    _fetch(dataset, folder, overwrite, items, annotations, **_masks(model, annotations))
    if setting(adapter, "include_background", False):
        background = {**items, "filter": {"$and": [items["filter"], {"annotated": False}]}}
        _fetch(dataset, folder, overwrite, background)
    files, documents = _count(os.path.join(folder, "items")), _count(os.path.join(folder, "json"))
    if not files:
        raise ValueError(
            f"the subset {subset} is empty: no item of {dataset.name} matches {items['filter']} and has an annotation"
            f" that matches {annotations}"
        )
    if documents < files:
        raise LostResultsError(
            f"the subset {subset} has {files} items but {documents} JSON files: items whose names differ only in their"
            " extension share one"
        )


def _wanted_annotations(model: dl.Model, subset: str) -> dict[str, Any] | None:
    """The query for the annotations that an item needs at least one of; None when it needs none.

    It is the model's own for this subset, or else annotations of its output type, without those that models made.
    """
    output_type = model.output_type
    query = model.metadata.get("system", {}).get("annotationsSubsets", {}).get(subset)
    if output_type == "embedding" or (query is None and output_type is None):
        return None
    types = list(MASKS) if output_type in MASKS else [output_type]
    terms = [query["filter"] if query else {"type": {"$in": types}}]
    if not model.configuration.get("include_model_annotations", False):
        terms.append({"metadata.system.model.name": {"$exists": False}})
    return {"filter": {"$and": terms}}


def _fetch(
    dataset: dl.Dataset,
    folder: str,
    overwrite: bool,
    items: dict[str, Any],
    annotations: dict[str, Any] | None = None,
    **masks: Any,
) -> None:
    """Download the items that have such an annotation to <folder>/items, and their JSON to <folder>/json."""
    query = {**items, "join": annotations} if annotations else items
    options = {"local_path": folder, "overwrite": overwrite}
    dataset.items.download(filters=_filters(query), raise_on_error=True, **options, **masks)
    dataset.download_annotations(filters=_filters(query), **options)


def _masks(model: dl.Model, annotations: dict[str, Any] | None) -> dict[str, Any]:
    """What asks for images of label ids in <folder>/instance; a model of semantic masks learns from them."""
    if model.output_type != dl.AnnotationType.SEGMENTATION:
        return {}
    annotation_filters = _filters(annotations or {}, resource=dl.FiltersResource.ANNOTATION, use_defaults=False)
    return {"annotation_options": [dl.ViewAnnotationOptions.INSTANCE], "annotation_filters": annotation_filters}


def _filters(query: dict[str, Any], **options: Any) -> dl.Filters:
    """A query as filters, in a copy: the SDK writes into the queries it is given."""
    return dl.Filters(custom_filter=copy.deepcopy(query), **options)


def _count(folder: str) -> int:
    return sum(len(names) for _, _, names in os.walk(folder))
