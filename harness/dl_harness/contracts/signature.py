"""Signature: what the platform loads and calls is there and takes what the wrappers pass.

Every call below was read in the SDK: ml/base_model_adapter.py (the wrapper functions) and the runner, which builds
the adapter from the manifest's `initInputs` by name.
"""

from __future__ import annotations

from collections.abc import Iterator

from dl_harness.contract import Applies, Judge, Judged, Judgement, Seen, contract
from dl_harness.evidence import Evidence, Parameter, Subject, UserFunction

Arguments = tuple[tuple[str, ...], tuple[str, ...]]  # names passed by position, names passed by keyword

CALLS: dict[str, dict[str, Arguments]] = {
    "load": {
        "load_from_model calls load(local_path)": (("local_path",), ()),
        "evaluate_model calls load(local_path, dataset=...)": (("local_path",), ("dataset",)),
    },
    "save": {"save_to_model calls save(local_path=...)": ((), ("local_path",))},
    "train": {
        "train_model calls train(data_path=..., output_path=..., on_epoch_end_callback=...)": (
            (),
            ("data_path", "output_path", "on_epoch_end_callback"),
        )
    },
    "predict": {
        "predict_items calls predict(batch)": (("batch",), ()),
        "predict_dataset calls predict(batch, progress=...)": (("batch",), ("progress",)),
    },
    "embed": {"embed_items calls embed(batch)": (("batch",), ())},
    "prepare_item_func": {"predict_items and embed_items call prepare_item_func(item)": (("item",), ())},
    "convert_from_dtlpy": {"prepare_data calls convert_from_dtlpy(data_path=...)": ((), ("data_path",))},
    "evaluate": {
        "evaluate_model calls evaluate(model=..., dataset=..., filters=...)": ((), ("model", "dataset", "filters"))
    },
}
"""How the wrappers call each user function (SDK: ml/base_model_adapter.py)."""

NEEDED = {
    "predict": ("load", "predict"),
    "embed": ("load", "embed"),
    "train": ("load", "train", "save", "convert_from_dtlpy"),
}
"""The user functions that a use cannot do without: the base class raises NotImplementedError in each."""


IN_PLACE_OF = {
    "convert_from_dtlpy": "prepare_data",
    "predict": "predict_items",
    "embed": "embed_items",
    "train": "train_model",
}
"""Wrapper functions that an author may override instead of what they call (4 of 91 public adapters do)."""


def refusal(parameters: tuple[Parameter, ...], arguments: Arguments) -> str | None:
    """Why a call does not bind to these parameters (without self), or None when it does."""
    positional, keywords = arguments
    slots = [p for p in parameters if p.kind in {"positional_only", "positional_or_keyword"}]
    takes_any_position = any(p.kind == "var_positional" for p in parameters)
    takes_any_keyword = any(p.kind == "var_keyword" for p in parameters)
    if len(positional) > len(slots) and not takes_any_position:
        passed = "1 is" if len(positional) == 1 else f"{len(positional)} are"
        return f"it takes {len(slots)} positional arguments, and {passed} passed"
    filled = {p.name for p in slots[: len(positional)]}
    taken = {p.name for p in slots[: len(positional)] if p.kind != "positional_only"}
    by_name = {p.name for p in parameters if p.kind in {"positional_or_keyword", "keyword_only"}}
    for keyword in keywords:
        if keyword in taken:
            return f"it gets {keyword!r} twice: by position and by name"
        if keyword not in by_name and not takes_any_keyword:
            return f"it has no parameter {keyword!r}"
    given = filled | ({*keywords} & by_name)
    missing = [p.name for p in parameters if p.required and p.name not in given]
    if missing:
        return "nobody passes " + ", ".join(repr(name) for name in missing)
    return None


def written(function: UserFunction) -> str:
    """The signature as it stands in the source."""
    shown = []
    star = False
    for parameter in function.parameters:
        prefix = {"var_positional": "*", "var_keyword": "**"}.get(parameter.kind, "")
        if parameter.kind == "keyword_only" and not star:
            shown.append("*")
        star = star or parameter.kind in {"var_positional", "keyword_only"}
        optional = "" if parameter.required or prefix else "=..."
        shown.append(f"{prefix}{parameter.name}{optional}")
    shown = shown if function.flavour == "staticmethod" else ["self", *shown]
    return f"{function.name}({', '.join(shown)})"


