"""Lifecycle: every step a model goes through comes to its end."""

from __future__ import annotations

from collections.abc import Iterator

from dl_harness.contract import Judge, Judged, Judgement, Seen, contract
from dl_harness.contracts.layout import save_writes_something, saved_model_predicts_the_same
from dl_harness.contracts.reading import EMBEDDING, PREDICTING, at, by_name, ended, listed, outcome, same_entry, uses
from dl_harness.contracts.signature import CALLS, adapter_known, overridden, refusal
from dl_harness.evidence import Call, Evidence, Flow, Place

CHALLENGES = frozenset(
    {"train_varied", "reload", "resave"}
    | {f"{use}_{kind}" for use in ("predict", "embed") for kind in ("reloaded", "odd", "beside")}
)
"""Flows beyond the ordinary ones, each of which has contracts of its own."""


def binds(evidence: Evidence, call: Call) -> bool:
    """Whether the call fitted the signature; where it did not, the signature family says so."""
    function = evidence.subject.functions.get(call.function)
    if function is None or call.function not in CALLS:
        return True
    names = tuple(f"argument {index}" for index in range(call.positional))
    return refusal(function.parameters, (names, call.keywords)) is None


def place(evidence: Evidence, call: Call) -> Place:
    """The adapter's own line that failed, or else where the function stands."""
    if call.failure is not None and call.failure.place.file:
        return call.failure.place
    return at(evidence, call.function)


def _comes_back(function: str, *names: str) -> Judge:
    def judge(evidence: Evidence) -> Iterator[Judgement]:
        for flow in evidence.named(*names) if names else evidence.flows:
            if flow.name in CHALLENGES:
                continue  # other contracts say how the adapter copes with these
            if flow.label in {"load_from_model/elsewhere", "load_from_model/fresh", "train_model/elsewhere"}:
                continue  # whether things work elsewhere is the directory layout's to say
            for call in flow.called(function):
                if not binds(evidence, call):
                    continue
                yield Judged(f"{function} calls")
                if call.ended not in {"returned", "interrupted"}:
                    items = ", ".join(flow.item(i).name for i in call.items[:4])
                    where = f"{function} in {flow.label}" + (f", for {items}" if items else "")
                    yield Seen(
                        f"{function} returns",
                        ended(call.ended, call.failure or (flow.failure if call.ended == "crashed" else None)),
                        where,
                        place(evidence, call),
                    )

    judge.__name__ = f"{function}_comes_back"
    return judge


