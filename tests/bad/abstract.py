"""An adapter of which a part was left to subclasses."""

from __future__ import annotations

import abc
from typing import Any

from good.detector import Detector


class Abstract(Detector, abc.ABC):
    """Cannot be built."""

    @abc.abstractmethod
    def postprocess(self, found: Any) -> Any:
        """What every subclass does in its own way."""
