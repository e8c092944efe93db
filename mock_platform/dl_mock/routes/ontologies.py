"""Recipes and ontologies: labels and their colours."""

from __future__ import annotations

from collections.abc import Iterable

from dl_mock import documents
from dl_mock.documents import Author, Document, chosen, merge
from dl_mock.message import Response
from dl_mock.routes.projects import allowed_project
from dl_mock.routing import Call, Route
from dl_mock.state import State

RECIPE_FIELDS = (
    *("title", "description", "ontologyIds", "instructions", "examples", "customActions", "uiSettings", "metadata"),
)
ONTOLOGY_FIELDS = ("title", "roots", "attributes", "metadata", "projectIds")


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
    """Change a recipe."""
    recipe = call.found("recipes")
    change = chosen(call.body(), RECIPE_FIELDS)
    return call.reply("recipes", call.state.put("recipes", {**merge(recipe, change), **call.author.touch()}))


def delete_recipe(call: Call) -> Response:
    """Remove a recipe; its ontologies stay."""
    call.state.remove("recipes", call.found("recipes")["id"])
    return Response(204)


def create_ontology(call: Call) -> Response:
    """A new ontology."""
    given = call.body()
    ontology = documents.ontology(given, call.author, _project(call, given))
    return call.reply("ontologies", call.state.put("ontologies", ontology))


def get_ontology(call: Call) -> Response:
    """One ontology."""
    return call.reply("ontologies", call.found("ontologies"))


def list_ontologies(call: Call) -> Response:
    """Ontologies, in the envelope of queries."""
    return _page(call, "ontologies")


def update_ontology(call: Call) -> Response:
    """Replace the fields that are given; the SDK sends the whole ontology."""
    ontology = call.found("ontologies")
    change = chosen(call.body(), ONTOLOGY_FIELDS)
    return call.reply("ontologies", call.state.put("ontologies", {**ontology, **change, **call.author.touch()}))


def delete_ontology(call: Call) -> Response:
    """Remove an ontology."""
    call.state.remove("ontologies", call.found("ontologies")["id"])
    return Response(204)


def _project(call: Call, given: Document) -> str:
    projects = given.get("projectIds") or [given.get("projectId")]
    return allowed_project(call, projects[0])


def _page(call: Call, collection: str) -> Response:
    wanted = {key: set(filter(None, call.request.query.get(key, "").split(","))) for key in ("projects", "ids")}
    rows = [
        call.render(collection, row)
        for row in call.state.all(collection)
        if (not wanted["projects"] or wanted["projects"] & set(row["projectIds"]))
        and (not wanted["ids"] or row["id"] in wanted["ids"])
    ]
    return Response.of_json({"totalItemsCount": len(rows), "totalPagesCount": 1, "hasNextPage": False, "items": rows})


ROUTES = [
    Route("GET", "/recipes", list_recipes, "SDK recipes.list; OpenAPI"),
    Route("POST", "/recipes", create_recipe, "SDK recipes.create; OpenAPI"),
    Route("GET", "/recipes/{recipe_id}", get_recipe, "SDK recipes.get; recorded"),
    Route("PATCH", "/recipes/{recipe_id}", update_recipe, "SDK recipes.update; OpenAPI"),
    Route("DELETE", "/recipes/{recipe_id}", delete_recipe, "SDK recipes.delete; OpenAPI"),
    Route("GET", "/ontologies", list_ontologies, "SDK ontologies.list; OpenAPI"),
    Route("POST", "/ontologies", create_ontology, "SDK ontologies.create; OpenAPI"),
    Route("GET", "/ontologies/{ontology_id}", get_ontology, "SDK ontologies.get; recorded"),
    Route("PUT", "/ontologies/{ontology_id}", update_ontology, "SDK ontologies.update; OpenAPI"),
    Route("DELETE", "/ontologies/{ontology_id}", delete_ontology, "SDK ontologies.delete"),
]
