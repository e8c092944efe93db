"""Models: their documents, copies, and the operations that would run on the platform."""

from __future__ import annotations

import posixpath
from typing import Any

from dl_mock import documents
from dl_mock.documents import Author, Document, merge, with_status
from dl_mock.message import Response
from dl_mock.routes.items import CopyOptions, clone_item
from dl_mock.routes.projects import allowed_project, binaries_of
from dl_mock.routes.querying import answer_query
from dl_mock.routing import ApiError, Call, Route
from dl_mock.state import State

STATUSES = frozenset(
    {"created", "pre-trained", "pending", "training", "trained", "deployed", "failed", "cloning"}  # OpenAPI
)
FIXED = frozenset({"id", "url", "createdAt", "context", "statusLogs"})
NULLABLE = frozenset({"datasetId", "packageId", "description", "app", "moduleName"})
# What a copy inherits of `metadata.system`; traces of operations stay behind (former end-to-end tests).
INHERITED = ("subsets", "annotationsSubsets", "mlType", "ontologyId")
ARTIFACTS = "/artifacts/models"  # SDK: repositories/artifacts.py


def get_model(call: Call) -> Response:
    """One model."""
    return call.reply("models", call.found("models"))


def query_models(call: Call) -> Response:
    """Models by filter."""
    return answer_query(call, "models")


def create_model(call: Call) -> Response:
    """A new model."""
    given = call.body()
    if not given.get("name"):
        raise ApiError(400, "a model needs a name")
    _check_status(given)
    project_id = allowed_project(call, given.get("projectId") or (given.get("context") or {}).get("project"))
    return call.reply("models", call.state.put("models", documents.model(given, call.author, project_id)))


def update_model(call: Call) -> Response:
    """Replace the fields that are given: the SDK always sends the whole model.

    `metadata.system` changes only with `?system=true`, as for items (assumed).
    """
    model, change = call.found("models"), call.body()
    _check_status(change)
    status = change.pop("status", None) or model["status"]
    change = {
        key: value for key, value in change.items() if key not in FIXED and (value is not None or key in NULLABLE)
    }
    if not call.flag("system") and "metadata" in change:
        change["metadata"] = {**change["metadata"], "system": model["metadata"].get("system", {})}
    changed = {**model, **change, **call.author.touch()}
    return call.reply("models", call.state.put("models", with_status(changed, status, call.author)))


def delete_model(call: Call) -> Response:
    """Remove a model; its artifacts stay."""
    call.state.remove("models", call.found("models")["id"])
    return Response.of_json({"success": True})


def clone_model(call: Call) -> Response:
    """A copy that is pre-trained, whatever the source is, with artifacts of its own."""
    source, given = call.found("models"), call.body()
    if not given.get("name"):
        raise ApiError(400, "a copy of a model needs a name")
    project_id = given.pop("projectId", None) or source["context"]["project"]
    system = source["metadata"].get("system", {})
    inherited = {"system": {key: system[key] for key in INHERITED if key in system}}
    dropped = {*FIXED, "metadata", "status", "creator", "updatedAt", "updatedBy"}
    kept = {key: value for key, value in source.items() if key not in dropped}
    document = documents.model({**kept, "status": "cloning"}, call.author, project_id)
    changed = {key: value for key, value in given.items() if key not in (*FIXED, "status", "metadata")}
    document = {**document, **changed, "metadata": merge(inherited, given.get("metadata") or {})}
    document["artifacts"] = _copied_artifacts(call.state, source, document, call.author)
    status = given.get("status") or "pre-trained"
    return call.reply("models", call.state.put("models", with_status(document, status, call.author)))


def train(call: Call) -> Response:
    """Accept a training: the model waits for its adapter. Preconditions: former end-to-end tests."""
    model = call.found("models")
    if not model.get("datasetId"):
        raise ApiError(400, "Must provide a dataset to train model")
    if not model.get("labels"):
        raise ApiError(400, "Must provide labels to train model")
    if not model["metadata"].get("system", {}).get("subsets", {}).get("train"):
        raise ApiError(400, "Must provide a train filter to train model")
    call.state.put("models", with_status(model, "pending", call.author))
    return _execute(call, model, "train")


def predict(call: Call) -> Response:
    """Accept a prediction; nothing is predicted."""
    return _execute(call, call.found("models"), "predict")


