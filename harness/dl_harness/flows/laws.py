"""Metamorphic laws: what must not change when an adapter gets the same items in another batch.

Nobody knows what is right for an item; but alone, among others, twice, or in another order it must be the same. Each
law is searched for a pair of batches that breaks it: what was stored of an earlier run first, then a few chosen ones,
then what Hypothesis makes up, shrunk to the smallest. What was compared is recorded; the contracts judge it.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from dl_harness.evidence import Entry, LawTried, Pairing
from dl_harness.likeness import Noise, differ

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Batch = tuple[str, ...]
Call = Callable[[Batch], "tuple[Entry, ...] | None"]
"""What a function gives for a batch, item by item; None when it raises, or gives what cannot be paired with items."""

MOST_ITEMS = 6
MOST_EXAMPLES = 20
LARGEST_BATCH = 6
SEARCH_LIMIT_S = 3.0
"""For slow adapters, of processor time or four times as much by the clock: after it no batches are made up, and one
chosen batch of each law is enough. After three times as much the rest is left out."""

CHOSEN_BATCH = 4


class Broken(Exception):
    """A pair of batches breaks the law that is being tried."""


@dataclass
class Laws:
    """The laws of one function (`predict` or `embed`) of one adapter.

    `call` runs the function on a batch, prepared anew; `cached` may use prepared values again. `fresh` builds another
    adapter in the same way and gives its `call`. `items` are ids; `names` are what stored examples call them.
    """

    function: str
    call: Call
    cached: Call
    fresh: Callable[[], Call]
    items: Sequence[str]
    stored: Mapping[str, Sequence[Pairing]] = field(default_factory=dict)
    derandomised: bool = field(default_factory=lambda: bool(os.environ.get("CI")))
    noise: Noise = field(default_factory=Noise)

    def __post_init__(self) -> None:
        self._memory: dict[Batch, tuple[Entry, ...] | None] = {}
        self._started = (time.process_time(), time.monotonic())

    def run(self) -> Iterator[LawTried]:
        """Try every law that batches can show, each when the ones before it have left something to compare."""
        alone: dict[str, Entry] = {}
        for one in self.items:
            if len(alone) < CHOSEN_BATCH or self._spent() < SEARCH_LIMIT_S:
                alone.update({one: entries[0]} if (entries := self._result((one,))) else {})
        if not alone:
            yield self._tried("repeated", reason=f"{self.function} gave nothing to compare for any item alone")
            return
        items = self._telling(alone)
        repeated = self._repeated(items)
        yield repeated
        if repeated.saw is not None:
            return
        for law, chosen, strategy in (
            ("duplicates", list(_duplicates(items)), _duplicates_of(items)),
            ("size", list(_copies(items)), _copies_of(items)),
            ("order", list(_orders(items)), _orders_of(items)),
            ("neighbours", list(_neighbours(items)), _neighbours_of(items)),
            ("one in many", list(_in_many(items)), _in_many_of(items)),
        ):
            yield self._searched(law, chosen, strategy, alone)
        yield self._again(items)

    def compare(self, law: str, pairs: Iterable[tuple[str, str]]) -> Iterator[LawTried]:
        """Compare items, each alone, with others that should give the same; pairs are of an item and its variant."""
        for item, variant in pairs:
            if self._spent() > SEARCH_LIMIT_S * 3:
                return
            found = self._difference([Pairing((variant,), 0, (item,), 0)])
            yield self._tried(law, 1, found) if found else self._tried(law, 1)

    def result(self, item: str) -> Entry | None:
        """What an item gets alone."""
        entries = self._result((item,))
        return entries[0] if entries else None

    def _telling(self, alone: Mapping[str, Entry]) -> list[str]:
        """A few items, those first that differ from all before them: an exchange of equals cannot be seen."""
        distinct: list[str] = []
        for one, entry in alone.items():
            if all(differ(entry, alone[other], Noise()) for other in distinct):
                distinct.append(one)
        return [*distinct, *(one for one in alone if one not in distinct)][:MOST_ITEMS]

    def _result(self, batch: Batch) -> tuple[Entry, ...] | None:
        if batch not in self._memory:
            self._memory[batch] = self.cached(batch)
        return self._memory[batch]

    def _difference(self, pairings: Iterable[Pairing]) -> tuple[Pairing, Entry, Entry] | None:
        """The first pairing whose two results differ, with what was expected and what was seen."""
        for pairing in pairings:
            seen, known = self._result(pairing.batch), self._result(pairing.against)
            if seen is None or known is None:
                continue
            saw, expected = seen[pairing.position], known[pairing.against_position]
            self.noise = self.noise.with_pairs(expected, saw)
            if differ(expected, saw, self.noise):
                return pairing, expected, saw
        return None

    def _repeated(self, items: Sequence[str]) -> LawTried:
        """The same batch three times, prepared anew; when it differs, whether two fresh adapters agree."""
        batches = [tuple(items[:CHOSEN_BATCH]), (items[0],)]
        for batch in dict.fromkeys(batches):
            runs = [self.call(batch) for _ in range(3)]
            found = self._unlike(batch, runs)
            if found is not None:
                return self._told_apart(found)
        return self._tried("repeated", len(batches) * 3)

    def _again(self, items: Sequence[str]) -> LawTried:
        """The first batch once more, after all the others."""
        batch = tuple(items[:CHOSEN_BATCH])
        found = self._unlike(batch, [self._result(batch), self.call(batch)])
        return self._tried("repeated", 1) if found is None else self._told_apart(found)

    def _unlike(self, batch: Batch, runs: Sequence[tuple[Entry, ...] | None]) -> tuple[Pairing, Entry, Entry] | None:
        first = runs[0]
        for run in runs[1:]:
            for place, (expected, saw) in enumerate(zip(first or (), run or (), strict=False)):
                self.noise = self.noise.with_pairs(expected, saw)
                if differ(expected, saw, self.noise):
                    return Pairing(batch, place, batch, place), expected, saw
        return None

    def _told_apart(self, found: tuple[Pairing, Entry, Entry]) -> LawTried:
        """Chance differs between two adapters that were built alike; a memory of earlier calls does not."""
        batch = found[0].batch
        try:
            left, right = self.fresh()(batch), self.fresh()(batch)
            by_chance = left is None or left != right
        except Exception:  # an adapter that cannot be built twice cannot be told apart
            by_chance = True
        return msgspec.structs.replace(self._tried("repeated", 3, found), by_chance=by_chance)

    def _searched(
        self,
        law: str,
        chosen: Sequence[list[Pairing]],
        strategy: SearchStrategy[list[Pairing]],
        alone: Mapping[str, Entry],
    ) -> LawTried:
        count = 0
        found: tuple[Pairing, Entry, Entry] | None = None
        known = set(self.items)
        replayed = [[p] for p in self.stored.get(law, ()) if {*p.batch, *p.against} <= known]
        for pairings in (*replayed, *chosen):
            if self._spent() > SEARCH_LIMIT_S * (1 if count else 3):
                break
            count += 1
            found = self._difference(pairings)
            if found is not None:
                break
        smaller, more = self._made_up(strategy) if self._spent() < SEARCH_LIMIT_S else (None, 0)
        if smaller is not None and (found is None or len(smaller[0].batch) < len(found[0].batch)):
            found = smaller
        if found is None:
            reason = (
                None if count + more else "there are too few items that can be predicted alone, or they take too long"
            )
            return self._tried(law, count + more, reason=reason)
        pairing, _, saw = found
        owner = next((o for o in pairing.batch if o != pairing.item and self._belongs(saw, o, alone)), None)
        return msgspec.structs.replace(self._tried(law, count + more, found), belongs_to=owner)

    def _belongs(self, saw: Entry, item: str, alone: Mapping[str, Entry]) -> bool:
        return item in alone and not differ(alone[item], saw, Noise())

    def _spent(self) -> float:
        computed, passed = time.process_time() - self._started[0], time.monotonic() - self._started[1]
        return max(computed, passed / 4)  # a busy machine makes the clock run, and an adapter that waits as well

    def _made_up(self, strategy: SearchStrategy[list[Pairing]]) -> tuple[tuple[Pairing, Entry, Entry] | None, int]:
        """The smallest pair of batches that Hypothesis finds to differ, and how many it tried."""
        from hypothesis import HealthCheck, Phase, Verbosity, given, settings

        _draw_no_constants()
        found: list[tuple[Pairing, Entry, Entry]] = []
        tried = 0

        @settings(
            max_examples=MOST_EXAMPLES,
            derandomize=self.derandomised,
            database=None,
            deadline=None,
            verbosity=Verbosity.quiet,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def holds(pairings: list[Pairing]) -> None:
            nonlocal tried
            if self._spent() > SEARCH_LIMIT_S:
                # only what has been run is compared: the smallest example that was found fails again
                pairings = [p for p in pairings if p.batch in self._memory and p.against in self._memory]
            pairings = [p for p in pairings if (p.batch, p.position) != (p.against, p.against_position)]
            tried += bool(pairings)
            difference = self._difference(pairings)
            if difference is not None:
                found.append(difference)
                raise Broken

        try:
            holds()
        except Broken:
            return found[-1], tried  # the smallest is run last
        return None, tried

    def _tried(
        self,
        law: str,
        examples: int = 0,
        found: tuple[Pairing, Entry, Entry] | None = None,
        reason: str | None = None,
    ) -> LawTried:
        pairing, expected, saw = found or (None, None, None)
        return LawTried(
            law=law,
            function=self.function,
            examples=examples,
            pairing=pairing,
            expected=expected,
            saw=saw,
            reason=reason,
        )


def _draw_no_constants() -> None:
    """Keep Hypothesis from reading the constants of every module of this process.

    It would parse the adapter and its libraries for seconds and leave files in the working directory, to draw numbers
    from them; batches are made of a handful of names.
    """
    from hypothesis.internal.conjecture import providers

    if hasattr(providers, "_get_local_constants"):  # Hypothesis 6.131 and later
        providers._get_local_constants = lambda: providers._local_constants


def _paired(batch: Sequence[str], against: Sequence[str]) -> list[Pairing]:
    """Every item of a batch, at its place, with itself in another batch."""
    left, right = tuple(batch), tuple(against)
    return [Pairing(left, i, right, right.index(one)) for i, one in enumerate(left) if one in right]


def _duplicates(items: Sequence[str]) -> Iterator[list[Pairing]]:
    for one in items[:2]:
        yield _doubled((one, one))
    if len(items) > 2:
        yield _doubled((items[0], items[1], items[0], items[2]))


def _doubled(batch: Batch) -> list[Pairing]:
    """The first item of a batch, where it stands a second time."""
    return [Pairing(batch, i, batch, 0) for i, one in enumerate(batch) if i and one == batch[0]]


def _copies(items: Sequence[str]) -> Iterator[list[Pairing]]:
    for size in (2, 3, CHOSEN_BATCH, 8):
        yield [Pairing((items[0],) * size, 0, (items[0],), 0)]


def _orders(items: Sequence[str]) -> Iterator[list[Pairing]]:
    for size in (2, CHOSEN_BATCH, LARGEST_BATCH):
        if len(items) >= size:
            batch = tuple(items[:size])
            yield _paired(batch[::-1], batch)
            yield _paired((*batch[1:], batch[0]), batch)


def _neighbours(items: Sequence[str]) -> Iterator[list[Pairing]]:
    for place, (left, right) in enumerate(itertools.pairwise(items[1:])):
        if place < 3:
            yield [Pairing((items[0], left), 0, (items[0], right), 0)]
            yield [Pairing((left, items[0]), 1, (right, items[0]), 1)]


def _in_many(items: Sequence[str]) -> Iterator[list[Pairing]]:
    for size in (2, CHOSEN_BATCH, LARGEST_BATCH):
        if len(items) >= size:
            yield [Pairing(tuple(items[:size]), i, (one,), 0) for i, one in enumerate(items[:size])]


def _duplicates_of(items: Sequence[str]) -> SearchStrategy[list[Pairing]]:
    from hypothesis import strategies as st

    batches = st.lists(st.sampled_from(items), min_size=1, max_size=LARGEST_BATCH - 1)
    return batches.map(lambda batch: _doubled((*batch, batch[0])))


def _copies_of(items: Sequence[str]) -> SearchStrategy[list[Pairing]]:
    from hypothesis import strategies as st

    copies = st.tuples(st.sampled_from(items), st.integers(2, 9))
    return copies.map(lambda drawn: [Pairing((drawn[0],) * drawn[1], 0, (drawn[0],), 0)])


def _orders_of(items: Sequence[str]) -> SearchStrategy[list[Pairing]]:
    from hypothesis import strategies as st

    orders = st.tuples(st.permutations(items), st.permutations(items), st.integers(2, LARGEST_BATCH))
    return orders.map(lambda d: _paired(d[0][: d[2]], [one for one in d[1] if one in d[0][: d[2]]]))


def _neighbours_of(items: Sequence[str]) -> SearchStrategy[list[Pairing]]:
    from hypothesis import strategies as st

    def pairing(drawn: tuple[list[str], list[str], int, int]) -> list[Pairing]:
        first, second, size, place = drawn
        one, left = first[0], first[1:size]
        right = [other for other in second if other != one][: size - 1]
        place = min(place, len(left))
        batch, against = ((*others[:place], one, *others[place:]) for others in (left, right))
        return [Pairing(batch, place, against, place)]

    drawn = st.tuples(
        st.permutations(items), st.permutations(items), st.integers(2, LARGEST_BATCH), st.integers(0, LARGEST_BATCH)
    )
    return drawn.map(pairing)


def _in_many_of(items: Sequence[str]) -> SearchStrategy[list[Pairing]]:
    from hypothesis import strategies as st

    batches = st.tuples(st.permutations(items), st.integers(1, LARGEST_BATCH))
    return batches.map(lambda d: [Pairing(tuple(d[0][: d[1]]), i, (one,), 0) for i, one in enumerate(d[0][: d[1]])])
