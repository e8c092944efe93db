"""Models: their documents, copies, and the operations that run on the platform."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from dl_mock import documents
from dl_mock.documents import Author, Document, merge, with_status
from dl_mock.fields import kind
from dl_mock.message import Response
from dl_mock.routes import executions
from dl_mock.routes.commands import carried_out
from dl_mock.routes.items import CopyOptions, clone_item
from dl_mock.routes.projects import allowed_project, binaries_of
from dl_mock.routes.querying import answer_query
from dl_mock.routing import ApiError, Call, Route
from dl_mock.state import State

STATUSES = frozenset(
    {"created", "pre-trained", "pending", "training", "trained", "deployed", "failed", "cloning"}  # OpenAPI
)
# Where a status can lead, for the setting `status_moves_checked` (former end-to-end tests; SDK train_model).
MOVES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "created": frozenset({"pre-trained", "pending", "training", "trained", "deployed", "failed"}),
        "cloning": frozenset({"pre-trained", "created", "failed"}),
        "pre-trained": frozenset({"pending", "training", "trained", "deployed", "failed"}),
        "pending": frozenset({"training", "failed"}),
        "training": frozenset({"trained", "failed"}),
        "trained": frozenset({"pending", "training", "deployed", "failed"}),
        "deployed": frozenset({"trained", "pre-trained", "pending", "training", "failed"}),
        "failed": frozenset({"pending", "training", "trained", "pre-trained", "deployed"}),
    }
)
FIXED = frozenset({"id", "url", "createdAt", "updatedAt", "updatedBy", "creator", "context", "statusLogs", "projectId"})
NULLABLE = frozenset({"datasetId", "packageId", "description", "app", "moduleName"})
# What a copy inherits of `metadata.system`; traces of operations stay behind (former end-to-end tests).
INHERITED = ("subsets", "annotationsSubsets", "mlType", "ontologyId")
ARTIFACTS = "/artifacts/models"  # SDK: repositories/artifacts.py
# Fields that nothing else checks (OpenAPI: CreateModelRequest; SDK: `input_type` may be a list).
KINDS: Mapping[str, tuple[type, ...]] = MappingProxyType(
    {"moduleName": (str,), "outputType": (str,), "inputType": (str, list), "tags": (list,), "app": (dict,)}
)
SCOPES = frozenset({"private", "project", "org", "public", "global"})  # OpenAPI: EntityScopeLevel; older: global
ARTIFACT_TYPES: Mapping[str, str] = MappingProxyType({"item": "itemId", "local": "localPath", "link": "url"})
# The adapter's function that does an operation on items, and on a dataset (SDK: ml/base_model_adapter.py).
FUNCTIONS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "train": ("train_model", "train_model"),
        "evaluate": ("evaluate_model", "evaluate_model"),
        "predict": ("predict_items", "predict_dataset"),
        "embed": ("embed_items", "embed_dataset"),
    }
)
NOTED = frozenset({"train", "predict", "evaluate", "embed"})  # OpenAPI: ModelOperationMetadata in metadata.system


def get_model(call: Call) -> Response:
    """One model."""
    return call.reply("models", call.found("models"))


def query_models(call: Call) -> Response:
    """Models by filter."""
    return answer_query(call, "models")


def create_model(call: Call) -> Response:
    """A new model."""
    given = call.body()
    _check(given)
    if not given.get("name"):
        raise ApiError(400, "a model needs a name")
    project_id = allowed_project(call, given.get("projectId") or (given.get("context") or {}).get("project"))
    _check_name(call, given["name"], project_id)
    if given.get("datasetId"):
        call.get("datasets", given["datasetId"])
    return call.reply("models", call.state.put("models", documents.model(given, call.author, project_id)))


def update_model(call: Call) -> Response:
    """Replace the fields that are given: the SDK always sends the whole model.

    `metadata.system` changes only with `?system=true`, as for items (assumed).
    """
    model, change = call.found("models"), call.body()
    _check(change)
    status = change.pop("status", None) or model["status"]
    _check_move(call, model["status"], status)
    change = {
        key: value for key, value in change.items() if key not in FIXED and (value is not None or key in NULLABLE)
    }
    if change.get("name", model["name"]) != model["name"]:
        _check_name(call, change["name"], model["context"]["project"])
    if "metadata" in change:
        system = change["metadata"].get("system") if call.flag("system") else model["metadata"].get("system")
        change["metadata"] = {**change["metadata"], "system": system or {}}
    changed = {**model, **change, **call.author.touch()}
    return call.reply("models", call.state.put("models", with_status(changed, status, call.author)))


def delete_model(call: Call) -> Response:
    """Remove a model with its services; what becomes of metrics and artifacts is a setting. OpenAPI: a text."""
    model, settings = call.found("models"), call.platform.settings
    if settings.deleted_model_takes_artifacts:
        for artifact in model["artifacts"]:
            call.state.remove("items", artifact.get("itemId") or "")
    if settings.deleted_model_takes_metrics:
        for metric in call.state.find("metrics", modelId=model["id"]):
            call.state.remove("metrics", metric["id"])
    for service_id in _services_of(model):
        call.state.remove("services", service_id)
    call.platform.schedule.drop(model["id"])
    call.state.remove("models", model["id"])
    return Response.of_json(model["id"])


def clone_model(call: Call) -> Response:
    """A copy that is pre-trained, whatever the source is, with artifacts of its own."""
    source, given = call.found("models"), call.body()
    _check(given)
    if not given.get("name"):
        raise ApiError(400, "a copy of a model needs a name")
    project_id = source["context"]["project"]
    if given.get("projectId"):
        project_id = allowed_project(call, given["projectId"])
    _check_name(call, given["name"], project_id)
    if given.get("datasetId"):
        call.get("datasets", given["datasetId"])
    system = (source["metadata"] or {}).get("system") or {}
    inherited = {"system": {key: system[key] for key in INHERITED if key in system}}
    dropped = {*FIXED, "metadata", "status"}
    kept = {key: value for key, value in source.items() if key not in dropped}
    changed = {key: value for key, value in given.items() if key not in dropped and value is not None}
    metadata = merge(inherited, given.get("metadata") or {})
    document = documents.model({**kept, **changed, "metadata": metadata, "status": "cloning"}, call.author, project_id)
    call.state.put("models", document)

    def finish() -> None:
        copy = call.state.get("models", document["id"])
        if copy is not None:
            artifacts = _copied_artifacts(call.state, source, copy, call.author)
            ready = with_status({**copy, "artifacts": artifacts}, given.get("status") or "pre-trained", call.author)
            call.state.put("models", ready)

    call.platform.schedule.begin("cloning", document["id"], [finish])
    return call.reply("models", call.state.get("models", document["id"]) or document)


def train(call: Call) -> Response:
    """Accept a training: the model waits for its adapter. Preconditions: former end-to-end tests."""
    model = call.found("models")
    if not model.get("datasetId"):
        raise ApiError(400, "Must provide a dataset to train model")
    if not model.get("labels"):
        raise ApiError(400, "Must provide labels to train model")
    if not _system(model).get("subsets", {}).get("train"):
        raise ApiError(400, "Must provide a train filter to train model")
    _check_move(call, model["status"], "pending")
    call.state.put("models", with_status(model, "pending", call.author))
    return _execute(call, model["id"], "train")


def predict(call: Call) -> Response:
    """Predict on items or on a dataset, with the adapter registered for the model's module."""
    return _execute(call, call.found("models")["id"], "predict")


