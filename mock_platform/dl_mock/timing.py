"""When things happen that take time on the platform: cloning, preprocessing, commands, executions.

By default at once, before the answer. `Timing` slows each kind down: by seconds of the platform's clock, or until
somebody says `step`. What is due is done at the beginning of the next request, so a platform with an injected clock
changes only when that clock does, and one that nobody asks does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Literal

from dl_mock.clock import Clock
from dl_mock.settings import unknown

Pace = float | Literal["manual"]  # seconds per stage, 0 for at once
Action = Callable[[], object]


@dataclass(frozen=True)
class Timing:
    """How long each stage of a kind of work takes: seconds of the platform's clock, or "manual"."""

    cloning: Pace = 0  # of models: how long they are `cloning`
    preprocessing: Pace = 0  # of uploads: when width, height, duration, ... appear
    commands: Pace = 0  # from created to in-progress, and from there to success
    executions: Pace = 0  # from created to in-progress; without a runner also from there to success

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if value != "manual" and not (number and 0 <= value < float("inf")):
                raise ValueError(f"timing of {one.name}: expected seconds (0 or more) or 'manual', saw {value!r}")

    @classmethod
    def of(cls, texts: Mapping[str, str]) -> Timing:
        """Timing from texts, as on a command line; ValueError names what is wrong."""
        known = [one.name for one in fields(cls)]
        for name in texts:
            if name not in known:
                raise ValueError(unknown("timing", name, known))
        return cls(**{name: _pace(name, text) for name, text in texts.items()})


def _pace(name: str, text: str) -> Pace:
    if text.strip() == "manual":
        return "manual"
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"timing of {name}: expected seconds (0 or more) or 'manual', saw {text!r}") from None


@dataclass
class Work:
    """Something under way: what is left to do, and when the next stage of it is due (None: when told)."""

    kind: str
    subject: str  # the id of the document it is about
    stages: list[Action]
    pace: Pace
    due: datetime | None


class Schedule:
    """What is under way. Not locked: whoever calls holds the lock of the state."""

    def __init__(self, clock: Clock, timing: Timing) -> None:
        self.timing = timing
        self._clock = clock
        self._under_way: list[Work] = []

    def begin(self, kind: str, subject: str, stages: Sequence[Action]) -> None:
        """Do the stages one after the other, at the pace of the kind; all at once if that is 0."""
        pace: Pace = getattr(self.timing, kind)
        work = Work(kind, subject, list(stages), pace, self._next(pace))
        if pace == 0:
            while work.stages:
                work.stages.pop(0)()
        else:
            self._under_way.append(work)

    def advance(self) -> None:
        """Do what is due by the clock."""
        if not self._under_way:
            return
        now = self._clock()
        for work in list(self._under_way):
            while work in self._under_way and work.due is not None and work.due <= now:
                work.due += timedelta(seconds=float(work.pace))
                self._do_next(work)

    def step(self, subject: str | None = None) -> int:
        """Do the next stage of everything under way, or of one document's work; how many were done."""
        chosen = [work for work in self._under_way if subject in (None, work.subject)]
        for work in chosen:
            if work in self._under_way:
                self._do_next(work)
        return len(chosen)

    def drop(self, subject: str) -> bool:
        """Forget what is left to do about a document; whether there was anything."""
        left = [work for work in self._under_way if work.subject != subject]
        found = len(left) < len(self._under_way)
        self._under_way = left
        return found

    def clear(self) -> None:
        """Forget everything."""
        self._under_way = []

    @property
    def under_way(self) -> list[Work]:
        """What is not finished."""
        return list(self._under_way)

    def _do_next(self, work: Work) -> None:
        action = work.stages.pop(0)
        if not work.stages:
            self._under_way.remove(work)
        action()

    def _next(self, pace: Pace) -> datetime | None:
        return None if pace == "manual" else self._clock() + timedelta(seconds=pace)
