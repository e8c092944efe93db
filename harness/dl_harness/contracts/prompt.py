"""Prompts: the answer stands under the right prompt of the right item, once, and says which model gave it.

A prompt adapter writes through the prompt item while it predicts and returns nothing: the wrapper checks none of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from dl_harness.contract import Judged, Judgement, Seen, contract
from dl_harness.contracts.reading import PREDICTING, at, counted, uses
from dl_harness.evidence import AnnotationSeen, Evidence, Flow, ItemSeen

ANSWERS = frozenset({"text", "ref_image"})


def _prompts(evidence: Evidence) -> str | None:
    shown = any(item.is_prompt for flow in evidence.named(*PREDICTING) for item in flow.items)
    return uses("predict")(evidence) or (None if shown else "the items are no prompts")


def _answers(flow: Flow, item: ItemSeen) -> list[AnnotationSeen]:
    stored = next((s for s in flow.stored if s.item == item.id), None)
    return [one for one in (stored.annotations if stored else ()) if one.type in ANSWERS]


def _answered(evidence: Evidence) -> Iterator[tuple[Flow, ItemSeen, list[AnnotationSeen]]]:
    """Prompt items that have an answer after a flow that returned; those without are OUT-019's."""
    for flow in evidence.named(*PREDICTING):
        if flow.ended == "returned":
            for item in flow.items:
                if item.is_prompt and (answers := _answers(flow, item)):
                    yield flow, item, answers


@contract(
    "PRM-001",
    "prompt",
    "the answer stands under the last prompt of the item",
    why="The conversation goes on below the last prompt: an answer under an earlier one is shown out of order, or"
    " never, and the next turn is asked without it.",
    fix="prompt_item.add(message=..., prompt_key=prompt_item.prompts[-1].key, model_info=...).",
    severity_reason="The question of the user stays without an answer.",
    needs=PREDICTING,
    applies=_prompts,
)
def last_prompt_is_answered(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: PromptItem.add, prompt_key; to_messages groups answers by the key of their prompt."""
    for flow, item, answers in _answered(evidence):
        if not item.prompts:
            continue
        yield Judged("prompt items")
        keys = {one.prompt_key for one in answers}
        if item.prompts[-1] not in keys:
            saw = ", ".join(sorted("no key" if key is None else repr(key) for key in keys))
            yield Seen(
                f"an answer under the prompt {item.prompts[-1]!r}",
                f"answers under {saw}",
                f"{item.name} after {flow.label}",
                at(evidence, "predict"),
            )


@contract(
    "PRM-002",
    "prompt",
    "the answer stands on the item that was asked",
    why="Answers of a batch that are written in another order, or by a variable that the loop has left behind, tell one"
    " user what another one asked.",
    fix="Write each answer through the prompt item that it belongs to, inside the loop over the batch.",
    severity_reason="One user reads the answer to another one's question.",
    needs=("predict_items",),
    applies=_prompts,
)
def right_item_is_answered(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: PromptItem.add writes to the item it was made from. Compared with batches of one.

    Only answers that tell their item can be compared: those that stay the same when the item, which by then holds an
    earlier answer, is asked again, and that no other item gets.
    """
    many, again, one = (evidence.flow(f"predict_items{variant}") for variant in ("", "/again", "/one"))
    if many is None or one is None or many.ended != "returned" or one.ended != "returned":
        return
    alone = {item.id: _said(one, item) for item in one.items if item.is_prompt}
    shared = Counter(text for texts in alone.values() for text in texts)
    for item in many.items:
        said = _said(many, item)
        if item.id not in alone or not said or (again is not None and said != _said(again, item)):
            continue
        if any(shared[text] > 1 for text in alone[item.id]):
            continue
        yield Judged("prompt items")
        if said & alone[item.id]:
            continue
        owner = next((other for other in many.items if other.id != item.id and said == alone.get(other.id)), None)
        if owner is not None:
            yield Seen(
                f"the answer that {item.name} gets alone",
                f"the answer to {owner.name}",
                f"{item.name} in {many.label}",
                at(evidence, "predict"),
            )


def _said(flow: Flow, item: ItemSeen) -> set[str]:
    return {one.text for one in _answers(flow, item) if one.text}


@contract(
    "PRM-003",
    "prompt",
    "answers say which model gave them",
    why="Without model_info the answer cannot be told from one of a person or of another model: it is not found again"
    " when the prompt is asked a second time, and counts as ground truth.",
    fix="prompt_item.add(message=..., model_info={'name': self.model_entity.name, 'model_id': self.model_entity.id,"
    " 'confidence': 1.0}).",
    severity_reason="The answer itself is there and can be read.",
    needs=PREDICTING,
    severity="warning",
    applies=_prompts,
)
def answers_name_their_model(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: PromptItem.add, model_info."""
    for flow, item, answers in _answered(evidence):
        yield Judged("prompt items")
        if not any(one.model_info for one in answers):
            yield Seen("model_info on the answer", "none", f"{item.name} after {flow.label}", at(evidence, "predict"))


@contract(
    "PRM-004",
    "prompt",
    "asking again does not pile up answers",
    why="Executions are repeated; each one then leaves another copy of its answer, and every later turn is asked"
    " with all of them.",
    fix="Pass model_info to prompt_item.add, which finds the model's earlier answer to the same prompt.",
    severity_reason="The first answer can still be read; the conversation grows.",
    needs=("predict_items",),
    severity="warning",
    applies=_prompts,
)
def answers_do_not_pile_up(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: PromptItem.add updates the annotation of the same model and prompt."""
    first, again = evidence.flow("predict_items"), evidence.flow("predict_items/again")
    if first is None or again is None or again.ended != "returned":
        return
    for item in again.items:
        before, after = _answers(first, item), _answers(again, item)
        if not before or not all(one.model_info for one in after):
            continue  # without model_info nothing can be found again, which PRM-003 says
        yield Judged("prompt items")
        if len(after) > len(before):
            yield Seen(
                f"{counted(len(before), 'answer')}, as after the first time",
                counted(len(after), "answer"),
                f"{item.name} after {again.label}",
                at(evidence, "predict"),
            )