def embed(call: Call) -> Response:
    """Embed items or a dataset, with the adapter registered for the model's module."""
    return _execute(call, call.found("models")["id"], "embed")


def evaluate(call: Call) -> Response:
    """Evaluate on a dataset, with the adapter registered for the model's module; the status stays."""
    return _execute(call, call.found("models")["id"], "evaluate")


def embed_datasets(call: Call) -> Response:
    """Embed whole datasets, as a command: one execution for each."""
    model, body = call.found("models"), call.body()
    ids = body.get("datasetIds") or []
    if not isinstance(ids, list):
        raise ApiError(400, f"datasetIds must be a list, not {kind(ids)}")
    for id_ in ids:
        call.get("datasets", id_)

    def work() -> Document:
        executions_of = []
        for id_ in ids:
            given = _operation(call, model, "embed", {"input": {"datasetId": id_}, "config": body.get("config")})
            execution = call.state.put("executions", documents.execution(given, call.author))
            call.platform.executor.begin(execution)
            executions_of.append(execution["id"])
        return {"modelId": model["id"], "datasetIds": ids, "executionIds": executions_of}

    return carried_out(call, "EmbedDatasets", work)


def deploy(call: Call) -> Response:
    """Deploy: the model gets a service, in which its executions run."""
    model, body = call.found("models"), call.body()
    _check_move(call, model["status"], "deployed")
    service = _new_service(call, model, body.get("serviceConfig"), "deploy")
    changed = call.state.get("models", model["id"]) or model
    call.state.put("models", with_status(changed, "deployed", call.author))
    return call.reply("services", service)


def undeployed(state: State, service: Document, author: Author) -> None:
    """The model of a service that is gone is trained again (former end-to-end tests: uninstall)."""
    model = state.get("models", ((service.get("metadata") or {}).get("ml") or {}).get("modelId") or "")
    if model is None:
        return
    left = [id_ for id_ in _services_of(model) if id_ != service["id"]]
    system = {**_system(model), "deploy": {**(_system(model).get("deploy") or {}), "services": left}}
    changed = {**model, "metadata": {**model["metadata"], "system": system}}
    if not left and model["status"] == "deployed":
        changed = with_status(changed, "trained", author)
    state.put("models", changed)


def _execute(call: Call, model_id: str, operation: str) -> Response:
    given = _operation(call, call.get("models", model_id), operation, call.body())
    document = documents.execution(given, call.author)
    _note(call, model_id, operation, "executions", document["id"])
    return executions.begin(call, document)


