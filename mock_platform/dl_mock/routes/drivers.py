"""Storage drivers. Nothing is stored outside the platform: a driver is a document that a dataset can name."""

from __future__ import annotations

from dl_mock import documents
from dl_mock.documents import Document
from dl_mock.message import Response
from dl_mock.routing import ApiError, Call, Route

DEFAULT: Document = {"id": "default", "name": "default", "type": "gcs", "creator": "system", "metadata": {"system": {}}}


def list_drivers(call: Call) -> Response:
    """The platform's own driver and those of a project."""
    project_id = call.request.query.get("projectId")
    made = [one for one in call.state.all("drivers") if project_id in (None, one["metadata"]["system"]["projectId"])]
    return Response.of_json([DEFAULT, *made])


def get_driver(call: Call) -> Response:
    """One driver; any id that is not known stands for the platform's own, which has another id in each installation."""
    found = call.state.get("drivers", call.params["driver_id"])
    return Response.of_json(found or {**DEFAULT, "id": call.params["driver_id"]})


def create_driver(call: Call) -> Response:
    """A new driver; the storage it names is never reached."""
    given = call.body()
    system = (given.get("metadata") or {}).get("system") or {}
    if not given.get("name") or not given.get("type") or not system.get("projectId"):
        raise ApiError(400, "a driver needs a name, a type and metadata.system.projectId")
    storage = given.get("payload") or {}
    if not isinstance(storage, dict):
        raise ApiError(400, "payload must be an object that describes the storage")
    # SDK: entities/driver.py reads what it sent in `payload` from the driver itself.
    document = {**storage, **{key: value for key, value in given.items() if key != "payload"}}
    return Response.of_json(call.state.put("drivers", documents.fill(document, call.author)))


def delete_driver(call: Call) -> Response:
    """Remove a driver, unless a dataset uses it (assumed)."""
    driver = call.found("drivers")
    used = [dataset["name"] for dataset in call.state.all("datasets") if dataset.get("driver") == driver["id"]]
    if used:
        raise ApiError(400, f"driver {driver['name']!r} is used by datasets: {', '.join(used)}")
    call.state.remove("drivers", driver["id"])
    return Response(204)


ROUTES = [
    Route("GET", "/drivers", list_drivers, "SDK drivers.list; OpenAPI"),
    Route("POST", "/drivers", create_driver, "SDK drivers.create; OpenAPI"),
    Route("GET", "/drivers/{driver_id}", get_driver, "SDK drivers.get; OpenAPI"),
    Route("DELETE", "/drivers/{driver_id}", delete_driver, "SDK drivers.delete; OpenAPI"),
]
