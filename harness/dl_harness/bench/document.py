"""The JSON document of a benchmark, and its schema."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from dl_harness.bench.record import SCHEMA_VERSION, BenchReport


def to_json(report: BenchReport) -> bytes:
    """The document, indented, with a line end at its end; a bound that is infinite is null."""
    plain = _finite(msgspec.to_builtins(report))
    return msgspec.json.format(msgspec.json.encode(plain), indent=2) + b"\n"


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def schema() -> dict[str, Any]:
    """The JSON Schema of the document, as it is shipped in `bench.schema.json`.

    Unknown properties are allowed, so that a later version may add some.
    """
    _, components = msgspec.json.schema_components((BenchReport,), ref_template="#/$defs/{name}")
    definitions = {name: _as_written(definition) for name, definition in components.items()}
    root = definitions.pop("BenchReport")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **root,
        "title": "Report of dl-harness bench",
        "description": f"Version {SCHEMA_VERSION}. Times are in seconds, memory in bytes. Versions of the same major"
        " number only add properties.",
        "$defs": definitions,
    }


def _as_written(definition: dict[str, Any]) -> dict[str, Any]:
    """The definition of an object of which every property is written, and a number without a bound is null."""
    if "properties" not in definition:
        return definition
    properties = {}
    for name, of in definition["properties"].items():
        kept = {keyword: value for keyword, value in of.items() if keyword != "default"}
        properties[name] = {"type": ["number", "null"]} if kept == {"type": "number"} else kept
    return {**definition, "properties": properties, "required": list(properties)}
