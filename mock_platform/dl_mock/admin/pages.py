"""Pages to look at what a platform holds. Rendered here, no script, nothing from another machine."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from dl_mock.admin.drawing import colour_given, draw
from dl_mock.admin.surface import PREFIX, Operation, Visit
from dl_mock.documents import BINARIES, Document
from dl_mock.message import Response
from dl_mock.routing import ApiError
from dl_mock.state import State

if TYPE_CHECKING:
    from jinja2 import Environment

    from dl_mock.platform import JournalEntry

TILES = 48  # items on a page of a dataset
ROWS = 100  # requests on a page of the journal
LONGEST_TEXT = 20_000  # characters of a text item that are shown
THUMBNAIL = 320  # pixels of the longer side
# What a browser may show of an item; anything else, such as HTML or SVG that could run something, is only saved.
SHOWN = frozenset(
    {
        *("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/avif"),
        *("audio/mpeg", "audio/wav", "audio/x-wav", "audio/ogg", "audio/flac", "audio/mp4"),
        *("video/mp4", "video/webm", "video/ogg", "video/quicktime"),
    }
)
SAFE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
}


def home(visit: Visit) -> Response:
    """What there is at a glance."""
    platform = visit.platform
    datasets = sorted(platform.state.all("datasets"), key=lambda one: one["name"] == BINARIES)
    return _page(
        "home.html.jinja",
        visit,
        projects=platform.state.all("projects"),
        datasets=[{**one, "totals": platform.state.totals(one["id"])} for one in datasets],
        models=platform.state.all("models"),
        executions=list(reversed(platform.state.all("executions")))[:12],
        entries=list(reversed(platform.journal[-12:])),
        unmatched=len(platform.unmatched),
        requests=len(platform.journal),
    )


def dataset(visit: Visit) -> Response:
    """The items of a dataset, with their annotations drawn on them."""
    state = visit.platform.state
    found = _found(visit, "datasets")
    wanted = visit.request.query.get("q", "")
    items = [one for one in state.find("items", datasetId=found["id"]) if one["type"] != "dir"]
    shown = [one for one in items if wanted.lower() in one["filename"].lower()]
    page = visit.number("page", 0)
    colours = _colours(state, found)
    tiles = [_tile(state, one, colours) for one in shown[page * TILES : (page + 1) * TILES]]
    return _page(
        "dataset.html.jinja",
        visit,
        dataset=found,
        tiles=tiles,
        labels=colours,
        total=len(items),
        found=len(shown),
        page=page,
        pages=max(1, -(-len(shown) // TILES)),
        wanted=wanted,
        link=lambda number: f"{PREFIX}/datasets/{found['id']}?{urlencode({'q': wanted, 'page': number})}",
    )


def item(visit: Visit) -> Response:
    """One item, what is on it, and its document."""
    state = visit.platform.state
    found = _found(visit, "items")
    owner = state.get("datasets", found["datasetId"]) or {"id": found["datasetId"], "name": "?"}
    tile = _tile(state, found, _colours(state, owner))
    return _page(
        "item.html.jinja",
        visit,
        item=found,
        dataset=owner,
        tile=tile,
        text=_text_of(state, found),
        prompts=_prompts(state, found),
        document=json.dumps(found, indent=2, ensure_ascii=False),
        vectors=state.find("feature_vectors", entityId=found["id"]),
    )


def model(visit: Visit) -> Response:
    """One model: how it stands, how it came there, its metrics, artifacts and executions."""
    state = visit.platform.state
    found = _found(visit, "models")
    executions = [one for one in state.all("executions") if (one.get("model") or {}).get("modelId") == found["id"]]
    artifacts = [(one, state.get("items", one.get("itemId") or "")) for one in found.get("artifacts") or []]
    return _page(
        "model.html.jinja",
        visit,
        model=found,
        figures=_figures(state.find("metrics", modelId=found["id"])),
        artifacts=artifacts,
        executions=list(reversed(executions))[:50],
        dataset=state.get("datasets", found.get("datasetId") or ""),
        configuration=json.dumps(found.get("configuration"), indent=2, ensure_ascii=False),
        document=json.dumps(found, indent=2, ensure_ascii=False),
    )


def execution(visit: Visit) -> Response:
    """One execution, with its log."""
    state = visit.platform.state
    found = _found(visit, "executions")
    return _page(
        "execution.html.jinja",
        visit,
        execution=found,
        model=state.get("models", (found.get("model") or {}).get("modelId") or ""),
        lines=state.find("logs", executionId=found["id"]),
        document=json.dumps(found, indent=2, ensure_ascii=False),
    )


def journal(visit: Visit) -> Response:
    """Requests, the latest first."""
    entries = visit.platform.journal
    only = visit.request.query.get("only", "")
    if only not in ("", "errors", "unmatched"):
        raise ApiError(400, f"only: expected 'errors' or 'unmatched', saw {only!r}")
    chosen = [one for one in reversed(entries) if _is_chosen(one, only)]
    page = visit.number("page", 0)
    return _page(
        "journal.html.jinja",
        visit,
        entries=chosen[page * ROWS : (page + 1) * ROWS],
        total=len(entries),
        found=len(chosen),
        only=only,
        page=page,
        pages=max(1, -(-len(chosen) // ROWS)),
        link=lambda number, only=only: f"{PREFIX}/journal?{urlencode({'only': only, 'page': number})}",
    )


def _is_chosen(entry: JournalEntry, only: str) -> bool:
    if only == "errors":
        return entry.status >= 400
    return not only or entry.route is None


def content(visit: Visit) -> Response:
    """The bytes of an item: shown if they are a picture, a sound or a film, else only saved."""
    found = _found(visit, "items")
    kind = str(((found.get("metadata") or {}).get("system") or {}).get("mimetype") or "").lower()
    headers = {**SAFE, "content-security-policy": "default-src 'none'; sandbox"}
    if kind in SHOWN:
        headers["content-type"] = kind
    else:
        headers |= {"content-type": "application/octet-stream", "content-disposition": "attachment"}
    return Response(200, visit.platform.state.read(found["id"]), headers)


def thumbnail(visit: Visit) -> Response:
    """An image made small; as it is if that cannot be done."""
    found = _found(visit, "items")
    from PIL import Image

    try:
        with Image.open(io.BytesIO(visit.platform.state.read(found["id"]))) as image:
            if max(image.size) <= THUMBNAIL or getattr(image, "is_animated", False):
                return content(visit)
            image.draft("RGB", (THUMBNAIL, THUMBNAIL))
            image.thumbnail((THUMBNAIL, THUMBNAIL))
            output = io.BytesIO()
            image.convert("RGBA" if "A" in image.getbands() else "RGB").save(output, "WEBP", quality=80)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return content(visit)
    return Response(200, output.getvalue(), {**SAFE, "content-type": "image/webp"})


def style(_visit: Visit) -> Response:
    """The one style sheet."""
    return Response(200, _style(), {**SAFE, "content-type": "text/css; charset=utf-8"})


PAGES: tuple[Operation, ...] = (
    Operation("GET", "/", home, "what there is at a glance"),
    Operation("GET", "/datasets/{id}", dataset, "items of a dataset"),
    Operation("GET", "/items/{id}", item, "one item"),
    Operation("GET", "/items/{id}/content", content, "the bytes of an item"),
    Operation("GET", "/items/{id}/thumbnail", thumbnail, "an image, small"),
    Operation("GET", "/models/{id}", model, "one model"),
    Operation("GET", "/executions/{id}", execution, "one execution"),
    Operation("GET", "/journal", journal, "requests"),
    Operation("GET", "/style.css", style, "how the pages look"),
)


def _found(visit: Visit, collection: str) -> Document:
    document = visit.platform.state.get(collection, visit.params["id"])
    if document is None:
        raise ApiError(404, f"there is no {visit.params['id']!r} among the {collection}")
    return document


def _colours(state: State, owner: Mapping[str, Any]) -> dict[str, str]:
    """The labels of a dataset's ontologies and their colours."""
    colours: dict[str, str] = {}
    system = (owner.get("metadata") or {}).get("system") or {}
    for recipe_id in system.get("recipes") or []:
        for ontology_id in (state.get("recipes", recipe_id) or {}).get("ontologyIds") or []:
            _collect((state.get("ontologies", ontology_id) or {}).get("roots") or [], "", colours)
    return colours


