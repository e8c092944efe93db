"""Projects, drivers and the Binaries dataset each project has."""

from __future__ import annotations

from dl_mock import documents
from dl_mock.documents import BINARIES, Author, Document
from dl_mock.message import Response
from dl_mock.routing import ApiError, Call, Route
from dl_mock.state import State


def add_project(state: State, given: Document, author: Author) -> Document:
    """A project with its hidden dataset for artifacts."""
    project = state.put("projects", documents.project(given, author))
    binaries_of(state, project["id"], author)
    return project


def binaries_of(state: State, project_id: str, author: Author) -> Document:
    """The dataset that holds artifacts and exports of a project; made when first needed."""
    for dataset in state.find("datasets", name=BINARIES):
        if project_id in dataset["projects"]:
            return dataset
    return state.put("datasets", documents.dataset({"name": BINARIES}, author, project_id))


def allowed_project(call: Call, project_id: object) -> str:
    """The id of a project that exists; another one is forbidden, not missing (former end-to-end tests)."""
    if not isinstance(project_id, str) or call.state.get("projects", project_id) is None:
        raise ApiError(403, f"no access to project {project_id!r}")
    return project_id


def list_projects(call: Call) -> Response:
    """All projects."""
    return Response.of_json([call.render("projects", project) for project in call.state.all("projects")])


def get_project(call: Call) -> Response:
    """One project."""
    return call.reply("projects", call.found("projects"))


def get_project_by_name(call: Call) -> Response:
    """Projects of a name, as a list."""
    found = call.state.find("projects", name=call.params["name"])
    return Response.of_json([call.render("projects", project) for project in found])


def create_project(call: Call) -> Response:
    """A new project; the SDK sends a form, the OpenAPI a JSON object. A name can be given once."""
    given = call.body() if call.request.body.lstrip().startswith(b"{") else call.form()
    name = given.get("name")
    if not name:
        raise ApiError(400, "a project needs a name")
    if call.state.find("projects", name=name):
        raise ApiError(400, f"a project named {name!r} exists")
    return call.reply("projects", add_project(call.state, {"name": name}, call.author))


def update_project(call: Call) -> Response:
    """Change the name of a project."""
    project = call.found("projects")
    name = call.body().get("name", project["name"])
    return call.reply("projects", call.state.put("projects", {**project, "name": name, **call.author.touch()}))


def get_driver(call: Call) -> Response:
    """A storage driver; all datasets have the same."""
    return Response.of_json(_driver(call.params["driver_id"]))


def list_drivers(_call: Call) -> Response:
    """The one storage driver."""
    return Response.of_json([_driver("default")])


def _driver(driver_id: str) -> Document:
    return {"id": driver_id, "name": "default", "type": "gcs", "metadata": {"system": {}}}


ROUTES = [
    Route("GET", "/projects", list_projects, "SDK projects.list; OpenAPI"),
    Route("POST", "/projects", create_project, "SDK projects.create; OpenAPI"),
    Route("GET", "/projects/{project_id}", get_project, "SDK projects.get; recorded"),
    Route("PATCH", "/projects/{project_id}", update_project, "SDK projects.update; OpenAPI"),
    Route("GET", "/projects/{name}/name", get_project_by_name, "SDK projects; recorded"),
    Route("GET", "/drivers", list_drivers, "SDK drivers.list; OpenAPI"),
    Route("GET", "/drivers/{driver_id}", get_driver, "SDK drivers.get; OpenAPI"),
]
