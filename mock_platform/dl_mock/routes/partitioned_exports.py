"""Exports in partitions (V3 of the SDK): NDJSON files, and a manifest that says where they are.

Nothing public describes them but the SDK (repositories/datasets.py `_export_v3`, entities/export_manifest.py). A
version of a dataset is a number that grows: here the time in milliseconds.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from datetime import datetime
from typing import Any

from dl_mock.documents import Document
from dl_mock.message import Response
from dl_mock.routes.commands import carried_out
from dl_mock.routes.exports import entry_of, keep_output
from dl_mock.routes.querying import Scope
from dl_mock.routing import ApiError, Call, Route
from dl_mock.search import search

VISIBLE_FILES = {"hidden": False, "type": "file"}  # as in every query of the SDK that says nothing else (assumed)
MODES = ("full", "diff")
MOST_PARTITIONS = 1000  # assumed


def export(call: Call) -> Response:
    """Export the items a query selects, or of them those that changed since a version."""
    dataset, body = call.found("datasets"), call.body()
    mode, since = body.get("mode", "full"), body.get("fromVersion")
    if mode not in MODES:
        raise ApiError(400, f"mode must be one of {', '.join(MODES)}, not {mode!r}")
    if mode == "full":
        since = -1
    if not isinstance(since, int) or isinstance(since, bool):
        raise ApiError(400, f"an export of differences needs 'fromVersion', a whole number, not {since!r}")
    count = body.get("partitionCount") or 1
    if not isinstance(count, int) or not 1 <= count <= MOST_PARTITIONS:
        raise ApiError(400, f"partitionCount must be a whole number from 1 to {MOST_PARTITIONS}, not {count!r}")
    filters = body.get("filters") or {}
    query = filters.get("itemsQuery") or {} if isinstance(filters, dict) else filters

    def work() -> Document:
        rows = search(
            {"sort": {"id": "ascending"}, "filter": VISIBLE_FILES, **query}, "items", Scope(call.state, dataset["id"])
        )
        rows = [row for row in rows if _version(row) > since]
        return {"datasetId": dataset["id"], "exportResult": _written(call, dataset, rows, body, count)}

    return carried_out(call, "ExportDatasetV3", work, {"datasetId": dataset["id"]})


def _written(call: Call, dataset: Document, rows: list[Any], body: Document, count: int) -> Document:
    """What the command says of an export, whose files and manifest are items of the Binaries dataset."""
    export_id, now = call.author.new_id(), call.author.now()
    version = _moment(now)
    files: list[Document] = []
    partitions: list[Document] = []
    length = -(-len(rows) // count)
    for index, start in enumerate(range(0, len(rows), length or 1)):
        part = [entry_of(call, row, {}) for row in rows[start : start + length]]
        content = gzip.compress("".join(json.dumps(entry) + "\n" for entry in part).encode(), mtime=0)
        name = f"part-{index:05}.ndjson.gz"
        url = f"{call.platform.url}/items/{keep_output(call, dataset, export_id, name, content)['id']}/stream"
        checksum = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
        common = {"url": url, "checksum": checksum, "format": "ndjson", "compression": "gzip"}
        files.append({**common, "filename": name, "path": url, "size": len(content)})
        partitions.append(
            {"index": index, "itemCount": len(part), "filePath": name, "fileSize": len(content), "url": url}
        )
    totals = {"totalRecords": len(rows), "totalBytes": sum(file["size"] for file in files), "fileCount": len(files)}
    manifest = {
        "manifestVersion": "1.0",
        "exportId": export_id,
        "datasetId": dataset["id"],
        "exportedAt": now,
        "format": "ndjson",
        "version": {"from": body.get("fromVersion"), "to": version},
        "filters": body.get("filters") or {},
        "metadata": {},
        "partitioning": {"partitionCount": len(partitions), "partitions": partitions},
        "files": files,
        "statistics": {**totals, "processingTimeMs": 0},
    }
    item = keep_output(call, dataset, export_id, "manifest.json", json.dumps(manifest).encode())
    return {
        **totals,
        "manifestUrl": f"{call.platform.url}/items/{item['id']}/stream",
        "fromVersion": body.get("fromVersion"),
        "toVersion": version,
        "mode": body.get("mode", "full"),
    }


def _version(row: Document) -> int:
    times = (row.get(field) for field in ("createdAt", "updatedAt", "annotatedAt"))
    return max((_moment(time) for time in times if isinstance(time, str)), default=0)


def _moment(time: str) -> int:
    """Milliseconds since 1970 of a time as the platform writes it."""
    return round(datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp() * 1000)


ROUTES = [Route("POST", "/datasets/{dataset_id}/export/v3", export, "SDK datasets.export of version V3")]