def _collect(nodes: Any, above: str, colours: dict[str, str]) -> None:
    for node in nodes if isinstance(nodes, list) else []:
        value = node.get("value") if isinstance(node, Mapping) else None
        if not isinstance(value, Mapping) or not isinstance(value.get("tag"), str):
            continue
        name = f"{above}{value['tag']}"
        colour = colour_given(value.get("color"))
        if colour:
            colours[name] = colour
        _collect(node.get("children"), f"{name}.", colours)


def _tile(state: State, found: Document, colours: Mapping[str, str]) -> dict[str, Any]:
    """An item with its annotations, as the templates draw it."""
    system = (found.get("metadata") or {}).get("system") or {}
    kind = str(system.get("mimetype") or "").lower()
    width, height = _side(system.get("width")), _side(system.get("height"))
    drawn = [draw(one, colours) for one in state.annotations_of(found["id"])]
    return {
        "id": found["id"],
        "name": found["name"],
        "filename": found["filename"],
        "kind": kind.partition("/")[0] if kind in SHOWN else kind or "unknown",
        "mimetype": kind,
        "size": system.get("size"),
        "picture": kind in SHOWN and kind.startswith("image/") and bool(width and height),
        "width": width or 1,
        "height": height or 1,
        # Lines and letters as large on a small image as on a large one.
        "unit": max(width, height, 1) / 100,
        "drawn": drawn,
        "classes": [one for one in drawn if one.type == "class"],
        "hidden": bool(found.get("hidden")),
    }