def _operation(call: Call, model: Document, operation: str, body: Document) -> Document:
    """The execution of an operation; items that are not there are left to whoever runs it."""
    inputs, config = body.get("input") or {}, body.get("config") or {}
    if not isinstance(inputs, dict) or not isinstance(config, dict):
        raise ApiError(400, "'input' and 'config' must be objects")
    ids = inputs.get("itemIds")
    if inputs.get("datasetId"):
        call.get("datasets", inputs["datasetId"])
    service = call.state.get("services", str(config.get("serviceId")))
    if service is None and operation in ("train", "evaluate"):
        configured = config.get("serviceConfig") or body.get("serviceConfig")
        service = _new_service(call, model, configured, operation)
    of_items, of_dataset = FUNCTIONS[operation]
    return {
        "projectId": model["context"]["project"],
        "serviceId": service["id"] if service else config.get("serviceId"),
        "serviceName": service["name"] if service else None,
        "packageId": model.get("packageId"),
        "moduleName": model.get("moduleName"),
        "functionName": of_items if ids is not None else of_dataset,
        "input": inputs,
        "model": {"modelId": model["id"], "modelOperation": operation},
        "app": model.get("app"),
    }


def _new_service(call: Call, model: Document, config: Any, operation: str) -> Document:
    config = config if isinstance(config, dict) else {}
    given = {
        **{key: config[key] for key in ("runtime", "name", "maxAttempts", "executionTimeout") if config.get(key)},
        "packageId": model.get("packageId"),
        "moduleName": model.get("moduleName"),
        "app": model.get("app"),
        "metadata": {"ml": {"modelId": model["id"], "modelOperation": operation}},
    }
    given.setdefault("name", model["name"] if operation == "deploy" else f"{model['name']}-{operation}")
    service = call.state.put("services", documents.service(given, call.author, model["context"]["project"]))
    _note(call, model["id"], operation, "services", service["id"])
    return service


def _note(call: Call, model_id: str, operation: str, field: str, id_: str) -> None:
    """Keep in the model what an operation made (OpenAPI: APIModelMetadataSystem)."""
    model = call.get("models", model_id)
    noted = _system(model).get(operation) or {}
    system = {**_system(model), operation: {**noted, field: [*(noted.get(field) or []), id_]}}
    call.state.put("models", {**model, "metadata": {**model["metadata"], "system": system}})


def _system(model: Document) -> Document:
    system: Document = (model["metadata"] or {}).get("system") or {}
    return system


def _services_of(model: Document) -> list[str]:
    services: list[str] = (_system(model).get("deploy") or {}).get("services") or []
    return services


def _copied_artifacts(state: State, source: Document, copy: Document, author: Author) -> list[dict[str, Any]]:
    """Artifacts of the copy: items get a new id at the same place below the name of the copy."""
    binaries = binaries_of(state, copy["context"]["project"], author)
    artifacts = []
    for artifact in copy["artifacts"]:
        item = state.get("items", artifact.get("itemId") or "") if artifact.get("type") == "item" else None
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


def _check(given: Document) -> None:
    """400 for fields of a kind with which nothing could be done."""
    for name, kinds in KINDS.items():
        value = given.get(name)
        if value is not None and not isinstance(value, kinds):
            raise ApiError(
                400, f"{name} of a model must be {' or '.join(_WORDS[one] for one in kinds)}, not {kind(value)}"
            )
    status, scope = given.get("status"), given.get("scope")
    if status is not None and (not isinstance(status, str) or status not in STATUSES):
        raise ApiError(400, f"unknown status {status!r} of a model; known: {', '.join(sorted(STATUSES))}")
    if scope is not None and (not isinstance(scope, str) or scope not in SCOPES):
        raise ApiError(400, f"unknown scope {scope!r} of a model; known: {', '.join(sorted(SCOPES))}")
    for index, artifact in enumerate(given.get("artifacts") or []):
        key = ARTIFACT_TYPES.get(str(artifact.get("type"))) if isinstance(artifact, dict) else None
        if key is None or not isinstance(artifact.get(key), str):
            told = ", ".join(f"{name} (with {field})" for name, field in ARTIFACT_TYPES.items())
            raise ApiError(400, f"artifacts[{index}] of a model must have one of the types {told}; saw {artifact!r}")
    system = (given.get("metadata") or {}).get("system")
    if system is not None and not isinstance(system, dict):
        raise ApiError(400, f"metadata.system of a model must be an object, not {kind(system)}")


_WORDS: Mapping[type, str] = MappingProxyType({str: "a text", list: "a list", dict: "an object"})


def _check_move(call: Call, before: str, after: str) -> None:
    if call.platform.settings.status_moves_checked and after != before and after not in MOVES.get(before, ()):
        raise ApiError(400, f"a model cannot go from {before!r} to {after!r}; from there: {', '.join(MOVES[before])}")


def _check_name(call: Call, name: str, project_id: str) -> None:
    if not call.platform.settings.model_names_unique:
        return
    if any(one["context"]["project"] == project_id for one in call.state.find("models", name=name)):
        raise ApiError(400, f"the project has a model named {name!r}")


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
