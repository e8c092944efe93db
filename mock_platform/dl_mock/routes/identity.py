"""Who is calling."""

from __future__ import annotations

from dl_mock.message import Response
from dl_mock.routing import Call, Route


def who_am_i(call: Call) -> Response:
    """The user of the token; the SDK only looks at the status."""
    return Response.of_json({"id": call.author.email, "email": call.author.email, "username": call.author.email})


def renew_token(call: Call) -> Response:
    """Hand out the platform's token again; it never runs out."""
    token = call.platform.token
    return Response.of_json({"id_token": token, "access_token": token, "refresh_token": token})


def check_version(call: Call) -> Response:
    """What the platform thinks of the SDK's version: nothing to tell."""
    return Response.of_json({"level": "debug", "msg": ""})


ROUTES = [
    Route("GET", "/users/me", who_am_i, "SDK logins; OpenAPI: GET /users/me"),
    Route("POST", "/sdk/check", check_version, "SDK before 1.125: services/check_sdk.py; not in the OpenAPI"),
    Route("POST", "/token", renew_token, "SDK logins.refresh; not in the OpenAPI"),
]
