"""Subsets for machine learning: tags in the metadata of items, set for many items at once."""

from __future__ import annotations

from dl_mock.documents import Document
from dl_mock.message import Response
from dl_mock.routes.commands import carried_out
from dl_mock.routes.items import update_item
from dl_mock.routes.querying import Scope
from dl_mock.routing import ApiError, Call, Route
from dl_mock.search import search

SUBSETS = ("train", "validation", "test")  # OpenAPI: MLSplitListKeys


def bulk_update_metadata(call: Call) -> Response:
    """Update items by query, as a command. SDK: repositories/datasets.py bulk_update_ml_subset."""
    dataset, body = call.found("datasets"), call.body()
    query, change = body.get("query") or {}, body.get("updateQuery") or {}

    def work() -> Document:
        for row in search(query, "items", Scope(call.state, dataset["id"])):
            update_item(call.state, row, change.get("update") or {}, call.author, bool(change.get("systemSpace")))
        return {"datasetId": dataset["id"]}

    return carried_out(call, "BulkUpdateMetadata", work)


def split_dataset(call: Call) -> Response:
    """Tag items by given shares, in order of their ids (assumed: the platform draws them at random)."""
    dataset, body = call.found("datasets"), call.body()
    shares = _shares(body.get("MLSplitList"))
    unknown = [name for name in shares if name not in SUBSETS]
    if unknown:
        raise ApiError(400, f"MLSplitList names the unknown subset {unknown[0]!r}; known: {', '.join(SUBSETS)}")

    def work() -> Document:
        rows = search(body.get("itemsQuery") or {}, "items", Scope(call.state, dataset["id"]))
        start = 0.0
        for name, share in shares.items():
            end = start + share * len(rows) / sum(shares.values())
            tags = {other: True if other == name else None for other in SUBSETS}
            for row in rows[round(start) : round(end)]:
                update_item(call.state, row, {"metadata": {"system": {"tags": tags}}}, call.author, system=True)
            start = end
        return {"datasetId": dataset["id"]}

    return carried_out(call, "SplitDataset", work)


def _shares(given: object) -> dict[str, float]:
    shares = given if isinstance(given, dict) else {}
    if not all(_is_share(share) for share in shares.values()) or not sum(shares.values()):
        raise ApiError(400, f"MLSplitList must name subsets and their shares, not {given!r}")
    return shares


def _is_share(share: object) -> bool:
    return isinstance(share, (int, float)) and not isinstance(share, bool) and share >= 0


ROUTES = [
    Route("POST", "/datasets/{dataset_id}/split", split_dataset, "SDK datasets.split_ml_subsets; OpenAPI"),
    Route(
        "POST",
        "/datasets/{dataset_id}/items/bulk-update-metadata",
        bulk_update_metadata,
        "SDK datasets.bulk_update_ml_subset; OpenAPI",
    ),
]
