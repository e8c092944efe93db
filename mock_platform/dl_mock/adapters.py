"""Ready-made runners: an adapter of the SDK, under the SDK's own wrapper functions, on a platform.

`AdapterRunner` runs a class in this process, which must be connected (`dl_mock.connect`). `AdapterProcess` runs the
class of a file in a child process for each execution, which may crash, and needs only that the platform is served.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dl_mock.executing import Job

Report = Callable[[float | None, str | None], None]
TAIL = 4_000  # characters of a crashed child's output that its error repeats


class AdapterFailed(RuntimeError):
    """An adapter in a child process raised, or the process died; says what it said."""


class AdapterRunner:
    """Runs executions with an adapter class in this process; a new adapter for each, as after a restart."""

    def __init__(self, adapter_class: type, **init_inputs: Any) -> None:
        if not isinstance(adapter_class, type):
            raise TypeError(f"expected an adapter class, saw {adapter_class!r}")
        self._class = adapter_class
        self._inputs = init_inputs

    def __call__(self, job: Job) -> Any:
        """Run one execution."""
        with _logged(job):
            return run_adapter(self._class, job.execution, job.model, job.progress, self._inputs)


class AdapterProcess:
    """Runs executions with the adapter of a target, `FILE:CLASS` or `MODULE:CLASS`, each in a child process."""

    def __init__(self, target: str, python: str | None = None) -> None:
        split_target(target)
        self._target = target
        self._python = python or sys.executable

    def __call__(self, job: Job) -> Any:
        """Run one execution and wait for it; terminated executions have their process killed."""
        with tempfile.TemporaryDirectory(prefix="dl-mock-adapter-") as home:
            answer = Path(home) / "answer.json"
            order = {
                "target": self._target,
                "url": job.url,
                "token": job.token,
                "execution": dict(job.execution),
                "model": job.model and dict(job.model),
                "answer": str(answer),
            }
            code, said = self._call(job, home, json.dumps(order))
            told = json.loads(answer.read_text()) if answer.is_file() else {}
        if "output" in told:
            return told["output"]
        raise AdapterFailed(told.get("error") or f"the process of the adapter ended with {code}:\n{said[-TAIL:]}")

    def _call(self, job: Job, home: str, order: str) -> tuple[int, str]:
        """The exit code and what was printed, which is logged line by line."""
        environment = {**os.environ, "HOME": home, "DATALOOP_PATH": home, "NO_PROXY": "127.0.0.1,localhost"}
        process = subprocess.Popen(
            [self._python, "-m", "dl_mock.adapter_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
            cwd=_workplace(Path(home), split_target(self._target)[0]),
        )
        assert process.stdin is not None and process.stdout is not None
        threading.Thread(target=_kill_when_terminated, args=(job, process), daemon=True).start()
        lines = []
        with suppress(BrokenPipeError), process.stdin as writer:
            writer.write(order)
        for line in process.stdout:
            lines.append(line)
            if line.strip():
                job.log(line.rstrip())
        return process.wait(), "".join(lines)


def _workplace(home: Path, place: str) -> Path:
    """A working directory that looks like the adapter's folder, into which it can write without harm.

    dtlpymetrics writes beside the parent of the working directory, so it is two levels deep.
    """
    folder = Path(place).resolve().parent if place.endswith(".py") else Path.cwd()
    work = home / "work" / "here"
    work.mkdir(parents=True)
    for path in folder.iterdir():
        if path.name not in ("tmp", ".dataloop"):  # the SDK writes to these
            (work / path.name).symlink_to(path)
    return work


def _kill_when_terminated(job: Job, process: subprocess.Popen[str]) -> None:
    while process.poll() is None:
        if job.terminated.wait(0.2):
            process.kill()


def split_target(target: str) -> tuple[str, str]:
    """The file or module of a target and its class; ValueError if it is neither."""
    place, _, name = target.rpartition(":")
    if not place or not name.isidentifier():
        raise ValueError(f"expected an adapter as FILE:CLASS or MODULE:CLASS, saw {target!r}")
    if place.endswith(".py") and not Path(place).is_file():
        raise ValueError(f"expected an adapter at {place}, but there is no such file")
    return place, name


def load_adapter(target: str) -> type:
    """The class of a target; its folder becomes importable. ValueError if it holds no such class."""
    place, name = split_target(target)
    if place.endswith(".py"):
        path = Path(place).resolve()
        sys.path.insert(0, str(path.parent))
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
    else:
        module = importlib.import_module(place)
    found = getattr(module, name, None)
    if not isinstance(found, type):
        raise ValueError(f"expected a class {name} in {place}, saw {found!r}")
    return found


def run_adapter(
    adapter_class: type,
    execution: Mapping[str, Any],
    model: Mapping[str, Any] | None,
    report: Report,
    init_inputs: Mapping[str, Any] = {},
) -> Any:
    """Call the wrapper function that an execution names, as the platform's service does.

    The SDK of this process must be connected. Inputs become entities (SDK: entities/package_function.py); what comes
    back is reduced to what the platform notes: ids.
    """
    import dtlpy as dl

    class Progress(dl.Progress):  # type: ignore[misc]
        def update(self, status: Any = None, progress: Any = None, message: Any = None, **_: Any) -> None:
            report(None if progress is None else float(progress), None if message is None else str(message))

    if model is None:
        raise ValueError("the execution is of no model, and only models have adapters")
    entity = dl.models.get(model_id=model["id"])
    adapter = adapter_class(model_entity=entity, **init_inputs)
    function = str(execution["functionName"])
    call = getattr(adapter, function, None)
    if not callable(call):
        raise AttributeError(f"the adapter {adapter_class.__name__} has no function {function!r}")
    inputs = _inputs(function, execution.get("input") or {}, entity)
    if function in _REPORTING:
        inputs["progress"] = Progress()
    if function in _IN_CONTEXT:
        inputs["context"] = dl.Context(
            project=entity.project, execution_dict=dict(execution), progress=inputs["progress"], sdk=dl
        )
    return _told(call(**inputs))


# Functions that take a progress, and those that take a context (SDK: ml/base_model_adapter.py).
_REPORTING = frozenset({"predict_dataset", "embed_dataset", "train_model", "evaluate_model"})
_IN_CONTEXT = frozenset({"train_model", "evaluate_model"})


def _inputs(function: str, given: Mapping[str, Any], model: Any) -> dict[str, Any]:
    import dtlpy as dl

    if function == "train_model":
        return {"model": model}
    if "itemIds" in given:
        ids = given["itemIds"]
        return {"items": [dl.items.get(item_id=id_) for id_ in ([ids] if isinstance(ids, str) else ids)]}
    if "datasetId" in given:
        query = given.get("datasetQuery")
        # Predictions send the filter alone, evaluations a whole query (SDK: repositories/models.py).
        filters = query if query is None or "filter" in query else {"filter": query}
        inputs = {"dataset": dl.datasets.get(dataset_id=given["datasetId"]), "filters": filters}
        return {"model": model, **inputs} if function == "evaluate_model" else inputs
    return {name: _entity(value) for name, value in given.items()}


def _entity(value: Any) -> Any:
    """An input of a function: a reference becomes the entity it names."""
    import dtlpy as dl

    if not isinstance(value, Mapping):
        return value
    for kind in ("annotation", "item", "dataset", "model", "project"):
        if f"{kind}_id" in value:
            return getattr(dl, f"{kind}s").get(**{f"{kind}_id": value[f"{kind}_id"]})
    return value


def _told(value: Any) -> Any:
    """An output as the platform notes it: entities by their ids."""
    if isinstance(value, (list, tuple)):
        return [_told(one) for one in value]
    return value if value is None or isinstance(value, (str, int, float, bool, dict)) else getattr(value, "id", None)


@contextmanager
def _logged(job: Job) -> Iterator[None]:
    """What the SDK logs in this thread goes to the log of the execution too."""
    thread = threading.get_ident()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == thread:
                job.log(record.getMessage(), record.levelname)

    handler = Handler(logging.INFO)
    loggers = [logging.getLogger(name) for name in ("dtlpy", "ModelAdapter")]
    for one in loggers:
        one.addHandler(handler)
    try:
        yield
    finally:
        for one in loggers:
            one.removeHandler(handler)
