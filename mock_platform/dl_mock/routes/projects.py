"""Projects, their members, and the Binaries dataset each project has."""

from __future__ import annotations

from collections.abc import Iterable

from dl_mock import documents
from dl_mock.documents import BINARIES, Author, Document, chosen, merge, without_system
from dl_mock.message import Response
from dl_mock.routing import ApiError, Call, Route
from dl_mock.state import State

ROLES = ("owner", "engineer", "annotator", "annotationManager")  # SDK: entities/project.py MemberRole


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


def list_projects_of_org(call: Call) -> Response:
    """Projects of an organisation; there is one organisation, which has them all (assumed)."""
    return list_projects(call)


def get_project(call: Call) -> Response:
    """One project."""
    return call.reply("projects", call.found("projects"))


def get_project_by_name(call: Call) -> Response:
    """Projects of a name, as a list; the SDK takes none for an error, and fails on an empty list."""
    found = call.state.find("projects", name=call.params["name"])
    if not found:
        raise ApiError(404, f"project {call.params['name']!r} does not exist")
    return Response.of_json([call.render("projects", project) for project in found])


def create_project(call: Call) -> Response:
    """A new project; the SDK sends a form, the OpenAPI a JSON object. A name can be given once."""
    given = call.body() if call.request.body.lstrip().startswith(b"{") else call.form()
    name = given.get("name")
    if not name:
        raise ApiError(400, "a project needs a name")
    _check_name(call, name)
    return call.reply("projects", add_project(call.state, {"name": name}, call.author))


def update_project(call: Call) -> Response:
    """Change the name or the metadata of a project; `metadata.system` only with `?system=true` (assumed)."""
    project = call.found("projects")
    change = chosen(call.body(), ("name", "metadata"))
    change = change if call.flag("system") else without_system(change)
    if change.get("name", project["name"]) != project["name"]:
        _check_name(call, change["name"])
    return call.reply("projects", call.state.put("projects", {**merge(project, change), **call.author.touch()}))


def list_members(call: Call) -> Response:
    """Members of a project, each with the role in it."""
    return Response.of_json(_members(call.found("projects", "project_id")))


def add_member(call: Call) -> Response:
    """Give somebody a role in a project; who is a member already must be updated instead (OpenAPI: allowUpdate)."""
    project, email, role = call.found("projects", "project_id"), call.params["email"], _role(call)
    if any(member["id"] == email for member in _members(project)) and not call.flag("allowUpdate"):
        raise ApiError(400, f"{email} is a member of the project")
    others = [member for member in _members(project) if member["id"] != email]
    return _save_members(call, project, [*others, documents.member(email, role, call.author)])


def update_member(call: Call) -> Response:
    """Change the role of a member."""
    project, role = call.found("projects", "project_id"), _role(call)
    email = _member(call, project)["id"]
    changed = [{**one, "role": role} if one["id"] == email else one for one in _members(project)]
    return _save_members(call, project, changed)


def remove_member(call: Call) -> Response:
    """Take somebody out of a project."""
    project = call.found("projects", "project_id")
    email = _member(call, project)["id"]
    return _save_members(call, project, [member for member in _members(project) if member["id"] != email])


def _check_name(call: Call, name: str) -> None:
    if call.state.find("projects", name=name):
        raise ApiError(400, f"a project named {name!r} exists")


def _members(project: Document) -> list[Document]:
    return list(project.get("contributors") or ())


def _member(call: Call, project: Document) -> Document:
    found = next((member for member in _members(project) if member["id"] == call.params["email"]), None)
    if found is None:
        raise ApiError(404, f"{call.params['email']} is no member of the project")
    return found


def _role(call: Call) -> str:
    role = call.body().get("role")
    if role not in ROLES:
        raise ApiError(400, f"role must be one of {', '.join(ROLES)}, not {role!r}")
    return str(role)


def _save_members(call: Call, project: Document, members: Iterable[Document]) -> Response:
    saved = call.state.put("projects", {**project, "contributors": list(members), **call.author.touch()})
    return Response.of_json(_members(saved))


ROUTES = [
    Route("GET", "/projects", list_projects, "SDK projects.list; OpenAPI"),
    Route("POST", "/projects", create_project, "SDK projects.create; OpenAPI"),
    Route("GET", "/projects/{project_id}", get_project, "SDK projects.get; recorded"),
    Route("PATCH", "/projects/{project_id}", update_project, "SDK projects.update; OpenAPI"),
    Route("GET", "/projects/{name}/name", get_project_by_name, "SDK projects; recorded"),
    Route("GET", "/projects/{project_id}/members", list_members, "SDK projects.list_members; OpenAPI"),
    Route("POST", "/projects/{project_id}/members/{email}", add_member, "SDK projects.add_member; OpenAPI"),
    Route("PATCH", "/projects/{project_id}/members/{email}", update_member, "SDK projects; OpenAPI"),
    Route("DELETE", "/projects/{project_id}/members/{email}", remove_member, "SDK projects; OpenAPI"),
    Route("GET", "/orgs/{org_id}/projects", list_projects_of_org, "SDK projects.list of an organisation; OpenAPI"),
]
