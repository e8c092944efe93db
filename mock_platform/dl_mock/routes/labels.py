"""Labels and attributes of ontologies: trees of labels named by dotted paths, and a list of attributes by key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dl_mock.documents import Document, label_root
from dl_mock.fields import kind
from dl_mock.message import Response
from dl_mock.routing import ApiError, Call, Route

VALUE_FIELDS = ("color", "displayLabel", "attributes", "displayData")
# OpenAPI: AttributeType; the SDK sends 'options' for check boxes and radio buttons (repositories/ontologies.py).
ATTRIBUTE_TYPES = ("options", "boolean", "range", "freeText", "number")


def complete_roots(roots: Any, where: str = "roots") -> list[Document]:
    """Label trees as the platform stores them, with a colour, a display label and all lists; 400 if they are none."""
    if not isinstance(roots, list):
        raise ApiError(400, f"{where} must be a list, not {kind(roots)}")
    return [_complete(root, f"{where}[{index}]") for index, root in enumerate(roots)]


def update_labels(call: Call) -> Response:
    """Change labels named by their dotted paths; with `upsert` missing ones are made, and so are their parents.

    SDK: entities/ontology.py `_base_labels_handler`. That an unknown label is a 400 without `upsert` is assumed.
    """
    body = call.body()
    roots = call.found("ontologies", "ontology_id")["roots"]
    for node in _nodes(body):
        if not body.get("upsert") and _find(roots, node["tag"].split(".")) is None:
            raise ApiError(400, f"label {node['tag']!r} does not exist in the ontology")
        roots = _set(roots, node["tag"].split("."), _given(node))
    return _save(call, {"roots": roots})


def add_labels(call: Call) -> Response:
    """Add labels named by their dotted paths; one that is there is an error (assumed)."""
    roots = call.found("ontologies", "ontology_id")["roots"]
    for node in _nodes(call.body()):
        if _find(roots, node["tag"].split(".")) is not None:
            raise ApiError(400, f"label {node['tag']!r} exists in the ontology")
        roots = _set(roots, node["tag"].split("."), _given(node))
    return _save(call, {"roots": roots})


def update_attributes(call: Call) -> Response:
    """Add attributes by key, or with `upsert` replace those that are there.

    The SDK copies an attribute from `scriptData` and the fields beside it (entities/ontology.py `copy_from`).
    """
    body = call.body()
    items = body.get("items")
    if not isinstance(items, list) or not items:
        raise ApiError(400, "an update of attributes needs 'items', a list with at least one")
    metadata = call.found("ontologies", "ontology_id")["metadata"]
    known = {attribute["key"]: attribute for attribute in metadata.get("attributes") or []}
    for index, item in enumerate(items):
        attribute = _attribute(item, f"items[{index}]")
        if attribute["key"] in known and not body.get("upsert"):
            raise ApiError(400, f"attribute {attribute['key']!r} exists in the ontology")
        known[attribute["key"]] = attribute
    return _save(call, {"metadata": {**metadata, "attributes": list(known.values())}})


def delete_attributes(call: Call) -> Response:
    """Remove attributes by key; unknown keys are ignored (assumed)."""
    keys = call.body().get("keys")
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise ApiError(400, "a deletion of attributes needs 'keys', a list of texts")
    metadata = call.found("ontologies", "ontology_id")["metadata"]
    kept = [attribute for attribute in metadata.get("attributes") or [] if attribute["key"] not in keys]
    _save(call, {"metadata": {**metadata, "attributes": kept}})
    return Response(204)


def _complete(root: Any, where: str) -> Document:
    value = root.get("value") if isinstance(root, Mapping) else None
    if not isinstance(value, Mapping) or not isinstance(value.get("tag"), str) or not value["tag"]:
        raise ApiError(400, f"{where} must be an object with 'value', which has a 'tag'")
    if not isinstance(value.get("color", ""), (str, type(None))):
        raise ApiError(400, f"{where}.value.color must be a text, not {kind(value['color'])}")
    given = {key: kept for key, kept in value.items() if kept is not None}
    children = complete_roots(root.get("children") or [], f"{where}.children")
    return {**root, "value": {**label_root(value["tag"])["value"], **given}, "children": children}


def _nodes(body: Mapping[str, Any]) -> list[Document]:
    nodes = body.get("labelsNode")
    if not isinstance(nodes, list):
        raise ApiError(400, "an update of labels needs 'labelsNode', a list of labels")
    for index, node in enumerate(nodes):
        tag = node.get("tag") if isinstance(node, dict) else None
        if not isinstance(tag, str) or not all(tag.split(".")):
            raise ApiError(400, f"labelsNode[{index}] must be an object with a 'tag', not {tag!r}")
    return nodes


def _given(node: Mapping[str, Any]) -> Document:
    return {key: node[key] for key in VALUE_FIELDS if node.get(key) is not None}


def _find(roots: Sequence[Document], path: Sequence[str]) -> Document | None:
    found: Document | None = None
    for tag in path:
        found = next((root for root in roots if root["value"]["tag"] == tag), None)
        if found is None:
            return None
        roots = found["children"]
    return found


def _set(roots: Sequence[Document], path: Sequence[str], value: Document) -> list[Document]:
    """The trees with a label changed or added at the end of a path; the documents given stay as they are."""
    tag, *rest = path
    old = next((root for root in roots if root["value"]["tag"] == tag), None) or label_root(tag)
    if rest:
        new = {**old, "children": _set(old["children"], rest, value)}
    else:
        new = {**old, "value": {**old["value"], **value}}
    if any(root["value"]["tag"] == tag for root in roots):
        return [new if root["value"]["tag"] == tag else root for root in roots]
    return [*roots, new]


def _attribute(item: Any, where: str) -> Document:
    if not isinstance(item, dict) or not all(isinstance(item.get(key), str) for key in ("key", "title", "type")):
        raise ApiError(400, f"{where} must be an object with the texts 'key', 'title' and 'type'")
    if item["type"] not in ATTRIBUTE_TYPES:
        raise ApiError(400, f"{where}.type must be one of {', '.join(ATTRIBUTE_TYPES)}, not {item['type']!r}")
    script = {key: item[key] for key in ("title", "optional") if key in item}
    return {"scope": ["*"], **item, "scriptData": script}


def _save(call: Call, change: Document) -> Response:
    ontology = {**call.found("ontologies", "ontology_id"), **change, **call.author.touch()}
    return call.reply("ontologies", call.state.put("ontologies", ontology))


ROUTES = [
    Route("PATCH", "/ontologies/{ontology_id}/labels", update_labels, "SDK entities/ontology.py; OpenAPI"),
    Route("PATCH", "/ontologies/{ontology_id}/addLabels", add_labels, "SDK entities/ontology.py; OpenAPI"),
    Route("PATCH", "/ontologies/{ontology_id}/attributes", update_attributes, "SDK ontologies; OpenAPI"),
    Route("DELETE", "/ontologies/{ontology_id}/attributes", delete_attributes, "SDK ontologies; OpenAPI"),
]
