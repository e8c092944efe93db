"""Ways to read the evidence that several families share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from dl_harness.contract import Applies
from dl_harness.contracts.signature import adapter_known
from dl_harness.evidence import AnnotationSeen, Call, Ending, Entry, Evidence, Failure, Flow, Place

PREDICTING = ("predict_items", "predict_dataset")
EMBEDDING = ("embed_items", "embed_dataset")


def uses(use: str) -> Applies:
    """Applies to adapters that implement or declare a use: predict, embed or train."""

    def applies(evidence: Evidence) -> str | None:
        reason = adapter_known(evidence)
        return reason or (None if use in evidence.subject.uses else f"the adapter does not {use}")

    return applies


def predicts_collections(evidence: Evidence) -> str | None:
    """Applies to adapters that return annotations; prompt adapters write answers through the prompt item instead."""
    reason = uses("predict")(evidence)
    if reason is None and answers_prompts(evidence):
        return "the items are prompts, and the adapter answers through the prompt item"
    return reason


def answers_prompts(evidence: Evidence) -> bool:
    """Whether every item shown to predict was a prompt and every predict rightly returned nothing."""
    flows = evidence.named(*PREDICTING)
    prompts = [item.is_prompt for flow in flows for item in flow.items]
    returned = [c.returned for f in flows for c in f.called("predict") if c.returned is not None]
    return bool(prompts) and all(prompts) and all(not r.length for r in returned)


def works_when_called(evidence: Evidence, function: str) -> bool:
    """Whether calling it runs its body; where it does not (a coroutine), the signature family says so."""
    known = evidence.subject.functions.get(function)
    return known is None or known.flavour in {"function", "generator", "staticmethod"}


def came_back(evidence: Evidence, function: str, *names: str) -> Iterator[tuple[Flow, Call]]:
    """The wrapper's calls of a user function that returned something to judge."""
    for flow in evidence.named(*names):
        for call in flow.called(function):
            if call.ended == "returned" and call.returned is not None:
                yield flow, call


def paired(evidence: Evidence, function: str, *names: str) -> Iterator[tuple[Flow, Call, str, Entry]]:
    """Each item with the entry that the wrapper pairs it with, where there are as many of one as of the other."""
    for flow, call in came_back(evidence, function, *names):
        assert call.returned is not None
        if call.returned.sized and call.returned.length == len(call.items) == len(call.returned.entries):
            for item, entry in zip(call.items, call.returned.entries, strict=True):
                yield flow, call, item, entry


def predicted_annotations(evidence: Evidence) -> Iterator[tuple[Flow, str, AnnotationSeen]]:
    """Every annotation that predict returned, with its flow and the name of its item."""
    for flow, _, item, entry in paired(evidence, "predict", *PREDICTING):
        for one in entry.annotations or ():
            yield flow, item, one


def at(evidence: Evidence, function: str) -> Place:
    """Where a user function stands."""
    return evidence.subject.place_of(function)


def listed(names: Iterable[str], most: int = 6) -> str:
    """Names in a sentence; long lists say how many more."""
    names = list(names)
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def counted(number: int, noun: str) -> str:
    """`1 annotation`, `2 annotations`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def close(left: float, right: float, scale: float = 1.0) -> bool:
    """Equal up to the noise that batching adds to floating point arithmetic."""
    return math.isclose(left, right, rel_tol=1e-3, abs_tol=1e-3 * scale)


def same_annotation(left: AnnotationSeen, right: AnnotationSeen) -> bool:
    """Whether two predictions say the same."""
    if (left.type, left.label, left.digest, len(left.points)) != (
        right.type,
        right.label,
        right.digest,
        len(right.points),
    ):
        return False
    if any(
        not close(a, b, 500) for p, q in zip(left.points, right.points, strict=True) for a, b in zip(p, q, strict=True)
    ):
        return False
    one, other = left.confidence, right.confidence
    if isinstance(one, float) and isinstance(other, float):
        return close(one, other, 10)
    return type(one) is type(other)


def same_entry(left: Entry, right: Entry) -> bool:
    """Whether two predictions or two vectors say the same."""
    if left.annotations is not None and right.annotations is not None:
        if len(left.annotations) != len(right.annotations):
            return False
        rest = list(right.annotations)
        for one in left.annotations:
            twin = next((i for i, other in enumerate(rest) if same_annotation(one, other)), None)
            if twin is None:
                return False
            del rest[twin]
        return True
    if left.values and len(left.values) == len(right.values):
        length = math.sqrt(sum(v * v for v in left.values)) or 1.0
        distance = math.sqrt(sum((a - b) ** 2 for a, b in zip(left.values, right.values, strict=True)))
        return distance <= 1e-2 * length
    return left.values == right.values and left.kind == right.kind


def by_item(flow: Flow | None, function: str) -> dict[str, tuple[Call, Entry]]:
    """For each item what a flow's calls returned for it, where the lengths agree."""
    found: dict[str, tuple[Call, Entry]] = {}
    for call in flow.called(function) if flow is not None else ():
        told = call.returned
        if told is not None and told.length == len(call.items) == len(told.entries):
            found.update((item, (call, entry)) for item, entry in zip(call.items, told.entries, strict=True))
    return found


def by_name(flow: Flow | None, function: str) -> dict[str, Entry]:
    """The same by the item's name, which is the same on every platform."""
    return {flow.item(item).name: entry for item, (_, entry) in by_item(flow, function).items()} if flow else {}


def outcome(flow: Flow) -> str:
    """How a flow ended, in words."""
    return ended(flow.ended, flow.failure)


def ended(ending: Ending, failure: Failure | None) -> str:
    """How a call or a flow ended that did not return, in words."""
    if ending == "hung":
        return failure.message if failure else "it did not come back within the time limit"
    if ending == "exited":
        return f"it ended the process ({failure or 'sys.exit'})"
    if ending == "crashed":
        return f"the process died ({failure.message})" if failure else "the process died"
    return f"it {ending} {failure}" if failure else f"it {ending}"
