"""Time of the platform, passed in so that a run can be repeated to the letter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

Clock = Callable[[], datetime]


def real_clock() -> datetime:
    """The machine's time, in UTC."""
    return datetime.now(timezone.utc)


def ticking_clock(start: str = "2024-01-01T00:00:00+00:00", step_ms: int = 1) -> Clock:
    """A clock that begins at `start` and moves by `step_ms` each time it is read."""
    moment = datetime.fromisoformat(start)
    step = timedelta(milliseconds=step_ms)

    def read() -> datetime:
        nonlocal moment
        now, moment = moment, moment + step
        return now

    return read


def iso(moment: datetime) -> str:
    """A moment as the platform writes it, such as `2024-01-01T00:00:00.000Z`."""
    return f"{moment.isoformat(timespec='milliseconds')[:23]}Z"
