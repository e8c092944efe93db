"""Directory layout: user functions read and write where the wrapper says, wherever that is.

The published layout is DATALOOP_PATH/models/<model.name> for artifacts and
DATALOOP_PATH/model_data/<model.id>_<model.name>/<timestamp>/{output,datasets/<dataset.id>/...} for training
(docs: model adapter flows); the installed SDK trains in tmp/<model.id> below the working directory. An adapter that
uses only the paths it is given works in both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from dl_harness.contract import Judged, Judgement, Seen, contract
from dl_harness.contracts.reading import at, by_name, ended, listed, outcome, same_entry, uses
from dl_harness.contracts.signature import adapter_known, overridden
from dl_harness.evidence import Call, Entry, Evidence, FileChange, Flow

LOADING = ("load_from_model",)
TRAINING = ("train_model",)
SAVING = ("save_to_model", "train_model")
CACHES = (
    *("home/.cache/", "home/.config/", "home/.local/", "home/.matplotlib/", "home/.keras/", "home/.nv/"),
    "home/.dataloop/logs/",  # SDK: dtlpy/__init__.py and logger.py
)
"""Where libraries keep what they may lose; no adapter wrote there on purpose."""


def under(where: str, folder: str | None) -> bool:
    """Whether a path lies in a folder; both as in `FileChange.where`."""
    return folder is not None and (where == folder or where.startswith(folder.rstrip("/") + "/"))


def written(changes: Iterable[FileChange]) -> list[str]:
    """The files that were made or changed, without the caches of libraries."""
    return [c.where for c in changes if c.what != "deleted" and not c.where.startswith(CACHES)]


def _has_artifacts(evidence: Evidence) -> str | None:
    reason = overridden("load")(evidence)
    if reason:
        return reason
    if any(flow.artifacts for flow in evidence.named(*LOADING)):
        return None
    return "the model has no artifacts here; supply some with --artifacts"


@contract(
    "LAY-001",
    "directory layout",
    "load works wherever local_path is",
    why="load_from_model downloads the artifacts to DATALOOP_PATH/models/<model.name>, which is another folder on every"
    " machine and can be set by the caller.",
    fix="Build every path from local_path: os.path.join(local_path, 'weights.pt').",
    severity_reason="Loading crashes on every machine that has another folder.",
    needs=LOADING,
    applies=_has_artifacts,
)
def load_works_elsewhere(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: load_from_model(local_path=...)."""
    flow = evidence.flow("load_from_model/elsewhere")
    if flow is None:
        return
    for call in flow.called("load"):
        yield Judged("loads")
        if call.ended != "returned":
            yield Seen(
                "load reads the artifacts from the second folder it is given",
                f"{ended(call.ended, call.failure)}, although the first folder had worked",
                f"load in {flow.label}",
                call.failure.place if call.failure and call.failure.place.file else at(evidence, "load"),
            )


@contract(
    "LAY-002",
    "directory layout",
    "load takes the artifacts from local_path and from nowhere else",
    why="A copy that happens to lie in the working directory or in a fixed folder is loaded instead of what the"
    " model entity holds: the model predicts with stale or stock weights, and nothing says so.",
    fix="Open os.path.join(local_path, name); ship no second copy of an artifact under the same name.",
    severity_reason="The model entity's own weights are ignored: all predictions come from another model.",
    needs=LOADING,
    applies=_has_artifacts,
)
def load_reads_the_artifacts(evidence: Evidence) -> Iterator[Judgement]:
    """docs: model adapter flows; only what Python itself opens is seen."""
    for flow in evidence.named(*LOADING):
        names = {PurePosixPath(a).name for a in flow.artifacts}
        for call in flow.called("load"):
            if call.ended != "returned":
                continue
            yield Judged("loads")
            folder = call.paths.get("local_path")
            for file in call.opened:
                if PurePosixPath(file.where).name in names and not under(file.where, folder):
                    yield Seen(
                        f"{PurePosixPath(file.where).name} is read from local_path",
                        f"read from {file.where}",
                        f"load in {flow.label}",
                        at(evidence, "load"),
                    )


