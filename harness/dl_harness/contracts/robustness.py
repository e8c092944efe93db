"""Input robustness: every item that the declared input type allows, each in a batch of its own.

Severity: most of these items are rare, and many adapters are never shown one; what such an item costs its neighbours is
error propagation's to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from dl_harness.contract import Applies, Judge, Judged, Judgement, Seen, contract
from dl_harness.contracts.lifecycle import place
from dl_harness.contracts.reading import at, ended
from dl_harness.contracts.signature import adapter_known
from dl_harness.evidence import Evidence, Flow, ItemSeen, Place

NEEDS = ("predict_odd", "embed_odd")
ODD = "odd/"
RARE = "Such items are rare, and the execution that meets one says so."


def _kind(item: ItemSeen) -> str:
    return PurePosixPath(item.name).stem if item.name.startswith(ODD) else ""


def _is_one_of(kind: str, kinds: tuple[str, ...]) -> bool:
    return any(kind == one or (one.endswith("*") and kind.startswith(one[:-1])) for one in kinds)


def broken_by(evidence: Evidence, flow: Flow, item: ItemSeen) -> tuple[str, str, Place] | None:
    """What an item broke when it was alone: how, in which function, and where; None when it broke nothing."""
    for call in flow.calls:
        if item.id in call.items and call.ended not in {"returned", "interrupted"}:
            failure = call.failure or (flow.failure if call.ended == "crashed" else None)
            return ended(call.ended, failure), call.function, place(evidence, call)
    failure = next((failure for one, failure in flow.item_failures if one == item.id), None)
    if failure is None:
        return None
    if flow.wrapper == "reference" and failure.type == "ItemsFailedError":
        return None  # the function came back; that the item got nothing is said at the end, where the SDK is silent
    function = "embed" if flow.name.startswith("embed") else "predict"
    where = failure.place if failure.place.file else at(evidence, function)
    return ended("raised", failure), function, where


def works(flow: Flow, item: ItemSeen) -> bool:
    """Whether an item that was alone got through predict or embed, and the wrapper could store what came of it."""
    function = "embed" if flow.name.startswith("embed") else "predict"
    done = any(item.id in call.items and call.ended == "returned" for call in flow.called(function))
    return done and all(one != item.id for one, _ in flow.item_failures)


def _copes_with(kinds: tuple[str, ...]) -> Judge:
    def judge(evidence: Evidence) -> Iterator[Judgement]:
        for flow in evidence.named(*NEEDS):
            if not _can_be_judged(flow):
                continue
            for item in flow.items:
                if not _is_one_of(_kind(item), kinds):
                    continue
                yield Judged("odd items")
                broken = broken_by(evidence, flow, item)
                if broken is not None:
                    saw, function, where = broken
                    name = _kind(item).replace("_", " ")
                    yield Seen(f"{function} copes with the item {name!r}", saw, f"{item.name} in {flow.label}", where)

    judge.__name__ = "copes_with_" + kinds[0].rstrip("*_")
    return judge


def _can_be_judged(flow: Flow) -> bool:
    """Whether ordinary items work in this flow; where they do not, nothing is the odd ones' doing."""
    plain = [item for item in flow.items if not item.name.startswith((ODD, "pictures/"))]
    return any(works(flow, item) for item in plain)


def _given(kinds: tuple[str, ...]) -> Applies:
    """Applies to adapters whose input type has such items."""

    def applies(evidence: Evidence) -> str | None:
        reason = adapter_known(evidence)
        if reason is not None:
            return reason
        told = [evidence.not_run[name] for name in NEEDS if name in evidence.not_run]
        flows = evidence.named(*NEEDS)
        if not flows:
            return next((reason for reason in told if reason.startswith("there are no odd items")), None)
        if not any(_is_one_of(_kind(item), kinds) for flow in flows for item in flow.items):
            return "the adapter's input type has no such items"
        return None

    return applies


def _items(id: str, kinds: tuple[str, ...], statement: str, *, why: str, fix: str, severity_reason: str = RARE) -> None:
    contract(
        id,
        "input robustness",
        statement,
        why=why,
        fix=fix,
        severity_reason=severity_reason,
        needs=NEEDS,
        severity="warning",
        applies=_given(kinds),
    )(_copes_with(kinds))


_items(
    "ROB-001",
    ("grey", "grey_alpha", "rgba", "palette", "cmyk"),
    "images of any channel layout are handled",
    why="Scans are grey, screenshots have an alpha channel, drawings a palette: np.asarray of the opened file then has"
    " two axes, or two or four channels.",
    fix="Image.open(...).convert('RGB'), or repeat a grey image and drop the alpha channel.",
)
_items(
    "ROB-002",
    ("grey_16_bit", "one_bit"),
    "images of any depth are handled",
    why="Medical and microscopic images have 16 bits per pixel, masks and faxes one: values beyond 255, or booleans.",
    fix="Scale to the range the model was trained on; convert('RGB') clips 16-bit images.",
)
_items(
    "ROB-003",
    ("one_pixel", "very_wide"),
    "images of any size are handled",
    why="Crops of one pixel and panoramas exist; resizing by a ratio gives a side of zero.",
    fix="Use max(1, round(side * ratio)), and return an empty collection for what is too small.",
)
_items(
    "ROB-004",
    ("exif_rotated",),
    "images with an EXIF orientation are handled",
    why="Phones store upright photographs lying on their side, with a note in EXIF; the platform counts coordinates in"
    " the upright picture.",
    fix="ImageOps.exif_transpose(image), before anything else.",
)
_items(
    "ROB-005",
    ("empty", "blank", "long", "one_long_word", "unicode", "not_utf_8"),
    "texts of any length and writing are handled",
    why="Empty files, books and other encodings are uploaded as texts; tokenizers fail at their context length.",
    fix="Truncate to the model's context, decode with errors='replace', and return something for an empty text.",
)
_items(
    "ROB-006",
    ("without_mimetype", "mimetype_*"),
    "items are handled whatever their mimetype says",
    why="Items from integrations have no mimetype, or another name for the same type; a comparison with one literal"
    " text sends them to the wrong branch, and None has no method.",
    fix="Compare with (item.mimetype or '').startswith('image'), and try the content when it says nothing.",
)
_items(
    "ROB-007",
    ("empty_text", "no_elements", "long_text", "other_keys", "with_context", "with_system", "several_texts"),
    "prompts of any shape are handled",
    why="A prompt may hold no text, many texts, a system role or an empty context; its keys are any texts.",
    fix="Collect the parts of a message by their type, and expect none of them to be there.",
)
_items(
    "ROB-008",
    ("with_image", "image_first"),
    "a prompt that shows an image is handled",
    why="The content of a message is then a list of texts and images, which is no text to be joined or measured.",
    fix="Pass the parts on as they are, or take those whose type is text.",
)
_items(
    "ROB-009",
    ("empty_object", "empty_list", "null", "no_samples"),
    "files without content are handled",
    why="Exports of nothing are files all the same.",
    fix="Return an empty collection for them.",
)
