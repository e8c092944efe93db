"""Apps and the dpks they are installed from, as far as models need them."""

from __future__ import annotations

import json

from dl_mock import documents
from dl_mock.documents import Document, chosen
from dl_mock.message import Response
from dl_mock.routes.annotations import TYPES
from dl_mock.routes.models import undeployed
from dl_mock.routes.projects import allowed_project
from dl_mock.routes.querying import Scope, answer_page, answer_query
from dl_mock.routing import ApiError, Call, Route
from dl_mock.search import search

APP_FIELDS = ("name", "dpkVersion", "customInstallation", "integrations", "settings", "status", "metadata")
# SDK: repositories/dpks.py update says what may change without a new version.
DPK_FIELDS = ("attributes", "displayName", "icon", "description", "tags", "metadata")
OUTPUT_TYPES = {*TYPES, "embedding"}  # OpenAPI: ModelOutputType


def get_app(call: Call) -> Response:
    """One app, with its dpk inside (SDK: entities/app.py)."""
    return Response.of_json(_with_dpk(call, call.found("apps")))


def install(call: Call) -> Response:
    """Install a dpk in a project, and make the models it describes."""
    given = call.body()
    dpk = given.pop("dpk", None) or {}
    project_id = allowed_project(call, given.get("projectId"))
    found = next(iter(call.state.find("dpks", name=given.get("dpkName") or dpk.get("name"))), None)
    if found is None:
        raise ApiError(404, f"dpk {given.get('dpkName')!r} does not exist")
    models = (found.get("components") or {}).get("models") or []
    for model in models:
        _check_model(model)
    app = documents.fill(
        {**given, "dpkName": found["name"], "dpkVersion": found["version"]},
        call.author,
        name=found["name"],
        status="installed",
        scope="project",
        dpkId=found["id"],
    )
    call.state.put("apps", app)
    if not given.get("customInstallation"):
        for model in models:
            call.state.put("models", documents.model(_model_of(model, app, found), call.author, project_id))
    return Response.of_json(_with_dpk(call, app))


def query_apps(call: Call) -> Response:
    """Apps by filter."""
    return answer_query(call, "apps")


def publish_dpk(call: Call) -> Response:
    """Publish a dpk; without a project in its context that is an error (former end-to-end tests: 400).

    Published again under its name it is another version of the same dpk (SDK: dpks.get_revisions finds it there).
    """
    given = call.body()
    if not (given.get("context") or {}).get("project"):
        raise ApiError(400, "a dpk needs a project in its context")
    if not given.get("name"):
        raise ApiError(400, "a dpk needs a name")
    if given.get("scope") == "public":
        raise ApiError(403, "only Dataloop may publish a dpk for all (former end-to-end tests)")
    earlier = call.state.find("dpks", name=given["name"])
    base = {"baseId": earlier[0]["baseId"]} if earlier and not given.get("baseId") else {}
    return call.reply("dpks", call.state.put("dpks", documents.dpk({**given, **base}, call.author)))


def get_dpk(call: Call) -> Response:
    """One dpk."""
    return call.reply("dpks", call.found("dpks"))


def get_revision(call: Call) -> Response:
    """A version of a dpk, by the id all its versions share."""
    return call.reply("dpks", _revision(call, call.params["dpk_id"], call.params["version"]))


def query_dpks(call: Call) -> Response:
    """Dpks by filter."""
    return answer_query(call, "dpks")


def update_app(call: Call) -> Response:
    """Replace the fields that are given; a new version of the dpk must be there. It makes no models."""
    app = call.found("apps")
    change = chosen(call.body(), APP_FIELDS)
    version = change.get("dpkVersion", app["dpkVersion"])
    if version != app["dpkVersion"]:
        change["dpkId"] = _revision(call, app["dpkId"], str(version))["id"]
    return Response.of_json(_with_dpk(call, call.state.put("apps", {**app, **change, **call.author.touch()})))


def uninstall(call: Call) -> Response:
    """Remove an app and its services; its models stay (assumed)."""
    app = call.found("apps")
    for service in call.state.all("services"):
        if (service.get("app") or {}).get("id") == app["id"]:
            call.state.remove("services", service["id"])
            undeployed(call.state, service, call.author)
    call.state.remove("apps", app["id"])
    return Response.of_json({"success": True})


def activate(call: Call) -> Response:
    """Start an app again that was paused."""
    return _set_status(call, "installed")


def deactivate(call: Call) -> Response:
    """Pause an app."""
    return _set_status(call, "uninstalled")