def class_known(evidence: Evidence) -> str | None:
    """Inapplicable as long as there is no adapter class to look at."""
    subject = evidence.subject
    if not subject.imported:
        return "the module could not be imported, so there is no class to look at"
    if not subject.class_found:
        return "the class was not found"
    return None


def adapter_known(evidence: Evidence) -> str | None:
    """Inapplicable as long as there is no adapter class."""
    return class_known(evidence) or (None if evidence.subject.is_adapter else "the class is no adapter")


def overridden(name: str) -> Applies:
    """Applies where the author wrote this function."""

    def applies(evidence: Evidence) -> str | None:
        reason = adapter_known(evidence)
        return reason or (None if evidence.subject.overrides(name) else f"the adapter does not override {name}")

    return applies


def class_read(evidence: Evidence) -> str | None:
    """Inapplicable as long as there is no class to look at, imported or read in its source."""
    subject = evidence.subject
    return None if not subject.imported and subject.read and subject.class_found else class_known(evidence)


def adapter_read(evidence: Evidence) -> str | None:
    """Inapplicable as long as there is no adapter class, imported or read in its source."""
    subject = evidence.subject
    reason = class_read(evidence)
    if reason or subject.is_adapter:
        return reason
    return _hidden(evidence) or "the class is no adapter"


def _hidden(evidence: Evidence) -> str | None:
    """Why what a class inherits cannot be told, or None."""
    subject = evidence.subject
    if subject.imported or not subject.hidden_bases:
        return None
    return f"what it inherits from {', '.join(subject.hidden_bases)} cannot be read in the repository"


def written_by_author(name: str) -> Applies:
    """Applies where the author wrote this function, as an import or the source shows."""

    def applies(evidence: Evidence) -> str | None:
        reason = class_read(evidence)
        if reason is None and not evidence.subject.overrides(name):
            reason = f"the adapter does not override {name}"
        return reason or (None if evidence.subject.is_adapter or _hidden(evidence) else "the class is no adapter")

    return applies


def _from_manifest(evidence: Evidence) -> str | None:
    return None if evidence.subject.manifest else "the target is a class, not a manifest"


@contract(
    "SIG-001",
    "signature",
    "the manifest is JSON that declares modules, and models that name them",
    why="The platform reads components.modules and each model's moduleName when the app is installed; what it cannot"
    " read or match is refused, or leaves a model that no service can run.",
    fix="Correct the manifest at the line named: every module needs name, entryPoint and className, and every model's"
    " moduleName must be the name of a module.",
    severity_reason="The platform refuses the manifest, or installs a model that no module can run.",
    applies=_from_manifest,
)
def manifest_is_whole(evidence: Evidence) -> Iterator[Judgement]:
    """OpenAPI: DpkComponents, IDpkComponentModel; SDK: repositories/models.py (create needs moduleName)."""
    yield Judged("manifests")
    for problem in evidence.subject.manifest_problems:
        if problem.rule in {"unreadable", "module"}:
            yield Seen(problem.expected, problem.saw, "manifest", problem.place)


