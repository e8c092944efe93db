"""Benchmarks of the flows, the plugin and a check: the reference flows against the SDK's wrappers, in turns."""

from __future__ import annotations

import io
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mock_platform import Row, at_most

MODEL, DATASET, PROJECT = (f"65aa0000000000000000000{n}" for n in (3, 2, 1))
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def scene(items: int, folder: Path) -> dict[str, Any]:
    """So many small pictures and a model that finds boxes."""
    from PIL import Image

    content = io.BytesIO()
    Image.new("RGB", (64, 48), (9, 9, 9)).save(content, "PNG")
    file = folder / "picture.png"
    file.write_bytes(content.getvalue())
    return {
        "projects": [{"id": PROJECT, "name": "project"}],
        "datasets": [{"id": DATASET, "name": "dataset", "projects": [PROJECT]}],
        "items": [{"filename": f"/{number}.png", "file": str(file)} for number in range(items)],
        "models": [{"id": MODEL, "name": "model", "datasetId": DATASET, "inputType": "image", "outputType": "box"}],
    }


def predicting(items: int, run: Callable[[Any, Any, list[Any]], Iterator[Row]]) -> list[Row]:
    """Connect the SDK to a platform with so many items, and let `run` measure at the bottom of a fresh thread."""
    import dtlpy as dl

    from dl_harness.flows import reference
    from dl_harness.flows.reference.batches import selected
    from dl_mock import Platform, connect

    class Trivial(dl.BaseModelAdapter):  # type: ignore[misc]
        def load(self, local_path: str, **kwargs: Any) -> None:
            pass

        def predict(self, batch: list[Any], **kwargs: Any) -> list[Any]:
            return [self.one() for _ in batch]

        def one(self) -> Any:
            found = dl.AnnotationCollection()
            info = {"name": "model", "model_id": MODEL, "confidence": 0.5}
            found.add(dl.Box(left=1, top=1, right=9, bottom=9, label="cat"), model_info=info)
            return found

    class Referred(Trivial):
        pass

    reference.install(Referred)
    rows: list[Row] = []
    failed: list[BaseException] = []
    with tempfile.TemporaryDirectory() as folder:
        platform = Platform()
        platform.load_scene(scene(items, Path(folder)))
        with connect(platform):
            dl.verbose.disable_progress_bar = True

            def work() -> None:
                try:
                    adapters = [cls(model_entity=dl.models.get(model_id=MODEL)) for cls in (Trivial, Referred)]
                    every = selected(dl.datasets.get(dataset_id=DATASET), None)
                    rows.extend(run(*adapters, every))
                except BaseException as error:  # raised again below
                    failed.append(error)

            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
    if failed:
        raise failed[0]
    return rows


def cost(adapter: Any, items: list[Any]) -> float:
    """CPU seconds per item of predict_items."""
    began = time.process_time()
    adapter.predict_items(items, batch_size=4)
    return (time.process_time() - began) / len(items)


def reference() -> Iterator[Row]:
    """The SDK's predict_items against the reference flow, in turns over the same items."""

    def run(sdk: Any, referred: Any, items: list[Any]) -> Iterator[Row]:
        ratios, times = [], []
        for turn in range(9):
            part = items[turn * 40 : (turn + 1) * 40]
            first, second = cost(sdk, part), cost(referred, part)
            ratios.append(second / first)
            times.append((first, second))
        ratio = statistics.median(ratios[1:])
        shown = ", ".join(f"{1000 * statistics.median(side):.2f} ms" for side in zip(*times[1:], strict=True))
        yield at_most(
            "reference predict_items / the SDK's, CPU per item", ratio, 1 / 8, f"{1 / ratio:.1f} times less; {shown}"
        )

    yield from predicting(360, run)


def growth() -> Iterator[Row]:
    """The reference flow over 10^2, 10^3 and 10^4 items: the same cost per item."""

    def run(sdk: Any, referred: Any, items: list[Any]) -> Iterator[Row]:
        cost(referred, items[:100])
        few = statistics.median(cost(referred, items[n * 100 : n * 100 + 100]) for n in range(5))
        for count in (1_000, 10_000):
            ratio = cost(referred, items[:count]) / few
            yield at_most(f"reference predict_items, {count} items / 100 items, CPU per item", ratio, 1.25)

    yield from predicting(10_000, run)


def child_cpu(command: list[str]) -> float:
    """CPU seconds of a process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def plugin() -> Iterator[Row]:
    """A pytest session that checks no adapter, with the plugin and without it, in turns."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test_nothing.py").write_text("def test_nothing(): pass\n")
        base = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", folder]
        pairs = [(child_cpu(base), child_cpu([*base, "-p", "no:dl_harness"])) for _ in range(11)]
    more = statistics.median(a - b for a, b in pairs)
    ratio = statistics.median(a / b for a, b in pairs)
    yield at_most("a session with the unused plugin / without it, CPU", ratio, 1.2, f"{1000 * more:.0f} ms more")


def checks() -> Iterator[Row]:
    """A full check of each example, in units of importing the SDK."""
    unit = statistics.median(child_cpu([sys.executable, "-c", "import dtlpy"]) for _ in range(5))
    for example in sorted(path for path in EXAMPLES.iterdir() if path.is_dir()):
        taken = child_cpu([sys.executable, "-m", "dl_harness.cli", "check", str(example)])
        yield at_most(f"check of {example.name} / import dtlpy, CPU", taken / unit, 60.0, f"{taken:.1f} s")


PARTS = {"reference": reference, "growth": growth, "plugin": plugin, "checks": checks}