def embed(call: Call) -> Response:
    """Accept an embedding; nothing is embedded."""
    return _execute(call, call.found("models"), "embed")


def evaluate(call: Call) -> Response:
    """Accept an evaluation; nothing is evaluated, and the status stays."""
    return _execute(call, call.found("models"), "evaluate")


def embed_datasets(call: Call) -> Response:
    """Accept embedding whole datasets, as a command."""
    model = call.found("models")
    command = documents.command("EmbedDatasets", {"modelId": model["id"]}, call.author)
    return call.reply("commands", call.state.put("commands", command))


def deploy(call: Call) -> Response:
    """Deploy: the model gets a service, which never runs anything."""
    model, body = call.found("models"), call.body()
    given = {
        "name": model["name"],
        "projectId": model["context"]["project"],
        "packageId": model.get("packageId"),
        "runtime": (body.get("serviceConfig") or {}).get("runtime", {}),
        "metadata": {"ml": {"modelId": model["id"]}},
    }
    service = call.state.put("services", documents.fill(given, call.author, active=True, version="1.0.0"))
    system = merge(model["metadata"].get("system", {}), {"deploy": {"services": [service["id"]]}})
    deployed = {**model, "metadata": {**model["metadata"], "system": system}}
    call.state.put("models", with_status(deployed, "deployed", call.author))
    return call.reply("services", service)


def _execute(call: Call, model: Document, function: str) -> Response:
    body = call.body()
    given = {
        "projectId": model["context"]["project"],
        "serviceId": (body.get("config") or {}).get("serviceId"),
        "packageId": model.get("packageId"),
        "functionName": function,
        "input": body.get("input") or {},
        "model": {"modelId": model["id"], "operation": function},
    }
    execution = call.state.put("executions", documents.execution(given, call.author))
    return call.reply("executions", execution)


def _copied_artifacts(state: State, source: Document, copy: Document, author: Author) -> list[dict[str, Any]]:
    """Artifacts of the copy: items get a new id at the same place below the name of the copy."""
    binaries = binaries_of(state, copy["context"]["project"], author)
    artifacts = []
    for artifact in source["artifacts"]:
        item = state.get("items", artifact.get("itemId", "")) if artifact.get("type") == "item" else None
        if item is None:
            artifacts.append(artifact)
            continue
        home = f"{ARTIFACTS}/{source['name']}/"
        inner = item["filename"].removeprefix(home) if item["filename"].startswith(home) else item["name"]
        path = posixpath.join(ARTIFACTS, copy["name"], inner)
        taken = state.item_at(binaries["id"], path)
        copied = taken or clone_item(state, item, binaries, path, author, CopyOptions(annotations=False))
        artifacts.append({"type": "item", "itemId": copied["id"]})
    return artifacts


def _check_status(given: Document) -> None:
    status = given.get("status")
    if status is not None and (not isinstance(status, str) or status not in STATUSES):
        raise ApiError(400, f"unknown status {status!r} of a model; known: {', '.join(sorted(STATUSES))}")


ROUTES = [
    Route("POST", "/ml/models", create_model, "SDK models.create; recorded"),
    Route("POST", "/ml/models/query", query_models, "SDK models.list; recorded"),
    Route("GET", "/ml/models/{model_id}", get_model, "SDK models.get; recorded"),
    Route("PATCH", "/ml/models/{model_id}", update_model, "SDK models.update; recorded"),
    Route("DELETE", "/ml/models/{model_id}", delete_model, "SDK models.delete; recorded"),
    Route("POST", "/ml/models/{model_id}/clone", clone_model, "SDK models.clone; recorded"),
    Route("POST", "/ml/models/{model_id}/train", train, "SDK models.train; recorded"),
    Route("POST", "/ml/models/{model_id}/predict", predict, "SDK models.predict; recorded"),
    Route("POST", "/ml/models/{model_id}/embed", embed, "SDK models.embed; OpenAPI"),
    Route("POST", "/ml/models/{model_id}/embed/datasets", embed_datasets, "SDK models; OpenAPI"),
    Route("POST", "/ml/models/{model_id}/evaluate", evaluate, "SDK models.evaluate; recorded"),
    Route("POST", "/ml/models/{model_id}/deploy", deploy, "SDK models.deploy; OpenAPI"),
]
