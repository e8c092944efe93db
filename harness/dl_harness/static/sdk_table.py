"""What the supported SDK versions offer, out of the table that `make_sdk_table.py` writes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from dl_harness.evidence import Parameter

Entry = dict[str, Any]


@dataclass(frozen=True)
class Version:
    """The public names of one SDK version."""

    name: str
    names: frozenset[str]
    functions: dict[str, str]
    aliases: dict[str, str]
    repositories: dict[str, str]
    classes: dict[str, Entry]
    modules: frozenset[str]
    spaces: dict[str, frozenset[str]]

    def has(self, kind: str, attribute: str) -> bool | None:
        """Whether a class has an attribute; None when the class is not known or takes any."""
        entry = self.classes.get(kind)
        if entry is None or entry.get("open"):
            return None
        return attribute in entry["attributes"] or attribute in entry.get("methods", {})

    def method(self, kind: str, name: str) -> tuple[Parameter, ...] | None:
        """The parameters of a method without self, or None."""
        text = self.classes.get(kind, {}).get("methods", {}).get(name)
        return None if text is None else signature(text)


@dataclass(frozen=True)
class SdkTable:
    """The oldest and the newest supported version."""

    oldest: Version
    newest: Version
    adapter_attributes: frozenset[str] = field(default_factory=frozenset)

    @property
    def versions(self) -> tuple[Version, Version]:
        """Both, the oldest first."""
        return self.oldest, self.newest

    def type_of(self, kind: str, attribute: str) -> str | None:
        """The class of what an attribute or a method of a class gives, where that is certain."""
        found = self.newest.classes.get(kind, {}).get("types", {}).get(attribute)
        return found if isinstance(found, str) else None


@cache
def sdk_table() -> SdkTable:
    """The table, read once."""
    table = json.loads(Path(__file__).with_name("sdk_table.json").read_text("utf-8"))
    new, old = table["newest"], table["oldest"]
    newest = _version(new, new["names"], new["functions"], new["classes"], new["modules"], new["spaces"])
    classes = {n: _older(e, old["classes"].get(n, {})) for n, e in new["classes"].items() if n not in old["missing"]}
    oldest = _version(
        {**new, "version": old["version"]},
        _departed(new["names"], old["names"]),
        {**new["functions"], **old["functions"]},
        {**classes, **old["gone"]},
        _departed(new["modules"], old["modules"]),
        {n: _departed(new["spaces"].get(n, []), d) for n, d in old["spaces"].items()},
    )
    adapter = [v.classes["BaseModelAdapter"] for v in (oldest, newest)]
    attributes = frozenset(name for entry in adapter for name in (*entry["attributes"], *entry["methods"]))
    return SdkTable(oldest, newest, attributes)


def _version(
    of: Entry, names: list[str], functions: Entry, classes: Entry, modules: list[str], spaces: Entry
) -> Version:
    return Version(
        name=of["version"],
        names=frozenset(names),
        functions=functions,
        aliases=of["aliases"],
        repositories=of["repositories"],
        classes=classes,
        modules=frozenset(modules),
        spaces={name: frozenset(inner) for name, inner in spaces.items()},
    )


def _departed(names: list[str], departure: dict[str, list[str]]) -> list[str]:
    return [*({*names} - {*departure["less"]}), *departure["more"]]


def _older(entry: Entry, departure: Entry) -> Entry:
    methods = {**entry.get("methods", {}), **departure.get("methods", {})}
    attributes = departure.get("attributes")
    return {
        **entry,
        **({"init": departure["init"]} if "init" in departure else {}),
        "methods": {name: text for name, text in methods.items() if text is not None},
        "attributes": _departed(entry["attributes"], attributes) if attributes else entry["attributes"],
    }


@cache
def signature(text: str) -> tuple[Parameter, ...]:
    """The parameters that a line of the table stands for: `item,overwrite=,**kwargs`."""
    found: list[Parameter] = []
    kind = "positional_or_keyword"
    for part in text.split(",") if text else ():
        if part.startswith("**"):
            found.append(Parameter(part[2:], "var_keyword"))
        elif part.startswith("*"):
            kind = "keyword_only"
            if len(part) > 1:
                found.append(Parameter(part[1:], "var_positional"))
        else:
            found.append(Parameter(part.rstrip("="), kind, not part.endswith("=")))
    return tuple(found)
