"""Packages: code with its modules, as artifacts and codebases know them. What runs them are dpks and services."""

from __future__ import annotations

from dl_mock import documents
from dl_mock.documents import chosen
from dl_mock.message import Response
from dl_mock.routes.projects import allowed_project
from dl_mock.routing import ApiError, Call, Route

FIXED = frozenset({"id", "url", "creator", "createdAt", "updatedAt", "updatedBy", "projectId"})


def create_package(call: Call) -> Response:
    """A new package; a name is given once in a project (assumed; the SDK updates one that is there)."""
    given = call.body()
    if not given.get("name"):
        raise ApiError(400, "a package needs a name")
    project_id = allowed_project(call, given.get("projectId"))
    if call.state.find("packages", name=given["name"], projectId=project_id):
        raise ApiError(400, f"the project has a package named {given['name']!r}")
    return call.reply("packages", call.state.put("packages", documents.package(given, call.author, project_id)))


def get_package(call: Call) -> Response:
    """One package; up to 1.112 the SDK looks here for a dpk too, and then among the dpks."""
    return call.reply("packages", call.found("packages"))


def update_package(call: Call) -> Response:
    """Replace the fields that are given: the SDK sends the whole package. The state before it stays as a revision."""
    package = call.found("packages")
    change = chosen(call.body(), {*package, "codebase", "requirements"} - FIXED)
    before = {key: value for key, value in package.items() if key != "revisions"}
    version = change.get("version") or package["version"]
    if version == package["version"]:
        version = _next(version)
    revised = {**package, **change, "version": version, "revisions": [before, *package["revisions"]]}
    return call.reply("packages", call.state.put("packages", {**revised, **call.author.touch()}))


def delete_package(call: Call) -> Response:
    """Remove a package, unless a service runs it (assumed)."""
    package = call.found("packages")
    used = [service["name"] for service in call.state.all("services") if service.get("packageId") == package["id"]]
    if used:
        raise ApiError(400, f"package {package['name']!r} is used by services: {', '.join(used)}")
    call.state.remove("packages", package["id"])
    return Response.of_json({"success": True})


def list_revisions(call: Call) -> Response:
    """The states of a package, the newest first."""
    package = call.found("packages")
    current = {key: value for key, value in package.items() if key != "revisions"}
    return Response.of_json([call.render("packages", one) for one in (current, *package["revisions"])])


def check_name(call: Call) -> Response:
    """Whether a package may have a name; 400 if not. SDK: repositories/packages.py `_name_validation`."""
    name = call.params["name"]
    if not name or not all(character.isascii() and (character.isalnum() or character == "-") for character in name):
        raise ApiError(400, f"the name of a package has letters, digits and hyphens, unlike {name!r}")
    return Response.of_json({"success": True})


def _next(version: str) -> str:
    head, _, last = version.rpartition(".")
    return f"{head}.{int(last) + 1}" if head and last.isascii() and last.isdigit() else f"{version}.1"


ROUTES = [
    Route("POST", "/packages", create_package, "SDK packages.push; OpenAPI"),
    Route("GET", "/packages/{package_id}", get_package, "SDK packages.get; OpenAPI"),
    Route("PATCH", "/packages/{package_id}", update_package, "SDK packages.update; OpenAPI"),
    Route("DELETE", "/packages/{package_id}", delete_package, "SDK packages.delete; OpenAPI"),
    Route("GET", "/packages/{package_id}/revisions", list_revisions, "SDK packages.revisions; OpenAPI"),
    Route("GET", "/piper-misc/naming/packages/{name}", check_name, "SDK packages.push"),
]
