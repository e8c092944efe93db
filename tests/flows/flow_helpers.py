"""What the tests of the flows share: a small scene, an adapter that behaves, and the SDK's and the reference wrappers
run over it one after the other."""

from __future__ import annotations

import base64
import io
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dtlpy as dl
import numpy as np
from PIL import Image

from dl_harness.flows import reference
from dl_mock import Platform, Request, Response, connect
from dl_mock.clock import ticking_clock
from dl_mock.ids import ObjectIds

DATASET = "65aa00000000000000000002"
MODEL = "65aa00000000000000000003"
BOX = [{"x": 1.0, "y": 2.0, "z": 0}, {"x": 9.0, "y": 8.0, "z": 0}]


def version() -> tuple[int, ...]:
    """The installed SDK's version."""
    return tuple(int(part) for part in dl.__version__.split("."))


def subset(directory: str) -> dict[str, Any]:
    """The items of one directory, as a model's metadata holds the query."""
    terms = [{"hidden": False}, {"type": "file"}, {"dir": directory}]
    return {"filter": {"$and": terms}, "page": 0, "pageSize": 1000, "resource": "items"}


def mask(width: int = 64, height: int = 48) -> str:
    """A segmentation of a whole image, as the platform holds it."""
    content = io.BytesIO()
    Image.new("RGBA", (width, height), (255, 0, 0, 255)).save(content, "PNG")
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()


def scene(**model: Any) -> dict[str, Any]:
    """Ten images in two directories with one annotation each, and a model to predict, embed and train them."""
    names = [f"/train/{index}.png" for index in range(6)] + [f"/validation/{index}.png" for index in range(4)]
    kind = model.get("outputType", "box")
    box = {"type": "box", "label": "cat", "coordinates": BOX}
    annotation = {"binary": {**box, "type": "binary", "coordinates": mask()}}.get(kind, box)
    return {
        "projects": [{"id": "65aa00000000000000000001", "name": "project"}],
        "datasets": [{"id": DATASET, "name": "dataset", "projects": ["65aa00000000000000000001"]}],
        "items": [{"filename": name, "annotations": [annotation]} for name in names],
        "models": [
            {
                "id": MODEL,
                "name": "model",
                "datasetId": DATASET,
                "outputType": "box",
                "labels": ["cat"],
                "status": "pre-trained",
                "configuration": {"embeddings_size": 4},
                "metadata": {"system": {"subsets": {"train": subset("/train"), "validation": subset("/validation")}}},
                **model,
            }
        ],
    }


class Adapter(dl.BaseModelAdapter):  # type: ignore[misc]
    """Finds one box, gives one vector, learns the number of its training images; notes what it was called with."""

    def __init__(self, model_entity: Any = None) -> None:
        self.log: list[tuple[str, Any]] = []
        super().__init__(model_entity=model_entity)

    def load(self, local_path: str, **kwargs: Any) -> None:
        self.log.append(("load", local_path))

    def save(self, local_path: str, **kwargs: Any) -> None:
        self.log.append(("save", local_path))
        Path(local_path).mkdir(parents=True, exist_ok=True)
        (Path(local_path) / "weights.bin").write_bytes(b"weights")

    def predict(self, batch: Any, **kwargs: Any) -> Any:
        self.log.append(("predict", len(batch)))
        return [self.found() for _ in batch]

    def found(self, count: int = 1, label: str = "cat") -> Any:
        collection = dl.AnnotationCollection()
        for _ in range(count):
            info = {"name": "model", "model_id": MODEL, "confidence": 0.5}
            collection.add(dl.Box(left=1, top=1, right=9, bottom=9, label=label), model_info=info)
        return collection

    def embed(self, batch: Any, **kwargs: Any) -> Any:
        self.log.append(("embed", len(batch)))
        return [[float(np.asarray(image).mean()), 2.0, 3.0, 4.0] for image in batch]

    def convert_from_dtlpy(self, data_path: str, **kwargs: Any) -> None:
        self.log.append(("convert", files(data_path)))

    def train(self, data_path: str, output_path: str, **kwargs: Any) -> None:
        self.log.append(("train", (data_path, output_path)))

    def calls(self, function: str) -> list[Any]:
        """What one function was called with."""
        return [seen for name, seen in self.log if name == function]


def files(folder: str | Path) -> list[str]:
    """Every file below a folder, by its path in it."""
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())


