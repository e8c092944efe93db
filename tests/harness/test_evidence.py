"""Evidence survives whatever happens to the process that writes it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

import dl_harness.contracts  # noqa: F401 - declares the catalogue
from dl_harness.contract import CONTRACTS
from dl_harness.evidence import (
    Call,
    CallEnded,
    CallStarted,
    Described,
    Event,
    FlowEnded,
    FlowStarted,
    ItemSeen,
    Requested,
    RequestSeen,
    Subject,
    assemble,
    decode,
    encode,
)
from dl_harness.results import judge

SUBJECT = Subject(name="adapter", target="adapter.py:Adapter")
CAT = ItemSeen("1", "cat.jpg")

EVENTS: tuple[Event, ...] = (
    Described(SUBJECT, {"python": "3.11"}),
    FlowStarted("predict_items", "predict_items", batch_size=4, items=(CAT,)),
    CallStarted(1, "prepare_item_func", positional=1, items=("1",)),
    Requested(RequestSeen(0, "GET", "/items/{item_id}/stream", "/items/1/stream", 200, item="1")),
    CallEnded(Call(1, "prepare_item_func", positional=1, items=("1",), ended="returned")),
    CallStarted(2, "predict", positional=1, size=1, items=("1",)),
    CallEnded(Call(2, "predict", positional=1, size=1, items=("1",), ended="returned")),
    FlowEnded("predict_items", "returned"),
)
WRITTEN = b"".join(encode(event) for event in EVENTS)


def test_events_come_back_as_they_were_written() -> None:
    assert tuple(decode(WRITTEN.splitlines(keepends=True))) == EVENTS


@given(st.integers(0, len(WRITTEN)))
def test_a_file_cut_off_anywhere_gives_what_was_whole(length: int) -> None:
    events = list(decode(WRITTEN[:length].splitlines(keepends=True)))

    assert tuple(events) == EVENTS[: len(events)]
    evidence = assemble(events)
    assert (evidence is None) == (not events)


@given(st.integers(2, len(EVENTS)))
def test_what_has_no_end_is_said_to_have_crashed(count: int) -> None:
    evidence = assemble(EVENTS[:count])

    assert evidence is not None
    (flow,) = evidence.flows
    assert flow.ended == ("returned" if count == len(EVENTS) else "crashed")
    for call in flow.calls:
        ended = any(isinstance(e, CallEnded) and e.call.id == call.id for e in EVENTS[:count])
        assert call.ended == ("returned" if ended else "crashed")


@given(st.integers(1, len(EVENTS)))
def test_contracts_can_judge_evidence_of_any_length(count: int) -> None:
    evidence = assemble(EVENTS[:count])
    assert evidence is not None

    results = judge(evidence, CONTRACTS.values())

    assert [r.contract for r in results if r.verdict == "error"] == []
    assert [r.contract for r in results] == list(CONTRACTS)