@contract(
    "LAY-003",
    "directory layout",
    "load, predict and embed leave nothing in the working directory",
    why="Services run many executions at once in one working directory, which may be read-only: files of one collide"
    " with files of another, and the disk fills.",
    fix="Write to tempfile.TemporaryDirectory(), or download with item.download(save_locally=False).",
    severity_reason="Concurrent executions overwrite each other's files: data is lost.",
    needs=("load_from_model", "predict_items", "embed_items"),
    applies=adapter_known,
)
def nothing_is_left(evidence: Evidence) -> Iterator[Judgement]:
    """docs: model adapter flows name every folder that a flow uses; the working directory is none of them."""
    for flow in evidence.named("load_from_model", "predict_items", "predict_dataset", "embed_items", "embed_dataset"):
        if flow.ended not in {"returned", "raised"}:
            continue
        yield Judged("flows")
        left = [w for w in written(flow.changes) if under(w, "working directory") and not _expected(flow, w)]
        if left:
            function = "embed" if "embed" in flow.name else "load" if "load" in flow.name else "predict"
            yield Seen("no new file", listed(left), flow.label, at(evidence, function))


def _expected(flow: Flow, where: str) -> bool:
    return any(under(where, folder) for folder in flow.expected_changes)


MODEL_FILES = frozenset(
    {".pt", ".pth", ".ckpt", ".npz", ".npy", ".pkl", ".pickle", ".joblib", ".h5", ".hdf5", ".keras", ".onnx", ".bin"}
    | {".safetensors", ".pb", ".tflite", ".weights", ".model", ".engine", ".mar", ".params"}
)
"""Suffixes of what a training must not lose. Lists and caches of the data may lie beside it: they are made again."""


def _is_model_file(where: str) -> bool:
    return PurePosixPath(where).suffix.lower() in MODEL_FILES


def _outside(call: Call, argument: str) -> list[str]:
    """What a call wrote outside the folder that it was given."""
    folder = call.paths.get(argument)
    elsewhere = [file.where for file in call.opened if file.writes and file.where.startswith("/")]
    return [w for w in (*written(call.changes), *elsewhere) if not under(w, folder)]


