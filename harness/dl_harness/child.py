"""The child process: import an adapter, run the planned flows, write evidence as it is learned.

It may hang, crash or be killed at any moment; whatever it has learned by then is in the evidence file.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import platform as machine
import shutil
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from dl_harness import odd_items, plan, scene, training_scenes
from dl_harness.evidence import Described, Event, Failure, FlowEnded, OurFailure, Planned, Subject, encode
from dl_harness.flows import guard
from dl_harness.flows.inspection import named_sources, read_adapter, written_source
from dl_harness.flows.memory import GIB, memory_limit, memory_used
from dl_harness.flows.recording import Recorder
from dl_harness.flows.stage import FlowFailed, Stage, connected
from dl_harness.spec import Spec, read
from dl_harness.target import model_facts
from dl_harness.workspace import Workspace
from dl_mock.clock import ticking_clock
from dl_mock.ids import ObjectIds
from dl_mock.platform import Platform

POLL_S = 0.02
LONG_TRAINING_S = 20.0
"""Beyond it other datasets are converted and not trained on: most of what goes wrong does so before."""
HUNG = 70  # exit status of a child that gave up on a call


class EvidenceFile:
    """Appends events to a file, one line each, from any thread."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115 - open for the life of the process
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._file.write(encode(event))


@dataclass
class Check:
    """Everything the stages of one child share."""

    spec: Spec
    workspace: Workspace
    emit: Callable[[Event], None]
    recorder: Recorder
    platform: list[Platform] = field(default_factory=list)
    adapter_class: type | None = None
    importing_since: float | None = None
    flows_thread: int = 0
    kind: str = "image"
    kinds: tuple[str, ...] = ()  # what the source handles besides
    label: str = ""
    memory_limit: int = field(default_factory=memory_limit)
    training_s: float | None = None  # how long the first training took; None when it did not return


def main() -> None:
    """Run the spec whose path is the only argument."""
    spec = read(Path(sys.argv[1]).read_bytes())
    workspace = Workspace(Path(spec.workspace), Path(spec.target.root))
    emit = EvidenceFile(spec.evidence)
    platforms: list[Platform] = []
    recorder = Recorder(emit, lambda: len(platforms[-1].journal) if platforms else 0, workspace)
    check = Check(spec, workspace, emit, recorder, platforms)
    guard.install(
        recorder.opened, recorder.refused, os.path.realpath(spec.target.root), os.path.realpath(spec.workspace)
    )
    failure: list[BaseException] = []

    def work() -> None:
        check.flows_thread = threading.get_ident()
        try:
            _run(check)
        except BaseException as error:  # ours: user functions raise inside flows, which record it
            emit(OurFailure(recorder.failure(error)))
            failure.append(error)

    # The SDK inspects the whole call stack on every request, so flows start from the bottom of a fresh thread.
    thread = threading.Thread(target=work, name="flows", daemon=True)
    thread.start()
    parent = os.getppid()
    while thread.is_alive():
        thread.join(POLL_S)
        _watch(check)
        if os.getppid() != parent:
            os._exit(HUNG)  # nobody is left to read what this process would learn
    if failure:
        sys.excepthook(type(failure[0]), failure[0], failure[0].__traceback__)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(ValueError, OSError):  # the adapter may have closed it
            stream.flush()
    os._exit(1 if failure else 0)  # threads of the adapter must not keep the process


def _watch(check: Check) -> None:
    """End the process when a user function, or the import, does not come back, or takes the machine's memory."""
    used = memory_used()
    if used > check.memory_limit:
        _out_of_memory(check, used)
    limit = check.spec.call_limit_s
    since, running = check.importing_since, check.recorder.longest_running()
    if since is not None and time.monotonic() - since >= limit:
        stack = check.recorder.stack_of(check.flows_thread)
        failure = msgspec.structs.replace(stack, message=f"the import did not come back within {limit:g} s")
        check.emit(
            Described(msgspec.structs.replace(check.spec.target.subject, import_failure=failure), _environment())
        )
        os._exit(HUNG)
    if running is not None and time.monotonic() - running.started >= limit:
        stack = check.recorder.stack_of(running.thread)
        failure = msgspec.structs.replace(stack, message=f"{running.function} did not come back within {limit:g} s")
        check.recorder.give_up(running, failure)
        _end_flow(check, failure)
    if running is None and check.recorder.active and time.monotonic() - check.recorder.last_seen >= limit:
        stack = check.recorder.stack_of(check.flows_thread)
        message = f"{check.label} went on for {limit:g} s without calling a user function"
        _end_flow(check, msgspec.structs.replace(stack, message=message))


