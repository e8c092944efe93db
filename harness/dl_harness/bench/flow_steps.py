"""Where the time of a wrapper function goes: its steps on one adapter, timed from the inside."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from dl_harness.bench import clocks
from dl_harness.bench.record import FlowRound, Span

if TYPE_CHECKING:
    from dl_harness.bench.inputs import Inputs
    from dl_harness.bench.subject import Ask

# Which functions are which step (SDK: ml/base_model_adapter.py, predict_items and embed_items).
STEPS = {
    "prepare_item_func": "prepare",
    "predict": "predict",
    "embed": "embed",
    "_update_predictions_metadata": "convert",
    "_upload_model_annotations": "upload",
}


def timed_flow(adapter: Any, function: str, inputs: Inputs, ask: Ask) -> FlowRound:
    """Run one wrapper function over items that were never seen, and note when each step began and ended."""
    from dl_harness.flows import reference

    reference_predict: Any = importlib.import_module("dl_harness.flows.reference.predict")
    items = inputs.batch(ask.first, ask.size * ask.batches)
    spans: list[Span] = []
    began = time.perf_counter()

    def timed(step: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return original(*args, **kwargs)
            finally:
                spans.append(Span(step, start - began, time.perf_counter() - began))

        return call

    name = f"{function}_items"
    wrapper = getattr(adapter, name) if ask.kind == "sdk" else getattr(reference, name).__get__(adapter)
    stopwatch = clocks.Stopwatch()
    with ExitStack() as stack:
        for attribute, step in STEPS.items():
            stack.enter_context(_replaced(adapter, attribute, timed(step, getattr(adapter, attribute))))
        if ask.kind == "reference":
            storing = timed("upload", reference_predict.replace_annotations)
            stack.enter_context(_replaced(reference_predict, "replace_annotations", storing))
        if function == "embed":
            features = type(adapter.feature_set.features)
            stack.enter_context(_replaced(features, "create", timed("upload", features.create)))
        began = time.perf_counter()
        stopwatch.start()
        wrapper(items, batch_size=ask.size)
        whole = stopwatch.stop()
    return FlowRound(whole, tuple(sorted(spans, key=lambda span: span.start)))


@contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """An attribute of an object for a while; afterwards it is looked up where it was before."""
    own = name in vars(owner)
    before = vars(owner).get(name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if own:
            setattr(owner, name, before)
        else:
            delattr(owner, name)


def busy(spans: list[Span]) -> float:
    """The time in which at least one of these was running."""
    total, until = 0.0, -1.0
    for span in sorted(spans, key=lambda one: one.start):
        total += max(0.0, span.end - max(span.start, until))
        until = max(until, span.end)
    return total