@contract(
    "LAY-004",
    "directory layout",
    "save writes the model under local_path",
    why="save_to_model uploads the files it finds in local_path; a save that writes nothing there leaves a model"
    " without weights, or with the old ones, and reports success.",
    fix="Write weights and everything load needs to os.path.join(local_path, ...).",
    severity_reason="The trained weights are lost, and the run is reported as a success.",
    needs=SAVING,
    applies=overridden("save"),
)
def save_writes_something(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: save_to_model uploads local_path/*; what train has left in output_path needs no saving."""
    for flow in evidence.named("train_model" if evidence.named("train_model") else "save_to_model"):
        calls = flow.called("train") + flow.called("save")
        saves = [c for c in flow.called("save") if c.ended == "returned"]
        for call in saves:
            yield Judged("saves")
            folder = call.paths.get("local_path")
            if not any(under(w, folder) for c in calls for w in written(c.changes)):
                yield Seen(
                    "at least one file under local_path",
                    "no file at all",
                    f"save in {flow.label}",
                    at(evidence, "save"),
                )


@contract(
    "LAY-005",
    "directory layout",
    "save writes nothing outside local_path",
    why="Only local_path is uploaded: what lies elsewhere is lost with the machine, and the next load misses it.",
    fix="Write every file below local_path, also the ones that a framework names by itself.",
    severity_reason="What is written elsewhere is lost with the machine.",
    needs=SAVING,
    applies=overridden("save"),
)
def save_stays_inside(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: save_to_model uploads local_path/*."""
    for flow in evidence.named(*SAVING):
        for call in flow.called("save"):
            if call.ended != "returned":
                continue
            yield Judged("saves")
            outside = _outside(call, "local_path")
            if outside:
                yield Seen(
                    "files under local_path only", listed(outside), f"save in {flow.label}", at(evidence, "save")
                )


@contract(
    "LAY-006",
    "directory layout",
    "training reads its items from data_path and from nowhere else",
    why="prepare_data has downloaded exactly the subsets of this training to data_path; another copy holds other items,"
    " or the ones of an earlier run.",
    fix="Walk data_path (its sub-folders items and json); do not download the dataset again.",
    severity_reason="The model learns from data that was not selected: the training is lost.",
    needs=TRAINING,
    applies=uses("train"),
)
def training_reads_data_path(evidence: Evidence) -> Iterator[Judgement]:
    """docs: model adapter flows, data_path/<subset>/{items,json}; only what Python itself opens is seen."""
    for flow in evidence.named(*TRAINING):
        names = {PurePosixPath(item.name).name for item in flow.items}
        names |= {PurePosixPath(item.name).stem + ".json" for item in flow.items}
        for call in flow.called("train") + flow.called("convert_from_dtlpy"):
            yield Judged("training calls")
            homes = [folder for folder in (*call.paths.values(), *_training_paths(flow)) if folder]
            stray = [
                f.where
                for f in call.opened
                if PurePosixPath(f.where).name in names and not any(under(f.where, home) for home in homes)
            ]
            if stray:
                yield Seen(
                    "items are read from data_path",
                    f"read from {listed(stray, 3)}",
                    f"{call.function} in {flow.label}",
                    at(evidence, call.function),
                )


def _training_paths(flow: Flow) -> list[str]:
    return [path for call in flow.called("train") for path in call.paths.values()]


@contract(
    "LAY-007",
    "directory layout",
    "train writes only under output_path",
    why="output_path is what gets saved, uploaded and cleaned up; a checkpoint in the working directory is lost, and"
    " the next training finds the leftovers.",
    fix="Pass output_path to the framework as its project, log and checkpoint folder.",
    severity_reason="Checkpoints outside output_path are lost with the machine.",
    needs=TRAINING,
    applies=uses("train"),
)
def train_stays_inside(evidence: Evidence) -> Iterator[Judgement]:
    """docs: model adapter flows, train(data_path, output_path)."""
    for flow in evidence.named(*TRAINING):
        for call in flow.called("train"):
            if call.ended != "returned":
                continue
            yield Judged("training calls")
            data = call.paths.get("data_path")
            outside = [w for w in _outside(call, "output_path") if not (under(w, data) and not _is_model_file(w))]
            if outside:
                yield Seen(
                    "files under output_path only", listed(outside), f"train in {flow.label}", at(evidence, "train")
                )


@contract(
    "LAY-008",
    "directory layout",
    "training works wherever its folders are",
    why="The installed SDK trains in tmp/<model.id> below the working directory, the published layout is an absolute"
    " folder under DATALOOP_PATH; an adapter that assumes one of them breaks with the other.",
    fix="Use data_path and output_path as they are given; assume neither that they are relative nor what they are"
    " called.",
    severity_reason="Training crashes, or learns from nothing, in the other folder.",
    needs=TRAINING,
    applies=uses("train"),
)
def training_works_elsewhere(evidence: Evidence) -> Iterator[Judgement]:
    """docs: model adapter flows; SDK: train_model passes root_path=tmp/<model.id>."""
    flow, first = evidence.flow("train_model/elsewhere"), evidence.flow("train_model")
    if flow is None or first is None or first.ended != "returned":
        return
    yield Judged("trainings")
    if flow.ended != "returned":
        place = flow.failure.place if flow.failure and flow.failure.place.file else at(evidence, "train")
        yield Seen("the second training ends like the first", outcome(flow), flow.label, place)


@contract(
    "LAY-009",
    "directory layout",
    "a saved model, loaded in a fresh process, predicts the same",
    why="Deployment always loads in a fresh process: what save leaves out (label maps, thresholds, normalisation) is"
    " gone, and the deployed model is not the one that was tested.",
    fix="Save everything predict needs, and read it back in load; do not rely on attributes that only train or"
    " __init__ sets.",
    severity_reason="The deployed model is another one than the model that was trained: what save leaves out is lost.",
    needs=("save_to_model", "predict_items", "embed_items"),
    applies=overridden("save"),
)
def saved_model_predicts_the_same(evidence: Evidence) -> Iterator[Judgement]:
    """docs: model adapter flows, save_to_model and load_from_model."""
    for name, function in (("predict_items", "predict"), ("embed_items", "embed")):
        fresh = evidence.flow(f"{name}/fresh")
        first, again = by_name(evidence.flow(name), function), by_name(evidence.flow(f"{name}/again"), function)
        loaded = evidence.flow("load_from_model/fresh")
        if fresh is None and loaded is not None and loaded.ended != "returned" and first:
            yield Judged("saved models")
            yield Seen("the saved model loads", outcome(loaded), loaded.label, at(evidence, "load"))
            return
        for item, entry in by_name(fresh, function).items():
            if item not in first or (item in again and not same_entry(first[item], again[item])):
                continue
            if entry.annotations == () == first[item].annotations:
                continue  # nothing, twice, says nothing
            yield Judged("items")
            if not same_entry(first[item], entry):
                saw = f"{_told(entry)} instead of {_told(first[item])}"
                yield Seen("the predictions from before saving", saw, f"{item} in {name}/fresh", at(evidence, "save"))
        yield from _training_lost(evidence, function, by_name(fresh, function))


def _training_lost(evidence: Evidence, function: str, fresh: dict[str, Entry]) -> Iterator[Judgement]:
    """What training had changed is exactly as before it: load does not find what save has written.

    Less than that is no proof: memory may hold the last epoch and the file the best one, or another program trained.
    """
    untrained = by_name(evidence.flow(f"{function}_untrained"), function)
    trained = by_name(evidence.flow(f"{function}_trained"), function)
    known = [item for item in trained if item in untrained and item in fresh]
    learned = [item for item in known if not same_entry(untrained[item], trained[item])]
    if learned:
        yield Judged("trained models")
    if learned and all(fresh[item] == untrained[item] for item in known):
        item = learned[0]
        saw = f"{_told(fresh[item])}, as before training; right after it: {_told(trained[item])}"
        where = f"{item}, and all the other items, in a fresh process"
        yield Seen("what training has changed is in the saved model", saw, where, at(evidence, "save"))


def _told(entry: Entry) -> str:
    if entry.annotations is None:
        return "the vector " + ", ".join(f"{v:.3g}" for v in entry.values[:3]) + ", ..."
    return listed((str(a) for a in entry.annotations), 3) or "no annotation"


@contract(
    "LAY-010",
    "directory layout",
    "user functions leave the working directory where it was",
    why="The wrappers, the SDK and every other execution of the service resolve relative paths against it: after a"
    " chdir the next training writes somewhere else.",
    fix="Pass paths instead of changing directory, or change back in a finally block.",
    severity_reason="Later steps write to the wrong folder: their results are lost.",
    needs=("load_from_model", "predict_items", "embed_items", "train_model", "save_to_model"),
    applies=adapter_known,
)
def directory_stays(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: train_model's folders are relative to the working directory."""
    for flow in evidence.flows:
        told: set[tuple[str, str]] = set()
        for call in flow.calls:
            yield Judged("calls")
            if call.left_directory and (call.function, call.left_directory) not in told:
                told.add((call.function, call.left_directory))
                yield Seen(
                    "the working directory as before",
                    f"changed to {call.left_directory}",
                    f"{call.function} in {flow.label}",
                    at(evidence, call.function),
                )


@contract(
    "LAY-011",
    "directory layout",
    "convert_from_dtlpy writes only under data_path",
    why="Converted labels that lie beside the working directory are not found when the folders move, and two"
    " trainings on one machine overwrite each other's.",
    fix="Write converted files below data_path, with paths relative to it inside them.",
    severity_reason="Two trainings overwrite each other's labels.",
    needs=TRAINING,
    applies=overridden("convert_from_dtlpy"),
)
def convert_stays_inside(evidence: Evidence) -> Iterator[Judgement]:
    """docs: model adapter flows, convert_from_dtlpy(data_path)."""
    for flow in evidence.named(*TRAINING):
        for call in flow.called("convert_from_dtlpy"):
            if call.ended != "returned":
                continue
            yield Judged("conversions")
            outside = _outside(call, "data_path")
            if outside:
                yield Seen(
                    "files under data_path only",
                    listed(outside),
                    f"convert_from_dtlpy in {flow.label}",
                    at(evidence, "convert_from_dtlpy"),
                )
