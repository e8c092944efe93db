"""The report as a JSON document, and the schema of that document."""

from __future__ import annotations

from typing import Any

import msgspec

from dl_harness.results import SCHEMA_VERSION, Report


def to_json(report: Report) -> bytes:
    """The document, indented, with a line end at its end."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def schema() -> dict[str, Any]:
    """The JSON Schema of the document, as it is shipped in `report.schema.json`.

    Unknown properties are allowed, so that a later version may add some.
    """
    _, components = msgspec.json.schema_components((Report,), ref_template="#/$defs/{name}")
    definitions = {name: _as_written(definition) for name, definition in components.items()}
    root = definitions.pop("Report")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **root,
        "title": "Report of dl-harness check",
        "description": f"Version {SCHEMA_VERSION}. Versions of the same major number only add properties.",
        "$defs": definitions,
    }


def _as_written(definition: dict[str, Any]) -> dict[str, Any]:
    """The definition of an object of which every property is written, also one that has a default."""
    properties = {
        name: {keyword: value for keyword, value in of.items() if keyword != "default"}
        for name, of in definition["properties"].items()
    }
    return {**definition, "properties": properties, "required": list(properties)}
