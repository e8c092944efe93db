"""Fields that have one type wherever they stand, in requests and in scenes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

_TEXTS = (
    *("id", "name", "title", "filename", "file", "label", "type", "mimetype", "version", "description"),
    *("itemId", "datasetId", "projectId", "project", "modelId", "entityId", "featureSetId", "targetDatasetId"),
    *("remoteFileName", "resource", "exportType", "exportVersion", "dpkName", "dpkId", "packageId", "creator"),
    *("context.project", "cloneDatasetParams.targetDatasetId", "cloneDatasetParams.targetDirectory"),
)
_OBJECTS = (
    *("metadata", "metadata.system", "metadata.user", "metadata.system.subsets", "metadata.system.collections"),
    *("configuration", "context", "query", "itemsQuery", "annotationsQuery", "updateQuery", "update"),
    *("updateQuery.update", "cloneDatasetParams", "input", "config", "serviceConfig", "latestStatus", "components"),
)
_LISTS = (
    *("artifacts", "projects", "projectIds", "datasetIds", "labels", "collections", "ontologyIds", "statusLogs"),
    *("roots", "context.projects", "components.models", "metadata.system.recipes"),
)
FIELD_TYPES: Mapping[tuple[str, ...], type] = MappingProxyType(
    {
        tuple(path.split(".")): kind
        for kind, paths in ((str, _TEXTS), (dict, _OBJECTS), (list, _LISTS))
        for path in paths
    }
)


def _tree() -> Mapping[str, Any]:
    """The types by the names of the fields, one level within the other."""
    root: dict[str, Any] = {}
    for path, wanted in FIELD_TYPES.items():
        level = root
        for name in path[:-1]:
            level = level.setdefault(name, [None, {}])[1]
        level.setdefault(path[-1], [None, {}])[0] = wanted
    return root


_TREE = _tree()
_LISTS_OF_OBJECTS = (("artifacts",), ("statusLogs",), ("components", "models"))
_LISTS_OF_TEXTS = (
    *(("projects",), ("projectIds",), ("datasetIds",), ("ontologyIds",), ("context", "projects")),
    ("metadata", "system", "recipes"),
)
_KINDS: Mapping[type, str] = MappingProxyType(
    {dict: "an object", list: "a list", str: "a text", bool: "a boolean", type(None): "null"}
)


def faults(document: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the types of the fields of a document; null is never wrong."""
    if _plainly_right(document, _TREE):
        return
    yield from _wrong_types(document, _TREE, "")
    for path in _LISTS_OF_TEXTS:
        for where, element in _elements(document, path):
            if not is_text(element):
                yield f"expected a text at {where}, saw {kind(element)}"
    for path in _LISTS_OF_OBJECTS:
        for where, element in _elements(document, path):
            if not isinstance(element, Mapping):
                yield f"expected an object at {where}, saw {kind(element)}"
            else:
                yield from (f"{where}: {fault}" for fault in faults(element))


_LISTED = frozenset(path[-1] for path in (*_LISTS_OF_OBJECTS, *_LISTS_OF_TEXTS))


def _plainly_right(document: Mapping[str, Any], tree: Mapping[str, Any]) -> bool:
    """Whether no field needs a closer look, which is the usual case and must cost little."""
    for name, value in document.items():
        rule = tree.get(name)
        if rule is None or value is None:
            continue
        wanted, inner = rule
        if wanted is not None and value.__class__ is not wanted:
            return False
        if value.__class__ is str:
            if not value.isascii():
                return False
        elif name in _LISTED or (inner and not (value.__class__ is dict and _plainly_right(value, inner))):
            return False
    return True


def _wrong_types(document: Mapping[str, Any], tree: Mapping[str, Any], prefix: str) -> Iterator[str]:
    """Faults of the fields that a document has; those that it lacks cost nothing."""
    for name in tree.keys() & document.keys():
        wanted, inner = tree[name]
        value = document[name]
        if value is None:
            continue
        if wanted is not None and not isinstance(value, wanted):
            yield f"expected {_KINDS[wanted]} at {prefix}{name}, saw {kind(value)}"
        elif isinstance(value, str):
            if wanted is not None and not is_text(value):
                yield f"expected a text at {prefix}{name}, saw half of a surrogate pair"
        elif inner and isinstance(value, Mapping):
            yield from _wrong_types(value, inner, f"{prefix}{name}.")


def is_text(value: Any) -> bool:
    """Whether a value is text that has bytes: JSON can name halves of surrogate pairs, which have none."""
    if not isinstance(value, str):
        return False
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def kind(value: Any) -> str:
    """What a JSON value is, in words."""
    return _KINDS.get(type(value), "a number")


def _elements(document: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Where each element of a list stands, and the element."""
    elements = _at(document, path)
    for index, element in enumerate(elements if isinstance(elements, list) else ()):
        yield f"{'.'.join(path)}[{index}]", element


def _at(document: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = document
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value
