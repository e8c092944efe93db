"""Output format: what predict and embed return is what the wrapper can store, item by item.

The wrapper pairs items with results by position and says nothing when something is missing
(SDK: ml/base_model_adapter.py, predict_items and embed_items).
"""

from __future__ import annotations

from collections.abc import Iterator

from dl_harness.contract import Applies, Judged, Judgement, Seen, contract
from dl_harness.contracts.reading import (
    EMBEDDING,
    PREDICTING,
    at,
    by_item,
    came_back,
    counted,
    listed,
    paired,
    predicted_annotations,
    predicts_collections,
    same_entry,
    uses,
    works_when_called,
)
from dl_harness.evidence import AnnotationSeen, Call, Entry, Evidence, Flow

DEFAULT_EMBEDDINGS_SIZE = 256  # SDK: configuration.get('embeddings_size', 256) in embed_items

WITHOUT_LABELS = frozenset({"text", "ref_image"})
"""Types whose content is not a label; the SDK gives them one of its own (SDK: FreeText, RefImage)."""

TYPES_OF = {"segment": {"segment", "binary"}, "binary": {"binary", "segment"}, "class": {"class"}}
"""Types that serve an output type; segment and binary are read for each other (SDK: prepare_data)."""


POINTED = frozenset({"box", "point", "segment", "polyline", "ellipse"})
"""Annotation types that are drawn through points in the item's pixel frame (SDK: entities/annotation_definitions)."""


def _drawn(*types: str) -> Applies:
    """Applies to adapters of which some annotation is of one of these types, or which predict none at all."""

    def applies(evidence: Evidence) -> str | None:
        seen = {one.type for _, _, one in predicted_annotations(evidence) if one.type is not None}
        seen = seen or {evidence.subject.model.output_type or types[0]}
        nothing = f"annotations of the type {listed(sorted(seen))} have no coordinates in the item"
        return predicts_collections(evidence) or (nothing if seen.isdisjoint(types) else None)

    return applies


def _fractions(one: AnnotationSeen) -> bool:
    """Whether all coordinates lie within 0 and 1, and not because the shape is one pixel."""
    values = [value for point in one.points for value in point]
    return all(0 <= value <= 1 for value in values) and any(value not in {0.0, 1.0} for value in values)


def _names(flow: Flow, item_ids: tuple[str, ...]) -> str:
    return listed(flow.item(one).name for one in item_ids)


def _lost(flow: Flow, call: Call) -> str:
    """What each item of a batch would have got from a generator, and did not."""
    told = call.returned
    stored = {s.item: len(s.annotations) for s in flow.stored}
    lost = []
    for item, entry in zip(call.items, told.entries if told else (), strict=False):
        missing = len(entry.annotations or ()) - stored.get(item, 0)
        if missing > 0:
            lost.append(f"{flow.item(item).name} lost {counted(missing, 'annotation')}")
    return listed(lost)