def update_dpk(call: Call) -> Response:
    """Change what describes a dpk; its code and components change with a new version only."""
    dpk = call.found("dpks")
    change = chosen(call.body(), DPK_FIELDS, nullable=["description"])
    return call.reply("dpks", call.state.put("dpks", {**dpk, **change, **call.author.touch()}))


def delete_dpk(call: Call) -> Response:
    """Remove a dpk, unless an app is installed from it (assumed)."""
    dpk = call.found("dpks")
    used = [app["name"] for app in call.state.all("apps") if app.get("dpkId") == dpk["id"]]
    if used:
        raise ApiError(400, f"dpk {dpk['name']!r} is used by apps: {', '.join(used)}")
    call.state.remove("dpks", dpk["id"])
    return Response.of_json({"success": True})


def query_revisions(call: Call) -> Response:
    """The versions of a dpk, found by its name."""
    body = call.body()
    rows = call.state.find("dpks", name=call.params["dpk_id"])
    wanted = {"$and": [{"id": {"$in": [row["id"] for row in rows]}}, body.get("filter") or {}]}
    found = search({**body, "filter": wanted}, "dpks", Scope(call.state))
    return answer_page(call, body, "dpks", found)


def get_previews(call: Call) -> Response:
    """Pictures of pipeline templates, of which a dpk has none here."""
    call.found("dpks", "dpk_id")
    return Response.of_json({})


def _set_status(call: Call, status: str) -> Response:
    app = call.found("apps")
    if app.get("status", "installed") == status:
        raise ApiError(400, f"app {app.get('name')!r} is {status} already")
    return Response.of_json(_with_dpk(call, call.state.put("apps", {**app, "status": status, **call.author.touch()})))


def _revision(call: Call, base: str, version: str) -> Document:
    for dpk in call.state.all("dpks"):
        if base in (dpk["id"], dpk.get("baseId")) and version in (dpk["version"], "latest"):
            return dpk
    raise ApiError(404, f"dpk {base!r} has no version {version!r}")


def _with_dpk(call: Call, app: Document) -> Document:
    dpk = call.state.get("dpks", app.get("dpkId", ""))
    return {**call.render("apps", app), "dpk": call.render("dpks", dpk) if dpk else app.get("dpk", {})}


def _check_model(model: Document) -> None:
    """Models are checked when they are installed, not when they are published (former end-to-end tests: 424)."""
    kind = model.get("outputType")
    if kind is not None and kind not in OUTPUT_TYPES:
        raise ApiError(424, f'Validation Failed: {{"model.outputType": {{"value": {json.dumps(kind)}}}}}')


def _model_of(model: Document, app: Document, dpk: Document) -> Document:
    reference = {
        "id": app["id"],
        "componentName": model.get("name"),
        "dpkName": dpk["name"],
        "dpkVersion": dpk["version"],
        "dpkId": dpk.get("baseId", dpk["id"]),
    }
    return {**model, "packageId": dpk["id"], "app": reference}


ROUTES = [
    Route("POST", "/apps", install, "SDK apps.install; OpenAPI"),
    Route("POST", "/apps/query", query_apps, "SDK apps.list; assumed"),
    Route("GET", "/apps/{app_id}", get_app, "SDK apps.get; recorded"),
    Route("POST", "/app-registry", publish_dpk, "SDK dpks.publish; OpenAPI"),
    Route("POST", "/app-registry/query", query_dpks, "SDK dpks.list; OpenAPI"),
    Route("GET", "/app-registry/{dpk_id}", get_dpk, "SDK dpks.get; OpenAPI"),
    Route("GET", "/app-registry/{dpk_id}/revisions/{version}", get_revision, "SDK dpks; recorded"),
    Route("PUT", "/apps/{app_id}", update_app, "SDK apps.update; OpenAPI"),
    Route("DELETE", "/apps/{app_id}", uninstall, "SDK apps.uninstall; OpenAPI"),
    Route("POST", "/apps/{app_id}/activate", activate, "SDK apps.resume; OpenAPI"),
    Route("POST", "/apps/{app_id}/deactivate", deactivate, "SDK apps.pause; OpenAPI"),
    Route("PATCH", "/app-registry/{dpk_id}", update_dpk, "SDK dpks.update; OpenAPI"),
    Route("DELETE", "/app-registry/{dpk_id}", delete_dpk, "SDK dpks.delete; OpenAPI"),
    Route("POST", "/app-registry/{dpk_id}/revisions", query_revisions, "SDK entities/dpk.py; OpenAPI (by name)"),
    Route("GET", "/app-registry/{dpk_id}/previews", get_previews, "SDK dpks.get_previews; OpenAPI"),
]
