"""The starting state of a check: items of the adapter's kind, a model entity, and its artifacts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dl_harness.evidence import Subject
from dl_harness.ground_truth import annotations_for

ABOUT_TEXT = re.compile(r"(?<![a-z])(tokeniz|sentence|text|spacy|nltk)")
"""At the beginning of a word: a context is no text."""

FIXTURES = {"image": "images", "text": "texts", "prompt": "prompts", "audio": "audio", "json": "json"}
"""The sample items for an input type (dl_fixtures)."""

WITHOUT_SAMPLES = frozenset({"video", "pcd", "lidar", "dicom"})
"""Input types that no other sample can stand in for."""

if TYPE_CHECKING:
    from dl_mock.platform import Platform

Document = dict[str, Any]


@dataclass(frozen=True)
class Seeded:
    """Where things are on the platform after a scene was loaded."""

    project_id: str
    dataset_id: str
    model_id: str
    item_ids: tuple[str, ...]
    annotation_ids: frozenset[str]


def input_kind(subject: Subject, source: str) -> tuple[str, str | None]:
    """What kind of items the adapter takes, and a sentence on how that was inferred when nobody declared it.

    Prompt adapters declare any input type (126 of 320 public models are remote chat and embedding services), so what
    the source calls decides first. The platform gives a model without inputType the type image (OpenAPI: APIModel), and
    with it the default prepare_item_func decodes images; only an adapter that prepares items itself can take others.
    """
    if _PROMPTS.search(source):
        return "prompt", "prompt items, since the source uses dl.PromptItem"
    declared = subject.model.input_type
    if declared is not None and (declared in FIXTURES or declared in WITHOUT_SAMPLES):
        return declared, None
    said = f"inputType {declared!r}" if declared else "no inputType is declared"
    media = (subject.media or "").lower()
    for kind in (*FIXTURES, *WITHOUT_SAMPLES):
        if media.startswith(kind):
            return kind, f"{kind} items, since the manifest's attributes say Media Type {subject.media}"
    if subject.overrides("prepare_item_func"):
        for kind, signs in _SIGNS.items():
            if signs.search(source) and not (kind != "audio" and _IMAGES.search(source)):
                return kind, f"{kind} items, since {said} and the source handles {kind}"
    return "image", f"image items, since {said} (the platform's own default)"


def further_kinds(kind: str, source: str) -> tuple[str, ...]:
    """Kinds of items that the source also handles: embedders of prompts often take plain texts, too."""
    return ("text",) if kind == "prompt" and _TEXT_BRANCH.search(source) else ()


_TEXT_BRANCH = re.compile(r"""mimetype.{0,40}["']text\b|["']text\b.{0,40}mimetype""")
_PROMPTS = re.compile(r"\bPromptItem\b|\bto_messages\b|\bprompt_item\b")
_IMAGES = re.compile(r"\bcv2\b|\bPIL\b|\bimages?\b|\bndarray\b|\.shape\b|\bpixel", re.IGNORECASE)
_SIGNS = {
    "audio": re.compile(r"\blibrosa\b|\bsoundfile\b|\btorchaudio\b|\bwhisper\b|\bwave\b|audio/", re.IGNORECASE),
    "json": re.compile(r"json\.loads?\([^)\n]*(?:download|\.read\()"),
    "text": re.compile(r"\.decode\(|text/plain|tokeniz|\bsentences?\b|\bspacy\b|\bnltk\b", re.IGNORECASE),
}


def items_of(path: Path) -> tuple[list[Document], list[Document]]:
    """The items and annotations below a path: a scene file, a folder in Dataloop's layout, or a folder of files.

    Raises dl_mock.SceneError for what is no scene.
    """
    from dl_mock.scene import read_scene

    scene, root, _ = read_scene(path)
    items = []
    for item in scene.get("items", ()):
        kept = {name: value for name, value in item.items() if name != "datasetId"}  # all go to the check's own dataset
        items.append({**kept, "file": str(root / item["file"])} if "file" in item else kept)
    return items, [dict(annotation) for annotation in scene.get("annotations", ())]


def build(
    subject: Subject,
    model: Document,
    kind: str,
    items: Sequence[Document],
    annotations: Sequence[Document],
    bundled: bool = False,
) -> tuple[dict[str, list[Document]], tuple[str, ...]]:
    """The scene of a check, and what had to be inferred for it; `bundled` items are samples that say nothing."""
    inferred: list[str] = []
    files = [item for item in items if item.get("type", "file") == "file"]
    output_type = model.get("outputType") or _common_type(files, annotations) or ("class" if kind == "image" else None)
    if not model.get("outputType") and output_type:
        inferred.append(f"output type {output_type} for the model entity, since none is declared")
    labels = list(model.get("labels") or _labels(files, annotations))
    if bundled and model.get("labels"):
        files, added = _relabelled(files, output_type, labels), 0
        inferred.append(f"ground truth of type {output_type} with the model's labels on the sample items")
    else:
        files, added = _with_ground_truth(files, annotations, output_type, labels)
    if added:
        inferred.append(f"ground truth of type {output_type} on {added} items that have none")
    subsets = ((model.get("metadata") or {}).get("system") or {}).get("subsets")
    if subject.overrides("train") and not _match(subsets, files):
        files, subsets = _split(files)
        inferred.append("subsets /train and /validation, since the model's own subsets select none of the items")
    dataset = {"name": "check", "labels": _label_tree(labels)}
    return {
        "projects": [{"name": "dl-harness"}],
        "datasets": [dataset],
        "items": list(files),
        "annotations": list(annotations),
        "models": [_model(model, subject, output_type, labels, subsets)],
    }, tuple(inferred)


def starting(
    subject: Subject, model: Document, kind: str, source: Path | None
) -> tuple[dict[str, list[Document]], tuple[str, ...]]:
    """The scene over the items below `source`, or over samples of the kind, and what had to be inferred for it."""
    import dl_fixtures

    samples = FIXTURES.get(kind)
    path = source or (dl_fixtures.path(samples) if samples else None)
    items, annotations = items_of(path) if path else ([], [])
    return build(subject, model, kind, items, annotations, bundled=source is None)


def seed(platform: Platform, documents: Mapping[str, Sequence[Document]], artifacts: Path | None) -> Seeded:
    """Put a scene on a platform, with the files below `artifacts` as the model's."""
    rows = {key: [dict(row) for row in found] for key, found in documents.items()}
    models = rows.pop("models")
    platform.load_scene(rows)
    state = platform.state
    dataset = state.find("datasets", name="check")[0]
    project_id = dataset["projects"][0]
    item_ids = tuple(sorted(i["id"] for i in state.find("items", datasetId=dataset["id"]) if i["type"] == "file"))
    annotation_ids = frozenset(a["id"] for a in state.all("annotations"))
    model = {**models[0], "datasetId": dataset["id"], "projectId": project_id, "context": {"project": project_id}}
    return Seeded(project_id, dataset["id"], add_model(platform, model, artifacts), item_ids, annotation_ids)


def add_model(platform: Platform, document: Document, artifacts: Path | None) -> str:
    """Put a model on a platform, with the files below `artifacts` as its own, and return its id."""
    state = platform.state
    model = dict(document)
    binaries = state.find("datasets", name="Binaries")[0]
    if artifacts is not None and artifacts.is_dir():
        files = [{**row, "datasetId": binaries["id"]} for row in artifact_items(artifacts, model["name"])]
        platform.load_scene({"items": files})
        stored = [state.item_at(binaries["id"], file["filename"]) for file in files]
        model["artifacts"] = [{"type": "item", "itemId": item["id"]} for item in stored if item is not None]
    known = {one["id"] for one in state.all("models")}
    platform.load_scene({"models": [model]})
    return next(str(one["id"]) for one in state.all("models") if one["id"] not in known)


def _model(declared: Document, subject: Subject, output_type: str | None, labels: list[str], subsets: Any) -> Document:
    document = {k: v for k, v in declared.items() if k not in {"computeConfigs", "artifacts", "codebase"}}
    document["name"] = subject.model.name
    document.setdefault("status", "pre-trained")
    document["configuration"] = dict(declared.get("configuration") or {})
    document["labels"] = labels
    if output_type:
        document["outputType"] = output_type
    metadata = dict(declared.get("metadata") or {})
    system = dict(metadata.get("system") or {})
    if subsets:
        system["subsets"] = subsets
    document["metadata"] = {**metadata, "system": system}
    return document


def _label_tree(labels: Iterable[str]) -> list[Document]:
    return [{"tag": label} for label in labels]


def _nested(files: Sequence[Document], annotations: Sequence[Document]) -> Iterable[Document]:
    yield from annotations
    for item in files:
        yield from item.get("annotations") or ()


def _labels(files: Sequence[Document], annotations: Sequence[Document]) -> list[str]:
    found = (a.get("label") for a in _nested(files, annotations))
    return sorted({label for label in found if isinstance(label, str)}) or ["object"]


def _common_type(files: Sequence[Document], annotations: Sequence[Document]) -> str | None:
    found = [a.get("type") for a in _nested(files, annotations)]
    return max(sorted({t for t in found if isinstance(t, str)}), key=found.count, default=None)


def _with_ground_truth(
    files: Sequence[Document], annotations: Sequence[Document], output_type: str | None, labels: Sequence[str]
) -> tuple[list[Document], int]:
    """Items with at least one annotation of the model's type and labels each, so that there is something to learn."""
    if any(a.get("type") == output_type and a.get("label") in labels for a in _nested(files, annotations)):
        return list(files), 0
    added = 0
    result = []
    for index, item in enumerate(files):
        own = [] if annotations else annotations_for(item, output_type, labels, index)
        added += bool(own)
        result.append({**item, "annotations": [*(item.get("annotations") or ()), *own]} if own else item)
    return result, added


def _relabelled(files: Sequence[Document], output_type: str | None, labels: Sequence[str]) -> list[Document]:
    """Sample items whose annotations of the model's type have the model's labels, every subset holding each of them."""
    result = []
    for index, item in enumerate(files):
        place = index // 3 if index % 3 == 2 else index // 3 * 2 + index % 3  # within the subset, see _split
        given = item.get("annotations") or ()
        own = [one for one in given if one.get("type") == output_type]
        made = own or annotations_for(item, output_type, labels, place)
        renamed = [{**one, "label": labels[(place + shift) % len(labels)]} for shift, one in enumerate(made)]
        others = [one for one in given if one not in own]
        result.append({**item, "annotations": [*others, *renamed]} if renamed or others else item)
    return result


def _match(subsets: Any, files: Sequence[Document]) -> bool:
    """Whether every subset that the model declares selects at least one of the items."""
    if not isinstance(subsets, dict) or not subsets:
        return False
    from dl_mock.platform import Platform

    platform = Platform()
    platform.load_scene({"datasets": [{"name": "check"}], "items": [dict(item) for item in files]})
    dataset = platform.state.find("datasets", name="check")[0]
    return all(_count(platform, dataset["id"], subset) for subset in subsets.values())


def _count(platform: Platform, dataset_id: str, query: Document) -> int:
    from dl_mock.message import Request

    body = json.dumps({**query, "page": 0, "pageSize": 0, "resource": "items"}).encode()
    headers = {"authorization": f"Bearer {platform.token}", "content-type": "application/json"}
    answer = json.loads(platform.handle(Request("POST", f"/datasets/{dataset_id}/query", {}, headers, body)).body)
    return int(answer.get("totalItemsCount") or 0)


def _split(files: Sequence[Document]) -> tuple[list[Document], Document]:
    """Two thirds of the items below /train, the others below /validation, as folders of the dataset."""
    folders = ["/validation" if index % 3 == 2 else "/train" for index in range(len(files))]
    moved = [
        {**{k: v for k, v in item.items() if k not in {"dir", "name"}}, "filename": folder + item["filename"]}
        for item, folder in zip(files, folders, strict=True)
    ]
    flat = all(item["filename"].count("/") == 2 for item in moved)
    subsets = {name: _folder_filter(f"/{name}", flat) for name in ("train", "validation")}
    return moved, subsets


def _folder_filter(folder: str, flat: bool) -> Document:
    """What the platform's own pages write for a folder, or a pattern for all that is below it."""
    place = {"dir": folder} if flat else {"filename": f"{folder}/*"}
    return {
        "filter": {"$and": [{"hidden": False}, {"type": "file"}, place]},
        "page": 0,
        "pageSize": 1000,
        "resource": "items",
    }


def artifact_items(folder: Path, model_name: str) -> list[Document]:
    """Items of the binaries dataset for every file of an artifacts folder (SDK: repositories/artifacts.py)."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [
        {"filename": f"/artifacts/models/{model_name}/{path.relative_to(folder).as_posix()}", "file": str(path)}
        for path in files
    ]
