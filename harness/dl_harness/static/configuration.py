"""Configuration keys that the code reads and the models declare, and functions that the manifest declares."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from dl_harness.evidence import Place
from dl_harness.static.files import SourceFile
from dl_harness.static.hierarchy import Hierarchy, parameters, transparent
from dl_harness.static.manifests import Declared
from dl_harness.static.notes import Notes
from dl_harness.static.sdk_table import SdkTable, signature
from dl_harness.static.vocabulary import SDK_CONFIGURATION


@dataclass(frozen=True)
class KeyRead:
    """One place that reads a key of the configuration."""

    key: str
    place: Place
    where: str
    how: str  # "subscript", "get" or "get with default"


@dataclass
class Keys:
    """The keys of the configuration as the code uses them."""

    reads: list[KeyRead] = field(default_factory=list)
    written: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)  # `"key" in configuration`
    whole: bool = False  # the configuration is passed on or walked over
    texts: set[str] = field(default_factory=set)  # every text in the code


def is_configuration(node: ast.AST, aliases: set[str]) -> bool:
    """Whether an expression is the model's configuration."""
    if isinstance(node, ast.Name):
        return node.id in aliases
    if isinstance(node, ast.Attribute) and node.attr == "configuration":
        text = ast.unparse(node.value)
        return text in {"self", "model_entity", "model"} or text.endswith((".model_entity", "model_entity"))
    return False


