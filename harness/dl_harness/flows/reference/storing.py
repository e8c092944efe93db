"""Put the annotations of a model in place of its earlier ones: one request to delete, one or more to create."""

from __future__ import annotations

from typing import Any

import dtlpy as dl

from dl_harness.flows.reference.direct import is_direct


def replace_annotations(adapter: dl.BaseModelAdapter, item: dl.Item, collection: Any) -> list[dl.Annotation]:
    """Delete what the model has written on the item before, and upload these; returns what the platform took.

    On the short way (`direct`) the same two requests are made as by the SDK's `_upload_model_annotations`, without what
    it builds anew for every item; an adapter that overrides that function keeps its own.
    """
    client = item._client_api
    own = type(adapter)._upload_model_annotations is not dl.BaseModelAdapter._upload_model_annotations
    if own or not is_direct(client) or not hasattr(dl.repositories.Annotations, "_create_batches_for_upload"):
        return list(adapter._upload_model_annotations(item, collection))
    path = f"/datasets/{item.dataset.id}/query"
    done, response = client.gen_request("POST", path, json_req=_deletion(adapter, item))
    client.check_response(done, response, path="/items")
    created: list[Any] = []
    for batch in item.annotations._create_batches_for_upload(list(collection)):
        done, response = client.gen_request("post", f"/items/{item.id}/annotations", json_req=batch)
        if done:
            answer = response.json()
            created += answer if isinstance(answer, list) else [answer]
    return list(dl.AnnotationCollection.from_json(created, item=item))


def _deletion(adapter: dl.BaseModelAdapter, item: dl.Item) -> dict[str, Any]:
    """The query that deletes the model's annotations on an item (SDK: _upload_model_annotations)."""
    name = adapter.model_entity.name
    known: dict[str, dict[str, Any]] = vars(adapter).setdefault("_dl_harness_deletions", {})
    if name not in known:
        filters = dl.Filters(resource=dl.FiltersResource.ANNOTATION)
        for field in ("metadata.user.model.name", "metadata.system.model.name"):
            filters.add(field=field, values=name, method=dl.FiltersMethod.OR)
        filters.add(field="itemId", values=_ITEM, method=dl.FiltersMethod.AND)
        known[name] = filters.prepare(operation="delete")
    found: dict[str, Any] = _with_item(known[name], item.id)
    return found


_ITEM = "the item's id"


def _with_item(query: Any, item_id: str) -> Any:
    """A query with the item's id in its place."""
    if isinstance(query, dict):
        return {key: _with_item(value, item_id) for key, value in query.items()}
    if isinstance(query, list):
        return [_with_item(value, item_id) for value in query]
    return item_id if query == _ITEM else query
