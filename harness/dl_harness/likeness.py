"""Whether two results of an adapter say the same: for laws, which compare what an adapter gave for one item twice.

Batching changes floating point arithmetic, padding changes it more, and what lies near a threshold or a tie falls to
one side or the other. `differ` is meant to be true only when no such noise explains the difference.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from dl_harness.evidence import AnnotationSeen, Entry

SAME_PLACE = 0.5
"""Overlap (intersection over union) from which on two shapes are the same detection, as in average precision."""

LARGEST_SHIFT = 0.15
"""Of a confidence, between two runs of one model on one item; above it something else than noise is at work."""

LARGEST_NOISE = 0.05
"""Of a confidence: what shifts by more says nothing of what arithmetic alone does."""

LARGEST_TURN = 0.1
"""Of a vector: the distance of two, in lengths of the first."""

SHARE_LOST = 1 / 3
"""Of an item's detections that may fall below the threshold where scores are seen to be noisy."""

Extent = tuple[float, float, float, float]


class Noise(msgspec.Struct, frozen=True):
    """How far confidences of matching detections were apart, and the lowest confidence of all: near the threshold."""

    shift: float = 0.0
    lowest: float = 1.0

    def with_pairs(self, left: Entry, right: Entry) -> Noise:
        """What two results of one item add to it."""
        pairs, _, _ = _matched(left.annotations or (), right.annotations or ())
        shifts = [shift for one, other in pairs if (shift := _shift(one, other)) <= LARGEST_NOISE]
        scores = [_score(one) for one in (*(left.annotations or ()), *(right.annotations or ()))]
        return Noise(max([self.shift, *shifts]), min([self.lowest, *(s for s in scores if s is not None)]))


def differ(left: Entry, right: Entry, noise: Noise) -> bool:
    """Whether two results of one item differ by more than noise."""
    if left.annotations is not None and right.annotations is not None:
        return _detections_differ(left.annotations, right.annotations, noise)
    if left.values and len(left.values) == len(right.values):
        length = math.sqrt(sum(v * v for v in left.values)) or 1.0
        distance = math.sqrt(sum((a - b) ** 2 for a, b in zip(left.values, right.values, strict=True)))
        return distance > LARGEST_TURN * length
    return (left.kind, left.size, left.values) != (right.kind, right.size, right.values)


def _detections_differ(left: tuple[AnnotationSeen, ...], right: tuple[AnnotationSeen, ...], noise: Noise) -> bool:
    pairs, rest, others = _matched(left, right)
    if any(_shift(one, other) > LARGEST_SHIFT for one, other in pairs):
        return True
    if any(bool((one.text or "").strip()) != bool((other.text or "").strip()) for one, other in pairs):
        return True
    if noise.shift == 0:
        return bool(rest or others)
    rest, others = _without_ties(rest, others, noise)
    lost = [one for one in (*rest, *others) if not _near_the_threshold(one, noise)]
    return len(lost) > SHARE_LOST * max(len(left), len(right))


def _near_the_threshold(one: AnnotationSeen, noise: Noise) -> bool:
    score = _score(one)
    return score is not None and score <= noise.lowest + max(3 * noise.shift, 0.05)


def _without_ties(
    rest: list[AnnotationSeen], others: list[AnnotationSeen], noise: Noise
) -> tuple[list[AnnotationSeen], list[AnnotationSeen]]:
    """Without detections at one place whose two labels have nearly the same score."""
    kept, left_over = [], list(others)
    for one in rest:
        tie = next(
            (o for o in left_over if o.type == one.type and _together(one, o) and _shift(one, o) <= 3 * noise.shift),
            None,
        )
        if tie is None:
            kept.append(one)
        else:
            left_over.remove(tie)
    return kept, left_over


def _matched(
    left: Iterable[AnnotationSeen], right: Iterable[AnnotationSeen]
) -> tuple[list[tuple[AnnotationSeen, AnnotationSeen]], list[AnnotationSeen], list[AnnotationSeen]]:
    """Pairs of the same type and label at the same place, and what is left on either side; best overlap first."""
    one, other = list(left), list(right)
    candidates = sorted(
        (
            (-overlap(a, b), i, j)
            for i, a in enumerate(one)
            for j, b in enumerate(other)
            if (a.type, a.label) == (b.type, b.label) and _together(a, b)
        ),
    )
    pairs: list[tuple[AnnotationSeen, AnnotationSeen]] = []
    used_left: set[int] = set()
    used_right: set[int] = set()
    for _, i, j in candidates:
        if i not in used_left and j not in used_right:
            pairs.append((one[i], other[j]))
            used_left.add(i)
            used_right.add(j)
    return (
        pairs,
        [a for i, a in enumerate(one) if i not in used_left],
        [b for j, b in enumerate(other) if j not in used_right],
    )


def _together(left: AnnotationSeen, right: AnnotationSeen) -> bool:
    return overlap(left, right) >= SAME_PLACE


def overlap(left: AnnotationSeen, right: AnnotationSeen, scale: float = 1.0) -> float:
    """Intersection over union of two extents, the right one `scale` times as large; 1 for what has no geometry."""
    one, other = extent(left), extent(right)
    if one is None or other is None:
        return 1.0 if one is other else 0.0
    other = (other[0] / scale, other[1] / scale, other[2] / scale, other[3] / scale)
    # a point or a line has no area: half a pixel on every side
    one = (one[0] - 0.5, one[1] - 0.5, one[2] + 0.5, one[3] + 0.5)
    other = (other[0] - 0.5, other[1] - 0.5, other[2] + 0.5, other[3] + 0.5)
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (_area(one) + _area(other) - shared)


def extent(one: AnnotationSeen) -> Extent | None:
    """Left, top, right and bottom of a shape or a mask, in pixels; None for what has no geometry."""
    if one.mask_extent is not None:
        return one.mask_extent
    if not one.points:
        return None
    columns, rows = zip(*one.points, strict=True)
    return min(columns), min(rows), max(columns), max(rows)


def _area(one: Extent) -> float:
    return (one[2] - one[0]) * (one[3] - one[1])


def _score(one: AnnotationSeen) -> float | None:
    return float(one.confidence) if isinstance(one.confidence, (int, float)) else None


def _shift(left: AnnotationSeen, right: AnnotationSeen) -> float:
    one, other = _score(left), _score(right)
    return abs(one - other) if one is not None and other is not None else 0.0