def keys_of(found: Hierarchy, files: list[SourceFile]) -> Keys:
    """Every use of the configuration in the classes of an adapter."""
    keys = Keys()
    for one, function in found.methods():
        aliases = {
            target.id
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and is_configuration(node.value, set())
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(function):
            if is_configuration(node, aliases) and isinstance(getattr(node, "ctx", None), ast.Load):
                _use(one.file, function.name, node, keys)
    for file in files:
        keys.texts |= {n.value for n in file.nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return keys


def _use(file: SourceFile, where: str, node: ast.AST, keys: Keys) -> None:
    parent = file.parents.get(node)
    if isinstance(parent, ast.Subscript) and parent.value is node:
        key = parent.slice.value if isinstance(parent.slice, ast.Constant) else None
        if not isinstance(key, str):
            keys.whole = True
        elif isinstance(parent.ctx, ast.Load) and not _tried(file, parent):
            keys.reads.append(KeyRead(key, file.place(parent), where, "subscript"))
        elif not isinstance(parent.ctx, ast.Load):
            keys.written.add(key)
    elif isinstance(parent, ast.Attribute) and isinstance(file.parents.get(parent), ast.Call):
        _method(file, where, parent, file.parents[parent], keys)
    elif isinstance(parent, ast.Compare):
        if isinstance(parent.left, ast.Constant) and isinstance(parent.left.value, str):
            keys.asked.add(parent.left.value)
        else:
            keys.whole = True
    elif not (isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Name)):
        keys.whole = True


def _method(file: SourceFile, where: str, parent: ast.Attribute, call: ast.AST, keys: Keys) -> None:
    assert isinstance(call, ast.Call)
    first = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
    if parent.attr in {"get", "pop", "setdefault"} and isinstance(first, str):
        default = len(call.args) > 1 or bool(call.keywords)
        keys.reads.append(KeyRead(first, file.place(call), where, "get with default" if default else "get"))
    elif parent.attr == "update":
        keys.written |= {k.arg for k in call.keywords if k.arg}
        for argument in call.args:
            if isinstance(argument, ast.Dict) and all(isinstance(k, ast.Constant) for k in argument.keys):
                keys.written |= {str(k.value) for k in argument.keys if isinstance(k, ast.Constant)}
            else:
                keys.whole = True
    else:
        keys.whole = True


def _tried(file: SourceFile, node: ast.AST) -> bool:
    return any(isinstance(p, ast.Try) for p in file.above(node))


def read_configuration(found: Hierarchy, files: list[SourceFile], declared: Declared | None, notes: Notes) -> None:
    """Compare what the code reads with what the manifest's models declare."""
    if declared is None or not declared.models():
        for kind in ("undeclared key", "key without default", "unread key", "vector size", "weights file"):
            notes.cannot(kind, "no manifest declares a model that runs on this class")
        return
    keys = keys_of(found, files)
    models = [(i, model, _configuration(model)) for i, model in declared.models()]
    whole = keys.whole or not found.whole
    for read in keys.reads:
        _read_key(read, keys, models, notes)
    _unread(declared, keys, models, whole, notes)
    _vector_size(found, declared, keys, models, notes)
    _weights(found, declared, keys, models, notes)


def _configuration(model: dict[str, Any]) -> dict[str, Any]:
    configuration = model.get("configuration")
    return configuration if isinstance(configuration, dict) else {}


Models = list[tuple[int, dict[str, Any], dict[str, Any]]]


def _read_key(read: KeyRead, keys: Keys, models: Models, notes: Notes) -> None:
    kind = {"subscript": "undeclared key", "get": "key without default"}.get(read.how)
    if kind is None:
        return
    notes.looked(kind)
    settled = read.key in keys.written | keys.asked | SDK_CONFIGURATION
    settled |= any(r.key == read.key and r.how == "get with default" for r in keys.reads)
    lacking = [model for _, model, configuration in models if read.key not in configuration]
    if settled or not lacking or (kind == "key without default" and len(lacking) < len(models)):
        return
    declared = {key for _, _, configuration in models for key in configuration}
    near = _near(read.key, declared - {r.key for r in keys.reads})
    hint = f"; there is {near!r}, which nothing reads" if near else ""
    named = f"model {lacking[0].get('name')!r}" if len(lacking) == 1 else f"{len(lacking)} of {len(models)} models"
    verb = "does" if len(lacking) == 1 else "do"
    notes.saw(
        kind,
        f"a key that the model's configuration has: {read.key!r}",
        f"{named} {verb} not declare it{hint}",
        read.where,
        read.place,
    )


def _near(key: str, others: set[str]) -> str | None:
    words = set(key.lower().split("_"))
    near = difflib.get_close_matches(key, sorted(others), 1, 0.72)
    if near:
        return near[0]
    close = [
        o
        for o in sorted(others)
        if len(words & set(o.lower().split("_"))) * 2 >= max(len(words), len(o.split("_"))) and len(words) > 1
    ]
    return close[0] if close else None


def _unread(declared: Declared, keys: Keys, models: Models, whole: bool, notes: Notes) -> None:
    """Keys that somebody sets and nothing reads: a threshold that is never used."""
    if whole:
        notes.cannot("unread key", "the configuration is passed on as a whole, which reading cannot follow")
        return
    read = {r.key for r in keys.reads}
    for i, model, configuration in models:
        for key in configuration:
            notes.looked("unread key")
            if key in keys.texts or key in keys.written | keys.asked | SDK_CONFIGURATION or key in read:
                continue
            near = _near(key, read - set(configuration))
            hint = f"; it reads {near!r}, which no model declares" if near else ""
            place = declared.place("models", i, "configuration", key)
            notes.saw(
                "unread key", f"code that reads {key!r}", f"nothing does{hint}", f"model {model.get('name')!r}", place
            )


def _vector_size(found: Hierarchy, declared: Declared, keys: Keys, models: Models, notes: Notes) -> None:
    """SDK: embed_items drops vectors of another length than configuration.embeddings_size, 256 by default."""
    if found.member("embed") is None or found.member("embed_items") is not None:
        return
    names = [f.get("name") for f in declared.module_entry.get("functions") or [] if isinstance(f, dict)]
    for i, model, configuration in models:
        if model.get("outputType") not in {None, "embedding"}:
            continue
        if model.get("outputType") is None and not {"embed_items", "embed_dataset"} & set(names):
            continue
        notes.looked("vector size")
        if "embeddings_size" not in configuration and "embeddings_size" not in keys.texts and not keys.texts & {"256"}:
            place = declared.place("models", i, "configuration")
            notes.saw(
                "vector size",
                "embeddings_size in the configuration",
                "none; vectors of another length than 256 are dropped",
                f"model {model.get('name')!r}",
                place,
            )


def _weights(found: Hierarchy, declared: Declared, keys: Keys, models: Models, notes: Notes) -> None:
    """A weights file that load expects in local_path must be among the artifacts that are downloaded there."""
    from pathlib import PurePosixPath

    load = found.member("load")
    if load is None or load.function is None:
        return
    text = ast.unparse(load.function)
    guarded = any(word in text for word in ("exists", "isfile", "is_file", "listdir", "glob", "download", "try:"))
    for i, model, configuration in models:
        artifacts = (
            [a for a in model.get("artifacts") or [] if isinstance(a, dict)]
            if isinstance(model.get("artifacts"), list)
            else []
        )
        names = {
            PurePosixPath(str(a.get(k) or "").split("?")[0]).name
            for a in artifacts
            for k in ("filename", "url", "localPath", "name")
        } - {""}
        for key in ("weights_filename", "checkpoint_filename", "weights_file", "model_filename", "checkpoint_name"):
            wanted = configuration.get(key)
            if (
                not isinstance(wanted, str)
                or not names
                or f"'{key}'" not in text
                or any(a.get("type") == "item" or a.get("itemId") for a in artifacts)
            ):
                continue
            notes.looked("weights file")
            if PurePosixPath(wanted).name not in names and not guarded:
                place = declared.place("models", i, "configuration", key)
                notes.saw(
                    "weights file",
                    f"an artifact {wanted!r}, which load opens by {key}",
                    f"artifacts {', '.join(map(repr, sorted(names)[:3]))}",
                    f"model {model.get('name')!r}",
                    place,
                )


def read_functions(found: Hierarchy, declared: Declared | None, table: SdkTable, notes: Notes) -> None:
    """Functions that the manifest declares: the class or its bases must have them, with inputs of those names."""
    if declared is None:
        return
    if found.hidden or found.dynamic:
        notes.cannot("declared function", "a base class is in no file of the repository")
        return
    entries = declared.module_entry.get("functions")
    for j, entry in enumerate(entries if isinstance(entries, list) else []):
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            continue
        place = declared.place("modules", declared.module or 0, "functions", j, "name")
        _function(found, entry, place, table, notes)


def _function(found: Hierarchy, entry: dict[str, Any], place: Place, table: SdkTable, notes: Notes) -> None:
    name = entry["name"]
    member = found.member(name)
    inherited = [v.classes[k].get("methods", {}).get(name) for v in table.versions for k in _sdk_bases(found)]
    notes.looked("declared function")
    if member is None and not any(text is not None for text in inherited):
        own = {f.name for _, f in found.methods()} | set(table.newest.classes["BaseModelAdapter"]["methods"])
        near = difflib.get_close_matches(name, sorted(own), 1, 0.7)
        hint = f"; there is {near[0]!r}" if near else ""
        notes.saw(
            "declared function",
            f"a method {name} of {found.own.name} or its bases",
            f"there is none{hint}",
            "functions",
            place,
        )
        return
    if not isinstance(entry.get("input"), list):
        return
    passed = [str(one["name"]) for one in entry["input"] if isinstance(one, dict) and one.get("name")]
    if member is None:
        taken = signature(next(text for text in reversed(inherited) if text is not None))
    elif member.function is not None and transparent(found.repository, member.owner.file, member.function):
        taken = parameters(member.function)
    else:
        return
    notes.looked("function input")
    names = {p.name for p in taken}
    unknown = [p for p in passed if p not in names] if not any(p.kind == "var_keyword" for p in taken) else []
    service = {"progress", "context"}
    missing = [p.name for p in taken if p.required and p.name not in passed and p.name not in service]
    if unknown or missing:
        parts = [f"the method has no parameter {', '.join(map(repr, unknown))}"] if unknown else []
        parts += [f"nothing is declared for {', '.join(map(repr, missing))}"] if missing else []
        notes.saw(
            "function input",
            f"inputs named as the parameters of {name}: {', '.join(p.name for p in taken if p.name not in service)}",
            " and ".join(parts),
            f"function {name!r}",
            place,
        )


def _sdk_bases(found: Hierarchy) -> Iterator[str]:
    yield "BaseModelAdapter" if found.is_adapter else "BaseServiceRunner"
