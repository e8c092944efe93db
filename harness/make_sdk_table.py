"""Write `dl_harness/static/sdk_table.json`: the public names and call signatures of the SDK's supported versions.

    python harness/make_sdk_table.py OLDEST NEWEST

Each argument is a folder that holds an installed SDK, such as one filled by `pip install --target`. Each is inspected
in a process of its own; what both versions share is written once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TABLE = Path(__file__).resolve().parent / "dl_harness" / "static" / "sdk_table.json"

INSPECT = r"""
import ast, enum, importlib, inspect, json, pkgutil, re, textwrap
import dtlpy as dl
from dtlpy import entities, repositories

def written(function):
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return "*args,**kwargs"
    shown, star = [], False
    for p in parameters:
        if p.kind is p.VAR_POSITIONAL:
            star = True
            shown.append("*" + p.name)
        elif p.kind is p.VAR_KEYWORD:
            shown.append("**" + p.name)
        else:
            if p.kind is p.KEYWORD_ONLY and not star:
                star = True
                shown.append("*")
            shown.append(p.name + ("" if p.default is p.empty else "="))
    return ",".join(shown)

def set_on_self(cls):
    names = set()
    for one in cls.__mro__:
        if one.__module__.startswith("dtlpy"):
            try:
                tree = ast.parse(textwrap.dedent(inspect.getsource(one)))
            except (OSError, TypeError, SyntaxError):
                continue
            names |= {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)
                      and isinstance(n.value, ast.Name) and n.value.id == "self"}
        names |= set(getattr(one, "__annotations__", {}))
        names |= {a.name for a in getattr(one, "__attrs_attrs__", ())}
    return names

def type_of(function):
    note = function.__annotations__.get("return") if hasattr(function, "__annotations__") else None
    if inspect.isclass(note) and note.__module__.startswith("dtlpy") and not issubclass(note, enum.Enum):
        return note.__name__
    if isinstance(note, str):
        found = re.fullmatch(r"(?:entities|repositories)\.(?:\w+\.)?(\w+)", note)
        if found:
            return found[1]
    try:
        source = inspect.getsource(function)
    except (OSError, TypeError):
        return None
    rtype = re.search(r":rtype:\s*(?:dtlpy\.entities\.\w+\.)(\w+)\s*$", source, re.M)
    owner = function.__qualname__.split(".")[0]
    if rtype and function.__name__ in {"get", "create"} and owner in {rtype[1] + "s", rtype[1][:-1] + "ies"}:
        return rtype[1]
    flat = re.sub(r"\n\s*", " ", source)
    checked = re.findall(r"assert isinstance\(self\._[\w.]+, (?:entities|repositories)\.(\w+)\)\s*return", flat)
    return checked[0] if len(checked) == 1 else None

classes, repositories_of = {}, {}
for space in (dl, entities, repositories):
    for name in dir(space):
        value = getattr(space, name)
        if inspect.isclass(value) and value.__module__.startswith("dtlpy") and not name.startswith("_"):
            classes.setdefault(value.__name__, value)
for name in dir(dl):
    value = getattr(dl, name)
    if type(value).__module__.startswith("dtlpy.repositories"):
        repositories_of[name] = type(value).__name__
        classes.setdefault(type(value).__name__, type(value))
classes["ModelConfigurations"] = getattr(dl.ml.base_model_adapter, "AdapterDefaults") if hasattr(dl, "ml") else None
from dtlpy.ml import base_model_adapter
classes["ModelConfigurations"] = base_model_adapter.AdapterDefaults

table = {}
for name, cls in sorted(classes.items()):
    if cls is None:
        continue
    if issubclass(cls, enum.Enum):
        table[name] = {"enum": True, "attributes": sorted({*dir(cls)} - {a for a in dir(cls) if a.startswith("__")})}
        continue
    attributes = ({a for a in dir(cls)} | set_on_self(cls)) - {a for a in dir(object)}
    attributes = {a for a in attributes if not (a.startswith("__") or a.startswith("_" + cls.__name__ + "__"))}
    methods, types, statics = {}, {}, []
    for a in attributes:
        raw = inspect.getattr_static(cls, a, None)
        if isinstance(raw, property) and raw.fget is not None:
            kind = type_of(raw.fget)
        elif isinstance(raw, (staticmethod, classmethod)) or inspect.isfunction(raw):
            function = raw.__func__ if isinstance(raw, (staticmethod, classmethod)) else raw
            if not a.startswith("_"):
                text = written(function)
                methods[a] = text if isinstance(raw, staticmethod) else text.partition(",")[2]
                if isinstance(raw, (staticmethod, classmethod)):
                    statics.append(a)
            kind = type_of(function)
        else:
            kind = None
        if kind is not None and not a.startswith("_") and kind in classes:
            types[a] = kind
    init = written(cls.__init__).partition(",")[2] if cls.__init__ is not object.__init__ else ""
    shown = {a for a in attributes - set(methods) if name == "BaseModelAdapter" or not a.startswith("_")}
    table[name] = {
        "init": init,
        "attributes": sorted(shown), "methods": methods,
        "types": types,
        **({"statics": sorted(statics)} if statics else {}),
        **({"open": True} if hasattr(cls, "__getattr__") or issubclass(cls, (dict, list, Exception)) else {}),
    }

