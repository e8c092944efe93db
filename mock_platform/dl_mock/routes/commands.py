"""Commands: work that is asked about later. Here it is always done before the answer."""

from __future__ import annotations

from dl_mock.message import Response
from dl_mock.routing import Call, Route


def get_command(call: Call) -> Response:
    """One command."""
    return call.reply("commands", call.found("commands"))


ROUTES = [Route("GET", "/commands/{command_id}", get_command, "SDK commands; recorded")]
