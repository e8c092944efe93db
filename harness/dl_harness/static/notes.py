"""The notebook of a static pass: what was looked at, and what was noticed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from dl_harness.evidence import Observation, Place, SourceRead


class Notes:
    """Collects observations; every analysis gets the same one."""

    def __init__(self) -> None:
        self._looked: Counter[str] = Counter()
        self._observations: dict[Observation, None] = {}
        self._unread: dict[str, str] = {}
        self._failed: dict[str, str] = {}

    def looked(self, kind: str, count: int = 1) -> None:
        """So many things of a kind were looked at."""
        self._looked[kind] += count

    def saw(self, kind: str, expected: str, saw: str, where: str, place: Place) -> None:
        """Something of a kind is not as it should be."""
        self._observations[Observation(kind, expected, saw, where, place)] = None

    def cannot(self, kind: str, reason: str) -> None:
        """Nothing of a kind can be looked at."""
        self._unread.setdefault(kind, reason)

    def broke(self, analysis: str, error: Exception) -> None:
        """One of our own analyses raised."""
        self._failed[analysis] = f"{type(error).__name__}: {error}"

    def read(self, files: tuple[Path, ...]) -> SourceRead:
        """The notes as evidence."""
        return SourceRead(
            files=tuple(str(file) for file in files),
            looked=dict(self._looked),
            observations=tuple(self._observations),
            unread=self._unread,
            failed=self._failed,
        )
