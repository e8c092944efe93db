"""Recipes and ontologies: how a dataset is to be annotated, and with what labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from dl_mock import documents
from dl_mock.documents import Author, Document, chosen, merge, without_system
from dl_mock.message import Response
from dl_mock.query import matcher
from dl_mock.routes.labels import complete_roots
from dl_mock.routes.projects import allowed_project
from dl_mock.routing import Call, Route
from dl_mock.search import page
from dl_mock.state import State

RECIPE_FIELDS = (
    *("title", "description", "ontologyIds", "projectIds", "instructions", "examples", "customActions"),
    *("uiSettings", "metadata"),
)
ONTOLOGY_FIELDS = ("title", "roots", "metadata", "projectIds")
# Parameters of the two lists that name another field; any other one is a field of the document.
# SDK: repositories/recipes.py, repositories/ontologies.py and entities/ontology.py `recipe`.
LISTED_BY: Mapping[str, str] = MappingProxyType({"projects": "projectIds", "ids": "id", "ontologies": "ontologyIds"})
PAGING = ("pageOffset", "pageSize")


def add_recipe(state: State, given: Document, author: Author, project_id: str, labels: Iterable[str] = ()) -> Document:
    """A recipe; without ontologies it gets one with `labels`."""
    recipe = documents.recipe(given, author, project_id)
    if not recipe["ontologyIds"]:
        roots = [documents.label_root(label) for label in labels]
        title = recipe["title"].replace("Recipe", "Ontology")
        ontology = documents.ontology({"title": title, "roots": roots}, author, project_id)
        recipe["ontologyIds"] = [state.put("ontologies", ontology)["id"]]
    return state.put("recipes", recipe)


def create_recipe(call: Call) -> Response:
    """A new recipe."""
    given = call.body()
    return call.reply("recipes", add_recipe(call.state, given, call.author, _project(call, given)))


def get_recipe(call: Call) -> Response:
    """One recipe."""
    return call.reply("recipes", call.found("recipes"))


def list_recipes(call: Call) -> Response:
    """Recipes, in the envelope of queries."""
    return _page(call, "recipes")


def update_recipe(call: Call) -> Response:
    """Change a recipe; `metadata.system` only with `?system=true`, as for items (assumed)."""
    recipe = call.found("recipes")
    change = chosen(call.body(), RECIPE_FIELDS)
    change = change if call.flag("system") else without_system(change)
    return call.reply("recipes", call.state.put("recipes", {**merge(recipe, change), **call.author.touch()}))


def clone_recipe(call: Call) -> Response:
    """A copy of a recipe; a shallow one shares the ontologies, otherwise they are copied too."""
    source = call.found("recipes")
    fresh = _copied(source)
    if not call.body().get("shallow"):
        found = [call.state.get("ontologies", id_) for id_ in source["ontologyIds"]]
        made = [documents.fill(_copied(one), call.author) for one in found if one is not None]
        fresh["ontologyIds"] = [call.state.put("ontologies", one)["id"] for one in made]
    fresh["title"] = f"Clone of {source['title']}"
    return call.reply("recipes", call.state.put("recipes", documents.fill(fresh, call.author)))


def delete_recipe(call: Call) -> Response:
    """Remove a recipe; its ontologies stay, and datasets forget it (assumed)."""
    recipe = call.found("recipes")
    for dataset in call.state.all("datasets"):
        recipes = dataset["metadata"].get("system", {}).get("recipes") or []
        if recipe["id"] in recipes:
            kept = [id_ for id_ in recipes if id_ != recipe["id"]]
            change = {"metadata": {"system": {"recipes": kept}}}
            call.state.put("datasets", merge(dataset, change))
    call.state.remove("recipes", recipe["id"])
    return Response(204)


def create_ontology(call: Call) -> Response:
    """A new ontology."""
    given = call.body()
    project_id = _project(call, given)
    given["roots"] = complete_roots(given.get("roots") or [])
    return call.reply("ontologies", call.state.put("ontologies", documents.ontology(given, call.author, project_id)))


def get_ontology(call: Call) -> Response:
    """One ontology."""
    return call.reply("ontologies", call.found("ontologies"))


def list_ontologies(call: Call) -> Response:
    """Ontologies, in the envelope of queries."""
    return _page(call, "ontologies")


def update_ontology(call: Call) -> Response:
    """Replace the fields that are given; the SDK sends the whole ontology.

    Without `?system=true` what has routes of its own in `metadata` stays: `system`, and the attributes, of which the
    SDK may send an old list (entities/ontology.py `copy_from` sets them with the parameter).
    """
    ontology = call.found("ontologies")
    body = call.body()
    change = chosen(body, ONTOLOGY_FIELDS)
    if "roots" in change:
        change["roots"] = complete_roots(change["roots"])
    if "metadata" in change and not call.flag("system"):
        own = {key: ontology["metadata"][key] for key in ("system", "attributes") if key in ontology["metadata"]}
        change["metadata"] = {**change["metadata"], **own}
    # Under this name the SDK sends attributes of either generation; the newer ones are objects and stand in `metadata`.
    attributes = body.get("attributes")
    if isinstance(attributes, list) and all(isinstance(attribute, str) for attribute in attributes):
        change["attributes"] = attributes
    return call.reply("ontologies", call.state.put("ontologies", {**ontology, **change, **call.author.touch()}))


def delete_ontology(call: Call) -> Response:
    """Remove an ontology."""
    call.state.remove("ontologies", call.found("ontologies")["id"])
    return Response(204)


def _copied(source: Document) -> Document:
    stamp = ("id", "creator", "createdAt", "updatedAt", "updatedBy")
    return {key: value for key, value in source.items() if key not in stamp}


def _project(call: Call, given: Document) -> str:
    projects = given.get("projectIds") or [given.get("projectId")]
    return allowed_project(call, projects[0])


def _page(call: Call, collection: str) -> Response:
    query = {name: value for name, value in call.request.query.items() if name not in PAGING and value}
    wanted = {LISTED_BY.get(name, name): {"$in": value.split(",")} for name, value in query.items()}
    match = matcher(wanted)
    rows = [row for row in call.state.all(collection) if match(row)]
    found = page({"page": call.whole("pageOffset", 0), "pageSize": call.whole("pageSize", 1000)}, rows)
    found["items"] = [call.render(collection, row) for row in found["items"]]
    return Response.of_json(found)


ROUTES = [
    Route("GET", "/recipes", list_recipes, "SDK recipes.list; OpenAPI"),
    Route("POST", "/recipes", create_recipe, "SDK recipes.create; OpenAPI"),
    Route("GET", "/recipes/{recipe_id}", get_recipe, "SDK recipes.get; recorded"),
    Route("PATCH", "/recipes/{recipe_id}", update_recipe, "SDK recipes.update; OpenAPI"),
    Route("DELETE", "/recipes/{recipe_id}", delete_recipe, "SDK recipes.delete; OpenAPI"),
    Route("POST", "/recipes/{recipe_id}/clone", clone_recipe, "SDK recipes.clone; OpenAPI"),
    Route("GET", "/ontologies", list_ontologies, "SDK ontologies.list; OpenAPI"),
    Route("POST", "/ontologies", create_ontology, "SDK ontologies.create; OpenAPI"),
    Route("GET", "/ontologies/{ontology_id}", get_ontology, "SDK ontologies.get; recorded"),
    Route("PUT", "/ontologies/{ontology_id}", update_ontology, "SDK ontologies.update; OpenAPI"),
    Route("DELETE", "/ontologies/{ontology_id}", delete_ontology, "SDK ontologies.delete"),
]