names = sorted(n for n in dir(dl) if not n.startswith("_"))
public = {m for m in names if inspect.isclass(getattr(dl, m)) and getattr(dl, m).__name__ != m}
callables = {n: getattr(dl, n) for n in names}
functions = {n: written(f) for n, f in callables.items() if inspect.isfunction(f) or inspect.ismethod(f)}
aliases = {n: getattr(dl, n).__name__ for n in public if getattr(dl, n).__name__ in table}
modules = {"dtlpy": None}
for info in pkgutil.walk_packages(dl.__path__, "dtlpy."):
    if ".tests" in info.name or ".assets" in info.name or "__main__" in info.name:
        continue
    modules[info.name] = None
spaces = {}
for space in ("entities", "repositories", "ml", "utilities", "services", "miscellaneous", "exceptions"):
    module = importlib.import_module("dtlpy." + space)
    spaces["dtlpy." + space] = sorted(n for n in dir(module) if not n.startswith("_"))
from importlib.metadata import version
print("TABLE" + json.dumps({"version": version("dtlpy"), "names": names, "functions": functions, "aliases": aliases,
    "repositories": repositories_of, "classes": table, "modules": sorted(modules), "spaces": spaces}))
"""


def inspect_sdk(folder: str) -> dict[str, Any]:
    """The tables of the SDK in one folder."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")])}
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", INSPECT], env=environment, capture_output=True, text=True
    )
    lines = [line for line in ran.stdout.splitlines() if line.startswith("TABLE")]
    if not lines:
        raise SystemExit(f"the SDK in {folder} could not be inspected: {ran.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(lines[0][5:])
    return found


def difference(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The table of the newer version, and how the older one departs from it."""
    older = {
        "version": old["version"],
        "names": _departure(old["names"], new["names"]),
        "modules": _departure(old["modules"], new["modules"]),
        "functions": {n: s for n, s in old["functions"].items() if s != new["functions"].get(n)},
        "spaces": {n: _departure(names, new["spaces"].get(n, [])) for n, names in old["spaces"].items()},
        "classes": {
            name: _of_class(entry, new["classes"][name])
            for name, entry in old["classes"].items()
            if name in new["classes"] and entry != new["classes"][name]
        },
        "gone": {name: entry for name, entry in old["classes"].items() if name not in new["classes"]},
        "missing": sorted(set(new["classes"]) - set(old["classes"])),
    }
    return {"newest": new, "oldest": older}


def _departure(old: list[str], new: list[str]) -> dict[str, list[str]]:
    return {"more": sorted(set(old) - set(new)), "less": sorted(set(new) - set(old))}


def _of_class(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """What an older class has otherwise; a method that it lacks is None."""
    methods = {n: s for n, s in old.get("methods", {}).items() if s != new.get("methods", {}).get(n)}
    methods |= {n: None for n in new.get("methods", {}) if n not in old.get("methods", {})}
    attributes = _departure(old["attributes"], new["attributes"])
    init = {"init": old["init"]} if old.get("init") != new.get("init") else {}
    return {
        **init,
        **({"methods": methods} if methods else {}),
        **({"attributes": attributes} if any(attributes.values()) else {}),
    }


def main(arguments: list[str]) -> None:
    """Inspect both SDKs and write the table."""
    if len(arguments) != 2:
        raise SystemExit("usage: python harness/make_sdk_table.py OLDEST NEWEST (folders that hold an installed SDK)")
    table = difference(*(inspect_sdk(folder) for folder in arguments))
    TABLE.write_text(json.dumps(table, separators=(",", ":"), sort_keys=True) + "\n", "utf-8")
    print(f"{TABLE}: {TABLE.stat().st_size:,} bytes, {table['oldest']['version']} to {table['newest']['version']}")


if __name__ == "__main__":
    main(sys.argv[1:])
