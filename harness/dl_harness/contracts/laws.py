"""Metamorphic laws: the same item gets the same result, whatever else is in its batch and however it is stored.

Nobody knows what is right for an item, but the wrapper may put it into any batch (SDK: predict_items and embed_items
cut the items into batches in the order of a listing). The laws are tried on adapters that repeat themselves; chance is
found out by running the same batch again, on the same adapter and on two that were built alike.

Each difference belongs to one law: an exchange of items to the order (OUT-004 and OUT-018, where the plain run shows
it), then the first that breaks of LAW-001, LAW-003, LAW-002, LAW-004 and LAW-006.
"""

from __future__ import annotations

from collections.abc import Iterator

from dl_harness.contract import Judge, Judged, Judgement, Seen, contract
from dl_harness.contracts.output import collections_in_order, coordinates_in_the_item, vectors_in_order
from dl_harness.contracts.reading import at, counted, listed
from dl_harness.contracts.signature import adapter_known
from dl_harness.evidence import Entry, Evidence, Flow, LawTried
from dl_harness.likeness import extent

LAWS = ("predict_laws", "embed_laws")
BEFORE = {
    "size": ("duplicates",),
    "order": ("duplicates",),
    "neighbours": ("duplicates", "size"),
    "one in many": ("duplicates", "size", "neighbours"),
}
"""Laws whose breach explains the breach of another one."""


def _broken(flow: Flow, law: str) -> LawTried | None:
    """What breaks a law, unless it is an exchange of items, which is a matter of their order."""
    return next((t for t in flow.laws if t.law == law and t.saw is not None and t.belongs_to is None), None)


def _exchanged(flow: Flow) -> LawTried | None:
    """An exchange of items, best where the order was what was tried."""
    found = [t for t in flow.laws if t.law != "repeated" and t.saw is not None and t.belongs_to is not None]
    return min(found, key=lambda tried: tried.law != "order", default=None)


def _by_chance(flow: Flow) -> LawTried | None:
    return next((t for t in flow.laws if t.law == "repeated" and t.saw is not None and t.by_chance), None)


def _steady(evidence: Evidence) -> str | None:
    """Applies to adapters that can be compared with themselves."""
    reason = adapter_known(evidence)
    if reason is not None:
        return reason
    flows = evidence.named(*LAWS)
    if not flows and not {"predict", "embed"} & {*evidence.subject.uses}:
        return "the adapter neither predicts nor embeds"
    if not flows and "prompts" in evidence.not_run.get("predict_laws", ""):
        return evidence.not_run["predict_laws"]
    chances = [chance for flow in flows if (chance := _by_chance(flow)) is not None]
    if chances and len(chances) == len(flows):
        return f"the adapter is not deterministic: {_told(flows[0], chances[0])}"
    return None


def _settled(evidence: Evidence) -> str | None:
    """Applies to adapters whose results do not depend on earlier calls either: that is LAW-001's to say."""
    flows = evidence.named(*LAWS)
    reason = _steady(evidence)
    if reason is None and flows and not any(True for _ in _comparable(evidence)):
        return "the same batch gives something else each time it comes (LAW-001)"
    return reason


def _images(evidence: Evidence) -> str | None:
    """Applies where some items are images of a common kind."""
    flows = evidence.named(*LAWS)
    images = any(item.mimetype.startswith("image/") for flow in flows for item in flow.items)
    return _settled(evidence) or ("the items are no images" if flows and not images else None)


def _drawing(evidence: Evidence) -> str | None:
    """Applies where predict draws something on images."""
    if "predict" not in evidence.subject.uses and adapter_known(evidence) is None:
        return "the adapter does not predict"
    drawn = [
        extent(one)
        for flow in evidence.named("predict_items")
        for call in flow.called("predict")
        for entry in (call.returned.entries if call.returned else ())
        for one in entry.annotations or ()
    ]
    nothing = "what the adapter predicts has no coordinates" if drawn and not any(drawn) else None
    return _images(evidence) or nothing


def _told(flow: Flow, tried: LawTried) -> str:
    """What differs between two results of one item."""
    name = flow.item(tried.pairing.item).name if tried.pairing else "an item"
    first, second = shown(tried.expected, tried.saw), shown(tried.saw, tried.expected)
    return f"{tried.function} gave {first} for {name}, and then {second}"


def shown(entry: Entry | None, other: Entry | None) -> str:
    """A result as a person would say it, as far as it differs from the other one."""
    if entry is None:
        return "nothing"
    if entry.annotations is not None:
        beside = list(other.annotations or ()) if other is not None else []
        own = [one for one in entry.annotations if one not in beside] or list(entry.annotations)
        where = [f" at {_rounded(found)}" if (found := extent(one)) else "" for one in own]
        return listed([f"{one}{place}" for one, place in zip(own, where, strict=True)], 3) or "no annotations"
    if entry.values:
        start = ", ".join(f"{value:.3g}" for value in entry.values[:4])
        return f"a vector [{start}{', ...' if len(entry.values) > 4 else ''}]"
    return "an empty vector" if entry.size == 0 else entry.kind


