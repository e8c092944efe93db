"""The table of routes: which function answers which call, and on what evidence."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from dl_mock.documents import Author, Document
from dl_mock.fields import faults, kind
from dl_mock.ids import is_object_id
from dl_mock.message import NOTHING, Request, Response
from dl_mock.reading import is_encodable, read_json
from dl_mock.render import render
from dl_mock.state import State

if TYPE_CHECKING:
    from dl_mock.platform import Platform

# A malformed id is not answered alike everywhere; former end-to-end tests saw 400 for these, 404 for the rest.
STRICT_IDS = frozenset({"items", "annotations", "ontologies"})


NEAREST = 3  # routes named to who calls one that is not there
_SINGULAR = {"ontologies": "ontology"}
# Path parameters that name a document of a collection, and those that name what it belongs to.
_ID_OF = {"items": "item_id", "annotations": "annotation_id"}
_OWNERS = {"items": (("datasetId", "dataset_id"),), "annotations": (("itemId", "item_id"), ("datasetId", "dataset_id"))}


class ApiError(Exception):
    """An answer that is an error: its status and the `message` of its body."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] = NOTHING) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers


@dataclass(frozen=True)
class Call:
    """A request on its way through a handler, with what handlers need."""

    platform: Platform
    request: Request
    params: Mapping[str, str]

    @property
    def state(self) -> State:
        """What the platform remembers."""
        return self.platform.state

    @property
    def author(self) -> Author:
        """Who makes documents in this call."""
        return self.platform.author

    def flag(self, name: str) -> bool:
        """Whether a query parameter such as `system` is set to true."""
        return self.request.query.get(name, "").lower() == "true"

    def whole(self, name: str, default: int) -> int:
        """A query parameter that is a whole number; 400 if it is another text."""
        text = self.request.query.get(name, str(default))
        if not text.isascii() or not text.isdigit() or len(text) > 18:
            raise ApiError(400, f"{name} must be a whole number, 0 or more, not {text!r}")
        return int(text)

    def json(self) -> Any:
        """The JSON body; 400 if it is none."""
        try:
            return read_json(self.request.body)
        except ValueError as error:
            raise ApiError(400, f"the body is not JSON: {error}") from None

    def form(self) -> dict[str, str]:
        """The fields of a URL-encoded body; 400 if it is not text."""
        try:
            return {name: values[0] for name, values in parse_qs(self.request.body.decode()).items()}
        except ValueError as error:
            raise ApiError(400, f"the form cannot be read: {error}") from None

    def body(self) -> Document:
        """The JSON body, which must be an object; an empty body is an empty object."""
        return self.checked(self.json() if self.request.body else {}, "the body")

    def bodies(self) -> list[Document]:
        """The JSON body, one object or a list of them."""
        value = self.json()
        if not isinstance(value, list):
            return [self.checked(value, "the body")]
        return [self.checked(element, f"element {index} of the body") for index, element in enumerate(value)]

    @cached_property
    def _escapes(self) -> bool:
        """Whether the body may name halves of surrogate pairs."""
        return b"\\u" in self.request.body

    def checked(self, value: Any, where: str) -> Document:
        """A JSON value that must be an object whose well-known fields have their types; 400 if it is not."""
        if not isinstance(value, dict):
            raise ApiError(400, f"{where} must be a JSON object, not {kind(value)}")
        fault = next(faults(value), None)
        if fault is not None:
            raise ApiError(400, f"{where}: {fault}")
        if self._escapes and not is_encodable(value):
            raise ApiError(400, f"{where}: expected texts, saw half of a surrogate pair in one")
        return value

    def found(self, collection: str, param: str = "") -> Document:
        """The document named by a path parameter, by default by that of its kind or the only one.

        Where the path says what it belongs to as well, it must belong to that.
        """
        id_ = (
            self.params[param]
            if param
            else self.params.get(_ID_OF.get(collection, "")) or next(iter(self.params.values()))
        )
        document = self.get(collection, id_)
        for field, owner in _OWNERS.get(collection, ()):
            if document.get(field) != self.params.get(owner, document.get(field)):
                raise ApiError(404, f"{owner.removesuffix('_id')} {self.params[owner]!r} has no such {collection}")
        return document

    def get(self, collection: str, id_: Any) -> Document:
        """The document with this id; 404 if there is none, 400 where the platform rejects a malformed id."""
        document = self.state.get(collection, id_) if isinstance(id_, str) else None
        if document is not None:
            return document
        kind = _SINGULAR.get(collection, collection.removesuffix("s").replace("_", " "))
        if collection in STRICT_IDS and not (isinstance(id_, str) and is_object_id(id_)):
            raise ApiError(400, f"{id_!r} cannot be the id of {kind}: 24 hexadecimal digits are expected")
        raise ApiError(404, f"{kind} {id_!r} does not exist")

    def render(self, collection: str, document: Document) -> Document:
        """The document with the addresses of this platform."""
        return render(self.state, collection, document, self.platform.url)

    def reply(self, collection: str, document: Document, headers: Mapping[str, str] | None = None) -> Response:
        """Answer with one document."""
        return Response.of_json(self.render(collection, document), headers=headers or {})