def _side(value: Any) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if number and 0 < value <= 100_000 else 0.0


def _text_of(state: State, found: Document) -> str | None:
    system = (found.get("metadata") or {}).get("system") or {}
    kind = str(system.get("mimetype") or "")
    if not (kind.startswith("text/") or kind.endswith("json")):
        return None
    return state.read(found["id"])[: 4 * LONGEST_TEXT].decode(errors="replace")[:LONGEST_TEXT]


def _prompts(state: State, found: Document) -> list[dict[str, Any]]:
    """What was asked in a prompt item; what was answered stands among its annotations."""
    shebang = ((found.get("metadata") or {}).get("system") or {}).get("shebang") or {}
    if not isinstance(shebang, Mapping) or shebang.get("dltype") != "prompt":
        return []
    try:
        prompts = json.loads(state.read(found["id"]))["prompts"]
        return [
            {"key": str(key), "parts": [str(part.get("value")) for part in parts if isinstance(part, Mapping)]}
            for key, parts in prompts.items()
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def _figures(metrics: list[Document]) -> list[dict[str, Any]]:
    """Metrics by figure, each legend as a line in a frame of 300 by 120."""
    figures: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for one in metrics:
        data = one.get("data") or {}
        x, y = _finite(data.get("x")), _finite(data.get("y"))
        if x is not None and y is not None:
            figures.setdefault(str(one.get("figure")), {}).setdefault(str(one.get("legend") or ""), []).append((x, y))
    return [_figure(name, lines) for name, lines in figures.items()]


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and abs(value) < 1e12 else None


def _figure(name: str, lines: Mapping[str, list[tuple[float, float]]]) -> dict[str, Any]:
    from dl_mock.admin.drawing import colour_of

    xs, ys = zip(*[point for points in lines.values() for point in points], strict=True)
    left, width = min(xs), (max(xs) - min(xs)) or 1
    low, height = min(ys), (max(ys) - min(ys)) or 1

    def placed(points: list[tuple[float, float]]) -> str:
        return " ".join(
            f"{(x - left) / width * 300:.1f},{120 - (y - low) / height * 120:.1f}" for x, y in sorted(points)
        )

    return {
        "name": name,
        "low": f"{min(ys):.4g}",
        "high": f"{max(ys):.4g}",
        "first": f"{min(xs):.4g}",
        "last": f"{max(xs):.4g}",
        "lines": [
            {
                "legend": legend or "value",
                "points": placed(points),
                "dots": [tuple(one.split(",")) for one in placed(points).split()] if len(points) < 40 else [],
                "colour": colour_of(legend),
                "last": f"{sorted(points)[-1][1]:.4g}",
            }
            for legend, points in lines.items()
        ],
    }


def _page(template: str, visit: Visit, **values: Any) -> Response:
    text = _templates().get_template(template).render(prefix=PREFIX, platform=visit.platform, **values)
    return Response(200, text.encode(errors="replace"), {**SAFE, "content-type": "text/html; charset=utf-8"})


@lru_cache(maxsize=1)
def _templates() -> Environment:
    from jinja2 import ChainableUndefined, Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("dl_mock.admin"),
        autoescape=True,
        undefined=ChainableUndefined,  # documents may lack anything
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["bytes"] = _bytes
    return environment


@lru_cache(maxsize=1)
def _style() -> bytes:
    from importlib.resources import files

    return (files("dl_mock.admin") / "templates" / "style.css").read_bytes()


def _bytes(size: Any) -> str:
    """A size in words."""
    if not isinstance(size, (int, float)) or isinstance(size, bool):
        return "–"
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