@contract(
    "LIF-001",
    "lifecycle",
    "the adapter can be built from its initInputs",
    why="The runner builds the adapter when a service starts; an exception there keeps the service from ever"
    " becoming ready.",
    fix="Let __init__ only store its inputs and call super().__init__(model_entity=model_entity); put work into load.",
    severity_reason="The service crashes at its start: nothing runs.",
    needs=("load_from_model",),
    applies=adapter_known,
)
def adapter_is_built(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: the package runner; BaseModelAdapter.__init__."""
    init = evidence.subject.functions.get("__init__")
    inputs = evidence.subject.init_inputs or ("model_entity",)
    if init is not None and init.overridden and refusal(init.parameters, ((), inputs)) is not None:
        return
    for flow in evidence.named("load_from_model"):
        if flow.label.endswith(("/elsewhere", "/fresh")):
            continue
        if any(call.ended != "returned" for call in flow.called("load")):
            continue
        yield Judged("constructions")
        if flow.ended not in {"returned", "interrupted"}:
            where = flow.failure.place if flow.failure and flow.failure.place.file else at(evidence, "__init__")
            yield Seen("the constructor returns", outcome(flow), flow.label, where)


contract(
    "LIF-002",
    "lifecycle",
    "load comes back",
    why="super().__init__(model_entity) runs load, so an exception there keeps the service from starting.",
    fix="Load what local_path holds; when an artifact is missing say which one. Frameworks that are not installed"
    " here can be replaced with --stubs, weights supplied with --artifacts.",
    severity_reason="The service crashes at its start: nothing runs.",
    needs=("load_from_model",),
    applies=overridden("load"),
)(_comes_back("load"))

contract(
    "LIF-003",
    "lifecycle",
    "prepare_item_func comes back for every item",
    why="predict_items calls it outside its try block: one item that raises aborts the whole call, and the items of its"
    " batch and of every later one get nothing.",
    fix="Handle every item of the declared input type; return a marker for what cannot be read, and an empty"
    " collection in predict.",
    severity_reason="The whole call crashes, and items that were fine lose their predictions.",
    needs=(*PREDICTING, *EMBEDDING),
    applies=adapter_known,
)(_comes_back("prepare_item_func"))

contract(
    "LIF-004",
    "lifecycle",
    "predict comes back for every batch",
    why="An exception costs the whole batch: none of its items is annotated, and the execution fails at its end.",
    fix="Start at the line named. Frequent causes: an attribute that __init__ sets after super().__init__() and so"
    " wipes what load has built, an empty detection, a batch of one, an image without a third channel.",
    severity_reason="The batch crashes, and all its items lose their predictions.",
    needs=PREDICTING,
    applies=uses("predict"),
)(_comes_back("predict"))

contract(
    "LIF-005",
    "lifecycle",
    "embed comes back for every batch",
    why="An exception costs the whole batch: none of its items is embedded, and the execution fails at its end.",
    fix="Handle what the batch can hold (an empty text, a batch of one).",
    severity_reason="The batch crashes, and all its items lose their vectors.",
    needs=EMBEDDING,
    applies=uses("embed"),
)(_comes_back("embed"))

contract(
    "LIF-006",
    "lifecycle",
    "convert_from_dtlpy comes back",
    why="prepare_data calls it after the download; when it fails, no training starts and the model stays in training.",
    fix="Handle nested folders, items without annotations and annotations of other types.",
    severity_reason="The training crashes before it begins.",
    needs=("train_model",),
    applies=overridden("convert_from_dtlpy"),
)(_comes_back("convert_from_dtlpy"))

contract(
    "LIF-007",
    "lifecycle",
    "train comes back",
    why="When train fails the machine's hours are lost, and the installed SDK leaves the model in the status training.",
    fix="Train on what data_path holds, also when a subset is small or has one class.",
    severity_reason="The training crashes, and the hours spent on it are lost.",
    needs=("train_model",),
    applies=uses("train"),
)(_comes_back("train"))

contract(
    "LIF-008",
    "lifecycle",
    "save comes back",
    why="save runs when training is over, and again when it failed: an exception there loses the trained weights.",
    fix="Write what was loaded or trained; create sub-folders of local_path before writing into them.",
    severity_reason="The trained weights are lost.",
    needs=("save_to_model", "train_model"),
    applies=overridden("save"),
)(_comes_back("save"))

contract(
    "LIF-009",
    "lifecycle",
    "evaluate comes back",
    why="Evaluation predicts the whole dataset first; when evaluate fails, that work is lost and the model gets no"
    " score.",
    fix="Return the model entity; use the base class's evaluate unless the metric is your own.",
    severity_reason="The evaluation crashes, and its predictions get no score.",
    needs=("evaluate_model",),
    applies=overridden("evaluate"),
)(_comes_back("evaluate"))


@contract(
    "LIF-010",
    "lifecycle",
    "the wrapper functions end well",
    why="When a wrapper raises although every user function returned, what they returned cannot be used: the"
    " execution fails and the work is lost.",
    fix="Read the message and compare what the user function returns with the SDK's description of it.",
    severity_reason="The execution fails, and what the user functions returned is lost.",
    needs=(
        "predict_items",
        "predict_dataset",
        "embed_items",
        "embed_dataset",
        "train_model",
        "save_to_model",
        "evaluate_model",
    ),
    applies=adapter_known,
)
def wrappers_end_well(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: ml/base_model_adapter.py; only failures that nothing else explains are reported here."""
    for flow in evidence.flows:
        if flow.name == "load_from_model" or flow.name in CHALLENGES or flow.label == "train_model/elsewhere":
            continue
        if flow.name.endswith("trained"):
            continue  # right before and right after training the platform does not predict
        yield Judged("flows")
        if flow.ended in {"returned", "interrupted"} or _explained(evidence, flow):
            continue
        if flow.name == "evaluate_model" and not (flow.failure and flow.failure.place.file):
            continue  # the metrics package could not score what was returned in good form
        function = next((f for f in flow.name.split("_") if evidence.subject.overrides(f)), "")
        where = flow.failure.place if flow.failure and flow.failure.place.file else at(evidence, function)
        yield Seen(f"{flow.name} returns", outcome(flow), flow.label, where)


def _explained(evidence: Evidence, flow: Flow) -> bool:
    """Whether a user function failed, or returned what another contract already calls wrong."""
    for call in flow.calls:
        if call.ended != "returned" or not binds(evidence, call):
            return True
        told = call.returned
        if told is None or call.function not in {"predict", "embed"}:
            continue
        if not told.sized or told.kind in {"dict", "str", "bytes", "set"} or told.length != len(call.items):
            return True
        for entry in told.entries:
            if call.function == "embed":
                if entry.size is None or entry.nested or entry.unfinite or entry.not_numbers:
                    return True
            elif entry.annotations is None or any(
                a.type is None or a.unfinite or a.unserialisable or not isinstance(a.label, str)
                for a in entry.annotations
            ):
                return True
    required = {"train_model": ("train", "save", "convert_from_dtlpy"), "save_to_model": ("save",)}.get(flow.name, ())
    return any(not evidence.subject.overrides(name) for name in required)


@contract(
    "LIF-011",
    "lifecycle",
    "user functions reach no address outside this machine",
    why="Many platform clusters have no way out, and a download at run time fails the day its host changes.",
    fix="Ship weights as artifacts of the model; point the adapter at a stub on loopback when it wraps a remote"
    " service.",
    needs=("load_from_model", *PREDICTING, *EMBEDDING, "train_model"),
    severity="warning",
    severity_reason="It works where the network is open: fragile, not lost.",
    applies=adapter_known,
)
def nothing_leaves_the_machine(evidence: Evidence) -> Iterator[Judgement]:
    """Severity: a remote service may be the adapter's purpose; what the refusal breaks fails its own contract."""
    for flow in evidence.flows:
        yield Judged("flows")
        for attempt in flow.network[:3]:
            yield Seen(
                "connections to this machine only", f"a connection to {attempt.address}", flow.label, attempt.place
            )


def _reloads(variant: str) -> Iterator[tuple[str, str]]:
    """The flows that predict after a further load, and those they are compared with."""
    for function in ("predict", "embed"):
        yield function, f"{function}_reloaded/{variant}"


@contract(
    "LIF-012",
    "lifecycle",
    "loading a second time gives the same model",
    why="train_model and evaluate_model load again on an adapter that is loaded already: state that load parses in"
    " place, or builds on what it finds, fails or changes the second time.",
    fix="Let load set every attribute anew, and write nothing into self.configuration that it will read again.",
    severity_reason="Training and evaluation fail on an adapter that predicts well.",
    needs=("reload", "predict_items", "embed_items"),
    applies=overridden("load"),
)
def loads_again(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: train_model and evaluate_model call load_from_model."""
    yield from _loaded_well(evidence, "again", "the second load returns", "as after the first load")


@contract(
    "LIF-013",
    "lifecycle",
    "another model can be loaded on the same adapter",
    why="One service loads the model that an execution names; an adapter that keeps what it had built for the first one"
    " answers with the wrong weights.",
    fix="Load whenever load is called; keep nothing of it in class attributes, globals or caches without its id.",
    severity_reason="The wrong model answers under the right name.",
    needs=("reload", "predict_items", "embed_items"),
    applies=overridden("load"),
)
def loads_another_model(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: load_from_model(model_entity=...). The other model has the same artifacts under another name."""
    repeated = evidence.flow("reload/again")
    if repeated is None or repeated.ended != "returned":
        return
    yield from _loaded_well(evidence, "another", "the other model loads", "as from the first model, which is like it")
    flow = evidence.flow("reload/another")
    first = _first_load(evidence)
    for call in flow.called("load") if flow is not None else ():
        if call.ended == "returned" and first is not None and _opened_artifacts(first):
            yield Judged("loads")
            if not _opened_artifacts(call):
                yield Seen(
                    "the artifacts of the other model are read",
                    "none of them was opened",
                    "load in reload/another",
                    at(evidence, "load"),
                )


def _first_load(evidence: Evidence) -> Call | None:
    flow = evidence.flow("load_from_model")
    return next((call for call in flow.called("load") if call.ended == "returned"), None) if flow is not None else None


def _opened_artifacts(call: Call) -> bool:
    folder = call.paths.get("local_path")
    return any(folder and file.where.startswith(f"{folder}/") for file in call.opened)


def _loaded_well(evidence: Evidence, variant: str, expected: str, same: str) -> Iterator[Judgement]:
    flow = evidence.flow(f"reload/{variant}")
    if flow is None:
        return
    yield Judged("loads")
    if flow.ended not in {"returned", "interrupted"}:
        call = next((c for c in flow.called("load") if c.ended != "returned"), None)
        where = place(evidence, call) if call else at(evidence, "load")
        yield Seen(expected, outcome(flow), flow.label, where)
        return
    for function, label in _reloads(variant):
        reloaded = evidence.flow(label)
        before = by_name(evidence.flow(f"{function}_items"), function)
        again = by_name(evidence.flow(f"{function}_items/again"), function)
        if reloaded is None or not before:
            continue
        if reloaded.ended not in {"returned", "interrupted"}:
            yield Judged("loads")
            yield Seen(f"{function} works after it", outcome(reloaded), label, at(evidence, "load"))
            continue
        for item, entry in by_name(reloaded, function).items():
            if item not in before or (item in again and not same_entry(before[item], again[item])):
                continue
            yield Judged("items")
            if not same_entry(before[item], entry):
                yield Seen(
                    f"what {function} returned, {same}", "something else", f"{item} in {label}", at(evidence, "load")
                )
                break


@contract(
    "LIF-014",
    "lifecycle",
    "a model without its artifacts does not load in silence",
    why="When an upload has failed, or a clone was made without weights, an adapter that falls back to stock weights"
    " predicts with them: everything looks well, and nothing of what was trained is there.",
    fix="Raise in load when the file that the configuration names is missing, and name the file.",
    severity_reason="Some adapters rightly offer stock weights to models that have none of their own.",
    needs=("reload", "load_from_model"),
    severity="warning",
    applies=lambda e: overridden("load")(e) or _reads_artifacts(e),
)
def missing_artifacts_are_noticed(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: load_from_model downloads what the model entity lists, also when that is nothing."""
    flow, another = evidence.flow("reload/without-artifacts"), evidence.flow("reload/another")
    if another is None or not any(_opened_artifacts(call) for call in another.called("load")):
        return
    for call in flow.called("load") if flow is not None else ():
        yield Judged("loads")
        predicted = any(
            (f := evidence.flow(label)) and f.ended == "returned" for _, label in _reloads("without-artifacts")
        )
        if call.ended == "returned" and predicted:
            yield Seen(
                "load raises, or predict does",
                "both went on without the files that the first model was loaded from",
                "load in reload/without-artifacts",
                at(evidence, "load"),
            )


def _reads_artifacts(evidence: Evidence) -> str | None:
    if evidence.subject.overrides("train"):
        return "the adapter trains, and has no artifacts before its first training"
    first = _first_load(evidence)
    return None if first is None or _opened_artifacts(first) else "load opens no artifacts here"


@contract(
    "LIF-015",
    "lifecycle",
    "saving a second time works, and leaves the same files",
    why="save runs when training is over and again when a step after it failed; a save that moves the weights away, or"
    " numbers its files, fails the second time or leaves two sets of weights, of which load takes one.",
    fix="Copy instead of moving, and write under names that do not change.",
    severity_reason="The weights of a training are lost, or mixed with earlier ones.",
    needs=("resave", "save_to_model"),
    applies=overridden("save"),
)
def saves_again(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: train_model saves also when a step after save has raised; artifacts.upload keeps other files."""
    first, again = evidence.flow("save_to_model"), evidence.flow("resave")
    if first is None or again is None or first.ended != "returned":
        return
    yield Judged("saves")
    if again.ended not in {"returned", "interrupted"}:
        call = next((c for c in again.called("save") if c.ended != "returned"), None)
        where = place(evidence, call) if call else at(evidence, "save")
        yield Seen("the second save ends like the first", outcome(again), again.label, where)
    elif set(again.artifacts) != set(first.artifacts):
        more = sorted(set(again.artifacts) ^ set(first.artifacts))
        yield Seen("the same artifacts as before", f"others: {listed(more)}", again.label, at(evidence, "save"))


@contract(
    "LIF-016",
    "lifecycle",
    "a fresh process reads what save has left",
    why="A load that looks for another name or folder than save has used finds nothing, and a framework then takes its"
    " stock weights without a word: what was trained is never deployed.",
    fix="Use one constant for the name of the file or folder, in save and in load.",
    severity_reason="Libraries that read files outside Python are not seen to read them.",
    needs=("save_to_model", "load_from_model"),
    severity="warning",
    applies=lambda e: overridden("save")(e) or overridden("load")(e),
)
def fresh_load_reads_what_was_saved(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: save_to_model uploads local_path, load_from_model downloads it again.

    Where nothing was written, or the predictions show the loss, the contracts on these say it.
    """
    flow, saved = evidence.flow("load_from_model/fresh"), evidence.flow("save_to_model")
    if flow is None or saved is None or not saved.artifacts:
        return
    if any(
        seen for shows in (save_writes_something, saved_model_predicts_the_same) for seen in shows.broken_by(evidence)
    ):
        return
    for call in flow.called("load"):
        if call.ended == "returned":
            yield Judged("loads")
            if not _opened_artifacts(call):
                yield Seen(
                    f"some of {listed(saved.artifacts, 3)} is opened",
                    "load opened none of it",
                    f"load in {flow.label}",
                    at(evidence, "load"),
                )
