"""Executions of functions of services. One of a model whose module has a runner really runs; others only end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dl_mock import documents
from dl_mock.documents import BINARIES, Document
from dl_mock.executing import FINAL
from dl_mock.message import Delivery, Response
from dl_mock.routes.commands import carried_out
from dl_mock.routes.querying import Scope, answer_query
from dl_mock.routing import ApiError, Call, Route
from dl_mock.search import search

FIXED = frozenset({"id", "url", "creator", "createdAt", "status", "statusLog", "latestStatus", "attempts"})
# OpenAPI: ExecutionStatusName; "terminated" only in the SDK (entities/execution.py).
STATUSES = FINAL | {"created", "in-progress", "rerun"}
# Words of older clients (SDK: repositories/executions.py progress_update).
SPELLINGS = {"inProgress": "in-progress", "completed": "success"}
# An answer waits for the end of a run, because the SDK's next look is two seconds away; not longer than its timeout.
PATIENCE = 60.0


def begin(call: Call, given: Mapping[str, Any]) -> Response:
    """Start an execution and answer with it, if it runs: when it has ended."""
    execution = call.state.put("executions", documents.execution(given, call.author))
    return answer(call, execution)


def answer(call: Call, execution: Document) -> Response:
    """Run an execution that is stored."""
    done = call.platform.executor.begin(execution)
    reply = call.reply("executions", call.state.get("executions", execution["id"]) or execution)
    if done is None:
        return reply

    def ended() -> Response:
        with call.state.lock:
            return call.reply("executions", call.state.get("executions", execution["id"]) or execution)

    return Response(reply.status, reply.body, reply.headers, Delivery(done=done, patience=PATIENCE, answer=ended))


def create_execution(call: Call) -> Response:
    """Execute a function of a service, once or for every item of a query."""
    service, body = call.get("services", call.params["service_id"]), call.body()
    batch = body.get("batch")
    if batch is not None:
        return _batch(call, service, body, batch)
    return begin(call, _given(service, body, body.get("input") or {}))


def get_execution(call: Call) -> Response:
    """One execution."""
    return call.reply("executions", call.found("executions"))


def update_execution(call: Call) -> Response:
    """Replace the fields that are given: the SDK sends the whole execution."""
    execution = call.found("executions")
    change = {key: value for key, value in call.body().items() if key not in FIXED and value is not None}
    changed = {**execution, **change, **call.author.touch()}
    return call.reply("executions", call.state.put("executions", changed))


def report_progress(call: Call) -> Response:
    """Note the progress of an execution as its latest status."""
    execution, report = call.found("executions"), call.body()
    given = report.get("status")
    status = None if given is None else SPELLINGS.get(str(given), str(given))
    if status is not None and status not in STATUSES:
        raise ApiError(400, f"unknown status {status!r} of an execution; known: {', '.join(sorted(STATUSES))}")
    change = {key: value for key, value in report.items() if value is not None} | ({"status": status} if status else {})
    return call.reply("executions", call.state.put("executions", documents.with_report(execution, change, call.author)))


def rerun(call: Call) -> Response:
    """Run an execution again: the same document, with another attempt in its log."""
    call.body()
    return answer(call, _again(call, call.found("executions")))


def rerun_query(call: Call) -> Response:
    """Run again what a query selects, as a command."""
    filter_ = call.body().get("query") or {}
    rows = search({"filter": filter_}, "executions", Scope(call.state))

    def work() -> Document:
        for row in rows:
            call.platform.executor.begin(_again(call, row))
        return {"executionIds": [row["id"] for row in rows]}

    return carried_out(call, "RerunExecutions", work)


def terminate(call: Call) -> Response:
    """End an execution; one that has ended stays as it is."""
    call.body()
    execution = call.found("executions")
    if execution["latestStatus"]["status"] not in FINAL:
        call.state.put("executions", {**execution, "toTerminate": True})
        call.platform.executor.terminate(execution["id"])
    return call.reply("executions", call.found("executions"))


def add_attempt(call: Call) -> Response:
    """Allow one more attempt; the answer is how many there may be."""
    call.body()
    execution = call.found("executions")
    changed = {**execution, "maxAttempts": execution["maxAttempts"] + 1}
    call.state.put("executions", changed)
    return Response.of_json(changed["maxAttempts"])


def query_faas(call: Call) -> Response:
    """Executions, services and the like, told apart by `resource`."""
    return answer_query(call, call.body().get("resource", "executions"))


def _again(call: Call, execution: Document) -> Document:
    if execution["latestStatus"]["status"] not in FINAL:
        raise ApiError(400, f"execution {execution['id']!r} has not ended; terminate it first")
    report = {"status": "rerun", "percentComplete": 0, "message": ""}
    return call.state.put("executions", documents.with_report(execution, report, call.author))


def _given(service: Document, body: Mapping[str, Any], inputs: Mapping[str, Any]) -> Document:
    model_id = ((service.get("metadata") or {}).get("ml") or {}).get("modelId")
    given = {
        "projectId": body.get("projectId") or service["projectId"],
        "serviceId": service["id"],
        "serviceName": service["name"],
        "serviceVersion": service["version"],
        "packageId": service.get("packageId"),
        "packageRevision": service.get("packageRevision"),
        "moduleName": service.get("moduleName"),
        "functionName": body.get("functionName") or "run",
        "input": dict(inputs),
    }
    return {**given, **({"model": {"modelId": model_id, "modelOperation": "predict"}} if model_id else {})}


def _in_context(call: Call, query: Document) -> Callable[[Document], bool]:
    """Whether an item is in the datasets of a query's context; without any, in any but the Binaries."""
    context = query.get("context")
    datasets = context.get("datasets") if isinstance(context, dict) else None
    if isinstance(datasets, list) and datasets:
        return lambda row: row["datasetId"] in datasets
    hidden = {one["id"] for one in call.state.find("datasets", name=BINARIES)}
    return lambda row: row["datasetId"] not in hidden


