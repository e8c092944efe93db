"""Commands: work that is asked about later. By default it is done before the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dl_mock import documents
from dl_mock.documents import Document
from dl_mock.message import Response
from dl_mock.query import QueryError
from dl_mock.routing import ApiError, Call, Route

# SDK: entities/command.py in_progress
FINAL = frozenset({"success", "failed", "timeout", "canceled", "aborted"})


def carried_out(call: Call, kind: str, work: Callable[[], Document], spec: Document | None = None) -> Response:
    """Do `work` as a command and answer with it; what it returns is the spec of the command when it is done.

    At once by default, and then an error in it is the answer. With another timing of commands it is done when its
    time has come, and an error makes the command fail.
    """
    fails = call.platform.faults.of_command(kind)
    if fails is None and call.platform.schedule.timing.commands == 0:
        document = documents.command(kind, work(), call.author)
        return call.reply("commands", call.state.put("commands", document))
    document = documents.command(kind, spec or {}, call.author)
    document = call.state.put("commands", {**document, "status": "created", "progress": 0})
    stages = [
        lambda: _move(call, document["id"], status="in-progress", progress=50),
        lambda: _finish(call, document["id"], work, fails),
    ]
    call.platform.schedule.begin("commands", document["id"], stages)
    return call.reply("commands", call.state.get("commands", document["id"]) or document)


def get_command(call: Call) -> Response:
    """One command."""
    return call.reply("commands", call.found("commands"))


def list_commands(call: Call) -> Response:
    """All commands."""
    return Response.of_json([call.render("commands", one) for one in call.state.all("commands")])


def abort(call: Call) -> Response:
    """Stop a command that is under way, before its work is done; one that has ended stays as it is."""
    call.body()
    command = call.found("commands")
    if command["status"] not in FINAL:
        call.platform.schedule.drop(command["id"])
        _move(call, command["id"], status="aborted")
    return call.reply("commands", call.found("commands"))


def _finish(call: Call, command_id: str, work: Callable[[], Document], fails: str | None) -> None:
    try:
        if fails is not None:
            raise ApiError(500, fails)
        spec = work()
    except (ApiError, QueryError) as error:
        _move(call, command_id, status="failed", error=str(error))
    else:
        _move(call, command_id, status="success", progress=100, spec=spec)


def _move(call: Call, command_id: str, **change: Any) -> None:
    command = call.state.get("commands", command_id)
    if command is not None and command["status"] not in FINAL:
        call.state.put("commands", {**command, **change, **call.author.touch()})


ROUTES = [
    Route("GET", "/commands", list_commands, "SDK commands.list; not in the OpenAPI"),
    Route("GET", "/commands/{command_id}", get_command, "SDK commands.get; recorded"),
    Route("POST", "/commands/{command_id}/abort", abort, "SDK commands.abort; not in the OpenAPI"),
]
