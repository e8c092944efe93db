"""How a comparison is run, with versions that are figures instead of processes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec
import pytest

from dl_harness.bench.comparing import Measured, Version, compare
from dl_harness.bench.record import Comparison, FlowRound, Mark, Phase, Ready, Round
from dl_harness.bench.reporting import comparison_lines, exit_code
from dl_harness.bench.subject import Ask, SubjectError
from dl_harness.evidence import AnnotationSeen, Entry, Subject
from dl_harness.spec import Spec, Target

Change = Callable[[Round, int], Round]


@dataclass
class Figures:
    """A version of which every round is drawn from a seeded distribution."""

    cost: float = 0.020
    waiting: float = 0.0
    answer: str = "cat"
    spread: float = 0.05
    change: Change = lambda round_, number: round_
    fails_at: int = -1

    def __post_init__(self) -> None:
        self.seed(0)
        self._asked = 0

    def seed(self, number: int) -> None:
        self._draw = random.Random(number)

    def start(self) -> Ready:
        return Ready(environment={"python": "3"})

    def flow(self, ask: Ask) -> FlowRound:
        return FlowRound(Phase(1, 1), ())

    def ask(self, ask: Ask) -> Round:
        self._asked += 1
        if self._asked == self.fails_at:
            raise SubjectError("MemoryError: out of memory")
        cpu = self.cost * self._draw.lognormvariate(0, self.spread) * ask.batches
        wall = cpu + self.waiting * ask.batches
        outputs = tuple(Entry("c", (AnnotationSeen("box", self.answer),), 1) for _ in range(ask.size))
        made = Round(
            ask.size, ask.batches, Phase(0.001, 0.001), Phase(wall, cpu), outputs if ask.outputs else (), ask.size
        )
        return self.change(made, self._asked)


def version(name: str) -> Version:
    target = Target(Subject(name="Adapter", target="adapter.py:Adapter"), root="/")
    return Version(name, target, Spec(target, "", ""))


def compared(this: Figures, other: Figures, again: tuple[Figures, Figures] | None = None) -> Comparison:
    """Compare figures; `again` are those of the processes that are started to confirm a slowdown."""
    for number, figures in enumerate((this, other, *(again or ()))):
        figures.seed(number)
    waiting = {"this": [this, (again or (this, other))[0]], "other": [other, (again or (this, other))[1]]}

    @contextmanager
    def start(version: Version) -> Iterator[Measured]:
        yield waiting[version.name].pop(0)

    return compare(version("this"), version("other"), start=start)


def test_an_unchanged_version_passes() -> None:
    found = compared(Figures(), Figures())

    assert (found.verdict, exit_code(found)) == ("pass", 0)
    assert 0 < found.seeable < 1


def test_twice_the_time_fails_and_is_seen_again() -> None:
    found = compared(Figures(cost=0.040), Figures())

    assert (found.verdict, exit_code(found), found.confirmed) == ("fail", 1, True)


def test_what_new_processes_do_not_show_again_is_inconclusive() -> None:
    found = compared(Figures(cost=0.040), Figures(), again=(Figures(), Figures()))

    assert (found.verdict, exit_code(found), found.confirmed) == ("inconclusive", 5, False)
    assert "not in a second one" in found.reason


def test_a_sleep_is_seen_although_it_costs_no_processor_time() -> None:
    found = compared(Figures(waiting=0.020), Figures())

    assert found.verdict == "fail"
    assert {q.clock for q in found.quantities if q.judgement.verdict == "fail"} == {"wall"}


def test_versions_that_wait_are_judged_on_the_wall_clock_alone() -> None:
    found = compared(Figures(cost=0.0002, waiting=0.2), Figures(cost=0.0004, waiting=0.2))

    assert {q.clock for q in found.quantities} == {"wall"}
    assert any("wall clock" in note for note in found.notes)
    assert found.verdict == "pass"


def test_a_fast_wrong_answer_does_not_win() -> None:
    found = compared(Figures(cost=0.001, answer="dog"), Figures())

    assert (found.verdict, exit_code(found)) == ("inconclusive", 5)
    assert "answer differently" in found.reason


def test_a_slow_wrong_answer_is_slower() -> None:
    assert compared(Figures(cost=0.040, answer="dog"), Figures()).verdict == "fail"


def test_an_adapter_that_never_answers_twice_alike_is_compared_without_its_answers() -> None:
    def unlike(round_: Round, number: int) -> Round:
        outputs = tuple(Entry("c", (AnnotationSeen("box", str(number)),), 1) for _ in round_.outputs)
        return msgspec.structs.replace(round_, outputs=outputs)

    found = compared(Figures(change=unlike), Figures(change=unlike))

    assert found.verdict == "pass"
    assert any("same answer twice" in note for note in found.notes)


@pytest.mark.parametrize("mark", ["clock", "suspended"])
def test_disturbed_rounds_are_left_out_and_named(mark: Mark) -> None:
    def once(round_: Round, number: int) -> Round:
        disturbed = Phase(round_.work.wall + 3600, round_.work.cpu)
        return msgspec.structs.replace(round_, work=disturbed, marks=(mark,)) if number == 8 else round_

    found = compared(Figures(change=once), Figures())

    assert found.marked == {mark: 1}
    assert found.verdict == "pass"


@pytest.mark.parametrize("mark", ["clock", "suspended"])
def test_many_disturbed_rounds_prove_nothing(mark: Mark) -> None:
    def often(round_: Round, number: int) -> Round:
        return msgspec.structs.replace(round_, marks=(mark,)) if number % 3 == 0 else round_

    found = compared(Figures(cost=0.060, change=often), Figures())

    assert (found.verdict, exit_code(found)) == ("inconclusive", 5)
    assert "were disturbed" in found.reason


def test_a_machine_that_changes_its_speed_for_long_proves_nothing() -> None:
    def later() -> Change:
        pairs = 0

        def slower(round_: Round, number: int) -> Round:
            nonlocal pairs
            pairs += bool(round_.outputs)
            factor = 3.0 if pairs > 14 else 1.0
            work = Phase(round_.work.wall * factor, round_.work.cpu * factor)
            return msgspec.structs.replace(round_, work=work)

        return slower

    found = compared(Figures(change=later(), spread=0.2), Figures(change=later(), spread=0.2))

    assert found.marked["load"] > 0
    assert found.verdict == "inconclusive"


def test_a_version_that_fails_is_named_and_nothing_is_lost() -> None:
    found = compared(Figures(fails_at=12), Figures())

    assert (found.verdict, exit_code(found)) == ("inconclusive", 5)
    assert found.this.failure is not None
    assert "MemoryError: out of memory" in found.reason
    assert found.pairs > 0


def test_the_smallest_slowdown_that_could_be_seen_is_always_printed() -> None:
    quiet, loud, failed = (
        compared(Figures(), Figures()),
        compared(Figures(spread=0.6), Figures(spread=0.6)),
        compared(Figures(fails_at=1), Figures()),
    )

    for found in (quiet, loud, failed):
        assert any(line.startswith("  seeable ") for line in comparison_lines(found))
    assert quiet.seeable < loud.seeable
