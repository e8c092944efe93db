"""Training: what a dataset looks like is not the adapter's to choose.

44 of 239 real defects lay here, most of them in the shape of what prepare_data had downloaded. The first training runs
on the simplest dataset; each other one differs in a single respect, and must end as well and use as much of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from dl_harness.contract import Applies, Judge, Judged, Judgement, Seen, Severity, contract
from dl_harness.contracts.lifecycle import place
from dl_harness.contracts.reading import at, counted, listed, outcome, uses
from dl_harness.evidence import Call, Evidence, FileHeld, Flow, Place

NEEDS = ("train_varied", "train_model")
NO_SUCH_SHAPE = "this dataset cannot be given that shape"
FUNCTIONS = ("convert_from_dtlpy", "train")

Amounts = dict[str, tuple[int, int]]
"""For each suffix: how many files, and how many records in them."""


def _amounts(held: Iterable[FileHeld]) -> Amounts:
    found: Amounts = {}
    for file in held:
        suffix = PurePosixPath(file.path).suffix.lower()
        files, records = found.get(suffix, (0, 0))
        found[suffix] = files + 1, records + (0 if _downloaded(file) else file.records or 0)
    return found


def _converted(flow: Flow | None) -> tuple[FileHeld, ...]:
    calls = flow.called("convert_from_dtlpy") if flow is not None else ()
    return calls[-1].holds if calls else ()


def _downloaded(file: FileHeld) -> bool:
    """Whether a file lies where prepare_data puts the items of a subset and their JSON."""
    return PurePosixPath(file.path).parts[1:2] in {("items",), ("json",), ("instance",)}


def _read(flow: Flow) -> set[str]:
    """The files of the training data that were read, as far as Python opened them."""
    calls = [call for name in FUNCTIONS for call in flow.called(name)]
    folders = {folder for call in calls if (folder := call.paths.get("data_path"))}
    return {
        file.where
        for call in calls
        for file in call.opened
        if not file.writes and any(file.where.startswith(f"{folder}/") for folder in folders)
    }


def lost(first: Flow, other: Flow) -> str | None:
    """What a training has left out of the same items under other names, or None."""
    before, after = _amounts(_converted(first)), _amounts(_converted(other))
    for suffix, (files, records) in before.items():
        files_now, records_now = after.get(suffix, (0, 0))
        kind = f"*{suffix}" if suffix else "without a suffix"
        if files_now < files:
            return f"{files_now} files {kind} in data_path instead of {files}"
        if records_now < records:
            return f"{records_now} records in files {kind} of data_path instead of {records}"
    if len(_read(other)) < len(_read(first)) and _trained(first) == _trained(other):
        return f"{counted(len(_read(other)), 'file')} of the dataset read instead of {len(_read(first))}"
    return None


def _trained(flow: Flow) -> bool:
    return any(call.ended == "returned" for call in flow.called("train"))


def _failed(flow: Flow) -> Call | None:
    """The call of a user function that ended a training, if one did."""
    return next((c for name in (*FUNCTIONS, "save") for c in flow.called(name) if c.ended != "returned"), None)


def _own(flow: Flow) -> bool:
    """Whether a training ended in the adapter's code; the SDK has limits of its own."""
    return _failed(flow) is not None or bool(flow.failure and flow.failure.place.file)


def _refuses(flow: Flow) -> bool:
    """Whether the adapter itself raised an error with words of its own: it knows that it cannot do this."""
    call = _failed(flow)
    failure = call.failure if call is not None else None
    if failure is None or failure.place.file is None or failure.type not in {"ValueError", "RuntimeError"}:
        return False
    frames = [line.strip() for line in failure.traceback.splitlines()]
    files = [index for index, line in enumerate(frames) if line.startswith('File "')]
    return bool(files) and files[-1] + 1 < len(frames) and frames[files[-1] + 1].startswith("raise ")


def _what_failed(evidence: Evidence, flow: Flow) -> tuple[str, str, Place]:
    call = _failed(flow)
    if call is not None:
        return outcome(flow), f"{call.function} in {flow.label}", place(evidence, call)
    where = flow.failure.place if flow.failure and flow.failure.place.file else at(evidence, "train")
    return outcome(flow), flow.label, where


