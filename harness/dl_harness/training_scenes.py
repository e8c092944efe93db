"""Datasets of other shapes, made from the one that the first training has learned from.

44 of 239 real defects of adapters lay in training, most of them in what a downloaded dataset looks like: each function
here changes one thing that a healthy conversion does not depend on. Documents in, documents out; nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

Document = dict[str, Any]
Documents = dict[str, list[Document]]

SUBSETS = ("train", "validation")


def varied(shape: str, documents: Documents) -> Documents | str:
    """The documents of a scene in another shape, or the reason for which they have no such shape."""
    return _SHAPES[shape](documents)


def nested(documents: Documents) -> Documents | str:
    """The items of each subset lie in folders within folders."""
    return _renamed(documents, lambda folder, name, index: f"{folder}/site {index % 2}/camera/{name.name}")


def same_names(documents: Documents) -> Documents | str:
    """Items in different folders have the same base name."""
    return _renamed(documents, lambda folder, name, index: f"{folder}/{index}/image{name.suffix}")


def dotted_names(documents: Documents) -> Documents | str:
    """Names with blanks, several dots and an extension in capitals."""
    return _renamed(
        documents, lambda folder, name, index: f"{folder}/{name.stem} no. {index}.final{name.suffix.upper()}"
    )


def same_stems(documents: Documents) -> Documents | str:
    """Two items of the training subset differ in their extension only; the SDK downloads one JSON for both."""
    first, rest = _first_of(documents, "train")
    if first is None:
        return "no item lies in a folder of its subset"
    name = PurePosixPath(_path(first))
    other = ".jpeg" if name.suffix.lower() == ".jpg" else f"{name.suffix}2" if not name.suffix else ".jpg"
    twin = {**_copy(first), "filename": str(name.with_suffix(other))}
    return {**documents, "items": [first, twin, *rest]}


def with_background(documents: Documents) -> Documents | str:
    """`include_background` is on, and each subset has two items without annotations (the SDK fails on a single one)."""
    plain = []
    for subset in SUBSETS:
        first, _ = _first_of(documents, subset)
        if first is not None:
            name = PurePosixPath(_path(first))
            bare = {key: value for key, value in first.items() if key not in {"annotations", "id"}}
            for count in ("nothing", "nothing either"):
                plain.append({**bare, "filename": str(name.with_name(f"{count} on {name.name}"))})
    if not plain:
        return "no item lies in a folder of its subset"
    configured = _with_model(documents, lambda model: _configured(model, include_background=True))
    return {**configured, "items": [*documents["items"], *plain]}


def other_types(documents: Documents) -> Documents | str:
    """Every item also has annotations of other types, whose labels the model does not know."""
    own = documents["models"][0].get("outputType")
    corners = [{"x": 1, "y": 1}, {"x": 5, "y": 1}, {"x": 5, "y": 5}]
    others: list[Document] = [
        {"type": "class", "label": "daylight"},
        {"type": "point", "label": "centre", "coordinates": {"x": 2, "y": 2, "z": 0}},
        {"type": "segment", "label": "region", "coordinates": [corners]},
        {"type": "box", "label": "area", "coordinates": [{"x": 1, "y": 1, "z": 0}, {"x": 5, "y": 5, "z": 0}]},
    ]
    related = {"segment", "binary"} if own in {"segment", "binary"} else {own}
    added = [one for one in others if one["type"] not in related]
    items = [{**item, "annotations": [*added, *(item.get("annotations") or ())]} for item in documents["items"]]
    return {**documents, "items": items}


def unknown_label(documents: Documents) -> Documents | str:
    """One annotation of the model's own type has a label that the model does not know."""
    own = documents["models"][0].get("outputType")
    items = [dict(item) for item in documents["items"]]
    for item in items:
        same = [one for one in item.get("annotations") or () if one.get("type") == own]
        if same:
            item["annotations"] = [*item["annotations"], {**_copy(same[0]), "label": "something new"}]
            return {**documents, "items": items}
    return "no annotation is of the model's type"


def tagged(documents: Documents) -> Documents | str:
    """Subsets are chosen by tag (the platform's ML subsets), in another order of terms; all share a folder."""
    items, known = [], set()
    for item in documents["items"]:
        subset = _subset_of(item)
        name = f"/{PurePosixPath(_path(item)).name}"
        if subset is None or name in known:
            return "the items lie in no folders of their subsets, or share base names"
        known.add(name)
        metadata = dict(item.get("metadata") or {})
        system = {**(metadata.get("system") or {}), "tags": {subset: True}}
        items.append({**_without_place(item), "filename": name, "metadata": {**metadata, "system": system}})
    terms: dict[str, list[Document]] = {
        name: [{f"metadata.system.tags.{name}": True}, {"type": "file"}, {"hidden": False}] for name in SUBSETS
    }
    return {**_with_subsets(documents, terms), "items": items}