@contract(
    "OUT-001",
    "output format",
    "predict returns a list, not a generator or something without a length",
    why="predict_items walks the result twice: once to stamp the model on the annotations, once to upload them. A"
    " generator is empty the second time, so nothing is uploaded and no error is raised.",
    fix="Collect the results and return a list with one dl.AnnotationCollection per item.",
    severity_reason="All annotations are lost without an error.",
    needs=PREDICTING,
    applies=uses("predict"),
)
def predict_returns_a_list(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: predict_items maps over batch_collections twice."""
    if not works_when_called(evidence, "predict"):
        return
    for flow, call in came_back(evidence, "predict", *PREDICTING):
        told = call.returned
        assert told is not None
        yield Judged("predict calls")
        if told.kind in {"list", "tuple"} or (told.sized and told.kind not in {"dict", "str", "bytes", "set"}):
            continue
        lost = _lost(flow, call)
        saw = f"{_article(told.kind)}; {lost or 'nothing is stored for ' + _names(flow, call.items)}"
        yield Seen(
            "a list, one dl.AnnotationCollection per item", saw, f"predict in {flow.label}", at(evidence, "predict")
        )


def _article(kind: str) -> str:
    if kind == "NoneType":
        return "None (no return statement was reached)"
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


@contract(
    "OUT-002",
    "output format",
    "predict returns one AnnotationCollection per item in the batch",
    why="predict_items pairs items with collections by position and stops at the shorter of the two: the last items"
    " keep no annotations, everything after a skipped item belongs to its neighbour, and no error is raised.",
    fix="Append an empty dl.AnnotationCollection() for an item in which nothing was found or that cannot be handled.",
    severity_reason="Items lose their annotations, or get their neighbour's, without an error.",
    needs=PREDICTING,
    applies=predicts_collections,
)
def one_collection_per_item(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: predict_items, pool.map(..., batch_items, batch_collections)."""
    for flow, call in came_back(evidence, "predict", *PREDICTING):
        told = call.returned
        assert told is not None
        if told.length is None or told.kind in {"dict", "str", "bytes", "set"} or not call.items:
            continue
        yield Judged("predict calls")
        yield Judged("items", len(call.items))
        if told.length != len(call.items):
            yield Seen(
                f"{counted(len(call.items), 'collection')} for {counted(len(call.items), 'item')}",
                _unpaired(flow, call, told.length),
                f"predict in {flow.label}",
                at(evidence, "predict"),
            )


def _unpaired(flow: Flow, call: Call, length: int) -> str:
    if length < len(call.items):
        return f"{counted(length, 'collection')}; nothing is stored for {_names(flow, call.items[length:])}"
    return f"{counted(length, 'collection')}; the last {length - len(call.items)} belong to no item and are dropped"


@contract(
    "OUT-003",
    "output format",
    "each element that predict returns is a dl.AnnotationCollection or a list of annotations",
    why="Uploading anything else raises a TypeError inside the wrapper, after predict has done its work: the whole"
    " batch is lost.",
    fix="Build a dl.AnnotationCollection per item and add annotations to it with .add(...).",
    severity_reason="The upload crashes, and the whole batch is lost.",
    needs=PREDICTING,
    applies=predicts_collections,
)
def elements_are_collections(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: _upload_model_annotations checks the type."""
    for flow, _, item, entry in paired(evidence, "predict", *PREDICTING):
        yield Judged("collections")
        strange = [a for a in entry.annotations or () if a.type is None and a.unserialisable]
        if entry.annotations is None or strange:
            saw = entry.kind if entry.annotations is None else f"a list that holds {strange[0].unserialisable[0]}"
            name = flow.item(item).name
            yield Seen("a dl.AnnotationCollection", saw, f"{name} in {flow.label}", at(evidence, "predict"))


def _in_order(evidence: Evidence, function: str, flow_name: str) -> Iterator[Judgement]:
    """Compare the batch of many with batches of one: what moved to a neighbour is out of order."""
    many_flow = evidence.flow(flow_name)
    many, one = by_item(many_flow, function), by_item(evidence.flow(f"{flow_name}/one"), function)
    again = by_item(evidence.flow(f"{flow_name}/again"), function)
    for item, (call, entry) in many.items():
        if many_flow is None or item not in one or not _steady(item, entry, again):
            continue
        others = [other for other in call.items if other != item and other in one]
        differing = [other for other in others if not same_entry(one[other][1], one[item][1])]
        if not differing:
            continue  # all alike: an exchange could not be seen
        yield Judged("items")
        if same_entry(entry, one[item][1]):
            continue
        owner = next((other for other in differing if same_entry(entry, one[other][1])), None)
        if owner is not None:
            yield Seen(
                f"what {function} finds for {many_flow.item(item).name} alone",
                f"in the batch it got what belongs to {many_flow.item(owner).name}",
                f"{function} in {flow_name}",
                at(evidence, function),
            )


def _steady(item: str, entry: Entry, again: dict[str, tuple[Call, Entry]]) -> bool:
    """Whether the same batch gave the same twice; what is random cannot be out of order."""
    return item not in again or same_entry(entry, again[item][1])


@contract(
    "OUT-004",
    "output format",
    "predict returns the collections in the order of the items",
    why="predict_items knows which collection belongs to which item by position alone; a different order puts"
    " annotations on the wrong items, and nothing notices.",
    fix="Keep the order of the batch; when items are sorted or grouped for the model, put the results back in place.",
    severity_reason="Annotations are stored on the wrong items, without an error.",
    needs=("predict_items",),
    applies=predicts_collections,
)
def collections_in_order(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: predict_items, pool.map(..., batch_items, batch_collections)."""
    yield from _in_order(evidence, "predict", "predict_items")


@contract(
    "OUT-005",
    "output format",
    "annotation types match the model's output_type",
    why="Training, evaluation and pipelines read the annotations of the model's output type; others are never scored.",
    fix="Return annotations of the type that outputType declares, or correct outputType in the model.",
    severity_reason="Predictions of another type are never scored: the evaluation's result is lost.",
    needs=PREDICTING,
    applies=lambda e: (
        predicts_collections(e)
        or (
            None
            if e.subject.model.output_type not in {None, "embedding"}
            else "the model declares no output type of annotations"
        )
    ),
)
def types_match(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: evaluate passes model.output_type as the types to compare."""
    declared = evidence.subject.model.output_type or ""
    allowed = TYPES_OF.get(declared, {declared})
    for flow, item, one in predicted_annotations(evidence):
        yield Judged("annotations")
        if one.type is not None and one.type not in allowed:
            yield Seen(
                f"type {declared}",
                f"type {one.type}",
                f"{flow.item(item).name} in {flow.label}",
                at(evidence, "predict"),
            )


@contract(
    "OUT-006",
    "output format",
    "every annotation has a label that is a non-empty string",
    why="The platform stores annotations by label; a number or an empty label shows as nothing in the studio, or the"
    " SDK drops the annotation when it reads it back.",
    fix="Map class indices to names (self.model_entity.id_to_label_map) before building the annotation.",
    severity_reason="Annotations are refused, or dropped when they are read back.",
    needs=PREDICTING,
    applies=predicts_collections,
)
def labels_are_names(evidence: Evidence) -> Iterator[Judgement]:
    """OpenAPI: APIAnnotation.label is a string."""
    for flow, item, one in predicted_annotations(evidence):
        if one.type is None:
            continue
        yield Judged("annotations")
        if not isinstance(one.label, str) or not one.label.strip():
            name = flow.item(item).name
            yield Seen(
                "a label such as 'cat'", f"label {one.label!r}", f"{name} in {flow.label}", at(evidence, "predict")
            )


@contract(
    "OUT-007",
    "output format",
    "labels are among those the model declares",
    why="Evaluation and the label maps know the declared labels only; a prediction with another label can never match.",
    fix="Predict the model's labels (self.model_entity.labels), or add the missing ones to the model.",
    severity_reason="Predictions can never match the ground truth: the evaluation's result is lost.",
    needs=PREDICTING,
    applies=lambda e: predicts_collections(e) or (None if e.subject.model.labels else "the model declares no labels"),
)
def labels_are_declared(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: entities/model.py, id_to_label_map."""
    declared = set(evidence.subject.model.labels or ())
    for flow, item, one in predicted_annotations(evidence):
        if not isinstance(one.label, str) or not one.label.strip() or one.type in WITHOUT_LABELS:
            continue
        yield Judged("annotations")
        if one.label not in declared:
            name = flow.item(item).name
            yield Seen(
                f"one of {listed(sorted(declared))}",
                f"label {one.label!r}",
                f"{name} in {flow.label}",
                at(evidence, "predict"),
            )


@contract(
    "OUT-008",
    "output format",
    "coordinates are finite numbers",
    why="JSON knows neither NaN nor infinity: the request is refused and every annotation of the item is lost.",
    fix="Drop degenerate detections before building annotations; check for NaN after dividing by a size or a sum.",
    severity_reason="The request is refused, and all annotations of the item are lost.",
    needs=PREDICTING,
    applies=_drawn(*POINTED),
)
def coordinates_are_finite(evidence: Evidence) -> Iterator[Judgement]:
    """RFC 8259; requests encodes with allow_nan=False."""
    for flow, item, one in predicted_annotations(evidence):
        if not one.points and not one.unfinite:
            continue
        yield Judged("annotations")
        if one.unfinite:
            name = flow.item(item).name
            yield Seen(
                "finite coordinates", listed(one.unfinite, 3), f"{name} in {flow.label}", at(evidence, "predict")
            )


@contract(
    "OUT-009",
    "output format",
    "coordinates lie in the item's own pixel frame",
    why="The platform draws and scores annotations in pixels of the stored item; coordinates and masks of a resized or"
    " normalised image land somewhere else.",
    fix="Scale coordinates and masks back to the item's width and height, and clip coordinates to it.",
    severity_reason="What is stored is somewhere else than what was found: the prediction is lost.",
    needs=PREDICTING,
    applies=_drawn(*POINTED, "binary"),
)
def coordinates_in_the_item(evidence: Evidence) -> Iterator[Judgement]:
    """docs: annotation JSON format, coordinates are pixels; a margin of 2 % (at least 1 px) is for rounding."""
    shuffled = any(isinstance(judgement, Seen) for judgement in _in_order(evidence, "predict", "predict_items"))
    for flow, item, one in predicted_annotations(evidence):
        seen = flow.item(item)
        if shuffled and flow.batch_size != 1:
            continue  # what belongs to another item is OUT-004's to say; alone, each item has its own
        if not (one.points or one.mask_size) or not seen.width or not seen.height:
            continue
        yield Judged("annotations")
        if one.mask_size not in {None, (seen.width, seen.height)}:
            saw = "{} with a mask of {}x{} pixels".format(one, *one.mask_size or ())
            expected = f"a mask of {seen.width}x{seen.height} pixels, the size of the item"
            yield Seen(expected, saw, f"{seen.name} in {flow.label}", at(evidence, "predict"))
        margin_x, margin_y = max(1.0, 0.02 * seen.width), max(1.0, 0.02 * seen.height)
        outside = [
            (x, y)
            for x, y in one.points
            if not (-margin_x <= x <= seen.width + margin_x and -margin_y <= y <= seen.height + margin_y)
        ]
        where = f"{seen.name} in {flow.label}"
        if outside:
            x, y = outside[0]
            expected = f"0 <= x <= {seen.width} and 0 <= y <= {seen.height}"
            yield Seen(expected, f"{one} at x={x:g}, y={y:g}", where, at(evidence, "predict"))
        elif len(one.points) > 1 and min(seen.width, seen.height) > 8 and _fractions(one):
            expected = f"pixels of a {seen.width}x{seen.height} image"
            yield Seen(expected, f"{one} within 0 and 1: fractions of the image", where, at(evidence, "predict"))


@contract(
    "OUT-010",
    "output format",
    "everything in an annotation can be sent as JSON",
    why="numpy scalars and arrays are not JSON: the upload fails inside the wrapper and the item's annotations are"
    " lost.",
    fix="Convert with float(...), int(...) or .tolist() before they go into coordinates, attributes or metadata.",
    severity_reason="The upload crashes, and the item's annotations are lost.",
    needs=PREDICTING,
    applies=predicts_collections,
)
def annotations_are_json(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: annotations are posted with requests' json=."""
    for flow, item, one in predicted_annotations(evidence):
        if one.type is None:
            continue
        yield Judged("annotations")
        problems = tuple(p for p in one.unserialisable if not p.startswith("label "))
        if problems:
            name = flow.item(item).name
            yield Seen(
                "plain numbers and strings", listed(problems, 3), f"{name} in {flow.label}", at(evidence, "predict")
            )


@contract(
    "OUT-011",
    "output format",
    "every prediction carries model_info",
    why="Evaluation tells predictions from ground truth by metadata.user.model alone: without it the model's own"
    " output is scored as if people had drawn it.",
    fix="Pass model_info={'name': self.model_entity.name, 'model_id': self.model_entity.id, 'confidence': score} to"
    " AnnotationCollection.add.",
    severity_reason="Predictions are counted as ground truth: the evaluation's result is lost.",
    needs=PREDICTING,
    applies=predicts_collections,
)
def predictions_carry_model_info(evidence: Evidence) -> Iterator[Judgement]:
    """dtlpymetrics splits on metadata.user.model; SDK: AnnotationCollection.add(model_info=...)."""
    for flow, item, one in predicted_annotations(evidence):
        if one.type is None:
            continue
        yield Judged("annotations")
        if not one.model_info:
            name = flow.item(item).name
            yield Seen("metadata.user.model", f"{one} without it", f"{name} in {flow.label}", at(evidence, "predict"))


@contract(
    "OUT-012",
    "output format",
    "confidence is a number between 0 and 1",
    why="Thresholds, precision-recall curves and active learning compare confidences across models on that scale.",
    fix="Divide percentages by 100, squash logits (sigmoid, softmax), and convert to float.",
    severity_reason="Thresholds drop or keep everything: the confidence is lost.",
    needs=PREDICTING,
    applies=predicts_collections,
)
def confidence_in_range(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: AnnotationCollection.add refuses others; adapters that write metadata themselves get past it."""
    for flow, item, one in predicted_annotations(evidence):
        if not one.model_info:
            continue
        yield Judged("annotations")
        value = one.confidence
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            name = flow.item(item).name
            saw = f"{value!r} on label {one.label!r}"
            yield Seen("confidence between 0 and 1", saw, f"{name} in {flow.label}", at(evidence, "predict"))


@contract(
    "OUT-013",
    "output format",
    "the annotations that predict returned are on their items afterwards",
    why="The wrapper reports success whether or not the platform kept what was predicted.",
    fix="Do not delete or overwrite annotations from inside the user functions; the wrapper replaces this model's"
    " annotations itself.",
    severity_reason="Annotations are lost although success was reported.",
    needs=("predict_items", "predict_dataset"),
    applies=predicts_collections,
)
def predictions_are_stored(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: _upload_model_annotations; a failed upload of several batches returns the good ones silently."""
    for flow in evidence.named(*PREDICTING):
        if flow.ended != "returned":
            continue
        stored = {s.item: len(s.annotations) for s in flow.stored}
        for item, (_, entry) in by_item(flow, "predict").items():
            if not entry.annotations or any(
                a.unfinite or a.unserialisable or a.type is None for a in entry.annotations
            ):
                continue
            yield Judged("items")
            if stored.get(item, 0) < len(entry.annotations):
                expected = counted(len(entry.annotations), "annotation")
                yield Seen(
                    expected,
                    f"{stored.get(item, 0)} on the platform",
                    f"{flow.item(item).name} after {flow.label}",
                    at(evidence, "predict"),
                )


@contract(
    "OUT-014",
    "output format",
    "predicting again replaces this model's annotations",
    why="The wrapper deletes what the model had written before it uploads; annotations that an adapter writes by"
    " itself pile up with every run.",
    fix="Return the annotations instead of uploading them, or give them this model's name in metadata.user.model.",
    severity_reason="Stale annotations stay beside the new ones and spoil the dataset.",
    needs=("predict_items",),
    applies=predicts_collections,
)
def predicting_again_replaces(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: _upload_model_annotations, clean_filter on metadata.user.model.name and metadata.system.model.name."""
    first, again = evidence.flow("predict_items"), evidence.flow("predict_items/again")
    if first is None or again is None or again.ended != "returned":
        return
    before = {s.item: s.annotations for s in first.stored}
    returned = by_item(again, "predict")
    for stored in again.stored:
        told = returned.get(stored.item)
        if told is None or told[1].annotations is None or not (stored.annotations or before.get(stored.item)):
            continue
        yield Judged("items")
        if len(stored.annotations) > max(len(told[1].annotations), len(before.get(stored.item, ()))):
            expected = counted(len(before.get(stored.item, ())), "annotation")
            yield Seen(
                f"{expected}, as after the first run",
                f"{len(stored.annotations)} after the second",
                f"{again.item(stored.item).name} in {again.label}",
                at(evidence, "predict"),
            )


@contract(
    "OUT-015",
    "output format",
    "embed returns one vector per item in the batch",
    why="embed_items pairs items with vectors by position over the whole call: one missing vector shifts every later"
    " one to the wrong item, and the last items get none.",
    fix="Return a list with exactly one vector per item, also for an item that cannot be embedded (raise instead of"
    " skipping).",
    severity_reason="Items lose their vectors, or get their neighbour's, without an error.",
    needs=EMBEDDING,
    applies=uses("embed"),
)
def one_vector_per_item(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: embed_items, zip(_items, vectors)."""
    for flow, call in came_back(evidence, "embed", *EMBEDDING):
        told = call.returned
        assert told is not None
        yield Judged("embed calls")
        yield Judged("items", len(call.items))
        if call.items and told.length != len(call.items):
            length = "no length" if told.length is None else counted(told.length, "vector")
            missing = (
                f"; nothing is left for {_names(flow, call.items[told.length or 0 :])}"
                if (told.length or 0) < len(call.items)
                else ""
            )
            yield Seen(
                f"a list of {counted(len(call.items), 'vector')}",
                f"{_article(told.kind)} with {length}{missing}",
                f"embed in {flow.label}",
                at(evidence, "embed"),
            )


@contract(
    "OUT-016",
    "output format",
    "a vector is a flat list of finite Python numbers",
    why="Vectors are sent as JSON: numpy arrays and numpy.float32 make the upload of every vector of the call fail,"
    " NaN cannot be sent, and a nested list is skipped for its size.",
    fix="Take the one row of the output that belongs to the item and return row.tolist().",
    severity_reason="The upload crashes or skips the vector: it is lost.",
    needs=EMBEDDING,
    applies=uses("embed"),
)
def vectors_are_numbers(evidence: Evidence) -> Iterator[Judgement]:
    """OpenAPI: feature vector value is an array of numbers."""
    for flow, _, item, entry in paired(evidence, "embed", *EMBEDDING):
        yield Judged("vectors")
        saw = None
        if entry.size is None:
            saw = entry.kind
        elif entry.nested:
            saw = f"a nested vector of {entry.size} rows"
        elif entry.not_numbers:
            saw = f"{entry.not_numbers}, which JSON cannot hold"
        elif entry.unfinite:
            saw = f"{entry.unfinite} of {entry.size} numbers are NaN or infinite"
        if saw:
            yield Seen(
                "a flat vector of finite numbers", saw, f"{flow.item(item).name} in {flow.label}", at(evidence, "embed")
            )


@contract(
    "OUT-017",
    "output format",
    "a vector has the declared number of dimensions",
    why="embed_items skips every vector whose length is not configuration.embeddings_size (256 when nobody says) and"
    " goes on: the run succeeds and nothing is stored.",
    fix="Set embeddings_size in the model's configuration to the length of the vectors that embed returns.",
    severity_reason="Every vector is skipped without an error.",
    needs=EMBEDDING,
    applies=uses("embed"),
)
def vectors_have_the_declared_size(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: embed_items, len(vector) != embeddings_size."""
    declared = evidence.subject.model.embeddings_size
    size = DEFAULT_EMBEDDINGS_SIZE if declared is None else declared
    said = f"{size} dimensions" + (", the default, since embeddings_size is not declared" if declared is None else "")
    for flow, _, item, entry in paired(evidence, "embed", *EMBEDDING):
        if entry.size is None or entry.nested:
            continue
        yield Judged("vectors")
        stored = next((s.vectors for s in flow.stored if s.item == item), ())
        if entry.size != size and entry.size not in stored:  # the adapter may set embeddings_size at run time
            saw = f"{entry.size} dimensions: the vector is skipped"
            yield Seen(said, saw, f"{flow.item(item).name} in {flow.label}", at(evidence, "embed"))


@contract(
    "OUT-018",
    "output format",
    "embed returns the vectors in the order of the items",
    why="embed_items knows which vector belongs to which item by position alone; another order poisons every"
    " similarity search.",
    fix="Keep the order of the batch; when items are sorted by length for the model, put the vectors back in place.",
    severity_reason="Vectors are stored on the wrong items, without an error.",
    needs=("embed_items",),
    applies=uses("embed"),
)
def vectors_in_order(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: embed_items, zip(_items, vectors)."""
    yield from _in_order(evidence, "embed", "embed_items")


@contract(
    "OUT-019",
    "output format",
    "every prompt item gets the model's answer",
    why="A prompt adapter returns nothing to the wrapper: what it does not write through the prompt item is lost.",
    fix="Call prompt_item.add(message={'role': 'assistant', 'content': [...]}, model_info=...) for each item of the"
    " batch.",
    severity_reason="The answer is lost.",
    needs=PREDICTING,
    applies=lambda e: (
        uses("predict")(e)
        or (None if any(i.is_prompt for f in e.named(*PREDICTING) for i in f.items) else "the items are no prompts")
    ),
)
def prompts_are_answered(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: entities/prompt_item.py, add."""
    for flow in evidence.named(*PREDICTING):
        if flow.ended != "returned":
            continue
        stored = {s.item: s.annotations for s in flow.stored}
        for item in flow.items:
            if not item.is_prompt:
                continue
            yield Judged("prompt items")
            answers = [a for a in stored.get(item.id, ()) if a.type in {"text", "ref_image"}]
            if not answers:
                yield Seen(
                    "an assistant message",
                    "none on the item",
                    f"{item.name} after {flow.label}",
                    at(evidence, "predict"),
                )
            elif all(a.text is not None and not a.text.strip() for a in answers):
                yield Seen(
                    "an assistant message", "an empty text", f"{item.name} after {flow.label}", at(evidence, "predict")
                )


@contract(
    "OUT-020",
    "output format",
    "every item gets a collection of its own",
    why="A collection that is made once and returned for every item holds the annotations of the whole batch: each item"
    " is stored with those of all the others.",
    fix="Make the dl.AnnotationCollection() inside the loop over the batch.",
    severity_reason="Items are stored with the annotations of their neighbours.",
    needs=PREDICTING,
    applies=predicts_collections,
)
def collections_are_not_shared(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: predict_items uploads each element of the result to the item at its place."""
    for flow, call, item, entry in paired(evidence, "predict", *PREDICTING):
        yield Judged("collections")
        if entry.twin is not None and entry.annotations:
            other = flow.item(call.items[entry.twin]).name
            saw = f"the same object as for {other}, with {counted(len(entry.annotations), 'annotation')}"
            where = f"{flow.item(item).name} in {flow.label}"
            yield Seen("a collection of its own", saw, where, at(evidence, "predict"))
