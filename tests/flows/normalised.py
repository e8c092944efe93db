"""Records of two runs made comparable: ids by what they stand for, times and random names left out, paths by role."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from dl_harness.evidence import Call, Evidence, Flow
from dl_mock import Platform
from dl_mock.state import COLLECTIONS

ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{24}(?![0-9a-f])")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?")
LEFT_OUT = frozenset({"id", "hash"})  # the mock derives an annotation's hash from its id
ROOT = re.compile(r"(working directory/tmp/ID|home/.dataloop/model_data/ID_[^/]+/\d{4}-\d\d-\d\d-\d{6})(?=/|$)")
TEMPORARY = re.compile(r"^tmp/model_(?P<name>.*)[a-z0-9_]{8}(?=/|$)")


# the trace of user functions


def trace(evidence: Evidence) -> dict[str, Any]:
    """Per flow: how it ended, each call of a user function, and what the platform holds for the items and the model."""
    return {flow.label: flow_record(flow) for flow in evidence.flows}


def flow_record(flow: Flow) -> dict[str, Any]:
    """One flow. Items are prepared side by side, so a run of preparing calls has no order of its own."""
    calls: list[Any] = []
    preparing: list[Any] = []
    for call in flow.calls:
        if call.function == "prepare_item_func" and call.depth == 0:
            preparing.append(call_record(flow, call))
            continue
        calls += [*sorted(preparing, key=lambda one: one["items"]), call_record(flow, call)]
        preparing = []
    return {
        "ended": flow.ended,
        "items": [item.name for item in flow.items],
        "batch_size": flow.batch_size,
        "calls": calls + sorted(preparing, key=lambda one: one["items"]),
        "stored": {flow.item(one.item).name: plain(one, "item") for one in flow.stored},
        "artifacts": flow.artifacts,
        "status": flow.status,
    }


def call_record(flow: Flow, call: Call) -> dict[str, Any]:
    """One call: with what it was made, what it gave back, which files it changed."""
    return {
        "function": call.function,
        "depth": call.depth,
        "positional": call.positional,
        "keywords": call.keywords,
        "size": call.size,
        "items": [flow.item(item).name for item in call.items],
        "paths": {name: role(path) for name, path in call.paths.items()},
        "ended": call.ended,
        "returned": plain(call.returned),
        "changes": sorted({(role(change.where), change.what) for change in call.changes}),
    }


def plain(record: msgspec.Struct | None, *left_out: str) -> Any:
    """A record as plain data."""
    document = msgspec.to_builtins(record)
    return {name: value for name, value in document.items() if name not in left_out} if document else document


def role(path: str) -> str:
    """A path by what it is for; the root of a training is the one that a listed departure is about."""
    return ROOT.sub("<training root>", TEMPORARY.sub(r"tmp/model_\g<name>", ID.sub("ID", path)))


def difference(one: Any, other: Any, where: str = "") -> str | None:
    """Where two records first differ, or None; numbers may differ by rounding."""
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return None if math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9) else f"{where}: {one} and {other}"
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            return f"{where}: only one has {sorted(one.keys() ^ other.keys())}"
        pairs: Iterable[Any] = ((f"{where}.{key}", one[key], other[key]) for key in one)
    elif isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        if len(one) != len(other):
            return f"{where}: {len(one)} and {len(other)} entries: {one!r:.500} and {other!r:.500}"
        pairs = ((f"{where}[{index}]", *pair) for index, pair in enumerate(zip(one, other, strict=True)))
    else:
        return None if one == other else f"{where}: {one!r} and {other!r}"
    return next((found for at, a, b in pairs if (found := difference(a, b, at))), None)


# the platform's state


def state_of(platform: Platform) -> dict[str, list[Any]]:
    """Everything that the platform holds, but for what only transports an export: its commands and its files."""
    roles = dict(_roles(platform))

    def named(text: str) -> str:
        return TIME.sub("<time>", ID.sub(lambda match: roles.get(match[0], "<id>"), text))

    found: dict[str, list[Any]] = {}
    for collection in sorted(set(COLLECTIONS) - {"commands"}):
        rows = []
        for document in platform.state.all(collection):
            row = json.loads(named(json.dumps({k: v for k, v in document.items() if k not in LEFT_OUT})))
            if collection == "items":
                if str(document["filename"]).startswith("/exports"):
                    continue
                row["content"] = _content(platform, document, named)
            rows.append(row)
        found[collection] = sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))
    return found


def _roles(platform: Platform) -> Iterator[tuple[str, str]]:
    """What each id stands for."""
    state = platform.state
    for collection in COLLECTIONS:
        for document in state.all(collection):
            yield document["id"], f"<{collection} {document.get('name') or document.get('title') or ''}>"
    for item in state.all("items"):
        yield item["id"], f"<item {item['filename']}>"
    for annotation in state.all("annotations"):
        item = state.get("items", annotation["itemId"]) or {}
        yield annotation["id"], f"<annotation of {item.get('filename')}>"


def _content(platform: Platform, item: Mapping[str, Any], named: Any) -> Any:
    """An item's bytes: texts in sorted lines, since the scores come from threads; all else by its digest."""
    if item["type"] != "file":
        return None
    content = platform.state.read(item["id"])
    if str(item["filename"]).endswith((".csv", ".json")):
        return sorted(named(content.decode()).splitlines())
    return hashlib.sha1(content).hexdigest()