def _base(evidence: Evidence) -> Flow | None:
    first = evidence.flow("train_model")
    return first if first is not None and first.ended == "returned" else None


def sound(evidence: Evidence, shape: str, *, whole: bool = True) -> bool:
    """Whether the training on a shape ended well and, with `whole`, left nothing out."""
    first, flow = _base(evidence), evidence.flow(f"train_varied/{shape}")
    if first is None or flow is None or flow.ended != "returned":
        return False
    return not whole or lost(first, flow) is None


def _copes_with(shape: str, holds: str, *, whole: bool, after: tuple[str, ...] = ()) -> Judge:
    """Judge the training on one shape; shapes in `after` are those whose own contract explains a failure here."""

    def judge(evidence: Evidence) -> Iterator[Judgement]:
        first, flow = _base(evidence), evidence.flow(f"train_varied/{shape}")
        if first is None or flow is None or not all(sound(evidence, one) for one in after):
            return
        yield Judged("trainings")
        if not whole and _refuses(flow):
            return
        if flow.ended not in {"returned", "interrupted"}:
            saw, where, line = _what_failed(evidence, flow)
            yield Seen(f"training ends as well as before when {holds}", saw, where, line)
        elif whole and (missing := lost(first, flow)):
            function = "convert_from_dtlpy" if evidence.subject.overrides("convert_from_dtlpy") else "train"
            yield Seen(f"as much is trained on as before when {holds}", missing, flow.label, at(evidence, function))

    judge.__name__ = "copes_with_" + shape.replace("-", "_")
    return judge


def _offered(shape: str) -> Applies:
    """Applies where the wrapper hands such a dataset to the adapter at all."""

    def applies(evidence: Evidence) -> str | None:
        flow = evidence.flow(f"train_varied/{shape}")
        told = evidence.not_run.get(f"train_varied/{shape}", "")
        reason = uses("train")(evidence) or (told if told.startswith(NO_SUCH_SHAPE) else None)
        if reason is None and flow is not None and flow.ended == "raised" and not _own(flow):
            reason = f"the wrapper itself does not manage such a dataset: {outcome(flow)}"
        return reason

    return applies


def _shape(
    id: str,
    shape: str,
    statement: str,
    holds: str,
    *,
    why: str,
    fix: str,
    severity_reason: str,
    whole: bool,
    severity: Severity = "error",
    after: tuple[str, ...] = (),
) -> None:
    contract(
        id,
        "training",
        statement,
        why=why,
        fix=fix,
        severity_reason=severity_reason,
        needs=NEEDS,
        severity=severity,
        applies=_offered(shape),
    )(_copes_with(shape, holds, whole=whole, after=after))


_shape(
    "TRN-001",
    "nested",
    "items in nested folders are trained on",
    "items lie in folders within folders",
    why="Datasets keep the folders that people upload; prepare_data mirrors them below items and json. A listing of the"
    " top folder finds nothing there: training fails, or runs on a part of the dataset and reports success.",
    fix="Walk with rglob or os.walk, and find the JSON of an item at the same relative path below json.",
    severity_reason="Training fails, or leaves out most of an ordinary dataset without a word.",
    whole=True,
)
_shape(
    "TRN-002",
    "same-names",
    "items with equal base names in different folders are all trained on",
    "items in different folders have the same base name",
    why="Two cameras both write image.jpg: a conversion that copies to one folder by base name overwrites the one with"
    " the other, and labels of one go with the pixels of the other.",
    fix="Keep the relative path in the name of what you write, for example with '/' replaced, or mirror the folders.",
    severity_reason="Items overwrite each other without a word, and labels go with the wrong pixels.",
    whole=True,
    after=("nested",),
)
_shape(
    "TRN-003",
    "tags",
    "subsets may be chosen by tag instead of by folder",
    "subsets are chosen by tag",
    why="The platform's own way to divide a dataset writes tags into the items, and filters by them: code that digs a"
    " folder out of the model's filter, or expects a folder per subset below items, fails.",
    fix="Take each subset from <data_path>/<subset>/items; never read the filters of model.metadata for paths.",
    severity_reason="The training fails for every dataset that is divided the platform's own way.",
    whole=True,
)
_shape(
    "TRN-004",
    "other-types",
    "annotations of other types do no harm to training",
    "items also have annotations of other types",
    why="prepare_data selects items, not annotations: their JSON holds all annotations of the item, also those of other"
    " types and labels that other models and tools have made.",
    fix="Skip annotations whose type is not the model's output type (and whose label the model does not know).",
    severity_reason="One annotation of another kind on one item ends the whole training.",
    whole=False,
)