def _rounded(values: tuple[float, ...]) -> str:
    return "(" + ", ".join(f"{value:.0f}" for value in values) + ")"


def _comparable(evidence: Evidence) -> Iterator[Flow]:
    """The law flows of functions that repeat themselves."""
    for flow in evidence.named(*LAWS):
        if not any(tried.law == "repeated" and tried.saw is not None for tried in flow.laws):
            yield flow


def _batch(flow: Flow, items: tuple[str, ...]) -> str:
    """A batch in a sentence, after `in`."""
    names = [flow.item(one).name for one in items]
    if len(names) == 1:
        return f"a batch of {names[0]} alone"
    return (
        f"a batch of {len(names)} copies of {names[0]}" if len(set(names)) == 1 else f"the batch [{', '.join(names)}]"
    )


def _finding(evidence: Evidence, flow: Flow, tried: LawTried) -> Seen:
    """The item, the two batches, and what it got in either."""
    assert tried.pairing is not None
    pairing = tried.pairing
    item = flow.item(pairing.item).name
    batch = _batch(flow, pairing.batch)
    if pairing.batch == pairing.against:
        known, place = f"at place {pairing.against_position + 1}", f"at place {pairing.position + 1} of {batch}"
    else:
        known, place = f"in {_batch(flow, pairing.against)}", f"in {batch}"
    return Seen(
        f"{shown(tried.expected, tried.saw)}, as {known}",
        shown(tried.saw, tried.expected),
        f"{tried.function} for {item} {place}",
        at(evidence, tried.function),
    )


def _out_of_order(evidence: Evidence, function: str) -> bool:
    order = collections_in_order if function == "predict" else vectors_in_order
    return order.applies(evidence) is None and next(order.broken_by(evidence), None) is not None


def _judged_by(law: str) -> Judge:
    """Findings of one law, where none that comes before it explains the difference."""

    def judge(evidence: Evidence) -> Iterator[Judgement]:
        for flow in _comparable(evidence):
            for tried in flow.laws:
                if tried.law != law or not tried.examples:
                    continue
                yield Judged("pairs of batches", tried.examples)
            broken = _broken(flow, law)
            earlier = any(_broken(flow, before) for before in BEFORE.get(law, ()))
            if broken is None or earlier or _exchanged(flow) or _out_of_order(evidence, broken.function):
                continue
            yield _finding(evidence, flow, broken)

    return judge


def _declared(id: str, law: str, statement: str, **about: str) -> None:
    contract(id, "laws", statement, needs=LAWS, applies=_settled, **about)(_judged_by(law))  # type: ignore[arg-type]


@contract(
    "LAW-001",
    "laws",
    "the same batch gets the same results again",
    why="A service keeps one adapter for days: what earlier calls leave in it must not change what later items get. Two"
    " adapters that were built alike agree here, so it is not chance.",
    fix="Keep nothing in self that predict or embed change; reset it at the beginning of the call.",
    needs=LAWS,
    severity="warning",
    severity_reason="Fragile: results depend on what was predicted before, and nobody can repeat them.",
    applies=_steady,
)
def repeats_itself(evidence: Evidence) -> Iterator[Judgement]:
    """Chance is told apart in the flow: see flows/laws.py."""
    for flow in evidence.named(*LAWS):
        for tried in flow.laws:
            if tried.law != "repeated" or not tried.examples or tried.by_chance:
                continue
            yield Judged("runs", tried.examples)
            if tried.saw is not None:
                assert tried.pairing is not None
                batch = f"{flow.item(tried.pairing.item).name} in {_batch(flow, tried.pairing.batch)}"
                yield Seen(
                    f"{shown(tried.expected, tried.saw)}, as the first time",
                    f"{shown(tried.saw, tried.expected)} when the same batch came again",
                    f"{tried.function} for {batch}",
                    at(evidence, tried.function),
                )


_declared(
    "LAW-002",
    "size",
    "what an item gets does not depend on the size of its batch",
    why="The last batch of a dataset is smaller than the others, and the operator may change batch_size at any time:"
    " the same item would be stored with something else.",
    fix="Normalise per item, not over the batch axis; put the model into evaluation mode; treat a batch of one like any"
    " other.",
    severity_reason="Items of the last, smaller batch are stored with wrong results, without an error.",
)
_declared(
    "LAW-003",
    "duplicates",
    "an item that is in a batch twice gets the same result twice",
    why="Datasets hold the same picture under several names; when results are kept by content, or by a counter over the"
    " batch, one of the copies gets nothing or what is not its own.",
    fix="Keep results by position in the batch, and compute each from its own item alone.",
    severity_reason="One of two equal items loses its result, without an error.",
)
_declared(
    "LAW-004",
    "neighbours",
    "what an item gets does not depend on its neighbours in the batch",
    why="Which items share a batch is chance: with other neighbours the same item would be stored with something else.",
    fix="Normalise per item, mask padding, and start every item of the batch with fresh variables.",
    severity_reason="Items are stored with results that belong in part to their neighbours, without an error.",
)
_declared(
    "LAW-006",
    "one in many",
    "an item gets alone what it gets among others",
    why="predict_items cuts a dataset into batches in the order of a listing: whether an item is alone in its batch, or"
    " among images of other sizes, is chance.",
    fix="Use one way for all batches; where images of other sizes take another one, make both give the same.",
    severity_reason="Items of mixed batches are stored with wrong results, without an error.",
)


