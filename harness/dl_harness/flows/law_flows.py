"""The flow of the metamorphic laws: the user functions, called as the wrapper calls them, on many small batches."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dl_harness.evidence import Entry, LawTried, Pairing
from dl_harness.flows import variants
from dl_harness.flows.describing import returned
from dl_harness.flows.laws import Batch, Laws
from dl_harness.likeness import extent, overlap

if TYPE_CHECKING:
    from dl_harness.flows.stage import Stage


def try_laws(
    function: str,
    stage: Stage,
    adapter: Any,
    construct: Callable[[], Any],
    items: Mapping[str, Any],
    made: Mapping[str, Sequence[variants.Variant]],
    stored: Sequence[LawTried],
) -> None:
    """Try every law of one function and record what was compared.

    `items` are the SDK's entities by id; `made` holds the variants of some by the law they are for.
    """
    with stage.only_watching():
        laws = Laws(
            function,
            call=Caller(function, adapter, items),
            cached=Caller(function, adapter, items, cached=True),
            fresh=lambda: Caller(function, construct(), items),
            items=[one for one in items if not any(v.variant == one for found in made.values() for v in found)],
            stored=_by_law(stored, function, stage),
        )
        repeated = None
        for tried in laws.run():
            stage.emit(tried)
            repeated = repeated or (tried if tried.law == "repeated" and tried.saw is not None else None)
        if repeated is None:
            for tried in _on_variants(laws, made):
                stage.emit(tried)


def _on_variants(laws: Laws, made: Mapping[str, Sequence[variants.Variant]]) -> Iterator[LawTried]:
    yield from laws.compare("re-encoded", [(v.item, v.variant) for v in made["re-encoded"]])
    if laws.function == "predict":
        yield from _in_the_same_pixels(laws, made["resized"])


def _in_the_same_pixels(laws: Laws, resized: Sequence[variants.Variant]) -> Iterator[LawTried]:
    """Images of another size on which everything is found at the very pixels of the first size.

    Whether a model finds the same in an image of another size is its own affair; but what moves with the picture must
    move with its pixels, too.
    """
    for made in resized:
        first, second = laws.result(made.item), laws.result(made.variant)
        drawn = [one for one in (first.annotations if first else None) or () if extent(one) is not None]
        found = (second.annotations if second else None) or ()
        if first is None or second is None or not drawn:
            continue
        stuck = all(
            any(a.label == b.label and overlap(a, b) >= 0.9 for b in found)
            and not any(a.label == b.label and overlap(a, b, made.scale) >= 0.5 for b in found)
            for a in drawn
        )
        pairing = Pairing((made.variant,), 0, (made.item,), 0)
        yield LawTried(
            law="resized",
            function="predict",
            examples=1,
            pairing=pairing,
            expected=first,
            saw=second if stuck else None,
            scale=made.scale,
        )


def _by_law(stored: Sequence[LawTried], function: str, stage: Stage) -> dict[str, list[Pairing]]:
    """What earlier runs found, with the ids that the items of those names have now."""
    ids = {stage.item(one).name: one for one in stage.seeded.item_ids}
    found: dict[str, list[Pairing]] = {}
    for tried in stored:
        pairing = tried.pairing
        if tried.function == function and pairing is not None and {*pairing.batch, *pairing.against} <= set(ids):
            batch, against = (tuple(ids[name] for name in names) for names in (pairing.batch, pairing.against))
            found.setdefault(tried.law, []).append(Pairing(batch, pairing.position, against, pairing.against_position))
    return found


class Caller:
    """One user function of one adapter: prepares the items of a batch and calls it, as predict_items does."""

    def __init__(self, function: str, adapter: Any, items: Mapping[str, Any], *, cached: bool = False) -> None:
        self._function = function
        self._adapter = adapter
        self._items = items
        self._cached = cached
        self._prepared: dict[str, Any] = {}

    def __call__(self, batch: Batch) -> tuple[Entry, ...] | None:
        """What each item of the batch gets, or None when that cannot be said."""
        try:
            value = getattr(self._adapter, self._function)([self._prepare(one) for one in batch])
            told = returned(self._function, value)
        except (Exception, SystemExit):  # other contracts say that it fails
            return None
        if not told.sized or told.length != len(batch) or len(told.entries) != len(batch):
            return None
        if any(entry.twin is not None and entry.annotations for entry in told.entries):
            return None
        return told.entries

    def _prepare(self, item: str) -> Any:
        if item in self._prepared:
            return copy.deepcopy(self._prepared[item])
        value = self._adapter.prepare_item_func(self._items[item])
        if self._cached and _is_plain(value):
            self._prepared[item] = copy.deepcopy(value)
        return value


def _is_plain(value: Any, depth: int = 3) -> bool:
    """Whether a copy of a prepared value is as good as preparing it again."""
    import numpy as np
    from PIL import Image

    if isinstance(value, (str, bytes, int, float, bool, type(None), Image.Image)):
        return True
    if isinstance(value, np.ndarray):
        return bool(value.dtype != object)
    if depth and isinstance(value, (list, tuple)):
        return all(_is_plain(one, depth - 1) for one in value)
    if depth and isinstance(value, dict):
        return all(_is_plain(one, depth - 1) for one in value.values())
    return False
