"""The process that measures: it loads one adapter, warms it up, and answers each question with a round.

Nothing here compares or judges. The adapter's own functions are called as the wrapper calls them, over items that are
never the same twice, without the wrapper's uploads.
"""

from __future__ import annotations

import gc
import os
import platform as machine
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from dl_harness import scene
from dl_harness.bench import calibration, clocks
from dl_harness.bench.flow_steps import timed_flow
from dl_harness.bench.inputs import Inputs
from dl_harness.bench.record import Phase, Ready, Round, Told
from dl_harness.bench.subject import Ask
from dl_harness.evidence import Entry, Failure
from dl_harness.flows import guard
from dl_harness.flows.describing import returned
from dl_harness.flows.inspection import read_adapter, written_source
from dl_harness.flows.recording import Recorder
from dl_harness.flows.running import constructed, init_inputs
from dl_harness.flows.stage import connected
from dl_harness.spec import Spec, read
from dl_harness.target import model_facts
from dl_harness.workspace import Workspace
from dl_mock.clock import ticking_clock
from dl_mock.ids import ObjectIds
from dl_mock.platform import Platform

GONE = 70  # exit status when the process that asks is gone


class NotMeasurableError(Exception):
    """There is nothing to measure; the message says why."""


def main() -> None:
    """Serve the questions that come in on one file descriptor and answer on another, until the first is closed."""
    spec = read(Path(sys.argv[1]).read_bytes())
    asks, answers = os.fdopen(int(sys.argv[2]), "rb"), os.fdopen(int(sys.argv[3]), "wb", buffering=0)
    workspace = Workspace(Path(spec.workspace), Path(spec.target.root))
    recorder = Recorder(lambda event: None, lambda: 0, workspace)
    guard.install(
        recorder.opened, recorder.refused, os.path.realpath(spec.target.root), os.path.realpath(spec.workspace)
    )

    def say(message: msgspec.Struct) -> None:
        answers.write(msgspec.json.encode(message, enc_hook=str) + b"\n")

    def work() -> None:
        try:
            _serve(spec, workspace, recorder, asks, say)
        except NotMeasurableError as error:
            say(Ready(failure=Failure("NotMeasurable", str(error))))
        except BaseException as error:
            say(Ready(failure=recorder.failure(error)))

    # The SDK inspects the whole call stack on every request, so the adapter runs at the bottom of a fresh thread.
    thread = threading.Thread(target=work, name="rounds", daemon=True)
    thread.start()
    parent = os.getppid()
    while thread.is_alive():
        thread.join(0.5)
        if os.getppid() != parent:
            os._exit(GONE)
    os._exit(0)  # threads of the adapter must not keep the process


def _serve(
    spec: Spec, workspace: Workspace, recorder: Recorder, asks: Any, say: Callable[[msgspec.Struct], None]
) -> None:
    os.chdir(workspace.app)
    with connected(Platform(), workspace.dataloop):
        adapter_class, subject = read_adapter(spec.target, workspace, recorder, spec.stubs)
    if adapter_class is None:
        raise NotMeasurableError(
            f"{subject.name} is no adapter that could be imported: {subject.import_failure or 'check it first'}"
        )
    if spec.wrappers == "reference":
        from dl_harness.flows import reference

        reference.install(adapter_class)
    subject = msgspec.structs.replace(subject, model=model_facts(spec.model or spec.target.model))
    function = next((use for use in ("predict", "embed") if use in subject.uses), None)
    if function is None:
        raise NotMeasurableError(f"{subject.name} neither predicts nor embeds")
    kind, _ = scene.input_kind(subject, written_source(adapter_class, workspace))
    documents, _ = scene.starting(
        subject, spec.model or spec.target.model, kind, Path(spec.items) if spec.items else None
    )
    if not documents["items"]:
        raise NotMeasurableError(f"there are no sample items for the input type {kind}; supply some with --items")
    clock = ticking_clock()
    platform = Platform(clock=clock, new_id=ObjectIds(clock))
    seeded = scene.seed(platform, documents, Path(spec.artifacts) if spec.artifacts else None)
    with connected(platform, workspace.dataloop) as session:
        adapter = constructed(adapter_class, init_inputs(session.dl, spec, seeded.model_id))
        pin_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        dataset = session.dl.datasets.get(dataset_id=seeded.dataset_id)

        def entity(document: dict[str, Any]) -> Any:
            return session.dl.Item.from_json(document, client_api=session.dl.client_api, dataset=dataset)

        inputs = Inputs(platform, seeded.item_ids, entity)
        rounds = Rounds(session.dl.client_api, adapter, function, inputs)
        say(
            Ready(
                function=function,
                kind=kind,
                varied=inputs.varied,
                environment=_environment(),
                accelerator=clocks.accelerator(),
            )
        )
        with clocks.quiet_collector():
            for line in asks:
                say(_answer(rounds, msgspec.json.decode(line, type=Ask), recorder))


