"""Deleting what holds other things: a dataset, and a project with all that is its own (cascades: assumed)."""

from __future__ import annotations

from dl_mock.documents import Document
from dl_mock.message import Response
from dl_mock.routes.items import remove_item
from dl_mock.routes.querying import projects_of
from dl_mock.routing import Call, Route
from dl_mock.state import COLLECTIONS, State


def remove_dataset(state: State, dataset: Document) -> None:
    """Remove a dataset with its items; models that were trained on it stay."""
    for item in state.find("items", datasetId=dataset["id"]):
        remove_item(state, item)
    state.remove("datasets", dataset["id"])


def delete_dataset(call: Call) -> Response:
    """Remove a dataset with its items."""
    remove_dataset(call.state, call.found("datasets"))
    return Response.of_json({"success": True})


def delete_project(call: Call) -> Response:
    """Remove a project with what belongs to no other one."""
    project_id = call.found("projects")["id"]
    for dataset in call.state.all("datasets"):
        if dataset["projects"] == [project_id]:
            remove_dataset(call.state, dataset)
    for collection in COLLECTIONS:
        for document in call.state.all(collection):
            if {name for name in projects_of(document) if name} == {project_id}:
                call.state.remove(collection, document["id"])
    call.state.remove("projects", project_id)
    return Response(204)


ROUTES = [
    Route("DELETE", "/datasets/{dataset_id}", delete_dataset, "SDK datasets.delete; OpenAPI"),
    Route("DELETE", "/projects/{project_id}", delete_project, "SDK projects.delete; OpenAPI"),
]
