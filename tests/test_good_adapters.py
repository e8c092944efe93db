"""Adapters in many styles that do nothing wrong, and about which no contract has anything to say.

Under the reference wrapper functions they are evaluated only by `pytest -m slow`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ahead import ahead
from dl_harness import checking
from dl_harness.results import AdapterReport
from nursery import nursery

GOOD = Path(__file__).resolve().parent / "good"

DETECTOR: dict[str, Any] = {
    "model": {"name": "detector", "outputType": "box", "labels": ["bright", "dark"]},
    "artifacts": str(GOOD / "artifacts" / "detector"),
}
ADAPTERS: dict[str, tuple[str, dict[str, Any]]] = {
    "stateful-with-artifacts": ("detector.py:Detector", DETECTOR),
    "subclass-of-a-subclass-with-a-metric-of-its-own": ("evaluator.py:Evaluator", DETECTOR),
    "generator-inside": ("streaming.py:Streaming", DETECTOR),
    "functional-with-a-static-method": (
        "functional.py:DayOrNight",
        {"model": {"name": "day-or-night", "outputType": "class", "labels": ["day", "night"]}},
    ),
    "trainer": (
        "classifier.py:Classifier",
        {"model": {"name": "classifier", "outputType": "class", "labels": ["red", "green"]}},
    ),
    "trainer-that-another-program-trains": (
        "outside.py:TrainsOutside",
        {"model": {"name": "classifier", "outputType": "class", "labels": ["red", "green"]}},
    ),
    "decorated-masks-from-numpy-alone": (
        "segmenter.py:Segmenter",
        {"model": {"name": "segmenter", "outputType": "binary", "labels": ["bright"]}},
    ),
    "embedder": ("embedder.py:Embedder", {"model": {"name": "embedder", "configuration": {"embeddings_size": 24}}}),
    "texts": (
        "words.py:LongOrShort",
        {"model": {"name": "words", "inputType": "text", "outputType": "class", "labels": ["long", "short"]}},
    ),
    "prompts": ("prompts.py:Echo", {}),
    "prompts-through-two-base-classes": ("providers.py:Parrot", {"model": {"configuration": {"provider": "Polly"}}}),
    "gpu-optional": ("accelerated.py:Accelerated", DETECTOR),
    "async-client-inside": (
        "async_client.py:AsksTogether",
        {"model": {"name": "day-or-night", "outputType": "class", "labels": ["day", "night"]}},
    ),
    "more-inputs-than-the-model": ("with_inputs", {}),
    "delegate-from-the-configuration": ("delegate", {}),
}
"""Target below `good/`, and what the check is given."""


class Run(NamedTuple):
    """An adapter by its name, under the SDK's wrapper functions or the reference ones; evaluations take longest."""

    name: str
    wrappers: str
    evaluated: bool

    def __str__(self) -> str:
        return f"{self.name}-{self.wrappers}" + ("" if self.evaluated else "-not-evaluated")


RUNS = [
    *(Run(name, "sdk", True) for name in ADAPTERS),
    *(Run(name, "reference", False) for name in ADAPTERS),
    *(pytest.param(Run(name, "reference", True), marks=pytest.mark.slow) for name in ADAPTERS),
]
NOT_EVALUATING = [contract.id for contract in checking.select([]) if "evaluate_model" not in contract.needs]


def carry_out(run: Run) -> AdapterReport:
    target, given = ADAPTERS[run.name]
    given = given | ({} if run.evaluated else {"select": NOT_EVALUATING})
    (report,) = checking.run([str(GOOD / target)], {**given, "wrappers": run.wrappers}).report.adapters
    return report


@pytest.fixture(scope="module")
def check(request: pytest.FixtureRequest) -> Iterator[Callable[[Run], AdapterReport]]:
    """What a run came to."""
    with nursery(), ahead(request, "run", carry_out) as result:
        yield result


@pytest.mark.parametrize("run", RUNS, ids=str)
def test_a_good_adapter_passes_everything(check: Callable[[Run], AdapterReport], run: Run) -> None:
    report = check(run)

    said = {r.contract: r.findings or r.reason for r in report.results if r.verdict not in {"pass", "inapplicable"}}
    assert said == {}
    assert report.verdict == "pass"
