"""What the flows record about an adapter: frozen plain data, never a judgement.

Everything here crosses a process border as JSON, so it holds only strings, numbers, lists and maps.
The child process writes `Event`s, one JSON line each, as it learns them; `assemble` folds them into one
`Evidence`, also when the child was killed half way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import msgspec

USER_FUNCTIONS = (
    "load",
    "save",
    "train",
    "predict",
    "embed",
    "prepare_item_func",
    "convert_from_dtlpy",
    "evaluate",
)
"""What the author of an adapter writes (SDK: ml/base_model_adapter.py, NEED TO IMPLEMENT THESE METHODS)."""

Ending = Literal["returned", "raised", "exited", "hung", "crashed", "interrupted"]
"""How a call or a flow ended; `crashed` means that the process died without a word (a flow's failure says of what)."""


_BATCH_FAILED = re.compile(r"^Failed to .*? Error: (.+)$", re.MULTILINE)
"""SDK: ml/base_model_adapter.py, predict_items and embed_items."""


STRICT = 0.99
"""A confidence threshold that few predictions reach."""

_THRESHOLD = re.compile(
    r"^(conf|confidence|min_conf|min_confidence|min_score|(\w*_)?(conf|confidence|score|prob|probability)_?(thr|thres|thresh|threshold)"
    r"|(thr|thres|thresh|threshold)_(conf|confidence|score))$",
    re.IGNORECASE,
)


def is_threshold(key: str, value: object) -> bool:
    """Whether an entry of a model's configuration says how certain a prediction has to be."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and 0 <= float(value) < 1 and _THRESHOLD.search(key) is not None  # type: ignore[arg-type]


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """Base of all evidence."""


class Place(Record, frozen=True):
    """A line in the adapter's own source, if one could be named."""

    file: str | None = None
    line: int | None = None


class Failure(Record, frozen=True):
    """An exception that left a function: `place` is the last frame in the adapter's own code."""

    type: str
    message: str
    place: Place = Place()
    traceback: str = ""

    def __str__(self) -> str:
        """One line, as a person reads it; of the wrapper's report on several batches, what happened to the first."""
        told = _BATCH_FAILED.search(self.message)
        lines = [told[1]] if told else self.message.strip().splitlines()
        return f"{self.type}: {lines[0]}" if lines else self.type


class Parameter(Record, frozen=True):
    """One parameter of a user function; `kind` is inspect's, in lower case."""

    name: str
    kind: str
    required: bool = False


class UserFunction(Record, frozen=True):
    """A user function (or `__init__`) as the class resolves it."""

    name: str
    overridden: bool
    place: Place = Place()
    parameters: tuple[Parameter, ...] = ()
    flavour: str = (
        "function"  # function, generator, staticmethod, coroutine function, asynchronous generator, not callable
    )


class ModelFacts(Record, frozen=True):
    """The model entity the adapter is run with; None means that nobody declared it."""

    name: str
    input_type: str | None = None
    output_type: str | None = None
    labels: tuple[str, ...] | None = None
    embeddings_size: int | None = None
    configuration: dict[str, Any] = {}


class Subject(Record, frozen=True):
    """The adapter under check, as far as it could be read and imported."""

    name: str
    target: str
    manifest: str | None = None
    module: str | None = None
    entry_point: str | None = None
    class_name: str | None = None
    init_inputs: tuple[str, ...] = ()
    model: ModelFacts = ModelFacts(name="model")
    media: str | None = None  # the manifest's attribute "Media Type"
    uses: tuple[str, ...] = ()  # predict, embed, train, prompt: declared by the manifest or found overridden
    declared_uses: tuple[str, ...] = ()
    manifest_problems: tuple[ManifestProblem, ...] = ()
    inferred: tuple[str, ...] = ()
    file_exists: bool = True
    imported: bool = False
    read: bool = False  # the class was found and read in its source, without an import
    hidden_bases: tuple[str, ...] = ()  # of a class that was read: bases that are in no file of the repository
    import_failure: Failure | None = None
    class_found: bool = False
    classes_in_file: tuple[str, ...] = ()
    is_adapter: bool = False
    bases: tuple[str, ...] = ()
    place: Place = Place()
    functions: dict[str, UserFunction] = {}

    def overrides(self, name: str) -> bool:
        """Whether the author wrote this user function, here or in a base class of their own."""
        function = self.functions.get(name)
        return function is not None and function.overridden

    def place_of(self, name: str) -> Place:
        """Where the user function stands, or else the class."""
        function = self.functions.get(name)
        return function.place if function is not None and function.place.file else self.place


class ManifestProblem(Record, frozen=True):
    """One thing that is wrong in a manifest, with the line that shows it."""

    rule: str  # unreadable, module, function, entry_point, class_name
    expected: str
    saw: str
    place: Place = Place()


class Observation(Record, frozen=True):
    """One thing that the static pass noticed, in the words in which it will be reported."""

    kind: str
    expected: str
    saw: str
    where: str
    place: Place = Place()


class SourceRead(Record, frozen=True):
    """What one reading of an adapter's source and manifest noticed, without importing anything.

    `looked` counts what was looked at for each kind of observation; `unread` says why nothing could be.
    """

    files: tuple[str, ...] = ()
    looked: dict[str, int] = {}
    observations: tuple[Observation, ...] = ()
    unread: dict[str, str] = {}
    failed: dict[str, str] = {}  # analyses of ours that raised, with the exception


class AnnotationSeen(Record, frozen=True):
    """One annotation as `predict` returned it or as the platform holds it."""

    type: str | None = None
    label: Any = None
    points: tuple[tuple[float, float], ...] = ()
    unfinite: tuple[str, ...] = ()  # paths of coordinates that are NaN or infinite
    unserialisable: tuple[str, ...] = ()  # "coordinates[0].x: numpy.float32"
    confidence: Any = None
    model_info: bool = False
    mask_extent: tuple[float, float, float, float] | None = None  # left, top, right, bottom of what a mask covers
    mask_size: tuple[int, int] | None = None  # width and height of a binary annotation that predict returned
    digest: str = ""  # of what points do not hold: a mask, a text, attributes
    text: str | None = None
    mask: str | None = None  # of a binary annotation on the platform: a PNG as a data URI
    prompt_key: str | None = None

    def __str__(self) -> str:
        """As a person would name it."""
        shown = (
            "" if self.confidence is None else f" {self.confidence:.2f}" if isinstance(self.confidence, float) else ""
        )
        return f"{self.type} {self.label!r}{shown}"


class ItemSeen(Record, frozen=True):
    """An item of the scene; `stored` is what the platform holds for it after the flow."""

    id: str
    name: str
    mimetype: str = ""
    width: int | None = None
    height: int | None = None
    is_prompt: bool = False
    prompts: tuple[str, ...] = ()  # the keys of a prompt item's prompts, in their order


class Stored(Record, frozen=True):
    """What the platform holds for one item, made by this model, after a flow."""

    item: str
    annotations: tuple[AnnotationSeen, ...] = ()
    vectors: tuple[int, ...] = ()  # the sizes of its feature vectors


class Entry(Record, frozen=True):
    """One element of what `predict` or `embed` returned."""

    kind: str
    annotations: tuple[AnnotationSeen, ...] | None = None
    size: int | None = None
    nested: bool = False
    unfinite: int = 0
    twin: int | None = None  # the earlier entry that is the same object
    not_numbers: str | None = None  # a type in the vector, or its own, that JSON cannot hold
    values: tuple[float, ...] = ()


class Returned(Record, frozen=True):
    """What a user function gave back."""

    kind: str
    sized: bool = False
    length: int | None = None
    entries: tuple[Entry, ...] = ()


class Call(Record, frozen=True):
    """One call of a user function by a wrapper (depth 0) or by the adapter itself (depth 1 and up)."""

    id: int
    function: str
    depth: int = 0
    positional: int = 0
    keywords: tuple[str, ...] = ()
    size: int | None = None  # of the batch
    paths: dict[str, str] = {}  # local_path, data_path, output_path: the folder's name in `FileChange.where`
    items: tuple[str, ...] = ()
    ended: Ending = "crashed"
    returned: Returned | None = None
    failure: Failure | None = None
    requests: tuple[int, int] = (0, 0)  # the journal's sequence numbers: from, up to but not including
    opened: tuple[FileOpened, ...] = ()
    changes: tuple[FileChange, ...] = ()
    left_directory: str | None = None  # the working directory, when the call changed it
    random: tuple[str, str] | None = None  # the state of the global generators before and after predict or embed
    holds: tuple[FileHeld, ...] = ()  # after convert_from_dtlpy: everything below data_path
    epochs: tuple[tuple[Any, Any], ...] | None = None  # of train: (i_epoch, n_epoch) of each call of the callback
    duration_s: float = 0.0


class FileOpened(Record, frozen=True):
    """A file that Python opened during a call; `where` as in `FileChange`."""

    where: str
    writes: bool = False


class FileChange(Record, frozen=True):
    """A file that is new, changed or gone.

    `where` is a path that begins with one of the run's roots: `working directory/...`, `home/...` or `tmp/...`; a path
    outside them stands as it is.
    """

    where: str
    what: str  # created, changed, deleted


class FileHeld(Record, frozen=True):
    """A file of the training data as a conversion left it; `path` is relative to data_path.

    `records` counts the lines of a text or the values of a JSON document; None for what is neither.
    """

    path: str
    records: int | None = None
    digest: str = ""


class RequestSeen(Record, frozen=True):
    """One request that the platform answered."""

    sequence: int
    method: str
    route: str | None
    path: str
    status: int
    bytes_out: int = 0
    item: str | None = None
    artifact: bool = False
    during: str | None = None  # the user function that was running, if one was


class MetricSeen(Record, frozen=True):
    """One sample of a model's metrics; a number that is not finite stands as its name."""

    figure: str
    legend: str
    x: Any = None
    y: Any = None


class Pairing(Record, frozen=True):
    """One item in two batches of ids: at a position in the one, at another position in the other."""

    batch: tuple[str, ...]
    position: int
    against: tuple[str, ...]
    against_position: int

    @property
    def item(self) -> str:
        """The item in the first batch."""
        return self.batch[self.position]


class LawTried(Record, frozen=True, tag=True):
    """What was tried of one metamorphic law, and the smallest pair of batches that breaks it, if one does."""

    law: str  # repeated, duplicates, size, order, neighbours, one in many, re-encoded, resized
    function: str
    examples: int = 0  # pairs of batches that were compared
    pairing: Pairing | None = None
    expected: Entry | None = None
    saw: Entry | None = None
    belongs_to: str | None = None  # the item of the batch that gets, alone, what was seen
    by_chance: bool = False  # two adapters that were built alike differ as well
    scale: float = 1.0  # of a resized item, against the one it was made from
    reason: str | None = None  # why there was nothing to compare


class Flow(Record, frozen=True):
    """One run of one wrapper function."""

    name: str
    label: str
    wrapper: str = "sdk"
    batch_size: int | None = None
    items: tuple[ItemSeen, ...] = ()
    ended: Ending = "crashed"
    failure: Failure | None = None
    calls: tuple[Call, ...] = ()
    requests: tuple[RequestSeen, ...] = ()
    stored: tuple[Stored, ...] = ()
    stored_before: tuple[Stored, ...] = ()
    artifacts: tuple[str, ...] = ()  # the model's artifacts afterwards, paths below the model's folder
    status: str | None = None  # the model's status afterwards
    metrics: tuple[MetricSeen, ...] = ()  # of the model, afterwards
    configuration: tuple[str, ...] | None = None  # the keys of the adapter's model entity, afterwards
    item_failures: tuple[tuple[str, Failure], ...] = ()  # where each item had a wrapper's call of its own
    changes: tuple[FileChange, ...] = ()
    expected_changes: tuple[str, ...] = ()  # what the wrapper itself writes in the working directory
    network: tuple[NetworkAttempt, ...] = ()
    laws: tuple[LawTried, ...] = ()
    left_behind: tuple[LeftBehind, ...] = ()
    output_tail: str = ""
    duration_s: float = 0.0

    def called(self, function: str, depth: int | None = 0) -> tuple[Call, ...]:
        """The calls of one user function; by the wrapper only, unless `depth` is None."""
        return tuple(c for c in self.calls if c.function == function and depth in (None, c.depth))

    def item(self, item_id: str) -> ItemSeen:
        """The item with this id."""
        return next((i for i in self.items if i.id == item_id), ItemSeen(id=item_id, name=item_id))


class LeftBehind(Record, frozen=True):
    """How many calls of predict or embed left something behind that is still there at the end of their flow."""

    what: str  # threads, files, values
    calls: int = 0
    leaving: int = 0
    names: tuple[str, ...] = ()  # of the files, or of the attributes that grew in every call


class NetworkAttempt(Record, frozen=True):
    """An attempt to reach something that is not on this machine; it was refused."""

    address: str
    place: Place = Place()


class Evidence(Record, frozen=True):
    """Everything one check learned about one adapter."""

    subject: Subject
    flows: tuple[Flow, ...] = ()
    not_run: dict[str, str] = {}  # flow label -> why it was not run
    environment: dict[str, str] = {}
    our_failure: Failure | None = None
    source: SourceRead | None = None
    left_processes: tuple[str, ...] = ()  # programs that were still running when the adapter's process was over
    told_secrets: tuple[str, ...] = ()  # variables whose values the adapter printed, and how

    def flow(self, label: str) -> Flow | None:
        """The flow with this label, if it was run."""
        return next((f for f in self.flows if f.label == label), None)

    def named(self, *names: str) -> tuple[Flow, ...]:
        """All runs of these wrapper functions."""
        return tuple(f for f in self.flows if f.name in names)


class Described(Record, frozen=True, tag=True):
    """The adapter was read (and perhaps imported)."""

    subject: Subject
    environment: dict[str, str] = {}


class Planned(Record, frozen=True, tag=True):
    """Which flows will run in which order, and why others will not."""

    labels: tuple[str, ...]
    not_run: dict[str, str] = {}


class FlowStarted(Record, frozen=True, tag=True):
    """A flow begins; the calls and requests that follow belong to it."""

    name: str
    label: str
    wrapper: str = "sdk"
    batch_size: int | None = None
    items: tuple[ItemSeen, ...] = ()
    stored_before: tuple[Stored, ...] = ()
    expected_changes: tuple[str, ...] = ()


class CallStarted(Record, frozen=True, tag=True):
    """A user function was called."""

    id: int
    function: str
    depth: int = 0
    positional: int = 0
    keywords: tuple[str, ...] = ()
    size: int | None = None
    paths: dict[str, str] = {}
    items: tuple[str, ...] = ()
    first_request: int = 0


class CallEnded(Record, frozen=True, tag=True):
    """A user function came back, one way or another."""

    call: Call


class Requested(Record, frozen=True, tag=True):
    """The platform answered a request."""

    request: RequestSeen


class NetworkRefused(Record, frozen=True, tag=True):
    """The adapter tried to leave the machine."""

    attempt: NetworkAttempt


class OurFailure(Record, frozen=True, tag=True):
    """Our own code failed; what follows is not the adapter's fault."""

    failure: Failure


class FlowEnded(Record, frozen=True, tag=True):
    """A flow is over."""

    label: str
    ended: Ending
    failure: Failure | None = None
    stored: tuple[Stored, ...] = ()
    artifacts: tuple[str, ...] = ()
    status: str | None = None
    metrics: tuple[MetricSeen, ...] = ()
    configuration: tuple[str, ...] | None = None
    item_failures: tuple[tuple[str, Failure], ...] = ()
    changes: tuple[FileChange, ...] = ()
    left_behind: tuple[LeftBehind, ...] = ()
    duration_s: float = 0.0


Event = (
    Described
    | Planned
    | FlowStarted
    | CallStarted
    | CallEnded
    | Requested
    | NetworkRefused
    | LawTried
    | OurFailure
    | FlowEnded
)

_encoder = msgspec.json.Encoder(enc_hook=str)  # subclasses of str, such as numpy.str_, are texts
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def encode(event: Event) -> bytes:
    """One event as one JSON line."""
    try:
        return _encoder.encode(event) + b"\n"
    except UnicodeEncodeError:  # names of files and messages may hold what is no text
        return _encoder.encode(_speakable(msgspec.to_builtins(event, enc_hook=str))) + b"\n"


def _speakable(value: Any) -> Any:
    """The value with lone surrogates written out."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_speakable(key): _speakable(inner) for key, inner in value.items()}
    return [_speakable(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def decode(lines: Iterable[bytes]) -> Iterator[Event]:
    """The events of a file that may end in the middle of a line."""
    for line in lines:
        if line.endswith(b"\n"):
            yield _decoder.decode(line)


def assemble(events: Sequence[Event], unfinished: Ending = "crashed") -> Evidence | None:
    """Fold events into evidence; whatever has no end gets `unfinished` as its ending.

    Returns None when not even the adapter was described.
    """
    subject: Subject | None = None
    environment: dict[str, str] = {}
    not_run: dict[str, str] = {}
    our_failure: Failure | None = None
    flows: dict[str, _Folding] = {}
    current: _Folding | None = None
    for event in events:
        match event:
            case Described():
                subject, environment = event.subject, {**environment, **event.environment}
            case Planned():
                not_run = {**not_run, **event.not_run}
            case FlowStarted():
                current = flows[event.label] = _Folding(event)
            case OurFailure():
                our_failure = our_failure or event.failure
            case FlowEnded():
                flows[event.label].end = event
                current = None
            case CallEnded() if (late := _flow_of(event.call, flows.values())) is not None and late is not current:
                late.add(event, unfinished)  # from a thread that outlived its flow
            case _ if current is not None:
                current.add(event, unfinished)
            case _:
                pass  # requests between flows prepare the next one and belong to none
    if subject is None:
        return None
    folded = tuple(folding.flow(unfinished) for folding in flows.values())
    return Evidence(subject, folded, not_run, environment, our_failure)


def _flow_of(call: Call, flows: Iterable[_Folding]) -> _Folding | None:
    """The last flow in which a call began."""
    return next((flow for flow in reversed(list(flows)) if call.id in flow.calls), None)


def started(event: CallStarted, ended: Ending) -> Call:
    """A call of which only the start is known."""
    return Call(
        id=event.id,
        function=event.function,
        depth=event.depth,
        positional=event.positional,
        keywords=event.keywords,
        size=event.size,
        paths=event.paths,
        items=event.items,
        ended=ended,
        requests=(event.first_request, event.first_request),
    )


def _left_behind(call: Call, unfinished: Ending) -> Call:
    return msgspec.structs.replace(call, ended="interrupted") if call.ended == unfinished else call


class _Folding:
    """One flow while its events arrive."""

    def __init__(self, start: FlowStarted) -> None:
        self.start = start
        self.end: FlowEnded | None = None
        self.calls: dict[int, Call] = {}
        self.requests: list[RequestSeen] = []
        self.network: list[NetworkAttempt] = []
        self.laws: list[LawTried] = []

    def add(self, event: Event, unfinished: Ending) -> None:
        match event:
            case CallStarted():
                self.calls[event.id] = started(event, unfinished)
            case CallEnded():
                self.calls[event.call.id] = event.call
            case Requested():
                self.requests.append(event.request)
            case NetworkRefused():
                self.network.append(event.attempt)
            case LawTried():
                self.laws.append(event)

    def flow(self, unfinished: Ending) -> Flow:
        end = self.end or FlowEnded(label=self.start.label, ended=unfinished)
        if self.end is not None and self.end.ended != "crashed":  # calls in other threads, which the flow left behind
            self.calls = {id_: _left_behind(call, unfinished) for id_, call in self.calls.items()}
        return Flow(
            **{name: getattr(self.start, name) for name in self.start.__struct_fields__},
            **{name: getattr(end, name) for name in end.__struct_fields__ if name != "label"},
            calls=tuple(self.calls.values()),
            requests=tuple(self.requests),
            network=tuple(self.network),
            laws=tuple(self.laws),
        )
