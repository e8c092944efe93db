"""Requests below `/_mock`: the operations of the surface, and the pages."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from dl_mock.admin.pages import PAGES
from dl_mock.admin.surface import OPERATIONS, PREFIX, Visit, check_origin
from dl_mock.message import Request, Response
from dl_mock.routing import ApiError, Route, Router

if TYPE_CHECKING:
    from dl_mock.platform import Platform

_HANDLERS = {(one.method, one.template): one.handler for one in (*OPERATIONS, *PAGES)}
_ROUTER = Router(
    Route(method, template, lambda _call: Response(500), "the mock's own") for method, template in _HANDLERS
)

logger = logging.getLogger(__name__)


def answer(platform: Platform, request: Request) -> Response:
    """Answer a request to the mock itself; never raises, and leaves no trace in the journal."""
    path = request.path.removeprefix(PREFIX) or "/"
    try:
        check_origin(request)
        matched = _ROUTER.match(request.method, path)
        if matched is None:
            raise ApiError(404, f"{_ROUTER.advice(request.method, path)}; GET {PREFIX}/api lists what there is")
        route, params = matched
        with platform.state.lock:
            return _HANDLERS[route.method, route.template](Visit(platform, request, params))
    except ApiError as error:
        return Response.of_json({"status": error.status, "message": error.message}, error.status)
    except Exception as error:  # a fault of ours must reach the caller as an answer
        logger.exception("%s %s failed", request.method, request.path)
        return Response.of_json({"status": 500, "message": f"{type(error).__name__}: {error}"}, 500)
