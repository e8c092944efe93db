"""Services: what executions run in, as far as models and executions need them."""

from __future__ import annotations

from typing import Any

from dl_mock import documents
from dl_mock.documents import Document
from dl_mock.executing import FINAL
from dl_mock.message import Response
from dl_mock.routes.models import undeployed
from dl_mock.routes.projects import allowed_project
from dl_mock.routing import ApiError, Call, Route
from dl_mock.values import moment

FIXED = frozenset({"id", "url", "creator", "createdAt", "updatedAt", "updatedBy", "projectId"})
LOG_PAGE = 1000  # lines; assumed
# What a line of a log can be asked for by (OpenAPI: LogQuery).
LOG_FIELDS = ("serviceId", "executionId", "functionName", "modelId", "modelOperation", "projectId")


def create_service(call: Call) -> Response:
    """A new service; a name is given once in a project."""
    given = call.body()
    if not given.get("name"):
        raise ApiError(400, "a service needs a name")
    project_id = allowed_project(call, given.get("projectId"))
    if call.state.find("services", name=given["name"], projectId=project_id):
        raise ApiError(400, f"the project has a service named {given['name']!r}")
    return call.reply("services", call.state.put("services", documents.service(given, call.author, project_id)))


def get_service(call: Call) -> Response:
    """One service."""
    return call.reply("services", call.found("services"))


def update_service(call: Call) -> Response:
    """Replace the fields that are given: the SDK sends the whole service."""
    service = call.found("services")
    change = {key: value for key, value in call.body().items() if key not in FIXED and value is not None}
    return _changed(call, service, change)


def delete_service(call: Call) -> Response:
    """Remove a service and end what runs in it; the model it was deployed for is trained again."""
    service = call.found("services")
    for execution in call.state.all("executions"):
        if execution.get("serviceId") == service["id"] and execution["latestStatus"]["status"] not in FINAL:
            call.platform.executor.terminate(execution["id"])
    call.state.remove("services", service["id"])
    undeployed(call.state, service, call.author)
    return Response.of_json({"success": True})


def pause(call: Call) -> Response:
    """Stop a service."""
    call.body()
    return _changed(call, call.found("services"), {"active": False})


def resume(call: Call) -> Response:
    """Start a service that was stopped."""
    call.body()
    return _changed(call, call.found("services"), {"active": True})


def status(call: Call) -> Response:
    """One replica that runs, while the service is active."""
    call.body()
    service = call.found("services")
    waiting = [
        one
        for one in call.state.all("executions")
        if one.get("serviceId") == service["id"] and one["latestStatus"]["status"] == "created"
    ]
    replica = {"replicaId": f"{service['name']}-0", "status": "running", "createdAt": service["createdAt"]}
    return Response.of_json(
        {"numMessagesInQueue": len(waiting), "runtimeStatus": [replica] if service["active"] else []}
    )


def revisions(call: Call) -> Response:
    """The versions of a service: here only the present one."""
    return Response.of_json([call.render("services", call.found("services"))])


def acknowledge(call: Call) -> Response:
    """Restarts and notes of agents change nothing here."""
    call.body()
    call.found("services")
    return Response(204)


def logs(call: Call) -> Response:
    """Lines of the log, oldest first, from a checkpoint on.

    A page with lines never says stop: the SDK prints nothing of one that does (repositories/services.py ServiceLog).
    """
    query = call.body()
    start = moment(query["start"]) if isinstance(query.get("start"), str) else None
    lines = [line for line in call.state.all("logs") if _asked_for(line, query, start)]
    first = int(query["checkpoint"]) if str(query.get("checkpoint") or "").isdecimal() else 0
    shown = lines[first : first + LOG_PAGE]
    told = [{key: line[key] for key in ("timestamp", "level", "message")} for line in shown]
    following = bool(query.get("follow")) and _runs(call, query)
    return Response.of_json({"logs": told, "stop": not shown and not following, "checkpoint": str(first + len(shown))})


def _asked_for(line: Document, query: Document, start: float | None) -> bool:
    for name in LOG_FIELDS:
        wanted = query.get(name)
        if wanted and line.get(name) not in (wanted if isinstance(wanted, list) else [wanted]):
            return False
    text = query.get("text")
    texts = [text] if isinstance(text, str) else text or []
    if not all(str(one) in line["message"] for one in texts):
        return False
    written = moment(line["timestamp"])
    return start is None or written is None or written >= start


def _runs(call: Call, query: Document) -> bool:
    """Whether anything that a log tells of has not ended."""
    execution = call.state.get("executions", str(query.get("executionId")))
    rows = [execution] if execution else [] if query.get("executionId") else call.state.all("executions")
    return any(
        row["latestStatus"]["status"] not in FINAL and query.get("serviceId") in (None, row.get("serviceId"))
        for row in rows
    )


def _changed(call: Call, service: Document, change: dict[str, Any]) -> Response:
    return call.reply("services", call.state.put("services", {**service, **change, **call.author.touch()}))


ROUTES = [
    Route("POST", "/services", create_service, "SDK services.deploy; OpenAPI"),
    Route("POST", "/services/logs", logs, "SDK services.log; OpenAPI"),
    Route("GET", "/services/{service_id}", get_service, "SDK services.get; OpenAPI"),
    Route("PATCH", "/services/{service_id}", update_service, "SDK services.update; OpenAPI"),
    Route("DELETE", "/services/{service_id}", delete_service, "SDK services.delete; OpenAPI"),
    Route("POST", "/services/{service_id}/stop", pause, "SDK services.pause; OpenAPI"),
    Route("POST", "/services/{service_id}/resume", resume, "SDK services.resume; OpenAPI"),
    Route("POST", "/services/{service_id}/status", status, "SDK services.status; OpenAPI has GET for this answer"),
    Route("GET", "/services/{service_id}/status", status, "OpenAPI"),
    Route("GET", "/services/{service_id}/revisions", revisions, "SDK services.revisions; OpenAPI"),
    Route("POST", "/services/{service_id}/restart", acknowledge, "SDK services.restart; OpenAPI"),
    Route("POST", "/services/{service_id}/notify", acknowledge, "SDK services; OpenAPI"),
]
