"""The platform's published OpenAPI description, as far as tests compare the mock with it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from jsonschema import Draft7Validator, ValidationError
from mock_helpers import EVIDENCE

from dl_mock.routes import ROUTES
from dl_mock.routing import Route


@lru_cache(maxsize=1)
def description() -> dict[str, Any]:
    """The whole description, in the dialect of JSON Schema."""
    told: dict[str, Any] = _schemas(json.loads((EVIDENCE / "platform-openapi.json").read_text()))
    return told


def _schemas(value: Any) -> Any:
    """`nullable` is a word of OpenAPI alone."""
    if isinstance(value, list):
        return [_schemas(one) for one in value]
    if not isinstance(value, dict):
        return value
    told = {key: _schemas(one) for key, one in value.items() if key != "nullable"}
    return {"anyOf": [told, {"type": "null"}]} if value.get("nullable") is True else told


def shape(template: str) -> str:
    """A template whatever its parameters are called."""
    return re.sub(r"\{\w+\}", "{}", template).rstrip("/")


@lru_cache(maxsize=1)
def operations() -> dict[tuple[str, str], dict[str, Any]]:
    """Operations by method and shape of the path."""
    return {
        (method.upper(), shape(path)): operation
        for path, methods in description()["paths"].items()
        for method, operation in methods.items()
        if method in ("get", "post", "put", "patch", "delete")
    }


def operation_of(route: Route) -> dict[str, Any] | None:
    """The operation of a route, if it is published."""
    return operations().get((route.method, shape(route.template)))


def route_of(method: str, template: str) -> Route:
    return next(route for route in ROUTES if (route.method, route.template) == (method, template))


def response_schema(operation: dict[str, Any]) -> dict[str, Any] | None:
    """The schema of a good answer in JSON, if there is one."""
    for status in ("200", "201"):
        for content in operation.get("responses", {}).get(status, {}).get("content", {}).values():
            schema = content.get("schema")
            if schema:
                return dict(schema)
    return None


def request_schema(operation: dict[str, Any]) -> dict[str, Any] | None:
    """The schema of a body in JSON, if there is one."""
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    return dict(schema) if schema else None


def faults(value: Any, schema: dict[str, Any]) -> Iterator[str]:
    """Where a value departs from a schema; of alternatives, where it departs from the one it is nearest to."""
    validator = Draft7Validator({"allOf": [schema], "components": description()["components"]})
    for error in validator.iter_errors(value):
        for leaf in _leaves(error):
            place = ".".join("*" if isinstance(part, int) else str(part) for part in leaf.absolute_path)
            yield f"{place}: {re.sub(_VALUE, '', leaf.message)[:160]}".removeprefix(": ")


_VALUE = re.compile(r"^.*(?= (?:is not (?:of type|one of|valid)|does not match))", re.DOTALL)


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    branches: dict[Any, list[ValidationError]] = {}
    for inner in error.context or ():
        branches.setdefault(inner.schema_path[0], []).append(inner)
    if not branches:
        yield error
        return
    nearest = min(branches.values(), key=lambda errors: (_is_other_type(errors), len(errors)))
    for inner in nearest:
        yield from _leaves(inner)


def _is_other_type(errors: list[ValidationError]) -> bool:
    return any(one.validator in ("type", "enum") and len(one.path) == 0 for one in errors)
