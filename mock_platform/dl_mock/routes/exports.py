"""Exports: a dataset's items and annotations in one file, which is itself an item."""

from __future__ import annotations

import io
import json
import posixpath
import zipfile
from collections.abc import Callable
from typing import Any

from dl_mock.documents import Document
from dl_mock.message import Response
from dl_mock.query import matcher
from dl_mock.routes.commands import carried_out
from dl_mock.routes.item_files import add_item
from dl_mock.routes.projects import binaries_of
from dl_mock.routes.querying import Scope
from dl_mock.routing import ApiError, Call, Route
from dl_mock.search import ALIASES, search


def export(call: Call) -> Response:
    """Export the items a query selects, as one JSON list or as a zip with one JSON file per item.

    OpenAPI (ExportDatasetOptions): `annotationsQuery` and `itemsQuery` are joined, so it selects items; annotations
    are left out only with `annotations.filter`.
    """
    dataset, body = call.found("datasets"), call.body()
    if not isinstance(body.get("annotations") or {}, dict):
        raise ApiError(400, "annotations must be an object of options")

    def work() -> Document:
        entries = [entry_of(call, item, body) for item in _selected(call, dataset, body)]
        if body.get("exportType") == "json":
            name, content = f"{dataset['name']}.json", json.dumps(entries).encode()
        else:
            name, content = f"{dataset['name']}.zip", _zipped(entries, body.get("exportVersion", "V1"))
        output = keep_output(call, dataset, call.author.new_id(), name, content)
        return {"outputItemId": output["id"], "datasetId": dataset["id"]}

    kind = (
        "ExportDatasetAsJson" if body.get("exportType") == "json" else "DatasetExport"
    )  # SDK: repositories/commands.py
    return carried_out(call, kind, work, {"datasetId": dataset["id"]})


def keep_output(call: Call, dataset: Document, export_id: str, name: str, content: bytes) -> Document:
    """The item that holds a file of an export."""
    home = binaries_of(call.state, dataset["projects"][0], call.author)
    path = f"/exports/{export_id}/{name.replace('/', '_')}"
    return add_item(call.state, home, path, content, call.author)


def _selected(call: Call, dataset: Document, body: Document) -> list[Any]:
    query = {"sort": {"id": "ascending"}, **(body.get("itemsQuery") or {})}
    rows = search(query, "items", Scope(call.state, dataset["id"]))
    wanted = _annotation_filter(body)
    if wanted is None or query.get("join") or _is_default(body):
        return rows
    return [row for row in rows if any(wanted(one) for one in call.state.annotations_of(row["id"]))]


def _is_default(body: Document) -> bool:
    """Whether the annotation query is the SDK's own when nobody asked for one: all of its types, and nothing else.

    Items without annotations are downloaded with it (SDK: prepare_data, include_background).
    """
    terms = (body["annotationsQuery"].get("filter") or {}).get("$and")
    types = terms[0].get("type") if isinstance(terms, list) and len(terms) == 1 and isinstance(terms[0], dict) else None
    listed = types.get("$in") if isinstance(types, dict) else None
    return isinstance(listed, list) and {"class", "box", "point", "segment", "binary", "polyline"} <= set(listed)


def _annotation_filter(body: Document) -> Callable[[Any], bool] | None:
    filter_ = (body.get("annotationsQuery") or {}).get("filter")
    return matcher(filter_, ALIASES["annotations"], where="annotationsQuery.filter") if filter_ else None


def entry_of(call: Call, item: Document, body: Document) -> Document:
    """One item of an export."""
    options = body.get("annotations") or {}
    entry = call.render("items", item)
    if options.get("include", True):
        wanted = _annotation_filter(body) if options.get("filter") else None
        found = call.state.annotations_of(item["id"])
        entry["annotations"] = [call.render("annotations", one) for one in found if wanted is None or wanted(one)]
    else:
        entry.pop("annotations")
    if body.get("includeItemVectors"):
        entry["itemVectors"] = call.state.find("feature_vectors", entityId=item["id"])
    return entry


def _zipped(entries: list[Document], version: str) -> bytes:
    """SDK: repositories/downloader.py expects `<dir>/<stem>.json` (V1) or `<dir>/<name>.json` (V2) at the root."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in entries:
            path = entry["filename"].lstrip("/")
            stem = path if version == "V2" else posixpath.splitext(path)[0]
            content = {
                "_id": entry["id"],
                "filename": entry["filename"],
                "annotations": entry.get("annotations", []),
                "metadata": entry["metadata"],
                "itemMetadata": entry["metadata"],
                "url": entry["url"],
            }
            archive.writestr(f"{stem}.json", json.dumps(content))
    return output.getvalue()


ROUTES = [Route("POST", "/datasets/{dataset_id}/export", export, "SDK datasets, downloader.py; recorded")]