def _publishes_metrics(evidence: Evidence) -> str | None:
    published = any(flow.metrics for flow in evidence.named("train_model"))
    return uses("train")(evidence) or (None if published else "the training published no metrics")


def _reports_epochs(evidence: Evidence) -> str | None:
    calls = [call for flow in evidence.named("train_model") for call in flow.called("train")]
    silent = bool(calls) and not any(call.epochs for call in calls)
    return uses("train")(evidence) or ("train does not call on_epoch_end_callback" if silent else None)


@contract(
    "TRN-005",
    "training",
    "training again on the same machine converts the same data",
    why="The installed SDK keeps tmp/<model.id> and does not download subsets again that exist: what the first"
    " conversion left between the items is taken for data, lines are appended to label files a second time, and files"
    " that were moved are missing.",
    fix="Write converted data beside the subsets' items and json folders, in files that are opened to be overwritten;"
    " copy instead of moving.",
    severity_reason="The second training fails, or learns from other data than the first, without a word.",
    needs=NEEDS,
    applies=uses("train"),
)
def trains_again(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: prepare_data skips a subset whose folder exists, and calls convert_from_dtlpy in any case."""
    first, again = _base(evidence), evidence.flow("train_varied/again")
    if first is None or again is None:
        return
    yield Judged("trainings")
    if again.ended not in {"returned", "interrupted"}:
        saw, where, line = _what_failed(evidence, again)
        yield Seen("the second training ends like the first", saw, where, line)
        return
    before, after = _amounts(_converted(first)), _amounts(_of_conversion(first, again))
    for suffix in sorted({*before, *after}):
        if before.get(suffix, (0, 0)) != after.get(suffix, (0, 0)):
            yield Seen(
                f"{_told(before, suffix)} in data_path, as after the first conversion",
                _told(after, suffix),
                f"convert_from_dtlpy in {again.label}",
                at(evidence, "convert_from_dtlpy"),
            )
            return


def _of_conversion(first: Flow, again: Flow) -> list[FileHeld]:
    """What a second conversion has to do with; train leaves files beside the data, too, and may do so."""
    known = {file.path for file in _converted(first)}
    call = again.called("convert_from_dtlpy")[-1:]
    folder = call[0].paths.get("data_path") if call else None
    written = {change.where for change in (call[0].changes if call else ()) if change.what != "deleted"}
    return [file for file in _converted(again) if file.path in known or f"{folder}/{file.path}" in written]


def _told(amounts: Amounts, suffix: str) -> str:
    files, records = amounts.get(suffix, (0, 0))
    named = f"{counted(files, 'file')} {'*' + suffix if suffix else 'without a suffix'}"
    return f"{named} with {counted(records, 'record')}" if records else named


@contract(
    "TRN-006",
    "training",
    "a training that was interrupted can be started again",
    why="Machines are taken away and trainings fail; the platform starts the execution again on what is left: the"
    " status of the model, artifacts that save wrote half way, and folders on the disk.",
    fix="Resume only from a checkpoint that is complete, or start afresh; let train create what it needs.",
    severity_reason="The model can be trained no more until somebody cleans up by hand.",
    needs=NEEDS,
    applies=_reports_epochs,
)
def resumes(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: train_model saves also when train raised, and says that a new training resumes."""
    interrupted, resumed = evidence.flow("train_varied/interrupted"), evidence.flow("train_varied/resumed")
    if _base(evidence) is None or interrupted is None or resumed is None:
        return
    if interrupted.failure is None or interrupted.failure.type != "TrainingInterruptedError":
        return
    yield Judged("trainings")
    if resumed.ended not in {"returned", "interrupted"}:
        saw, where, line = _what_failed(evidence, resumed)
        yield Seen("the training after the interrupted one ends well", saw, where, line)


@contract(
    "TRN-007",
    "training",
    "the epoch callback is called with the numbers of the epoch and of all epochs",
    why="On the platform the wrapper's callback divides the one by the other to show the progress: texts, zero epochs"
    " or a count beyond the last make it raise in the middle of the training, or show more than 100 %.",
    fix="on_epoch_end_callback(i_epoch=i, n_epoch=n) with whole numbers, 0 <= i <= n and n > 0, after each epoch.",
    severity_reason="The platform's callback raises, and the training is lost.",
    needs=("train_model",),
    applies=_reports_epochs,
)
def epochs_are_numbers(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: train_model, int(100 * (i_epoch + 1) / n_epoch)."""
    for flow in evidence.named("train_model"):
        for call in flow.called("train"):
            for i_epoch, n_epoch in call.epochs or ():
                yield Judged("epochs")
                numbers = isinstance(i_epoch, int) and isinstance(n_epoch, int)
                if numbers and n_epoch > 0 and 0 <= i_epoch <= n_epoch:
                    continue
                yield Seen(
                    "i_epoch within 0 and n_epoch",
                    f"i_epoch={i_epoch}, n_epoch={n_epoch}",
                    f"train in {flow.label}",
                    at(evidence, "train"),
                )


@contract(
    "TRN-008",
    "training",
    "published metrics are finite numbers",
    why="NaN and infinity are no JSON, and a text in their place is no number: the sample is refused, or every later"
    " reader of the model's metrics fails on it.",
    fix="Leave out a sample whose value is not finite, or publish 0 with a reason in the log.",
    severity_reason="The platform refuses the sample, and the training fails with it.",
    needs=("train_model",),
    applies=_publishes_metrics,
)
def metrics_are_finite(evidence: Evidence) -> Iterator[Judgement]:
    """OpenAPI: ml/metrics, data.x and data.y are numbers."""
    for flow in evidence.named("train_model"):
        for sample in flow.metrics:
            yield Judged("samples")
            for axis, value in (("x", sample.x), ("y", sample.y)):
                if isinstance(value, bool) or not isinstance(value, (int, float)):
                    yield Seen(
                        f"a finite number for {axis}",
                        f"{value} in the figure {sample.figure!r}, legend {sample.legend!r}",
                        flow.label,
                        at(evidence, "train"),
                    )


@contract(
    "TRN-009",
    "training",
    "the model is trained when the training is over",
    why="Deployment and pipelines wait for the status trained; an adapter that writes the status by itself, or a model"
    " entity that was read again in the middle, leaves it as training or failed.",
    fix="Leave the status to train_model; update the entity that the wrapper gave you, not another copy of it.",
    severity_reason="The model counts as not trained: it cannot be deployed.",
    needs=("train_model",),
    applies=uses("train"),
)
def model_is_trained(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: train_model sets model.status = 'trained' and updates the model."""
    for flow in evidence.named("train_model"):
        if flow.ended == "returned":
            yield Judged("trainings")
            if flow.status != "trained":
                own = "train_model" if evidence.subject.overrides("train_model") else "train"
                yield Seen("the status trained", f"the status {flow.status}", flow.label, at(evidence, own))


_shape(
    "TRN-010",
    "no-validation",
    "training works without a validation subset",
    "the model has no validation subset",
    why="Subsets are the user's to choose; small datasets are often trained on as a whole.",
    fix="Use the folders that exist below data_path; skip validation, or hold back a part of the training items.",
    severity_reason="The platform asks for a validation subset in most of its own dialogs.",
    whole=False,
    severity="warning",
)
_shape(
    "TRN-011",
    "one-class",
    "training works with one class",
    "the model has one label",
    why="Detectors of one kind of thing are common; frameworks need a special case for a single class.",
    fix="Treat the number of labels as data; say clearly when the method needs two.",
    severity_reason="Some methods need two classes by their nature.",
    whole=False,
    severity="warning",
)
_shape(
    "TRN-012",
    "background",
    "items without annotations do no harm to training",
    "items without annotations are included (include_background)",
    why="With include_background in its configuration the model also gets items on which there is nothing: their JSON"
    " has an empty list of annotations.",
    fix="Write an empty label file for such an item, or skip it where the framework cannot use it.",
    severity_reason="Only models that ask for such items (include_background) get them.",
    whole=False,
    severity="warning",
)
_shape(
    "TRN-013",
    "same-stems",
    "two items that differ only in their extension do no harm to training",
    "two items differ only in their extension",
    why="The SDK writes one JSON for cat.jpg and cat.png, the last one wins: a conversion that expects one JSON per"
    " item fails on the whole dataset.",
    fix="Walk the JSON files and take the item from their 'filename'; skip an item whose JSON belongs to another.",
    severity_reason="The SDK itself loses one of the two JSON files.",
    whole=False,
    severity="warning",
)
_shape(
    "TRN-014",
    "dotted-names",
    "names with blanks, dots and capitals are trained on",
    "names hold blanks, several dots and an extension in capitals",
    why="Files of cameras and of people are called that; split('.')[0] gives several of them one name, and a list of"
    " extensions in lower case leaves them out.",
    fix="Use os.path.splitext or pathlib's with_suffix, compare extensions in lower case, and quote paths.",
    severity_reason="Such names can be changed, and datasets without them are many.",
    whole=True,
    severity="warning",
)
_shape(
    "TRN-015",
    "unknown-label",
    "a label that the model does not know does no harm to training",
    "one annotation has a label that the model does not know",
    why="Datasets live longer than models: people add labels, and prepare_data does not filter by label.",
    fix="Skip annotations whose label is not in model_entity.label_to_id_map.",
    severity_reason="A training that stops at an unknown label is annoying, and says so.",
    whole=False,
    severity="warning",
)


@contract(
    "TRN-016",
    "training",
    "class numbers come from the model, not from the dataset's recipe",
    why="The recipe's labels change and are sorted otherwise on the next dataset: numbers that conversion takes from it"
    " do not match the ones that predict looks up in the model's id_to_label_map.",
    fix="Take numbers from self.model_entity.label_to_id_map, in conversion and in prediction.",
    severity_reason="An adapter may write the recipe's map into the model when it trains.",
    needs=NEEDS,
    severity="warning",
    applies=uses("train"),
)
def numbers_come_from_the_model(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: Model.id_to_label_map."""
    first, again, other = (evidence.flow(f) for f in ("train_model", "train_varied/again", "train_varied/other-recipe"))
    if first is None or other is None or first.ended != "returned":
        return
    yield Judged("trainings")
    if other.ended not in {"returned", "interrupted"}:
        saw, where, line = _what_failed(evidence, other)
        yield Seen("training ends as well as before when the recipe has other labels", saw, where, line)
        return
    known = {file.path: file.digest for file in _converted(first) if not _downloaded(file)}
    repeated = {file.path: file.digest for file in _converted(again)}
    steady = {path for path, digest in known.items() if repeated.get(path, digest) == digest}
    changed = [f.path for f in _converted(other) if f.path in steady and f.digest != known[f.path]]
    if changed:
        yield Seen(
            "the same files from the same items, whatever the recipe lists",
            f"other content in {listed(changed, 3)}",
            f"convert_from_dtlpy in {other.label}",
            at(evidence, "convert_from_dtlpy"),
        )


@contract(
    "TRN-017",
    "training",
    "train reports its epochs",
    why="Hours of training show no progress on the platform, and an execution that seems to stand still is ended.",
    fix="Call kwargs['on_epoch_end_callback'](i_epoch=i, n_epoch=n) after each epoch.",
    severity_reason="Training ends as well without it; half of all public adapters do.",
    needs=("train_model",),
    severity="warning",
    applies=uses("train"),
)
def epochs_are_reported(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: train_model passes on_epoch_end_callback."""
    for flow in evidence.named("train_model"):
        for call in flow.called("train"):
            if call.ended == "returned" and call.epochs is not None:
                yield Judged("trainings")
                if not call.epochs:
                    yield Seen(
                        "at least one call of on_epoch_end_callback",
                        "none",
                        f"train in {flow.label}",
                        at(evidence, "train"),
                    )