def _out_of_memory(check: Check, used: int) -> NoReturn:
    limit = check.memory_limit
    message = f"it took {used / GIB:.1f} GiB of memory, of {limit / GIB:.1f} that this machine had free"
    running = check.recorder.longest_running()
    stack = check.recorder.stack_of(running.thread if running is not None else check.flows_thread)
    failure = msgspec.structs.replace(stack, type="MemoryLimit", message=message)
    if check.importing_since is not None:
        subject = msgspec.structs.replace(check.spec.target.subject, import_failure=failure)
        check.emit(Described(subject, _environment()))
        os._exit(HUNG)
    if running is not None:
        check.recorder.give_up(running, failure)
    _end_flow(check, failure)


def _end_flow(check: Check, failure: Failure) -> NoReturn:
    check.emit(FlowEnded(label=check.label, ended="hung", failure=failure, duration_s=check.spec.call_limit_s))
    os._exit(HUNG)


def _run(check: Check) -> None:
    spec = check.spec
    os.chdir(check.workspace.app)
    # Adapters call the SDK when they are imported (`if dl.token_expired(): dl.login()`). Connecting first also loads
    # what this process needs later, before files of the repository can stand in for it on the import path.
    with connected(Platform(), check.workspace.dataloop):
        check.importing_since = time.monotonic()
        check.adapter_class, subject = read_adapter(spec.target, check.workspace, check.recorder, spec.stubs)
        check.importing_since = None
    subject = msgspec.structs.replace(subject, model=model_facts(spec.model or spec.target.model))
    if check.adapter_class is None:
        check.emit(Described(subject, _environment()))
        return
    check.recorder.instrument(check.adapter_class)
    if spec.wrappers == "reference":
        from dl_harness.flows import reference

        reference.install(check.adapter_class)
    source = written_source(check.adapter_class, check.workspace)
    source += named_sources(subject.model.configuration.values(), check.workspace)
    check.kind, said = scene.input_kind(subject, source)
    check.kinds = scene.further_kinds(check.kind, source)
    prepared = _prepare_scene(check, subject, said)
    reasons = plan.reasons(
        prepared.subject, spec.needs, importlib.util.find_spec("dtlpymetrics") is not None, check.kind == "prompt"
    )
    if not prepared.documents["items"]:
        missing = f"there are no sample items for the input type {check.kind}; supply some with --items"
        reasons = {label: missing for s in plan.STAGES for label in s.flows if "load_from_model" not in label} | reasons
    waiting = [label for stage in plan.STAGES for label in stage.flows if label not in {*reasons, *spec.done}]
    reasons |= {label: why for label in waiting if (why := plan.given_up(label, spec.died))}
    check.emit(Described(prepared.subject, _environment()))
    stages = _changed_by_plugins(check, prepared.subject, reasons)
    labels = tuple(label for stage in stages for label in stage.flows if label not in reasons)
    check.emit(Planned(labels, reasons))
    for stage in stages:
        if (stage.name == "fresh process") == spec.fresh:
            wanted = [label for label in stage.flows if label in labels and label not in spec.done]
            if any(not label.startswith("load_from_model") for label in wanted) or "load_from_model" in wanted:
                shaped = _shaped(check, stage, prepared)
                if isinstance(shaped, str):
                    check.emit(Planned((), dict.fromkeys(wanted, shaped)))
                else:
                    _run_stage(check, stage, shaped, set(wanted))


