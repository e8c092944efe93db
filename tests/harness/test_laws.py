"""The search for batches that break a law, on functions that stand in for adapters; and what counts as noise."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dl_harness import examples
from dl_harness.contract import CONTRACTS, Seen
from dl_harness.contracts import laws as contracts
from dl_harness.evidence import (
    AnnotationSeen,
    Entry,
    Evidence,
    Flow,
    ItemSeen,
    LawTried,
    Pairing,
    Subject,
    UserFunction,
)
from dl_harness.flows.laws import Batch, Laws
from dl_harness.likeness import Noise, differ, overlap
from dl_harness.results import judge
from dl_harness.spec import UsageError

ITEMS = tuple("abcdef")
LAW_IDS = {id_ for id_, contract in CONTRACTS.items() if contract.family == "laws"}
Model = Callable[[Batch], "tuple[Entry, ...] | None"]


def box(label: str, left: float = 0, confidence: float | None = 0.9, size: float = 10) -> AnnotationSeen:
    return AnnotationSeen(type="box", label=label, points=((left, 0), (left + size, size)), confidence=confidence)


def entry(*annotations: AnnotationSeen) -> Entry:
    return Entry(kind="AnnotationCollection", annotations=annotations, size=len(annotations))


def score(value: float, label: str = "cat") -> Entry:
    return entry(box(label, confidence=value))


OWN = {item: score(0.1 + 0.13 * place, item) for place, item in enumerate(ITEMS)}
"""What a well-behaved model gives for each item."""


def healthy(batch: Batch) -> tuple[Entry, ...]:
    return tuple(OWN[item] for item in batch)


def tried(model: Model, stored: dict[str, list[Pairing]] | None = None, fresh: Model | None = None) -> Evidence:
    """The evidence of a law flow over a model."""
    laws = Laws("predict", model, model, lambda: fresh or model, ITEMS, stored or {}, derandomised=True)
    flow = Flow("predict_laws", "predict_laws", items=tuple(ItemSeen(i, f"{i}.jpg", "image/jpeg") for i in ITEMS))
    flow = Flow(flow.name, flow.label, items=flow.items, laws=tuple(laws.run()), ended="returned")
    function = UserFunction("predict", overridden=True)
    subject = Subject(
        "A",
        "a.py:A",
        imported=True,
        class_found=True,
        is_adapter=True,
        uses=("predict",),
        functions={"predict": function},
    )
    return Evidence(subject, (flow,))


def broken(evidence: Evidence) -> dict[str, Seen]:
    """The laws that are broken, each with its first finding."""
    found = {}
    for id_ in sorted(LAW_IDS):
        if CONTRACTS[id_].applies(evidence) is None:
            first = next(CONTRACTS[id_].broken_by(evidence), None)
            if first is not None:
                found[id_] = first
    return found


def test_a_healthy_model_breaks_nothing_and_every_law_is_tried() -> None:
    evidence = tried(healthy)

    assert broken(evidence) == {}
    counted = {law.law: law.examples for law in evidence.flows[0].laws}
    assert set(counted) == {"repeated", "duplicates", "size", "order", "neighbours", "one in many"}
    assert min(counted[law] for law in ("duplicates", "order", "neighbours", "one in many")) >= 15


def by_size(batch: Batch) -> tuple[Entry, ...]:
    return tuple(score(0.9 if len(batch) != 5 else 0.1, item) for item in batch)


def without_repetitions(batch: Batch) -> tuple[Entry, ...]:
    return tuple(OWN[item] if item not in batch[:place] else entry() for place, item in enumerate(batch))


def with_the_smallest_neighbour(batch: Batch) -> tuple[Entry, ...]:
    return tuple(score(0.9 if min(batch) == item or min(batch) != "a" else 0.2, item) for item in batch)


def sorted_when_many(batch: Batch) -> tuple[Entry, ...]:
    return healthy(tuple(sorted(batch)) if len(batch) > 4 else batch)


def one_way_for_one(batch: Batch) -> tuple[Entry, ...]:
    return tuple(score(0.9 if len(set(batch)) == 1 else 0.3, item) for item in batch)


@pytest.mark.parametrize(
    ("model", "law", "where"),
    [
        (by_size, "LAW-002", "predict for a.jpg in a batch of 5 copies of a.jpg"),
        (without_repetitions, "LAW-003", "predict for a.jpg at place 2 of a batch of 2 copies of a.jpg"),
        (with_the_smallest_neighbour, "LAW-004", "predict for b.jpg in the batch [b.jpg, c.jpg]"),
        (sorted_when_many, "LAW-005", None),
        (one_way_for_one, "LAW-006", "predict for a.jpg in the batch [a.jpg, b.jpg]"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_each_way_to_go_wrong_breaks_one_law_and_is_shown_by_a_small_batch(
    model: Model, law: str, where: str | None
) -> None:
    found = broken(tried(model))

    assert list(found) == [law]
    assert where is None or found[law].where == where


def test_an_exchange_names_the_item_whose_result_it_is() -> None:
    (seen,) = broken(tried(sorted_when_many)).values()

    assert ", which belongs to " in seen.saw


def test_what_changes_with_every_call_is_a_memory_when_two_new_adapters_agree() -> None:
    calls = iter(range(10_000))

    found = broken(tried(lambda batch: tuple(score(0.1 + next(calls) % 5 / 6) for _ in batch), fresh=healthy))

    assert list(found) == ["LAW-001"]


def test_what_differs_between_two_new_adapters_is_chance_and_no_law_is_about_it() -> None:
    chance = random.Random(1)

    evidence = tried(lambda batch: tuple(score(chance.random()) for _ in batch))

    results = judge(evidence, [CONTRACTS[id_] for id_ in sorted(LAW_IDS - {"LAW-008"})])
    assert {result.verdict for result in results} == {"inapplicable"}
    assert all("not deterministic: predict gave box 'cat' 0." in str(result.reason) for result in results)


def test_an_adapter_that_always_fails_has_nothing_to_compare() -> None:
    evidence = tried(lambda batch: None)

    assert {r.verdict for r in judge(evidence, [CONTRACTS["LAW-002"], CONTRACTS["LAW-005"]])} == {"vacuous"}


def test_a_stored_example_is_tried_first() -> None:
    batches: list[Batch] = []

    def rare(batch: Batch) -> tuple[Entry, ...]:
        batches.append(batch)
        return tuple(score(0.1 if batch == ("f", "c", "e", "a") and item == "c" else 0.9, item) for item in batch)

    stored = {"one in many": [Pairing(("f", "c", "e", "a"), 1, ("c",), 0)]}
    assert broken(tried(rare, stored)).keys() == {"LAW-006"}


def test_examples_are_kept_by_name_and_read_again(tmp_path: Path) -> None:
    evidence = tried(by_size)

    examples.save(tmp_path / "kept", "my adapter/x", evidence)
    examples.save(tmp_path / "kept", "my adapter/x", evidence)

    (file,) = (tmp_path / "kept").iterdir()
    assert file.name == "my-adapter-x.json"
    assert {"law": "size", "function": "predict", "batch": ["a.jpg"] * 5, "position": 0} | {
        "against": ["a.jpg"],
        "against_position": 0,
    } in json.loads(file.read_text())
    loaded = examples.load(tmp_path / "kept", "my adapter/x")
    assert {one.law for one in loaded} >= {"size"}
    assert len(loaded) == len(set(loaded))


def test_nothing_is_kept_where_nobody_asks_and_broken_files_are_said(tmp_path: Path) -> None:
    examples.save(None, "a", tried(by_size))
    (tmp_path / "a.json").write_text("[{]")

    assert examples.load(None, "a") == ()
    with pytest.raises(UsageError, match=r"a.json cannot be read: .* Mend or delete the file"):
        examples.load(tmp_path, "a")


# -- noise -----------------------------------------------------------------------------------------


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**6), noise=st.sampled_from([1e-6, 1e-3, 0.01, 0.02]))
def test_noise_of_arithmetic_near_thresholds_and_ties_breaks_no_law(seed: int, noise: float) -> None:
    """A detector whose scores and coordinates move a little with the batch: some fall below the threshold, two
    overlapping boxes of nearly one score change places, labels tie."""
    truth = random.Random(seed)
    candidates = {
        item: [
            (truth.choice("xy"), truth.uniform(0, 300), truth.uniform(0.2, 1.0), truth.uniform(20, 60))
            for _ in range(truth.randint(4, 9))
        ]
        for item in ITEMS
    }

    def detector(batch: Batch) -> tuple[Entry, ...]:
        shaken = random.Random(repr(batch) + str(seed))
        results = []
        for item in batch:
            found = [
                box(label, left + shaken.gauss(0, noise * 20), confidence=value + shaken.gauss(0, noise), size=size)
                for label, left, value, size in candidates[item]
            ]
            results.append(entry(*sorted((b for b in found if b.confidence > 0.5), key=lambda b: -b.confidence)))
        return tuple(results)

    errors = {id_ for id_ in broken(tried(detector)) if CONTRACTS[id_].severity == "error"}

    assert errors == set()


def test_what_is_alike() -> None:
    one = entry(box("cat", confidence=0.51), box("dog", 100))

    assert not differ(one, entry(box("cat", 1, 0.5), box("dog", 101)), Noise())
    assert differ(one, entry(box("dog", 100)), Noise())
    assert not differ(one, entry(box("dog", 100)), Noise(shift=0.01, lowest=0.5))
    assert differ(one, entry(box("cat", confidence=0.51)), Noise(shift=0.01, lowest=0.5))
    assert differ(score(0.9), score(0.5), Noise(shift=0.04, lowest=0.1))
    assert differ(
        entry(AnnotationSeen(type="text", label="t", text="a")), entry(AnnotationSeen("text", "t", text="")), Noise()
    )


def test_vectors_are_alike_up_to_a_small_angle() -> None:
    def vector(*values: float) -> Entry:
        return Entry("list", size=len(values), values=values)

    assert not differ(vector(1, 0, 0), vector(1, 0.01, 0), Noise())
    assert differ(vector(1, 0, 0), vector(1, 0.2, 0), Noise())
    assert differ(vector(1, 0), vector(1, 0, 0), Noise())
    assert differ(Entry("list", size=0), Entry("NoneType"), Noise())


def test_overlap_of_shapes_masks_and_what_has_none() -> None:
    mask = AnnotationSeen(type="binary", label="x", mask_extent=(0, 0, 10, 10))

    assert overlap(mask, box("x")) == 1
    assert overlap(box("x"), box("x", 20)) == 0
    assert overlap(AnnotationSeen(type="class"), AnnotationSeen(type="class")) == 1
    assert overlap(box("x"), AnnotationSeen(type="class")) == 0
    assert overlap(box("x"), box("x", 0, size=20), scale=2) == 1


def test_every_law_that_is_explained_by_another_one_names_laws() -> None:
    known = {"repeated", "duplicates", "size", "order", "neighbours", "one in many"}

    assert {*contracts.BEFORE, *(law for laws in contracts.BEFORE.values() for law in laws)} <= known
    assert LawTried("size", "predict").examples == 0