def _answer(rounds: Rounds, ask: Ask, recorder: Recorder) -> Told:
    try:
        if ask.kind in {"sdk", "reference"}:
            return Told(flow=timed_flow(rounds.adapter, rounds.function, rounds.inputs, ask))
        return Told(round=rounds.run(ask))
    except BaseException as error:
        return Told(failure=recorder.failure(error))
    finally:
        rounds.inputs.clear()


class Rounds:
    """Runs batches of one adapter and measures them."""

    def __init__(self, client: Any, adapter: Any, function: str, inputs: Inputs) -> None:
        self.adapter = adapter
        self.function = function
        self.inputs = inputs
        self._client = client
        self._stopwatch = clocks.Stopwatch()
        self._watch = clocks.Watch()

    def run(self, ask: Ask) -> Round:
        """Prepare and predict so many batches, each over items of its own.

        Items are fetched the short way, so that nearly all of the time is the adapter's.
        """
        from dl_harness.flows.reference.direct import direct

        batches = [self.inputs.batch(ask.first + i * ask.size, ask.size, ask.scale) for i in range(ask.batches)]
        gc.collect()
        before = clocks.memory()
        if ask.kind == "memory":
            clocks.reset_peak_memory()
        self._watch.marks()
        with direct(self._client):
            if ask.kind == "concurrent":
                return self._concurrently(ask, batches)
            return self._one_by_one(ask, batches, before)

    def _functions(self, kind: str) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
        """What prepares an item and what works on a batch; the null adapter fetches and finds nothing."""
        if kind == "kernel":
            return lambda item: None, lambda batch: calibration.kernel()
        if kind == "null":
            return lambda item: item.download(save_locally=False), lambda batch: [None] * len(batch)
        return self.adapter.prepare_item_func, getattr(self.adapter, self.function)

    def _one_by_one(self, ask: Ask, batches: list[list[Any]], before: int) -> Round:
        prepare_item, work_on = self._functions(ask.kind)
        prepare, work, children = Phase(), Phase(), 0.0
        answers: list[Any] = []
        threads = 0
        for items in batches:
            self._stopwatch.start()
            batch = [prepare_item(item) for item in items]
            prepare += self._stopwatch.stop()
            children += self._stopwatch.children
            self._stopwatch.start()
            answer = work_on(batch)
            if not isinstance(answer, list):
                answer = _walked(answer)
            work += self._stopwatch.stop()
            children += self._stopwatch.children
            threads = max(threads, threading.active_count())
            answers.append(answer)
        return Round(
            size=ask.size,
            batches=ask.batches,
            prepare=prepare,
            work=work,
            outputs=self._outputs(answers) if ask.outputs else (),
            returned=_counted(answers),
            marks=self._watch.marks(),
            children_cpu=children,
            threads=threads,
            memory=clocks.peak_memory() if ask.kind == "memory" else clocks.memory(),
            memory_before=before,
            item_bytes=self.inputs.mean_bytes(),
        )

    def _concurrently(self, ask: Ask, batches: list[list[Any]]) -> Round:
        """All batches, shared by so many threads, as a service runs several executions at once."""
        prepare_item, work_on = self._functions(ask.kind)

        def run(items: list[Any]) -> Any:
            return _walked(work_on([prepare_item(item) for item in items]))

        with ThreadPoolExecutor(ask.threads) as pool:
            list(pool.map(len, batches))  # the threads are there before the clock starts
            self._stopwatch.start()
            answers = list(pool.map(run, batches))
            work = self._stopwatch.stop()
        return Round(ask.size, ask.batches, Phase(), work, returned=_counted(answers), marks=self._watch.marks())

    def _outputs(self, answers: list[Any]) -> tuple[Entry, ...]:
        return tuple(entry for answer in answers for entry in returned(self.function, answer).entries)


def pin_threads(threads: int) -> None:
    """Hold the pools of frameworks that do not listen to the environment."""
    for name, setter in (("torch", "set_num_threads"), ("cv2", "setNumThreads")):
        set_threads = getattr(sys.modules.get(name), setter, None)
        if set_threads is not None:
            set_threads(threads)


def _walked(answer: Any) -> Any:
    """A generator's values: what it has not computed yet belongs to the time of the call."""
    return list(answer) if hasattr(answer, "__next__") else answer


def _counted(answers: list[Any]) -> int | None:
    counts = {len(answer) if hasattr(answer, "__len__") else -1 for answer in answers}
    return counts.pop() if len(counts) == 1 else None


def _environment() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": machine.python_version(), "system": f"{machine.system()} {machine.machine()}"}
    found["processor"] = _processor()
    for name in ("dtlpy", "numpy", "torch", "onnxruntime"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return machine.processor() or "unknown"


if __name__ == "__main__":
    main()
