"""Check a Dataloop model adapter offline: the wrapper flows run on a mock platform, contracts judge what happened.

`check` checks adapters and returns the results; `suite` turns the contracts into pytest cases. Both are imported when
they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dl_harness.cases import suite
    from dl_harness.checking import check
    from dl_harness.results import Report, Result
    from dl_harness.spec import UsageError

__all__ = ["Report", "Result", "UsageError", "check", "suite"]

_HOMES = {"check": "checking", "suite": "cases", "UsageError": "spec", "Report": "results", "Result": "results"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'dl_harness' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f"dl_harness.{_HOMES[name]}"), name)