def _batch(call: Call, service: Document, body: Document, batch: Any) -> Response:
    """One execution for each item of a query (OpenAPI: ExecuteOptionsBatch)."""
    if not isinstance(batch, dict) or not isinstance(batch.get("query"), dict):
        raise ApiError(400, "batch must be an object with a 'query'")
    chosen = _in_context(call, batch["query"])
    rows = [row for row in search(batch["query"], "items", Scope(call.state, None, batch["query"])) if chosen(row)]

    def work() -> Document:
        ids = []
        for row in rows:
            inputs = {**(batch.get("args") or {}), "item": {"item_id": row["id"], "dataset_id": row["datasetId"]}}
            execution = call.state.put("executions", documents.execution(_given(service, body, inputs), call.author))
            call.platform.executor.begin(execution)
            ids.append(execution["id"])
        return {"executionIds": ids}

    return carried_out(call, "ExecuteBatch", work)


ROUTES = [
    Route("POST", "/executions/{service_id}", create_execution, "SDK executions.create; OpenAPI"),
    Route("POST", "/executions/rerun", rerun_query, "SDK executions.rerun_batch; OpenAPI"),
    Route("GET", "/executions/{execution_id}", get_execution, "SDK executions.get; recorded"),
    Route("PATCH", "/executions/{execution_id}", update_execution, "SDK executions; OpenAPI"),
    Route("POST", "/executions/{execution_id}/progress", report_progress, "SDK executions; OpenAPI"),
    Route("POST", "/executions/{execution_id}/rerun", rerun, "SDK executions.rerun; OpenAPI"),
    Route("POST", "/executions/{execution_id}/terminate", terminate, "SDK executions.terminate; OpenAPI"),
    Route("POST", "/executions/{execution_id}/attempts", add_attempt, "SDK executions.increment; OpenAPI"),
    Route("POST", "/query/faas", query_faas, "SDK executions.list; recorded"),
]
