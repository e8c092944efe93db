"""Annotations of items."""

from __future__ import annotations

from collections.abc import Iterable

from dl_mock import documents
from dl_mock.documents import Author, Document, merge
from dl_mock.message import Response
from dl_mock.routes.items import recount
from dl_mock.routing import ApiError, Call, Route, of_item
from dl_mock.settings import Settings
from dl_mock.state import State

# OpenAPI: AnnotationType. Rejecting others is assumed; everything else about an annotation is accepted.
TYPES = frozenset(
    [
        "class",
        "point",
        "line",
        "box",
        "cube",
        "segment",
        "ellipse",
        "binary",
        "note",
        "polyline",
        "comparison",
        "recording",
        "subtitle",
        "item_description",
        "text_mark",
        "pose",
        "cube_3d",
        "semantic_3d",
        "polyline_3d",
        "pdf_text",
        "text",
        "ref_image",
        "ref_semantic_3d",
        "ref_text",
        "ref_video",
        "ref_audio",
        "ref_json",
        "gis",
        "polygon",
    ]
)
# Kept from the caller by a PUT only where the SDK sends it without `?system=true` (repositories/annotations.py).
ALWAYS_SYSTEM = ("snapshots_",)
FIXED = frozenset(
    {
        *("id", "itemId", "datasetId", "creator", "createdAt", "updatedAt", "updatedBy"),
        *("hash", "url", "item", "dataset"),
    }
)


def add_annotations(state: State, item: Document, given: Iterable[Document], author: Author) -> list[Document]:
    """New annotations of an item, in the order given."""
    added = [state.put("annotations", documents.annotation(one, author, item)) for one in given]
    recount(state, item["id"], author.now())
    return added


def change_annotation(state: State, annotation: Document, change: Document, author: Author, system: bool) -> Document:
    """Merge a change into an annotation; a key that is not given survives."""
    change = {key: value for key, value in change.items() if key not in FIXED}
    if not system:
        change = _without_system(change)
    merged = merge(annotation, change)
    if ((change.get("metadata") or {}).get("system") or {}).get("attributes") == {}:
        merged["metadata"]["system"]["attributes"] = {}  # clears all (former end-to-end tests)
    changed = state.put("annotations", {**merged, **author.touch()})
    recount(state, annotation["itemId"], author.now())
    return changed


def remove_annotations(state: State, annotations: Iterable[Document], author: Author) -> None:
    """Delete annotations and bring their items up to date."""
    item_ids = dict.fromkeys(annotation["itemId"] for annotation in annotations)
    for annotation in annotations:
        state.remove("annotations", annotation["id"])
    for item_id in item_ids:
        recount(state, item_id, author.now())


def create_annotations(call: Call) -> Response:
    """One annotation or a list; the answer has the form and the order of the request."""
    item = call.found("items")
    bodies, settings = call.bodies(), call.state.settings
    if settings.most_annotations is not None and len(bodies) > settings.most_annotations:
        raise ApiError(413, f"{len(bodies)} annotations in one request; at most {settings.most_annotations} are taken")
    given = [_fresh(one, index, settings) for index, one in enumerate(bodies)]
    added = [call.render("annotations", one) for one in add_annotations(call.state, item, given, call.author)]
    return Response.of_json(added if call.request.body.lstrip().startswith(b"[") else added[0])


def list_annotations(call: Call) -> Response:
    """Annotations of an item, as a list."""
    found = call.state.annotations_of(call.found("items")["id"])
    return Response.of_json([call.render("annotations", annotation) for annotation in found])


def get_annotation(call: Call) -> Response:
    """One annotation."""
    return call.reply("annotations", call.found("annotations"))


def update_annotation(call: Call) -> Response:
    """Change an annotation by a diff."""
    annotation, change = call.found("annotations"), call.body()
    _check_type(change.get("type", annotation["type"]), "the annotation", call.state.settings)
    return call.reply(
        "annotations", change_annotation(call.state, annotation, change, call.author, call.flag("system"))
    )


def delete_annotation(call: Call) -> Response:
    """Delete an annotation."""
    remove_annotations(call.state, [call.found("annotations")], call.author)
    return Response(204)


def report_issue(call: Call) -> Response:
    """Set the status of an annotation to an issue."""
    change = {"metadata": {"system": {"status": "issue"}}}
    changed = change_annotation(call.state, call.found("annotations"), change, call.author, system=True)
    return call.reply("annotations", changed)


def _fresh(given: Document, index: int, settings: Settings) -> Document:
    """What a caller may say about a new annotation; the platform gives the rest."""
    _check_type(given.get("type"), f"annotation {index}", settings)
    if not isinstance(given.get("metadata") or {}, dict):
        raise ApiError(400, f"annotation {index}: metadata must be an object")
    return {key: value for key, value in given.items() if key not in FIXED and value is not None}


def _check_type(type_: object, which: str, settings: Settings) -> None:
    if isinstance(type_, str) and type_ and settings.unknown_annotation_types == "accepted":
        return
    if type_ not in TYPES:
        raise ApiError(400, f"{which} has the unknown type {type_!r}; known: {', '.join(sorted(TYPES))}")


def _without_system(change: Document) -> Document:
    metadata = change.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("system"), dict):
        return change
    kept = {key: value for key, value in metadata["system"].items() if key in ALWAYS_SYSTEM}
    return {**change, "metadata": {**metadata, "system": kept}}


ROUTES = [
    *of_item("POST", "/annotations", create_annotations, "SDK annotations; recorded"),
    *of_item("GET", "/annotations", list_annotations, "OpenAPI: List Item Annotations"),
    *(
        route
        for prefix, note in (
            ("", ""),
            ("/items/{item_id}", "OpenAPI, "),
            ("/datasets/{dataset_id}/items/{item_id}", "OpenAPI, "),
        )
        for route in (
            Route("GET", f"{prefix}/annotations/{{annotation_id}}", get_annotation, f"{note}SDK annotations.get"),
            Route("PUT", f"{prefix}/annotations/{{annotation_id}}", update_annotation, f"{note}SDK annotations.update"),
            Route("DELETE", f"{prefix}/annotations/{{annotation_id}}", delete_annotation, f"{note}SDK annotations"),
            Route("PUT", f"{prefix}/annotations/{{annotation_id}}/issue", report_issue, "OpenAPI"),
        )
    ),
]
