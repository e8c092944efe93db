"""Names of fields that documents have, so that a query for another one can be told the closest."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from dl_mock.search import ALIASES

_ALWAYS = ("id", "url", "name", "creator", "createdAt", "updatedAt", "updatedBy", "metadata")
# OpenAPI: APIDatasetFileItem, APIAnnotation, APIDataset, APIModel, MetricRequest, APIFeatureSet, APIFeatureVector,
# APIExecution, APIService; and what the SDK asks for beside them (entities/filters.py and the repositories).
FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "items": (
            *(
                "annotated",
                "annotatedAt",
                "annotations",
                "annotationsCount",
                "annotationStatus",
                "collections",
                "dataset",
            ),
            *("datasetId", "description", "dir", "filename", "hidden", "projectId", "spec", "srcItem", "stream"),
            *("thumbnail", "type", "version", "signedStream", "srcDataset"),
        ),
        "annotations": (
            *("annotationId", "attributes", "coordinates", "dataset", "datasetId", "description", "hash", "item"),
            *("itemId", "label", "labelSuggestions", "parentId", "source", "srcAnnotation", "type"),
        ),
        "datasets": (
            *("accessLevel", "annotated", "annotationsCount", "directoryTree", "driver", "expirationOptions"),
            *("indexDriver", "isSyncing", "items", "itemsCount", "organizationId", "projects", "readableType"),
            *("readonly", "type", "enableSyncWithCloned", "error", "lastStorageSyncDate", "lockProcessCommandId"),
            "srcDataset",
        ),
        "models": (
            *("app", "artifacts", "configuration", "context", "datasetId", "description", "inputType", "labels"),
            *("moduleName", "outputType", "packageId", "projectId", "scope", "status", "statusLogs", "tags", "version"),
        ),
        "metrics": ("data", "datasetId", "figure", "legend", "modelId"),
        "feature_sets": ("authz", "entityType", "modelId", "org", "project", "size", "type"),
        "feature_vectors": (
            *("authz", "datasetId", "entityId", "featureSetId", "org", "parentId", "project", "value", "version"),
        ),
        "executions": (
            *("app", "attempts", "duration", "functionName", "input", "latestStatus", "maxAttempts", "model"),
            *("moduleName", "output", "packageId", "packageName", "pipeline", "projectId", "serviceId", "serviceName"),
            *("status", "statusLog", "triggerId", "archiveService", "deadline", "driverId", "eventContext", "hook"),
            *("packageRevision", "serviceVersion", "syncReplyTo", "timeoutSeconds", "toTerminate"),
        ),
        "services": (
            *("active", "app", "appId", "archive", "botUserName", "config", "crashloop", "displayName", "drainTime"),
            *("driverId", "executionTimeout", "global", "initParams", "integrations", "maxAttempts", "mode"),
            *("moduleName", "onReset", "orgId", "packageId", "packageRevision", "panels", "projectId", "runtime"),
            *("runExecutionAsProcess", "secrets", "settings", "type", "useUserJwt", "version", "versions"),
        ),
    }
)


def unknown_fields(filter_: Any, collection: str) -> Iterator[str]:
    """What to say about each field of a filter that documents of a collection do not have.

    Only the first part of a path is looked at: below `metadata` anything may stand.
    """
    known = FIELDS.get(collection)
    if known is None:
        return
    names = [*_ALWAYS, *known, *ALIASES.get(collection, ())]
    for field in _fields(filter_):
        if field.partition(".")[0] not in names:
            close = difflib.get_close_matches(field, names, 3)
            hint = f"closest: {', '.join(close)}" if close else f"known: {', '.join(sorted(names))}"
            yield f"{collection} have no field {field!r}; {hint}"


def _fields(filter_: Any) -> Iterator[str]:
    if not isinstance(filter_, Mapping):
        return
    for key, value in filter_.items():
        if key in ("$and", "$or"):
            for part in value if isinstance(value, list) else ():
                yield from _fields(part)
        elif not key.startswith("$"):
            yield key