def _changed_by_plugins(check: Check, subject: Subject, not_run: dict[str, str]) -> list[plan.Stage]:
    """The stages of this check, after every plugin has had its say; one that fails changes nothing."""
    from dl_harness import plugins

    loaded = plugins.load(check.spec.plugins)
    stages = list(plan.STAGES)
    for _ in loaded.call("dl_harness_modify_plan", subject=subject, stages=stages, not_run=not_run):
        pass
    for problem in loaded.problems:
        if "dl_harness_modify_plan" in problem.message:
            check.emit(OurFailure(Failure("NotRun", f"{problem.origin} {problem.message}")))
    return stages


@dataclass(frozen=True)
class Prepared:
    """The scene that every stage starts from."""

    subject: Subject
    documents: dict[str, list[dict[str, Any]]]


def _prepare_scene(check: Check, subject: Subject, said: str | None) -> Prepared:
    source = check.spec.items
    model = check.spec.model or check.spec.target.model
    documents, inferred = scene.starting(subject, model, check.kind, Path(source) if source else None)
    told = (*subject.inferred, *((said,) if said and not check.spec.items else ()), *inferred)
    return Prepared(msgspec.structs.replace(subject, inferred=told), documents)


def _shaped(check: Check, stage: plan.Stage, prepared: Prepared) -> Prepared | str:
    """The scene of a stage, or the reason for which it is not run."""
    if stage.shape is None and stage.name != "training interrupted":
        return prepared
    if stage.shape == plan.ODD:
        folder = check.workspace.directory / "odd"
        made = odd_items.with_odd_items((check.kind, *check.kinds), prepared.documents, folder)
        return made if isinstance(made, str) else Prepared(prepared.subject, made)
    if check.training_s is None and "train_model" not in check.spec.done:
        return "the first training did not return, and there is nothing to compare with"
    if stage.shape is None:
        return prepared
    documents = training_scenes.varied(stage.shape, prepared.documents)
    if isinstance(documents, str):
        return f"this dataset cannot be given that shape: {documents}"
    return Prepared(prepared.subject, documents)


def _environment() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": machine.python_version(), "system": f"{machine.system()} {machine.machine()}"}
    for name in ("dtlpy", "dtlpymetrics", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _artifacts_folder(check: Check, stage: plan.Stage) -> Path | None:
    """What the model's artifacts are at the start of a stage: as saved, as trained, or as given."""
    handoff = check.workspace.handoff
    if stage.name == "fresh process":
        return handoff / "saved"
    if not stage.name.startswith(("untrained", "training")) and (handoff / "trained").is_dir():
        return handoff / "trained"
    return Path(check.spec.artifacts) if check.spec.artifacts else None


def _run_stage(check: Check, stage: plan.Stage, prepared: Prepared, wanted: set[str]) -> None:
    from dl_harness.flows.challenges import Challenger

    clock = ticking_clock()  # the same ids and dates in every run, hence the same order of items
    platform = Platform(clock=clock, new_id=ObjectIds(clock))
    check.platform.append(platform)
    seeded = scene.seed(platform, prepared.documents, _artifacts_folder(check, stage))
    shutil.rmtree(check.workspace.dataloop / "models", ignore_errors=True)  # downloaded by an earlier stage
    with connected(platform, check.workspace.dataloop) as session:

        def run(label: str, *args: Any, **kwargs: Any) -> Any:
            check.label = label
            started = time.monotonic()
            value = recorded.run(label, *args, **kwargs)
            if label == "train_model":
                check.training_s = time.monotonic() - started
            return value

        recorded = Stage(platform, seeded, check.recorder, check.workspace, check.emit)
        assert check.adapter_class is not None
        quick = (check.training_s or 0) < LONG_TRAINING_S
        runner = Challenger(session.dl, check.spec, check.adapter_class, recorded, run, wanted, quick)
        try:
            runner.run_stage(stage)
        except FlowFailed as failed:
            rest = [label for label in stage.flows if label in wanted and label not in runner.begun]
            check.emit(Planned((), dict.fromkeys(rest, f"{failed} did not return")))


if __name__ == "__main__":
    main()
