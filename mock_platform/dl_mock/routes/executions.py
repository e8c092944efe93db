"""Executions of functions on the platform; here none ever runs."""

from __future__ import annotations

from dl_mock.message import Response
from dl_mock.routes.querying import answer_query
from dl_mock.routing import Call, Route

FIXED = frozenset({"id", "url", "creator", "createdAt", "status"})


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
    execution = call.found("executions")
    status = {**execution["latestStatus"], **call.body(), "timestamp": call.author.now()}
    changed = {**execution, "latestStatus": status, "status": [*execution["status"], status]}
    return call.reply("executions", call.state.put("executions", changed))


def query_faas(call: Call) -> Response:
    """Executions, services and the like, told apart by `resource`."""
    return answer_query(call, call.body().get("resource", "executions"))


ROUTES = [
    Route("GET", "/executions/{execution_id}", get_execution, "SDK executions.get; recorded"),
    Route("PATCH", "/executions/{execution_id}", update_execution, "SDK executions; OpenAPI"),
    Route("POST", "/executions/{execution_id}/progress", report_progress, "SDK executions; OpenAPI"),
    Route("POST", "/query/faas", query_faas, "SDK executions.list; recorded"),
]