Handler = Callable[[Call], Response]


@dataclass(frozen=True)
class Route:
    """One endpoint; `evidence` says how we know of it."""

    method: str
    template: str
    handler: Handler
    evidence: str


def of_item(method: str, rest: str, handler: Handler, evidence: str) -> tuple[Route, Route]:
    """The two routes to something of an item: OpenAPI has it below the item, and below its dataset as well."""
    return (
        Route(method, f"/items/{{item_id}}{rest}", handler, evidence),
        Route(method, f"/datasets/{{dataset_id}}/items/{{item_id}}{rest}", handler, "OpenAPI, as without the dataset"),
    )


# Where evidence can come from, and the word with which a part of it begins.
EVIDENCE: Mapping[str, str] = MappingProxyType(
    {
        "SDK": "a call site of the SDK",
        "OpenAPI": "an operation of the published OpenAPI description",
        "recorded": "requests that the SDK was recorded to make",
        "documented": "a published page",
        "former": "the SDK's former end-to-end tests",
        "assumed": "nothing published: chosen here",
    }
)


def evidence_kinds(evidence: str) -> list[str]:
    """The kinds of evidence that a text names; parts are divided by semicolons, or commas as in `SDK, OpenAPI`."""
    parts = [part.strip() for part in evidence.replace(",", ";").split(";")]
    return [kind for kind in EVIDENCE if any(part.replace(":", " ").split(" ")[0] == kind for part in parts)]


def evidence_counts(routes: Iterable[Route]) -> dict[str, int]:
    """How many routes there are, and how many rest on each kind of evidence."""
    found = [evidence_kinds(route.evidence) for route in routes]
    return {"routes": len(found), **{kind: sum(kind in kinds for kinds in found) for kind in EVIDENCE}}


class Router:
    """Finds the route of a path; literal segments win over parameters."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._tree: dict[str, Any] = {}
        for route in self.routes:
            node = self._tree
            for segment in _segments(route.template):
                node = node.setdefault("{}" if segment.startswith("{") else segment, {})
            if route.method in node.setdefault("", {}):
                raise ValueError(f"two routes for {route.method} {route.template}")
            node[""][route.method] = route

    def match(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route and its path parameters, or None."""
        segments = _segments(path)
        route = self._methods(segments).get(method)
        if route is None:
            return None
        names = _segments(route.template)
        return route, {n[1:-1]: s for n, s in zip(names, segments, strict=True) if n.startswith("{")}

    def advice(self, method: str, path: str) -> str:
        """What to say about a call that has no route."""
        said = f"no route for {method} {path}"
        methods = self._methods(_segments(path))
        if methods:
            return f"{said}; this path has {', '.join(sorted(methods))}"
        likeness = {route: _likeness(method, _segments(path), route) for route in self.routes}
        closest = sorted(self.routes, key=lambda route: -likeness[route])[:NEAREST]
        told = ", ".join(f"{route.method} {route.template}" for route in closest)
        return f"{said}; closest: {told}; `dl-mock routes` lists all"

    def _methods(self, segments: Sequence[str]) -> Mapping[str, Route]:
        nodes = [self._tree]
        for segment in segments:
            # Literal before parameter, so the first node is the best one.
            nodes = [child for node in nodes for key in (segment, "{}") if (child := node.get(key)) is not None]
            if not nodes:
                return {}
        return next((node[""] for node in nodes if "" in node), {})


def _likeness(method: str, segments: Sequence[str], route: Route) -> float:
    """How near a call is to a route: by segments, of which a parameter fits any, but less than the same word."""
    wanted = _segments(route.template)
    fits = sum(
        0.5 if name.startswith("{") else difflib.SequenceMatcher(None, name, segment).ratio()
        for name, segment in zip(wanted, segments, strict=False)
    )
    return fits / max(len(wanted), len(segments)) + (0.1 if route.method == method else 0.0)


def _segments(path: str) -> list[str]:
    return path.strip("/").split("/")