@contract(
    "SIG-002",
    "signature",
    "the entry point exists and can be imported",
    why="The runner imports the entry point from the codebase's root before anything else; when that fails, the service"
    " never starts.",
    fix="Make entryPoint the path of the adapter's file, relative to the codebase's root, and import only what the"
    " service's image has. Supply stand-ins for frameworks that are not installed here with --stubs.",
    severity_reason="The service crashes at its start: nothing runs.",
)
def entry_point_imports(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: the package runner imports `entryPoint`."""
    subject = evidence.subject
    if any(p.rule in {"unreadable", "module"} for p in subject.manifest_problems) and not subject.entry_point:
        return
    if subject.imported or subject.import_failure is not None or not subject.file_exists:
        yield Judged("entry points")
    elif subject.read:
        yield Judged("entry points read")
    for problem in subject.manifest_problems:
        if problem.rule == "entry_point":
            yield Seen(problem.expected, problem.saw, "manifest", problem.place)
    if subject.file_exists and not subject.imported and subject.import_failure is not None:
        failure = subject.import_failure
        yield Seen("the module imports", str(failure), subject.entry_point or subject.name, failure.place)


@contract(
    "SIG-003",
    "signature",
    "the entry point defines the class that is named",
    why="The runner takes className from the imported module; a name that is not there stops the service at its start.",
    fix="Make className (or the name after the colon of the target) the name of the adapter's class.",
    severity_reason="The service crashes at its start: nothing runs.",
    applies=lambda e: (
        None
        if e.subject.imported or e.subject.read
        else "the module could not be imported, so there is no class to look at"
    ),
)
def class_is_there(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: the package runner reads `className`."""
    subject = evidence.subject
    yield Judged("classes")
    if not subject.class_found:
        there = ", ".join(subject.classes_in_file) or "no class"
        place = next((p.place for p in subject.manifest_problems if p.rule == "class_name"), subject.place)
        yield Seen(
            f"a class {subject.class_name} in {subject.entry_point}", f"the file defines {there}", "className", place
        )


@contract(
    "SIG-004",
    "signature",
    "the class derives from dl.BaseModelAdapter",
    why="The wrapper functions that the platform calls (predict_items, train_model, ...) come from the base class;"
    " without it a service has nothing to run.",
    fix="Derive the class from dl.BaseModelAdapter, directly or through a base class of your own.",
    severity_reason="Every call of the platform fails: there is no wrapper function to run.",
    applies=lambda e: class_read(e) or (None if e.subject.is_adapter else _hidden(e)),
)
def derives_from_the_base(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: ml/base_model_adapter.py."""
    subject = evidence.subject
    yield Judged("classes")
    if not subject.is_adapter:
        bases = ", ".join(subject.bases) or "object"
        yield Seen(
            "a subclass of dl.BaseModelAdapter", f"its bases are {bases}", f"class {subject.class_name}", subject.place
        )


@contract(
    "SIG-005",
    "signature",
    "__init__ takes the declared initInputs by name, and nothing more",
    why="The runner builds the adapter with the manifest's initInputs as keyword arguments, model_entity among them;"
    " anything else stops the service at its start.",
    fix="Give __init__ a parameter of the same name for each of initInputs, and a default to everything else.",
    severity_reason="The service crashes at its start: nothing runs.",
    applies=written_by_author("__init__"),
)
def init_takes_the_inputs(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: the package runner; 15 of 255 public modules declare more than model_entity."""
    subject = evidence.subject
    function = subject.functions["__init__"]
    yield Judged("calls bound")
    refused = refusal(function.parameters, ((), subject.init_inputs or ("model_entity",)))
    if refused:
        inputs = ", ".join(f"{name}=..." for name in subject.init_inputs or ("model_entity",))
        yield Seen(
            f"{subject.class_name}({inputs}) binds", f"{written(function)}: {refused}", "__init__", function.place
        )


def _binds(name: str) -> Judge:
    def judge(evidence: Evidence) -> Iterator[Judgement]:
        function = evidence.subject.functions[name]
        if function.flavour == "not callable":
            return
        for call, arguments in CALLS[name].items():
            yield Judged("calls bound")
            refused = refusal(function.parameters, arguments)
            if refused:
                yield Seen(f"{call}, which binds", f"{written(function)}: {refused}", name, function.place)

    judge.__name__ = f"{name}_binds"
    return judge


contract(
    "SIG-006",
    "signature",
    "load takes local_path, alone and with dataset=",
    why="load_from_model passes its keyword arguments on: evaluation calls load(local_path, dataset=...), so an adapter"
    " that works in prediction fails with a TypeError when it is evaluated.",
    fix="Write `def load(self, local_path, **kwargs):`.",
    severity_reason="Loading crashes, at the latest in the first evaluation.",
    applies=written_by_author("load"),
)(_binds("load"))

contract(
    "SIG-007",
    "signature",
    "save takes local_path by name",
    why="save_to_model, and train_model after every training, call save(local_path=...); a trained model that cannot be"
    " saved is lost.",
    fix="Write `def save(self, local_path, **kwargs):`.",
    severity_reason="The save crashes, and with it a trained model is lost.",
    applies=written_by_author("save"),
)(_binds("save"))

contract(
    "SIG-008",
    "signature",
    "train takes data_path, output_path and on_epoch_end_callback by name",
    why="train_model passes all three by keyword; a train that lacks one fails after the whole dataset was downloaded.",
    fix="Write `def train(self, data_path, output_path, **kwargs):` and take kwargs['on_epoch_end_callback'] from"
    " there.",
    severity_reason="Every training crashes after its download.",
    applies=written_by_author("train"),
)(_binds("train"))

contract(
    "SIG-009",
    "signature",
    "predict takes the batch, alone and with progress=",
    why="predict_dataset and evaluation pass progress= to predict; without a place for it every batch fails.",
    fix="Write `def predict(self, batch, **kwargs):`.",
    severity_reason="Every prediction of a dataset and every evaluation crashes.",
    applies=written_by_author("predict"),
)(_binds("predict"))

contract(
    "SIG-010",
    "signature",
    "embed takes the batch",
    why="embed_items calls embed(batch) and forwards its own keyword arguments; an embed that needs more fails on"
    " every batch.",
    fix="Write `def embed(self, batch, **kwargs):`.",
    severity_reason="Every embedding crashes.",
    applies=written_by_author("embed"),
)(_binds("embed"))

contract(
    "SIG-011",
    "signature",
    "prepare_item_func takes the item",
    why="predict_items calls it outside its try block, once per item: a TypeError there aborts the whole call.",
    fix="Write `def prepare_item_func(self, item):`.",
    severity_reason="Every prediction crashes before its first batch.",
    applies=written_by_author("prepare_item_func"),
)(_binds("prepare_item_func"))

contract(
    "SIG-012",
    "signature",
    "convert_from_dtlpy takes data_path by name",
    why="prepare_data calls convert_from_dtlpy(data_path=...) after the download; otherwise no training ever starts.",
    fix="Write `def convert_from_dtlpy(self, data_path, **kwargs):`.",
    severity_reason="Every training crashes after its download.",
    applies=written_by_author("convert_from_dtlpy"),
)(_binds("convert_from_dtlpy"))

contract(
    "SIG-013",
    "signature",
    "evaluate takes model, dataset and filters by name",
    why="evaluate_model passes all three by keyword after predicting the whole dataset.",
    fix="Write `def evaluate(self, model, dataset, filters, **kwargs):`.",
    severity_reason="Every evaluation crashes after its predictions.",
    applies=written_by_author("evaluate"),
)(_binds("evaluate"))


@contract(
    "SIG-014",
    "signature",
    "every user function that the declared use requires is overridden",
    why="The base class raises NotImplementedError for what is missing: training without convert_from_dtlpy fails"
    " after the download, training without save loses the trained model.",
    fix="Implement the function named, or take the use out of the manifest's functions.",
    severity_reason="The declared use crashes with NotImplementedError.",
    applies=lambda e: adapter_read(e) or _hidden(e),
)
def required_functions_are_there(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: ml/base_model_adapter.py, NEED TO IMPLEMENT THESE METHODS."""
    subject = evidence.subject
    if not subject.uses:
        yield Seen(
            "predict, embed or train is implemented",
            "the class overrides none of them",
            f"class {subject.class_name}",
            subject.place,
        )
    for use, names in NEEDED.items():
        if use not in subject.uses:
            continue
        for name in names:
            yield Judged("functions")
            if not subject.overrides(name) and not subject.overrides(IN_PLACE_OF.get(name, name)):
                yield Seen(
                    f"{name} is implemented, since {_because(subject, use)}",
                    f"{subject.class_name} inherits {name} from the base class, which raises NotImplementedError",
                    f"class {subject.class_name}",
                    subject.place,
                )


def _because(subject: Subject, use: str) -> str:
    return f"the manifest declares {use}" if use in subject.declared_uses else f"the class implements {use}"


DOES_NOTHING = {
    "coroutine function": "it is a coroutine function, whose body runs only when somebody awaits it",
    "asynchronous generator": "it is an asynchronous generator, whose body runs only when somebody walks it",
    "not callable": "it cannot be called",
}
"""What calling a function of a flavour comes to (see `UserFunction.flavour`)."""


@contract(
    "SIG-015",
    "signature",
    "user functions do their work when they are called",
    why="The wrappers call them and use what comes back: from an async method they get a coroutine that nobody awaits,"
    " and what is no function cannot be called.",
    fix="Make it `def name(self, ...)`; run asynchronous clients inside it with asyncio.run.",
    severity_reason="The wrapper works on a coroutine, or on nothing: all results are lost.",
    applies=adapter_read,
)
def functions_do_their_work(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: the wrappers call user functions synchronously."""
    subject = evidence.subject
    for function in subject.functions.values():
        if not function.overridden:
            continue
        yield Judged("functions")
        saw = DOES_NOTHING.get(function.flavour)
        if function.flavour == "generator" and function.name in {"load", "save", "train", "convert_from_dtlpy"}:
            saw = "it is a generator, whose body runs only when somebody walks it"
        if saw:
            place = subject.place_of(function.name)
            yield Seen(f"{function.name} does its work when it is called", saw, function.name, place)