@dataclass
class Played:
    """What one run of a flow left behind."""

    platform: Platform
    home: Path
    directory: Path
    adapter: Any = None
    value: Any = None
    error: BaseException | None = None
    refused: list[str] = field(default_factory=list)

    @property
    def dataset(self) -> Any:
        return dl.datasets.get(dataset_id=DATASET)

    @property
    def items(self) -> list[Any]:
        """The dataset's items, in the order of their names."""
        return sorted(self.dataset.items.list().all(), key=lambda item: str(item.filename))

    @property
    def model(self) -> Mapping[str, Any]:
        """The model as the platform holds it."""
        return self.platform.state.all("models")[0]

    def annotated(self) -> dict[str, int]:
        """How many annotations of the model are on each item that has some."""
        state = self.platform.state
        own = [a for a in state.all("annotations") if (a["metadata"].get("system") or {}).get("model")]
        names = [state.get("items", a["itemId"])["filename"] for a in own]  # type: ignore[index]
        return {name: names.count(name) for name in sorted(set(names))}

    def labels(self) -> dict[str, list[str]]:
        """The labels of all annotations of each item."""
        state = self.platform.state
        files = [item for item in state.all("items") if item["type"] == "file"]
        return {item["filename"]: sorted(a["label"] for a in state.annotations_of(item["id"])) for item in files}

    def vectors(self) -> dict[str, list[float]]:
        """The vector of each item that has one."""
        state = self.platform.state
        found = {state.get("items", v["entityId"])["filename"]: v["value"] for v in state.all("feature_vectors")}  # type: ignore[index]
        return dict(sorted(found.items()))

    def artifacts(self) -> list[str]:
        """The names of the model's artifacts."""
        ids = [entry["itemId"] for entry in self.model.get("artifacts") or ()]
        return sorted(self.platform.state.get("items", id_)["filename"] for id_ in ids)  # type: ignore[index]


Flow = Callable[[Played], Any]
Refuses = Callable[[Request], bool]


def play(
    wrappers: str,
    adapter_class: type,
    flow: Flow,
    folder: Path,
    documents: dict[str, Any] | None = None,
    refuses: Refuses | None = None,
) -> Played:
    """Build the adapter on a fresh platform and run one flow; requests that `refuses` picks are answered with 400."""
    if wrappers == "reference":
        adapter_class = type(adapter_class.__name__, (adapter_class,), {})
        reference.install(adapter_class)
    clock = ticking_clock()
    platform = Platform(clock=clock, new_id=ObjectIds(clock))
    platform.load_scene(documents or scene())
    directory = folder / wrappers / "work" / "here"  # dtlpymetrics writes beside the parent of its directory
    directory.mkdir(parents=True)
    played = Played(platform, folder / wrappers / "home", directory)

    def run() -> None:
        played.adapter = adapter_class(model_entity=dl.models.get(model_id=MODEL))
        if refuses is not None:
            refuse(played, refuses)
        played.value = flow(played)

    with connected(platform, played.home), inside(directory):
        played.error = in_thread(run)
    assert [entry.path for entry in platform.unmatched] == []
    return played


def refuse(played: Played, refuses: Refuses) -> None:
    """Let the platform answer some requests with 400 from now on."""
    handle = played.platform.handle

    def handle_or_refuse(request: Request) -> Response:
        if not refuses(request):
            return handle(request)
        played.refused.append(request.path)
        return Response.of_json({"status": 400, "message": "refused by the test"}, 400)

    played.platform.handle = handle_or_refuse  # type: ignore[method-assign]


@contextmanager
def connected(platform: Platform, home: Path) -> Iterator[None]:
    """The SDK on a platform, without the two seconds that it sleeps after it asked for an export."""
    from dtlpy.repositories import datasets

    clock, datasets.time = datasets.time, SimpleNamespace(sleep=lambda seconds: None)
    try:
        with connect(platform, home=home):
            dl.verbose.disable_progress_bar = True
            yield
    finally:
        datasets.time = clock


@contextmanager
def inside(directory: Path) -> Iterator[None]:
    """Work in another directory."""
    before = os.getcwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)


def in_thread(function: Callable[[], Any]) -> BaseException | None:
    """Call from the bottom of a fresh thread (the SDK walks the whole stack on every request); what it raised."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            function()
        except BaseException as error:  # handed to the caller
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return raised[0] if raised else None