@contract(
    "LAW-005",
    "laws",
    "results stay with their items in every order of the batch",
    why="The wrapper pairs items and results by position alone. Whatever an adapter sorts, groups or splits inside must"
    " be put back, for every batch and not only for the usual ones.",
    fix="Remember the place of each item when sorting or splitting, and put each result back there.",
    needs=LAWS,
    severity_reason="Results are stored on the wrong items, without an error.",
    applies=_settled,
)
def results_follow_their_items(evidence: Evidence) -> Iterator[Judgement]:
    """Also exchanges that other laws came upon; what the plain run shows is OUT-004's and OUT-018's."""
    for flow in _comparable(evidence):
        for tried in flow.laws:
            if tried.law == "order" and tried.examples:
                yield Judged("pairs of batches", tried.examples)
        exchanged = _exchanged(flow)
        broken = exchanged or _broken(flow, "order")
        if broken is None or _out_of_order(evidence, broken.function):
            continue
        if exchanged is None and any(_broken(flow, before) for before in BEFORE["order"]):
            continue
        seen = _finding(evidence, flow, broken)
        if broken.belongs_to is None:
            yield seen
        else:
            owner = flow.item(broken.belongs_to).name
            yield Seen(seen.expected, f"{seen.saw}, which belongs to {owner}", seen.where, seen.place)


@contract(
    "LAW-007",
    "laws",
    "an image gets the same when it is stored in another encoding",
    why="The same pixels arrive as PNG or JPEG, with or without metadata, from one camera or another: what depends on"
    " anything but the pixels changes with the tool that saved the file.",
    fix="Decode with one library into one mode, and look at pixels only: not at the size, the name or the bytes of the"
    " file.",
    needs=LAWS,
    severity="warning",
    severity_reason="Fragile: datasets often hold one encoding only.",
    applies=_images,
)
def encoding_does_not_matter(evidence: Evidence) -> Iterator[Judgement]:
    """The variant is a PNG of the decoded pixels (flows/variants.py)."""
    for flow in _comparable(evidence):
        for tried in flow.laws:
            if tried.law != "re-encoded":
                continue
            yield Judged("re-encoded images")
            if tried.saw is not None and tried.pairing is not None:
                name = flow.item(tried.pairing.against[0]).name
                yield Seen(
                    f"{shown(tried.expected, tried.saw)}, as for {name}",
                    shown(tried.saw, tried.expected),
                    f"{tried.function} for {name}, saved again as PNG with the same pixels",
                    at(evidence, tried.function),
                )


@contract(
    "LAW-008",
    "laws",
    "geometry moves with the pixels when an image is resized",
    why="Coordinates that stay where they are when the image becomes twice as large are those of the model's input, not"
    " of the item: they look right only where both have the same size.",
    fix="Scale coordinates by the item's width and height over those of the model's input.",
    needs=("predict_laws", "predict_items"),
    severity="warning",
    severity_reason="Fragile by this evidence alone: a model may be meant for images of one size.",
    applies=_drawing,
)
def geometry_follows_the_size(evidence: Evidence) -> Iterator[Judgement]:
    """Tolerant: only when everything that is drawn stays at its pixels, in every image, and not the same in all."""
    for flow in _comparable(evidence):
        tried = [t for t in flow.laws if t.law == "resized"]
        yield from (Judged("resized images") for _ in tried)
        first = {tuple(map(extent, t.expected.annotations or ())) for t in tried if t.expected is not None}
        stuck = [t for t in tried if t.saw is not None]
        outside = next(coordinates_in_the_item.broken_by(evidence), None) is not None
        if len(stuck) < len(tried) or len(first) < 2 or outside:
            continue
        for one in stuck[:1]:
            assert one.pairing is not None
            name = flow.item(one.pairing.against[0]).name
            yield Seen(
                f"what is found at {_places(one.expected)} at {one.scale:g} times these coordinates",
                f"the same pixels, in {counted(len(stuck), 'image')}",
                f"{one.function} for {name} at {one.scale:g} times its size",
                at(evidence, one.function),
            )


def _places(entry: Entry | None) -> str:
    drawn = (entry.annotations if entry else None) or ()
    return listed([_rounded(found) for one in drawn if (found := extent(one))], 2)
