"""Apps and the dpks they are installed from, as far as models need them."""

from __future__ import annotations

import json

from dl_mock import documents
from dl_mock.documents import Document
from dl_mock.message import Response
from dl_mock.routes.annotations import TYPES
from dl_mock.routes.projects import allowed_project
from dl_mock.routes.querying import answer_query
from dl_mock.routing import ApiError, Call, Route

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
    """Publish a dpk; without a project in its context that is an error (former end-to-end tests: 400)."""
    given = call.body()
    if not (given.get("context") or {}).get("project"):
        raise ApiError(400, "a dpk needs a project in its context")
    if not given.get("name"):
        raise ApiError(400, "a dpk needs a name")
    if given.get("scope") == "public":
        raise ApiError(403, "only Dataloop may publish a dpk for all (former end-to-end tests)")
    return call.reply("dpks", call.state.put("dpks", documents.dpk(given, call.author)))


def get_dpk(call: Call) -> Response:
    """One dpk."""
    return call.reply("dpks", call.found("dpks"))


def get_revision(call: Call) -> Response:
    """A version of a dpk, by the id all its versions share."""
    base, version = call.params["dpk_id"], call.params["version"]
    for dpk in call.state.all("dpks"):
        if base in (dpk["id"], dpk.get("baseId")) and version in (dpk["version"], "latest"):
            return call.reply("dpks", dpk)
    raise ApiError(404, f"dpk {base!r} has no version {version!r}")


def query_dpks(call: Call) -> Response:
    """Dpks by filter."""
    return answer_query(call, "dpks")


def get_package(call: Call) -> Response:
    """Packages are gone; old SDKs look here first and then at the dpks."""
    raise ApiError(404, f"package {call.params['package_id']!r} does not exist")


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
    Route("GET", "/packages/{package_id}", get_package, "SDK up to 1.112: ml/base_model_adapter.py; assumed"),
]
