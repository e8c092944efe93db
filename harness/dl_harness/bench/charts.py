"""Curves as shapes to draw: plain numbers, which the page's template writes out as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 460, 240
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 14, 40


@dataclass(frozen=True)
class Mark:
    """A point with its bounds, in pixels; `title` says it in words."""

    x: float
    y: float
    low: float
    high: float
    title: str


@dataclass(frozen=True)
class Tick:
    """A label on an axis, in pixels."""

    at: float
    text: str


@dataclass(frozen=True)
class Curve:
    """A chart: points with bounds over one axis each, joined by a line unless there are very many."""

    title: str
    x_label: str
    y_label: str
    marks: tuple[Mark, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    joined: bool
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = RIGHT
    top: int = TOP
    bottom: int = BOTTOM

    @property
    def path(self) -> str:
        """The line through the points."""
        return " ".join(f"{'L' if i else 'M'}{mark.x:.1f} {mark.y:.1f}" for i, mark in enumerate(self.marks))


@dataclass(frozen=True)
class Datum:
    """A measured point with its bounds, in its own units."""

    x: float
    y: float
    low: float
    high: float
    title: str


def curve(
    title: str,
    x_label: str,
    y_label: str,
    data: Sequence[Datum],
    *,
    logarithmic: bool = False,
    joined: bool = True,
    from_zero: bool = True,
) -> Curve | None:
    """A chart of some points; None when there are fewer than two. The x axis may count doublings."""
    if len(data) < 2:
        return None
    place = (lambda x: math.log2(x)) if logarithmic else (lambda x: x)
    xs = [place(d.x) for d in data]
    left, right = min(xs), max(xs)
    low = 0.0 if from_zero else min(d.low for d in data)
    high = max(d.high for d in data) or 1.0
    steps = _steps(low, high)
    low, high = min(low, steps[0]), max(high, steps[-1])

    def x_of(x: float) -> float:
        return LEFT + (place(x) - left) / ((right - left) or 1) * (WIDTH - LEFT - RIGHT)

    def y_of(y: float) -> float:
        return HEIGHT - BOTTOM - (y - low) / ((high - low) or 1) * (HEIGHT - TOP - BOTTOM)

    marks = tuple(Mark(x_of(d.x), y_of(d.y), y_of(d.low), y_of(d.high), d.title) for d in data)
    x_values = sorted({d.x for d in data}) if logarithmic else _steps(min(d.x for d in data), max(d.x for d in data))
    x_ticks = tuple(Tick(x_of(x), f"{x:g}") for x in x_values if left <= place(x) <= right)
    return Curve(title, x_label, y_label, marks, _apart(x_ticks), tuple(Tick(y_of(y), f"{y:g}") for y in steps), joined)


def _apart(ticks: Sequence[Tick], least: float = 18.0) -> tuple[Tick, ...]:
    """Ticks whose labels do not touch."""
    kept: list[Tick] = []
    for tick in ticks:
        if not kept or tick.at - kept[-1].at >= least:
            kept.append(tick)
    return tuple(kept)


def _steps(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from about `low` to about `high`."""
    span = (high - low) or abs(high) or 1.0
    rough = span / (most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * power for unit in (1, 2, 2.5, 5, 10) if unit * power >= rough)
    first = math.floor(low / step + 1e-9)
    steps = [round(index * step, 12) for index in range(first, first + 2 * most) if index * step < high + step * 0.999]
    return steps if steps[-1] >= high else [*steps, round(steps[-1] + step, 12)]


@dataclass(frozen=True)
class Bar:
    """One span of a timeline, in pixels."""

    x: float
    y: float
    width: float
    step: str
    title: str


@dataclass(frozen=True)
class Timeline:
    """The steps of one batch over time; steps that overlap stand below each other."""

    title: str
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    width: int
    height: int
    row: int


def timeline(title: str, spans: Sequence[tuple[str, float, float]]) -> Timeline | None:
    """A timeline of spans (step, start, end) in seconds; None when there are none."""
    if not spans:
        return None
    width, row = 940, 13
    first, last = min(s[1] for s in spans), max(s[2] for s in spans)
    scale = (width - 20) / ((last - first) or 1e-9)
    ends: list[float] = []
    bars = []
    for step, start, end in spans:
        lane = next((i for i, until in enumerate(ends) if until <= start), len(ends))
        ends[lane : lane + 1] = [end]
        text = f"{step}: {1000 * (end - start):.2f} ms"
        bars.append(Bar(10 + (start - first) * scale, 6 + lane * row, max(1.0, (end - start) * scale), step, text))
    ticks = tuple(Tick(10 + ms / 1000 * scale, f"{ms:g}") for ms in _steps(0, 1000 * (last - first), 9))
    height = 6 + len(ends) * row + 24
    return Timeline(title, tuple(bars), tuple(t for t in ticks if t.at <= width - 8), width, height, row - 2)