def without_validation(documents: Documents) -> Documents | str:
    """The model has one subset, for training."""
    subsets = _subsets(documents)
    if set(subsets) == {"train"} or "train" not in subsets:
        return "the model's subsets are others than train and validation"
    return _with_model(documents, lambda model: _with_system(model, subsets={"train": subsets["train"]}))


def one_class(documents: Documents) -> Documents | str:
    """The model has one label."""
    model = documents["models"][0]
    labels = list(model.get("labels") or ())
    if len(labels) < 2:
        return "the model has one label anyway"
    if any("label" in key and "map" in key for key in model.get("configuration") or {}):
        return "the model's configuration holds a label map"
    own = model.get("outputType")
    items = []
    for item in documents["items"]:
        kept = [{**one, "label": labels[0]} if one.get("type") == own else one for one in item.get("annotations") or ()]
        items.append({**item, "annotations": kept} if "annotations" in item else item)
    return {**_with_model(documents, lambda one: {**one, "labels": labels[:1]}), "items": items}


def other_recipe(documents: Documents) -> Documents | str:
    """The dataset's recipe lists its labels in another order, and more of them, than the model."""
    dataset = documents["datasets"][0]
    labels = [{"tag": "a label of the recipe"}, *reversed(dataset.get("labels") or ())]
    if len(documents["models"][0].get("labels") or ()) < 2:
        return "the model has one label, whose number is 0 in any order"
    # Without a map of its own a model takes the recipe's (SDK: Model.id_to_label_map), which is no mistake.
    own = {str(number): label for number, label in enumerate(documents["models"][0]["labels"])}
    mapped = _with_model(documents, lambda model: _configured(model, **{"id_to_label_map": own, **_settings(model)}))
    return {**mapped, "datasets": [{**dataset, "labels": labels}]}


_SHAPES: dict[str, Callable[[Documents], Documents | str]] = {
    "nested": nested,
    "same names": same_names,
    "dotted names": dotted_names,
    "same stems": same_stems,
    "background": with_background,
    "other types": other_types,
    "unknown label": unknown_label,
    "tags": tagged,
    "no validation": without_validation,
    "one class": one_class,
    "other recipe": other_recipe,
}
SHAPES = tuple(_SHAPES)


def _path(item: Document) -> str:
    if "filename" in item:
        return str(item["filename"])
    return f"{str(item.get('dir') or '').rstrip('/')}/{item.get('name', '')}"


def _subset_of(item: Document) -> str | None:
    """The subset in whose folder an item lies (scene: `_split` makes these folders)."""
    return next((name for name in SUBSETS if _path(item).startswith(f"/{name}/")), None)


def _first_of(documents: Documents, subset: str) -> tuple[Document | None, list[Document]]:
    """The first annotated item of a subset, and all the others."""
    items = documents["items"]
    first = next((item for item in items if _subset_of(item) == subset and item.get("annotations")), None)
    return first, [item for item in items if item is not first]


def _copy(document: Document) -> Document:
    return {key: value for key, value in document.items() if key != "id"}


def _without_place(item: Document) -> Document:
    return {key: value for key, value in item.items() if key not in {"dir", "name"}}


def _renamed(documents: Documents, name: Callable[[str, PurePosixPath, int], str]) -> Documents | str:
    """The same items under other names within the folders of their subsets."""
    items = []
    for index, item in enumerate(documents["items"]):
        subset = _subset_of(item)
        if subset is None:
            return "the items lie in no folders of their subsets"
        items.append({**_without_place(item), "filename": name(f"/{subset}", PurePosixPath(_path(item)), index)})
    terms: dict[str, list[Document]] = {
        one: [{"hidden": False}, {"type": "file"}, {"dir": f"/{one}*"}] for one in SUBSETS
    }
    return {**_with_subsets(documents, terms), "items": items}


def _with_model(documents: Documents, change: Callable[[Document], Document]) -> Documents:
    return {**documents, "models": [change(model) for model in documents["models"]]}


def _settings(model: Document) -> Document:
    return dict(model.get("configuration") or {})


def _configured(model: Document, **values: Any) -> Document:
    return {**model, "configuration": {**(model.get("configuration") or {}), **values}}


def _subsets(documents: Documents) -> Document:
    metadata = documents["models"][0].get("metadata") or {}
    return dict((metadata.get("system") or {}).get("subsets") or {})


def _with_system(model: Document, **values: Any) -> Document:
    metadata = model.get("metadata") or {}
    return {**model, "metadata": {**metadata, "system": {**(metadata.get("system") or {}), **values}}}


def _with_subsets(documents: Documents, terms: dict[str, list[Document]]) -> Documents:
    """The model with subsets by these terms, those that it has and no others."""
    subsets = {
        name: {**query, "filter": {"$and": list(terms[name])}} if name in terms else query
        for name, query in _subsets(documents).items()
    }
    return _with_model(documents, lambda model: _with_system(model, subsets=subsets))
