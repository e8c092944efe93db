"""Documents as they go out: with the addresses and counters that are not stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from dl_mock.state import Document, State

PATHS: Mapping[str, str] = MappingProxyType(
    {
        "projects": "projects",
        "datasets": "datasets",
        "drivers": "drivers",
        "packages": "packages",
        "recipes": "recipes",
        "ontologies": "ontologies",
        "items": "items",
        "annotations": "annotations",
        "models": "ml/models",
        "feature_sets": "features/sets",
        "feature_vectors": "features/vectors",
        "metrics": "ml/metrics",
        "executions": "executions",
        "commands": "commands",
        "services": "services",
        "apps": "apps",
        "dpks": "app-registry",
    }
)


def render(state: State, collection: str, document: Document, base: str) -> Document:
    """`document` with its addresses under `base`, the URL of the platform."""
    url = f"{base}/{PATHS[collection]}/{document['id']}"
    extra = _EXTRAS.get(collection)
    return {**document, "url": url, **(extra(state, document, base, url) if extra else {})}


def _item(_state: State, document: Document, base: str, url: str) -> Document:
    return {
        "dataset": f"{base}/datasets/{document['datasetId']}",
        "stream": f"{url}/stream",
        "thumbnail": f"{url}/thumbnail",
        "annotations": f"{url}/annotations",
    }


def _annotation(_state: State, document: Document, base: str, _url: str) -> Document:
    return {
        "item": f"{base}/items/{document['itemId']}",
        "dataset": f"{base}/datasets/{document['datasetId']}",
    }


def _dataset(state: State, document: Document, _base: str, url: str) -> Document:
    files, annotated, annotations = state.totals(document["id"])
    return {
        "items": f"{url}/items",
        "directoryTree": f"{url}/directoryTree",
        "itemsCount": files,
        "annotated": annotated,
        "annotationsCount": annotations,
    }


_EXTRAS: Mapping[str, Callable[[State, Document, str, str], Document]] = MappingProxyType(
    {"items": _item, "annotations": _annotation, "datasets": _dataset}
)
