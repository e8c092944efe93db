"""Error propagation: what one bad item costs the others, and whether anybody is told."""

from __future__ import annotations

from collections.abc import Iterator

from dl_harness.contract import Judged, Judgement, Seen, contract
from dl_harness.contracts.lifecycle import place
from dl_harness.contracts.reading import at, by_item, counted, ended, outcome, predicts_collections, same_entry
from dl_harness.contracts.robustness import ODD, works
from dl_harness.contracts.signature import adapter_known
from dl_harness.evidence import Entry, Evidence, Flow, ItemSeen

NEEDS = ("predict_odd", "predict_beside", "embed_odd", "embed_beside")
UNREADABLE = f"{ODD}unreadable"


def _pairs(evidence: Evidence) -> Iterator[tuple[str, Flow, Flow]]:
    """The flow in which each item was alone, and the one in which an unreadable item was among the others."""
    for function in ("predict", "embed"):
        alone, beside = evidence.flow(f"{function}_odd"), evidence.flow(f"{function}_beside")
        if alone is not None and beside is not None:
            yield function, alone, beside


def _tried(evidence: Evidence) -> str | None:
    reason = adapter_known(evidence)
    if reason is not None or any(True for _ in _pairs(evidence)):
        return reason
    names = [name for name in NEEDS if name.endswith("_beside") and name in evidence.not_run]
    told = [evidence.not_run[name] for name in names]
    return next((r for r in told if r.startswith(("there are no odd items", "no item of this input type"))), None)


def _unreadable(flow: Flow) -> ItemSeen | None:
    return next((item for item in flow.items if item.name.startswith(UNREADABLE)), None)


def _got(function: str, flow: Flow, item: str) -> int:
    """How much the platform holds for an item after a flow."""
    stored = next((s for s in flow.stored if s.item == item), None)
    if stored is None:
        return 0
    return len(stored.annotations) if function == "predict" else len(stored.vectors)


def _results(function: str, flow: Flow) -> dict[str, Entry]:
    """What each item has in the end: its annotations on the platform, or the vector that it was paired with."""
    if function == "predict":
        return {s.item: Entry("annotations", s.annotations) for s in flow.stored}
    return {item: entry for item, (_, entry) in by_item(flow, function).items()}


@contract(
    "ERR-001",
    "error propagation",
    "an item that cannot be read takes nothing from the others of its batch",
    why="When the unreadable item is left out of the results, each later one is stored with what belongs to its"
    " neighbour, and the last gets nothing; the execution still succeeds.",
    fix="Keep the place of each item: append an empty collection (or None, for a vector) where one could not be read.",
    severity_reason="Results of good items are lost or exchanged, and nobody is told.",
    needs=NEEDS,
    applies=_tried,
)
def neighbours_keep_their_results(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: predict_items and embed_items pair by position."""
    for function, alone, beside in _pairs(evidence):
        if beside.ended != "returned":
            yield Judged("failures that surface")
            continue
        single, together = _results(function, alone), _results(function, beside)
        unreadable = _unreadable(beside)
        for item in beside.items:
            if item == unreadable or not works(alone, item):
                continue
            yield Judged("neighbours")
            saw = _wrong(function, alone, beside, item, single, together)
            if saw is not None:
                yield Seen(
                    f"what {function} finds for {item.name} alone",
                    saw,
                    f"{item.name} beside {unreadable.name if unreadable else 'it'} in {beside.label}",
                    at(evidence, function),
                )


def _wrong(
    function: str,
    alone: Flow,
    beside: Flow,
    item: ItemSeen,
    single: dict[str, Entry],
    together: dict[str, Entry],
) -> str | None:
    before, after = _got(function, alone, item.id), _got(function, beside, item.id)
    kind = "annotation" if function == "predict" else "vector"
    if before and not after:
        return f"nothing is stored, instead of {counted(before, kind)}"
    if item.is_prompt:
        return None  # an answer may build on earlier ones; whose it is, PRM-002 says
    if item.id not in single or item.id not in together:
        return None
    own, entry = single[item.id], together[item.id]
    if same_entry(own, entry):
        return None
    others = {one.id: one.name for one in beside.items if one.id != item.id and one.id in single}
    owner = next(
        (name for one, name in others.items() if not same_entry(single[one], own) and same_entry(single[one], entry)),
        None,
    )
    return None if owner is None else f"what belongs to {owner}"


def _read_by_the_adapter(evidence: Evidence) -> str | None:
    """Applies where the adapter itself reads the item (SDK: PromptItem.from_item raises for what is no JSON)."""
    flows = [flow for _, _, flow in _pairs(evidence)]
    prompts = any(item.is_prompt for flow in flows for item in flow.items)
    return _tried(evidence) or ("prompt items are read by the SDK, which raises" if prompts else None)


@contract(
    "ERR-002",
    "error propagation",
    "an item that cannot be read does not end the whole call",
    why="prepare_item_func runs outside the wrapper's try block: one file that was cut off while it was uploaded ends"
    " the execution, and the rest of the dataset gets nothing.",
    fix="Catch what reading can raise in prepare_item_func, return a marker, and an empty collection in predict.",
    severity_reason="The execution fails visibly, and can be repeated without the item; many adapters do so.",
    needs=NEEDS,
    severity="warning",
    applies=_read_by_the_adapter,
)
def the_call_goes_on(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: predict_items, pool.map(self.prepare_item_func, batch_items)."""
    for function, alone, beside in _pairs(evidence):
        unreadable = _unreadable(beside)
        plain = [item for item in beside.items if item != unreadable]
        if not any(works(alone, item) for item in plain):
            continue
        yield Judged("calls")
        if beside.ended in {"returned", "interrupted"}:
            continue
        call = next((c for c in beside.calls if c.ended not in {"returned", "interrupted"}), None)
        if call is None and beside.wrapper == "reference":
            continue  # it stores what the others got, and raises at its end for the one that got nothing
        name = unreadable.name if unreadable else ""
        yield Seen(
            "the other items of the batch get their results",
            outcome(beside) if call is None else ended(call.ended, call.failure or beside.failure),
            f"{call.function if call else function} in {beside.label}, for {name}",
            at(evidence, function) if call is None else place(evidence, call),
        )


@contract(
    "ERR-003",
    "error propagation",
    "nothing is made up for an item that cannot be read",
    why="A label, a box or an answer for a file that could not be opened looks like any other result, and is trusted.",
    fix="Return an empty collection for it; write no answer that is an error message.",
    severity_reason="Only items that are broken already get a wrong result.",
    needs=NEEDS,
    severity="warning",
    applies=lambda e: predicts_collections(e) or _tried(e) or _only_texts(e),
)
def nothing_is_made_up(evidence: Evidence) -> Iterator[Judgement]:
    """docs: an annotation says what a model has seen."""
    for function, _, beside in _pairs(evidence):
        unreadable = _unreadable(beside)
        if function != "predict" or unreadable is None or unreadable.id not in by_item(beside, function):
            continue
        yield Judged("unreadable items")
        stored = next((s for s in beside.stored if s.item == unreadable.id), None)
        if stored is not None and stored.annotations:
            yield Seen(
                "no annotation",
                str(stored.annotations[0]),
                f"{unreadable.name} in {beside.label}",
                at(evidence, function),
            )


def _only_texts(evidence: Evidence) -> str | None:
    """Any bytes make some text: what a text adapter says of them is not made up."""
    unreadable = [one for _, _, beside in _pairs(evidence) if (one := _unreadable(beside)) is not None]
    readable = bool(unreadable) and all(item.name.endswith(".txt") for item in unreadable)
    return "any bytes make some text" if readable else None
